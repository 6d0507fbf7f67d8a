package sql

import (
	"slices"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

func itoa(n int) string { return strconv.Itoa(n) }

// selection is a plain SELECT on its way. Its expressions are over the from's node,
// and over the AggregateNode once group has been called.
type selection struct {
	from    *from
	targets []target
	keys    []plan.Expr // of GROUP BY
	sets    [][]int     // indexes into keys; nil without grouping sets
	having  plan.Expr
	order   []sortItem
	grouped bool
}

// target is a column of the output.
type target struct {
	expr  plan.Expr
	name  string
	table string
}

// sortItem is an item of ORDER BY: an output column, or another expression.
type sortItem struct {
	key    plan.SortKey
	column int // index of the target; -1: key.Expr is computed for the sort only
}

// selectRows lowers a plain SELECT.
func (l *lowerer) selectRows(s *pg.SelectStmt, carry []string) (*query, error) {
	if len(s.GetDistinctClause()) > 1 || len(s.GetDistinctClause()) == 1 && s.GetDistinctClause()[0].GetNode() != nil {
		return nil, l.refuse(location(s.GetDistinctClause()[0]), "DISTINCT ON is").WithHint("Use GROUP BY with first(value, time) or last(value, time).")
	}
	f, err := l.fromClause(s.GetFromClause())
	if err != nil {
		return nil, err
	}
	sel := &selection{from: f}
	if err := l.where(f, s.GetWhereClause()); err != nil {
		return nil, err
	}
	if err := l.selectList(sel, s.GetTargetList()); err != nil {
		return nil, err
	}
	if err := l.groupBy(sel, s); err != nil {
		return nil, err
	}
	if s.GetHavingClause() != nil {
		if sel.having, err = l.condition(s.GetHavingClause(), exprScope{from: f}, "HAVING"); err != nil {
			return nil, err
		}
	}
	if err := l.orderBy(sel, s.GetSortClause()); err != nil {
		return nil, err
	}
	node := f.node
	if sel.isGrouped() {
		if node, err = l.group(sel); err != nil {
			return nil, err
		}
	}
	return l.output(sel, node, s, carry)
}

// where filters the from's rows. Conditions of the form x IN (SELECT …) and EXISTS
// (SELECT …) become semi joins.
func (l *lowerer) where(f *from, n *pg.Node) error {
	if n == nil {
		return nil
	}
	var conditions []plan.Expr
	var subqueries []*pg.Node
	for _, c := range conjunctNodes(n) {
		in, _ := inSubquery(c)
		exists, _ := plainExists(c)
		if in != nil || exists != nil {
			subqueries = append(subqueries, c)
			continue
		}
		e, err := l.condition(c, exprScope{from: f, clause: "WHERE"}, "WHERE")
		if err != nil {
			return err
		}
		conditions = append(conditions, e)
	}
	if where := plan.And(conditions...); where != nil {
		f.node = &plan.Filter{Input: f.node, Where: where}
	}
	for _, c := range subqueries {
		join := l.semiJoin
		if s, _ := plainExists(c); s != nil {
			join = l.exists
		}
		if err := join(f, c); err != nil {
			return err
		}
	}
	return nil
}

// conjunctNodes takes an AND apart.
func conjunctNodes(n *pg.Node) []*pg.Node {
	b := n.GetBoolExpr()
	if b.GetBoolop() != pg.BoolExprType_AND_EXPR {
		return []*pg.Node{n}
	}
	var all []*pg.Node
	for _, arg := range b.GetArgs() {
		all = append(all, conjunctNodes(arg)...)
	}
	return all
}

// selectList lowers the select list; * stands for the visible columns.
func (l *lowerer) selectList(sel *selection, list []*pg.Node) error {
	for _, n := range list {
		r := n.GetResTarget()
		if len(r.GetIndirection()) > 0 {
			return l.refuse(r.GetLocation(), "a subscript is")
		}
		fields := r.GetVal().GetColumnRef().GetFields()
		if len(fields) > 0 && fields[len(fields)-1].GetAStar() != nil {
			cols, err := l.star(sel.from, names(fields[:len(fields)-1]), r.GetVal().GetColumnRef().GetLocation())
			if err != nil {
				return err
			}
			sel.targets = append(sel.targets, cols...)
			continue
		}
		e, err := l.expr(r.GetVal(), exprScope{from: sel.from})
		if err != nil {
			return err
		}
		t := target{expr: e, name: r.GetName()}
		if t.name == "" {
			t.name = columnName(r.GetVal())
		}
		sel.targets = append(sel.targets, t)
	}
	if len(sel.targets) > maxColumns {
		return plan.Errorf(0, plan.CodeTooMany, "target lists can have at most %d entries", maxColumns)
	}
	if len(sel.targets) == 0 {
		return plan.Errorf(0, plan.CodeSyntax, "SELECT has no columns")
	}
	return nil
}

// star returns what * or table.* stands for.
func (l *lowerer) star(f *from, path []string, location int32) ([]target, error) {
	cols := f.star
	if len(path) > 0 {
		t := f.table(path[len(path)-1])
		if t == nil {
			return nil, l.unknownColumn(f, append(path, "*"), l.pos(location))
		}
		cols = t.cols
	} else if len(f.tables) == 0 {
		return nil, plan.Errorf(l.pos(location), plan.CodeSyntax, "SELECT * with no tables specified is not valid")
	}
	targets := make([]target, len(cols))
	for i, v := range cols {
		targets[i] = target{expr: v.expr, name: v.name}
		if c, ok := v.expr.(*plan.Column); ok {
			placed := *c
			placed.At = l.pos(location)
			targets[i].expr = &placed
		}
	}
	return targets, nil
}

// position reads an item of GROUP BY or ORDER BY that is a position in the output;
// the index counts from 0.
func (l *lowerer) position(n *pg.Node, clause string, width int) (index int, ok bool, err error) {
	c := n.GetAConst()
	if c == nil {
		return 0, false, nil
	}
	pos := l.pos(c.GetLocation())
	if c.GetIval() == nil {
		return 0, false, plan.Errorf(pos, plan.CodeSyntax, "non-integer constant in %s", clause)
	}
	i := int(c.GetIval().GetIval())
	if i < 1 || i > width {
		return 0, false, plan.Errorf(pos, plan.CodeBadReference, "%s position %d is not in select list", clause, i)
	}
	return i - 1, true, nil
}

// named returns the index of the output column that a bare name refers to; -1 for
// none. Columns that are the same may share a name.
func (l *lowerer) named(sel *selection, n *pg.Node, clause string) (int, error) {
	ref := n.GetColumnRef()
	if len(ref.GetFields()) != 1 {
		return -1, nil
	}
	name, found := ref.GetFields()[0].GetString_().GetSval(), -1
	for i, t := range sel.targets {
		if t.name != name {
			continue
		}
		if found >= 0 && !plan.Equal(sel.targets[found].expr, t.expr) {
			return -1, plan.Errorf(l.pos(ref.GetLocation()), plan.CodeAmbiguous, "%s %q is ambiguous", clause, name)
		}
		if found < 0 {
			found = i
		}
	}
	return found, nil
}

// orderBy lowers ORDER BY: positions, names of the output, then expressions.
func (l *lowerer) orderBy(sel *selection, list []*pg.Node) error {
	if len(list) > maxColumns {
		return plan.Errorf(l.pos(location(list[maxColumns].GetSortBy().GetNode())), plan.CodeTooMany, "ORDER BY can have at most %d expressions", maxColumns)
	}
	for _, n := range list {
		s := n.GetSortBy()
		i, ok, err := l.position(s.GetNode(), "ORDER BY", len(sel.targets))
		if err != nil {
			return err
		}
		if !ok {
			if i, err = l.named(sel, s.GetNode(), "ORDER BY"); err != nil {
				return err
			}
		}
		item := sortItem{column: i}
		var e plan.Expr
		if i < 0 {
			if e, err = l.expr(s.GetNode(), exprScope{from: sel.from}); err != nil {
				return err
			}
			if e, err = l.known(e); err != nil {
				return err
			}
			item.column = slices.IndexFunc(sel.targets, func(t target) bool { return plan.Equal(t.expr, e) })
		} else {
			e = sel.targets[i].expr
		}
		if item.key, err = l.sortKey(s, e); err != nil {
			return err
		}
		sel.order = append(sel.order, item)
	}
	return nil
}

// known gives an expression of unknown type the type text.
func (l *lowerer) known(e plan.Expr) (plan.Expr, error) {
	if e.Type() == plan.Unknown {
		return l.coerce(e, plan.Text, "expression")
	}
	return e, nil
}

// output makes the rows of a SELECT from those of its input: the select list,
// DISTINCT, ORDER BY, LIMIT.
func (l *lowerer) output(sel *selection, in plan.Node, s *pg.SelectStmt, carry []string) (*query, error) {
	q := &query{width: len(sel.targets)}
	p := &plan.Project{Input: in}
	for _, t := range sel.targets {
		p.Exprs = append(p.Exprs, t.expr)
		p.Cols = append(p.Cols, plan.Field{Table: t.table, Name: t.name, Type: t.expr.Type()})
	}
	distinct := len(s.GetDistinctClause()) > 0
	if !sel.grouped && !distinct {
		l.carry(q, p, sel.from, carry)
	}
	width := len(p.Exprs)
	keys := make([]plan.SortKey, len(sel.order))
	for i, item := range sel.order {
		if item.column < 0 {
			if distinct {
				return nil, plan.Errorf(item.key.Expr.Pos(), plan.CodeBadReference, "for SELECT DISTINCT, ORDER BY expressions must appear in select list")
			}
			item.column = len(p.Exprs)
			p.Exprs = append(p.Exprs, item.key.Expr)
			p.Cols = append(p.Cols, plan.Field{Name: "sort" + itoa(i+1), Type: item.key.Expr.Type()})
		}
		keys[i] = item.key
		keys[i].Expr = &plan.Column{Index: item.column, Name: p.Cols[item.column].Name, T: p.Exprs[item.column].Type(), At: item.key.Expr.Pos()}
	}
	q.node = p
	if !distinct && len(keys) == 0 && s.GetLimitCount() == nil && s.GetLimitOffset() == nil {
		if _, ok := in.(*plan.Values); ok && len(sel.from.tables) == 0 { // one row of no table
			q.node = &plan.Values{Rows: [][]plan.Expr{p.Exprs}, Cols: p.Cols}
		}
		return q, nil // its literals may still become what is wanted of them
	}
	var err error
	if q.node, err = l.settle(p); err != nil {
		return nil, err
	}
	if distinct {
		for _, t := range sel.targets {
			if err := equatable(t.expr.Type(), t.expr.Pos()); err != nil {
				return nil, err
			}
		}
		q.node = &plan.AggregateNode{Input: q.node, Keys: columnsOf(q.node), Cols: q.node.Fields()}
	}
	if len(keys) > 0 {
		for i := range keys { // settled columns have their type by now
			keys[i].Expr.(*plan.Column).T = q.node.Fields()[keys[i].Expr.(*plan.Column).Index].Type
		}
		q.node = &plan.Sort{Input: q.node, Keys: keys}
	}
	if q.node, err = l.limit(q.node, s); err != nil {
		return nil, err
	}
	if len(p.Exprs) > width {
		q.node = &plan.Project{Input: q.node, Exprs: columnsOf(q.node)[:width], Cols: q.node.Fields()[:width]}
	}
	return q, nil
}

// carry adds the implicit columns that are wanted of a query whose rows are samples.
func (l *lowerer) carry(q *query, p *plan.Project, f *from, wanted []string) {
	t, ambiguous := samplesOf(f, nil)
	if t == nil || ambiguous {
		return
	}
	q.samples, q.carried = true, map[string]int{}
	has := func(e plan.Expr) int {
		return slices.IndexFunc(p.Exprs, func(other plan.Expr) bool { return plan.Equal(other, e) })
	}
	for name, i := range t.carried { // those that are in the output anyway
		if at := has(&plan.Column{Index: t.first + i, T: implicitTypes[name]}); at >= 0 {
			q.carried[name] = at
		}
	}
	for _, name := range wanted {
		if _, ok := q.carried[name]; ok {
			continue
		}
		q.carried[name] = len(p.Exprs)
		p.Exprs = append(p.Exprs, l.implicit(t, name))
		p.Cols = append(p.Cols, plan.Field{Name: name, Type: implicitTypes[name]})
	}
}
