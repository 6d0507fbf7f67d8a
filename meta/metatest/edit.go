package metatest

import (
	"fmt"
	"math"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

func counts(n int64) columnar.EditCounts {
	return columnar.EditCounts{Inserted: n, Replaced: n + 1, Deleted: n + 2}
}

// editRange returns a range whose attributes all differ.
func editRange(series, from, to int64) meta.EditRange {
	return meta.EditRange{Series: series, From: from, To: to, EditCounts: counts(series + to)}
}

func reservedEdits(t *testing.T, open Opener) {
	dir, ctx := t.TempDir(), t.Context()
	one, two := openIn(t, open, dir), openIn(t, open, dir)
	epoch := acquire(t, one)
	next := int64(1)
	for i, n := range []int{1, 3, 1000, 1} {
		c := []meta.Catalog{one, two}[i%2]
		first := must[int64](t)(c.ReserveEdits(ctx, epoch, n))
		if first < next {
			t.Errorf("the first of %d ids is %d, and %d was given before", n, first, next-1)
		}
		next = first + int64(n)
	}
	for _, n := range []int{0, -1} {
		_, err := one.ReserveEdits(ctx, epoch, n)
		wantError(t, err, meta.ErrInvalid)
	}
	newer := acquire(t, two)
	if first := must[int64](t)(two.ReserveEdits(ctx, newer, 1)); first < next {
		t.Errorf("a newer writer got id %d, and %d was given before", first, next-1)
	}
}

// commitEdits makes three edits and returns them as the catalog has them.
func commitEdits(t *testing.T, c meta.Catalog, epoch int64) []meta.Edit {
	t.Helper()
	first := must[int64](t)(c.ReserveEdits(t.Context(), epoch, 4))
	edits := []meta.Edit{
		{
			ID: first, Kind: columnar.Overwrite, Who: "Ada", Reason: "Zähler\n'getauscht'", Source: "mail", EditCounts: counts(10),
			Ranges: []meta.EditRange{editRange(1, 0, 10), editRange(1, 20, 30), editRange(7, -50, 5)},
		},
		{ID: first + 3, Kind: columnar.Purge, EditCounts: columnar.EditCounts{Inserted: math.MaxInt64}},
		{
			ID: first + 1, Kind: columnar.Delete, Who: "Bert", EditCounts: counts(20),
			Ranges: []meta.EditRange{editRange(7, 100, 110), editRange(9, math.MinInt64, math.MaxInt64)},
		},
	}
	for i := range edits {
		given := edits[i]
		given.Snapshot, given.Time = 4711, 4711 // set by the catalog
		now := int64(1000 + i)
		made := must[meta.Snapshot](t)(c.Commit(t.Context(), meta.Commit{
			Epoch: epoch, Time: now, Note: "edit", Add: segments(fmt.Sprint("of edit ", i)), Edit: &given,
		}))
		equal(t, "snapshots", made, meta.Snapshot{ID: made.ID, Time: now, Note: "edit", Edit: given.ID, Kept: true})
		edits[i].Snapshot, edits[i].Time = made.ID, made.Time
	}
	return []meta.Edit{edits[0], edits[2], edits[1]}
}

func editRecords(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	equal(t, "edits of a new catalog", len(must[[]meta.Edit](t)(c.Edits(ctx, meta.EditFilter{}))), 0)
	epoch := acquire(t, c)
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch}))
	want := commitEdits(t, c, epoch)
	equal(t, "edits", must[[]meta.Edit](t)(c.Edits(ctx, meta.EditFilter{})), want)
	for _, s := range must[[]meta.Snapshot](t)(c.Snapshots(ctx)) {
		equal(t, "edits of snapshots", s.Edit, map[int64]int64{1: 0, 2: want[0].ID, 3: want[2].ID, 4: want[1].ID}[s.ID])
	}

	// Ranges come by series, then time, in whatever order they are given.
	id := must[int64](t)(c.ReserveEdits(ctx, epoch, 1))
	edit := meta.Edit{ID: id, Kind: columnar.Backfill, Ranges: []meta.EditRange{editRange(3, 5, 6), editRange(2, 7, 8), editRange(3, 1, 2)}}
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Edit: &edit}))
	got := must[[]meta.Edit](t)(c.Edits(ctx, meta.EditFilter{IDs: []int64{id}}))
	equal(t, "ranges", got[0].Ranges, []meta.EditRange{editRange(2, 7, 8), editRange(3, 1, 2), editRange(3, 5, 6)})
}

func editFilters(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	edits := commitEdits(t, c, acquire(t, c))
	overwrite, remove, purge := edits[0], edits[1], edits[2]
	tests := []struct {
		name   string
		filter meta.EditFilter
		want   []meta.Edit
	}{
		{"no filter chooses all", meta.EditFilter{}, edits},
		{"by id", meta.EditFilter{IDs: []int64{purge.ID, overwrite.ID, 4711}}, []meta.Edit{overwrite, purge}},
		{"by no id", meta.EditFilter{IDs: []int64{}}, nil},
		{"by kind", meta.EditFilter{Kind: columnar.Delete}, []meta.Edit{remove}},
		{"by a kind that there is none of", meta.EditFilter{Kind: columnar.Restore}, nil},
		{"by series", meta.EditFilter{Series: []int64{7}}, []meta.Edit{overwrite, remove}},
		{"by several series", meta.EditFilter{Series: []int64{1, 9}}, []meta.Edit{overwrite, remove}},
		{"by a series without edits", meta.EditFilter{Series: []int64{8}}, nil},
		{"by no series", meta.EditFilter{Series: []int64{}}, nil},
		{"by time, up to the end of all ranges", meta.EditFilter{From: 29, To: 31}, []meta.Edit{overwrite, remove}},
		{"by time, after the end of a range", meta.EditFilter{From: 30, To: 31}, []meta.Edit{remove}},
		{"by time, before the beginning of a range", meta.EditFilter{From: -60, To: -50}, []meta.Edit{remove}},
		{"by time, up to the beginning of a range", meta.EditFilter{From: -60, To: -49}, []meta.Edit{overwrite, remove}},
		{"by time, that ends at 0", meta.EditFilter{From: -1, To: 0}, []meta.Edit{overwrite, remove}},
		{"by all time", meta.EditFilter{From: math.MinInt64, To: math.MaxInt64}, []meta.Edit{overwrite, remove}},
		{"one range has to be of the series and the time", meta.EditFilter{Series: []int64{1}, From: -50, To: 0}, nil},
		{"by series and time", meta.EditFilter{Series: []int64{1, 7}, From: 100, To: 101}, []meta.Edit{remove}},
		{"by everything", meta.EditFilter{IDs: []int64{overwrite.ID}, Series: []int64{7}, Kind: columnar.Overwrite, From: 4, To: 5}, []meta.Edit{overwrite}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			equal(t, "edits", must[[]meta.Edit](t)(c.Edits(ctx, test.filter)), test.want)
		})
	}
}

func editRefused(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := acquire(t, c)
	log := must[string](t)(c.NewLog(ctx))
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Add: segments("old", "replaced")}))
	there := commitEdits(t, c, epoch)[1]
	before := stateOf(t, c)
	for id, want := range map[int64]error{there.ID: meta.ErrExists, 0: meta.ErrInvalid, -1: meta.ErrInvalid} {
		_, err := c.Commit(ctx, meta.Commit{
			Epoch: epoch, Time: 5000, Add: segments("new"), Retire: []string{"old"}, Replace: []meta.Replacement{{Old: "replaced"}},
			Log: log, Position: 5, Edit: &meta.Edit{ID: id, Kind: columnar.Delete, Ranges: []meta.EditRange{editRange(1, 2, 3)}},
		})
		wantError(t, err, want, fmt.Sprint(id))
		before.unchanged(t, c)
	}
}

func manyEdits(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := acquire(t, c)
	const ranges = 20_000
	edit := meta.Edit{ID: must[int64](t)(c.ReserveEdits(ctx, epoch, 1)), Kind: columnar.Backfill}
	for i := range int64(ranges) {
		edit.Ranges = append(edit.Ranges, editRange(i, i, i+1))
	}
	made := must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Edit: &edit}))
	got := must[[]meta.Edit](t)(c.Edits(ctx, meta.EditFilter{Series: []int64{ranges - 1}}))
	edit.Snapshot, edit.Time = made.ID, made.Time
	equal(t, "edits", got, []meta.Edit{edit})
}
