package exec

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// morsel is a part of an aggregate's input: it feeds an aggregator.
type morsel func(ctx context.Context, into *aggregator) error

// buildAggregate returns the groups of a node's input.
func (q *query) buildAggregate(n *plan.AggregateNode) (columnar.Stream, error) {
	scan, steps := pipelineOf(n.Input)
	var compute func(ctx context.Context) (*aggregator, error)
	release := func() error { return nil }
	switch {
	case n.Merge:
		compute = func(ctx context.Context) (*aggregator, error) {
			morsels, err := q.summaryMorsels(ctx, n.Input.(*plan.Scan))
			if err != nil {
				return nil, err
			}
			return q.runMorsels(ctx, n, true, morsels)
		}
	case scan != nil:
		compute = func(ctx context.Context) (*aggregator, error) {
			morsels, err := q.sampleMorsels(ctx, n, scan, steps)
			if err != nil {
				return nil, err
			}
			return q.runMorsels(ctx, n, true, morsels)
		}
	default:
		in, err := q.build(n.Input)
		if err != nil {
			return nil, err
		}
		release = in.Close
		compute = func(ctx context.Context) (*aggregator, error) {
			a, err := q.newAggregator(n, false)
			if err != nil {
				return nil, err
			}
			return a, drain(ctx, in, a.update)
		}
	}
	// What cannot be compiled is an error now, not when the first row is asked for.
	if _, err := q.newAggregator(n, true); err != nil {
		return nil, err
	}
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
			return release()
		},
	}, nil
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

// sampleMorsels cuts a scan of samples, with the operators between it and an
// aggregate, into morsels.
func (q *query) sampleMorsels(ctx context.Context, n *plan.AggregateNode, scan *plan.Scan, steps []plan.Node) ([]morsel, error) {
	b, err := q.bind(ctx, scan)
	if err != nil {
		return nil, err
	}
	if b, err = q.narrowToEnds(ctx, n, b); err != nil {
		return nil, err
	}
	parts, err := q.cut(ctx, b)
	if err != nil {
		return nil, err
	}
	morsels := make([]morsel, len(parts))
	for i, part := range parts {
		morsels[i] = func(ctx context.Context, into *aggregator) error {
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
			return q.readSamples(ctx, part, passed, into.update)
		}
	}
	return morsels, nil
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
