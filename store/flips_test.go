package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/cache"
	"github.com/trellisdb/trellis/store/object/objecttest"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

// flipped is a bucket that flips a bit of one object whenever it is read.
type flipped struct {
	object.Bucket
	key    string // "": none
	offset int64
	bit    uint
}

func (b *flipped) Open(ctx context.Context, key string) (object.Object, error) {
	o, err := b.Bucket.Open(ctx, key)
	if err != nil || key != b.key {
		return o, err
	}
	return &flippedObject{o, b.offset, b.bit}, nil
}

type flippedObject struct {
	object.Object
	offset int64
	bit    uint
}

func (o *flippedObject) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.Object.ReadAt(p, off)
	if o.offset >= off && o.offset < off+int64(n) {
		p[o.offset-off] ^= 1 << o.bit
	}
	return n, err
}

// answers are what a scene answers to questions that touch all that it has, each a text
// or an error.
type answers map[string]answer

type answer struct {
	text string
	err  error
}

func (s *scene) ask(t testing.TB) answers {
	t.Helper()
	all := answers{}
	ctx := context.Background()
	for _, series := range []columnar.Series{s.a, s.b} {
		for snapshot := range int64(5) {
			sel := columnar.Selection{Series: []columnar.Series{series}, Ranges: [][]columnar.Range{always}, Qualities: columnar.AnyQuality, Snapshot: snapshot}
			rows, err := collectSamples(s.Store, sel)
			all[fmt.Sprint("samples ", series.ID, " ", snapshot)] = answer{fmt.Sprint(rows), err}
			sel.Stats = columnar.AllStats
			sel.Bins = []columnar.Bins{width(100 * second)}
			text, err := summariesText(s.Store, sel)
			all[fmt.Sprint("summaries ", series.ID, " ", snapshot)] = answer{text, err}
		}
		var text strings.Builder
		err := s.History(ctx, series, always[0], func(v *columnar.Version) bool {
			fmt.Fprintln(&text, *v)
			return true
		})
		all[fmt.Sprint("history ", series.ID)] = answer{text.String(), err}
	}
	return all
}

// summariesText returns summaries as a text.
func summariesText(s *store.Store, sel columnar.Selection) (text string, err error) {
	stream, err := s.Summaries(context.Background(), sel)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	rows, err := drainSummaries(stream, sel.Stats)
	for i := range rows {
		text += textOf(&rows[i], sel.Stats, sel.Series[0].Type == columnar.Text) + "\n"
	}
	return text, err
}

// right checks that answers are those of an undamaged scene, or errors that name what
// is damaged, and returns how many errors there are.
func (a answers) right(t testing.TB, want answers, named string) (errs int) {
	t.Helper()
	for question, got := range a {
		switch {
		case got.err == nil && got.text != want[question].text:
			t.Errorf("%s: a wrong answer", question)
		case got.err == nil:
		case !errors.Is(got.err, columnar.ErrCorrupt) || !strings.Contains(got.err.Error(), named):
			t.Errorf("%s: the error does not say that %s is damaged: %v", question, named, got.err)
		default:
			errs++
		}
	}
	return errs
}

// newScene returns a database with a prepared scene in memory. Some of its segments are
// of compactions, and have blocks of several versions.
func newScene(t testing.TB) (*database, *scene, *atomic.Int64) {
	t.Helper()
	d := newDatabase(t)
	var now atomic.Int64
	d.options = sceneOptions(&now)
	d.options.Keep = -1
	d.options.LogFS = waltest.NewDisk()
	s := openScene(d, t, &now)
	ctx := context.Background()
	if err := errors.Join(s.prepare(ctx), s.Compact(ctx), s.Append(ctx, []columnar.Samples{s.values(240, 2, 7)}), s.Flush(ctx)); err != nil {
		t.Fatal(err)
	}
	return d, s, &now
}

// segmentsOf returns the objects of all segments that a scene's catalog knows.
func segmentsOf(t testing.TB, d *database) (segments []meta.Segment) {
	t.Helper()
	segments, err := d.catalog.AllSegments(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return segments
}

// flips calls f for bits of n bytes: those of every byte in the long form.
func flips(t testing.TB, n int64, normal int, f func(offset int64, bit uint)) {
	t.Helper()
	first, by := stride(t, normal)
	for offset := int64(first); offset < n; offset += int64(by) {
		f(offset, uint(offset)%8)
	}
}

func TestABitFlippedInAnyByteOfASegmentIsNeverAWrongNumber(t *testing.T) {
	t.Parallel()
	d, s, now := newScene(t)
	want := s.ask(t)
	for question, a := range want {
		if a.err != nil {
			t.Fatalf("%s: %v", question, a.err)
		}
	}
	spoilt := &flipped{Bucket: d.bucket}
	d.bucket = spoilt
	tried, noticed, blocks := 0, 0, 0
	for _, m := range segmentsOf(t, d) {
		flips(t, m.Size, 41, func(offset int64, bit uint) {
			spoilt.key, spoilt.offset, spoilt.bit = m.Name, offset, bit
			if err := d.Close(context.Background()); err != nil && !errors.Is(err, columnar.ErrCorrupt) {
				t.Fatal(err)
			}
			s = openScene(d, t, now)
			got := s.ask(t)
			tried++
			if got.right(t, want, m.Name) > 0 {
				noticed++
			}
			for _, a := range got {
				if a.err != nil && strings.Contains(a.err.Error(), "block ") {
					blocks++
					break
				}
			}
			if t.Failed() {
				t.Fatalf("byte %d, bit %d of segment %s of %d bytes", offset, bit, m.Name, m.Size)
			}
		})
	}
	spoilt.key = ""
	t.Logf("%d flips, %d noticed, %d named a block", tried, noticed, blocks)
	if noticed < tried*9/10 || blocks == 0 {
		t.Errorf("of %d flips %d were noticed, %d named a block", tried, noticed, blocks)
	}
}

// TestADamagedSegmentIsNotCopiedAsIfItWereGood merges, edits and purges while a bit of a
// segment is flipped. What they make of it, read without the flip and with it, is never
// wrong.
func TestADamagedSegmentIsNotCopiedAsIfItWereGood(t *testing.T) {
	t.Parallel()
	d, _, _ := newScene(t)
	sizes := segmentsOf(t, d)
	for _, op := range operations {
		if op.name == "append" || op.name == "collection" {
			continue
		}
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			_, whole, _ := newScene(t)
			before := whole.ask(t)
			if err := op.do(context.Background(), whole); err != nil {
				t.Fatal(err)
			}
			after := whole.ask(t)
			refused := 0
			for _, m := range sizes {
				flips(t, m.Size, 997, func(offset int64, bit uint) {
					scoped(t, func(t testing.TB) {
						if operateOnDamage(t, op, &flipped{key: m.Name, offset: offset, bit: bit}, before, after) {
							refused++
						}
					})
				})
			}
			t.Logf("%d refused", refused)
		})
	}
}

// operateOnDamage carries out an operation while a bit of a segment is flipped, and checks
// what it leaves. It reports whether the operation was refused.
func operateOnDamage(t testing.TB, op operation, spoilt *flipped, before, after answers) (refused bool) {
	d, _, now := newScene(t)
	segment := spoilt.key
	spoilt.Bucket, d.bucket = d.bucket, spoilt
	ctx := context.Background()
	if err := d.Close(ctx); err != nil {
		t.Fatal(err)
	}
	s := openScene(d, t, now)
	err := op.do(ctx, s)
	if err != nil && (!errors.Is(err, columnar.ErrCorrupt) || !strings.Contains(err.Error(), segment)) {
		t.Errorf("the error does not name the segment: %v", err)
	}
	spoilt.key = ""
	_ = d.Close(ctx) // its head may rest on the damaged block
	s = openScene(d, t, now)
	for question, a := range s.ask(t) {
		good := a.text == after[question].text || a.text == before[question].text
		if strings.HasPrefix(question, "history") {
			good = true // snapshots have other numbers where less happened
		}
		if !good && !errors.Is(a.err, columnar.ErrCorrupt) && !errors.Is(a.err, meta.ErrNotFound) {
			t.Errorf("%s: a wrong answer: %v", question, a.err)
		}
	}
	if t.Failed() {
		t.Fatalf("byte %d, bit %d of segment %s; it ended with %v", spoilt.offset, spoilt.bit, segment, err)
	}
	return err != nil
}

func TestABitFlippedInAnyByteOfASpillRefusesTheEdit(t *testing.T) {
	t.Parallel()
	before, after := reference(t, operations[2].do)
	refused, size := 0, int64(1<<62)
	first, by := stride(t, 301)
	for offset := int64(first); offset < size; offset += int64(by) {
		scoped(t, func(t testing.TB) {
			d := newDatabase(t)
			var now atomic.Int64
			d.options = sceneOptions(&now)
			d.options.LogFS = waltest.NewDisk()
			s := openScene(d, t, &now)
			ctx := context.Background()
			if err := s.prepare(ctx); err != nil {
				t.Fatal(err)
			}
			memory := new(object.Memory)
			s.SpillTo(func(string) (object.Bucket, error) {
				return &objecttest.Faulty{Bucket: &flipped{memory, "edit-2-0", offset, uint(offset) % 8}, Fail: func(op objecttest.Op, key string) error {
					if info, err := memory.Stat(ctx, key); op == objecttest.OpOpen && key == "edit-2-0" && err == nil {
						size = info.Size
					}
					return nil
				}}, nil
			})
			err := s.edit(ctx, false)
			if err != nil {
				if refused++; !errors.Is(err, columnar.ErrCorrupt) || !strings.Contains(err.Error(), "edit-2-0") {
					t.Errorf("byte %d: the error does not name the spill: %v", offset, err)
				}
			}
			if seen := s.look(t); err == nil && !seen.agrees(after) || err != nil && !seen.agrees(before) {
				t.Fatalf("byte %d: an edit that ended with %v left neither what was before nor what is after it", offset, err)
			}
		})
	}
	if refused == 0 || size == 1<<62 {
		t.Errorf("%d edits were refused; the spill has %d bytes", refused, size)
	}
}

// TestABitFlippedInAnyByteOfTheLogIsNamedOrHarmless flips each bit of a log of several
// groups, and of its marker. What it says is an error with file and offset; or everything
// is there.
func TestABitFlippedInAnyByteOfTheLogIsNamedOrHarmless(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.options.HeadAge, d.options.LeaseTTL = -1, -1
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 64})
	const batches = 6
	disk := waltest.NewDisk()
	d.options.LogFS = disk
	d.open(t)
	for i := range int64(batches) {
		d.append(t, ramp(s, i*10, 10))
	}
	defer func() {
		if err := d.Close(context.Background()); !errors.Is(err, meta.ErrConflict) {
			t.Error(err)
		}
		d.Store = nil
	}()
	// flipped opens the log with a flipped bit and reports whether that was an error.
	flipped := func(name string, offset int64, bit uint) bool {
		t.Helper()
		copied := disk.Copy()
		copied.Damage(name, offset, bit)
		o := d.options
		bucket := new(object.Memory)
		copyObjects(t, d.bucket, bucket)
		o.Bucket, o.LogDir, o.LogFS, o.Clock = bucket, filepath.Join(d.dir, "log"), copied, clock
		o.Catalog = &faultyCatalog{d.catalog, func(step string) error { // which stays as it is
			if step == "commit" {
				return errPower
			}
			return nil
		}}
		opened, err := store.Open(context.Background(), o)
		if err != nil {
			if !errors.Is(err, columnar.ErrCorrupt) || !strings.Contains(err.Error(), filepath.Base(name)) || !strings.Contains(err.Error(), "offset") {
				t.Fatalf("%s byte %d, bit %d: the error does not name file and offset: %v", name, offset, bit, err)
			}
			return true
		}
		rows := readSamples(t, opened, all(s))
		for i, row := range rows {
			if row.value != float64(i) {
				t.Fatalf("%s byte %d, bit %d: sample %d is %v", name, offset, bit, i, row.value)
			}
		}
		if len(rows) != batches*10 {
			t.Fatalf("%s byte %d, bit %d: %d samples", name, offset, bit, len(rows))
		}
		if err := opened.Close(context.Background()); !errors.Is(err, errPower) {
			t.Fatal(err)
		}
		return false
	}
	name := logFile(t, d, disk)
	size := disk.Size(name)
	for offset := range size {
		for bit := range uint(8) {
			if os.Getenv(stepsEnv) == "" && bit != uint(offset)%8 {
				continue
			}
			if !flipped(name, offset, bit) {
				t.Fatalf("byte %d, bit %d of %d: it was not noticed", offset, bit, size)
			}
		}
	}
	marks := 0
	flips(t, disk.Size(filepath.Join(d.dir, "log", "MARK")), 61, func(offset int64, bit uint) {
		if marks++; flipped(filepath.Join(d.dir, "log", "MARK"), offset, bit) {
			t.Fatalf("byte %d, bit %d of the marker makes the log unusable", offset, bit)
		}
	})
	t.Logf("all %d bytes of the log, %d of the marker", size, marks)
}

// logFile returns the one file of a log.
func logFile(t testing.TB, d *database, disk *waltest.Disk) string {
	t.Helper()
	dir := filepath.Join(d.dir, "log")
	names, err := disk.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := ""
	for _, name := range names {
		if strings.HasSuffix(name, ".wal") {
			found = filepath.Join(dir, name)
		}
	}
	return found
}

func TestABitFlippedInAnyByteOfTheDiskCacheIsFetchedAgain(t *testing.T) {
	t.Parallel()
	d, s, now := newScene(t)
	want := s.ask(t)
	dir := t.TempDir()
	bucket := d.bucket
	// read reads everything through the cache.
	read := func() (answers, cache.Stats) {
		cached, err := cache.New(bucket, cache.Options{Dir: dir, Size: 100 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		d.bucket = cached
		s = openScene(d, t, now)
		got := s.ask(t)
		st := cached.Stats()
		if err := d.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		d.bucket = bucket
		d.open(t)
		if err := cached.Close(); err != nil {
			t.Fatal(err)
		}
		return got, st
	}
	read()
	damaged, tried := int64(0), int64(0)
	pages := filesBelow(t, dir)
	for _, path := range pages {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		flips(t, int64(len(data)), 61, func(offset int64, bit uint) {
			data[offset] ^= 1 << bit
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			data[offset] ^= 1 << bit
			got, st := read()
			damaged += st.Damaged
			tried++
			if got.right(t, want, "") > 0 || t.Failed() {
				t.Fatalf("byte %d, bit %d of page %s", offset, bit, path)
			}
		})
	}
	t.Logf("%d pages, %d flips, %d pages found damaged", len(pages), tried, damaged)
	if damaged < tried*9/10 || tried == 0 {
		t.Errorf("of %d flips %d were noticed", tried, damaged)
	}
}
