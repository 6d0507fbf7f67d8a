package metatest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// withoutSums are statements that make a catalog like one of a release whose rows had
// no sums. They are filled in when it is opened.
var withoutSums = []string{"UPDATE catalog SET sum = NULL, totals = '', trail = 0", "UPDATE generation SET sum = NULL"}

// Raw opens the database of a directory's catalog without the catalog's help.
type Raw func(t *testing.T, dir string) *sql.DB

// damageTest damages catalogs.
type damageTest struct {
	open Opener
	raw  Raw
}

// RunDamage checks that whatever is changed in a catalog's tables behind its back is
// seen.
func RunDamage(t *testing.T, open Opener, raw Raw) {
	d := damageTest{open, raw}
	tests := []struct {
		name string
		run  func(t *testing.T)
	}{
		{"a value that was changed is seen by whoever reads it", d.values},
		{"a row that was taken out is missed", d.missing},
		{"a row that was put in is seen", d.added},
		{"two rows whose values were exchanged are seen", d.exchanged},
		{"a segment that is hidden from its snapshots is missed", d.hidden},
		{"the trail cannot be changed, whoever adds up the sums again", d.trail},
		{"sums are filled in once, for what an older release wrote", d.filled},
		{"all that is damaged is named at once", d.named},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t)
		})
	}
}

// damaged is a catalog, and its database.
type damaged struct {
	meta.Catalog
	db      *sql.DB
	dir     string
	columns map[string][]string // of each table, the key first
}

// filledIn returns a catalog in which there is something of everything.
func (d damageTest) filledIn(t *testing.T) *damaged {
	t.Helper()
	dir := t.TempDir()
	c := openIn(t, d.open, dir)
	fill(t, c)
	last := must[meta.Snapshot](t)(c.Latest(t.Context()))
	check(t, c.Pin(t.Context(), meta.Pin{Name: "second", Snapshot: last.ID, Who: "Bob", Created: 6}))
	epoch := must[meta.Lease](t)(c.Lease(t.Context())).Epoch
	must[[]string](t)(c.Condemn(t.Context(), epoch, []string{"orphan", "another"}, 7))
	db := d.raw(t, dir)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { check(t, db.Close()) })
	return &damaged{c, db, dir, columnsOf(t, db)}
}

// columnsOf returns the columns of all tables.
func columnsOf(t *testing.T, db *sql.DB) map[string][]string {
	t.Helper()
	tables := map[string][]string{
		"series": nil, "generation": nil, "writers": nil, "snapshots": nil, "segments": nil, "settings": nil, "catalog": nil, "logs": nil,
		"edits": nil, "edit_ranges": nil, "pins": nil, "garbage": nil, "journal": nil,
	}
	for table := range tables {
		rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table)
		check(t, err)
		tables[table] = must[[]string](t)(rows.Columns())
		check(t, errors.Join(rows.Err(), rows.Close()))
	}
	return tables
}

// readers are the ways to read what a table holds.
func readers(c meta.Catalog) map[string][]func(ctx context.Context) error {
	export := func(ctx context.Context) error { _, err := c.Export(ctx); return err }
	edits := func(ctx context.Context) error { _, err := c.Edits(ctx, meta.EditFilter{}); return err }
	return map[string][]func(ctx context.Context) error{
		"series":     {export},
		"generation": {func(ctx context.Context) error { _, err := c.Generation(ctx); return err }, func(ctx context.Context) error { _, err := c.Series(ctx); return err }},
		"snapshots":  {export, func(ctx context.Context) error { _, err := c.Snapshots(ctx); return err }},
		"segments":   {export, func(ctx context.Context) error { _, err := c.AllSegments(ctx); return err }},
		"settings":   {export, func(ctx context.Context) error { _, err := c.Settings(ctx); return err }},
		"catalog": {
			export, func(ctx context.Context) error { _, err := c.Lease(ctx); return err },
			func(ctx context.Context) error { return c.SetSetting(ctx, "a", "b") },
		},
		"logs":        {export},
		"edits":       {export, edits},
		"edit_ranges": {export, edits},
		"pins":        {export, func(ctx context.Context) error { _, err := c.Pins(ctx); return err }},
		"journal":     {func(ctx context.Context) error { _, err := c.Journal(ctx, 0); return err }},
		"garbage":     {func(ctx context.Context) error { _, err := c.Garbage(ctx); return err }},
	}
}

// integrity returns what is damaged in a catalog.
func integrity(t *testing.T, c meta.Catalog) []error {
	t.Helper()
	var found []error
	must[meta.Content](t)(c.Integrity(t.Context(), func(err error) {
		if !errors.Is(err, columnar.ErrCorrupt) {
			t.Errorf("the finding %v is not one of damage", err)
		}
		found = append(found, err)
	}))
	return found
}

// isSeen checks that damage to a table is seen by all who read it, and that its place is
// named.
func isSeen(t *testing.T, c meta.Catalog, table, place string) {
	t.Helper()
	of := strings.TrimSuffix(table, "_ranges") // an edit misses its ranges
	for i, read := range readers(c)[table] {
		err := read(t.Context())
		if !errors.Is(err, columnar.ErrCorrupt) || !strings.Contains(err.Error(), "table "+of) {
			t.Errorf("reader %d of %s has the error %v", i, table, err)
		}
	}
	found := integrity(t, c)
	if len(found) == 0 || !strings.Contains(errors.Join(found...).Error(), place) {
		t.Errorf("%q is damaged, and said is %v", place, errors.Join(found...))
	}
}

// sound checks that nothing is damaged.
func sound(t *testing.T, c meta.Catalog) {
	t.Helper()
	must[meta.Content](t)(c.Export(t.Context()))
	for _, err := range integrity(t, c) {
		t.Error(err)
	}
}

// execute runs a statement without the catalog's help.
func (d *damaged) execute(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := d.db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// row returns the values of the row that is the n-th by key.
func (d *damaged) row(t *testing.T, table string, n int) []any {
	t.Helper()
	values := make([]any, len(d.columns[table]))
	into := make([]any, len(values))
	for i := range values {
		into[i] = &values[i]
	}
	statement := fmt.Sprintf("SELECT %s FROM %s ORDER BY 1 LIMIT 1 OFFSET %d", strings.Join(d.columns[table], ", "), table, n)
	check(t, d.db.QueryRowContext(t.Context(), statement).Scan(into...))
	return values
}

// set gives a column of the row with a key a value.
func (d *damaged) set(t *testing.T, table, column string, value, key any) {
	t.Helper()
	d.execute(t, fmt.Sprintf("UPDATE %s SET %s = $1 WHERE %s = $2", table, column, d.columns[table][0]), value, key)
}

func (d *damaged) take(t *testing.T, table string, key any) {
	t.Helper()
	d.execute(t, fmt.Sprintf("DELETE FROM %s WHERE %s = $1", table, d.columns[table][0]), key)
}

func (d *damaged) put(t *testing.T, table string, values []any) {
	t.Helper()
	places := make([]string, len(values))
	for i := range values {
		places[i] = fmt.Sprintf("$%d", i+1)
	}
	d.execute(t, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(d.columns[table], ", "), strings.Join(places, ", ")), values...)
}

// other returns another value than v.
func other(v any) any {
	switch v := v.(type) {
	case string:
		return v + "\x1b[31m"
	case []byte:
		return string(v) + "x"
	case bool:
		return !v
	case float64:
		return v + math.Abs(v) + 1
	case int64:
		return v ^ 1000
	}
	return int64(0)
}

func (d damageTest) values(t *testing.T) {
	c := d.filledIn(t)
	sound(t, c)
	changed := 0
	for table, columns := range c.columns {
		for i, column := range columns {
			if column == "one" {
				continue // the database itself lets it have no other value
			}
			row := c.row(t, table, 0)
			key, now := row[0], row[0]
			c.set(t, table, column, other(row[i]), key)
			if i == 0 {
				now = other(key)
			}
			t.Run(table+"."+column, func(t *testing.T) { isSeen(t, c, table, "table "+table+", row ") })
			c.set(t, table, column, row[i], now)
			changed++
		}
	}
	if changed < 90 {
		t.Errorf("only %d columns were changed", changed)
	}
	sound(t, c)
}

func (d damageTest) missing(t *testing.T) {
	c := d.filledIn(t)
	for table := range c.columns {
		for n := range 2 {
			if n == 1 && isSingle(table) {
				continue
			}
			row := c.row(t, table, n)
			c.take(t, table, row[0])
			t.Run(fmt.Sprint(table, n), func(t *testing.T) { isSeen(t, c, table, "table "+table) })
			c.put(t, table, row)
		}
	}
	sound(t, c)
	// Who has read the series before has all of them still, who reads them now has not.
	known := must[[]meta.Series](t)(c.Series(t.Context()))
	row := c.row(t, "series", 3)
	c.take(t, "series", row[0])
	created := must[[]meta.Series](t)(c.CreateSeries(t.Context(), []meta.Series{double("another")}))
	equal(t, "numbers of series", len(must[[]meta.Series](t)(c.Series(t.Context()))), len(known)+1)
	c.set(t, "series", "changed", int64(0), created[0].ID)
	again := openIn(t, d.open, c.dir)
	_, err := again.Series(t.Context())
	wantError(t, err, columnar.ErrCorrupt, "table series")
}

// isSingle reports whether a table has one row.
func isSingle(table string) bool { return table == "catalog" || table == "generation" }

func (d damageTest) added(t *testing.T) {
	c := d.filledIn(t)
	for table, columns := range c.columns {
		if isSingle(table) {
			continue // the database itself does not let it be
		}
		row := c.row(t, table, 0)
		for i, column := range columns {
			if i == 0 || column == "name" {
				row[i] = other(row[i])
			}
		}
		c.put(t, table, row)
		t.Run(table, func(t *testing.T) { isSeen(t, c, table, "table "+table+", row ") })
		c.take(t, table, row[0])
	}
	sound(t, c)
}

func (d damageTest) exchanged(t *testing.T) {
	c := d.filledIn(t)
	for table := range c.columns {
		if isSingle(table) {
			continue
		}
		// All but the keys, their checksums too.
		a, b := c.row(t, table, 0), c.row(t, table, 1)
		for _, row := range [][]any{a, b} {
			c.take(t, table, row[0])
		}
		x, y := slices.Clone(a), slices.Clone(b)
		x[0], y[0] = b[0], a[0]
		c.put(t, table, x)
		c.put(t, table, y)
		t.Run(table, func(t *testing.T) { isSeen(t, c, table, "table "+table+", row ") })
		for _, row := range [][]any{a, b} {
			c.take(t, table, row[0])
		}
		c.put(t, table, a)
		c.put(t, table, b)
	}
	sound(t, c)
}

// What is not read because its columns say so is missed all the same.
func (d damageTest) hidden(t *testing.T) {
	c, ctx := d.filledIn(t), t.Context()
	epoch := must[meta.Lease](t)(c.Lease(ctx)).Epoch
	last := must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Time: 9000, Add: segments("hidden", "beside")}))
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Time: 9001, Retire: []string{"beside"}}))
	of := func(number int64) error { _, err := c.Segments(ctx, number); return err }
	check(t, of(last.ID))
	check(t, of(last.ID+1))
	row := c.row(t, "segments", 0)
	for n := 1; row[slices.Index(c.columns["segments"], "name")] != "hidden"; n++ {
		row = c.row(t, "segments", n)
	}
	history := any(int64(1))
	if _, ok := row[slices.Index(c.columns["segments"], "history")].(bool); ok {
		history = true
	}
	for column, value := range map[string]any{"retired": last.ID, "created": last.ID + 7, "history": history} {
		c.set(t, "segments", column, value, row[0])
		for number := last.ID; number < last.ID+2; number++ {
			wantError(t, of(number), columnar.ErrCorrupt, fmt.Sprintf("snapshot %d", number), "table segments")
		}
		c.set(t, "segments", column, row[slices.Index(c.columns["segments"], column)], row[0])
	}
	c.take(t, "segments", row[0])
	wantError(t, of(last.ID), columnar.ErrCorrupt, "table segments")
	c.put(t, "segments", row)
	// Those of a commit that puts others in the place of segments, and of an import, are
	// as they should be.
	place := segment("in place")
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{
		Epoch: epoch, Time: 9002, Replace: []meta.Replacement{{Old: "hidden", New: &place}, {Old: "beside"}},
	}))
	into := openIn(t, d.open, t.TempDir())
	check(t, into.Import(ctx, must[meta.Content](t)(c.Export(ctx))))
	for _, s := range must[[]meta.Snapshot](t)(c.Snapshots(ctx)) {
		if s.Kept {
			check(t, of(s.ID))
			equal(t, "segments", segmentNames(t, into, s.ID), segmentNames(t, c, s.ID))
		}
	}
	sound(t, c)
}

// A trail that was made anew with another reason has rows whose checksums are right.
func (d damageTest) trail(t *testing.T) {
	c := d.filledIn(t)
	content := must[meta.Content](t)(c.Export(t.Context()))
	content.Edits[0].Reason = "none of your business"
	dir := t.TempDir()
	forged := &damaged{Catalog: openIn(t, d.open, dir), db: d.raw(t, dir), columns: c.columns}
	t.Cleanup(func() { check(t, forged.db.Close()) })
	check(t, forged.Import(t.Context(), content))
	row := forged.row(t, "edits", 0)
	c.take(t, "edits", row[0])
	c.put(t, "edits", row)
	isSeen(t, c, "edits", "the trail is broken")
	// Nor can its end be taken away.
	c = d.filledIn(t)
	c.execute(t, "DELETE FROM edits WHERE snapshot = (SELECT max(snapshot) FROM edits)")
	isSeen(t, c, "edits", "the trail does not end")
}

func (d damageTest) filled(t *testing.T) {
	c := d.filledIn(t)
	want := must[meta.Content](t)(c.Export(t.Context()))
	for table := range c.columns {
		c.execute(t, "UPDATE "+table+" SET sum = NULL")
	}
	c.execute(t, "UPDATE edits SET previous = 0, ranges = 0")
	c.execute(t, "UPDATE catalog SET trail = 0, totals = ''")
	again := openIn(t, d.open, c.dir)
	equal(t, "contents", must[meta.Content](t)(again.Export(t.Context())), want)
	sound(t, c)
	// A row without one is damaged from now on.
	for table := range c.columns {
		row := c.row(t, table, 0)
		c.set(t, table, "sum", nil, row[0])
		again := openIn(t, d.open, c.dir)
		t.Run(table, func(t *testing.T) { isSeen(t, &damaged{Catalog: again}, table, "it has no checksum") })
		c.set(t, table, "sum", row[slices.Index(c.columns[table], "sum")], row[0])
	}
	sound(t, c)
}

func (d damageTest) named(t *testing.T) {
	c := d.filledIn(t)
	var places []string
	for table := range c.columns {
		row := c.row(t, table, 0)
		c.set(t, table, c.columns[table][1], other(row[1]), row[0])
		places = append(places, "table "+table+", row ")
	}
	said := errors.Join(integrity(t, c)...).Error()
	for _, place := range places {
		if !strings.Contains(said, place) {
			t.Errorf("it does not say %q:\n%s", place, said)
		}
	}
	if strings.Contains(said, "\x1b") {
		t.Errorf("it says raw bytes: %q", said)
	}
}

// Fill puts something of everything into an empty catalog.
func Fill(t *testing.T, c meta.Catalog) {
	fill(t, c)
	epoch := must[meta.Lease](t)(c.Lease(t.Context())).Epoch
	must[[]string](t)(c.Condemn(t.Context(), epoch, []string{"orphan", "another"}, 7))
}
