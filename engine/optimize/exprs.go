package optimize

import (
	"github.com/trellisdb/trellis/engine/plan"
)

// columnsUsed returns the columns that expressions refer to, by index.
func columnsUsed(exprs ...plan.Expr) map[int]bool {
	used := map[int]bool{}
	for _, e := range exprs {
		plan.WalkExpr(e, func(e plan.Expr) bool {
			if c, ok := e.(*plan.Column); ok {
				used[c.Index] = true
			}
			return true
		})
	}
	return used
}

// volatile reports whether two evaluations of an expression may differ.
func volatile(exprs ...plan.Expr) bool {
	found := false
	for _, e := range exprs {
		plan.WalkExpr(e, func(e plan.Expr) bool {
			c, ok := e.(*plan.Call)
			found = found || ok && c.Func.Volatile
			return !found
		})
	}
	return found
}

// constant reports whether an expression has one value while the statement runs.
func constant(e plan.Expr) bool { return len(columnsUsed(e)) == 0 && !volatile(e) }

// remap returns the expression with the columns' indexes changed.
func remap(e plan.Expr, to func(index int) int) plan.Expr {
	return plan.MapExpr(e, func(e plan.Expr) plan.Expr {
		c, ok := e.(*plan.Column)
		if !ok || to(c.Index) == c.Index {
			return e
		}
		moved := *c
		moved.Index = to(c.Index)
		return &moved
	})
}

// The largest expression that a rule may make of a smaller one. A rule that puts
// expressions into each other would else, over projections upon projections that use a
// column twice, make one that no walk comes to the end of.
const maxGrown = 1000

// affordable reports whether an expression stays, with each column replaced by the
// expression that computes it, as large as it was, or below maxGrown.
func affordable(e plan.Expr, by []plan.Expr) bool {
	grown := 0
	plan.WalkExpr(e, func(e plan.Expr) bool {
		if c, ok := e.(*plan.Column); ok && c.Index < len(by) {
			grown += plan.Size(by[c.Index], maxGrown+1) - 1
		}
		return grown <= maxGrown
	})
	return grown == 0 || grown+plan.Size(e, maxGrown) <= maxGrown
}

// substitute returns the expression with each column replaced by the expression
// that computes it.
func substitute(e plan.Expr, by []plan.Expr) plan.Expr {
	return plan.Replace(e, func(e plan.Expr) (plan.Expr, bool) {
		if c, ok := e.(*plan.Column); ok {
			return by[c.Index], true
		}
		return nil, false
	})
}

// where returns the input filtered by conditions; itself for none.
func where(in plan.Node, conditions ...plan.Expr) plan.Node {
	if w := plan.And(conditions...); w != nil {
		return &plan.Filter{Input: in, Where: w}
	}
	return in
}

// columnOf returns column i of fields as an expression.
func columnOf(fields []plan.Field, i int) plan.Expr {
	return &plan.Column{Index: i, Name: fields[i].Name, T: fields[i].Type}
}
