package metatest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/trellisdb/trellis/meta"
)

func settings(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	check(t, c.SetSetting(ctx, "retention", "10 years"))
	check(t, c.SetSetting(ctx, "größe", "ü'\n\""))
	check(t, c.SetSetting(ctx, "retention", "2 years"))
	check(t, c.SetSetting(ctx, "empty", ""))
	want := map[string]string{"retention": "2 years", "größe": "ü'\n\"", "empty": ""}
	equal(t, "settings", must[map[string]string](t)(c.Settings(ctx)), want)
}

func reopen(t *testing.T, open Opener) {
	dir, ctx := t.TempDir(), t.Context()
	c := open(t, dir)
	series := must[[]meta.Series](t)(c.CreateSeries(ctx, samplers()))
	generation := must[int64](t)(c.Generation(ctx))
	epoch := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "before"}))
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Time: 2, Add: segments("a", "b"), Note: "flush"}))
	last := must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Time: 4, Add: segments("c"), Retire: []string{"a", "b"}, Note: "compaction"}))
	check(t, c.SetSetting(ctx, "name", "value"))
	check(t, c.Close())

	c = openIn(t, open, dir)
	slices.SortFunc(series, func(a, b meta.Series) int { return strings.Compare(a.Name, b.Name) })
	equal(t, "series", must[[]meta.Series](t)(c.Series(ctx)), series)
	equal(t, "generations", must[int64](t)(c.Generation(ctx)), generation)
	equal(t, "snapshots", must[meta.Snapshot](t)(c.Latest(ctx)), last)
	equal(t, "segments of snapshot 1", segmentNames(t, c, 1), "a b")
	equal(t, "segments of snapshot 2", segmentNames(t, c, 2), "c")
	equal(t, "settings", must[map[string]string](t)(c.Settings(ctx)), map[string]string{"name": "value"})
	again := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "after"}))
	if again <= epoch {
		t.Errorf("the epoch is %d after opening again and was %d before", again, epoch)
	}
	created := must[[]meta.Series](t)(c.CreateSeries(ctx, []meta.Series{double("new")}))
	for _, s := range series {
		if s.ID == created[0].ID {
			t.Errorf("id %d belongs to %q and to %q", s.ID, s.Name, "new")
		}
	}
}

func secondConnection(t *testing.T, open Opener) {
	dir, ctx := t.TempDir(), t.Context()
	one, two := openIn(t, open, dir), openIn(t, open, dir)
	see := func(c meta.Catalog, want ...string) {
		t.Helper()
		equal(t, "names", names(must[[]meta.Series](t)(c.Series(ctx))), want)
	}
	created := must[[]meta.Series](t)(one.CreateSeries(ctx, []meta.Series{double("a")}))
	see(one, "a")
	see(two, "a")
	must[[]meta.Series](t)(two.CreateSeries(ctx, []meta.Series{double("b")}))
	see(one, "a", "b")
	created[0].Name = "c"
	check(t, one.UpdateSeries(ctx, created))
	see(two, "b", "c")
	see(one, "b", "c")
	equal(t, "generations", must[int64](t)(one.Generation(ctx)), must[int64](t)(two.Generation(ctx)))

	epoch := must[int64](t)(one.Acquire(ctx, meta.Claim{Holder: "one"}))
	must[meta.Snapshot](t)(one.Commit(ctx, meta.Commit{Epoch: epoch, Add: segments("x")}))
	equal(t, "segments", segmentNames(t, two, 1), "x")
	must[int64](t)(two.Acquire(ctx, meta.Claim{Holder: "two"}))
	_, err := one.Commit(ctx, meta.Commit{Epoch: epoch, Add: segments("y")})
	wantError(t, err, meta.ErrConflict, `"two"`)
	check(t, two.SetSetting(ctx, "k", "v"))
	equal(t, "settings", must[map[string]string](t)(one.Settings(ctx)), map[string]string{"k": "v"})
}

func concurrency(t *testing.T, open Opener) {
	dir := t.TempDir()
	catalogs := []meta.Catalog{openIn(t, open, dir), openIn(t, open, dir)}
	epoch := must[int64](t)(catalogs[0].Acquire(t.Context(), meta.Claim{Holder: "writer"}))
	const writers, rounds = 4, 25
	var writing, reading sync.WaitGroup
	var done atomic.Bool
	for w := range writers {
		c := catalogs[w%len(catalogs)]
		writing.Go(func() { write(t, c, epoch, w, rounds) })
		reading.Go(func() {
			for !done.Load() && !t.Failed() {
				readConsistently(t, c)
			}
		})
	}
	writing.Wait()
	done.Store(true)
	reading.Wait()
	for _, c := range catalogs {
		readConsistently(t, c)
		equal(t, "numbers of series", len(must[[]meta.Series](t)(c.Series(t.Context()))), writers*rounds)
		equal(t, "snapshots", must[meta.Snapshot](t)(c.Latest(t.Context())).ID, writers*rounds)
	}
}

// write creates a series and commits a segment, round after round, each commit
// retiring the segment of the round before.
func write(t *testing.T, c meta.Catalog, epoch int64, writer, rounds int) {
	var last []string
	for r := range rounds {
		name := fmt.Sprintf("writer %d round %d", writer, r)
		if _, err := c.CreateSeries(t.Context(), []meta.Series{double(name)}); err != nil {
			t.Error(err)
			return
		}
		if _, err := c.Commit(t.Context(), meta.Commit{Epoch: epoch, Add: segments(name), Retire: last}); err != nil {
			t.Error(err)
			return
		}
		last = []string{name}
	}
}

// readConsistently checks that whatever is read at any time is one state.
func readConsistently(t *testing.T, c meta.Catalog) {
	before, err := c.Generation(t.Context())
	if err != nil {
		t.Error(err)
		return
	}
	series, err := c.Series(t.Context())
	if err != nil {
		t.Error(err)
		return
	}
	// Each generation creates one series.
	if int64(len(series)) < before || !slices.IsSortedFunc(series, func(a, b meta.Series) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("generation %d has the series %q", before, names(series))
	}
	last, err := c.Latest(t.Context())
	if err != nil {
		t.Error(err)
		return
	}
	list, err := c.Segments(t.Context(), last.ID)
	if err != nil {
		t.Error(err)
		return
	}
	// Each writer has one segment, once it has begun.
	seen := map[string]bool{}
	for _, s := range list {
		writer, _, _ := strings.Cut(s.Name, " round ")
		if seen[writer] {
			t.Errorf("snapshot %d has two segments of %s", last.ID, writer)
		}
		seen[writer] = true
	}
}

func rivals(t *testing.T, open Opener) {
	dir := t.TempDir()
	const n = 6
	var wins [n]int
	var group sync.WaitGroup
	for w := range n {
		c := openIn(t, open, dir)
		group.Go(func() {
			epoch, err := c.Acquire(t.Context(), meta.Claim{Holder: fmt.Sprint("rival ", w)})
			if err != nil {
				t.Error(err)
				return
			}
			for wins[w] < 20 && commitOnce(t, c, epoch, fmt.Sprintf("epoch %d commit %d", epoch, wins[w])) {
				wins[w]++
			}
		})
	}
	group.Wait()
	c := openIn(t, open, dir)
	total := 0
	for _, won := range wins {
		total += won
	}
	last := must[meta.Snapshot](t)(c.Latest(t.Context()))
	equal(t, "snapshots and commits that were acknowledged", last.ID, int64(total))
	// In order of version, the epochs never fall back.
	epoch := 0
	for _, s := range must[[]meta.Segment](t)(c.Segments(t.Context(), last.ID)) {
		var of, commit int
		if _, err := fmt.Sscanf(s.Name, "epoch %d commit %d", &of, &commit); err != nil {
			t.Fatal(err)
		}
		if of < epoch {
			t.Errorf("segment %q follows one of epoch %d", s.Name, epoch)
		}
		epoch = of
	}
}

func cancellation(t *testing.T, open Opener) {
	c := openNew(t, open)
	epoch := must[int64](t)(c.Acquire(t.Context(), meta.Claim{Holder: "writer"}))
	s := must[[]meta.Series](t)(c.CreateSeries(t.Context(), []meta.Series{double("a")}))
	before := snapshotOfSeries(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func() error{
		"CreateSeries": func() error { _, err := c.CreateSeries(ctx, []meta.Series{double("b")}); return err },
		"UpdateSeries": func() error { s[0].Unit = "m"; return c.UpdateSeries(ctx, s) },
		"Series":       func() error { _, err := c.Series(ctx); return err },
		"Generation":   func() error { _, err := c.Generation(ctx); return err },
		"Acquire":      func() error { _, err := c.Acquire(ctx, meta.Claim{Holder: "other"}); return err },
		"Commit":       func() error { _, err := c.Commit(ctx, meta.Commit{Epoch: epoch}); return err },
		"Latest":       func() error { _, err := c.Latest(ctx); return err },
		"Snapshots":    func() error { _, err := c.Snapshots(ctx); return err },
		"Segments":     func() error { _, err := c.Segments(ctx, 0); return err },
		"ID":           func() error { _, err := c.ID(ctx); return err },
		"NewLog":       func() error { _, err := c.NewLog(ctx); return err },
		"Position":     func() error { _, err := c.Position(ctx, "a"); return err },
		"Renew":        func() error { return c.Renew(ctx, epoch, long) },
		"Release":      func() error { return c.Release(ctx, epoch) },
		"Lease":        func() error { _, err := c.Lease(ctx); return err },
		"At":           func() error { _, err := c.At(ctx, 0); return err },
		"AllSegments":  func() error { _, err := c.AllSegments(ctx); return err },
		"ReserveEdits": func() error { _, err := c.ReserveEdits(ctx, epoch, 1); return err },
		"Edits":        func() error { _, err := c.Edits(ctx, meta.EditFilter{}); return err },
		"Pin":          func() error { return c.Pin(ctx, meta.Pin{Name: "a", Snapshot: 1}) },
		"Unpin":        func() error { return c.Unpin(ctx, "a") },
		"Pins":         func() error { _, err := c.Pins(ctx); return err },
		"Expire":       func() error { _, err := c.Expire(ctx, meta.Expiry{Epoch: epoch}); return err },
		"Garbage":      func() error { _, err := c.Garbage(ctx); return err },
		"Condemn":      func() error { _, err := c.Condemn(ctx, epoch, []string{"a"}, 0); return err },
		"Forget":       func() error { return c.Forget(ctx, epoch, []string{"a"}) },
		"Export":       func() error { _, err := c.Export(ctx); return err },
		"Import":       func() error { return c.Import(ctx, meta.Content{}) },
		"Settings":     func() error { _, err := c.Settings(ctx); return err },
		"SetSetting":   func() error { return c.SetSetting(ctx, "a", "b") },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) { wantError(t, call(), context.Canceled) })
	}
	before.unchanged(t, c)
	equal(t, "settings", len(must[map[string]string](t)(c.Settings(t.Context()))), 0)
	must[meta.Snapshot](t)(c.Commit(t.Context(), meta.Commit{Epoch: epoch}))
	equal(t, "snapshots", must[meta.Snapshot](t)(c.Latest(t.Context())).ID, 1)
}
