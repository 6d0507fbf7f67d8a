package exec

import (
	"context"

	"github.com/trellisdb/trellis/columnar"
)

// morselsPerWorker is how many morsels there are for each worker, so that all have
// work until the end although morsels differ.
const morselsPerWorker = 4

// cut cuts a binding into parts that can be read side by side: runs of series, and
// where there are few series, runs of time. The parts are in order of series, then
// time.
func (q *query) cut(ctx context.Context, b *binding) ([]*binding, error) {
	want := q.Workers * morselsPerWorker
	if q.Workers < 2 || len(b.rows) == 0 {
		return []*binding{b}, nil
	}
	if len(b.rows) >= want {
		return b.cutSeries(want), nil
	}
	extents, err := q.extents(ctx, b)
	if err != nil {
		return nil, err
	}
	var parts []*binding
	each := (want + len(b.rows) - 1) / len(b.rows)
	for i := range b.rows {
		parts = append(parts, b.part(i, i+1).cutTime(extents[i], each)...)
	}
	return parts, nil
}

// part returns the binding of series [from, to).
func (b *binding) part(from, to int) *binding {
	p := *b
	p.rows = b.rows[from:to]
	p.sel.Series = b.sel.Series[from:to]
	p.sel.Ranges = b.sel.Ranges[from:to]
	if b.sel.Bins != nil {
		p.sel.Bins = b.sel.Bins[from:to]
	}
	return &p
}

// cutSeries cuts a binding into at most n runs of series.
func (b *binding) cutSeries(n int) []*binding {
	var parts []*binding
	each := (len(b.rows) + n - 1) / n
	for from := 0; from < len(b.rows); from += each {
		parts = append(parts, b.part(from, min(from+each, len(b.rows))))
	}
	return parts
}

// cutTime cuts a binding of one series into about n runs of time, at block
// boundaries. The first and the last reach as far as the ranges do.
func (b *binding) cutTime(extent columnar.Range, n int) []*binding {
	g := b.sel.Series[0].Grid
	ranges := b.sel.Ranges[0]
	if len(ranges) == 0 || extent.From >= extent.To {
		return []*binding{b}
	}
	first := g.Block(g.Slot(max(extent.From, ranges[0].From)))
	last := g.Block(g.Slot(min(extent.To, ranges[len(ranges)-1].To)))
	step := max((last-first)/int64(n)+1, leastBlocks)
	var parts []*binding
	from := int64(columnar.MinTime)
	for block := first + step; from < columnar.MaxTime; block += step {
		to := int64(columnar.MaxTime)
		if block <= last {
			to = g.BlockTime(block)
		}
		if clipped := clip(ranges, from, to); len(clipped) > 0 {
			p := *b
			p.sel.Ranges = [][]columnar.Range{clipped}
			parts = append(parts, &p)
		}
		from = to
	}
	return parts
}

// leastBlocks is the least number of blocks in a run of time.
const leastBlocks = 16

// clip returns the parts of ranges in [from, to).
func clip(ranges []columnar.Range, from, to int64) []columnar.Range {
	var out []columnar.Range
	for _, r := range ranges {
		if r = (columnar.Range{From: max(r.From, from), To: min(r.To, to)}); r.From < r.To {
			out = append(out, r)
		}
	}
	return out
}
