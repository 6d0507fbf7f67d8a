package exec

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// pairing is the pairs of rows that a join has found: rows of a left batch and of
// the right input.
type pairing struct {
	left, right []int32
	text        int // bytes of text that they hold together
}

// probing is a left batch whose partners are being looked for.
type probing struct {
	batch arrow.RecordBatch
	keys  []eval.Vector
	text  []int           // by row: its bytes of text
	found columnar.Bitmap // left rows with a partner
	pairs pairing         // not yet output

	left  int   // the present left row
	right int32 // its next partner; -1 for no more, notYet before it was looked for
}

const notYet = -2

// begin begins to look for the partners of a left batch, which the join now owns.
func (j *hashJoin) begin(b arrow.RecordBatch) error {
	keys, err := vectors(j.leftKeys, b)
	if err != nil {
		b.Release()
		return err
	}
	j.probing = &probing{batch: b, keys: keys, text: rowTexts(b), found: columnar.NewBitmap(int(b.NumRows())), right: notYet}
	return nil
}

// probe goes on with the present left batch until there is output, or the batch is
// done. So a row with very many partners fills no more than a batch at a time.
func (j *hashJoin) probe(ctx context.Context) error {
	p := j.probing
	for ; p.left < int(p.batch.NumRows()); p.left, p.right = p.left+1, notYet {
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.right == notYet {
			p.right = j.firstPartner(p.keys, p.left)
		}
		for p.right >= 0 {
			p.pairs.left = append(p.pairs.left, int32(p.left))
			p.pairs.right = append(p.pairs.right, p.right)
			p.pairs.text += p.text[p.left] + j.textOf(p.right)
			p.right = j.next[p.right]
			if len(p.pairs.left) < batchRows && p.pairs.text < partText {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := j.emit(p.batch, &p.pairs, p.found); err != nil {
				return err
			}
			if len(j.pending) > 0 {
				return nil
			}
		}
	}
	defer j.forget()
	if err := j.emit(p.batch, &p.pairs, p.found); err != nil {
		return err
	}
	return j.emitLeft(p.batch, p.found)
}

// rowTexts returns the bytes of text in each row of a batch.
func rowTexts(b arrow.RecordBatch) []int {
	sizes := make([]int, b.NumRows())
	for _, c := range b.Columns() {
		if s, ok := c.(*array.String); ok {
			for i := range sizes {
				sizes[i] += len(s.Value(i))
			}
		}
	}
	return sizes
}

// textOf returns the bytes of text in a row of the right input.
func (j *hashJoin) textOf(row int32) (size int) {
	for i := range j.columns {
		if strs := j.columns[i].strs; strs != nil {
			size += len(strs[row])
		}
	}
	return size
}

// forget gives back the present left batch.
func (j *hashJoin) forget() {
	if j.probing != nil {
		j.probing.batch.Release()
		j.probing = nil
	}
}

// firstPartner returns the first row of the right input whose keys equal those of row
// i, -1 for none.
func (j *hashJoin) firstPartner(keys []eval.Vector, i int) int32 {
	if anyNull(keys, i) || len(j.first) == 0 {
		return -1
	}
	group := j.table.lookup(keys, i)
	if group < 0 {
		return -1
	}
	return j.first[group]
}

// emit makes output of the pairs for which the condition holds, and forgets them.
func (j *hashJoin) emit(b arrow.RecordBatch, pairs *pairing, found columnar.Bitmap) error {
	if len(pairs.left) == 0 {
		return nil
	}
	defer func() { *pairs = pairing{left: pairs.left[:0], right: pairs.right[:0]} }()
	joined, err := j.rows(b, pairs.left, pairs.right)
	if err != nil {
		return err
	}
	keep, n := columnar.FullBitmap(len(pairs.left)), len(pairs.left)
	if j.where != nil {
		if keep, n, err = j.where.Select(joined); err != nil {
			joined.Release()
			return err
		}
	}
	for i := keep.Next(0, len(pairs.left)); i < len(pairs.left); i = keep.Next(i+1, len(pairs.left)) {
		found.Set(int(pairs.left[i]))
		j.matched.Set(int(pairs.right[i]))
	}
	defer joined.Release()
	if n == 0 || j.node.Kind == plan.Semi || j.node.Kind == plan.Anti {
		return nil
	}
	out, err := eval.Compact(joined, append(slices.Clone(j.leftTypes), j.rightTypes...), keep, n)
	if err != nil {
		return err
	}
	j.pending = append(j.pending, out)
	return nil
}

// emitLeft makes output of the left rows that appear for having, or not having, a
// partner.
func (j *hashJoin) emitLeft(b arrow.RecordBatch, found columnar.Bitmap) error {
	want := false // rows with a partner
	switch j.node.Kind {
	case plan.Left, plan.Full, plan.Anti:
	case plan.Semi:
		want = true
	default:
		return nil
	}
	var left, right []int32
	for i := range int(b.NumRows()) {
		if found.Has(i) == want {
			left, right = append(left, int32(i)), append(right, -1)
		}
	}
	if len(left) == 0 {
		return nil
	}
	var out arrow.RecordBatch
	var err error
	if j.node.Kind == plan.Semi || j.node.Kind == plan.Anti {
		out, err = eval.Take(b, j.leftTypes, left)
	} else {
		out, err = j.rows(b, left, right)
	}
	if err == nil {
		j.pending = append(j.pending, out)
	}
	return err
}

// rest makes output of the right rows without a partner.
func (j *hashJoin) rest() error {
	if j.node.Kind != plan.Right && j.node.Kind != plan.Full {
		return nil
	}
	var right []int32
	for i := range len(j.next) {
		if !j.matched.Has(i) {
			right = append(right, int32(i))
		}
	}
	for from := 0; from < len(right); from += batchRows {
		part := right[from:min(from+batchRows, len(right))]
		cols := make([]arrow.Array, 0, len(j.leftTypes)+len(j.rightTypes))
		for _, t := range j.leftTypes {
			v := eval.FromLiteral(plan.Literal{T: t}, len(part))
			cols = append(cols, v.Array())
		}
		j.pending = append(j.pending, newBatch(j.both, j.appendRight(cols, part), len(part)))
	}
	return nil
}

// rows returns the columns of rows of a left batch followed by those of rows of the
// right input, -1 standing for NULLs.
func (j *hashJoin) rows(b arrow.RecordBatch, left, right []int32) (arrow.RecordBatch, error) {
	taken, err := eval.Take(b, j.leftTypes, left)
	if err != nil {
		return nil, err
	}
	defer taken.Release()
	cols := make([]arrow.Array, 0, len(j.leftTypes)+len(j.rightTypes))
	for _, c := range taken.Columns() {
		c.Retain()
		cols = append(cols, c)
	}
	return newBatch(j.both, j.appendRight(cols, right), len(left)), nil
}

// appendRight appends the columns of rows of the right input.
func (j *hashJoin) appendRight(cols []arrow.Array, rows []int32) []arrow.Array {
	for i := range j.columns {
		c := j.columns[i].at(rows)
		v := c.vector()
		cols = append(cols, v.Array())
	}
	return cols
}
