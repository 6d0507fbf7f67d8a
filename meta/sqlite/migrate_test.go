package sqlite_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/sqlite"
)

// firstRelease makes a file with the schema of the first release and fills it as that
// release did.
func firstRelease(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations"), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCatalogOfTheFirstRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	firstRelease(
		t, path,
		`INSERT INTO series (id, name, type, period, block_len, interpolation, zone, unit, low, high, label_end, codec, labels, description, states, created, changed)
			VALUES (3, 'a', 1, 1000000, 3600, 0, 'UTC', 'm', NULL, 5.5, 1, 'auto', '{}', '', 'null', 7, 1), (9, 'gone', 1, 1, 1, 0, 'UTC', '', NULL, NULL, 0, 'auto', '{}', '', 'null', 7, 1)`,
		`DELETE FROM series WHERE id = 9`,
		`UPDATE generation SET generation = 4`,
		`INSERT INTO writers (holder, acquired) VALUES ('one', 1), ('two', 2)`,
		`INSERT INTO snapshots (id, time, log, note) VALUES (1, 10, 100, 'flush'), (2, 20, -1, 'flush'), (3, 30, -2, 'compaction')`,
		`INSERT INTO segments (name, size, series, blocks, samples, from_time, to_time, crc, created, retired)
			VALUES ('x', 1, 2, 3, 4, 5, 6, 7, 1, 3), ('y', 1, 2, 3, 4, 5, 6, 7, 2, 3), ('xy', 1, 2, 3, 4, 5, 6, 4294967295, 3, 0)`,
		`INSERT INTO settings VALUES ('k', 'v')`,
	)
	c := open(t, filepath.Dir(path))
	defer func() { _ = c.Close() }()
	got, err := c.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	high := 5.5
	want := meta.Content{
		ID: got.ID, Epoch: 2, NextEdit: 1,
		Series: []meta.Series{{
			Series: columnar.Series{ID: 3, Type: columnar.Double, Grid: columnar.Grid{Period: 1_000_000, BlockLen: 3600}},
			Name:   "a", Zone: "UTC", Unit: "m", High: &high, LabelEnd: true, Codec: "auto", Labels: "{}", Created: 7,
		}},
		Snapshots: []meta.Snapshot{{ID: 1, Time: 10, Note: "flush", Kept: true}, {ID: 2, Time: 20, Note: "flush", Kept: true}, {ID: 3, Time: 30, Note: "compaction", Kept: true}},
		Segments: []meta.Segment{
			{Name: "x", Version: 1, Size: 1, Series: 2, Blocks: 3, Samples: 4, From: 5, To: 6, CRC: 7, Created: 1, Retired: 3},
			{Name: "y", Version: 2, Size: 1, Series: 2, Blocks: 3, Samples: 4, From: 5, To: 6, CRC: 7, Created: 2, Retired: 3},
			{Name: "xy", Version: 3, Size: 1, Series: 2, Blocks: 3, Samples: 4, From: 5, To: 6, CRC: 4294967295, Created: 3},
		},
		Logs:     []meta.Log{{ID: "first", Position: 1<<64 - 2}},
		Settings: map[string]string{"k": "v"},
		Head:     got.ID,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the content differs (-want +got):\n%s", diff)
	}
	if len(got.ID) != 32 {
		t.Errorf("the database's id is %q", got.ID)
	}
	lease, err := c.Lease(t.Context())
	if want := (meta.Lease{Epoch: 2, Holder: "two"}); err != nil || lease != want {
		t.Errorf("the lease is %v, %v, want %v", lease, err, want)
	}
	goesOnAfterTheFirstRelease(t, c)
}

// goesOnAfterTheFirstRelease checks that no number is given again.
func goesOnAfterTheFirstRelease(t *testing.T, c meta.Catalog) {
	t.Helper()
	created, err := c.CreateSeries(t.Context(), series("new"))
	if err != nil || created[0].ID != 10 {
		t.Errorf("a new series has id %v, %v, want 10", created, err)
	}
	epoch, err := c.Acquire(t.Context(), meta.Claim{Holder: "three", Log: "first", TTL: 1})
	if err != nil || epoch != 3 {
		t.Errorf("the epoch is %d, %v, want 3", epoch, err)
	}
	made, err := c.Commit(t.Context(), meta.Commit{Epoch: epoch, Time: 40, Add: []meta.Segment{{Name: "z"}}, Retire: []string{"xy"}, Log: "first", Position: 1<<64 - 1})
	if want := (meta.Snapshot{ID: 4, Time: 40, Kept: true}); err != nil || made != want {
		t.Errorf("the snapshot is %v, %v, want %v", made, err, want)
	}
	expired, err := c.Expire(t.Context(), meta.Expiry{Epoch: epoch, KeepFrom: 30})
	if diff := cmp.Diff(meta.Expired{Snapshots: 2, Segments: []string{"x", "y"}}, expired); err != nil || diff != "" {
		t.Errorf("what expired differs (-want +got), %v:\n%s", err, diff)
	}
}

func TestEmptyCatalogOfTheFirstRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	firstRelease(t, path)
	c := open(t, filepath.Dir(path))
	defer func() { _ = c.Close() }()
	got, err := c.Export(t.Context())
	want := meta.Content{ID: got.ID, NextEdit: 1, Settings: map[string]string{}, Head: got.ID}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("the content differs (-want +got), %v:\n%s", err, diff)
	}
	if _, err := c.Position(t.Context(), "first"); !errors.Is(err, meta.ErrNotFound) {
		t.Errorf("there is a log without snapshots: %v", err)
	}
	if lease, err := c.Lease(t.Context()); err != nil || lease != (meta.Lease{}) {
		t.Errorf("the lease is %v, %v", lease, err)
	}
}

func TestManyOpenOneOldFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	firstRelease(t, path, `INSERT INTO snapshots (id, time, log, note) VALUES (1, 10, 100, 'flush')`)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			c, err := sqlite.Open(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			position, err := c.Position(t.Context(), "first")
			if err := errors.Join(err, c.Close()); err != nil || position != 100 {
				t.Errorf("the position is %d, %v", position, err)
			}
		})
	}
	group.Wait()
}

// The way back is for developers; it must not lose what the first release knew.
func TestMigrationsDownAndUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	firstRelease(t, path, `INSERT INTO snapshots (id, time, log, note) VALUES (1, 10, 100, 'flush')`)
	for range 2 {
		c, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		position, err := c.Position(t.Context(), "first")
		if err := errors.Join(err, c.Close()); err != nil || position != 100 {
			t.Fatalf("the position is %d, %v", position, err)
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		provider, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations"), goose.WithLogger(goose.NopLogger()))
		if err != nil {
			t.Fatal(err)
		}
		_, err = provider.DownTo(t.Context(), 1)
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
