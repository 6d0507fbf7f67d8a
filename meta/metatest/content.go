package metatest

import (
	"math"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// fill puts something of everything into a catalog.
func fill(t *testing.T, c meta.Catalog) {
	t.Helper()
	ctx := t.Context()
	must[[]meta.Series](t)(c.CreateSeries(ctx, samplers()))
	acquire(t, c)
	epoch := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "node 1", Log: "a", TTL: long}))
	layers(t, c, epoch, 4)
	commitEdits(t, c, epoch)
	history := segment("history")
	history.History = true
	log := must[string](t)(c.NewLog(ctx))
	must[string](t)(c.NewLog(ctx))
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{
		Epoch: epoch, Time: 2000, Add: []meta.Segment{history}, Replace: []meta.Replacement{{Old: "s2"}}, Log: log, Position: math.MaxUint64, Note: "purge",
	}))
	check(t, c.Pin(ctx, meta.Pin{Name: "audit", Snapshot: 3, Who: "Ada", Created: 5}))
	must[meta.Expired](t)(c.Expire(ctx, meta.Expiry{Epoch: epoch, Now: 3000, KeepFrom: 40}))
	must[int64](t)(c.ReserveEdits(ctx, epoch, 100))
	check(t, c.SetSetting(ctx, "retention", "[]"))
	check(t, c.SetSetting(ctx, "größe", ""))
}

func exportImport(t *testing.T, open Opener) {
	from, dir, ctx := openNew(t, open), t.TempDir(), t.Context()
	fill(t, from)
	content := must[meta.Content](t)(from.Export(ctx))
	equal(t, "ids", content.ID, must[string](t)(from.ID(ctx)))
	equal(t, "epochs", content.Epoch, must[meta.Lease](t)(from.Lease(ctx)).Epoch)
	equal(t, "numbers of series, snapshots, edits, pins, logs", []int{len(content.Series), len(content.Snapshots), len(content.Edits), len(content.Pins), len(content.Logs)}, []int{9, 8, 3, 1, 2})

	into := openIn(t, open, dir)
	equal(t, "series before", len(must[[]meta.Series](t)(into.Series(ctx))), 0)
	check(t, into.Import(ctx, content))
	equal(t, "contents", must[meta.Content](t)(into.Export(ctx)), content)
	equal(t, "leases", must[meta.Lease](t)(into.Lease(ctx)), meta.Lease{})
	equal(t, "garbage", len(must[[]meta.Garbage](t)(into.Garbage(ctx))), 0)
	for _, c := range []meta.Catalog{into, openIn(t, open, dir)} {
		equal(t, "series", must[[]meta.Series](t)(c.Series(ctx)), must[[]meta.Series](t)(from.Series(ctx)))
		equal(t, "edits", must[[]meta.Edit](t)(c.Edits(ctx, meta.EditFilter{Series: []int64{7}})), must[[]meta.Edit](t)(from.Edits(ctx, meta.EditFilter{Series: []int64{7}})))
		for _, s := range content.Snapshots {
			if s.Kept {
				equal(t, "segments", must[[]meta.Segment](t)(c.Segments(ctx, s.ID)), must[[]meta.Segment](t)(from.Segments(ctx, s.ID)))
			}
		}
		for _, log := range content.Logs {
			equal(t, "positions", must[uint64](t)(c.Position(ctx, log.ID)), log.Position)
		}
	}
	goesOn(t, into, content)
}

// goesOn checks that a catalog gives no id again that another one gave, whose content
// it took over.
func goesOn(t *testing.T, c meta.Catalog, content meta.Content) {
	t.Helper()
	ctx := t.Context()
	_, err := c.Commit(ctx, meta.Commit{Epoch: content.Epoch})
	wantError(t, err, meta.ErrConflict)
	epoch := acquire(t, c)
	if epoch <= content.Epoch {
		t.Errorf("the epoch is %d and was %d", epoch, content.Epoch)
	}
	if edit := must[int64](t)(c.ReserveEdits(ctx, epoch, 1)); edit < content.NextEdit {
		t.Errorf("the edit is %d, and up to %d they were given", edit, content.NextEdit-1)
	}
	created := must[[]meta.Series](t)(c.CreateSeries(ctx, []meta.Series{double("new"), double("newer")}))
	for _, s := range content.Series {
		if s.ID >= created[0].ID || created[1].ID <= created[0].ID {
			t.Errorf("the ids are %d and %d, and %d was there", created[0].ID, created[1].ID, s.ID)
		}
	}
	last := content.Snapshots[len(content.Snapshots)-1]
	made := must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Add: segments("added later")}))
	equal(t, "snapshots", made, meta.Snapshot{ID: last.ID + 1, Time: last.Time, Kept: true})
	all := must[[]meta.Segment](t)(c.AllSegments(ctx))
	equal(t, "last segments", all[len(all)-1].Name, "added later")
	_, err = c.Commit(ctx, meta.Commit{Epoch: epoch, Edit: &meta.Edit{ID: content.Edits[0].ID, Kind: columnar.Delete}})
	wantError(t, err, meta.ErrExists)
}

// exportOfNothing moves a catalog in which there is nothing yet.
func exportOfNothing(t *testing.T, open Opener) {
	from, into, ctx := openNew(t, open), openNew(t, open), t.Context()
	content := must[meta.Content](t)(from.Export(ctx))
	equal(t, "contents", content, meta.Content{ID: content.ID, NextEdit: 1, Settings: map[string]string{}, Head: content.ID})
	check(t, into.Import(ctx, content))
	equal(t, "contents", must[meta.Content](t)(into.Export(ctx)), content)
	must[[]meta.Series](t)(into.CreateSeries(ctx, []meta.Series{double("a")}))
	must[meta.Snapshot](t)(into.Commit(ctx, meta.Commit{Epoch: acquire(t, into)}))
}

func importRefused(t *testing.T, open Opener) {
	ctx := t.Context()
	full := openNew(t, open)
	fill(t, full)
	content := must[meta.Content](t)(full.Export(ctx))
	somethings := map[string]func(t *testing.T, c meta.Catalog){
		"everything": fill,
		"a series": func(t *testing.T, c meta.Catalog) {
			must[[]meta.Series](t)(c.CreateSeries(t.Context(), []meta.Series{double("a")}))
		},
		"a snapshot": func(t *testing.T, c meta.Catalog) {
			must[meta.Snapshot](t)(c.Commit(t.Context(), meta.Commit{Epoch: acquire(t, c)}))
		},
		"a writer":  func(t *testing.T, c meta.Catalog) { acquire(t, c) },
		"a log":     func(t *testing.T, c meta.Catalog) { must[string](t)(c.NewLog(t.Context())) },
		"a setting": func(t *testing.T, c meta.Catalog) { check(t, c.SetSetting(t.Context(), "a", "b")) },
		"garbage": func(t *testing.T, c meta.Catalog) {
			must[[]string](t)(c.Condemn(t.Context(), acquire(t, c), []string{"a"}, 1))
		},
	}
	for name, put := range somethings {
		t.Run(name, func(t *testing.T) {
			c := openNew(t, open)
			put(t, c)
			before := stateOf(t, c)
			wantError(t, c.Import(t.Context(), content), meta.ErrExists, "not empty")
			before.unchanged(t, c)
		})
	}

	// What is wrong halfway is not half imported.
	c := openNew(t, open)
	before := stateOf(t, c)
	broken := content
	broken.Edits = append(broken.Edits[:len(broken.Edits):len(broken.Edits)], broken.Edits[0])
	if err := c.Import(ctx, broken); err == nil {
		t.Error("two edits of one id were imported")
	}
	before.unchanged(t, c)
	check(t, c.Import(ctx, content))
}
