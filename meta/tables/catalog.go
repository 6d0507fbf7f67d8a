package tables

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/trellisdb/trellis/meta"
)

// Dialect is what one database spells differently from others.
type Dialect struct {
	Now    string // an expression: the database's clock in microseconds since the Unix epoch
	Random string // an expression: a text that no other call gives
	Lock   string // what follows a SELECT whose rows nobody else may change meanwhile
	// Parameter is the n-th parameter of a VALUES clause. $n has it, too, but SQLite
	// looks each of them up among all others.
	Parameter func(n int) string
	// Numbers and Texts follow an expression that is to be one of the elements of a
	// JSON array, which is given as a parameter, $1 for instance.
	Numbers, Texts func(parameter string) string
}

// Queryer reads from a database, inside a transaction or outside.
type Queryer interface {
	// QueryContext runs a SELECT of any number of rows.
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	// QueryRowContext runs a SELECT of one row.
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}

// Transactor runs functions on a database. They may be called more than once where
// the ones before had no effect.
type Transactor interface {
	// Read runs a function that makes one query.
	Read(ctx context.Context, f func(Queryer) error) error
	// View runs a function that sees one state of the database in all its queries.
	View(ctx context.Context, f func(*sql.Tx) error) error
	// Change runs a function in a transaction, and rolls back when it returns an error.
	Change(ctx context.Context, f func(*sql.Tx) error) error
	// Explain adds to an error of the database what it is about: the others do so by
	// themselves. It wraps columnar.ErrCorrupt where the database is damaged.
	Explain(ctx context.Context, err error) error
}

// Catalog has the methods of a meta.Catalog but Close.
type Catalog struct {
	db      Transactor
	dialect Dialect

	opened struct {
		sync.Mutex
		id string // of the database, when it was first asked for
	}
	cache struct {
		sync.Mutex
		known
	}
}

// New returns a catalog on a database whose tables are there.
func New(db Transactor, dialect Dialect) *Catalog { return &Catalog{db: db, dialect: dialect} }

// IsCallers reports whether an error is the caller's doing: it wraps one of meta's
// sentinels. All others are trouble with the database.
func IsCallers(err error) bool {
	for _, sentinel := range []error{meta.ErrNotFound, meta.ErrExists, meta.ErrConflict, meta.ErrHeld, meta.ErrInvalid, meta.ErrReadOnly} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

// view returns what f returns for one state of the database.
func view[T any](ctx context.Context, c *Catalog, f func(*sql.Tx) (T, error)) (result T, err error) {
	err = c.db.View(ctx, func(tx *sql.Tx) (err error) {
		result, err = f(tx)
		return err
	})
	return result, err
}

// all returns all rows of a table in an order, as of one moment, none of which is
// missing.
func all[T any](ctx context.Context, c *Catalog, t *table[T], order string) ([]T, error) {
	return view(ctx, c, func(tx *sql.Tx) ([]T, error) { return t.all(ctx, tx, order) })
}

// queryTexts returns the texts that a SELECT finds.
func queryTexts(ctx context.Context, q Queryer, text string, args ...any) ([]string, error) {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	var list []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		list = append(list, v)
	}
	return list, errors.Join(rows.Err(), rows.Close())
}

// array returns a JSON array of the elements.
func array[T int64 | string](elements []T) (string, error) {
	if elements == nil {
		return "[]", nil
	}
	text, err := json.Marshal(elements)
	return string(text), err
}

// Settings returns the server-wide settings.
func (c *Catalog) Settings(ctx context.Context) (map[string]string, error) {
	list, err := all(ctx, c, &settingTable, "name")
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return settingsOf(list), nil
}

func settingsOf(list []setting) map[string]string {
	settings := make(map[string]string, len(list))
	for _, s := range list {
		settings[s.name] = s.value
	}
	return settings
}

// SetSetting changes one of the server-wide settings.
func (c *Catalog) SetSetting(ctx context.Context, name, value string) error {
	err := c.change(ctx, func(w *change) error {
		before, err := settingTable.read(ctx, w, `WHERE name = $1`, name)
		if err != nil {
			return err
		}
		if err := settingTable.replace(ctx, w, before, []setting{{name, value}}); err != nil {
			return err
		}
		return note(ctx, w, meta.Change{Setting: &meta.Setting{Name: name, Value: value}})
	})
	if err != nil {
		return fmt.Errorf("setting %q: %w", name, err)
	}
	return nil
}
