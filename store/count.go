package store

import (
	"context"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
)

// Count returns the number of samples of each series in the newest snapshot, by id;
// series without any are left out. It reads indexes only and needs no writer. What
// is in the head of a writer does not count.
func Count(ctx context.Context, bucket object.Bucket, catalog meta.Catalog) (map[int64]int64, error) {
	latest, err := catalog.Latest(ctx)
	if err != nil || latest.ID == 0 {
		return nil, err
	}
	live, err := catalog.Segments(ctx, latest.ID)
	if err != nil {
		return nil, err
	}
	series, err := catalog.Series(ctx)
	if err != nil {
		return nil, err
	}
	s := newStore(Options{Bucket: bucket, Catalog: catalog})
	s.state.segments = s.newSet(latest, live, nil)
	defer func() {
		s.state.segments.release()
		s.indexes.InvalidateAll()
		s.layouts.InvalidateAll()
	}()
	counts := make(map[int64]int64)
	for i := range series {
		err := s.Blocks(ctx, []columnar.Series{series[i].Series}, func(b columnar.BlockInfo) bool {
			counts[b.Series] += b.Count.Total()
			return true
		})
		if err != nil {
			return nil, err
		}
		s.layouts.InvalidateAll()
	}
	return counts, nil
}
