package metatest

import (
	"math"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// replayed applies all changes after a content and returns what they come to, with what
// is in no change taken from another content.
func replayed(t *testing.T, c meta.Catalog, from meta.Content, like meta.Content) meta.Content {
	t.Helper()
	journal := must[meta.Journal](t)(c.Journal(t.Context(), from.Changes))
	r := meta.NewReplay(&from)
	for _, e := range journal.Entries {
		check(t, r.Apply(e))
	}
	equal(t, "numbers of changes", r.Changes(), journal.Number)
	content := r.Content()
	content.Epoch, content.NextEdit = like.Epoch, like.NextEdit
	return content
}

// allChanges makes every kind of change, some of them more than once.
func allChanges(t *testing.T, c meta.Catalog) {
	t.Helper()
	ctx := t.Context()
	fill(t, c)
	epoch := must[meta.Lease](t)(c.Lease(ctx)).Epoch
	series := must[[]meta.Series](t)(c.Series(ctx))
	series[0].Name, series[1].Name = series[1].Name, series[0].Name
	series[2].Labels, series[2].Low = `{"a": "ö"}`, new(float64)
	check(t, c.UpdateSeries(ctx, series[:3]))
	check(t, c.SetSetting(ctx, "größe", "\"1\"\n"))
	check(t, c.SetSetting(ctx, "größe", "2"))
	latest := must[meta.Snapshot](t)(c.Latest(ctx))
	check(t, c.Pin(ctx, meta.Pin{Name: "b", Snapshot: latest.ID}))
	check(t, c.Unpin(ctx, "audit"))
	_, err := c.Commit(ctx, meta.Commit{Epoch: epoch, Retire: []string{"never there"}})
	wantError(t, err, meta.ErrNotFound)
	var live []string
	for _, s := range must[[]meta.Segment](t)(c.Segments(ctx, latest.ID)) {
		live = append(live, s.Name)
	}
	place := segment("in place")
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{
		Epoch: epoch, Time: 3000, Add: segments("big", "bigger"), Retire: live[:1],
		Replace: []meta.Replacement{{Old: live[1], New: &place}, {Old: "history"}},
	}))
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Time: 4000, Retire: []string{"big"}}))
	expiry := meta.Expiry{Epoch: epoch, Now: 5000, KeepFrom: 5000, DryRun: true}
	must[meta.Expired](t)(c.Expire(ctx, expiry))
	expiry.DryRun = false
	must[meta.Expired](t)(c.Expire(ctx, expiry))
	must[meta.Expired](t)(c.Expire(ctx, expiry)) // which finds nothing
	id := must[int64](t)(c.ReserveEdits(ctx, epoch, 2))
	for _, id := range []int64{id + 1, id} {
		edit := meta.Edit{ID: id, Kind: columnar.Overwrite, Ranges: []meta.EditRange{{Series: 1, From: math.MinInt64, To: math.MaxInt64}}}
		must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Time: 6000, Edit: &edit}))
	}
}

// journalReplays compares the changes of a catalog with what it holds.
func journalReplays(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	empty := must[meta.Content](t)(c.Export(ctx))
	equal(t, "journals of nothing", must[meta.Journal](t)(c.Journal(ctx, 0)), meta.Journal{Database: empty.ID, Head: empty.ID})
	fill(t, c)
	half := must[meta.Content](t)(c.Export(ctx))
	c2 := openNew(t, open)
	emptyToo := must[meta.Content](t)(c2.Export(ctx))
	allChanges(t, c2)
	content := must[meta.Content](t)(c2.Export(ctx))
	equal(t, "contents", replayed(t, c2, emptyToo, content), content)
	equal(t, "contents half way", replayed(t, c, empty, half), half)
	check(t, c.SetSetting(ctx, "more", "x"))
	more := must[meta.Content](t)(c.Export(ctx))
	equal(t, "contents from half way on", replayed(t, c, half, more), more)

	// A change out of order, of another catalog, or altered does not follow.
	entries := must[meta.Journal](t)(c2.Journal(ctx, 0)).Entries
	r := meta.NewReplay(&emptyToo)
	wantError(t, r.Apply(entries[1]), meta.ErrInvalid, "does not follow")
	check(t, r.Apply(entries[0]))
	wantError(t, r.Apply(entries[0]), meta.ErrInvalid, "does not follow")
	wantError(t, r.Apply(meta.Entry{Number: 2, Text: entries[2].Text}), meta.ErrInvalid, "is that of change 3")
	wantError(t, r.Apply(meta.Entry{Number: 2, Text: "{"}), meta.ErrInvalid)
	foreign := must[meta.Journal](t)(c.Journal(ctx, 1)).Entries[0]
	wantError(t, r.Apply(foreign), meta.ErrInvalid, "does not follow")
}

// journalGoesOn makes changes after the content of a catalog was put into another.
func journalGoesOn(t *testing.T, open Opener) {
	from, into, ctx := openNew(t, open), openNew(t, open), t.Context()
	fill(t, from)
	content := must[meta.Content](t)(from.Export(ctx))
	check(t, into.Import(ctx, content))
	journal := must[meta.Journal](t)(into.Journal(ctx, 0))
	equal(t, "journals", journal, meta.Journal{Database: content.ID, Number: content.Changes, Head: content.Head, Snapshot: journal.Snapshot})
	check(t, into.SetSetting(ctx, "more", "x"))
	more := must[meta.Content](t)(into.Export(ctx))
	equal(t, "contents", replayed(t, into, content, more), more)

	full := openNew(t, open)
	allChanges(t, full)
	must[[]string](t)(full.Condemn(ctx, must[meta.Lease](t)(full.Lease(ctx)).Epoch, []string{"garbage"}, 1))
	check(t, full.Replace(ctx, content))
	equal(t, "contents", must[meta.Content](t)(full.Export(ctx)), content)
	equal(t, "series", must[[]meta.Series](t)(full.Series(ctx)), must[[]meta.Series](t)(from.Series(ctx)))
	equal(t, "leases", must[meta.Lease](t)(full.Lease(ctx)), meta.Lease{})
	equal(t, "garbage", len(must[[]meta.Garbage](t)(full.Garbage(ctx))), 0)
	goesOn(t, full, content)
}

// journalTrimmed forgets the first changes.
func journalTrimmed(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := acquire(t, c)
	for _, value := range []string{"1", "2", "3"} {
		check(t, c.SetSetting(ctx, "a", value))
	}
	wantError(t, c.TrimJournal(ctx, epoch-1, 2), meta.ErrConflict)
	check(t, c.TrimJournal(ctx, epoch, 2))
	check(t, c.TrimJournal(ctx, epoch, 1))
	journal := must[meta.Journal](t)(c.Journal(ctx, 0))
	equal(t, "numbers", []int64{journal.Number, journal.Trimmed, int64(len(journal.Entries)), journal.Entries[0].Number}, []int64{3, 2, 1, 3})
}
