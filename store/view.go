package store

import (
	"context"
	"fmt"
	"sort"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/segment"
)

// view is what one query sees (R3).
type view struct {
	store    *Store
	set      *segmentSet
	heads    []headView // by index in the selection; nil where the head is not read
	counters *columnar.Counters
}

// headView is the blocks of a series in the two heads, in order of their number.
type headView struct{ active, frozen []headBlock }

// piece is live blocks of a series that are in one place: a run of entries of a
// segment, or one block of the head.
type piece struct {
	first, last int64 // numbers of the first and the last block
	place       place // of the run; of a block of the head, its base in the segments

	// The block in the two heads, either may be nil. Both are for a run.
	active, frozen *headBlock
	damage         error // why the base is not known; nil: it is
}

// place is entries [from, to) of the index of a segment. Its zero value is
// nowhere.
type place struct {
	segment  *liveSegment
	index    *segment.Index
	from, to int
}

func (p *piece) inHead() bool { return p.active != nil || p.frozen != nil }

// pin makes the view of a selection. The caller releases it.
func (s *Store) pin(ctx context.Context, sel *columnar.Selection) (*view, error) {
	v := &view{store: s, counters: sel.Counters}
	if v.counters == nil {
		v.counters = new(columnar.Counters)
	}
	s.state.RLock()
	if s.state.segments == nil {
		s.state.RUnlock()
		return nil, errClosed
	}
	v.set = s.state.segments.retain()
	if sel.Snapshot == 0 {
		v.heads = s.headViews(sel)
	}
	s.state.RUnlock()
	if sel.Snapshot == 0 || sel.Snapshot == v.set.snapshot.ID {
		return v, nil
	}
	newest := v.set
	defer newest.release()
	var err error
	if v.set, err = s.pastSet(ctx, sel.Snapshot, newest); err != nil {
		return nil, fmt.Errorf("snapshot %d: %w", sel.Snapshot, err)
	}
	if err := v.set.checkPurged(sel); err != nil {
		v.release()
		return nil, err
	}
	return v, nil
}

// headViews returns the selection's blocks of the heads. The caller holds the
// state's lock.
func (s *Store) headViews(sel *columnar.Selection) []headView {
	if s.state.active.empty() && s.state.frozen == nil {
		return nil
	}
	heads := make([]headView, len(sel.Series))
	for i, series := range sel.Series {
		from, to, ok := blockSpan(series.Grid, sel.Ranges[i])
		if !ok {
			continue
		}
		if hs := s.state.active.series[series.ID]; hs != nil {
			heads[i].active = hs.views(nil, from, to)
		}
		if s.state.frozen == nil {
			continue
		}
		if hs := s.state.frozen.series[series.ID]; hs != nil {
			heads[i].frozen = hs.views(nil, from, to)
		}
	}
	return heads
}

// blockSpan returns the blocks [from, to) that the ranges reach from the first to
// the last.
func blockSpan(g columnar.Grid, ranges []columnar.Range) (from, to int64, ok bool) {
	if len(ranges) == 0 {
		return 0, 0, false
	}
	first, end := g.SlotAtOrAfter(ranges[0].From), g.SlotAtOrAfter(ranges[len(ranges)-1].To)
	return g.Block(first), g.Block(end-1) + 1, first < end
}

func (v *view) release() { v.set.release() }

// pieces returns the live blocks of the selection's series number i, as far as
// they may be wanted, in order.
func (v *view) pieces(ctx context.Context, sel *columnar.Selection, i int) ([]piece, error) {
	series := sel.Series[i]
	from, to, ok := blockSpan(series.Grid, sel.Ranges[i])
	if !ok {
		return nil, nil
	}
	v.counters.Series.Add(1)
	l, err := v.store.layout(ctx, v.set, series.ID)
	if err != nil {
		return nil, err
	}
	var heads headView
	if v.heads != nil {
		heads = v.heads[i]
	}
	b := pieceBuilder{heads: heads}
	at := sort.Search(len(l.runs), func(k int) bool { return l.runs[k].last >= from })
	for ; at < len(l.runs) && l.runs[at].first < to; at++ {
		r := &l.runs[at]
		x, err := v.store.index(ctx, r.segment, series.ID)
		if err != nil {
			return nil, err
		}
		v.counters.Segments.Add(1)
		b.addRun(place{r.segment, x, r.from, r.to})
	}
	b.addHeads(to)
	return b.pieces, nil
}

// pieceBuilder merges the runs of a layout with the blocks of the heads.
type pieceBuilder struct {
	heads  headView
	pieces []piece
}

// next returns the number of the next block of the heads that is below limit.
func (b *pieceBuilder) next(limit int64) (number int64, ok bool) {
	number = limit
	if len(b.heads.active) > 0 {
		number = min(number, b.heads.active[0].number)
	}
	if len(b.heads.frozen) > 0 {
		number = min(number, b.heads.frozen[0].number)
	}
	return number, number < limit
}

// addHead adds the next block of the heads, whose number is given, with its base.
func (b *pieceBuilder) addHead(number int64, base place) {
	p := piece{first: number, last: number, place: base}
	if h := b.heads.active; len(h) > 0 && h[0].number == number {
		p.active, b.heads.active = &h[0], h[1:]
	}
	if h := b.heads.frozen; len(h) > 0 && h[0].number == number {
		p.frozen, b.heads.frozen = &h[0], h[1:]
	}
	b.pieces = append(b.pieces, p)
}

// addHeads adds the blocks of the heads below limit, which no segment has.
func (b *pieceBuilder) addHeads(limit int64) {
	for {
		number, ok := b.next(limit)
		if !ok {
			return
		}
		b.addHead(number, place{})
	}
}

// addRun adds a run and the blocks of the heads before and in it.
func (b *pieceBuilder) addRun(at place) {
	x := at.index
	b.addHeads(x.Block(at.from))
	last := x.Block(at.to - 1)
	for at.from < at.to {
		number, ok := b.next(last + 1)
		if !ok {
			break
		}
		cut, found := x.Find(number)
		b.addPlace(place{at.segment, x, at.from, cut})
		base := place{}
		if at.from = cut; found {
			base = place{at.segment, x, cut, cut + 1}
			at.from++
		}
		b.addHead(number, base)
	}
	b.addPlace(at)
}

func (b *pieceBuilder) addPlace(at place) {
	if at.from < at.to {
		b.pieces = append(b.pieces, piece{first: at.index.Block(at.from), last: at.index.Block(at.to - 1), place: at})
	}
}

// clip returns the entries of the piece, which is a run, whose blocks lie in
// [from, to).
func (p *piece) clip(from, to int64) (i, j int) {
	i, j = p.place.from, p.place.to
	if from > p.first {
		i, _ = p.place.index.Find(from)
		i = min(i, p.place.to)
	}
	if to <= p.last {
		j, _ = p.place.index.Find(to)
		j = max(j, p.place.from)
	}
	return i, max(i, j)
}
