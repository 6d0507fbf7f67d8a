package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/cache"
	"github.com/trellisdb/trellis/store/object/objecttest"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

// TestAFullDiskForEditsRefusesThemAndNothingElse fills the directory of edits that are too
// large for memory.
func TestAFullDiskForEditsRefusesThemAndNothingElse(t *testing.T) {
	t.Parallel()
	before, after := reference(t, operations[2].do)
	d := newDatabase(t)
	var now atomic.Int64
	d.options = sceneOptions(&now)
	d.options.LogFS = waltest.NewDisk()
	s := openScene(d, t, &now)
	ctx := context.Background()
	if err := s.prepare(ctx); err != nil {
		t.Fatal(err)
	}
	var full atomic.Bool
	s.SpillTo(func(dir string) (object.Bucket, error) {
		bucket, err := object.OpenDir(dir)
		return &objecttest.Faulty{Bucket: bucket, Fail: func(op objecttest.Op, _ string) error {
			if full.Load() && op == objecttest.OpWrite {
				return syscall.ENOSPC
			}
			return nil
		}}, err
	})
	full.Store(true)
	for range 3 {
		err := s.edit(ctx, true)
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "stage") || !strings.Contains(err.Error(), "free some space") {
			t.Errorf("an edit that does not fit: %v", err)
		}
	}
	if got := s.samples(t, 0); got != before.now {
		t.Error("an edit that was refused is seen")
	}
	if _, err := s.change(ctx, columnar.EditInfo{Kind: columnar.Overwrite, Who: "ada"}, func(e columnar.Editor) error {
		return e.Write(ctx, []columnar.Samples{s.values(2000, 1, 1)})
	}); err != nil {
		t.Errorf("a small edit: %v", err)
	}
	full.Store(false)
	if err := s.edit(ctx, false); err != nil {
		t.Error(err)
	}
	if left := filesBelow(t, filepath.Join(d.dir, "log", "stage")); len(left) > 0 {
		t.Errorf("spills %q are left", left)
	}
	_ = after
	s.cleanUp(t)
}

// fullDisk is the cache's file system, which can be full.
type fullDisk struct {
	cache.FS
	full atomic.Bool
}

func (f *fullDisk) WriteFile(name string, parts ...[]byte) error {
	if f.full.Load() {
		return &os.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
	}
	return f.FS.WriteFile(name, parts...)
}

func (f *fullDisk) MkdirAll(dir string) error {
	if f.full.Load() {
		return &os.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOSPC}
	}
	return f.FS.MkdirAll(dir)
}

// TestAFullDiskForTheCacheIsNotNoticedByWhoReads fills the disk of the cache.
func TestAFullDiskForTheCacheIsNotNoticedByWhoReads(t *testing.T) {
	t.Parallel()
	d, s, now := newScene(t)
	want := s.ask(t)
	disk := &fullDisk{FS: cache.Disk}
	cached, err := cache.New(d.bucket, cache.Options{Dir: t.TempDir(), Size: 64 << 20, FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(d.Close(context.Background()), cached.Close()); err != nil {
			t.Error(err)
		}
	}()
	for _, full := range []bool{true, false} {
		disk.full.Store(full)
		if err := d.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		d.bucket = cached
		s = openScene(d, t, now)
		for range 3 {
			if s.ask(t).right(t, want, "") > 0 {
				t.Errorf("disk full %v: a question is not answered", full)
			}
		}
		st := cached.Stats()
		if full && (st.DiskErrors == 0 || st.Pages > 0) {
			t.Errorf("the disk was not full: %+v", st)
		}
		if err := s.Flush(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// TestADiskThatIsReallyFull has log and bucket of a store on a disk of a few hundred
// kilobytes until it is full, and then makes it larger.
func TestADiskThatIsReallyFull(t *testing.T) {
	t.Parallel()
	dir, grow := waltest.Tiny(t, "400k")
	if dir == "" {
		return
	}
	d := newDatabase(t)
	bucket, err := object.OpenDir(filepath.Join(dir, "bucket"))
	if err != nil {
		t.Fatal(err)
	}
	d.bucket, d.dir = bucket, dir
	d.options.HeadBytes, d.options.CompactRate = 50_000, -1
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 1000})
	written, refused := int64(0), 0
	write := func() error {
		in := ramp(s, written, 300)
		for i := range in.Floats {
			in.Floats[i] = noisy(written + int64(i))
		}
		err := d.Append(context.Background(), []columnar.Samples{in})
		if err == nil {
			written += 300
		}
		return err
	}
	for written < 1_000_000 && refused < 20 {
		if err := write(); err != nil {
			if refused++; !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free some space") {
				t.Fatalf("after %d samples: %v", written, err)
			}
		}
	}
	check := func() {
		t.Helper()
		rows := readSamples(t, d.Store, all(s))
		if int64(len(rows)) != written {
			t.Fatalf("%d samples are there, %d were acknowledged", len(rows), written)
		}
		for i, row := range rows {
			if row.value != noisy(int64(i)) {
				t.Fatalf("sample %d is %v", i, row.value)
			}
		}
	}
	t.Logf("the disk is full after %d samples", written)
	check()
	grow("16m")
	until(t, longest, write)
	until(t, longest, func() error { return d.Flush(context.Background()) })
	if err := write(); err != nil {
		t.Error(err)
	}
	check()
	d.reopen(t)
	check()
	if err := d.Close(context.Background()); err != nil {
		t.Error(err)
	}
	d.Store = nil
}

// noisy is a value that does not compress.
func noisy(i int64) float64 { return float64(uint64(i)*0x9E37_79B9_7F4A_7C15>>11) / 1e7 }
