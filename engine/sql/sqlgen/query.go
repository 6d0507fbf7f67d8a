package sqlgen

import (
	"strings"

	"github.com/trellisdb/trellis/engine/plan"
)

// anyTypes are the types of a select list, empty ones included.
func (g *generator) anyTypes() []plan.Type {
	out := make([]plan.Type, g.rand.IntN(4))
	for i := range out {
		out[i] = g.anyType()
	}
	if len(out) == 0 && !g.odd(2) {
		out = []plan.Type{plan.Bigint}
	}
	return out
}

// query is a query with WITH, ORDER BY and LIMIT.
func (g *generator) query() string {
	var with []string
	before := g.ctes
	for g.one(5) && g.spend() {
		name, of := g.name("w"), g.anyTypes()
		var cols []column
		for range of {
			cols = append(cols, column{name: g.name("c")})
		}
		for i := range cols {
			cols[i].t = of[i]
		}
		body := g.subquery(of)
		if g.odd(6) {
			body = some(g, g.delete, g.update)()
		}
		with = append(with, name+names(cols)+" AS "+some(g, "", "MATERIALIZED ", "NOT MATERIALIZED ")+"("+body+")")
		g.ctes = append(g.ctes, table{name, cols})
	}
	text := g.subquery(g.anyTypes())
	g.ctes = before
	if len(with) > 0 {
		text = "WITH " + g.oddly(10, func() string { return "RECURSIVE " }) + strings.Join(with, ", ") + " " + text
	}
	return text
}

// names are the names of columns in parentheses; none for no columns.
func names(cols []column) string {
	if len(cols) == 0 {
		return ""
	}
	list := make([]string, len(cols))
	for i, c := range cols {
		list[i] = c.name
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// subquery is a query with columns of these types.
func (g *generator) subquery(of []plan.Type) string {
	cols, aggs := g.cols, g.aggs
	defer func() { g.cols, g.aggs = cols, aggs }()
	if !g.one(6) { // else it may refer to the columns outside
		g.cols = nil
	}
	g.aggs = false
	text := ""
	switch {
	case g.one(12) && len(of) > 0:
		text = "VALUES " + list(1+g.rand.IntN(3), func() string { return g.row(of) })
	case g.one(8) && g.spend():
		op := some(g, " UNION ", " UNION ALL ", " INTERSECT ", " EXCEPT ", " EXCEPT ALL ", " INTERSECT ALL ")
		text = "(" + g.subquery(of) + ")" + op + "(" + g.subquery(of) + ")"
	default:
		text = g.selectRows(of)
	}
	return text + g.tail(len(of))
}

func (g *generator) row(of []plan.Type) string {
	i := -1
	return "(" + list(len(of), func() string { i++; return g.expr(of[i]) }) + ")"
}

// tail is ORDER BY, LIMIT and OFFSET.
func (g *generator) tail(width int) string {
	text := ""
	if g.one(4) {
		text += " ORDER BY " + list(1+g.rand.IntN(2), func() string {
			return g.sortKey(width) + some(g, "", " DESC", " NULLS FIRST", " ASC NULLS LAST")
		})
	}
	counts := []string{"0", "1", "10", "-1", "NULL", "ALL", "9223372036854775807", "1 + 1", "2147483648", "'5'", "(SELECT 2)"}
	if g.one(5) {
		text += " LIMIT " + some(g, counts...)
	}
	if g.one(8) {
		text += " OFFSET " + some(g, counts...)
	}
	return text + g.oddly(20, func() string {
		return " FETCH FIRST " + some(g, "1", "-1", "(2)") + " ROWS " + some(g, "ONLY", "WITH TIES")
	})
}

// sortKey is a position, or a constant or column of the FROM inside.
func (g *generator) sortKey(width int) string {
	if width == 0 || g.odd(4) {
		return some(g, "0", "9", "-1", "''", g.column(g.anyType()))
	}
	return itoa(1 + g.rand.IntN(width))
}

func itoa(n int) string { return string(rune('0' + min(n, 9))) }

// selectRows is a plain SELECT.
func (g *generator) selectRows(of []plan.Type) string {
	text, outer := "", g.cols
	if !g.one(6) {
		var cols []column
		text, cols = g.from()
		g.cols = append(cols, outer...)
	}
	if g.one(3) {
		text += " WHERE " + g.expr(plan.Boolean)
	}
	group, keys := g.groupBy()
	items := make([]string, len(of))
	for i, t := range of {
		if group == "" {
			items[i] = g.expr(t)
		} else {
			items[i] = g.groupedItem(t, keys)
		}
		if g.one(6) {
			items[i] += " AS " + some(g, "a", "b", `"c d"`, "value", "time")
		}
	}
	if g.odd(6) {
		items = append(items, some(g, "*", "samples.*", "nothing.*"))
	}
	distinct := some(g, "", "", "", "", "", "DISTINCT ", "ALL ") + g.oddly(10, func() string { return "DISTINCT ON (1) " })
	return "SELECT " + distinct + strings.Join(items, ", ") + text + group
}

// groupedItem is an item of the select list of a query with groups.
func (g *generator) groupedItem(t plan.Type, keys []string) string {
	if len(keys) > 0 && g.one(3) {
		return some(g, keys...)
	}
	if g.one(8) {
		return g.literal(t)
	}
	return g.aggregate(t)
}

// key is what rows may be grouped by.
func (g *generator) key() string {
	if g.odd(6) {
		return g.expr(g.anyType())
	}
	t := some(g, types[:9]...)
	if g.one(2) {
		return g.column(t) + "::" + typeNames[t][0]
	}
	return g.cast(t)
}

// groupBy is GROUP BY and HAVING, either without the other too, or neither.
func (g *generator) groupBy() (text string, keys []string) {
	if g.one(2) {
		return "", nil
	}
	for range g.rand.IntN(3) {
		keys = append(keys, g.key())
	}
	if g.one(4) {
		keys = append(keys, "time_bucket("+some(g, "'1 month'", "'1 day'", "'1 hour'", "'0'", "'-1 day'", "'1 mon 1 day'", "'1000000 years'")+", "+g.column(plan.Timestamptz)+some(g, "", ", 'UTC'", ", 'Europe/Berlin'")+")")
	}
	all := strings.Join(keys, ", ")
	switch g.rand.IntN(12) {
	case 0:
		text = " GROUP BY ()"
	case 1:
		text = " GROUP BY GROUPING SETS ((), ())"
	case 2:
		text = " GROUP BY GROUPING SETS ((" + all + "), ())"
	case 3:
		if len(keys) > 0 {
			text = " GROUP BY " + some(g, "ROLLUP", "CUBE", "GROUPING SETS", "DISTINCT CUBE") + " (" + all + ")"
		}
	case 4:
		text = " GROUP BY (), " + some(g, "()", "1", "2", "GROUPING SETS (ROLLUP (1), CUBE (1))")
	default:
		if len(keys) > 0 {
			text = " GROUP BY " + all
		}
	}
	if g.one(5) {
		g.aggs = true
		text += " HAVING " + some(g, "true", "false", "NULL", g.expr(plan.Boolean))
		g.aggs = false
	}
	if text == "" {
		return "", nil
	}
	return text, keys
}

// from is FROM and the columns that it brings.
func (g *generator) from() (text string, cols []column) {
	text, cols = g.table()
	for g.one(4) && g.spend() {
		more, added := g.table()
		both := append(append([]column(nil), cols...), added...)
		on := func() string {
			outer := g.cols
			g.cols = both
			defer func() { g.cols = outer }()
			return g.expr(plan.Boolean)
		}
		kind := some(g, " JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN ")
		switch g.rand.IntN(6) {
		case 0:
			text += ", " + g.maybe(5, func() string { return "LATERAL " }) + more
		case 1:
			text += " CROSS JOIN " + more
		case 2:
			text += " NATURAL" + kind + more
		case 3:
			text += kind + more + " USING (" + some(g, "series", "series", "series, time", "time", "id") + ")"
		default:
			equal := ""
			if len(cols) > 0 && len(added) > 0 && g.one(2) {
				equal = some(g, cols...).name + " = " + some(g, added...).name + " AND "
			}
			text += kind + more + " ON " + equal + on()
		}
		cols = both
	}
	return " FROM " + text, cols
}

// stored are the tables of the catalog.
var stored = storedTables()

func storedTables() []table {
	var all []table
	for _, t := range append([]*plan.Table{plan.Samples, plan.Samples, plan.Samples, plan.Series, plan.Series, plan.Edits}, plan.SystemTables...) {
		name := t.Name
		if t.Schema != "public" {
			name = t.Schema + "." + name
		}
		all = append(all, table{name, fieldColumns(t.Cols)})
	}
	return all
}

func fieldColumns(fields []plan.Field) []column {
	cols := make([]column, len(fields))
	for i, f := range fields {
		cols[i] = column{f.Name, f.Type}
	}
	return cols
}

// table is one item of FROM under an alias.
func (g *generator) table() (text string, cols []column) {
	alias := g.name("t")
	qualified := func(from []column) []column {
		out := make([]column, len(from))
		for i, c := range from {
			out[i] = column{alias + "." + c.name, c.t}
			if g.one(4) {
				out[i].name = c.name
			}
		}
		return out
	}
	switch g.rand.IntN(8) {
	case 0:
		of := g.anyTypes()
		for _, t := range of {
			cols = append(cols, column{g.name("c"), t})
		}
		return "(" + g.subquery(of) + ") AS " + alias + names(cols), qualified(cols)
	case 1:
		t := some(g, plan.Bigint, plan.Bigint, plan.Double, plan.Timestamptz, plan.Timestamp)
		c := column{g.name("c"), t}
		return g.series(t) + " AS " + alias + "(" + c.name + ")", qualified([]column{c})
	case 2:
		f := some(g, plan.TableFunctions...)
		return g.routine(f) + " AS " + alias, qualified(fieldColumns(f.Cols))
	case 3:
		if len(g.ctes) > 0 {
			c := some(g, g.ctes...)
			return c.name + " AS " + alias, qualified(c.cols)
		}
	}
	t := some(g, stored...)
	return t.name + " AS " + alias, qualified(t.cols)
}

// series is a call of generate_series.
func (g *generator) series(t plan.Type) string {
	switch {
	case g.one(6):
		return "generate_series(1, 1000000000000000000)"
	case g.one(2):
		return "generate_series(1, " + some(g, "0", "1", "5", "1000", "70000") + some(g, "", ", 1", ", 2", ", -1", ", 0") + ")"
	}
	step := t
	if t == plan.Timestamptz || t == plan.Timestamp {
		step = plan.Interval
	}
	return "generate_series(" + g.expr(t) + ", " + g.expr(t) + ", " + g.expr(step) + ")"
}

// routine is a call of a table function or procedure.
func (g *generator) routine(r *plan.Routine) string {
	var args []any
	var names []string
	for _, p := range r.Params {
		if p.Optional && g.one(2) {
			break
		}
		arg := g.expr(p.Type)
		if p.Name == "series" {
			arg = some(g, "'a'", "'b'", "'none'", arg)
		}
		args, names = append(args, arg), append(names, p.Name)
	}
	return g.called(r.Name, args, names)
}
