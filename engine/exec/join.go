package exec

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// hashJoin holds the right input in a hash table and streams the left one past it.
type hashJoin struct {
	node        *plan.Join
	left, right columnar.Stream
	leftKeys    []*eval.Program
	rightKeys   []*eval.Program
	where       *eval.Program // nil: none
	leftTypes   []plan.Type
	rightTypes  []plan.Type
	schema      *arrow.Schema // of the output
	both        *arrow.Schema // of left and right columns
	held        account

	built   bool
	ended   bool     // of left
	columns []column // of right
	table   *groups  // of right keys
	first   []int32  // by group: its first row of right, -1 for none
	next    []int32  // by row of right: the next one of the group
	matched columnar.Bitmap
	probing *probing            // the left batch at hand; nil: none
	pending []arrow.RecordBatch // output that is ready
}

func (q *query) buildJoin(n *plan.Join) (columnar.Stream, error) {
	j := &hashJoin{
		node: n, leftTypes: typesOf(n.Left.Fields()), rightTypes: typesOf(n.Right.Fields()),
		schema: eval.Schema(n.Fields()), held: account{memory: q.memory},
	}
	left := n.Left.Fields()
	j.both = eval.Schema(append(left[:len(left):len(left)], n.Right.Fields()...))
	var err error
	if j.leftKeys, err = q.compile(n.LeftKeys...); err != nil {
		return nil, err
	}
	if j.rightKeys, err = q.compile(n.RightKeys...); err != nil {
		return nil, err
	}
	if n.Where != nil {
		if j.where, err = eval.Compile(n.Where, q.Env); err != nil {
			return nil, err
		}
	}
	types := make([]plan.Type, len(n.RightKeys))
	for i, e := range n.RightKeys {
		types[i] = e.Type()
	}
	j.table, j.columns = newGroups(types), columnsOf(j.rightTypes)
	if j.left, err = q.build(n.Left); err != nil {
		return nil, err
	}
	j.right, err = q.build(n.Right)
	return j, err
}

// Schema implements columnar.Stream.
func (j *hashJoin) Schema() *arrow.Schema { return j.schema }

// Next implements columnar.Stream.
func (j *hashJoin) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if !j.built {
		j.built = true
		if err := drain(ctx, j.right, j.build); err != nil {
			return nil, err
		}
		j.matched = columnar.NewBitmap(len(j.next))
		j.turnRound()
	}
	for len(j.pending) == 0 {
		if err := j.advance(ctx); err != nil {
			return nil, err
		}
	}
	b := j.pending[0]
	j.pending = j.pending[1:]
	return b, nil
}

// advance goes on with the left batch at hand, or with the next one; io.EOF after
// the last.
func (j *hashJoin) advance(ctx context.Context) error {
	switch {
	case j.ended:
		return io.EOF
	case j.probing != nil:
		return j.probe(ctx)
	}
	b, err := j.left.Next(ctx)
	if errors.Is(err, io.EOF) {
		j.ended = true
		return j.rest()
	}
	if err != nil {
		return err
	}
	return j.begin(b)
}

// turnRound puts the rows of every group in the order in which they came.
func (j *hashJoin) turnRound() {
	for g, row := range j.first {
		before := int32(-1)
		for row >= 0 {
			row, j.next[row], before = j.next[row], before, row
		}
		j.first[g] = before
	}
}

// Close implements columnar.Stream.
func (j *hashJoin) Close() error {
	j.forget()
	for _, b := range j.pending {
		b.Release()
	}
	j.pending, j.columns, j.table, j.ended = nil, nil, nil, true
	j.held.close()
	return errors.Join(j.left.Close(), j.right.Close())
}

// build takes in a batch of the right input.
func (j *hashJoin) build(b arrow.RecordBatch) error {
	return inParts(b, func(b arrow.RecordBatch, v [][]eval.Vector) error { return j.buildPart(b, v[0]) }, j.rightKeys)
}

// buildPart takes in a part of a batch, of whose keys there are vectors.
func (j *hashJoin) buildPart(b arrow.RecordBatch, keys []eval.Vector) error {
	n := int(b.NumRows())
	ids := j.table.assign(keys, n)
	for len(j.first) < j.table.len() {
		j.first = append(j.first, -1)
	}
	size := 2*j.table.size() + 8*int64(len(j.next))
	for i, t := range j.rightTypes {
		v, err := eval.FromArray(b.Column(i), t)
		if err != nil {
			return err
		}
		j.columns[i].addAll(&v)
		size += j.columns[i].size()
	}
	// Rows are put before those that are there; turnRound puts them in order.
	for i, g := range ids {
		row := int32(len(j.next))
		if anyNull(keys, i) {
			j.next = append(j.next, -1)
			continue
		}
		j.next = append(j.next, j.first[g])
		j.first[g] = row
	}
	return j.held.set(size)
}

// anyNull reports whether row i has a NULL among its keys, so that it equals
// nothing.
func anyNull(keys []eval.Vector, i int) bool {
	for k := range keys {
		if keys[k].IsNull(i) {
			return true
		}
	}
	return false
}

// lookup returns the group of row i of keys in the table, -1 for none.
func (g *groups) lookup(keys []eval.Vector, i int) int32 {
	if len(g.keys) == 0 {
		return 0
	}
	if g.byInt != nil {
		if id, ok := g.byInt[keys[0].Ints[place(&keys[0], i)]]; ok {
			return id
		}
		return -1
	}
	g.code = g.code[:0]
	for k := range keys {
		g.code = appendKey(g.code, &keys[k], i)
	}
	if id, ok := g.byCode.find(g.code); ok {
		return id
	}
	return -1
}
