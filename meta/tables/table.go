package tables

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/trellisdb/trellis/columnar"
)

// layout is the name of one of the catalog's tables, and its columns.
type layout struct {
	name    string
	columns []string // the first one is the key; beside them stands sum
}

// table is one of the catalog's tables whose rows are T.
//
// Each row carries a sum over its columns, which is checked whenever the row is read.
// How many rows there are, and what their sums add up to, stands in the row of the table
// catalog: so a row that is missing is found, too, or one that is there twice.
type table[T any] struct {
	layout
	values func(v *T) []any // of the columns, in their order: int64, float64, string, bool or nil
	scan   func(r *row) (T, error)
}

// newTable returns a table with columns that are separated by commas.
func newTable[T any](name, columns string, values func(*T) []any, scan func(*row) (T, error)) table[T] {
	return table[T]{layout{name, strings.Split(columns, ", ")}, values, scan}
}

// total is what is known of all rows of a table.
type total struct {
	Rows int64 `json:"rows"`           // how many there are
	Sum  int64 `json:"sum"`            // what their sums add up to
	Last int64 `json:"last,omitempty"` // the last number that a row was given, where rows are numbered
}

func (t *total) add(sum int64) { t.Rows, t.Sum = t.Rows+1, t.Sum+sum }

// totals are those of the tables that are counted, by name.
type totals map[string]total

func (c *counters) parseTotals() (totals, error) {
	var t totals
	if err := json.Unmarshal([]byte(c.totals), &t); err != nil {
		return nil, fmt.Errorf("table catalog: %w: totals: %w", columnar.ErrCorrupt, err)
	}
	return t, nil
}

// selection is a SELECT without conditions.
func (l *layout) selection() string {
	return "SELECT " + strings.Join(l.columns, ", ") + ", sum FROM " + l.name + " "
}

// insertion is an INSERT without values.
func (l *layout) insertion() string {
	return "INSERT INTO " + l.name + " (" + strings.Join(l.columns, ", ") + ", sum)"
}

// overwriting follows an INSERT of rows that may be there.
func (l *layout) overwriting() string {
	var text strings.Builder
	text.WriteString("ON CONFLICT (" + l.columns[0] + ") DO UPDATE SET sum = excluded.sum")
	for _, column := range l.columns[1:] {
		text.WriteString(", " + column + " = excluded." + column)
	}
	return text.String()
}

// sum returns the sum of a row: the beginning of SHA-256 over the table's name and the
// columns, each with its type and length. The buffer is for using again.
func (l *layout) sum(buffer []byte, values []any) (sum int64, _ []byte) {
	b := append(append(buffer[:0], l.name...), 0)
	for _, v := range values {
		switch v := v.(type) {
		case int64:
			b = binary.LittleEndian.AppendUint64(append(b, 'i'), uint64(v))
		case bool: // SQLite has none
			n := uint64(0)
			if v {
				n = 1
			}
			b = binary.LittleEndian.AppendUint64(append(b, 'i'), n)
		case float64: // SQLite has no -0
			b = binary.LittleEndian.AppendUint64(append(b, 'f'), math.Float64bits(v+0))
		case string:
			b = append(binary.AppendUvarint(append(b, 't'), uint64(len(v))), v...)
		case nil:
			b = append(b, '0')
		default: // of a type that no column has
			b = append(b, '?')
		}
	}
	hash := sha256.Sum256(b)
	return int64(binary.LittleEndian.Uint64(hash[:])), b
}

// sumOf returns the sum of a row.
func (t *table[T]) sumOf(v *T) int64 {
	sum, _ := t.sum(nil, t.values(v))
	return sum
}

// row is a row that was read.
type row struct {
	*layout
	values []any // those of the columns, then the sum
	into   []any // pointers to them
	next   int   // column
	buffer []byte
}

func newRow(l *layout) *row {
	n := len(l.columns) + 1
	r := &row{layout: l, values: make([]any, n), into: make([]any, n)}
	for i := range r.values {
		r.into[i] = &r.values[i]
	}
	return r
}

// The methods that follow return the next column. Of what type it is was checked with
// the row's sum.

func (r *row) int() int64 {
	v, _ := r.column().(int64)
	return v
}

func (r *row) text() string {
	v, _ := r.column().(string)
	return v
}

func (r *row) bool() bool {
	switch v := r.column().(type) {
	case bool:
		return v
	case int64:
		return v != 0
	}
	return false
}

// float returns nil for NULL.
func (r *row) float() *float64 {
	if v, ok := r.column().(float64); ok {
		return &v
	}
	return nil
}

func (r *row) column() any {
	r.next++
	return r.values[r.next-1]
}

// stored returns the sum that stands in the row; false: there is none.
func (r *row) stored() (int64, bool) {
	sum, ok := r.values[len(r.columns)].(int64)
	return sum, ok
}

// check returns the row's sum, or wraps columnar.ErrCorrupt.
func (r *row) check() (sum int64, err error) {
	sum, r.buffer = r.sum(r.buffer, r.values[:len(r.columns)])
	switch stored, ok := r.stored(); {
	case !ok:
		return sum, fmt.Errorf("%s: %w: it has no checksum", r.place(), columnar.ErrCorrupt)
	case sum != stored:
		return sum, fmt.Errorf("%s: %w: its columns are not those that were written", r.place(), columnar.ErrCorrupt)
	}
	return sum, nil
}

// place says which row it is. What stands in a damaged row may be anything.
func (r *row) place() string {
	text := "table " + r.name + ", row " + printable(r.values[0])
	if len(r.columns) > 1 && r.columns[1] == "name" {
		text += " " + printable(r.values[1])
	}
	return text
}

// printable returns a short text for a value, without control characters.
func printable(v any) string {
	const most = 80
	switch v := v.(type) {
	case string:
		if len(v) > most {
			return fmt.Sprintf("%q…", v[:most])
		}
		return fmt.Sprintf("%q", v)
	case []byte:
		return printable(string(v))
	case nil:
		return "NULL"
	}
	return fmt.Sprint(v)
}

// each calls use for the rows that conditions choose, and returns their total. An error
// of use ends it.
//
// A row that is not what was written is an error, unless there is a function damaged,
// which is told of it: then the others follow, and the total is that of the sums which
// stand in the rows.
func (t *table[T]) each(ctx context.Context, q Queryer, damaged func(error), use func(v T, sum int64) error, rest string, args ...any) (sums total, err error) {
	rows, err := q.QueryContext(ctx, t.selection()+rest, args...)
	if err != nil {
		return sums, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	r := newRow(&t.layout)
	for rows.Next() {
		if err := rows.Scan(r.into...); err != nil {
			return sums, err
		}
		sum, err := r.check()
		var v T
		if err == nil {
			r.next = 0
			v, err = t.scan(r)
		}
		if err == nil {
			sums.add(sum)
			err = use(v, sum)
		} else if damaged != nil {
			damaged(err)
			stored, _ := r.stored()
			sums.add(stored)
			err = nil
		}
		if err != nil {
			return sums, err
		}
	}
	return sums, rows.Err()
}

// read returns the rows that conditions choose.
func (t *table[T]) read(ctx context.Context, q Queryer, rest string, args ...any) (list []T, err error) {
	_, err = t.each(ctx, q, nil, func(v T, _ int64) error {
		list = append(list, v)
		return nil
	}, rest, args...)
	return list, err
}

// first returns the first row that conditions choose, or false when there is none.
func (t *table[T]) first(ctx context.Context, q Queryer, rest string, args ...any) (v T, ok bool, err error) {
	list, err := t.read(ctx, q, rest, args...)
	if err != nil || len(list) == 0 {
		return v, false, err
	}
	return list[0], true, nil
}

// all returns all rows, in an order, and makes sure that none is missing. It reads
// twice, in a transaction that sees one state of the database.
func (t *table[T]) all(ctx context.Context, q Queryer, order string) (list []T, err error) {
	sums, err := t.each(ctx, q, nil, func(v T, _ int64) error {
		list = append(list, v)
		return nil
	}, "ORDER BY "+order)
	if err != nil {
		return nil, err
	}
	return list, t.checkTotal(ctx, q, sums)
}

// checkTotal compares the total of all rows with what the catalog says of it.
func (l *layout) checkTotal(ctx context.Context, q Queryer, got total) error {
	row, err := readCounters(ctx, q, "")
	if err != nil {
		return err
	}
	said, err := row.parseTotals()
	if err != nil {
		return err
	}
	return l.compare(got, said[l.name])
}

// compare wraps columnar.ErrCorrupt where a total is not what it should be.
func (l *layout) compare(got, want total) error {
	switch {
	case got.Rows != want.Rows:
		return fmt.Errorf("table %s: %w: there are %d rows in it, and %d were written", l.name, columnar.ErrCorrupt, got.Rows, want.Rows)
	case got.Sum != want.Sum:
		return fmt.Errorf("table %s: %w: its %d rows are not those that were written", l.name, columnar.ErrCorrupt, got.Rows)
	}
	return nil
}
