package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
)

// oneSecond is the grid of most tests here: blocks of a minute.
var oneSecond = columnar.Grid{Period: second, BlockLen: 60}

// flat returns n samples of one value from slot first on.
func flat(s columnar.Series, first, n int, v float64) columnar.Samples {
	in := columnar.Samples{Series: s}
	for i := range n {
		in.Times = append(in.Times, s.Grid.Time(int64(first+i)))
		in.Floats = append(in.Floats, v)
	}
	return in
}

// edit makes an edit of what do does.
func (d *database) edit(t testing.TB, info columnar.EditInfo, do func(e columnar.Editor) error) columnar.EditResult {
	t.Helper()
	e, err := d.Edit(context.Background(), info)
	if err != nil {
		t.Fatal(err)
	}
	if err := do(e); err != nil {
		t.Fatal(err)
	}
	result, err := e.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// count returns the number of samples of a series, and the sum of their values.
func (d *database) count(t testing.TB, s columnar.Series, snapshot int64) (n int, sum float64) {
	t.Helper()
	sel := columnar.Selection{Series: []columnar.Series{s}, Ranges: [][]columnar.Range{always}, Qualities: columnar.AnyQuality, Snapshot: snapshot}
	for _, row := range readSamples(t, d.Store, sel) {
		n++
		if v, ok := row.value.(float64); ok {
			sum += v
		}
	}
	return n, sum
}

func TestABackfillIsSeenByNobodyUntilItIsCommittedAndThenAsAWhole(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.options.HeadBytes = 1 << 14 // it spills
	d.open(t)
	s := d.create(t, "a", columnar.Double, oneSecond)
	d.append(t, flat(s, 1000, 10, 1))
	e, err := d.Edit(context.Background(), columnar.EditInfo{Kind: columnar.Backfill, Who: "ada", Reason: "old historian", Source: "tape 7"})
	if err != nil {
		t.Fatal(err)
	}
	const chunk, chunks = 300, 100
	for _, k := range rand.New(rand.NewPCG(seed(t), 0)).Perm(chunks) {
		if err := e.Write(context.Background(), []columnar.Samples{flat(s, k*chunk, chunk, 2)}); err != nil {
			t.Fatal(err)
		}
		if n, _ := d.count(t, s, 0); n != 10 {
			t.Fatalf("%d samples are seen before the commit", n)
		}
	}
	d.append(t, flat(s, 2000, 5, 7)) // written meanwhile: before the edit's commit
	result, err := e.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if want := (columnar.EditCounts{Inserted: chunk*chunks - 15, Replaced: 15}); result.EditCounts != want {
		t.Errorf("it touched %+v, want %+v", result.EditCounts, want)
	}
	if n, sum := d.count(t, s, 0); n != chunk*chunks || sum != 2*chunk*chunks {
		t.Errorf("%d samples with a sum of %v", n, sum)
	}
	edits, err := d.catalog.Edits(context.Background(), meta.EditFilter{})
	if err != nil || len(edits) != 1 {
		t.Fatalf("%d edits, %v", len(edits), err)
	}
	got := edits[0]
	if got.Who != "ada" || got.Reason != "old historian" || got.Source != "tape 7" || got.Kind != columnar.Backfill || got.Snapshot != result.Snapshot {
		t.Errorf("the record is %+v", got)
	}
	if want := []meta.EditRange{{Series: s.ID, From: 0, To: chunk * chunks * second, EditCounts: result.EditCounts}}; !slices.Equal(got.Ranges, want) {
		t.Errorf("its ranges are %+v, want %+v", got.Ranges, want)
	}
}

func TestAnEditThatIsGivenUpLeavesNothing(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.options.HeadBytes = 1 << 12
	d.options.StageDir = t.TempDir()
	d.open(t)
	s := d.create(t, "a", columnar.Double, oneSecond)
	e, err := d.Edit(context.Background(), columnar.EditInfo{Kind: columnar.Backfill})
	if err != nil {
		t.Fatal(err)
	}
	for k := range 100 {
		if err := e.Write(context.Background(), []columnar.Samples{flat(s, k*100, 100, 2)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if n, _ := d.count(t, s, 0); n != 0 || d.Snapshot() != 0 {
		t.Errorf("%d samples, snapshot %d", n, d.Snapshot())
	}
	stage, err := object.OpenDir(d.options.StageDir)
	if err != nil {
		t.Fatal(err)
	}
	for info, err := range stage.List(context.Background(), "") {
		t.Errorf("%s is left over, %v", info.Key, err)
	}
	if _, err := e.Commit(context.Background()); err == nil {
		t.Error("it was committed after it was closed")
	}
}

func TestAnEditThatTouchesNothingMakesNoRecord(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.open(t)
	s := d.create(t, "a", columnar.Double, oneSecond)
	d.append(t, flat(s, 0, 100, 1))
	d.flush(t)
	before := d.Snapshot()
	for name, do := range map[string]func(e columnar.Editor) error{
		"nothing at all": func(columnar.Editor) error { return nil },
		"a range without samples": func(e columnar.Editor) error {
			return e.Delete(context.Background(), s, []columnar.Range{{From: 200 * second, To: 300 * second}})
		},
		"the status that there is": func(e columnar.Editor) error {
			return e.Reclassify(context.Background(), s, []int64{0}, []columnar.Status{0})
		},
		"what a snapshot has": func(e columnar.Editor) error { return e.Restore(context.Background(), s, always, before) },
	} {
		info := columnar.EditInfo{Kind: columnar.Delete, Exclusive: true}
		if strings.HasPrefix(name, "what") {
			info.Kind = columnar.Restore
		}
		if result := d.edit(t, info, do); result != (columnar.EditResult{}) {
			t.Errorf("%s: %+v", name, result)
		}
	}
	if edits, err := d.catalog.Edits(context.Background(), meta.EditFilter{}); err != nil || len(edits) != 0 || d.Snapshot() != before {
		t.Errorf("%d edits, %v, snapshot %d", len(edits), err, d.Snapshot())
	}
}

func TestAnExclusiveEditDoesNotTouchWhatIsWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.open(t)
	s := d.create(t, "a", columnar.Double, oneSecond)
	d.append(t, flat(s, 0, 60, 1))
	ctx := context.Background()
	e, err := d.Edit(ctx, columnar.EditInfo{Kind: columnar.Overwrite, Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	d.append(t, flat(s, 30, 60, 5)) // after the edit began: it stays
	if n, sum := d.count(t, s, e.Base()); n != 60 || sum != 60 {
		t.Errorf("the edit reads %d samples with a sum of %v", n, sum)
	}
	if err := e.Write(ctx, []columnar.Samples{flat(s, 0, 60, 2)}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n, sum := d.count(t, s, 0); n != 90 || sum != 30*2+60*5 {
			t.Errorf("%d samples with a sum of %v", n, sum)
		}
		d.reopen(t)
	}
}

func TestTheRecordOfAnEditHasFewRanges(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.open(t)
	s := d.create(t, "a", columnar.Double, oneSecond)
	result := d.edit(t, columnar.EditInfo{Kind: columnar.Backfill}, func(e columnar.Editor) error {
		for k := range 1000 {
			if err := e.Write(context.Background(), []columnar.Samples{flat(s, k*100+k*k, 3, 1)}); err != nil {
				return err
			}
		}
		return nil
	})
	edits, err := d.catalog.Edits(context.Background(), meta.EditFilter{IDs: []int64{result.ID}})
	if err != nil || len(edits) != 1 {
		t.Fatal(len(edits), err)
	}
	ranges := edits[0].Ranges
	var sum columnar.EditCounts
	for i, r := range ranges {
		if sum.Add(r.EditCounts); i > 0 && r.From < ranges[i-1].To || r.From >= r.To {
			t.Errorf("range %d is %+v", i, r)
		}
	}
	if len(ranges) > 64 || len(ranges) < 8 || sum != result.EditCounts || ranges[0].From != 0 {
		t.Errorf("%d ranges with %+v, want %+v", len(ranges), sum, result.EditCounts)
	}
}

func TestWhatOutlivesItsRetentionGoesWithItsHistory(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	now := int64(1_000_000) * second
	d.options.Clock = func() int64 { return now }
	d.options.Keep, d.options.Grace, d.options.CompactRate = time.Second, time.Second, -1
	d.open(t)
	ctx := context.Background()
	made, err := d.catalog.CreateSeries(ctx, []meta.Series{
		{Series: columnar.Series{Type: columnar.Double, Grid: oneSecond}, Name: "debug", Labels: `{"kind": "debug"}`},
		{Series: columnar.Series{Type: columnar.Double, Grid: oneSecond}, Name: "own", Retention: 5000 * second},
		{Series: columnar.Series{Type: columnar.Double, Grid: oneSecond}, Name: "kept"},
	})
	if err != nil {
		t.Fatal(err)
	}
	rules := fmt.Sprintf(`[{"label": "kind", "value": "debug", "age": %d}]`, 1000*second)
	if err := d.catalog.SetSetting(ctx, meta.RetentionSetting, rules); err != nil {
		t.Fatal(err)
	}
	for _, s := range made {
		d.append(t, flat(s.Series, 1_000_000-9000, 9000, 1))
	}
	d.flush(t)
	for _, s := range made {
		d.edit(t, columnar.EditInfo{Kind: columnar.Overwrite}, func(e columnar.Editor) error {
			return e.Write(ctx, []columnar.Samples{flat(s.Series, 1_000_000-8900, 10, 2)})
		})
	}
	now += 10 * second
	if err := d.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		now += 10 * second
		if _, err := d.Collect(ctx, false); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []struct{ atLeast, atMost, history int }{{970, 1060, 0}, {4950, 5060, 0}, {9000, 9000, 20}} {
		n, _ := d.count(t, made[i].Series, 0)
		if n < want.atLeast || n > want.atMost {
			t.Errorf("series %s has %d samples, want %d to %d", made[i].Name, n, want.atLeast, want.atMost)
		}
		versions := 0
		span := columnar.Range{From: (1_000_000 - 8900) * second, To: (1_000_000 - 8890) * second}
		if err := d.History(ctx, made[i].Series, span, func(*columnar.Version) bool { versions++; return true }); err != nil || versions != want.history {
			t.Errorf("series %s has %d versions of ten samples, want %d; %v", made[i].Name, versions, want.history, err)
		}
	}
	// What went is gone from the bucket, and what is in the bucket is known.
	known, err := d.catalog.AllSegments(ctx)
	if err != nil {
		t.Fatal(err)
	}
	objects := 0
	for _, err := range d.bucket.List(ctx, "segments/") {
		if err != nil {
			t.Fatal(err)
		}
		objects++
	}
	if objects != len(known) {
		t.Errorf("%d objects, %d segments", objects, len(known))
	}
}

func TestGarbageIsUnlinkedThenWaitsThenIsDeleted(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	now := int64(1_000_000) * second
	d.options.Clock = func() int64 { return now }
	d.options.Keep, d.options.Grace, d.options.CompactRate = time.Hour, 10*time.Minute, -1
	d.open(t)
	ctx := context.Background()
	s := d.create(t, "a", columnar.Double, oneSecond)
	for v := range 3 {
		d.append(t, flat(s, 0, 600, float64(v)))
		d.flush(t) // each hides the one before
		now += 60 * second
	}
	if err := d.catalog.Pin(ctx, meta.Pin{Name: "audit", Snapshot: 2}); err != nil {
		t.Fatal(err)
	}
	put := func(key string) {
		if _, err := d.bucket.Put(ctx, key, object.IfAbsent, objecttest.Bytes([]byte("x"))); err != nil {
			t.Fatal(err)
		}
	}
	put("segments/0000000000000000-00000001.seg") // of a writer before
	put("segments/00000000000000ff-00000001.seg") // of one to come
	put("somebody/else.txt")
	collect := func(dry bool) string {
		t.Helper()
		c, err := d.Collect(ctx, dry)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d snapshots, %d unlinked, %d orphans, %d deleted, %d waiting", c.Snapshots, len(c.Unlinked), len(c.Orphans), len(c.Deleted), c.Waiting)
	}
	for _, step := range []struct {
		pass time.Duration
		dry  bool
		want string
	}{
		{0, true, "0 snapshots, 0 unlinked, 1 orphans, 0 deleted, 0 waiting"},
		{0, false, "0 snapshots, 0 unlinked, 1 orphans, 0 deleted, 1 waiting"},
		{9 * time.Minute, false, "0 snapshots, 0 unlinked, 0 orphans, 0 deleted, 1 waiting"},
		{2 * time.Minute, true, "0 snapshots, 0 unlinked, 0 orphans, 1 deleted, 0 waiting"},
		{0, false, "0 snapshots, 0 unlinked, 0 orphans, 1 deleted, 0 waiting"},
		{2 * time.Hour, true, "1 snapshots, 1 unlinked, 0 orphans, 0 deleted, 0 waiting"},
		{0, false, "1 snapshots, 1 unlinked, 0 orphans, 0 deleted, 1 waiting"},
		{11 * time.Minute, false, "0 snapshots, 0 unlinked, 0 orphans, 1 deleted, 0 waiting"},
	} {
		now += step.pass.Microseconds()
		if got := collect(step.dry); got != step.want {
			t.Errorf("after %v, dry %v: %s, want %s", step.pass, step.dry, got, step.want)
		}
	}
	if _, sum := d.count(t, s, 2); sum != 600 {
		t.Errorf("the pinned snapshot has a sum of %v", sum)
	}
	sel := columnar.Selection{Series: []columnar.Series{s}, Ranges: [][]columnar.Range{always}, Snapshot: 1}
	if _, err := collectSamples(d.Store, sel); !errors.Is(err, meta.ErrNotFound) {
		t.Errorf("a snapshot that is not kept any more is read: %v", err)
	}
	for _, key := range []string{"segments/00000000000000ff-00000001.seg", "somebody/else.txt"} {
		if _, err := d.bucket.Stat(ctx, key); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestAfterABackfillInRandomOrderCompactionLeavesWhatInOrderLeaves(t *testing.T) {
	t.Parallel()
	const months, slots = 160, 744 // thirteen years of hours
	load := func(order []int) string {
		d := newDatabase(t)
		d.options.CompactRate, d.options.SegmentBytes = -1, 1<<20
		d.open(t)
		a := d.create(t, "a", columnar.Double, columnar.Grid{Period: 3600 * second, BlockLen: 768})
		b := d.create(t, "b", columnar.Integer, columnar.Grid{Period: 3600 * second, BlockLen: 24})
		for _, k := range order {
			first, second := columnar.Samples{Series: a}, columnar.Samples{Series: b}
			for i := range slots {
				slot := int64(k*slots + i)
				first.Times, first.Floats = append(first.Times, a.Grid.Time(slot)), append(first.Floats, float64(slot%97))
				second.Times, second.Ints = append(second.Times, b.Grid.Time(slot)), append(second.Ints, slot%31)
			}
			d.append(t, first, second)
			d.flush(t)
		}
		if err := d.Compact(context.Background()); err != nil {
			t.Fatal(err)
		}
		layout := ""
		for _, m := range d.Segments() {
			layout += fmt.Sprintln(m.From, m.To, m.Series, m.Blocks, m.Samples)
		}
		return layout
	}
	var inOrder []int
	for k := range months {
		inOrder = append(inOrder, k)
	}
	want := load(inOrder)
	got := load(rand.New(rand.NewPCG(seed(t), 1)).Perm(months))
	if got != want || strings.Count(want, "\n") != 2 {
		t.Errorf("the segments are\n%s, in order they are\n%s", got, want)
	}
}
