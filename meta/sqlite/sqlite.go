package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/tables"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers is the number of connections that read.
const readers = 4

// Catalog is a meta.Catalog in a SQLite file.
type Catalog struct {
	*tables.Catalog
	db file
}

var _ meta.Catalog = (*Catalog)(nil)

// dialect is how SQLite spells it. The write lock that every change takes first
// makes others wait; no row needs another.
var dialect = tables.Dialect{
	Now:       `CAST(unixepoch('subsec') * 1000000 AS INTEGER)`,
	Random:    `lower(hex(randomblob(16)))`,
	Parameter: func(int) string { return "?" },
	Numbers:   among,
	Texts:     among,
}

func among(parameter string) string { return `IN (SELECT value FROM json_each(` + parameter + `))` }

// file is the database.
type file struct {
	path  string
	abs   string      // the same, whatever the working directory is
	info  fs.FileInfo // of the file that was opened
	wal   fs.FileInfo // of its write-ahead log; nil: there was none
	write *sql.DB     // one connection; every transaction takes the write lock first
	read  *sql.DB

	readOnly  bool        // opened by OpenReader
	original  fs.FileInfo // of the file that a copy of is read; nil: it is no copy
	temporary string      // directory of a copy that is read; empty: there is none
}

// Open opens the catalog in the file at path and creates it where there is none;
// its directory must exist. A file of an older schema is brought up to date, one of
// a newer schema is refused.
func Open(ctx context.Context, path string) (*Catalog, error) {
	c := &Catalog{db: file{path: path}}
	if err := c.db.open(ctx); err != nil {
		return nil, errors.Join(c.db.Explain(ctx, err), c.Close())
	}
	c.Catalog = tables.New(&c.db, dialect)
	if err := c.Prepare(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (f *file) open(ctx context.Context) error {
	path, err := filepath.Abs(f.path)
	if err != nil {
		return err
	}
	return f.openAt(ctx, path)
}

func (f *file) openAt(ctx context.Context, path string) (err error) {
	if f.write, err = connect(path, 1, url.Values{"_txlock": {"immediate"}, "_pragma": {"journal_mode(wal)", "synchronous(full)"}}); err != nil {
		return err
	}
	if err := create(ctx, f.write); err != nil {
		return err
	}
	if err := migrate(ctx, f.write); err != nil {
		return err
	}
	if f.info, err = os.Stat(path); err != nil {
		return err
	}
	f.abs = path
	if f.wal, err = os.Stat(path + "-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f.read, err = connect(path, readers, url.Values{"_pragma": {"query_only(1)"}})
	return err
}

// Mark returns the number of the file: a copy has another.
func (c *Catalog) Mark(context.Context) (string, error) {
	info := c.db.info
	if c.db.original != nil {
		info = c.db.original
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", nil
	}
	return fmt.Sprintf("sqlite:%d", stat.Ino), nil
}

// Check wraps meta.ErrConflict where the file at the catalog's path is no longer the
// one that was opened.
func (c *Catalog) Check(context.Context) error { return c.db.present() }

// present is Check. It is asked before each commit, too.
func (f *file) present() error {
	now, err := os.Stat(f.abs)
	same := err == nil && os.SameFile(now, f.info)
	if same && f.wal != nil { // what is committed stands there first
		now, err = os.Stat(f.abs + "-wal")
		same = err == nil && os.SameFile(now, f.wal)
	}
	if same {
		return nil
	}
	return fmt.Errorf("catalog %s: the file, or its -wal, was removed, moved away or replaced while it was in use; stop this server, and look for the file: %w", f.path, meta.ErrConflict)
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

// provide returns what brings the schema up to date.
func provide(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
}

// versions returns the schema that a file has, and the newest that this program knows.
func versions(ctx context.Context, db *sql.DB) (have, know int64, err error) {
	provider, err := provide(db)
	if err != nil {
		return 0, 0, err
	}
	return provider.GetVersions(ctx)
}

func newerSchema(have, know int64) error {
	return fmt.Errorf("its schema %d is newer than %d, the newest that this program knows: use a newer release", have, know)
}

// migrate brings the schema up to date.
func migrate(ctx context.Context, db *sql.DB) error {
	provider, err := provide(db)
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
			return newerSchema(have, know)
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
	for _, db := range []*sql.DB{c.db.read, c.db.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if c.db.temporary != "" {
		errs = append(errs, os.RemoveAll(c.db.temporary))
	}
	return errors.Join(errs...)
}

// Read runs a function that makes one query.
func (f *file) Read(ctx context.Context, read func(tables.Queryer) error) error {
	return f.Explain(ctx, read(f.read))
}

// View runs a function in a transaction that sees one state of the catalog.
func (f *file) View(ctx context.Context, view func(*sql.Tx) error) error {
	return f.transact(ctx, f.read, &sql.TxOptions{ReadOnly: true}, view)
}

// Change runs a function in a transaction that holds the write lock from its
// beginning, and rolls back when it returns an error.
func (f *file) Change(ctx context.Context, change func(*sql.Tx) error) error {
	if f.readOnly {
		return f.errReadOnly()
	}
	return f.transact(ctx, f.write, nil, change)
}

func (f *file) transact(ctx context.Context, db *sql.DB, options *sql.TxOptions, run func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, options)
	if err == nil {
		defer func() { _ = tx.Rollback() }() // does nothing after a commit
		err = run(tx)
	}
	if err == nil && db == f.write {
		err = f.present()
	}
	if err == nil {
		err = tx.Commit()
	}
	return f.Explain(ctx, err)
}

// whatToDo ends an error of damage.
const whatToDo = "trellis verify lists all that is damaged, and trellis repair rebuilds the catalog from the bucket"

// isDamage reports whether an error of SQLite is one of a damaged file: it cannot be
// read, or its tables and columns are not those of a catalog.
func isDamage(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR:
		return true
	}
	return e.Code() == sqlite3.SQLITE_IOERR_SHORT_READ
}

// Explain says which catalog is in trouble, or that the context has ended.
func (f *file) Explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && !errors.Is(err, ctx.Err()):
		// A transaction that was rolled back under a statement says only that it is over.
		return fmt.Errorf("catalog %s: %w: %w", f.path, ctx.Err(), err)
	case tables.IsCallers(err):
		return err // where the catalog is does not matter
	case errors.Is(err, columnar.ErrCorrupt):
		return fmt.Errorf("catalog %s: %w; %s", f.path, err, whatToDo)
	case isDamage(err) && !isNoDatabase(err):
		return fmt.Errorf("catalog %s: %w: SQLite says: %s; %s", f.path, columnar.ErrCorrupt, tables.Printable(err.Error()), whatToDo)
	default:
		return fmt.Errorf("catalog %s: %w", f.path, explainOpen(f.path, err))
	}
}
