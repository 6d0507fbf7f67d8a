package metatest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/meta"
)

// garbageNames returns the names of the garbage, in its order.
func garbageNames(t *testing.T, c meta.Catalog) string {
	t.Helper()
	var list []string
	for _, g := range must[[]meta.Garbage](t)(c.Garbage(t.Context())) {
		list = append(list, g.Name)
	}
	return strings.Join(list, " ")
}

// allNames returns the names of all segments, in their order.
func allNames(t *testing.T, c meta.Catalog) string {
	t.Helper()
	var list []string
	for _, s := range must[[]meta.Segment](t)(c.AllSegments(t.Context())) {
		list = append(list, s.Name)
	}
	return strings.Join(list, " ")
}

// keptSnapshots returns the numbers of the snapshots that are kept.
func keptSnapshots(t *testing.T, c meta.Catalog) string {
	t.Helper()
	var list []string
	for _, s := range must[[]meta.Snapshot](t)(c.Snapshots(t.Context())) {
		if s.Kept {
			list = append(list, fmt.Sprint(s.ID))
		}
	}
	return strings.Join(list, " ")
}

// layers makes snapshots 1 to n at the instants 10, 20, ...; each adds the segment
// "sN" and retires the one before.
func layers(t *testing.T, c meta.Catalog, epoch int64, n int) {
	t.Helper()
	for i := 1; i <= n; i++ {
		commit := meta.Commit{Epoch: epoch, Time: int64(10 * i), Add: segments(fmt.Sprint("s", i))}
		if i > 1 {
			commit.Retire = []string{fmt.Sprint("s", i-1)}
		}
		must[meta.Snapshot](t)(c.Commit(t.Context(), commit))
	}
}

func givenVersions(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := acquire(t, c)
	add := func(name string, version int64, retire ...string) {
		t.Helper()
		s := segment(name)
		s.Version, s.Created, s.Retired = version, 77, 78 // those two are set by the catalog
		must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Add: []meta.Segment{s}, Retire: retire}))
	}
	add("one", 0)
	add("two", 0)
	add("three", 0)
	add("one and two", 2, "one", "two") // compacted: it holds nothing that is newer than snapshot 2
	add("late", 2)
	equal(t, "segments by version, then addition", segmentNames(t, c, 5), "one and two late three")
	equal(t, "segments before", segmentNames(t, c, 3), "one two three")
	equal(t, "all segments", allNames(t, c), "one two three one and two late")
	want := segment("one and two")
	want.Version, want.Created = 2, 4
	equal(t, "segments", must[[]meta.Segment](t)(c.Segments(ctx, 4))[0], want)
}

func historySegments(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := acquire(t, c)
	history := segment("history")
	history.History = true
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Time: 10, Add: segments("a")}))
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Time: 20, Add: append(segments("b"), history), Retire: []string{"a"}}))
	for i, want := range []string{"", "a", "b"} {
		equal(t, "segments", segmentNames(t, c, int64(i)), want)
	}
	history.Version, history.Created = 2, 2
	equal(t, "segments", must[[]meta.Segment](t)(c.AllSegments(ctx))[2], history)
	before := stateOf(t, c)
	_, err := c.Commit(ctx, meta.Commit{Epoch: epoch, Retire: []string{"history"}})
	wantError(t, err, meta.ErrNotFound, "history")
	_, err = c.Commit(ctx, meta.Commit{Epoch: epoch, Add: segments("history")})
	wantError(t, err, meta.ErrExists, "history")
	before.unchanged(t, c)
	// No expiry takes it, a purge does.
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Time: 30}))
	expired := must[meta.Expired](t)(c.Expire(ctx, meta.Expiry{Epoch: epoch, Now: 40, KeepFrom: 40}))
	equal(t, "expired", expired, meta.Expired{Snapshots: 2, Segments: []string{"a"}})
	equal(t, "all segments", allNames(t, c), "b history")
	less := segment("less history")
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Time: 50, Replace: []meta.Replacement{{Old: "history", New: &less}}}))
	less.Version, less.Created, less.History = 2, 2, true
	equal(t, "segments", must[[]meta.Segment](t)(c.AllSegments(ctx))[1], less)
	equal(t, "segments", segmentNames(t, c, 4), "b")
	equal(t, "garbage", garbageNames(t, c), "a history")
}

func replacements(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := acquire(t, c)
	commit := func(change meta.Commit) {
		t.Helper()
		change.Epoch = epoch
		must[meta.Snapshot](t)(c.Commit(ctx, change))
	}
	commit(meta.Commit{Time: 10, Add: segments("a", "b", "c")})
	commit(meta.Commit{Time: 20, Add: segments("d"), Retire: []string{"a"}})
	retired, live, both := segment("retired, less"), segment("live, less"), segment("retired just now, less")
	for _, s := range []*meta.Segment{&retired, &live, &both} {
		s.Version, s.Created, s.Retired, s.History = 90, 91, 92, true // they take over the old ones'
	}
	commit(meta.Commit{
		Time: 30, Add: segments("e"), Retire: []string{"c"},
		Replace: []meta.Replacement{{Old: "a", New: &retired}, {Old: "b", New: &live}, {Old: "c", New: &both}, {Old: "d"}},
	})
	equal(t, "segments of snapshot 1", segmentNames(t, c, 1), "retired, less live, less retired just now, less")
	equal(t, "segments of snapshot 2", segmentNames(t, c, 2), "live, less retired just now, less")
	equal(t, "segments of snapshot 3", segmentNames(t, c, 3), "live, less e")
	retired.Version, retired.Created, retired.Retired, retired.History = 1, 1, 2, false
	live.Version, live.Created, live.Retired, live.History = 1, 1, 0, false
	both.Version, both.Created, both.Retired, both.History = 1, 1, 3, false
	equal(t, "segments", must[[]meta.Segment](t)(c.AllSegments(ctx))[:3], []meta.Segment{retired, live, both})
	want := []meta.Garbage{{Name: "a", Since: 30}, {Name: "b", Since: 30}, {Name: "c", Since: 30}, {Name: "d", Since: 30}}
	equal(t, "garbage", must[[]meta.Garbage](t)(c.Garbage(ctx)), want)
	// A name that was there is not given again.
	for _, name := range []string{"a", "d"} {
		_, err := c.Commit(ctx, meta.Commit{Epoch: epoch, Add: segments(name)})
		wantError(t, err, meta.ErrExists, name)
	}
}

func replacementsRefused(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := acquire(t, c)
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Add: segments("a", "b", "gone")}))
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Replace: []meta.Replacement{{Old: "gone"}}}))
	x, y, same, taken := segment("x"), segment("x"), segment("a"), segment("gone")
	tests := []struct {
		name    string
		add     []meta.Segment
		replace []meta.Replacement
		want    error
		say     string
	}{
		{"one that never was", nil, []meta.Replacement{{Old: "a"}, {Old: "unknown", New: &x}}, meta.ErrNotFound, "unknown"},
		{"one that is garbage", nil, []meta.Replacement{{Old: "a"}, {Old: "gone"}}, meta.ErrNotFound, "gone"},
		{"one twice", nil, []meta.Replacement{{Old: "a"}, {Old: "a", New: &x}}, meta.ErrNotFound, "a"},
		{"one that is added", segments("new"), []meta.Replacement{{Old: "new", New: &x}}, meta.ErrNotFound, "new"},
		{"by one of its own name", nil, []meta.Replacement{{Old: "a", New: &same}}, meta.ErrExists, "a"},
		{"by one that is there", nil, []meta.Replacement{{Old: "b", New: &same}}, meta.ErrExists, "a"},
		{"by one whose name is garbage", nil, []meta.Replacement{{Old: "b", New: &taken}}, meta.ErrExists, "gone"},
		{"two by one", nil, []meta.Replacement{{Old: "a", New: &x}, {Old: "b", New: &y}}, meta.ErrExists, "x"},
		{"by one that is added", segments("x"), []meta.Replacement{{Old: "a", New: &x}}, meta.ErrExists, "x"},
	}
	before := stateOf(t, c)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.Commit(t.Context(), meta.Commit{Epoch: epoch, Add: test.add, Replace: test.replace})
			wantError(t, err, test.want, test.say)
			before.unchanged(t, c)
		})
	}
}

func snapshotsByTime(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	_, err := c.At(ctx, math.MaxInt64)
	wantError(t, err, meta.ErrNotFound)
	epoch := acquire(t, c)
	for _, now := range []int64{-5, 10, 10, 30} {
		must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Time: now}))
	}
	must[meta.Expired](t)(c.Expire(ctx, meta.Expiry{Epoch: epoch, KeepFrom: 30}))
	for instant, want := range map[int64]int64{-5: 1, 9: 1, 10: 3, 29: 3, 30: 4, math.MaxInt64: 4} {
		got := must[meta.Snapshot](t)(c.At(ctx, instant))
		equal(t, fmt.Sprint("snapshots at ", instant), got, must[[]meta.Snapshot](t)(c.Snapshots(ctx))[want-1])
	}
	for _, instant := range []int64{-6, math.MinInt64} {
		_, err := c.At(ctx, instant)
		wantError(t, err, meta.ErrNotFound)
	}
}

func pins(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := acquire(t, c)
	layers(t, c, epoch, 3)
	audit := meta.Pin{Name: "audit", Snapshot: 2, Who: "Ada", Created: -7}
	more := []meta.Pin{{Name: "Z", Snapshot: 2}, audit, {Name: "é", Snapshot: 3, Created: math.MaxInt64}}
	for i := range more {
		check(t, c.Pin(ctx, more[len(more)-1-i]))
	}
	equal(t, "pins", must[[]meta.Pin](t)(c.Pins(ctx)), more)
	must[meta.Expired](t)(c.Expire(ctx, meta.Expiry{Epoch: epoch, KeepFrom: 30}))
	before := stateOf(t, c)
	wantError(t, c.Pin(ctx, meta.Pin{Name: "audit", Snapshot: 3}), meta.ErrExists, `"audit"`)
	wantError(t, c.Pin(ctx, meta.Pin{Name: "none", Snapshot: 4}), meta.ErrNotFound, "snapshot 4", "the newest is 3")
	wantError(t, c.Pin(ctx, meta.Pin{Name: "zero", Snapshot: 0}), meta.ErrNotFound, "snapshot 0")
	wantError(t, c.Pin(ctx, meta.Pin{Name: "given up", Snapshot: 1}), meta.ErrNotFound, "not kept any more", "back to 2")
	wantError(t, c.Pin(ctx, meta.Pin{Snapshot: 3}), meta.ErrInvalid, "name")
	wantError(t, c.Unpin(ctx, "none"), meta.ErrNotFound, `"none"`)
	before.unchanged(t, c)
	check(t, c.Unpin(ctx, "audit"))
	wantError(t, c.Unpin(ctx, "audit"), meta.ErrNotFound, `"audit"`)
	equal(t, "pins", must[[]meta.Pin](t)(c.Pins(ctx)), []meta.Pin{more[0], more[2]})
	audit.Snapshot = 3
	check(t, c.Pin(ctx, audit))
}

func expiry(t *testing.T, open Opener) {
	tests := []struct {
		name     string
		pins     []int64
		keepFrom int64
		gone     []string // segments
		kept     string   // snapshots
	}{
		{"before the first snapshot nothing goes", nil, 9, nil, "1 2 3 4 5"},
		{"at the first snapshot nothing goes", nil, 10, nil, "1 2 3 4 5"},
		{"the last snapshot before the instant is kept", nil, 39, []string{"s1", "s2"}, "3 4 5"},
		{"a snapshot at the instant is the last before it", nil, 40, []string{"s1", "s2", "s3"}, "4 5"},
		{"the newest snapshot is kept", nil, math.MaxInt64, []string{"s1", "s2", "s3", "s4"}, "5"},
		{"a pin keeps its snapshot and that one's segments", []int64{2}, 50, []string{"s1", "s3", "s4"}, "2 5"},
		{"pins keep theirs", []int64{1, 4, 4}, 50, []string{"s2", "s3"}, "1 4 5"},
		{"a pin of the newest snapshot makes no difference", []int64{5}, 50, []string{"s1", "s2", "s3", "s4"}, "5"},
		{"for ever", nil, math.MinInt64, nil, "1 2 3 4 5"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, ctx := openNew(t, open), t.Context()
			epoch := acquire(t, c)
			layers(t, c, epoch, 5)
			for i, snapshot := range test.pins {
				check(t, c.Pin(ctx, meta.Pin{Name: fmt.Sprint(i), Snapshot: snapshot}))
			}
			want := meta.Expired{Snapshots: int64(5 - len(strings.Fields(test.kept))), Segments: test.gone}
			before := stateOf(t, c)
			dry := must[meta.Expired](t)(c.Expire(ctx, meta.Expiry{Epoch: epoch, Now: 70, KeepFrom: test.keepFrom, DryRun: true}))
			equal(t, "what would go", dry, want)
			before.unchanged(t, c)
			equal(t, "what went", must[meta.Expired](t)(c.Expire(ctx, meta.Expiry{Epoch: epoch, Now: 70, KeepFrom: test.keepFrom})), want)
			equal(t, "kept snapshots", keptSnapshots(t, c), test.kept)
			var garbage []meta.Garbage
			for _, name := range test.gone {
				garbage = append(garbage, meta.Garbage{Name: name, Since: 70})
			}
			equal(t, "garbage", must[[]meta.Garbage](t)(c.Garbage(ctx)), garbage)
			checkLayers(t, c, test.kept, test.gone)
			// What went does not come back, and goes once.
			again := must[meta.Expired](t)(c.Expire(ctx, meta.Expiry{Epoch: epoch, Now: 80, KeepFrom: math.MinInt64}))
			equal(t, "what went again", again, meta.Expired{})
		})
	}
}

// checkLayers checks that kept snapshots are whole, and that others are refused.
func checkLayers(t *testing.T, c meta.Catalog, kept string, gone []string) {
	t.Helper()
	list := strings.Fields(kept)
	for id := range must[meta.Snapshot](t)(c.Latest(t.Context())).ID {
		id++
		if slices.Contains(list, fmt.Sprint(id)) {
			equal(t, fmt.Sprint("segments of snapshot ", id), segmentNames(t, c, id), fmt.Sprint("s", id))
			continue
		}
		_, err := c.Segments(t.Context(), id)
		wantError(t, err, meta.ErrNotFound, fmt.Sprint("snapshot ", id), "not kept any more", "back to "+list[0])
	}
	all := strings.Fields(allNames(t, c))
	for _, name := range gone {
		if slices.Contains(all, name) {
			t.Errorf("segment %s is garbage, and is there", name)
		}
	}
}

// unpinned checks that what a pin kept goes with the first expiry after it.
func unpinned(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := acquire(t, c)
	layers(t, c, epoch, 4)
	check(t, c.Pin(ctx, meta.Pin{Name: "a", Snapshot: 2}))
	check(t, c.Pin(ctx, meta.Pin{Name: "b", Snapshot: 2}))
	must[meta.Expired](t)(c.Expire(ctx, meta.Expiry{Epoch: epoch, Now: 1, KeepFrom: 40}))
	for _, name := range []string{"a", "b"} {
		equal(t, "segments", segmentNames(t, c, 2), "s2")
		equal(t, "what goes while it is pinned", must[meta.Expired](t)(c.Expire(ctx, meta.Expiry{Epoch: epoch, Now: 2, KeepFrom: 40})), meta.Expired{})
		check(t, c.Unpin(ctx, name))
	}
	equal(t, "segments", segmentNames(t, c, 2), "s2")
	expired := must[meta.Expired](t)(c.Expire(ctx, meta.Expiry{Epoch: epoch, Now: 3, KeepFrom: 40}))
	equal(t, "what goes", expired, meta.Expired{Snapshots: 1, Segments: []string{"s2"}})
}

func garbage(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := acquire(t, c)
	equal(t, "what a catalog without snapshots gives up", must[meta.Expired](t)(c.Expire(ctx, meta.Expiry{Epoch: epoch, KeepFrom: 1})), meta.Expired{})
	layers(t, c, epoch, 3)
	must[meta.Expired](t)(c.Expire(ctx, meta.Expiry{Epoch: epoch, Now: 50, KeepFrom: 20}))
	// s1 is garbage, s2 retired, s3 live.
	got := must[[]string](t)(c.Condemn(ctx, epoch, []string{"z", "s3", "orphan", "s1", "s2", "orphan"}, 60))
	equal(t, "condemned", got, []string{"z", "orphan"})
	want := []meta.Garbage{{Name: "orphan", Since: 60}, {Name: "s1", Since: 50}, {Name: "z", Since: 60}}
	equal(t, "garbage", must[[]meta.Garbage](t)(c.Garbage(ctx)), want)
	equal(t, "condemned again", len(must[[]string](t)(c.Condemn(ctx, epoch, []string{"z", "s3", "orphan"}, 70))), 0)
	equal(t, "condemned from none", len(must[[]string](t)(c.Condemn(ctx, epoch, nil, 70))), 0)
	equal(t, "garbage", must[[]meta.Garbage](t)(c.Garbage(ctx)), want)

	// What is garbage never lives again.
	for _, name := range []string{"s1", "orphan"} {
		before := stateOf(t, c)
		_, err := c.Commit(ctx, meta.Commit{Epoch: epoch, Add: segments(name)})
		wantError(t, err, meta.ErrExists, name)
		before.unchanged(t, c)
	}
	segmentsBefore := allNames(t, c)
	check(t, c.Forget(ctx, epoch, []string{"s1", "z", "unknown", "s3"}))
	check(t, c.Forget(ctx, epoch, nil))
	equal(t, "garbage", garbageNames(t, c), "orphan")
	equal(t, "segments", allNames(t, c), segmentsBefore)
	equal(t, "condemned when it turned up again", must[[]string](t)(c.Condemn(ctx, epoch, []string{"z"}, 80)), []string{"z"})
}
