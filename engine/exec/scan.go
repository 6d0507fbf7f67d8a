package exec

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// buildScan returns the wanted columns of a table.
func (q *query) buildScan(n *plan.Scan) (columnar.Stream, error) {
	schema := eval.Schema(n.Fields())
	switch n.Table {
	case plan.Samples:
		return &lazy{schema: schema, open: func(ctx context.Context) (columnar.Stream, error) {
			b, err := q.bind(ctx, n)
			if err != nil {
				return nil, err
			}
			return q.openSamples(ctx, b)
		}}, nil
	case plan.Series:
		columns, err := tableColumns(n)
		if err != nil {
			return nil, err
		}
		all := q.Series.Batch
		all.Retain()
		return &pick{in: &single{batch: all}, columns: columns, schema: schema}, nil
	}
	name := n.Table.Schema + "." + n.Table.Name
	open, ok := q.Tables[name]
	if !ok {
		return nil, plan.Errorf(0, plan.CodeUndefTable, "relation %q does not exist", name)
	}
	columns, err := tableColumns(n)
	if err != nil {
		return nil, err
	}
	return &lazy{schema: schema, open: func(ctx context.Context) (columnar.Stream, error) {
		in, err := open(ctx)
		if err != nil {
			return nil, err
		}
		return &pick{in: in, columns: columns, schema: schema}, nil
	}}, nil
}

// tableColumns returns the indexes of a scan's columns in its table.
func tableColumns(n *plan.Scan) ([]int, error) {
	columns := make([]int, len(n.Columns))
	for i, c := range n.Columns {
		if columns[i] = n.Table.Column(c.Name); columns[i] < 0 {
			return nil, fmt.Errorf("exec: table %s has no column %s", n.Table.Name, c.Name)
		}
	}
	return columns, nil
}

// pick passes on some columns of its input under a schema of its own.
type pick struct {
	in      columnar.Stream
	columns []int
	schema  *arrow.Schema
}

// Schema implements columnar.Stream.
func (p *pick) Schema() *arrow.Schema { return p.schema }

// Next implements columnar.Stream.
func (p *pick) Next(ctx context.Context) (arrow.RecordBatch, error) {
	b, err := p.in.Next(ctx)
	if err != nil {
		return nil, err
	}
	defer b.Release()
	cols := make([]arrow.Array, len(p.columns))
	for i, c := range p.columns {
		cols[i] = b.Column(c)
		cols[i].Retain()
	}
	return newBatch(p.schema, cols, int(b.NumRows())), nil
}

// Close implements columnar.Stream.
func (p *pick) Close() error { return p.in.Close() }
