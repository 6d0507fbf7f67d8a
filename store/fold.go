package store

import (
	"context"

	"github.com/trellisdb/trellis/columnar"
)

// folder folds runs of slots of one series into a row per bin. Blocks that lie in
// a bin as a whole are answered by the nodes of the segments' trees of summaries;
// those that an edge cuts are decoded, once each.
type folder struct {
	sel    *columnar.Selection
	view   *view
	series columnar.Series
	bins   columnar.Bins
	pieces []piece // that are not before the present slot
	loader *loader
	row    columnar.SummaryRow // of the present bin
	rows   []columnar.SummaryRow

	// The block that was decoded last, which the next bin may need too.
	block  *columnar.Block
	number int64
}

// run folds the slots [from, to), which are later than those before.
func (f *folder) run(ctx context.Context, from, to int64) error {
	g := f.series.Grid
	for from < to {
		if err := ctx.Err(); err != nil {
			return err
		}
		block := g.Block(from)
		for len(f.pieces) > 0 && f.pieces[0].last < block {
			f.pieces = f.pieces[1:]
		}
		if len(f.pieces) == 0 {
			return nil
		}
		if first := f.pieces[0].first; first > block {
			from = g.BlockSlot(first) // there is nothing before
			continue
		}
		bin := f.bins.Bin(g.Time(from))
		if bin.From != f.row.Time || bin.Local != f.row.Local {
			f.finish()
			f.row.Time, f.row.Local = bin.From, bin.Local
		}
		end := min(to, g.SlotAtOrAfter(bin.To))
		if err := f.fold(ctx, from, end); err != nil {
			return err
		}
		from = end
	}
	return nil
}

// decoded reports whether stored summaries do not serve: what they say of time counts in
// slots, and those of a calendar differ in length.
func (f *folder) decoded() bool {
	return f.sel.Decode || f.series.Grid.Calendar != nil && f.sel.Stats.Timed()
}

// finish ends the present row.
func (f *folder) finish() {
	if f.row.Counts.Total() > 0 {
		if f.rows == nil {
			f.rows = *summaryRowPool.Get().(*[]columnar.SummaryRow)
		}
		f.rows = append(f.rows, f.row)
	}
	f.row = columnar.SummaryRow{Series: f.row.Series}
}

// fold folds the slots [from, to), which lie in one bin, into the row.
func (f *folder) fold(ctx context.Context, from, to int64) error {
	g := f.series.Grid
	first, end := g.Block(from), g.Block(to-1)+1
	for k := range f.pieces {
		p := &f.pieces[k]
		if p.first >= end {
			break
		}
		if p.inHead() {
			if err := f.foldHead(ctx, p, from, to); err != nil {
				return err
			}
			continue
		}
		i, j := p.clip(first, end)
		if err := f.foldRun(ctx, p, i, j, from, to); err != nil {
			return err
		}
	}
	return nil
}

// foldHead folds a block of the head.
func (f *folder) foldHead(ctx context.Context, p *piece, from, to int64) error {
	g := f.series.Grid
	whole := from <= g.BlockSlot(p.first) && to >= g.BlockSlot(p.first+1)
	if stored := p.stored(); stored != nil && whole && !f.decoded() {
		if sum, ok := stored.For(f.sel.Qualities); ok {
			counts := stored.Counts()
			f.row.Counts.Add(counts)
			f.row.Covered += counts[columnar.Good] * g.Period
			f.row.Summary.Merge(sum, f.sel.Stats)
			f.view.counters.Summarized.Add(1)
			return nil
		}
	}
	if f.block == nil || f.number != p.first {
		var err error
		if f.block, err = f.loader.head(ctx, p); err != nil {
			f.block = nil
			return err
		}
		f.number = p.first
	}
	f.foldBlock(from, to)
	return nil
}

// foldRun folds the entries [i, j) of a piece, of which the first and the last may
// lie in [from, to) only in part.
func (f *folder) foldRun(ctx context.Context, p *piece, i, j int, from, to int64) error {
	g, x := f.series.Grid, p.place.index
	if i < j && g.BlockSlot(x.Block(i)) < from {
		if err := f.foldEntry(ctx, p, i, i+1, from, to); err != nil {
			return err
		}
		i++
	}
	whole := j
	if i < j && g.BlockSlot(x.Block(j-1)+1) > to {
		whole--
	}
	if err := f.foldWhole(ctx, p, i, whole); err != nil {
		return err
	}
	if whole < j {
		return f.foldEntry(ctx, p, whole, j, from, to)
	}
	return nil
}

// foldWhole folds the entries [i, j) as a whole.
func (f *folder) foldWhole(ctx context.Context, p *piece, i, j int) error {
	if i >= j {
		return nil
	}
	if f.decoded() {
		return f.decode(ctx, p, i, j)
	}
	before := f.row.Summary
	ok, _ := p.place.index.Merge(&f.row.Summary, f.sel.Qualities, f.sel.Stats, i, j)
	if ok {
		f.count(p, i, j)
		return nil
	}
	f.row.Summary = before
	for ; i < j; i++ {
		before = f.row.Summary
		if ok, _ := p.place.index.Merge(&f.row.Summary, f.sel.Qualities, f.sel.Stats, i, i+1); ok {
			f.count(p, i, i+1)
			continue
		}
		f.row.Summary = before
		if err := f.decode(ctx, p, i, i+1); err != nil {
			return err
		}
	}
	return nil
}

// count adds the numbers of samples per quality of the entries [i, j).
func (f *folder) count(p *piece, i, j int) {
	for q := range f.row.Counts {
		var n columnar.Summary
		_, _ = p.place.index.Merge(&n, 1<<q, 0, i, j) // one quality can always be told
		f.row.Counts[q] += n.Count
		if columnar.Quality(q) == columnar.Good {
			f.row.Covered += n.Count * f.series.Grid.Period
		}
	}
	f.view.counters.Summarized.Add(int64(j - i))
}

// decode folds the samples of the entries [i, j).
func (f *folder) decode(ctx context.Context, p *piece, i, j int) error {
	g, x := f.series.Grid, p.place.index
	for ; i < j; i++ {
		first := g.BlockSlot(x.Block(i))
		if err := f.foldEntry(ctx, p, i, j, first, first+g.BlockLen); err != nil {
			return err
		}
	}
	return nil
}

// foldEntry folds the part in [from, to) of the block of entry i. The caller will
// want the entries before ahead too.
func (f *folder) foldEntry(ctx context.Context, p *piece, i, ahead int, from, to int64) error {
	if number := p.place.index.Block(i); f.block == nil || f.number != number {
		var err error
		if f.block, err = f.loader.entry(ctx, p.place, i, ahead); err != nil {
			f.block = nil
			return err
		}
		f.number = number
	}
	f.foldBlock(from, to)
	return nil
}

// foldBlock folds the part in [from, to) of the block that was decoded.
func (f *folder) foldBlock(from, to int64) {
	b := f.block
	i, j := int(max(from-b.First, 0)), int(min(to-b.First, int64(b.Len)))
	counts := columnar.CountQualities(b, i, j)
	f.view.counters.Samples.Add(counts.Total())
	f.row.Counts.Add(counts)
	g := f.series.Grid
	if f.sel.Stats.Has(columnar.StatCover) {
		f.row.Covered += g.Covered(b, i, j)
	}
	sum := g.Summarize(b, i, j, f.sel.Qualities, f.sel.Stats)
	g.Merge(&f.row.Summary, &sum, f.sel.Stats)
}
