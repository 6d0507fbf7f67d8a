package store

import (
	"cmp"
	"context"
	"slices"
	"sort"

	"github.com/trellisdb/trellis/columnar/segment"
)

// layout says where the live blocks of a series are in a set of segments: runs in
// order of their blocks, which do not overlap.
type layout struct{ runs []run }

// run is entries [from, to) of a segment's index of a series, all of them live.
// Between its blocks there are none of other runs.
type run struct {
	segment     *liveSegment
	from, to    int
	first, last int64 // numbers of its first and last block
}

const runBytes = 48

func (l *layout) bytes() int64 { return 64 + runBytes*int64(cap(l.runs)) }

// layout returns the layout of a series in a set.
func (s *Store) layout(ctx context.Context, set *segmentSet, series int64) (*layout, error) {
	key := layoutKey{set.id, series}
	if l, ok := s.layouts.GetIfPresent(key); ok {
		return l, nil
	}
	p := painter{index: func(g *liveSegment) (*segment.Index, error) { return s.index(ctx, g, series) }}
	segments, base := set.segments, layoutKey{set.before, series}
	if before, ok := s.layouts.GetIfPresent(base); ok {
		p.runs, segments = slices.Clone(before.runs), segments[set.common:]
	}
	for _, g := range segments {
		reader, err := g.openFor(ctx, series)
		if err != nil {
			return nil, err
		}
		info, ok := reader.Find(series)
		if !ok {
			continue
		}
		if err := p.paint(run{segment: g, from: 0, to: info.Blocks, first: info.FirstBlock, last: info.LastBlock}); err != nil {
			return nil, err
		}
	}
	l := &layout{runs: slices.Clip(p.runs)}
	s.layouts.Set(key, l)
	s.layouts.Invalidate(base)
	return l, nil
}

// painter builds a layout: it lays the segments over each other in order of
// version, each hiding the blocks below that it has too (R2). It reads the index
// of a segment only where the span of another one overlaps.
type painter struct {
	index func(*liveSegment) (*segment.Index, error)
	runs  []run
}

// paint lays top, all blocks of a segment, over what is there.
func (p *painter) paint(top run) error {
	if n := len(p.runs); n == 0 || p.runs[n-1].last < top.first {
		p.runs = append(p.runs, top)
		return nil
	}
	if p.runs[0].first > top.last {
		p.runs = slices.Insert(p.runs, 0, top)
		return nil
	}
	x, err := p.index(top.segment)
	if err != nil {
		return err
	}
	var kept []run
	for _, r := range p.runs {
		if r.last < top.first || r.first > top.last {
			kept = append(kept, r)
			continue
		}
		below, err := p.index(r.segment)
		if err != nil {
			return err
		}
		kept = appendUncovered(kept, r, below, x)
	}
	p.runs = appendBetween(nil, top, x, kept)
	return nil
}

// appendUncovered appends the parts of run r, whose index is given, that have no
// block in top.
func appendUncovered(dst []run, r run, below, top *segment.Index) []run {
	for i := r.from; i < r.to; {
		j, covered := top.Find(below.Block(i))
		if covered {
			i += min(consecutive(below, i, r.to), consecutive(top, j, top.Len()))
			continue
		}
		end := r.to
		if j < top.Len() {
			e, _ := below.Find(top.Block(j))
			end = min(e, r.to)
		}
		dst = append(dst, part(r.segment, below, i, end))
		i = end
	}
	return dst
}

// consecutive returns how many entries from i on, and before to, have blocks that
// follow each other without a gap.
func consecutive(x *segment.Index, i, to int) int {
	first := x.Block(i)
	return sort.Search(to-i, func(k int) bool { return x.Block(i+k) != first+int64(k) })
}

func part(g *liveSegment, x *segment.Index, from, to int) run {
	return run{segment: g, from: from, to: to, first: x.Block(from), last: x.Block(to - 1)}
}

// appendBetween appends top, cut wherever a run of kept lies in a gap of its
// blocks, and those runs, all in order.
func appendBetween(dst []run, top run, x *segment.Index, kept []run) []run {
	slices.SortFunc(kept, func(a, b run) int { return cmp.Compare(a.first, b.first) })
	at := top.from
	for _, r := range kept {
		if cut, _ := x.Find(r.first); cut > at {
			dst = append(dst, part(top.segment, x, at, cut))
			at = cut
		}
		dst = append(dst, r)
	}
	if at < top.to {
		dst = append(dst, part(top.segment, x, at, top.to))
	}
	return dst
}
