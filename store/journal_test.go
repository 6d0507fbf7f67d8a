package store_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
)

// catalogChanges are ways in which a catalog is changed.
var catalogChanges = []struct {
	name string
	what string // in the words of the refusal
	do   func(t *testing.T, d *database)
}{
	{"a flush", "1 snapshot, 1 segment", func(t *testing.T, d *database) {
		d.append(t, flat(d.series(t), 600, 600, 2))
		d.flush(t)
	}},
	{"an edit", "1 snapshot, 1 edit", func(t *testing.T, d *database) { d.overwrite(t, d.series(t), 3) }},
	{"a series", "1 changed series", func(t *testing.T, d *database) { d.noted(t, "new", nil) }},
	{"a label", "1 changed series", func(t *testing.T, d *database) {
		series, err := d.catalog.Series(t.Context())
		if err == nil {
			changed := series[0]
			changed.Labels = `{"site": "north"}`
			err = d.Store.Catalog().UpdateSeries(t.Context(), []meta.Series{changed})
		}
		if err != nil {
			t.Fatal(err)
		}
	}},
	{"a setting", "1 setting", func(t *testing.T, d *database) {
		if err := d.Store.Catalog().SetSetting(t.Context(), "keep_snapshots", "-1"); err != nil {
			t.Fatal(err)
		}
	}},
	{"a pin", "1 pin", func(t *testing.T, d *database) {
		if err := d.Store.Catalog().Pin(t.Context(), meta.Pin{Name: "audit", Snapshot: 1}); err != nil {
			t.Fatal(err)
		}
	}},
}

// series returns the first series.
func (d *database) series(t *testing.T) columnar.Series {
	t.Helper()
	series, err := d.catalog.Series(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return series[0].Series
}

// noted makes a series as a server does.
func (d *database) noted(t *testing.T, name string, _ any) {
	t.Helper()
	_, err := d.Store.Catalog().CreateSeries(t.Context(), []meta.Series{{
		Series: columnar.Series{Type: columnar.Double, Grid: oneSecond}, Name: name, Zone: "UTC", Codec: "auto", Labels: "{}",
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// overwrite sets the first ten samples of a series in an edit.
func (d *database) overwrite(t *testing.T, s columnar.Series, value float64) {
	t.Helper()
	e, err := d.Edit(t.Context(), columnar.EditInfo{Kind: columnar.Overwrite, Who: "Ada", Reason: "drift"})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Write(t.Context(), []columnar.Samples{flat(s, 0, 10, value)}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// content returns all that the catalog holds.
func (d *database) content(t *testing.T) meta.Content {
	t.Helper()
	c, err := d.catalog.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// shut closes the store.
func (d *database) shut(t *testing.T) {
	t.Helper()
	if err := d.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	d.Store = nil
}

// putBack gives the catalog a former content.
func (d *database) putBack(t *testing.T, c meta.Content) {
	t.Helper()
	if err := d.catalog.Replace(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// tryOpen opens the store, or returns why that is refused.
func (d *database) tryOpen() error {
	o := d.options
	o.Bucket, o.Catalog, o.LogDir, o.Clock = d.bucket, d.catalog, filepath.Join(d.dir, "log"), clock
	s, err := store.Open(context.Background(), o)
	if err == nil {
		d.Store = s
	}
	return err
}

// filled returns an open database with a series, a segment, an edit and a checkpoint.
func filled(t *testing.T) *database {
	t.Helper()
	d := newDatabase(t)
	d.options.HeadAge = -1
	d.open(t)
	d.noted(t, "a", nil)
	d.append(t, flat(d.series(t), 0, 600, 1))
	d.flush(t)
	d.overwrite(t, d.series(t), 2)
	return d
}

// inBucket compares what the bucket says with the catalog.
func (d *database) inBucket(t *testing.T) {
	t.Helper()
	want := d.content(t)
	r, err := store.Rebuild(t.Context(), d.bucket, -1)
	if err != nil {
		t.Fatal(err)
	}
	got := r.Content
	got.Epoch, got.NextEdit = want.Epoch, want.NextEdit
	if diff := cmp.Diff(want, got); diff != "" || !r.Whole() || len(r.Damaged) > 0 {
		t.Errorf("the bucket knows another content (-catalog +bucket), damaged %v:\n%s", r.Damaged, diff)
	}
}

// findings verifies and returns the damage.
func (d *database) findings(t *testing.T) (texts []string) {
	t.Helper()
	_, err := store.Verify(t.Context(), store.VerifyOptions{Bucket: d.bucket, Catalog: d.catalog}, func(f store.Finding) {
		if !f.Note {
			texts = append(texts, f.Segment+" "+f.Err.Error())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func TestAChangeIsInTheBucketWhenItIsAcknowledged(t *testing.T) {
	t.Parallel()
	d := filled(t)
	d.inBucket(t)
	for range 2 {
		for _, change := range catalogChanges {
			if change.name == "a series" || change.name == "a pin" {
				continue // of a name that is taken, the second time
			}
			change.do(t, d)
			d.inBucket(t)
		}
		if err := d.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.inBucket(t)
	}
	d.reopen(t)
	d.inBucket(t)
	if found := d.findings(t); len(found) > 0 {
		t.Errorf("found %q", found)
	}
}

func TestACatalogThatWentBackInTimeIsRefusedAndRebuilt(t *testing.T) {
	t.Parallel()
	for _, change := range catalogChanges {
		for _, checkpoint := range []bool{false, true} {
			t.Run(change.name, func(t *testing.T) {
				t.Parallel()
				d := filled(t)
				before := d.content(t)
				change.do(t, d)
				if checkpoint {
					if err := d.Checkpoint(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				rows := readSamples(t, d.Store, all(d.series(t)))
				d.shut(t)
				after := d.content(t)
				d.putBack(t, before)
				err := d.tryOpen()
				if !errors.Is(err, store.ErrBehind) || !strings.Contains(err.Error(), change.what) || !strings.Contains(err.Error(), "trellis repair") {
					t.Fatalf("opened, or refused for another reason: %v", err)
				}
				if diff := cmp.Diff(before, d.content(t)); diff != "" {
					t.Errorf("the catalog that was refused has changed:\n%s", diff)
				}
				if found := d.findings(t); len(found) == 0 || !strings.Contains(found[0], "gone back in time") {
					t.Errorf("verify found %q", found)
				}
				d.repair(t, 0)
				after.Epoch, after.NextEdit = d.content(t).Epoch, d.content(t).NextEdit
				if diff := cmp.Diff(after, d.content(t)); diff != "" {
					t.Errorf("it was rebuilt otherwise than it was (-want +got):\n%s", diff)
				}
				d.open(t)
				if diff := cmp.Diff(rows, readSamples(t, d.Store, all(d.series(t))), cmp.AllowUnexported(sample{})); diff != "" {
					t.Errorf("other samples than before:\n%s", diff)
				}
				d.overwrite(t, d.series(t), 7)
				d.inBucket(t)
				if found := d.findings(t); len(found) > 0 {
					t.Errorf("found after it was rebuilt: %q", found)
				}
			})
		}
	}
}

// repair rebuilds the catalog, of which so many changes are lost.
func (d *database) repair(t *testing.T, lost int64) *store.RepairPlan {
	t.Helper()
	plan, err := store.PlanRepair(t.Context(), d.bucket, d.catalog)
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Needed() || plan.Lost != lost {
		t.Errorf("needed %v, lost %d, want %d", plan.Needed(), plan.Lost, lost)
	}
	if err := store.FinishRepair(t.Context(), d.bucket, d.catalog, plan); err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestABucketThatWentBackInTimeIsRefused(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"of it", "all of it"} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			d := filled(t)
			old := new(object.Memory)
			copyObjects(t, d.bucket, old)
			for range 3 {
				d.overwrite(t, d.series(t), 4)
			}
			if err := d.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			d.shut(t)
			if part == "all of it" {
				deleteObjects(t, old, "catalog/")
			}
			d.bucket = old
			if err := d.tryOpen(); !errors.Is(err, store.ErrBehind) || !strings.Contains(err.Error(), "the bucket") {
				t.Fatalf("opened, or refused for another reason: %v", err)
			}
			if found := d.findings(t); len(found) == 0 || !strings.Contains(found[0], "gone back in time") {
				t.Errorf("verify found %q", found)
			}
			if err := store.AdoptBucket(t.Context(), d.bucket, d.catalog); err != nil {
				t.Fatal(err)
			}
			d.open(t)
			d.inBucket(t)
		})
	}
}

func TestABucketAndACatalogThatWereBothPutBackAreToldByTheLog(t *testing.T) {
	t.Parallel()
	d := filled(t)
	old := new(object.Memory)
	copyObjects(t, d.bucket, old)
	before := d.content(t)
	d.overwrite(t, d.series(t), 4)
	d.shut(t)
	d.bucket = old
	d.putBack(t, before)
	if err := d.tryOpen(); !errors.Is(err, store.ErrBehind) || !strings.Contains(err.Error(), "this log was written when") {
		t.Fatalf("opened, or refused for another reason: %v", err)
	}
	if _, err := store.VerifyLog(t.Context(), d.catalog, filepath.Join(d.dir, "log")); !errors.Is(err, store.ErrBehind) {
		t.Errorf("verify found %v", err)
	}
	if err := store.ForgetSeen(filepath.Join(d.dir, "log")); err != nil {
		t.Fatal(err)
	}
	if err := store.AdoptBucket(t.Context(), d.bucket, d.catalog); err != nil {
		t.Fatal(err)
	}
	d.open(t)

	// What cannot be read says nothing, and is written anew.
	path := filepath.Join(d.dir, "log", "CATALOG")
	for _, damage := range []string{"", "\n", strings.Repeat("x", 59)} {
		d.shut(t)
		if err := os.WriteFile(path, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		d.open(t)
		d.overwrite(t, d.series(t), 5)
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), d.content(t).Head) {
			t.Errorf("%q: %q, %v", damage, text, err)
		}
	}
}

func copyObjects(t testing.TB, from, to object.Bucket) {
	t.Helper()
	for info, err := range from.List(context.Background(), "") {
		if err != nil {
			t.Fatal(err)
		}
		objecttest.Put(t, to, info.Key, objecttest.Read(t, from, info.Key))
	}
}

func deleteObjects(t testing.TB, bucket object.Bucket, prefix string) {
	t.Helper()
	for info, err := range bucket.List(context.Background(), prefix) {
		if err == nil {
			err = bucket.Delete(context.Background(), info.Key)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestCopiesOfACatalogThatWentDifferentWaysAreToldApart(t *testing.T) {
	t.Parallel()
	d := filled(t)
	before := d.content(t)
	d.noted(t, "one way", nil)
	d.shut(t)
	d.putBack(t, before)
	if err := d.catalog.SetSetting(t.Context(), "the other", "way"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // as many changes as the bucket has seen, and more
		if err := d.tryOpen(); !errors.Is(err, store.ErrForeign) || !strings.Contains(err.Error(), "different ways") {
			t.Fatalf("opened, or refused for another reason: %v", err)
		}
		if found := d.findings(t); len(found) == 0 || !strings.Contains(found[0], "different ways") {
			t.Errorf("verify found %q", found)
		}
		if err := d.catalog.SetSetting(t.Context(), "the other", "way on"); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.AdoptBucket(t.Context(), d.bucket, d.catalog); err != nil {
		t.Fatal(err)
	}
	d.open(t)
	d.inBucket(t)
}

// deafBucket takes no changes of the catalog while it is deaf.
type deafBucket struct {
	object.Bucket
	deaf bool
}

func (b *deafBucket) Put(ctx context.Context, key string, cond object.Condition, write func(io.Writer) error) (int64, error) {
	if b.deaf && strings.HasPrefix(key, "catalog/") {
		return 0, errors.New("the place is down")
	}
	return b.Bucket.Put(ctx, key, cond, write)
}

func TestAChangeThatTheBucketDidNotTakeIsPutLater(t *testing.T) {
	t.Parallel()
	for _, stopped := range []bool{false, true} {
		d := filled(t)
		d.shut(t)
		deaf := &deafBucket{Bucket: d.bucket}
		d.bucket = deaf
		d.open(t)
		deaf.deaf = true
		for _, change := range catalogChanges {
			change.do(t, d)
		}
		if stats := d.Stats().Log; stats.End == stats.Start {
			t.Error("the log gave up what a flush took that the bucket does not know of")
		}
		if stopped {
			d.shut(t)
		}
		deaf.deaf = false
		if stopped {
			d.open(t)
		} else {
			d.overwrite(t, d.series(t), 9)
		}
		d.inBucket(t)
	}
}

func TestDamageOfTheJournalIsFound(t *testing.T) {
	t.Parallel()
	d := filled(t)
	if err := d.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, change := range catalogChanges {
		change.do(t, d)
	}
	d.shut(t)
	clean := new(object.Memory)
	copyObjects(t, d.bucket, clean)
	content := d.content(t)
	var keys []string
	for info, err := range clean.List(t.Context(), "catalog/") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, key := range keys {
		for range 12 {
			data := slices.Clone(objecttest.Read(t, clean, key))
			data[random.IntN(len(data))] ^= 1 << random.IntN(8)
			damaged := new(object.Memory)
			copyObjects(t, clean, damaged)
			objecttest.Replace(t, damaged, key, data)
			d.bucket = damaged
			if found := d.findings(t); !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, key) }) {
				t.Fatalf("%s: verify found %q", key, found)
			}
			r, err := store.Rebuild(t.Context(), damaged, -1)
			if err != nil {
				t.Fatal(err)
			}
			if r.Whole() && !cmp.Equal(r.Content.Series, content.Series) {
				t.Fatalf("%s: it was rebuilt otherwise", key)
			}
			// A server starts all the same, and makes a checkpoint where one is needed.
			d.putBack(t, content)
			if err := d.tryOpen(); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			d.shut(t)
		}
	}
}

func TestChangesThatAreLostInTheBucketAreSaidAndGoneOnWithout(t *testing.T) {
	t.Parallel()
	d := filled(t)
	before := d.content(t)
	d.noted(t, "kept", nil)
	d.noted(t, "lost", nil)
	d.noted(t, "after it", nil)
	d.shut(t)
	damage := d.content(t).Changes - 1
	var run string
	for info, err := range d.bucket.List(t.Context(), "catalog/changes-") {
		if err != nil {
			t.Fatal(err)
		}
		if data := objecttest.Read(t, d.bucket, info.Key); strings.HasSuffix(info.Key, hex16(damage)) {
			run = info.Key
			data[len(data)-1] ^= 1
			objecttest.Replace(t, d.bucket, info.Key, data)
		}
	}
	d.putBack(t, before)
	if err := d.tryOpen(); !errors.Is(err, store.ErrBehind) {
		t.Fatalf("opened, or refused for another reason: %v", err)
	}
	plan := d.repair(t, 2)
	if len(plan.Damaged) == 0 || !strings.Contains(plan.Damaged[0].Error(), run) {
		t.Errorf("damaged: %v, and it is %s", plan.Damaged, run)
	}
	d.open(t)
	d.overwrite(t, d.series(t), 7)
	d.inBucket(t)
	d.reopen(t)
	names := []string{}
	for _, s := range d.content(t).Series {
		names = append(names, s.Name)
	}
	if !slices.Equal(names, []string{"a", "kept"}) {
		t.Errorf("series %q", names)
	}
}

func hex16(n int64) string {
	const digits = "0123456789abcdef"
	text := make([]byte, 16)
	for i := range text {
		text[15-i] = digits[n>>(4*i)&15]
	}
	return string(text)
}

func TestTheJournalInTheBucketStaysSmall(t *testing.T) {
	t.Parallel()
	d := filled(t)
	maintenance := store.NewMaintenance(d.Store)
	for i := range 2500 {
		if err := d.Store.Catalog().SetSetting(t.Context(), "a", hex16(int64(i))); err != nil {
			t.Fatal(err)
		}
		if i%500 == 499 {
			if err := maintenance.Round(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	n := 0
	for _, err := range d.bucket.List(t.Context(), "catalog/") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n > 2100 {
		t.Errorf("%d objects", n)
	}
	journal, err := d.catalog.Journal(t.Context(), 0)
	if err != nil || len(journal.Entries) > 1100 {
		t.Errorf("%d changes in the catalog, %v", len(journal.Entries), err)
	}
	d.inBucket(t)
}

func FuzzUnpackJournal(f *testing.F) {
	f.Add([]byte("TRELCAT1"))
	if whole, err := os.ReadFile("testdata/journal/changes"); err == nil {
		f.Add(whole)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, err := store.UnpackJournal(data)
		if err != nil && !errors.Is(err, columnar.ErrCorrupt) {
			t.Errorf("%v", err)
		}
	})
}
