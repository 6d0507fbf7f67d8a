package exec

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// morsel is a part of an aggregate's input: it feeds an aggregator.
type morsel func(ctx context.Context, into *aggregator) error

// buildAggregate returns the groups of a node's input.
func (q *query) buildAggregate(n *plan.AggregateNode) (columnar.Stream, error) {
	// What cannot be compiled is an error now, not when the first row is asked for.
	if _, err := q.newAggregator(n, true); err != nil {
		return nil, err
	}
	if scan, steps := pipelineOf(n.Input); scan != nil {
		return &lazy{schema: eval.Schema(n.Cols), open: func(ctx context.Context) (columnar.Stream, error) {
			return q.aggregateScan(ctx, n, scan, steps)
		}}, nil
	}
	in, err := q.build(n.Input)
	if err != nil {
		return nil, err
	}
	return q.groupRows(n, in.Close, func(ctx context.Context) (*aggregator, error) {
		a, err := q.newAggregator(n, false)
		if err != nil {
			return nil, err
		}
		return a, drain(ctx, in, a.update)
	}), nil
}

// aggregateScan returns the groups of a scan of samples or of its summaries.
func (q *query) aggregateScan(ctx context.Context, n *plan.AggregateNode, scan *plan.Scan, steps []plan.Node) (columnar.Stream, error) {
	bound, work := q.sampleBinding, func(b *binding) morsel { return q.sampleMorsel(b, steps) }
	if n.Merge {
		bound, work = q.summaryBinding, q.summaryMorsel
	}
	b, err := bound(ctx, n, scan)
	if err != nil {
		return nil, err
	}
	apart := len(b.rows) > seriesPerMorsel && bySeries(n, scan, steps)
	var parts []*binding
	switch {
	case apart:
		parts = b.cutSeries((len(b.rows) + seriesPerMorsel - 1) / seriesPerMorsel)
	case n.Merge:
		parts = q.cutSummaries(b)
	default:
		if parts, err = q.cut(ctx, b); err != nil {
			return nil, err
		}
	}
	morsels := make([]morsel, 0, len(parts))
	for _, part := range parts {
		morsels = append(morsels, work(part))
	}
	if apart {
		return &seriesGroups{q: q, n: n, morsels: morsels}, nil
	}
	return q.groupRows(n, nil, func(ctx context.Context) (*aggregator, error) {
		return q.runMorsels(ctx, n, true, morsels)
	}), nil
}

// groupRows returns the groups of an aggregator that is computed when the first row is
// asked for; release, where not nil, closes what it reads.
func (q *query) groupRows(n *plan.AggregateNode, release func() error, compute func(ctx context.Context) (*aggregator, error)) columnar.Stream {
	var done *aggregator
	return &rows{
		fields: n.Cols,
		compute: func(ctx context.Context) ([]column, error) {
			a, err := compute(ctx)
			done = a
			if err != nil {
				return nil, err
			}
			return a.result()
		},
		release: func() error {
			if done != nil {
				done.held.close()
			}
			if release == nil {
				return nil
			}
			return release()
		},
	}
}

// pipelineOf takes a chain of filters and projections over a scan of samples apart.
// The steps are in the order in which rows pass them. Where the node is something
// else, scan is nil.
func pipelineOf(n plan.Node) (scan *plan.Scan, steps []plan.Node) {
	for {
		switch node := n.(type) {
		case *plan.Filter, *plan.Project:
			steps = append([]plan.Node{n}, steps...)
			n = n.Inputs()[0]
		case *plan.Scan:
			if node.Table == plan.Samples {
				return node, steps
			}
			return nil, nil
		default:
			return nil, nil
		}
	}
}

// sampleBinding binds a scan of samples below an aggregate.
func (q *query) sampleBinding(ctx context.Context, n *plan.AggregateNode, scan *plan.Scan) (*binding, error) {
	b, err := q.bind(ctx, scan)
	if err != nil {
		return nil, err
	}
	return q.narrowToEnds(ctx, n, b)
}

// sampleMorsel aggregates the samples of a binding, behind the operators between the
// scan and the aggregate.
func (q *query) sampleMorsel(b *binding, steps []plan.Node) morsel {
	return func(ctx context.Context, into *aggregator) error {
		passed := steps
		if n := len(steps); n > 0 {
			if f, ok := steps[n-1].(*plan.Filter); ok {
				taken, err := q.takeFilter(into, f)
				if err != nil {
					return err
				}
				if taken {
					passed = steps[:n-1]
				}
			}
		}
		return q.readSamples(ctx, b, passed, into.update)
	}
}

// readSamples calls f for the batches of a binding's samples after some steps:
// filters and projections.
func (q *query) readSamples(ctx context.Context, b *binding, steps []plan.Node, f func(arrow.RecordBatch) error) (err error) {
	s, err := q.openSamples(ctx, b)
	if err != nil {
		return err
	}
	source := s
	defer func() {
		if closing := source.Close(); err == nil {
			err = closing
		}
	}()
	s = q.Profile.watch(b.scan, s)
	for _, step := range steps {
		if s, err = q.transform(step, s); err != nil {
			return err
		}
		s = q.Profile.watch(step, s)
	}
	return drain(ctx, s, f)
}
