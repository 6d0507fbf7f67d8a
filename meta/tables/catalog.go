package tables

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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
		generation int64
		series     []meta.Series
	}
}

// New returns a catalog on a database whose tables are there.
func New(db Transactor, dialect Dialect) *Catalog { return &Catalog{db: db, dialect: dialect} }

// IsCallers reports whether an error is the caller's doing: it wraps one of meta's
// sentinels. All others are trouble with the database.
func IsCallers(err error) bool {
	for _, sentinel := range []error{meta.ErrNotFound, meta.ErrExists, meta.ErrConflict, meta.ErrHeld, meta.ErrInvalid} {
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

// list returns the rows of one query.
func list[T any](ctx context.Context, c *Catalog, scan func(*sql.Rows) (T, error), text string, args ...any) (rows []T, err error) {
	err = c.db.Read(ctx, func(q Queryer) (err error) {
		rows, err = query(ctx, q, scan, text, args...)
		return err
	})
	return rows, err
}

// query returns the rows of a SELECT.
func query[T any](ctx context.Context, q Queryer, scan func(*sql.Rows) (T, error), text string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		list = append(list, v)
	}
	return list, errors.Join(rows.Err(), rows.Close())
}

// scanText reads a row of one text.
func scanText(rows *sql.Rows) (text string, err error) {
	err = rows.Scan(&text)
	return text, err
}

// array returns a JSON array of the elements.
func array[T int64 | string](elements []T) (string, error) {
	if elements == nil {
		return "[]", nil
	}
	text, err := json.Marshal(elements)
	return string(text), err
}

// mostParameters bounds the parameters of a statement. More of them hardly save
// time.
const mostParameters = 2000

// insert adds n rows to a table, many in each statement, and returns how many were
// added. The text is the statement up to VALUES, and what follows its rows.
func (c *Catalog) insert(ctx context.Context, tx *sql.Tx, text, conflict string, columns, n int, row func(i int) ([]any, error)) (added int64, err error) {
	each := max(1, mostParameters/columns)
	var statement *sql.Stmt
	defer func() {
		if statement != nil {
			err = errors.Join(err, statement.Close())
		}
	}()
	for from := 0; from < n; from += each {
		to := min(from+each, n)
		var args []any
		for i := from; i < to; i++ {
			values, err := row(i)
			if err != nil {
				return added, err
			}
			args = append(args, values...)
		}
		if statement == nil && n >= 2*each {
			if statement, err = tx.PrepareContext(ctx, text+c.values(columns, each)+conflict); err != nil {
				return added, err
			}
		}
		result, err := c.insertSome(ctx, tx, statement, text, conflict, columns, args, to-from == each)
		if err != nil {
			return added, err
		}
		affected, err := result.RowsAffected()
		if err != nil {
			return added, err
		}
		added += affected
	}
	return added, nil
}

// insertSome runs the prepared statement for a full number of rows, or one of its
// own.
func (c *Catalog) insertSome(ctx context.Context, tx *sql.Tx, statement *sql.Stmt, text, conflict string, columns int, args []any, full bool) (sql.Result, error) {
	if statement != nil && full {
		return statement.ExecContext(ctx, args...)
	}
	return tx.ExecContext(ctx, text+c.values(columns, len(args)/columns)+conflict, args...)
}

// values returns a VALUES clause of so many columns and rows.
func (c *Catalog) values(columns, rows int) string {
	var text strings.Builder
	text.WriteString(" VALUES ")
	for i := range columns * rows {
		switch {
		case i == 0:
			text.WriteString("(")
		case i%columns == 0:
			text.WriteString("), (")
		default:
			text.WriteString(", ")
		}
		text.WriteString(c.dialect.Parameter(i + 1))
	}
	text.WriteString(") ")
	return text.String()
}

// Settings returns the server-wide settings.
func (c *Catalog) Settings(ctx context.Context) (map[string]string, error) {
	pairs, err := list(ctx, c, scanSetting, selectSettings)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return settingsOf(pairs), nil
}

const selectSettings = `SELECT name, value FROM settings`

func scanSetting(rows *sql.Rows) (pair [2]string, err error) {
	err = rows.Scan(&pair[0], &pair[1])
	return pair, err
}

func settingsOf(pairs [][2]string) map[string]string {
	settings := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		settings[pair[0]] = pair[1]
	}
	return settings
}

// SetSetting changes one of the server-wide settings.
func (c *Catalog) SetSetting(ctx context.Context, name, value string) error {
	err := c.db.Change(ctx, func(tx *sql.Tx) error {
		if _, err := c.lock(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
		if err != nil {
			return err
		}
		return c.note(ctx, tx, meta.Change{Setting: &meta.Setting{Name: name, Value: value}})
	})
	if err != nil {
		return fmt.Errorf("setting %q: %w", name, err)
	}
	return nil
}
