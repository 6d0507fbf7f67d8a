package sql

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

// from is what FROM yields: a node, and the names by which its columns are known.
type from struct {
	node   plan.Node
	tables []*table
	star   []visible // what * stands for, and where unqualified names are looked up
}

// table is one table reference of a FROM.
type table struct {
	alias  string
	schema string    // of a table that goes by its own name
	cols   []visible // what alias.* stands for
	first  int       // the index of its first column in the from's node
	width  int       // the number of its columns, implicit ones included

	attributes bool // it is the table series, whose first column is unique

	number int // in the statement, for lowerer.wanted
	// samples says that implicit columns can be had from the table; carried are
	// those that it has, as indexes from first on.
	samples bool
	carried map[string]int
}

// visible is a column that can be named.
type visible struct {
	name string
	expr plan.Expr // over the from's node; a Column unless a FULL JOIN merged two
}

// implicitTypes are the implicit columns (plan.AggregateFunc) and their types.
var implicitTypes = map[string]plan.Type{
	"series": plan.Text, "time": plan.Timestamptz, "zone": plan.Text, "interpolation": plan.Text, "sample_t": plan.Interval,
	"phase": plan.Interval,
}

// implicitNames are their names, in the order in which tables carry them.
var implicitNames = []string{"series", "time", "zone", "interpolation", "sample_t", "phase"}

// implicitColumn is an implicit column of a table, known by its number.
type implicitColumn struct {
	table int
	name  string
}

// implicit returns an implicit column of a table. Where the table does not carry it
// yet, it is noted as wanted and lowering will start again.
func (l *lowerer) implicit(t *table, name string) plan.Expr {
	typ := implicitTypes[name]
	if i, ok := t.carried[name]; ok {
		return &plan.Column{Index: t.first + i, Name: name, T: typ}
	}
	l.again = true
	l.wanted[implicitColumn{table: t.number, name: name}] = true
	return plan.Null(typ)
}

// wantedOf returns the names of the implicit columns that are wanted of a table.
func (l *lowerer) wantedOf(t *table) []string {
	var all []string
	for _, name := range implicitNames {
		if l.wanted[implicitColumn{table: t.number, name: name}] {
			all = append(all, name)
		}
	}
	return all
}

// newTable starts a table reference.
func (l *lowerer) newTable(alias string, location int32) (*table, error) {
	l.tables++
	if l.tables > maxTables {
		return nil, plan.Errorf(l.pos(location), plan.CodeTooComplex, "statement refers to more than %d tables", maxTables).
			WithHint("A CTE counts for each of its uses.")
	}
	return &table{alias: alias, number: l.tables}, nil
}

// fromClause lowers a FROM list; nil is for a query without one.
func (l *lowerer) fromClause(list []*pg.Node) (*from, error) {
	var f *from
	for _, item := range list {
		next, err := l.fromItem(item)
		if err != nil {
			return nil, err
		}
		if f == nil {
			f = next
			continue
		}
		if f, err = l.combine(f, next, plan.Cross, location(item)); err != nil {
			return nil, err
		}
	}
	if f == nil {
		one := &plan.Literal{Value: int64(1), T: plan.Bigint} // a row that nothing can refer to
		f = &from{node: &plan.Values{Rows: [][]plan.Expr{{one}}, Cols: []plan.Field{{Name: "row", Type: plan.Bigint}}}}
	}
	return f, nil
}

// fromItem lowers an item of FROM.
func (l *lowerer) fromItem(n *pg.Node) (*from, error) {
	switch v := n.GetNode().(type) {
	case *pg.Node_RangeVar:
		return l.rangeVar(v.RangeVar)
	case *pg.Node_RangeSubselect:
		return l.rangeSubselect(v.RangeSubselect)
	case *pg.Node_RangeFunction:
		return l.rangeFunction(v.RangeFunction)
	case *pg.Node_JoinExpr:
		return l.join(v.JoinExpr)
	case *pg.Node_RangeTableSample:
		return nil, l.refuse(v.RangeTableSample.GetLocation(), "TABLESAMPLE is")
	}
	return nil, l.refuse(location(n), "%s in FROM is", statementWords(n))
}

// rangeVar lowers a table's or CTE's name.
func (l *lowerer) rangeVar(v *pg.RangeVar) (*from, error) {
	if v.GetSchemaname() == "" {
		if c := l.findCTE(v.GetRelname()); c != nil {
			return l.useCTE(c, v)
		}
	}
	found, err := l.findTable(v)
	if err != nil {
		return nil, err
	}
	t, err := l.newTable(aliasOr(v.GetAlias(), v.GetRelname()), v.GetLocation())
	if err != nil {
		return nil, err
	}
	if v.GetAlias() == nil {
		t.schema = found.Schema
	}
	if found == plan.Samples {
		return l.single(t, l.scanSamples(t), found.Cols, v.GetAlias())
	}
	t.attributes = found == plan.Series
	return l.single(t, scanOf(found, t.alias), found.Cols, v.GetAlias())
}

// scanOf returns a scan of all columns of a table.
func scanOf(found *plan.Table, alias string) *plan.Scan {
	scan := &plan.Scan{Table: found, Alias: alias}
	for _, c := range found.Cols {
		scan.Columns = append(scan.Columns, plan.ScanColumn{Name: c.Name, T: c.Type})
	}
	return scan
}

// scanSamples returns a scan of the table samples with the implicit columns that are
// wanted of it.
func (l *lowerer) scanSamples(t *table) *plan.Scan {
	scan := scanOf(plan.Samples, t.alias)
	t.samples, t.carried = true, map[string]int{"series": 0, "time": 1}
	for _, name := range l.wantedOf(t) {
		t.carried[name] = len(scan.Columns)
		scan.Columns = append(scan.Columns, plan.ScanColumn{Name: name, T: implicitTypes[name], Series: true})
	}
	return scan
}

// findTable looks up a table by its name, with or without schema and catalog.
func (l *lowerer) findTable(v *pg.RangeVar) (*plan.Table, error) {
	schema, name := v.GetSchemaname(), v.GetRelname()
	var known []string
	if catalog := v.GetCatalogname(); catalog == "" || catalog == "trellis" {
		for _, t := range slices.Concat([]*plan.Table{plan.Samples, plan.Series, plan.Edits}, plan.SystemTables) {
			if t.Name == name && (t.Schema == schema || schema == "" && t.Schema == "public") {
				return t, nil
			}
			qualified := t.Name
			if t.Schema != "public" {
				qualified = t.Schema + "." + t.Name
			}
			known = append(known, qualified)
			if t.Name == name && schema == "" {
				return nil, plan.Errorf(l.pos(v.GetLocation()), plan.CodeUndefTable, "relation %q does not exist", name).
					WithHint("Did you mean %s?", qualified)
			}
		}
	}
	for _, c := range l.ctes {
		known = append(known, c.name)
	}
	full := name
	for _, part := range []string{schema, v.GetCatalogname()} {
		if part != "" {
			full = part + "." + full
		}
	}
	err := plan.Errorf(l.pos(v.GetLocation()), plan.CodeUndefTable, "relation %q does not exist", full)
	if near := plan.Nearest(full, known); near != "" {
		return nil, err.WithHint("Did you mean %s?", near)
	}
	return nil, err.WithHint("There are the tables samples, series and edits, and those of the schema system.")
}

func aliasOr(a *pg.Alias, name string) string {
	if a.GetAliasname() != "" {
		return a.GetAliasname()
	}
	return name
}

// single makes a from of one table, whose visible columns come first in its node.
func (l *lowerer) single(t *table, n plan.Node, cols []plan.Field, alias *pg.Alias) (*from, error) {
	t.width = len(n.Fields())
	renamed := names(alias.GetColnames())
	if len(renamed) > len(cols) {
		return nil, plan.Errorf(0, plan.CodeBadReference, "table %q has %d columns available but %d columns specified", t.alias, len(cols), len(renamed))
	}
	widths := l.outputWidths(n)
	for i, c := range cols {
		name := c.Name
		if i < len(renamed) {
			name = renamed[i]
		}
		t.cols = append(t.cols, visible{name: name, expr: l.wide(&plan.Column{Index: i, Name: name, T: c.Type}, widths[i])})
	}
	return &from{node: n, tables: []*table{t}, star: t.cols}, nil
}

// rangeSubselect lowers a subquery in FROM.
func (l *lowerer) rangeSubselect(v *pg.RangeSubselect) (*from, error) {
	s := v.GetSubquery().GetSelectStmt()
	if v.GetLateral() {
		return nil, l.refuse(selectLocation(s), "LATERAL is").WithHint("A subquery in FROM stands by itself; join it with ON.")
	}
	t, err := l.newTable(v.GetAlias().GetAliasname(), selectLocation(s))
	if err != nil {
		return nil, err
	}
	return l.derived(t, s, v.GetAlias())
}

// derived lowers a query whose rows are a table.
func (l *lowerer) derived(t *table, s *pg.SelectStmt, alias *pg.Alias) (*from, error) {
	q, err := l.query(s, l.wantedOf(t))
	if err != nil {
		return nil, err
	}
	n, err := l.settle(q.node)
	if err != nil {
		return nil, err
	}
	t.samples, t.carried = q.samples, q.carried
	fields := n.Fields()[:q.width]
	return l.single(t, renameTable(n, t.alias), fields, alias)
}

// renameTable says in the columns of a query's Project what table they are known
// as, for printing.
func renameTable(n plan.Node, alias string) plan.Node {
	p, ok := n.(*plan.Project)
	if !ok {
		return n
	}
	renamed := *p
	renamed.Cols = slices.Clone(p.Cols)
	for i := range renamed.Cols {
		renamed.Cols[i].Table = alias
	}
	return &renamed
}

// shifted returns the from as it is seen in a node that has by columns before it.
func (f *from) shifted(by int) *from {
	shift := func(cols []visible) []visible {
		moved := make([]visible, len(cols))
		for i, c := range cols {
			moved[i] = visible{name: c.name, expr: shiftColumns(c.expr, by)}
		}
		return moved
	}
	to := &from{node: f.node, star: shift(f.star)}
	for _, t := range f.tables {
		moved := *t
		moved.first += by
		moved.cols = shift(t.cols)
		to.tables = append(to.tables, &moved)
	}
	return to
}

func shiftColumns(e plan.Expr, by int) plan.Expr {
	return plan.MapExpr(e, func(e plan.Expr) plan.Expr {
		if c, ok := e.(*plan.Column); ok {
			moved := *c
			moved.Index += by
			return &moved
		}
		return e
	})
}

// combine joins two froms without a condition.
func (l *lowerer) combine(left, right *from, kind plan.JoinKind, location int32) (*from, error) {
	for _, a := range left.tables {
		for _, b := range right.tables {
			if a.alias == b.alias && a.alias != "" {
				return nil, plan.Errorf(l.pos(location), plan.CodeDuplicateAlias, "table name %q specified more than once", a.alias).
					WithHint("Give one of them an alias: %s AS other.", a.alias)
			}
		}
	}
	width := len(left.node.Fields())
	if width+len(right.node.Fields()) > maxWidth {
		return nil, plan.Errorf(l.pos(location), plan.CodeTooMany, "the tables of a FROM have more than %d columns together", maxWidth).
			WithHint("Join subqueries that select the columns that are needed.")
	}
	moved := right.shifted(width)
	l.keepWidths(right, moved)
	right = moved
	return &from{
		node:   &plan.Join{Kind: kind, Left: left.node, Right: right.node},
		tables: slices.Concat(left.tables, right.tables),
		star:   slices.Concat(left.star, right.star),
	}, nil
}
