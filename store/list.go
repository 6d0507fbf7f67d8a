package store

import (
	"context"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// Segments returns the segments live in the newest snapshot, in order of version.
func (s *Store) Segments() []meta.Segment {
	s.state.RLock()
	defer s.state.RUnlock()
	if s.state.segments == nil {
		return nil
	}
	var list []meta.Segment
	for _, g := range s.state.segments.segments {
		list = append(list, g.meta)
	}
	return list
}

// Blocks calls f for every live block of the series, in their order and that of
// time, until f returns false.
func (s *Store) Blocks(ctx context.Context, series []columnar.Series, f func(columnar.BlockInfo) bool) error {
	always := []columnar.Range{{From: columnar.MinTime, To: columnar.MaxTime}}
	sel := &columnar.Selection{Series: series, Ranges: make([][]columnar.Range, len(series))}
	for i := range series {
		sel.Ranges[i] = always
	}
	if err := checkSelection(sel, false); err != nil {
		return err
	}
	v, err := s.pin(ctx, sel)
	if err != nil {
		return err
	}
	defer v.release()
	for i := range series {
		pieces, err := v.pieces(ctx, sel, i)
		if err != nil {
			return err
		}
		l := v.newLoader(columnar.AllParts)
		l.series = series[i]
		for k := range pieces {
			more, err := pieces[k].list(ctx, l, f)
			if err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// list calls f for the blocks of the piece.
func (p *piece) list(ctx context.Context, l *loader, f func(columnar.BlockInfo) bool) (more bool, err error) {
	if p.inHead() {
		info := columnar.BlockInfo{Series: l.series.ID, Block: p.first}
		stored := p.stored()
		if stored == nil {
			b, err := l.head(ctx, p)
			if err != nil {
				return false, err
			}
			all := columnar.SummarizeAll(b)
			stored = &all
		}
		info.Count = stored.Counts()
		if usable, ok := stored.For(columnar.Usable); ok && usable.Values > 0 {
			info.Min, info.Max, info.Usable = usable.Min, usable.Max, true
		}
		return f(info), nil
	}
	x := p.place.index
	for i := p.place.from; i < p.place.to; i++ {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		e := x.Entry(i)
		info := columnar.BlockInfo{
			Series: l.series.ID, Block: e.Block, Count: e.Samples, Bytes: e.Length, Segment: p.place.segment.meta.Name,
		}
		var usable columnar.Summary
		if ok, _ := x.Merge(&usable, columnar.Usable, columnar.StatRange, i, i+1); ok && usable.Values > 0 {
			info.Min, info.Max, info.Usable = usable.Min, usable.Max, true
		}
		if !f(info) {
			return false, nil
		}
	}
	return true, nil
}
