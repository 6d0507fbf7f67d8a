package optimize

import (
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// fold replaces expressions without columns by their value, and drops from AND and
// OR what does not matter. What fails, such as 1/0, is left for the row that needs
// it. A filter that keeps nothing becomes an empty list of rows.
func fold(c *Context, n plan.Node) (plan.Node, error) {
	n = plan.MapExprs(n, func(e plan.Expr) plan.Expr { return plan.MapExpr(e, c.foldOne) })
	f, ok := n.(*plan.Filter)
	if !ok {
		return n, nil
	}
	l, ok := f.Where.(*plan.Literal)
	switch {
	case !ok:
		return n, nil
	case l.Value == true:
		return f.Input, nil
	}
	return &plan.Values{Cols: f.Fields()}, nil
}

// foldOne folds an expression whose parts are folded.
func (c *Context) foldOne(e plan.Expr) plan.Expr {
	switch e := e.(type) {
	case *plan.Literal, *plan.Column, *plan.Subquery, *plan.Aggregation:
		return e
	case *plan.Call:
		if e.Func.Name == "and" || e.Func.Name == "or" {
			return simplify(e)
		}
	}
	if !foldable(e) || c.Env == nil {
		return e
	}
	l, err := eval.Constant(e, c.Env)
	if text, ok := l.Value.(string); err != nil || ok && len(text) > eval.MaxFolded {
		return e
	}
	l.At = e.Pos()
	l.T = e.Type()
	return &l
}

// foldable reports whether an expression consists of constants that are known.
func foldable(e plan.Expr) bool {
	known := true
	plan.WalkExpr(e, func(e plan.Expr) bool {
		switch e.(type) {
		case *plan.Column, *plan.Subquery, *plan.Aggregation:
			known = false
		}
		return known
	})
	return known && !volatile(e)
}

// simplify drops the constants of an AND or OR: true from AND, false from OR; and
// the whole where one decides it.
func simplify(e *plan.Call) plan.Expr {
	neutral := e.Func.Name == "and"
	var rest []plan.Expr
	for _, arg := range e.Args {
		l, ok := arg.(*plan.Literal)
		switch {
		case !ok || l.Value == nil:
			rest = append(rest, arg)
		case l.Value == neutral:
		default:
			return l
		}
	}
	switch len(rest) {
	case 0:
		return &plan.Literal{Value: neutral, T: plan.Boolean, At: e.At}
	case 1:
		return rest[0]
	case len(e.Args):
		return e
	}
	return &plan.Call{Func: e.Func, Args: rest, At: e.At}
}
