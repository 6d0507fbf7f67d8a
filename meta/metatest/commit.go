package metatest

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/meta"
)

// segment returns a segment whose attributes all differ.
func segment(name string) meta.Segment {
	n := int64(len(name))
	return meta.Segment{Name: name, Size: n + 1, Series: n + 2, Blocks: n + 3, Samples: n + 4, From: -n, To: n + 5, CRC: uint32(n) + 6, Digest: 1<<63 + uint64(n)}
}

func segments(names ...string) []meta.Segment {
	var list []meta.Segment
	for _, name := range names {
		list = append(list, segment(name))
	}
	return list
}

// segmentNames returns the names of the segments of a snapshot, in their order.
func segmentNames(t *testing.T, c meta.Catalog, snapshot int64) string {
	t.Helper()
	var list []string
	for _, s := range must[[]meta.Segment](t)(c.Segments(t.Context(), snapshot)) {
		list = append(list, s.Name)
	}
	return strings.Join(list, " ")
}

func fencing(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	for _, epoch := range []int64{0, 1, -1} {
		_, err := c.Commit(ctx, meta.Commit{Epoch: epoch})
		wantError(t, err, meta.ErrConflict)
	}
	old := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "old"}))
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: old, Time: 10, Add: segments("a")}))
	newer := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "newer"}))
	if newer <= old || old <= 0 {
		t.Fatalf("the epochs are %d and then %d", old, newer)
	}
	before := must[meta.Snapshot](t)(c.Latest(ctx))
	for _, epoch := range []int64{old, newer + 1, 0} {
		_, err := c.Commit(ctx, meta.Commit{Epoch: epoch, Time: 20, Add: segments("b"), Retire: []string{"a"}})
		wantError(t, err, meta.ErrConflict, fmt.Sprint(epoch), "newer")
	}
	equal(t, "snapshots", must[meta.Snapshot](t)(c.Latest(ctx)), before)
	equal(t, "segments", segmentNames(t, c, before.ID), "a")
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: newer, Time: 20, Add: segments("b")}))
	equal(t, "segments", segmentNames(t, c, before.ID+1), "a b")
}

func snapshotNumbers(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "writer"}))
	var want []meta.Snapshot
	for i := range int64(5) {
		made := must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Time: 100 + i, Note: fmt.Sprint("flush ", i)}))
		want = append(want, meta.Snapshot{ID: i + 1, Time: 100 + i, Note: fmt.Sprint("flush ", i), Kept: true})
		equal(t, "snapshots made", made, want[i])
		equal(t, "latest snapshots", must[meta.Snapshot](t)(c.Latest(ctx)), made)
		if i == 2 {
			epoch = must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "another writer"}))
		}
	}
	equal(t, "snapshots", must[[]meta.Snapshot](t)(c.Snapshots(ctx)), want)
}

func clockSetBack(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "writer"}))
	var got []int64
	for _, now := range []int64{-50, -60, -40, -45, 1000, 1, 1000, 1001} {
		got = append(got, must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Time: now})).Time)
	}
	want := []int64{-50, -50, -40, -40, 1000, 1000, 1000, 1001}
	equal(t, "times of the commits", got, want)
	for i, s := range must[[]meta.Snapshot](t)(c.Snapshots(ctx)) {
		equal(t, "times of the snapshots", s.Time, want[i])
	}
}

func snapshotSegments(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "writer"}))
	steps := []struct {
		add    []string
		retire []string
		live   string
	}{
		{add: []string{"z", "a"}, live: "z a"},
		{add: []string{"m"}, live: "z a m"},
		{live: "z a m"},
		{add: []string{"zm"}, retire: []string{"m", "z"}, live: "a zm"},
		{retire: []string{"a", "zm"}, live: ""},
		{add: []string{"b"}, live: "b"},
	}
	for _, step := range steps {
		must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Add: segments(step.add...), Retire: step.retire}))
		for i := range must[meta.Snapshot](t)(c.Latest(ctx)).ID {
			equal(t, fmt.Sprintf("segments of snapshot %d", i+1), segmentNames(t, c, i+1), steps[i].live)
		}
	}
	equal(t, "segments of snapshot 0", segmentNames(t, c, 0), "")
	want := segment("m")
	want.Version, want.Created, want.Retired = 2, 2, 4
	equal(t, "segments", must[[]meta.Segment](t)(c.Segments(ctx, 2))[2], want)
	for _, snapshot := range []int64{-1, 7, math.MaxInt64, math.MinInt64} {
		_, err := c.Segments(ctx, snapshot)
		wantError(t, err, meta.ErrNotFound, fmt.Sprint(snapshot))
	}
}

func commitRefused(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "writer"}))
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Add: segments("live", "dead")}))
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Retire: []string{"dead"}}))
	tests := []struct {
		name   string
		commit meta.Commit
		want   error
		say    string
	}{
		{"a segment that never was cannot be retired", meta.Commit{Retire: []string{"live", "unknown"}}, meta.ErrNotFound, "unknown"},
		{"a segment is retired once", meta.Commit{Retire: []string{"live", "dead"}}, meta.ErrNotFound, "dead"},
		{"a segment is retired once by one commit", meta.Commit{Retire: []string{"live", "live"}}, meta.ErrNotFound, "live"},
		{"a segment is not added and retired at once", meta.Commit{Retire: []string{"new"}}, meta.ErrNotFound, "new"},
		{"a segment that is live is not added again", meta.Commit{Add: segments("live")}, meta.ErrExists, "live"},
		{"a segment that is retired is not added again", meta.Commit{Add: segments("dead")}, meta.ErrExists, "dead"},
		{"a segment is not replaced by another of its name", meta.Commit{Add: segments("live"), Retire: []string{"live"}}, meta.ErrExists, "live"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.commit.Epoch = epoch
			test.commit.Add = append(segments("new"), test.commit.Add...)
			_, err := c.Commit(t.Context(), test.commit)
			wantError(t, err, test.want, test.say)
			equal(t, "snapshots", must[meta.Snapshot](t)(c.Latest(t.Context())).ID, 2)
			equal(t, "segments", segmentNames(t, c, 2), "live")
		})
	}
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Add: segments("new")}))
	equal(t, "segments", segmentNames(t, c, 3), "live new")
}

func extremes(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: ""}))
	want := meta.Segment{
		Name: "segments/ü/0000000000000001-0001", Size: math.MaxInt64, Series: math.MaxInt64, Blocks: math.MaxInt64, Samples: math.MaxInt64,
		From: math.MinInt64, To: math.MaxInt64, CRC: math.MaxUint32, Digest: math.MaxUint64,
	}
	log := must[string](t)(c.NewLog(ctx))
	commit := meta.Commit{Epoch: epoch, Time: math.MaxInt64, Add: []meta.Segment{want}, Log: log, Position: math.MaxUint64}
	made := must[meta.Snapshot](t)(c.Commit(ctx, commit))
	want.Version, want.Created = made.ID, made.ID
	equal(t, "snapshots", must[meta.Snapshot](t)(c.Latest(ctx)), meta.Snapshot{ID: 1, Time: math.MaxInt64, Kept: true})
	equal(t, "positions", must[uint64](t)(c.Position(ctx, log)), math.MaxUint64)
	equal(t, "all snapshots", must[[]meta.Snapshot](t)(c.Snapshots(ctx)), []meta.Snapshot{made})
	equal(t, "segments", must[[]meta.Segment](t)(c.Segments(ctx, 1)), []meta.Segment{want})
}

// commitOnce commits an empty change, and reports whether the epoch is the newest.
func commitOnce(t *testing.T, c meta.Catalog, epoch int64, name string) bool {
	_, err := c.Commit(t.Context(), meta.Commit{Epoch: epoch, Add: segments(name)})
	if err != nil && !errors.Is(err, meta.ErrConflict) {
		t.Error(err)
	}
	return err == nil
}
