package optimize

import (
	"fmt"

	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// Context is what the rules know besides the plan.
type Context struct {
	// Env is the statement's: its parameters have values, since a plan is optimized
	// when it is about to run.
	Env *eval.Env
}

// rule is one way to improve a plan.
type rule struct {
	name  string
	apply func(c *Context, n plan.Node) (plan.Node, error)
}

// rules are all rules, in the order in which they are applied to the whole plan.
func rules() []rule {
	return []rule{
		{"fold constants", everywhere(fold)},
		{"optimize subqueries", everywhere(subqueries)},
		{"join with series", everywhere(joinSeries)},
		{"distinct keys of semi joins", everywhere(distinctKeys)},
		{"push filters down", pushFilters},
		{"filter in the scan", everywhere(scanFilter)},
		{"merge projections", everywhere(mergeProjects)},
		{"order of scans", everywhere(scanOrder)},
		{"prune columns", prune},
		{"drop projections", everywhere(dropProjects)},
		{"answer from summaries", everywhere(summaries)},
		{"order of groups", everywhere(groupOrder)},
	}
}

// Optimize returns a plan with the same rows. Statements that write are optimized
// in what they read.
func Optimize(n plan.Node, c Context) (plan.Node, error) {
	for _, r := range rules() {
		var err error
		if n, err = r.apply(&c, n); err != nil {
			return nil, fmt.Errorf("optimize: %s: %w", r.name, err)
		}
		if c.Env != nil && c.Env.Ended != nil {
			if err := c.Env.Ended(); err != nil {
				return nil, err
			}
		}
	}
	return n, nil
}

// everywhere makes a rule of a rewrite of one node: inputs come first.
func everywhere(rewrite func(c *Context, n plan.Node) (plan.Node, error)) func(*Context, plan.Node) (plan.Node, error) {
	return func(c *Context, n plan.Node) (plan.Node, error) {
		return plan.Rewrite(n, func(n plan.Node) (plan.Node, error) { return rewrite(c, n) })
	}
}

// subqueries optimizes the plans of scalar subqueries.
func subqueries(c *Context, n plan.Node) (plan.Node, error) {
	var failed error
	out := plan.MapExprs(n, func(e plan.Expr) plan.Expr {
		return plan.MapExpr(e, func(e plan.Expr) plan.Expr {
			s, ok := e.(*plan.Subquery)
			if !ok || failed != nil {
				return e
			}
			better, err := Optimize(s.Plan, *c)
			if err != nil {
				failed = err
				return e
			}
			return &plan.Subquery{Plan: better, At: s.At}
		})
	})
	return out, failed
}
