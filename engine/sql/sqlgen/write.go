package sqlgen

import (
	"strings"

	"github.com/trellisdb/trellis/engine/plan"
)

// source is what an INSERT inserts: rows for these columns.
func (g *generator) source(cols []column) string {
	of := make([]plan.Type, len(cols))
	for i, c := range cols {
		of[i] = c.t
	}
	switch {
	case g.odd(5):
		return " DEFAULT VALUES"
	case g.one(4):
		return " " + g.subquery(of)
	}
	return " VALUES " + list(1+g.rand.IntN(3), func() string { return g.row(of) })
}

// columnsOf are some of a table's columns, those that are needed first.
func (g *generator) columnsOf(t *plan.Table, needed int) []column {
	cols := append([]column(nil), fieldColumns(t.Cols[:needed])...)
	for range g.rand.IntN(3) {
		f := some(g, t.Cols...)
		cols = append(cols, column{f.Name, f.Type})
	}
	return cols
}

func (g *generator) insertSamples() string {
	if g.one(3) {
		cols := g.columnsOf(plan.Samples, 3)
		return "INSERT INTO samples " + names(cols) + g.source(cols)
	}
	return "INSERT INTO samples (series, time, value) VALUES " + list(1+g.rand.IntN(4), func() string {
		return "(" + some(g, "'a'", "'b'", "'text'", "'none'") + ", " + g.expr(plan.Timestamptz) + ", " + g.expr(plan.Double) + ")"
	})
}

func (g *generator) insertSeries() string {
	if g.one(3) {
		cols := g.columnsOf(plan.Series, 3)
		return "INSERT INTO series " + names(cols) + g.source(cols)
	}
	extra, values := "", ""
	if g.one(2) {
		f := some(g, plan.Series.Cols[3:]...)
		extra, values = ", "+f.Name, ", "+g.expr(f.Type)
	}
	return "INSERT INTO series (series, type, sample_t" + extra + ") VALUES (" + some(g, "'a'", "'new"+itoa(g.rand.IntN(10))+"'", g.expr(plan.Text)) + ", " +
		some(g, "'double'", "'float'", "'integer'", "'boolean'", "'enum'", "'text'", "'none'") + ", " + some(g, "'1 second'", "'1 day'", "'1 month'", g.expr(plan.Interval)) + values + ")"
}

// assignments are those of SET.
func (g *generator) assignments(t *plan.Table) string {
	return list(1+g.rand.IntN(2), func() string {
		f := some(g, t.Cols...)
		return f.Name + " = " + some(g, g.expr(f.Type), g.expr(f.Type), "NULL") + g.oddly(8, func() string { return ", value = DEFAULT" })
	})
}

// target is the table that UPDATE and DELETE change, with its columns in scope.
func (g *generator) target() *plan.Table {
	t := some(g, plan.Samples, plan.Samples, plan.Series)
	g.cols = fieldColumns(t.Cols)
	return t
}

// where keeps most changes small.
func (g *generator) where() string {
	if g.one(10) {
		return ""
	}
	return " WHERE series = " + some(g, "'a'", "'b'", "'none'") + " AND " + g.expr(plan.Boolean)
}

func (g *generator) update() string {
	outer := g.cols
	defer func() { g.cols = outer }()
	t := g.target()
	text := "UPDATE " + t.Name + " SET " + g.assignments(t)
	return text + g.oddly(4, func() string { return " FROM series s" }) + g.where() + g.oddly(4, func() string { return " RETURNING *" })
}

func (g *generator) delete() string {
	outer := g.cols
	defer func() { g.cols = outer }()
	t := g.target()
	return "DELETE FROM " + t.Name + g.oddly(4, func() string { return " USING series s" }) + g.where() + g.oddly(4, func() string { return " RETURNING *" })
}

func (g *generator) call() string { return "CALL " + g.routine(some(g, plan.Procedures...)) }

// setting is SET, RESET or SHOW.
func (g *generator) setting() string {
	name := some(g, "timezone", "statement_timeout", "trellis.summaries", "trellis.reason", "trellis.backfill", "trellis.source", "datestyle", "search_path", "server_version", "nothing", "a.b.c")
	switch g.rand.IntN(4) {
	case 0:
		return "SHOW " + some(g, name, "ALL", "TIME ZONE")
	case 1:
		return "RESET " + some(g, name, "ALL")
	case 2:
		return "SET TIME ZONE " + some(g, "'UTC'", "'Europe/Berlin'", "'nowhere'", "LOCAL", "5", "-99999")
	}
	value := some(g, "'UTC'", "on", "off", "DEFAULT", "1000", "-1", "''", "NULL", "1, 2", "'x', 'y'", strings.Repeat("x", 60))
	return "SET " + some(g, "", "LOCAL ", "SESSION ") + name + some(g, " = ", " TO ") + value
}
