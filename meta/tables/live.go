package tables

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// storedSnapshot is a snapshot and what stands for the segments that are live in it. A
// row that is missing, or whose columns say that it is not one of them, is found by
// that whenever they are read.
type storedSnapshot struct {
	meta.Snapshot
	live int64 // what the sums of those segments add up to (liveSum); of no use once it is not kept
}

// liveSum is the sum of a segment whatever its number is and when it is retired.
func liveSum(s meta.Segment) int64 {
	s.Retired = 0
	l := layout{name: "live"}
	sum, _ := l.sum(nil, segmentTable.values(&storedSegment{0, s}))
	return sum
}

// liveFrom is what is added to the sums of the snapshots from one on.
type liveFrom struct{ snapshot, sum int64 }

// liveIn appends what a segment, or its sum, adds to the snapshots in which it is live.
func liveIn(steps []liveFrom, s *meta.Segment, sum int64) []liveFrom {
	if s.History {
		return steps
	}
	steps = append(steps, liveFrom{s.Created, sum})
	if s.Retired > 0 {
		steps = append(steps, liveFrom{s.Retired, -sum})
	}
	return steps
}

// addLive adds to the sums of snapshots, which are in order.
func addLive(snapshots []storedSnapshot, steps []liveFrom) {
	slices.SortFunc(steps, func(a, b liveFrom) int { return cmp.Compare(a.snapshot, b.snapshot) })
	sum := int64(0)
	for i := range snapshots {
		for len(steps) > 0 && steps[0].snapshot <= snapshots[i].ID {
			sum += steps[0].sum
			steps = steps[1:]
		}
		snapshots[i].live += sum
	}
}

// withLive returns snapshots that have these segments.
func withLive(snapshots []meta.Snapshot, segments []meta.Segment) []storedSnapshot {
	list := make([]storedSnapshot, len(snapshots))
	for i, s := range snapshots {
		list[i].Snapshot = s
	}
	slices.SortFunc(list, func(a, b storedSnapshot) int { return cmp.Compare(a.ID, b.ID) })
	var steps []liveFrom
	for i := range segments {
		steps = liveIn(steps, &segments[i], liveSum(segments[i]))
	}
	addLive(list, steps)
	return list
}

// changeLive adds to the sums of the snapshots that are kept.
func changeLive(ctx context.Context, w *change, steps []liveFrom) error {
	if len(steps) == 0 {
		return nil
	}
	first := slices.MinFunc(steps, func(a, b liveFrom) int { return cmp.Compare(a.snapshot, b.snapshot) }).snapshot
	before, err := snapshotTable.read(ctx, w, `WHERE kept AND id >= $1 ORDER BY id`, first)
	if err != nil {
		return err
	}
	after := slices.Clone(before)
	addLive(after, steps)
	return snapshotTable.replace(ctx, w, before, after)
}

// checkLive wraps columnar.ErrCorrupt where segments are not those of the snapshot.
func (s *storedSnapshot) checkLive(segments []storedSegment) error {
	sum := int64(0)
	for i := range segments {
		sum += liveSum(segments[i].Segment)
	}
	if sum == s.live {
		return nil
	}
	return fmt.Errorf("table segments: %w: the %d that are live in the snapshot are not all that were, or more", columnar.ErrCorrupt, len(segments))
}
