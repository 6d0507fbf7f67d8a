package store

import (
	"context"
	"errors"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/segment"
	"github.com/trellisdb/trellis/meta"
)

// hidden returns the names of the segments of a set of which one that is added,
// which is in the bucket and newer than all, has every block. Segments that several
// newer ones hide only together are left to compaction, and so are damaged ones.
func (s *Store) hidden(ctx context.Context, set *segmentSet, added []meta.Segment) ([]string, error) {
	var names []string
	for _, m := range added {
		top := s.newLive(m)
		top.refs.Store(1)
		for _, g := range set.segments {
			if g.meta.Series > m.Series || g.meta.Blocks > m.Blocks || g.meta.From < m.From || g.meta.To > m.To {
				continue
			}
			covered, err := s.covers(ctx, top, g)
			if errors.Is(err, columnar.ErrCorrupt) {
				continue // what is damaged stays for as long as it cannot be told what it has
			}
			if err != nil {
				top.release()
				return nil, err
			}
			if covered {
				names = append(names, g.meta.Name)
			}
		}
		top.release()
	}
	return names, nil
}

// covers reports whether top has every block of below.
func (s *Store) covers(ctx context.Context, top, below *liveSegment) (bool, error) {
	upper, err := top.open(ctx)
	if err != nil {
		return false, err
	}
	lower, err := below.open(ctx)
	if err != nil {
		return false, err
	}
	for _, info := range lower.Series() {
		over, ok := upper.Find(info.ID)
		if !ok || over.Blocks < info.Blocks || over.FirstBlock > info.FirstBlock || over.LastBlock < info.LastBlock {
			return false, nil
		}
	}
	for _, info := range lower.Series() {
		x, err := s.index(ctx, top, info.ID)
		if err != nil {
			return false, err
		}
		y, err := s.index(ctx, below, info.ID)
		if err != nil {
			return false, err
		}
		if !containsAll(x, y) {
			return false, nil
		}
	}
	return true, nil
}

// containsAll reports whether x has every block of y.
func containsAll(x, y *segment.Index) bool {
	for i := 0; i < y.Len(); {
		j, ok := x.Find(y.Block(i))
		if !ok {
			return false
		}
		i += min(consecutive(y, i, y.Len()), consecutive(x, j, x.Len()))
	}
	return true
}
