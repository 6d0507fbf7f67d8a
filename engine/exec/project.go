package exec

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// project computes its columns from those of its input.
type project struct {
	in     columnar.Stream
	exprs  []*eval.Program
	schema *arrow.Schema
}

func (q *query) buildProject(n *plan.Project, in columnar.Stream) (columnar.Stream, error) {
	exprs, err := q.compile(n.Exprs...)
	if err != nil {
		return nil, err
	}
	return &project{in: in, exprs: exprs, schema: eval.Schema(n.Cols)}, nil
}

// Schema implements columnar.Stream.
func (p *project) Schema() *arrow.Schema { return p.schema }

// Next implements columnar.Stream.
func (p *project) Next(ctx context.Context) (arrow.RecordBatch, error) {
	in, err := p.in.Next(ctx)
	if err != nil {
		return nil, err
	}
	defer in.Release()
	return evaluate(in, p.exprs, p.schema)
}

// Close implements columnar.Stream.
func (p *project) Close() error { return p.in.Close() }

// evaluate returns a batch of the values of programs over a batch.
func evaluate(in arrow.RecordBatch, programs []*eval.Program, schema *arrow.Schema) (arrow.RecordBatch, error) {
	cols, err := eval.All(programs, in)
	if err != nil {
		return nil, err
	}
	return newBatch(schema, cols, int(in.NumRows())), nil
}
