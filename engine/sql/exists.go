package sql

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

// plainExists returns the query of EXISTS (SELECT … FROM … WHERE …) and NOT EXISTS
// whose rows are those of its FROM and WHERE; nil for anything else. Such a query may
// refer to columns outside of it.
func plainExists(n *pg.Node) (s *pg.SelectStmt, not bool) {
	if b := n.GetBoolExpr(); b.GetBoolop() == pg.BoolExprType_NOT_EXPR {
		n, not = b.GetArgs()[0], true
	}
	sub := n.GetSubLink()
	if sub.GetSubLinkType() != pg.SubLinkType_EXISTS_SUBLINK {
		return nil, false
	}
	s = sub.GetSubselect().GetSelectStmt()
	plain := s.GetOp() == pg.SetOperation_SETOP_NONE && len(s.GetValuesLists()) == 0 && len(s.GetFromClause()) > 0 &&
		len(s.GetDistinctClause()) == 0 && len(s.GetGroupClause()) == 0 && s.GetHavingClause() == nil && len(s.GetSortClause()) == 0 &&
		s.GetLimitCount() == nil && s.GetLimitOffset() == nil && s.GetWithClause() == nil && s.GetIntoClause() == nil &&
		len(s.GetLockingClause()) == 0 && len(s.GetWindowClause()) == 0
	if !plain {
		return nil, false
	}
	return s, not
}

// exists keeps the rows of f for which EXISTS, or NOT EXISTS, is true: by a semi join
// on the conditions that refer to f, or as a condition where there are none.
func (l *lowerer) exists(f *from, n *pg.Node) error {
	s, not := plainExists(n)
	l.outer = append(l.outer, f)
	inner, err := l.fromClause(s.GetFromClause())
	l.outer = l.outer[:len(l.outer)-1]
	if err != nil {
		return err
	}
	sc := exprScope{from: nested(f, inner), clause: "EXISTS"}
	list := &selection{from: sc.from} // its columns are nothing but checked
	if err := l.selectList(list, s.GetTargetList()); err != nil {
		return err
	}
	for _, t := range list.targets {
		if a := firstAggregate(t.expr); a != nil {
			return plan.Errorf(a.At, plan.CodeNotSupported, "an aggregate in EXISTS is not supported").WithHint("It has a row always.")
		}
	}
	var inside, across []plan.Expr
	width, total := len(f.node.Fields()), len(sc.from.node.Fields())
	if s.GetWhereClause() != nil {
		where, err := l.condition(s.GetWhereClause(), sc, "WHERE")
		if err != nil {
			return err
		}
		for _, c := range plan.Conjuncts(where) {
			if within(c, width, total) || isConstant(c) {
				inside = append(inside, shiftColumns(c, -width))
			} else {
				across = append(across, c)
			}
		}
	}
	if where := plan.And(inside...); where != nil {
		inner.node = &plan.Filter{Input: inner.node, Where: where}
	}
	if len(across) == 0 {
		where := anyRow(inner.node, l.pos(location(n)))
		if not {
			where = plan.NewCall(where.Pos(), "not", where)
		}
		f.node = &plan.Filter{Input: f.node, Where: where}
		return nil
	}
	join := &plan.Join{Kind: plan.Semi, Left: f.node, Right: inner.node}
	if not {
		join.Kind = plan.Anti
	}
	join.LeftKeys, join.RightKeys, join.Where = joinKeys(across, width, total)
	f.node = join
	return nil
}

// isConstant reports whether an expression refers to no column.
func isConstant(e plan.Expr) bool {
	constant := true
	plan.WalkExpr(e, func(part plan.Expr) bool {
		if _, ok := part.(*plan.Column); ok {
			constant = false
		}
		return constant
	})
	return constant
}

// nested returns the names that are seen inside of a subquery: its own, and those of
// the query around it that they do not hide. Its columns come after those around it.
func nested(outer, inner *from) *from {
	moved := inner.shifted(len(outer.node.Fields()))
	f := &from{
		node:   &plan.Join{Kind: plan.Cross, Left: outer.node, Right: inner.node},
		tables: moved.tables, star: moved.star,
	}
	for _, t := range outer.tables {
		if f.table(t.alias) == nil {
			f.tables = append(f.tables, t)
		}
	}
	for _, v := range outer.star {
		if !slices.ContainsFunc(moved.star, func(own visible) bool { return own.name == v.name }) {
			f.star = append(f.star, v)
		}
	}
	return f
}

// anyRow is the condition that a query, which refers to nothing outside, has a row.
func anyRow(n plan.Node, pos int) plan.Expr {
	one := &plan.Limit{Input: n, Count: &plan.Literal{Value: int64(1), T: plan.Bigint}}
	count := countRows()
	rows := &plan.AggregateNode{Input: one, Aggs: []*plan.Aggregation{count}, Cols: []plan.Field{{Name: "count", Type: plan.Bigint}}}
	zero := &plan.Literal{Value: int64(0), T: plan.Bigint, At: pos}
	return plan.NewCall(pos, ">", &plan.Subquery{Plan: rows, At: pos}, zero)
}

// countRows is count(*).
func countRows() *plan.Aggregation { return &plan.Aggregation{Func: plan.MustAggregate("count")} }
