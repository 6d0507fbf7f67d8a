package store

import (
	"context"
	"fmt"

	"github.com/trellisdb/trellis/meta"
)

// forgetHistory removes the versions that edits took the place of and whose
// samples have outlived their retention, like the samples themselves. A history
// segment goes as soon as none of its blocks has to stay; edits stay on the trail.
func (s *Store) forgetHistory(ctx context.Context, dry bool, c *Collected) error {
	cutoffs, err := s.cutoffs(ctx)
	if err != nil || len(cutoffs) == 0 {
		return err
	}
	known, err := s.catalog.AllSegments(ctx)
	if err != nil {
		return err
	}
	var gone []meta.Replacement
	for _, m := range known {
		if !m.History {
			continue
		}
		past, err := s.outlivedHistory(ctx, m, cutoffs)
		if err != nil {
			return err
		}
		if past {
			gone = append(gone, meta.Replacement{Old: m.Name})
			c.Unlinked = append(c.Unlinked, m.Name)
		}
	}
	if dry || len(gone) == 0 {
		return nil
	}
	if err := s.acquire(ctx); err != nil {
		return err
	}
	defer s.giveBack()
	_, err = s.publishNew(ctx, meta.Commit{Replace: gone, Note: "retention"})
	return err
}

// outlivedHistory reports whether every block of a history segment has outlived its
// retention.
func (s *Store) outlivedHistory(ctx context.Context, m meta.Segment, cutoffs map[int64]int64) (bool, error) {
	g := s.newLive(m)
	g.refs.Add(1)
	defer g.release()
	reader, err := g.openSound(ctx)
	if err != nil {
		return false, fmt.Errorf("retention: %w", err)
	}
	for _, info := range reader.Series() {
		if cutoff, ok := cutoffs[info.ID]; !ok || info.To() > cutoff {
			return false, nil
		}
	}
	return true, nil
}
