package sql

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

var joinKinds = map[pg.JoinType]plan.JoinKind{
	pg.JoinType_JOIN_INNER: plan.Inner, pg.JoinType_JOIN_LEFT: plan.Left, pg.JoinType_JOIN_RIGHT: plan.Right, pg.JoinType_JOIN_FULL: plan.Full,
}

// join lowers a JOIN.
func (l *lowerer) join(v *pg.JoinExpr) (*from, error) {
	left, err := l.fromItem(v.GetLarg())
	if err != nil {
		return nil, err
	}
	right, err := l.fromItem(v.GetRarg())
	if err != nil {
		return nil, err
	}
	kind, ok := joinKinds[v.GetJointype()]
	if !ok {
		return nil, l.refuse(location(v.GetLarg()), "this kind of join is")
	}
	if v.GetJoinUsingAlias() != nil {
		return nil, l.refuse(location(v.GetLarg()), "an alias for USING is")
	}
	joined, err := l.combine(left, right, kind, location(v.GetRarg()))
	if err != nil {
		return nil, err
	}
	node := joined.node.(*plan.Join)
	switch {
	case v.GetIsNatural():
		err = l.using(joined, node, commonNames(left, right), location(v.GetRarg()))
	case len(v.GetUsingClause()) > 0:
		err = l.using(joined, node, names(v.GetUsingClause()), location(v.GetRarg()))
	case v.GetQuals() != nil:
		err = l.on(joined, node, v.GetQuals())
	}
	if err != nil {
		return nil, err
	}
	if node.Kind == plan.Inner && len(node.LeftKeys) == 0 && node.Where == nil {
		node.Kind = plan.Cross
	}
	return l.joinAlias(joined, v.GetAlias())
}

// joinAlias gives a join in parentheses a name of its own, which hides those of its
// tables.
func (l *lowerer) joinAlias(f *from, alias *pg.Alias) (*from, error) {
	if alias == nil {
		return f, nil
	}
	if len(alias.GetColnames()) > 0 {
		return nil, l.refuse(-1, "renaming the columns of a join is")
	}
	t := &table{alias: alias.GetAliasname(), cols: f.star, width: len(f.node.Fields())}
	for _, inner := range f.tables {
		if inner.samples && !t.samples {
			t.samples, t.number, t.carried = true, inner.number, map[string]int{}
			for name, i := range inner.carried {
				t.carried[name] = inner.first + i
			}
		}
	}
	return &from{node: f.node, tables: []*table{t}, star: f.star}, nil
}

// commonNames returns the names that both sides of a NATURAL JOIN have.
func commonNames(left, right *from) []string {
	var common []string
	for _, a := range left.star {
		if slices.ContainsFunc(right.star, func(b visible) bool { return a.name == b.name }) {
			common = append(common, a.name)
		}
	}
	return common
}

// using joins on columns of the same name, which * then shows once, first.
func (l *lowerer) using(f *from, n *plan.Join, columns []string, location int32) error {
	width := len(n.Left.Fields())
	var merged []visible
	for _, name := range columns {
		a, err := l.oneOf(f.star, name, "left", location, 0, width)
		if err != nil {
			return err
		}
		b, err := l.oneOf(f.star, name, "right", location, width, len(f.node.Fields()))
		if err != nil {
			return err
		}
		equal, err := l.resolved("=", []plan.Expr{a, b}, l.pos(location))
		if err != nil {
			return err
		}
		args := equal.Args
		n.LeftKeys = append(n.LeftKeys, args[0])
		n.RightKeys = append(n.RightKeys, shiftColumns(args[1], -width))
		one := visible{name: name, expr: a}
		switch n.Kind {
		case plan.Right:
			one.expr = b
		case plan.Full:
			one.expr = plan.NewCall(0, "coalesce", args...)
		}
		merged = append(merged, one)
	}
	rest := slices.DeleteFunc(slices.Clone(f.star), func(v visible) bool { return slices.Contains(columns, v.name) })
	f.star = append(merged, rest...)
	return nil
}

// oneOf returns the only visible column of a name among those with indexes in
// [first, end).
func (l *lowerer) oneOf(all []visible, name, side string, location int32, first, end int) (plan.Expr, error) {
	var found plan.Expr
	for _, v := range all {
		if v.name != name || !within(v.expr, first, end) {
			continue
		}
		if found != nil {
			return nil, plan.Errorf(l.pos(location), plan.CodeAmbiguous, "common column name %q appears more than once in %s table", name, side)
		}
		found = v.expr
	}
	if found == nil {
		return nil, plan.Errorf(l.pos(location), plan.CodeUndefColumn, "column %q specified in USING clause does not exist in %s table", name, side)
	}
	return found, nil
}

// within reports whether an expression refers to columns in [first, end) only, and
// to one at least.
func within(e plan.Expr, first, end int) bool {
	inside, outside := false, false
	plan.WalkExpr(e, func(e plan.Expr) bool {
		if c, ok := e.(*plan.Column); ok {
			if c.Index >= first && c.Index < end {
				inside = true
			} else {
				outside = true
			}
		}
		return true
	})
	return inside && !outside
}

// on takes the condition of a join apart into pairs of keys and the rest.
func (l *lowerer) on(f *from, n *plan.Join, quals *pg.Node) error {
	where, err := l.condition(quals, exprScope{from: f, clause: "JOIN conditions"}, "JOIN/ON")
	if err != nil {
		return err
	}
	n.LeftKeys, n.RightKeys, n.Where = joinKeys(plan.Conjuncts(where), len(n.Left.Fields()), len(f.node.Fields()))
	return nil
}

// joinKeys takes conditions over the two sides of a join apart into pairs of keys that
// are equal, each over its own side, and the rest; the left side has width of the total
// columns.
func joinKeys(conditions []plan.Expr, width, total int) (left, right []plan.Expr, where plan.Expr) {
	var rest []plan.Expr
	for _, c := range conditions {
		call, ok := c.(*plan.Call)
		if !ok || call.Func.Name != "=" {
			rest = append(rest, c)
			continue
		}
		a, b := call.Args[0], call.Args[1]
		if within(b, 0, width) && within(a, width, total) {
			a, b = b, a
		}
		if !within(a, 0, width) || !within(b, width, total) {
			rest = append(rest, c)
			continue
		}
		left = append(left, a)
		right = append(right, shiftColumns(b, -width))
	}
	return left, right, plan.And(rest...)
}
