package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/cache"
)

// alikes is a database in a directory whose segments differ in the values of their
// samples and in little else: flushes that replace each other, flushes of other times,
// edits and what they took the place of.
type alikes struct {
	*database
	root      string // of the bucket
	series    []columnar.Series
	snapshots int64
	segments  []meta.Segment
	want      answers
}

func newAlikes(t testing.TB) *alikes { return newAlikesOf(t, 1) }

// newAlikesOf returns such a database whose values are so many times those.
func newAlikesOf(t testing.TB, factor float64) *alikes {
	t.Helper()
	root := t.TempDir() // it outlives the store
	d := newDatabase(t)
	a := &alikes{database: d, root: root}
	bucket, err := object.OpenDir(a.root)
	if err != nil {
		t.Fatal(err)
	}
	d.bucket = bucket
	d.options = store.Options{HeadAge: -1, CompactRate: -1, LeaseTTL: -1, Workers: 1, Keep: -1}
	d.open(t)
	for _, name := range []string{"a", "b"} {
		a.series = append(a.series, d.create(t, name, columnar.Double, columnar.Grid{Period: second, BlockLen: 16}))
	}
	const slots = 48
	write := func(from int64, value float64) (in []columnar.Samples) {
		for _, s := range a.series {
			one := columnar.Samples{Series: s}
			for i := range int64(slots) {
				one.Times, one.Floats = append(one.Times, (from+i)*second), append(one.Floats, value)
			}
			in = append(in, one)
		}
		return in
	}
	for k := range 3 {
		d.append(t, write(0, math.Ldexp(factor, k))...)
		d.flush(t)
	}
	for k := range 2 {
		d.append(t, write(int64(k+10)*slots, math.Ldexp(factor, k+3))...)
		d.flush(t)
	}
	for k := range 3 {
		d.change(t, columnar.Overwrite, func(e columnar.Editor) error { return e.Write(t.Context(), write(0, math.Ldexp(factor, k+5))) })
	}
	a.snapshots, a.segments = d.Snapshot(), segmentsOf(t, d)
	a.want = a.ask(a.series)
	for question, answer := range a.want {
		if answer.err != nil || answer.text == "" {
			t.Fatalf("%s: %v", question, answer)
		}
	}
	return a
}

// ask asks for all that there is, in every snapshot.
func (a *alikes) ask(series []columnar.Series) answers {
	all := answers{}
	for _, s := range series {
		for snapshot := range a.snapshots + 1 {
			sel := columnar.Selection{Series: []columnar.Series{s}, Ranges: [][]columnar.Range{always}, Qualities: columnar.AnyQuality, Snapshot: snapshot}
			rows, err := collectSamples(a.Store, sel)
			all[fmt.Sprint("samples ", s.ID, " ", snapshot)] = answer{fmt.Sprint(rows), err}
			sel.Stats = columnar.AllStats
			sel.Bins = []columnar.Bins{width(100 * second)}
			text, err := summariesText(a.Store, sel)
			all[fmt.Sprint("summaries ", s.ID, " ", snapshot)] = answer{text + ".", err}
		}
		var text strings.Builder
		err := a.History(context.Background(), s, always[0], func(v *columnar.Version) bool {
			fmt.Fprintln(&text, *v)
			return true
		})
		all[fmt.Sprint("history ", s.ID)] = answer{text.String(), err}
	}
	return all
}

// swap exchanges two files.
func (a *alikes) swap(t testing.TB, one, other string) {
	t.Helper()
	one, other = filepath.Join(a.root, one), filepath.Join(a.root, other)
	if err := errors.Join(os.Rename(one, one+".x"), os.Rename(other, one), os.Rename(one+".x", other)); err != nil {
		t.Fatal(err)
	}
}

// pairs calls f for every two of the segments, and says which it is where that fails.
func (a *alikes) pairs(t testing.TB, f func(one, other meta.Segment)) (alike int) {
	for i, one := range a.segments {
		for _, other := range a.segments[:i] {
			if one.Size == other.Size && one.CRC == other.CRC {
				alike++
			}
			f(one, other)
			if t.Failed() {
				t.Fatalf("%+v in the place of %+v", one, other)
			}
		}
	}
	return alike
}

// named checks answers that are right, or errors that name one of the segments.
func (a *alikes) named(t testing.TB, got answers, names ...string) (errs int) {
	t.Helper()
	for question, answer := range got {
		switch {
		case answer.err == nil && answer.text != a.want[question].text:
			t.Errorf("%s: a wrong answer", question)
		case answer.err == nil:
		case !errors.Is(answer.err, columnar.ErrCorrupt):
			t.Errorf("%s: %v", question, answer.err)
		default:
			found := false
			for _, name := range names {
				found = found || strings.Contains(answer.err.Error(), name)
			}
			if errs++; !found {
				t.Errorf("%s: the error names neither of %v: %v", question, names, answer.err)
			}
		}
	}
	return errs
}

// TestTwoSegmentsSwappedAreNeverAWrongAnswer exchanges every two segments under a closed
// database, live ones, retired ones and history.
func TestTwoSegmentsSwappedAreNeverAWrongAnswer(t *testing.T) {
	t.Parallel()
	a := newAlikes(t)
	tried := 0
	alike := a.pairs(t, func(one, other meta.Segment) {
		if err := a.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.swap(t, one.Name, other.Name)
		a.open(t)
		tried++
		if a.named(t, a.ask(a.series), one.Name, other.Name) == 0 {
			t.Errorf("nothing was noticed")
		}
		_, findings := verifyAll(t, a.bucket, a.catalog)
		for _, name := range []string{one.Name, other.Name} {
			found := false
			for _, f := range findings {
				found = found || f.Segment == name && !f.Note && errors.Is(f.Err, columnar.ErrCorrupt) && strings.Contains(f.Err.Error(), "it is the file of segments/")
			}
			if !found {
				t.Errorf("verify does not find %s: %v", name, findings)
			}
		}
		a.swap(t, one.Name, other.Name)
	})
	a.reopen(t)
	if a.named(t, a.ask(a.series)) > 0 {
		t.Error("what was put back is not read")
	}
	t.Logf("%d pairs, %d of equal size and checksum", tried, alike)
	if alike < 4 {
		t.Errorf("%d pairs of equal size and checksum", alike)
	}
}

// byName is a bucket whose open objects are read by their names at every read, like
// those of an object store.
type byName struct {
	object.Bucket
	reads func() // before each
}

func (b *byName) Open(ctx context.Context, key string) (object.Object, error) {
	o, err := b.Bucket.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	return &byNameObject{o, b, key}, nil
}

type byNameObject struct {
	object.Object
	bucket *byName
	key    string
}

func (o *byNameObject) ReadAt(p []byte, off int64) (n int, err error) {
	o.bucket.reads()
	now, err := o.bucket.Bucket.Open(context.Background(), o.key)
	if err != nil {
		return 0, err
	}
	defer func() { _ = now.Close() }() // it was only read
	return now.ReadAt(p, off)
}

// TestTwoSegmentsSwappedUnderARunningServer exchanges them before a read: the first of
// the footer, or one of an index or of blocks.
func TestTwoSegmentsSwappedUnderARunningServer(t *testing.T) {
	t.Parallel()
	a := newAlikes(t)
	plain := a.bucket
	at, reads := -1, 0
	var one, other meta.Segment
	a.bucket = &byName{plain, func() {
		if reads++; reads == at {
			a.swap(t, one.Name, other.Name)
		}
	}}
	a.options.CacheBytes = 1 // nothing is kept
	tried, noticed := 0, 0
	by := 2
	if os.Getenv(stepsEnv) != "" {
		by = 100
	}
	a.pairs(t, func(x, y meta.Segment) {
		one, other = x, y
		if x.Size != y.Size {
			return
		}
		for range by {
			at = -1
			a.reopen(t)
			reads, at = 0, 1+tried*13%100
			errs := a.named(t, a.ask(a.series), x.Name, y.Name) + a.named(t, a.ask(a.series), x.Name, y.Name)
			if tried++; errs > 0 {
				noticed++
			}
			if reads < at {
				t.Fatalf("%d reads only", reads)
			}
			a.swap(t, one.Name, other.Name)
		}
	})
	t.Logf("%d swaps under a running store, %d noticed", tried, noticed)
	if noticed < tried/2 {
		t.Errorf("of %d swaps %d were noticed", tried, noticed)
	}
}

// TestFilesThatAreOpenStayWhatTheyAre exchanges files of a directory that the store has
// open: it goes on to read those.
func TestFilesThatAreOpenStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	a := newAlikes(t)
	a.pairs(t, func(one, other meta.Segment) {
		if one.Size != other.Size {
			return
		}
		a.swap(t, one.Name, other.Name)
		a.named(t, a.ask(a.series), one.Name, other.Name)
		a.swap(t, one.Name, other.Name)
		if a.named(t, a.ask(a.series)) > 0 {
			t.Error("what was put back is not read")
		}
	})
}

// TestACacheThatAnotherDatabaseHasFilled reads through a cache whose directory has pages
// of another database's segments, which have the same names and sizes.
func TestACacheThatAnotherDatabaseHasFilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var want []answers
	var all []*alikes
	for _, factor := range []float64{9, -9} {
		a := newAlikesOf(t, factor)
		all, want = append(all, a), append(want, a.want)
	}
	for i, one := range all[0].segments {
		if other := all[1].segments[i]; one.Name != other.Name || one.Size != other.Size || one.Digest == other.Digest {
			t.Fatalf("%+v and %+v are not alike", one, other)
		}
	}
	for round := range 4 {
		a := all[round%2]
		if err := a.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		plain := a.bucket
		cached, err := cache.New(knownBucket{plain}, cache.Options{Dir: dir, Size: 1 << 20, PageSize: 100})
		if err != nil {
			t.Fatal(err)
		}
		a.bucket = cached
		a.open(t)
		if errs := a.named(t, a.ask(a.series)); errs > 0 {
			t.Errorf("round %d: %d errors", round, errs)
		}
		if hits := cached.Stats().Hits; hits == 0 {
			t.Errorf("round %d: nothing came from the cache", round)
		}
		err = a.Close(t.Context())
		a.bucket = plain
		a.open(t)
		if err := errors.Join(err, cached.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if want[0]["samples 1 0"].text == want[1]["samples 1 0"].text {
		t.Error("the databases have the same samples")
	}
}

// knownBucket is a bucket whose objects are opened without a look at them.
type knownBucket struct{ object.Bucket }

// OpenKnown implements object.KnownOpener.
func (b knownBucket) OpenKnown(ctx context.Context, key string, _ int64) (object.Object, error) {
	return b.Open(ctx, key)
}

// rewriters are what makes new segments out of others.
var rewriters = []struct {
	name string
	do   func(ctx context.Context, a *alikes) error
}{
	{"edit", func(ctx context.Context, a *alikes) error {
		e, err := a.Edit(ctx, columnar.EditInfo{Kind: columnar.Overwrite, Who: "ada", Exclusive: true})
		if err != nil {
			return err
		}
		err = e.Write(ctx, []columnar.Samples{{Series: a.series[0], Times: []int64{5 * second, 500 * second}, Floats: []float64{1, 2}}})
		if err == nil {
			_, err = e.Commit(ctx)
		}
		return errors.Join(err, e.Close())
	}},
	{"flush of a part of a block", func(ctx context.Context, a *alikes) error {
		in := []columnar.Samples{{Series: a.series[0], Times: []int64{5 * second, 500 * second}, Floats: []float64{1, 2}}}
		return errors.Join(a.Append(ctx, in), a.Flush(ctx))
	}},
	{"compaction", func(ctx context.Context, a *alikes) error { return a.Compact(ctx) }},
	{"purge", func(ctx context.Context, a *alikes) error {
		_, err := a.Purge(ctx, columnar.EditInfo{Kind: columnar.Purge, Who: "ada"}, a.series[0], []columnar.Range{{From: 0, To: 16 * second}})
		return err
	}},
}

// TestWhatSwappedSegmentsHoldIsNotCopied makes new segments while two are exchanged, and
// puts them back: nothing of the wrong ones has come into others.
func TestWhatSwappedSegmentsHoldIsNotCopied(t *testing.T) {
	t.Parallel()
	for i, op := range rewriters {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			whole := newAlikes(t)
			if err := op.do(t.Context(), whole); err != nil {
				t.Fatal(err)
			}
			after := whole.ask(whole.series)
			k, refused := i, 0
			whole.pairs(t, func(x, y meta.Segment) {
				if k++; x.Size == y.Size && (os.Getenv(stepsEnv) != "" || k%3 == 0) {
					scoped(t, func(t testing.TB) {
						if rewriteSwapped(t, op.do, x.Name, y.Name, after) {
							refused++
						}
					})
				}
			})
			t.Logf("%d refused", refused)
		})
	}
}

// rewriteSwapped does something while two segments are exchanged and checks what there is
// when they are put back. It reports whether it was refused.
func rewriteSwapped(t testing.TB, do func(context.Context, *alikes) error, one, other string, after answers) bool {
	a := newAlikes(t)
	ctx := context.Background()
	if err := a.Close(ctx); err != nil {
		t.Fatal(err)
	}
	a.swap(t, one, other)
	a.open(t)
	refused := do(ctx, a)
	if refused != nil && (!errors.Is(refused, columnar.ErrCorrupt) || !strings.Contains(refused.Error(), one) && !strings.Contains(refused.Error(), other)) {
		t.Errorf("the error names no segment: %v", refused)
	}
	_ = a.Close(ctx) // its head may rest on a segment that is not the right one
	a.swap(t, one, other)
	a.open(t)
	for question, got := range a.ask(a.series) {
		good := got.text == a.want[question].text || got.text == after[question].text || strings.HasPrefix(question, "history")
		if got.err != nil && !errors.Is(got.err, meta.ErrNotFound) || got.err == nil && !good {
			t.Errorf("%s: a wrong answer: %v", question, got.err)
		}
	}
	_, findings := verifyAll(t, a.bucket, a.catalog)
	for _, f := range findings {
		if !f.Note {
			t.Errorf("%v", f)
		}
	}
	return refused != nil
}
