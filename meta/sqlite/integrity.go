package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/tables"
)

// Integrity asks SQLite what it thinks of the file, compares its tables and indexes with
// those that the migrations make, and reads all rows.
func (c *Catalog) Integrity(ctx context.Context, report func(error)) (meta.Content, error) {
	for _, check := range []func(context.Context, func(error)) error{c.db.pages, c.db.references, c.db.schema} {
		err := c.db.Explain(ctx, check(ctx, func(err error) { report(fmt.Errorf("catalog %s: %w", c.db.path, err)) }))
		switch {
		case errors.Is(err, columnar.ErrCorrupt):
			report(err)
		case err != nil:
			return meta.Content{}, fmt.Errorf("integrity: %w", err)
		}
	}
	return c.Catalog.Integrity(ctx, report)
}

// pages is SQLite's own check of the file: its pages, and that its indexes have the
// rows.
func (f *file) pages(ctx context.Context, report func(error)) error {
	rows, err := f.read.QueryContext(ctx, `PRAGMA integrity_check`)
	if err != nil {
		return err
	}
	for rows.Next() {
		var said string
		if err := rows.Scan(&said); err != nil {
			return errors.Join(err, rows.Close())
		}
		if said != "ok" {
			report(fmt.Errorf("%w: SQLite says: %s", columnar.ErrCorrupt, tables.Printable(said)))
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// references looks for rows that refer to others which are not there.
func (f *file) references(ctx context.Context, report func(error)) error {
	rows, err := f.read.QueryContext(ctx, `PRAGMA foreign_key_check`)
	if err != nil {
		return err
	}
	for rows.Next() {
		var table, parent string
		var id sql.NullInt64
		var number int64
		if err := rows.Scan(&table, &id, &parent, &number); err != nil {
			return errors.Join(err, rows.Close())
		}
		report(fmt.Errorf("table %s: %w: row %d refers to one that is not in %s", tables.Printable(table), columnar.ErrCorrupt, id.Int64, tables.Printable(parent)))
	}
	return errors.Join(rows.Err(), rows.Close())
}

// schema compares the tables and indexes with those of a new catalog.
func (f *file) schema(ctx context.Context, report func(error)) error {
	want, err := made()
	if err != nil {
		return err
	}
	have, err := objects(ctx, f.read)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if text, ok := have[name]; !ok {
			report(fmt.Errorf("%s: %w: it is missing", name, columnar.ErrCorrupt))
		} else if text != want[name] {
			report(fmt.Errorf("%s: %w: it was made otherwise", name, columnar.ErrCorrupt))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[name]; !ok && !isAdded(name) {
			report(fmt.Errorf("%s: %w: no catalog has it", tables.Printable(name), columnar.ErrCorrupt))
		}
	}
	return nil
}

// made returns the tables and indexes of a new catalog.
var made = sync.OnceValues(func() (found map[string]string, err error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := migrate(context.Background(), db); err != nil {
		return nil, err
	}
	return objects(context.Background(), db)
})

// isAdded reports whether something is SQLite's own that is made when it is wanted.
func isAdded(name string) bool {
	return slices.Contains([]string{"table sqlite_sequence", "table sqlite_stat1", "table sqlite_stat4"}, name)
}

// objects returns the tables and indexes of a database, with the SQL that made them.
func objects(ctx context.Context, db *sql.DB) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_master`)
	if err != nil {
		return nil, err
	}
	found := make(map[string]string)
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		found[name] = text
	}
	return found, errors.Join(rows.Err(), rows.Close())
}
