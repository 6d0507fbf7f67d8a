package store

import (
	"cmp"
	"context"
	"maps"
	"math/bits"
	"slices"
	"time"
)

// How compaction chooses. Segments are sorted by the decade that their blocks lie
// in and by size: a tier has segments of up to fanIn times the size of those of the
// tier below. A tier that has fanIn segments becomes one of the next. So every byte
// is written about log_fanIn(N) times, whatever the order in which N flushes came.
// Segments whose blocks lie in several decades have a place of their own, and are
// cut by decade when they are merged.
const (
	fanIn         = 16
	fanInBits     = 4
	mergeMost     = 256      // segments that one merge reads
	smallestBytes = 1 << 20  // up to this size segments are of the lowest tier
	mixed         = -1 << 62 // the decade of segments that lie in several
	wasteParts    = 8        // a segment of which one in so many blocks has outlived its retention is written anew
)

// decadeOf returns the decade of the calendar, in UTC, that an instant lies in.
func decadeOf(t int64) int64 {
	year := time.UnixMicro(t).UTC().Year()
	return int64((year+10_000)/10) - 1_000 // floor, also of years before 0
}

// segmentDecade returns the decade that the blocks of a segment begin in, or mixed.
func segmentDecade(ctx context.Context, g *liveSegment) (int64, error) {
	first := decadeOf(g.meta.From)
	if first == decadeOf(g.meta.To-1) {
		return first, nil
	}
	reader, err := g.open(ctx)
	if err != nil {
		return 0, err
	}
	for _, info := range reader.Series() {
		if decadeOf(info.Grid.BlockTime(info.LastBlock)) != first || decadeOf(info.From()) != first {
			return mixed, nil
		}
	}
	return first, nil
}

// tierOf returns the tier of a segment of so many bytes.
func tierOf(bytes int64) int {
	return (bits.Len64(uint64(bytes/smallestBytes)) + fanInBits - 1) / fanInBits
}

// planCompaction returns the segments that are to be merged next, none where there
// is nothing to gain. Where full is set all segments of a decade are, unless they
// have no series in common.
func (s *Store) planCompaction(ctx context.Context, set *segmentSet, cutoffs map[int64]int64, full bool) ([]*liveSegment, error) {
	segments, err := s.damagedInputs(ctx, set.segments)
	if err != nil {
		return nil, err
	}
	waste, err := outlived(ctx, segments, cutoffs)
	if err != nil || waste != nil {
		return waste, err
	}
	byDecade := make(map[int64][]*liveSegment)
	for _, g := range segments {
		decade, err := segmentDecade(ctx, g)
		if err != nil {
			return nil, err
		}
		byDecade[decade] = append(byDecade[decade], g)
	}
	for _, decade := range slices.Sorted(maps.Keys(byDecade)) { // mixed is the first
		var chosen []*liveSegment
		switch of := byDecade[decade]; {
		case full && decade == mixed:
			chosen = of
		case full:
			chosen, err = s.chooseAll(ctx, of)
		default:
			chosen, err = s.chooseTier(ctx, of)
		}
		if err != nil || len(chosen) > 0 {
			return s.atMost(chosen), err
		}
	}
	return nil, nil
}

// finished reports whether a segment has its final size: it is only merged again
// where another one has blocks between its own.
func (s *Store) finished(g *liveSegment) bool { return g.meta.Size >= seriesParts*s.segmentBytes }

// chooseTier returns the segments of the lowest tier that has enough of them. Those
// that are large enough already count only where so many have a series in common.
func (s *Store) chooseTier(ctx context.Context, segments []*liveSegment) ([]*liveSegment, error) {
	tiers := make(map[int][]*liveSegment)
	var large []*liveSegment
	for _, g := range segments {
		switch {
		case s.finished(g):
		case g.meta.Size >= s.segmentBytes:
			large = append(large, g)
		default:
			tiers[tierOf(g.meta.Size)] = append(tiers[tierOf(g.meta.Size)], g)
		}
	}
	for _, tier := range slices.Sorted(maps.Keys(tiers)) {
		if len(tiers[tier]) >= fanIn {
			return tiers[tier], nil
		}
	}
	if len(large) < fanIn {
		return nil, nil
	}
	bySeries := make(map[int64][]*liveSegment)
	for _, g := range large {
		reader, err := g.open(ctx)
		if err != nil {
			return nil, err
		}
		for _, info := range reader.Series() {
			if bySeries[info.ID] = append(bySeries[info.ID], g); len(bySeries[info.ID]) == fanIn {
				return bySeries[info.ID], nil
			}
		}
	}
	return nil, nil
}

// chooseAll returns the segments of a decade that can become fewer, or lie better:
// all but those of final size between whose blocks nobody else has any. None are
// returned where those that are left have no series in common and are large enough.
func (s *Store) chooseAll(ctx context.Context, segments []*liveSegment) ([]*liveSegment, error) {
	type span struct {
		segment     *liveSegment
		first, last int64
	}
	spans := make(map[int64][]span)
	for _, g := range segments {
		reader, err := g.open(ctx)
		if err != nil {
			return nil, err
		}
		for _, info := range reader.Series() {
			spans[info.ID] = append(spans[info.ID], span{g, info.FirstBlock, info.LastBlock})
		}
	}
	chosen, useful := make(map[*liveSegment]bool), false
	for _, of := range spans {
		for i, a := range of {
			for _, b := range of[i+1:] {
				between := a.first <= b.last && b.first <= a.last
				if between || !s.finished(a.segment) && !s.finished(b.segment) {
					chosen[a.segment], chosen[b.segment], useful = true, true, true
				}
			}
		}
	}
	small := 0
	for _, g := range segments {
		if g.meta.Size < s.segmentBytes {
			small++
			chosen[g] = true
		}
	}
	if !useful && small < 2 {
		return nil, nil
	}
	return slices.DeleteFunc(slices.Clone(segments), func(g *liveSegment) bool { return !chosen[g] }), nil
}

// atMost returns as many of the segments as one merge may read and has memory for,
// the smallest, and at least two.
func (s *Store) atMost(segments []*liveSegment) []*liveSegment {
	segments = slices.Clone(segments)
	slices.SortStableFunc(segments, func(a, b *liveSegment) int { return cmp.Compare(a.meta.Size, b.meta.Size) })
	segments = segments[:min(len(segments), mergeMost)]
	for most := s.memory.Compaction.Most(); most > 0 && len(segments) > 2 && s.compactionBytes(segments) >= most; {
		segments = segments[:len(segments)-1]
	}
	return segments
}

// outlived returns a segment of which a good part has outlived its retention; nil
// where there is none.
func outlived(ctx context.Context, segments []*liveSegment, cutoffs map[int64]int64) ([]*liveSegment, error) {
	if len(cutoffs) == 0 {
		return nil, nil
	}
	for _, g := range segments {
		reader, err := g.open(ctx)
		if err != nil {
			return nil, err
		}
		gone := int64(0)
		for _, info := range reader.Series() {
			cutoff, ok := cutoffs[info.ID]
			if !ok || info.Grid.BlockTime(info.FirstBlock+1) > cutoff {
				continue
			}
			span := info.LastBlock - info.FirstBlock + 1
			past := min(info.Grid.Block(info.Grid.Slot(cutoff))-info.FirstBlock, span)
			gone += int64(info.Blocks) * past / span
		}
		if gone > 0 && gone >= g.meta.Blocks/wasteParts {
			return []*liveSegment{g}, nil
		}
	}
	return nil, nil
}
