package exec

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// sorter holds the rows of its input and puts them in order. Where only the first
// rows are wanted, it holds no more than it must.
type sorter struct {
	keys     []plan.SortKey
	programs []*eval.Program
	cols     []column // the input's columns, then the keys
	width    int      // number of the input's columns
	first    int64    // rows wanted; negative: all
	held     account
}

// newSorter returns a sorter of the first rows of a node's input, or of all if first
// is negative.
func (q *query) newSorter(n *plan.Sort, first int64) (*sorter, error) {
	s := &sorter{keys: n.Keys, first: first, held: account{memory: q.memory}}
	types := typesOf(n.Fields())
	s.width = len(types)
	for _, k := range n.Keys {
		p, err := eval.Compile(k.Expr, q.Env)
		if err != nil {
			return nil, err
		}
		s.programs = append(s.programs, p)
		types = append(types, k.Expr.Type())
	}
	s.cols = columnsOf(types)
	return s, nil
}

// buildSort returns the first rows of the input in order, or all if first is
// negative.
func (q *query) buildSort(n *plan.Sort, in columnar.Stream, first int64) (columnar.Stream, error) {
	s, err := q.newSorter(n, first)
	if err != nil {
		return nil, err
	}
	return s.stream(n, func(ctx context.Context) error { return drain(ctx, in, s.add) }, in.Close), nil
}

// stream returns the sorter's rows; read adds them.
func (s *sorter) stream(n *plan.Sort, read func(ctx context.Context) error, release func() error) columnar.Stream {
	compute := func(ctx context.Context) ([]column, error) {
		if err := read(ctx); err != nil {
			return nil, err
		}
		s.cut()
		return s.cols[:s.width], nil
	}
	return &rows{fields: n.Fields(), compute: compute, release: func() error {
		s.held.close()
		s.cols = nil
		return release()
	}}
}

// add takes in a batch.
func (s *sorter) add(b arrow.RecordBatch) error {
	return inParts(b, func(b arrow.RecordBatch, v [][]eval.Vector) error { return s.addPart(b, v[0]) }, s.programs)
}

// addPart takes in a part of a batch, of whose keys there are vectors.
func (s *sorter) addPart(b arrow.RecordBatch, keys []eval.Vector) error {
	for i := range s.width {
		v, err := eval.FromArray(b.Column(i), s.cols[i].t)
		if err != nil {
			return err
		}
		s.cols[i].addAll(&v)
	}
	for i := range keys {
		s.cols[s.width+i].addAll(&keys[i])
	}
	if s.first >= 0 && int64(s.len()) > 2*s.first+batchRows {
		s.cut()
	}
	size := int64(0)
	for i := range s.cols {
		size += s.cols[i].size()
	}
	return s.held.set(2 * size) // sorted into a copy
}

func (s *sorter) len() int {
	if len(s.cols) == 0 {
		return 0
	}
	return s.cols[0].len()
}

// cut puts the rows in order and drops those that are not wanted.
func (s *sorter) cut() {
	order := make([]int32, s.len())
	for i := range order {
		order[i] = int32(i)
	}
	keys := make([]eval.Vector, len(s.keys))
	for i := range keys {
		keys[i] = s.cols[s.width+i].vector()
	}
	slices.SortStableFunc(order, func(a, b int32) int { return compareRows(s.keys, keys, int(a), int(b)) })
	if s.first >= 0 && int64(len(order)) > s.first {
		order = order[:s.first]
	}
	for i := range s.cols {
		s.cols[i] = s.cols[i].at(order)
	}
}

// compareRows orders rows i and j by sort keys, whose values are in vectors.
func compareRows(keys []plan.SortKey, values []eval.Vector, i, j int) int {
	for k := range values {
		v := &values[k]
		a, b := v.IsNull(i), v.IsNull(j)
		if a && b {
			continue
		}
		if a || b {
			if a == keys[k].NullsFirst {
				return -1
			}
			return 1
		}
		c := compareAt(v, i, v, j)
		if keys[k].Descending {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}
