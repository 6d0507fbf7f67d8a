package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/trellisdb/trellis/meta"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers is the number of connections that read.
const readers = 4

// Catalog is a meta.Catalog in a SQLite file.
type Catalog struct {
	path  string
	write *sql.DB // one connection; every transaction takes the write lock first
	read  *sql.DB

	cache struct {
		sync.Mutex
		generation int64
		series     []meta.Series
	}
}

var _ meta.Catalog = (*Catalog)(nil)

// Open opens the catalog in the file at path and creates it where there is none;
// its directory must exist. A file of an older schema is brought up to date, one of
// a newer schema is refused.
func Open(ctx context.Context, path string) (*Catalog, error) {
	c := &Catalog{path: path}
	if err := c.open(ctx); err != nil {
		return nil, fmt.Errorf("catalog %s: %w", path, errors.Join(err, c.Close()))
	}
	return c, nil
}

func (c *Catalog) open(ctx context.Context) (err error) {
	file, err := filepath.Abs(c.path)
	if err != nil {
		return err
	}
	if c.write, err = connect(file, 1, url.Values{"_txlock": {"immediate"}, "_pragma": {"journal_mode(wal)", "synchronous(full)"}}); err != nil {
		return err
	}
	if err := create(ctx, c.write); err != nil {
		return err
	}
	if err := migrate(ctx, c.write); err != nil {
		return err
	}
	c.read, err = connect(file, readers, url.Values{"_pragma": {"query_only(1)"}})
	return err
}

// connect returns a pool of up to n connections to the file. None is made yet.
func connect(file string, n int, options url.Values) (*sql.DB, error) {
	options["_pragma"] = append(options["_pragma"], "busy_timeout(10000)", "foreign_keys(1)")
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(file), RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// create makes the file, if need be, and turns on its write-ahead mode. Two processes
// that do so at once get in each other's way, and SQLite's busy timeout does not
// cover that.
func create(ctx context.Context, db *sql.DB) error {
	const attempts, pause = 200, 50 * time.Millisecond
	var err error
	for range attempts {
		err = db.PingContext(ctx)
		var busy *sqlite.Error
		if !errors.As(err, &busy) || busy.Code()&0xff != sqlite3.SQLITE_BUSY {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return err
}

// migrate brings the schema up to date.
func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	// Of two processes that open an old file at once, one fails at each step. It goes
	// on for as long as the other one gets ahead.
	for before := int64(-1); ; {
		have, know, errVersion := provider.GetVersions(ctx)
		switch {
		case errVersion != nil:
			return errVersion
		case have > know:
			return fmt.Errorf("its schema %d is newer than %d, the newest that this program knows: use a newer release", have, know)
		case have == know:
			return nil
		case have == before:
			return err
		}
		before = have
		_, err = provider.Up(ctx)
	}
}

// Close releases the connections.
func (c *Catalog) Close() error {
	var errs []error
	for _, db := range []*sql.DB{c.read, c.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// change runs f in a transaction that holds the write lock from its beginning, and
// rolls back when f returns an error.
func (c *Catalog) change(ctx context.Context, f func(*sql.Tx) error) error {
	return c.transact(ctx, c.write, nil, f)
}

// view runs f in a transaction that sees one state of the catalog.
func (c *Catalog) view(ctx context.Context, f func(*sql.Tx) error) error {
	return c.transact(ctx, c.read, &sql.TxOptions{ReadOnly: true}, f)
}

func (c *Catalog) transact(ctx context.Context, db *sql.DB, options *sql.TxOptions, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, options)
	if err == nil {
		defer func() { _ = tx.Rollback() }() // does nothing after a commit
		err = f(tx)
	}
	if err == nil {
		err = tx.Commit()
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && !errors.Is(err, ctx.Err()):
		// A transaction that was rolled back under a statement says only that it is over.
		return fmt.Errorf("catalog %s: %w: %w", c.path, ctx.Err(), err)
	case errors.Is(err, meta.ErrNotFound), errors.Is(err, meta.ErrExists), errors.Is(err, meta.ErrConflict), errors.Is(err, meta.ErrInvalid):
		return err // the caller's doing: where the catalog is does not matter
	default:
		return fmt.Errorf("catalog %s: %w", c.path, err)
	}
}

// query runs a SELECT and gives each row to scan.
func query(ctx context.Context, tx *sql.Tx, scan func(*sql.Rows) error, text string, args ...any) error {
	rows, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := scan(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// Settings returns the server-wide settings.
func (c *Catalog) Settings(ctx context.Context) (map[string]string, error) {
	settings := map[string]string{}
	err := c.view(ctx, func(tx *sql.Tx) error {
		return query(ctx, tx, func(rows *sql.Rows) error {
			var name, value string
			if err := rows.Scan(&name, &value); err != nil {
				return err
			}
			settings[name] = value
			return nil
		}, `SELECT name, value FROM settings`)
	})
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return settings, nil
}

// SetSetting changes one of the server-wide settings.
func (c *Catalog) SetSetting(ctx context.Context, name, value string) error {
	err := c.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO settings VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`, name, value)
		return err
	})
	if err != nil {
		return fmt.Errorf("setting %q: %w", name, err)
	}
	return nil
}
