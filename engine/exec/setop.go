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

func (q *query) buildSetOp(n *plan.SetOp) (columnar.Stream, error) {
	inputs := make([]columnar.Stream, len(n.In))
	for i, in := range n.In {
		var err error
		if inputs[i], err = q.build(in); err != nil {
			return nil, err
		}
	}
	all := &concat{in: inputs, schema: eval.Schema(n.Fields())}
	if n.Kind == plan.Union && n.All {
		return all, nil
	}
	types := typesOf(n.Fields())
	held := account{memory: q.memory}
	compute := func(ctx context.Context) ([]column, error) {
		op := setOperation{kind: n.Kind, all: n.All, groups: newGroups(types), held: &held}
		return op.run(ctx, inputs, types)
	}
	return &rows{fields: n.Fields(), compute: compute, release: func() error {
		held.close()
		return all.Close()
	}}, nil
}

// concat yields the rows of its inputs, one input after the other.
type concat struct {
	in     []columnar.Stream
	next   int
	schema *arrow.Schema
}

// Schema implements columnar.Stream.
func (c *concat) Schema() *arrow.Schema { return c.schema }

// Next implements columnar.Stream.
func (c *concat) Next(ctx context.Context) (arrow.RecordBatch, error) {
	for c.next < len(c.in) {
		b, err := c.in[c.next].Next(ctx)
		if !errors.Is(err, io.EOF) {
			if err != nil {
				return nil, err
			}
			defer b.Release()
			return withSchema(b, c.schema), nil
		}
		if err := c.in[c.next].Close(); err != nil {
			return nil, err
		}
		c.next++
	}
	return nil, io.EOF
}

// withSchema returns the batch under another schema of the same types.
func withSchema(b arrow.RecordBatch, schema *arrow.Schema) arrow.RecordBatch {
	cols := make([]arrow.Array, b.NumCols())
	for i := range cols {
		cols[i] = b.Column(i)
		cols[i].Retain()
	}
	return newBatch(schema, cols, int(b.NumRows()))
}

// Close implements columnar.Stream.
func (c *concat) Close() error {
	var all []error
	for _, in := range c.in {
		all = append(all, in.Close())
	}
	return errors.Join(all...)
}

// setOperation is UNION, INTERSECT or EXCEPT that must know equal rows. It counts
// how often each row is in the result so far and in the present input.
type setOperation struct {
	kind   plan.SetOpKind
	all    bool
	groups *groups
	result []int64 // by group: how often the row is in the result
	now    []int64 // the same in the present input
	held   *account
}

func (s *setOperation) run(ctx context.Context, inputs []columnar.Stream, types []plan.Type) ([]column, error) {
	for i, in := range inputs {
		clear(s.now)
		err := drain(ctx, in, func(b arrow.RecordBatch) error { return s.count(b, types) })
		if err != nil {
			return nil, err
		}
		s.result, s.now = extend(s.result, s.groups.len()), extend(s.now, s.groups.len())
		for g := range s.result {
			s.result[g] = s.combine(i == 0, s.result[g], s.now[g])
		}
	}
	var order []int32
	for g, n := range s.result {
		for range n {
			order = append(order, int32(g))
		}
	}
	out := make([]column, len(types))
	for i := range out {
		out[i] = s.groups.keys[i].at(order)
	}
	return out, nil
}

// count takes in a batch of the present input.
func (s *setOperation) count(b arrow.RecordBatch, types []plan.Type) error {
	row := make([]eval.Vector, len(types))
	for i, t := range types {
		var err error
		if row[i], err = eval.FromArray(b.Column(i), t); err != nil {
			return err
		}
	}
	ids := s.groups.assign(row, int(b.NumRows()))
	s.now = extend(s.now, s.groups.len())
	for _, g := range ids {
		s.now[g]++
	}
	return s.held.set(2*s.groups.size() + 16*int64(s.groups.len()))
}

// combine returns how often a row is in the result after an input that has it n
// times.
func (s *setOperation) combine(first bool, before, n int64) int64 {
	if !s.all {
		before, n = min(before, 1), min(n, 1)
	}
	switch {
	case first:
		return n
	case s.kind == plan.Intersect:
		return min(before, n)
	case s.kind == plan.Except && s.all:
		return max(before-n, 0)
	case s.kind == plan.Except:
		return before * (1 - n)
	case s.all:
		return before + n
	}
	return max(before, n)
}
