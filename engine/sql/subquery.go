package sql

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

// subquery lowers a query inside an expression over f; the types of its columns are
// known.
func (l *lowerer) subquery(n *pg.Node, f *from) (plan.Node, error) {
	l.outer = append(l.outer, f)
	defer func() { l.outer = l.outer[:len(l.outer)-1] }()
	return l.rows(n.GetSelectStmt())
}

// subLink lowers a subquery that is a value: scalar, or EXISTS.
func (l *lowerer) subLink(v *pg.SubLink, sc exprScope) (plan.Expr, error) {
	pos := l.pos(v.GetLocation())
	switch v.GetSubLinkType() {
	case pg.SubLinkType_EXPR_SUBLINK:
		n, err := l.subquery(v.GetSubselect(), sc.from)
		if err != nil {
			return nil, err
		}
		if len(n.Fields()) != 1 {
			return nil, plan.Errorf(pos, plan.CodeSyntax, "subquery must return only one column")
		}
		return l.wide(&plan.Subquery{Plan: n, At: pos}, l.outputWidths(n)[0]), nil
	case pg.SubLinkType_EXISTS_SUBLINK:
		n, err := l.subquery(v.GetSubselect(), sc.from)
		if err != nil {
			return nil, err
		}
		return anyRow(n, pos), nil
	case pg.SubLinkType_ANY_SUBLINK:
		return nil, l.refuse(v.GetLocation(), "x IN (SELECT …) here is").
			WithHint("It stands as a condition of its own in WHERE, next to others joined by AND; or write a JOIN.")
	}
	return nil, l.refuse(v.GetLocation(), "this form of subquery is").WithHint("There are (SELECT …), EXISTS (…) and x IN (…).")
}

// inSubquery returns the subquery of x IN (SELECT …), x = ANY (SELECT …) and NOT of
// them; nil for anything else.
func inSubquery(n *pg.Node) (sub *pg.SubLink, not bool) {
	if b := n.GetBoolExpr(); b.GetBoolop() == pg.BoolExprType_NOT_EXPR {
		n, not = b.GetArgs()[0], true
	}
	sub = n.GetSubLink()
	if sub.GetSubLinkType() != pg.SubLinkType_ANY_SUBLINK {
		return nil, false
	}
	if op := names(sub.GetOperName()); len(op) > 0 && op[len(op)-1] != "=" {
		return nil, false
	}
	return sub, not
}

// semiJoin keeps the rows of f for which x IN (SELECT …), or NOT IN, is true.
func (l *lowerer) semiJoin(f *from, n *pg.Node) error {
	sub, not := inSubquery(n)
	pos := l.pos(sub.GetLocation())
	tests := []*pg.Node{sub.GetTestexpr()}
	if row := sub.GetTestexpr().GetRowExpr(); row != nil {
		tests = row.GetArgs()
	}
	xs, err := l.exprs(tests, exprScope{from: f, clause: "WHERE"})
	if err != nil {
		return err
	}
	right, err := l.subquery(sub.GetSubselect(), f)
	if err != nil {
		return err
	}
	columns := columnsOf(right)
	if len(columns) != len(xs) {
		return plan.Errorf(pos, plan.CodeSyntax, "subquery has %d columns and is compared with %d", len(columns), len(xs))
	}
	join := &plan.Join{Kind: plan.Semi, Left: f.node, Right: right}
	if not {
		join.Kind = plan.Anti
	}
	width := len(f.node.Fields())
	var rest []plan.Expr
	for i, x := range xs {
		equal, err := l.resolved("=", []plan.Expr{x, columns[i]}, pos)
		if err != nil {
			return err
		}
		if not && !(neverNull(x, f.node) && neverNull(columns[i], right)) {
			// NOT IN is NULL, not true, where a NULL is compared.
			apart := plan.NewCall(pos, "=", equal.Args[0], shiftColumns(equal.Args[1], width))
			rest = append(rest, plan.NewCall(pos, "isnotfalse", apart))
			continue
		}
		join.LeftKeys = append(join.LeftKeys, equal.Args[0])
		join.RightKeys = append(join.RightKeys, equal.Args[1])
	}
	join.Where = plan.And(rest...)
	f.node = join
	return nil
}

// neverNull reports whether an expression over a node is known to have a value in
// every row: a column of a table that always has one, passed on unchanged.
func neverNull(e plan.Expr, n plan.Node) bool {
	c, ok := e.(*plan.Column)
	if !ok {
		lit, ok := e.(*plan.Literal)
		return ok && !lit.IsNull()
	}
	switch n := n.(type) {
	case *plan.Scan:
		column := n.Columns[c.Index]
		switch n.Table {
		case plan.Samples:
			return !column.Series && (column.Name == "series" || column.Name == "time" || column.Name == "quality" || column.Name == "status")
		case plan.Series:
			return column.Name == "series"
		}
	case *plan.Filter:
		return neverNull(e, n.Input)
	case *plan.Sort:
		return neverNull(e, n.Input)
	case *plan.Limit:
		return neverNull(e, n.Input)
	case *plan.Project:
		return neverNull(n.Exprs[c.Index], n.Input)
	case *plan.AggregateNode:
		return n.Sets == nil && c.Index < len(n.Keys) && neverNull(n.Keys[c.Index], n.Input)
	}
	return false
}
