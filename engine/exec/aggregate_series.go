package exec

import (
	"context"
	"io"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// seriesPerMorsel is how many series a morsel has whose groups are passed on as soon
// as they are known.
const seriesPerMorsel = 64

// bySeries reports whether groups of an aggregate over a scan have samples of one
// series each, because the series' name is one of the keys. The steps are those
// between the scan and the aggregate, as pipelineOf returns them.
func bySeries(n *plan.AggregateNode, scan *plan.Scan, steps []plan.Node) bool {
	if n.Sets != nil {
		return false
	}
	for _, key := range n.Keys {
		if c, ok := columnOf(key, steps); ok && scan.Columns[c.Index].Name == "series" {
			return true
		}
	}
	return false
}

// columnOf returns the column of a scan that an expression behind some steps is.
func columnOf(e plan.Expr, steps []plan.Node) (*plan.Column, bool) {
	for i := len(steps) - 1; i >= 0; i-- {
		c, ok := e.(*plan.Column)
		if !ok {
			return nil, false
		}
		if p, ok := steps[i].(*plan.Project); ok {
			e = p.Exprs[c.Index]
		}
	}
	c, ok := e.(*plan.Column)
	return c, ok
}

// seriesGroups is an aggregate whose morsels have no group in common: their groups are
// passed on morsel by morsel, in order, and not held until all are known. Ten thousand
// series by month take the memory of some hundred.
type seriesGroups struct {
	q       *query
	n       *plan.AggregateNode
	morsels []morsel

	started bool
	stop    context.CancelFunc
	done    sync.WaitGroup
	parts   chan chan seriesPart // in the order of the morsels

	now  seriesPart // is passed on
	next int        // its first row that was not
	err  error      // what ended it
}

// seriesPart is the groups of a morsel.
type seriesPart struct {
	of   *aggregator // that holds their memory
	cols []column
	err  error
}

func (p *seriesPart) close() {
	if p.of != nil {
		p.of.held.close()
	}
	*p = seriesPart{}
}

// Schema implements columnar.Stream.
func (s *seriesGroups) Schema() *arrow.Schema { return eval.Schema(s.n.Cols) }

// start runs the morsels on the query's workers; as many results wait for their turn.
func (s *seriesGroups) start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(ctx)
	workers := max(s.q.Workers, 1)
	s.parts = make(chan chan seriesPart, workers)
	free := make(chan struct{}, workers)
	s.done.Go(func() {
		defer close(s.parts)
		for _, m := range s.morsels {
			slot := make(chan seriesPart, 1)
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return
			}
			select {
			case s.parts <- slot:
			case <-ctx.Done():
				return
			}
			s.done.Go(func() {
				slot <- s.run(ctx, m)
				<-free
			})
		}
	})
}

// run computes the groups of a morsel.
func (s *seriesGroups) run(ctx context.Context, m morsel) (out seriesPart) {
	defer func() {
		if out.err != nil {
			err := out.err
			out.close()
			out.err = err
		}
	}()
	defer recoverInto(&out.err)
	if out.of, out.err = s.q.newAggregator(s.n, true); out.err != nil {
		return out
	}
	if out.err = m(ctx, out.of); out.err != nil {
		return out
	}
	if out.cols, out.err = out.of.result(); out.err != nil {
		return out
	}
	size := int64(0)
	for i := range out.cols {
		size += out.cols[i].size()
	}
	out.of.sets = nil
	out.err = out.of.held.set(size)
	return out
}

// Next implements columnar.Stream.
func (s *seriesGroups) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if !s.started {
		s.started = true
		s.start(ctx)
	}
	for s.err == nil {
		if len(s.now.cols) > 0 && s.next < s.now.cols[0].len() {
			from := s.next
			s.next = min(from+batchRows, s.now.cols[0].len())
			return batchOf(s.Schema(), s.now.cols, from, s.next), nil
		}
		s.now.close()
		s.now, s.next, s.err = s.take(ctx)
	}
	return nil, s.err
}

// take returns the groups of the next morsel, io.EOF after the last.
func (s *seriesGroups) take(ctx context.Context) (seriesPart, int, error) {
	select {
	case slot, ok := <-s.parts:
		if !ok {
			return seriesPart{}, 0, io.EOF
		}
		part := <-slot // its goroutine ends with ctx
		return part, 0, part.err
	case <-ctx.Done():
		return seriesPart{}, 0, ctx.Err()
	}
}

// Close implements columnar.Stream.
func (s *seriesGroups) Close() error {
	if s.err == nil {
		s.err = io.EOF
	}
	s.now.close()
	if s.stop == nil {
		return nil
	}
	s.stop()
	for slot := range s.parts {
		part := <-slot
		part.close()
	}
	s.done.Wait()
	s.stop = nil
	return nil
}

var _ columnar.Stream = (*seriesGroups)(nil)
