package exec

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/trellisdb/trellis/engine/plan"
)

// runMorsels aggregates morsels on the query's workers and returns the state of
// them all, merged in their order (X1).
func (q *query) runMorsels(ctx context.Context, n *plan.AggregateNode, ordered bool, morsels []morsel) (*aggregator, error) {
	all, err := q.newAggregator(n, ordered)
	if err != nil {
		return nil, err
	}
	if q.Workers < 2 || len(morsels) < 2 {
		for _, m := range morsels {
			if err := m(ctx, all); err != nil {
				return all, err
			}
		}
		return all, nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(q.Workers)
	done := merging{into: all, parts: make([]*aggregator, len(morsels))}
	for i, m := range morsels {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() (err error) {
			defer recoverInto(&err)
			part, err := q.newAggregator(n, ordered)
			if err != nil {
				return err
			}
			if err := m(ctx, part); err != nil {
				part.held.close()
				return err
			}
			return done.add(i, part)
		})
	}
	err = g.Wait()
	if err != nil {
		done.drop()
	}
	return all, err
}

// merging merges parts in order as they become known.
type merging struct {
	into *aggregator

	mu    sync.Mutex
	parts []*aggregator // those that wait for an earlier one
	next  int           // the first that is not merged
}

// add takes in part i.
func (m *merging) add(i int, part *aggregator) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.parts[i] = part
	for m.next < len(m.parts) && m.parts[m.next] != nil {
		if err := m.into.merge(m.parts[m.next]); err != nil {
			return err
		}
		m.parts[m.next] = nil
		m.next++
	}
	return nil
}

// drop gives back the memory of the parts that were not merged.
func (m *merging) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.parts {
		if p != nil {
			p.held.close()
		}
	}
}

// recoverInto turns a panic of the calling goroutine into an error (X4).
func recoverInto(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("exec: internal error: %v\n%s", p, debug.Stack())
	}
}
