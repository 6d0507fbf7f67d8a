package optimize

import (
	"github.com/trellisdb/trellis/engine/plan"
)

// mapExprs returns the node with what f makes of each expression that it evaluates
// over its input.
func mapExprs(n plan.Node, f func(plan.Expr) plan.Expr) plan.Node {
	one := func(e plan.Expr) plan.Expr {
		if e == nil {
			return nil
		}
		return f(e)
	}
	list := func(in []plan.Expr) []plan.Expr {
		out := make([]plan.Expr, len(in))
		for i, e := range in {
			out[i] = one(e)
		}
		return out
	}
	switch n := n.(type) {
	case *plan.Values:
		c := plan.Values{Cols: n.Cols, Rows: make([][]plan.Expr, len(n.Rows))}
		for i, row := range n.Rows {
			c.Rows[i] = list(row)
		}
		return &c
	case *plan.Generate:
		return &plan.Generate{From: one(n.From), To: one(n.To), Step: one(n.Step), Col: n.Col}
	case *plan.Filter:
		return &plan.Filter{Input: n.Input, Where: one(n.Where)}
	case *plan.Project:
		return &plan.Project{Input: n.Input, Exprs: list(n.Exprs), Cols: n.Cols}
	case *plan.AggregateNode:
		c := *n
		c.Keys, c.Aggs = list(n.Keys), make([]*plan.Aggregation, len(n.Aggs))
		for i, a := range n.Aggs {
			c.Aggs[i] = plan.Expr(one(a)).(*plan.Aggregation)
		}
		return &c
	case *plan.Sort:
		c := plan.Sort{Input: n.Input, Keys: append([]plan.SortKey(nil), n.Keys...)}
		for i := range c.Keys {
			c.Keys[i].Expr = one(c.Keys[i].Expr)
		}
		return &c
	case *plan.Limit:
		return &plan.Limit{Input: n.Input, Count: one(n.Count), Offset: one(n.Offset)}
	case *plan.Join:
		c := *n
		c.LeftKeys, c.RightKeys, c.Where = list(n.LeftKeys), list(n.RightKeys), one(n.Where)
		return &c
	case *plan.UpdateSeries:
		c := *n
		c.Where, c.Exprs = one(n.Where), list(n.Exprs)
		return &c
	}
	return n
}

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
