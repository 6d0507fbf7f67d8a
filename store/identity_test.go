package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
)

// on returns another database, with a catalog and a log of its own, on a bucket.
func on(t *testing.T, bucket object.Bucket) *database {
	t.Helper()
	d := newDatabase(t)
	d.bucket = bucket
	return d
}

// other gives a new catalog the id of another database.
func (d *database) other(t *testing.T) *database {
	t.Helper()
	content, err := d.catalog.Export(t.Context())
	if err == nil {
		content.ID = "of another database"
		err = d.catalog.Import(t.Context(), content)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// refused opens a database and returns why that is refused.
func (d *database) refused(t *testing.T) string {
	t.Helper()
	o := d.options
	o.Bucket, o.Catalog, o.LogDir, o.Clock = d.bucket, d.catalog, filepath.Join(d.dir, "log"), clock
	s, err := store.Open(context.Background(), o)
	if err == nil {
		d.Store = s
		t.Fatal("it was opened")
	}
	if !errors.Is(err, store.ErrForeign) {
		t.Fatalf("refused for another reason: %v", err)
	}
	return err.Error()
}

func TestTwoDatabasesDoNotShareABucket(t *testing.T) {
	for _, empty := range []bool{true, false} {
		a := newDatabase(t)
		a.open(t)
		if !empty {
			s := a.create(t, "a", columnar.Double, oneSecond)
			a.append(t, flat(s, 0, 600, 1))
			a.flush(t)
		}
		b := on(t, a.bucket).other(t)
		why := b.refused(t)
		ours, _ := a.catalog.ID(t.Context())
		theirs, _ := b.catalog.ID(t.Context())
		if !strings.Contains(why, ours) || !strings.Contains(why, theirs) {
			t.Errorf("refused without naming both: %s", why)
		}
		a.reopen(t)
		if lease, err := b.catalog.Lease(t.Context()); err != nil || lease.Epoch != 0 {
			t.Errorf("the catalog that was refused has a writer: %+v, %v", lease, err)
		}
	}
}

func TestABucketOfAnOlderReleaseIsThatOfTheCatalogThatKnowsIt(t *testing.T) {
	a := newDatabase(t)
	a.open(t)
	s := a.create(t, "a", columnar.Double, oneSecond)
	a.append(t, flat(s, 0, 600, 1))
	a.flush(t)
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	forgetIdentity(t, a.bucket)
	content, err := a.catalog.Export(t.Context())
	content.Changes, content.Head = 0, ""
	err = errors.Join(err, store.ForgetSeen(filepath.Join(a.dir, "log")))
	if err = errors.Join(err, a.catalog.Replace(t.Context(), content)); err != nil {
		t.Fatal(err)
	}
	b := on(t, a.bucket)
	if why := b.refused(t); !strings.Contains(why, "knows none of them") {
		t.Errorf("refused: %s", why)
	}
	// An object that the catalog does not know may be another database's for good.
	const stranger = "segments/0000000000000000-00000001.seg"
	if _, err := a.bucket.Put(t.Context(), stranger, object.IfAbsent, objecttest.Bytes([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	a.open(t)
	c, err := a.Collect(t.Context(), false)
	if err != nil || len(c.Orphans) != 0 {
		t.Errorf("collected %+v, %v", c, err)
	}
	if _, err := a.bucket.Stat(t.Context(), stranger); err != nil {
		t.Error(err)
	}
}

func forgetIdentity(t *testing.T, bucket object.Bucket) {
	t.Helper()
	for _, prefix := range []string{"database", "writers/", "catalog/"} {
		for info, err := range bucket.List(t.Context(), prefix) {
			if err == nil {
				err = bucket.Delete(t.Context(), info.Key)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestACopyOfTheCatalogDoesNotWriteBesideTheFirst(t *testing.T) {
	a := newDatabase(t)
	a.open(t)
	s := a.create(t, "a", columnar.Double, oneSecond)
	a.append(t, flat(s, 0, 600, 1))
	a.flush(t)
	content, err := a.catalog.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := on(t, a.bucket)
	if err := b.catalog.Import(t.Context(), content); err != nil {
		t.Fatal(err)
	}
	if why := b.refused(t); !strings.Contains(why, "a copy of it") {
		t.Errorf("refused: %s", why)
	}
	a.append(t, flat(s, 600, 600, 2))
	a.flush(t)
	if _, err := a.Collect(t.Context(), false); err != nil {
		t.Errorf("the first does not go on: %v", err)
	}
	// The copy is to go on: the first deletes and writes nothing more.
	if err := store.AdoptBucket(t.Context(), b.bucket, b.catalog); err != nil {
		t.Fatal(err)
	}
	b.open(t)
	if c, err := b.Collect(t.Context(), false); err != nil || len(c.Orphans) != 0 {
		t.Errorf("the copy takes what the first wrote since for garbage: %+v, %v", c, err)
	}
	if _, err := a.Collect(t.Context(), false); !errors.Is(err, store.ErrForeign) {
		t.Errorf("the first collects beside the copy: %v", err)
	}
	if err := a.append2(s); !errors.Is(err, store.ErrForeign) {
		t.Errorf("the first writes beside the copy: %v", err)
	}
	_ = a.Close(t.Context())
	a.Store = nil
	a.refused(t)
}

// append2 appends a sample and returns the error.
func (d *database) append2(s columnar.Series) error {
	return d.Append(context.Background(), []columnar.Samples{flat(s, 700, 1, 1)})
}

func TestAnOlderCatalogIsRefusedByTheBucket(t *testing.T) {
	a := newDatabase(t)
	a.open(t)
	content, err := a.catalog.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.reopen(t)
	a.reopen(t)
	a.reopen(t)
	b := on(t, a.bucket)
	if err := b.catalog.Import(t.Context(), content); err != nil {
		t.Fatal(err)
	}
	if why := b.refused(t); !strings.Contains(why, "the catalog is an older copy") {
		t.Errorf("refused: %s", why)
	}
}

func TestAProcessStopsWritingWhenItsFilesAreGone(t *testing.T) {
	for _, what := range []string{"catalog.db", "catalog.db-wal", "log"} {
		t.Run(what, func(t *testing.T) {
			d := newDatabase(t)
			d.open(t)
			s := d.create(t, "a", columnar.Double, oneSecond)
			d.append(t, flat(s, 0, 600, 1))
			if err := os.Rename(filepath.Join(d.dir, what), filepath.Join(d.dir, "moved")); err != nil {
				t.Fatal(err)
			}
			if err := d.Flush(t.Context()); !errors.Is(err, meta.ErrConflict) || !strings.Contains(err.Error(), "moved away") {
				t.Errorf("flush: %v", err)
			}
			if err := d.append2(s); !errors.Is(err, meta.ErrConflict) {
				t.Errorf("append: %v", err)
			}
			if err := os.Rename(filepath.Join(d.dir, "moved"), filepath.Join(d.dir, what)); err != nil {
				t.Fatal(err)
			}
			_ = d.Close(t.Context())
			d.Store = nil
			d.open(t) // what was acknowledged is in the log
			if n := d.Stats().HeadSamples; n != 600 {
				t.Errorf("%d samples were recovered", n)
			}
		})
	}
}
