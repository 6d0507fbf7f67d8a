package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/metatest"
	"github.com/trellisdb/trellis/meta/sqlite"
)

func series(name string) []meta.Series {
	return []meta.Series{{Name: name, Series: columnar.Series{Type: columnar.Double, Grid: columnar.Grid{Period: 1}}}}
}

func TestPathsOfAnySpelling(t *testing.T) {
	for _, name := range []string{"a b", "50%", "what?", "#1", "ü", "a&b=c", "x;y", "%20", "file:x"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			c, err := sqlite.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.CreateSeries(t.Context(), series("a"))
			if err := errors.Join(err, c.Close()); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(path); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := sqlite.Open(t.Context(), "catalog.db")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("catalog.db"); err != nil {
		t.Error(err)
	}
}

func TestFilesThatAreNoCatalog(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(dir, "newer")
	c, err := sqlite.Open(t.Context(), newer)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	execute(t, newer, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, 1)`)
	for path, say := range map[string]string{
		text:                                  "it is not a catalog",
		dir:                                   "it is a directory",
		filepath.Join(dir, "missing", "file"): "there is no directory " + filepath.Join(dir, "missing"),
		newer:                                 "its schema 4711 is newer than",
	} {
		c, err := sqlite.Open(t.Context(), path)
		if err == nil {
			t.Errorf("%s was opened", path)
			_ = c.Close()
			continue
		}
		if !strings.Contains(err.Error(), say) || !strings.Contains(err.Error(), path) {
			t.Errorf("the error %q does not say %q and %q", err, path, say)
		}
	}
}

// execute runs SQL on a file without the catalog's help.
func execute(t *testing.T, path, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), text)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestALeaseFromBeforeTheClockWasSetBackIsNobodys(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	defer func() { _ = c.Close() }()
	metatest.ClockSetBack(t, c, func(statement string) { execute(t, filepath.Join(dir, "catalog.db"), statement) }, func() meta.Catalog { return open(t, dir) })
}

func TestWritersWaitForALock(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	defer func() { _ = c.Close() }()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "catalog.db")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	// While another process holds the lock, readers go on ...
	if _, err := c.Series(t.Context()); err != nil {
		t.Fatal(err)
	}
	// ... a writer gives up when its context ends ...
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.CreateSeries(ctx, series("a")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the error is %v, want that of the context", err)
	}
	// ... or waits until the lock is free.
	created := make(chan error)
	go func() {
		_, err := c.CreateSeries(context.WithoutCancel(t.Context()), series("b"))
		created <- err
	}()
	select {
	case err := <-created:
		t.Fatalf("a series was created while another process held the lock, or: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-created; err != nil {
		t.Fatal(err)
	}
	got, err := c.Series(t.Context())
	if err != nil || len(got) != 1 || got[0].Name != "b" {
		t.Errorf("the series are %v, %v", got, err)
	}
}

func TestManyOpenOneNewFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			c, err := sqlite.Open(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			_, err = c.CreateSeries(t.Context(), series(fmt.Sprint(i)))
			if err := errors.Join(err, c.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	c, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Series(t.Context())
	if err := errors.Join(err, c.Close()); err != nil || len(got) != 8 {
		t.Errorf("there are %d series, %v", len(got), err)
	}
}

func TestCancelWhileCreating(t *testing.T) {
	c := open(t, t.TempDir())
	defer func() { _ = c.Close() }()
	var many []meta.Series
	for i := range 50_000 {
		many = append(many, series(fmt.Sprint(i))...)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := c.CreateSeries(ctx, many); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, want that of the context", err)
	}
	got, err := c.Series(t.Context())
	if err != nil || len(got) != 0 {
		t.Errorf("a canceled call left %d series, %v", len(got), err)
	}
}
