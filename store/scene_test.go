package store_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
)

// scene is a small database with a past: four snapshots, an edit, its history, an
// object that no commit has named, and samples that are in the log only. It is the
// same each time.
type scene struct {
	*store.Store
	bucket  object.Bucket
	catalog meta.Catalog
	now     *atomic.Int64
	a, b    columnar.Series
}

// sceneBegin is the clock when a scene begins.
const sceneBegin = 1_800_000_000 * second

// sceneOptions are the options of a scene's store. Its edits spill.
func sceneOptions(now *atomic.Int64) store.Options {
	now.Store(sceneBegin)
	return store.Options{
		Clock: now.Load, HeadAge: -1, CompactRate: -1, LeaseTTL: -1, Workers: 1, HeadBytes: 40_000,
		Keep: 3 * time.Hour, Grace: 30 * time.Minute,
	}
}

// sceneSeries makes the series of a scene.
func sceneSeries(ctx context.Context, catalog meta.Catalog) (a, b columnar.Series, err error) {
	made, err := catalog.CreateSeries(ctx, []meta.Series{
		{Series: columnar.Series{Type: columnar.Double, Grid: columnar.Grid{Period: second, BlockLen: 40}}, Name: "a", Zone: "UTC", Codec: "auto", Labels: "{}"},
		{Series: columnar.Series{Type: columnar.Text, Grid: columnar.Grid{Period: second, BlockLen: 8}}, Name: "b", Zone: "UTC", Codec: "auto", Labels: "{}"},
	})
	if err != nil {
		return a, b, err
	}
	return made[0].Series, made[1].Series, nil
}

// values are samples of series a.
func (s *scene) values(from, n int64, scale float64) columnar.Samples {
	in := ramp(s.a, from, n)
	for i := range in.Floats {
		in.Floats[i] = in.Floats[i]*scale + 0.5
	}
	return in
}

// texts are samples of series b.
func (s *scene) texts(from, n int64, text string) columnar.Samples {
	in := columnar.Samples{Series: s.b}
	for slot := from; slot < from+n; slot++ {
		in.Times = append(in.Times, s.b.Grid.Time(slot))
		in.Texts = append(in.Texts, text+fmt.Sprint(slot%3))
	}
	return in
}

// prepare makes the past.
func (s *scene) prepare(ctx context.Context) error {
	var errs []error
	step := func(err error) {
		errs = append(errs, err)
		s.now.Add(int64(time.Hour / time.Microsecond))
	}
	flush := func(in ...columnar.Samples) {
		errs = append(errs, s.Append(ctx, in))
		step(s.Flush(ctx))
	}
	flush(s.values(0, 200, 1), s.texts(0, 40, "x"))
	flush(s.values(0, 210, 2), s.texts(4, 10, "y"))
	_, err := s.change(ctx, columnar.EditInfo{Kind: columnar.Delete, Who: "ada"}, func(e columnar.Editor) error {
		return errors.Join(
			e.Delete(ctx, s.a, s.span(100, 125)),
			e.Reclassify(ctx, s.a, s.values(10, 3, 1).Times, []columnar.Status{columnar.StatusBad, columnar.StatusUncertain, columnar.StatusBad}),
			e.Write(ctx, []columnar.Samples{s.texts(36, 8, "edited")}),
		)
	})
	step(err)
	flush(s.values(190, 60, 3), s.texts(0, 3, "late"))
	_, err = s.bucket.Put(ctx, "segments/0000000000000001-0000ffff.seg", object.Always, objecttest.Bytes([]byte("half a segment")))
	return errors.Join(append(errs, err, s.Append(ctx, []columnar.Samples{s.values(230, 30, 4), s.texts(6, 2, "head")}))...)
}

func (s *scene) span(from, to int64) []columnar.Range {
	return []columnar.Range{{From: s.a.Grid.Time(from), To: s.a.Grid.Time(to)}}
}

// change makes an edit.
func (s *scene) change(ctx context.Context, info columnar.EditInfo, f func(columnar.Editor) error) (result columnar.EditResult, err error) {
	e, err := s.Edit(ctx, info)
	if err != nil {
		return result, err
	}
	if err := f(e); err != nil {
		return result, errors.Join(err, e.Close())
	}
	return e.Commit(ctx)
}

// edit is a large edit, which spills.
func (s *scene) edit(ctx context.Context, exclusive bool) error {
	_, err := s.change(ctx, columnar.EditInfo{Kind: columnar.Overwrite, Who: "bob", Reason: "scale", Exclusive: exclusive}, func(e columnar.Editor) error {
		var errs []error
		for i := range int64(5) {
			errs = append(errs, e.Write(ctx, []columnar.Samples{s.values(5+i*600, 590, -1)}))
		}
		errs = append(errs, e.Delete(ctx, s.b, s.span(2, 30)), e.Write(ctx, []columnar.Samples{s.texts(20, 2, "new")}))
		return errors.Join(errs...)
	})
	return err
}

// operation is something that a scene can do, of which tests cut or spoil a part.
type operation struct {
	name string
	do   func(ctx context.Context, s *scene) error
	many bool
}

// operations are those that are cut at every step. What does not happen in one commit
// is one of which the past may be half way.
var operations = []operation{
	{"append", func(ctx context.Context, s *scene) error {
		return s.Append(ctx, []columnar.Samples{s.values(0, 100, 9), s.texts(50, 20, "appended")})
	}, false},
	{"flush", func(ctx context.Context, s *scene) error { return s.Flush(ctx) }, false},
	{"edit", func(ctx context.Context, s *scene) error { return s.edit(ctx, false) }, false},
	{"exclusive edit", func(ctx context.Context, s *scene) error { return s.edit(ctx, true) }, false},
	{"restore", func(ctx context.Context, s *scene) error {
		_, err := s.change(ctx, columnar.EditInfo{Kind: columnar.Restore, Who: "bob"}, func(e columnar.Editor) error {
			return errors.Join(e.Restore(ctx, s.a, s.span(0, 250), 1), e.Restore(ctx, s.b, s.span(0, 50), 2))
		})
		return err
	}, false},
	{"purge", func(ctx context.Context, s *scene) error {
		_, err := s.Purge(ctx, columnar.EditInfo{Kind: columnar.Purge, Who: "bob"}, s.a, s.span(0, 130))
		return err
	}, false},
	{"compaction", func(ctx context.Context, s *scene) error { return s.Compact(ctx) }, false},
	{"collection", func(ctx context.Context, s *scene) error {
		for range 2 {
			if _, err := s.Collect(ctx, false); err != nil {
				return err
			}
			s.now.Add(int64(40 * time.Minute / time.Microsecond))
		}
		return nil
	}, true},
}

// sight is what can be seen of a scene, as hashes.
type sight struct {
	now     uint64
	history uint64
	past    map[int64]uint64 // of the snapshots that are kept
	edits   int
}

// look looks at everything that there is to be seen.
func (s *scene) look(t testing.TB) sight {
	t.Helper()
	ctx := context.Background()
	seen := sight{now: s.samples(t, 0), past: map[int64]uint64{}}
	snapshots, err := s.catalog.Snapshots(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range snapshots {
		if one.Kept {
			seen.past[one.ID] = s.samples(t, one.ID)
		}
	}
	h := fnv.New64a()
	for _, series := range []columnar.Series{s.a, s.b} {
		var last columnar.Version
		err := s.History(ctx, series, always[0], func(v *columnar.Version) bool {
			_, _ = fmt.Fprintln(h, v.Time, v.Present, v.Void, v.Float, v.Text, v.Status, v.Mark, v.Edit)
			if v.Time == last.Time && last.From > 0 && v.From != last.To {
				t.Errorf("series %d at %d: the versions %+v and %+v do not follow each other", series.ID, v.Time, last, *v)
			}
			last = *v
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	seen.history = h.Sum64()
	edits, err := s.catalog.Edits(ctx, meta.EditFilter{})
	if err != nil {
		t.Fatal(err)
	}
	seen.edits = len(edits)
	return seen
}

// samples returns a hash of all samples and their summaries, of a snapshot or now. That
// a snapshot has been purged is part of it.
func (s *scene) samples(t testing.TB, snapshot int64) uint64 {
	t.Helper()
	h := fnv.New64a()
	for _, series := range []columnar.Series{s.a, s.b} {
		sel := all(series)
		sel.Snapshot = snapshot
		rows, err := collectSamples(s.Store, sel)
		if errors.Is(err, meta.ErrNotFound) && snapshot > 0 {
			_, _ = fmt.Fprintln(h, "purged")
			continue
		}
		if err != nil {
			t.Fatalf("snapshot %d: %v", snapshot, err)
		}
		for _, row := range rows {
			_, _ = fmt.Fprintln(h, row)
		}
		sel.Bins, sel.Stats = []columnar.Bins{width(100 * second)}, columnar.AllStats
		for _, row := range readSummaries(t, s.Store, sel) {
			_, _ = fmt.Fprintln(h, textOf(&row, sel.Stats, series.Type == columnar.Text))
		}
	}
	return h.Sum64()
}

// agrees reports whether a sight is what another one was, as far as that is to be: the
// present, the history and the trail, and the snapshots that both have.
func (v sight) agrees(with sight) bool {
	return v.now == with.now && v.history == with.history && v.edits == with.edits && v.pastAgrees(with)
}

func (v sight) pastAgrees(with sight) bool {
	for id, was := range with.past {
		if now, kept := v.past[id]; kept && now != was {
			return false
		}
	}
	return true
}

// between reports whether a sight is what there was before or after an operation.
func (v sight) between(before, after sight, many bool) bool {
	if v.agrees(before) || v.agrees(after) {
		return true
	}
	return many && v.now == before.now && (v.history == before.history || v.history == after.history) && v.edits == before.edits && v.pastAgrees(before)
}

// cleanUp collects all garbage that there is, and checks that just what the catalog
// knows is left, and that nothing has become of what is to be seen.
func (s *scene) cleanUp(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	before := s.look(t)
	for range 2 {
		if _, err := s.Collect(ctx, false); err != nil {
			t.Fatal(err)
		}
		s.now.Add(int64(31 * time.Minute / time.Microsecond))
	}
	known, err := s.catalog.AllSegments(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, m := range known {
		want = append(want, m.Name)
	}
	for info, err := range s.bucket.List(ctx, "segments/") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info.Key)
	}
	slices.Sort(want)
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("after two collections the bucket has %q, the catalog knows %q", got, want)
	}
	if !s.look(t).agrees(before) {
		t.Error("a collection has changed what is to be seen")
	}
}
