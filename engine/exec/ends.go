package exec

import (
	"context"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// byTime takes a sort of samples apart whose first key is their time: ORDER BY time
// DESC LIMIT 10. Where the node is something else, scan is nil.
func byTime(n *plan.Sort) (scan *plan.Scan, steps []plan.Node) {
	scan, steps = pipelineOf(n.Input)
	if scan == nil {
		return nil, nil
	}
	e := n.Keys[0].Expr
	for i := len(steps) - 1; i >= 0; i-- {
		c, ok := e.(*plan.Column)
		if !ok {
			return nil, nil
		}
		if p, ok := steps[i].(*plan.Project); ok {
			e = p.Exprs[c.Index]
		}
	}
	c, ok := e.(*plan.Column)
	if !ok || scan.Columns[c.Index].Series || scan.Columns[c.Index].Name != "time" {
		return nil, nil
	}
	return scan, steps
}

// Windows of time begin with so many of the shortest blocks and grow.
const (
	firstWindow  = 2
	windowGrowth = 4
)

// buildEnds returns the first rows of a sort by time. It reads windows of time from
// the end where the order begins, each longer than the one before, until it has
// enough rows: all that it has not read come later in the order.
func (q *query) buildEnds(n *plan.Sort, scan *plan.Scan, steps []plan.Node, first int64) (columnar.Stream, error) {
	s, err := q.newSorter(n, first)
	if err != nil {
		return nil, err
	}
	read := func(ctx context.Context) error {
		b, err := q.bind(ctx, scan)
		if err != nil || len(b.rows) == 0 {
			return err
		}
		begins, ends, err := q.endBlocks(ctx, b)
		if err != nil {
			return err
		}
		all, width := columnar.Range{}, int64(columnar.MaxTime)
		for i := range begins {
			all = hull(all, hull(begins[i], ends[i]))
			width = min(width, firstWindow*b.sel.Series[i].Grid.BlockLen*b.sel.Series[i].Grid.Nominal())
		}
		for all.From < all.To && int64(s.len()) < first {
			window := columnar.Range{From: all.From, To: min(all.From+width, all.To)}
			if n.Keys[0].Descending {
				window = columnar.Range{From: max(all.To-width, all.From), To: all.To}
				all.To = window.From
			} else {
				all.From = window.To
			}
			width = min(width*windowGrowth, columnar.MaxTime)
			if err := q.readSamples(ctx, b.window(window), steps, s.add); err != nil {
				return err
			}
		}
		return nil
	}
	return s.stream(n, read, func() error { return nil }), nil
}

// window returns the binding of a range of time.
func (b *binding) window(w columnar.Range) *binding {
	out := *b
	out.rows, out.sel.Series, out.sel.Ranges = nil, nil, nil
	for i, row := range b.rows {
		if ranges := clip(b.sel.Ranges[i], w.From, w.To); len(ranges) > 0 {
			out.rows = append(out.rows, row)
			out.sel.Series = append(out.sel.Series, b.sel.Series[i])
			out.sel.Ranges = append(out.sel.Ranges, ranges)
		}
	}
	return &out
}
