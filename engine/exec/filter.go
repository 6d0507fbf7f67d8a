package exec

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// filter passes on the rows for which a condition is true.
type filter struct {
	columnar.Stream // the input
	where           *eval.Program
	types           []plan.Type
}

func (q *query) buildFilter(n *plan.Filter, in columnar.Stream) (columnar.Stream, error) {
	where, err := eval.Compile(n.Where, q.Env)
	if err != nil {
		return nil, err
	}
	return &filter{Stream: in, where: where, types: typesOf(n.Input.Fields())}, nil
}

// Next implements columnar.Stream.
func (f *filter) Next(ctx context.Context) (arrow.RecordBatch, error) {
	for {
		in, err := f.Stream.Next(ctx)
		if err != nil {
			return nil, err
		}
		out, err := f.apply(in)
		if err != nil || out != nil {
			return out, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// apply returns the rows of a batch that are kept, nil for none, and releases the
// batch.
func (f *filter) apply(in arrow.RecordBatch) (arrow.RecordBatch, error) {
	defer in.Release()
	keep, n, err := f.where.Select(in)
	if err != nil || n == 0 {
		return nil, err
	}
	return eval.Compact(in, f.types, keep, n)
}
