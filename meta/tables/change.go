package tables

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/trellisdb/trellis/columnar"
)

// change is a transaction that changes the catalog. It has the lock on the row of the
// table catalog, so there is one at a time.
type change struct {
	*sql.Tx
	dialect  *Dialect
	row, was counters // as they are to be, and as they were
	totals   totals   // as they are to be; nil: as they were
}

// change runs f in a transaction, and makes what the catalog says of itself right.
func (c *Catalog) change(ctx context.Context, f func(w *change) error) error {
	return c.db.Change(ctx, func(tx *sql.Tx) error {
		row, err := readCounters(ctx, tx, c.dialect.Lock)
		if err != nil {
			return err
		}
		w := &change{Tx: tx, dialect: &c.dialect, row: row, was: row}
		if err := f(w); err != nil {
			return err
		}
		return w.finish(ctx)
	})
}

// finish writes the counters that have changed.
func (w *change) finish(ctx context.Context) error {
	if w.totals != nil {
		text, err := json.Marshal(w.totals)
		if err != nil {
			return err
		}
		w.row.totals = string(text)
	}
	if w.row == w.was {
		return nil
	}
	return counterTable.overwrite(ctx, w, []counters{w.row})
}

// total returns the total of a table.
func (w *change) total(table string) (t total, err error) {
	if w.totals == nil {
		w.totals, err = w.row.parseTotals()
	}
	return w.totals[table], err
}

// move counts rows that come or, with sign -1, go.
func (w *change) move(table string, by total, sign int64) error {
	if by == (total{}) {
		return nil
	}
	t, err := w.total(table)
	if err != nil {
		return err
	}
	w.totals[table] = total{t.Rows + sign*by.Rows, t.Sum + sign*by.Sum, t.Last}
	return nil
}

// number returns the first of n numbers for rows of a table. They follow all before.
func (w *change) number(table string, n int) (int64, error) {
	t, err := w.total(table)
	if err != nil {
		return 0, err
	}
	first := t.Last + 1
	t.Last += int64(n)
	w.totals[table] = t
	return first, nil
}

// insert adds rows.
func (t *table[T]) insert(ctx context.Context, w *change, rows []T) error {
	_, err := t.insertFree(ctx, w, rows, "")
	return err
}

// insertFree adds rows and returns how many were added: all but those for which the
// conflict clause says otherwise. If they are not all, the change must be given up.
func (t *table[T]) insertFree(ctx context.Context, w *change, rows []T, conflict string) (added int64, err error) {
	added, sums, err := t.write(ctx, w, rows, conflict)
	return added, errors.Join(err, w.move(t.name, sums, 1))
}

// replace writes rows in the place of others that have the same keys.
func (t *table[T]) replace(ctx context.Context, w *change, before, after []T) error {
	if err := w.move(t.name, t.totalOf(before), -1); err != nil {
		return err
	}
	_, sums, err := t.write(ctx, w, after, t.overwriting())
	return errors.Join(err, w.move(t.name, sums, 1))
}

// remove deletes the rows that a condition chooses, which were read before.
func (t *table[T]) remove(ctx context.Context, w *change, rows []T, where string, args ...any) error {
	if len(rows) == 0 {
		return nil
	}
	if err := w.move(t.name, t.totalOf(rows), -1); err != nil {
		return err
	}
	result, err := w.ExecContext(ctx, "DELETE FROM "+t.name+" "+where, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n != int64(len(rows)) {
		err = fmt.Errorf("table %s: %w: %d rows were found and %d deleted", t.name, columnar.ErrCorrupt, len(rows), n)
	}
	return err
}

// overwrite writes rows that are not counted.
func (t *table[T]) overwrite(ctx context.Context, w *change, rows []T) error {
	_, _, err := t.write(ctx, w, rows, t.overwriting())
	return err
}

func (t *table[T]) totalOf(rows []T) (sums total) {
	for i := range rows {
		sums.add(t.sumOf(&rows[i]))
	}
	return sums
}

// write adds or overwrites rows, and returns how many it did and their total.
func (t *table[T]) write(ctx context.Context, w *change, rows []T, conflict string) (n int64, sums total, err error) {
	var buffer []byte
	n, err = w.insert(ctx, t.insertion(), conflict, len(t.columns)+1, len(rows), func(i int) []any {
		values := t.values(&rows[i])
		var sum int64
		sum, buffer = t.sum(buffer, values)
		sums.add(sum)
		return append(values, sum)
	})
	return n, sums, err
}

// mostParameters bounds the parameters of a statement. More of them hardly save
// time.
const mostParameters = 2000

// insert adds n rows to a table, many in each statement, and returns how many were
// added. The text is the statement up to VALUES, and what follows its rows.
func (w *change) insert(ctx context.Context, text, conflict string, columns, n int, row func(i int) []any) (added int64, err error) {
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
			args = append(args, row(i)...)
		}
		if statement == nil && n >= 2*each {
			if statement, err = w.PrepareContext(ctx, text+w.values(columns, each)+conflict); err != nil {
				return added, err
			}
		}
		result, err := w.insertSome(ctx, statement, text, conflict, columns, args, to-from == each)
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
func (w *change) insertSome(ctx context.Context, statement *sql.Stmt, text, conflict string, columns int, args []any, full bool) (sql.Result, error) {
	if statement != nil && full {
		return statement.ExecContext(ctx, args...)
	}
	return w.ExecContext(ctx, text+w.values(columns, len(args)/columns)+conflict, args...)
}

// values returns a VALUES clause of so many columns and rows.
func (w *change) values(columns, rows int) string {
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
		text.WriteString(w.dialect.Parameter(i + 1))
	}
	text.WriteString(") ")
	return text.String()
}
