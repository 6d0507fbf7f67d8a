package optimize

import (
	"slices"

	"github.com/trellisdb/trellis/engine/plan"
)

// mergeProjects makes one projection of two, and takes a projection below an
// aggregate into its expressions: so that an aggregate over a subquery on samples
// is seen to be one over samples.
func mergeProjects(_ *Context, n plan.Node) (plan.Node, error) {
	switch n := n.(type) {
	case *plan.Project:
		below, ok := n.Input.(*plan.Project)
		if !ok || volatile(below.Exprs...) || repeats(n.Exprs, below) {
			return n, nil
		}
		exprs := make([]plan.Expr, len(n.Exprs))
		for i, e := range n.Exprs {
			exprs[i] = substitute(e, below.Exprs)
		}
		return &plan.Project{Input: below.Input, Exprs: exprs, Cols: n.Cols}, nil
	case *plan.AggregateNode:
		below, ok := n.Input.(*plan.Project)
		if !ok || volatile(below.Exprs...) || slices.ContainsFunc(plan.Exprs(n), func(e plan.Expr) bool { return !affordable(e, below.Exprs) }) {
			return n, nil
		}
		c := plan.MapExprs(n, func(e plan.Expr) plan.Expr { return substitute(e, below.Exprs) }).(*plan.AggregateNode)
		c.Input = below.Input
		return c, nil
	}
	return n, nil
}

// repeats reports whether merging would evaluate something costly twice: an
// expression that is no column or constant and that is used more than once.
func repeats(above []plan.Expr, below *plan.Project) bool {
	uses := make([]int, len(below.Exprs))
	for _, e := range above {
		plan.WalkExpr(e, func(e plan.Expr) bool {
			if c, ok := e.(*plan.Column); ok {
				uses[c.Index]++
			}
			return true
		})
	}
	for i, n := range uses {
		switch below.Exprs[i].(type) {
		case *plan.Column, *plan.Literal, *plan.Param:
		default:
			if n > 1 {
				return true
			}
		}
	}
	return false
}
