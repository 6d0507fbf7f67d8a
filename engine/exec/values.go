package exec

import (
	"context"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// buildValues returns the rows of a list, whose expressions have no columns.
func (q *query) buildValues(n *plan.Values) (columnar.Stream, error) {
	return q.listRows(n.Cols, len(n.Rows), func(row int) ([]plan.Literal, error) {
		values := make([]plan.Literal, len(n.Cols))
		for i, e := range n.Rows[row] {
			var err error
			if values[i], err = eval.Constant(e, q.Env); err != nil {
				return nil, err
			}
		}
		return values, nil
	}), nil
}

// listRows returns a stream of n rows that a function yields. A row without
// columns, as SELECT without FROM has below its Project, is a row all the same.
func (q *query) listRows(fields []plan.Field, n int, row func(i int) ([]plan.Literal, error)) columnar.Stream {
	if len(fields) == 0 {
		return &emptyRows{n: n}
	}
	held := account{memory: q.memory}
	compute := func(ctx context.Context) ([]column, error) {
		cols := columnsOf(typesOf(fields))
		counted := int64(0)
		for i := range n {
			values, err := row(i)
			if err != nil {
				return nil, err
			}
			size := int64(0)
			for k := range cols {
				v := eval.FromLiteral(values[k], 1)
				cols[k].add(&v, 0)
				size += cols[k].size()
			}
			if i%batchRows == 0 || size-counted > partText {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				counted = size
				if err := held.set(size); err != nil {
					return nil, err
				}
			}
		}
		return cols, nil
	}
	return &rows{fields: fields, compute: compute, release: func() error { held.close(); return nil }}
}
