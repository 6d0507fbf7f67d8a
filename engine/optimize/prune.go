package optimize

import (
	"github.com/trellisdb/trellis/engine/plan"
)

// prune leaves out the columns that nobody above needs, down to the scans.
func prune(_ *Context, n plan.Node) (plan.Node, error) {
	if n == nil {
		return nil, nil
	}
	out, _ := pruneTo(n, all(len(n.Fields())))
	return out, nil
}

// columnSet says of each column whether it is needed.
type columnSet []bool

func all(n int) columnSet {
	s := make(columnSet, n)
	for i := range s {
		s[i] = true
	}
	return s
}

// with returns the set and the columns that expressions use.
func (s columnSet) with(exprs ...plan.Expr) columnSet {
	out := append(columnSet(nil), s...)
	for i := range columnsUsed(exprs...) {
		out[i] = true
	}
	return out
}

// places returns where each column is when those that are not needed are gone.
func (s columnSet) places() []int {
	to := make([]int, len(s))
	n := 0
	for i, needed := range s {
		if to[i] = n; needed {
			n++
		}
	}
	return to
}

// pruneTo returns the node with the needed columns, and maybe others: places says
// where each needed column is.
//
// It goes down by one node with each call, so it is as deep as the plan, which Lower
// bounds; pruneAggregate calls itself once more, with all columns.
func pruneTo(n plan.Node, needed columnSet) (out plan.Node, places []int) {
	switch n := n.(type) {
	case *plan.Scan:
		c := *n
		c.Columns = keep(n.Columns, needed)
		return &c, needed.places()
	case *plan.Filter:
		in, to := pruneTo(n.Input, needed.with(n.Where))
		return &plan.Filter{Input: in, Where: move(n.Where, to)}, to
	case *plan.Sort:
		in, to := pruneTo(n.Input, needed.with(sortExprs(n)...))
		c := plan.WithInputs(n, []plan.Node{in})
		return plan.MapExprs(c, func(e plan.Expr) plan.Expr { return move(e, to) }), to
	case *plan.Limit:
		in, to := pruneTo(n.Input, needed)
		return plan.WithInputs(n, []plan.Node{in}), to
	case *plan.Project:
		exprs := keep(n.Exprs, needed)
		in, to := pruneTo(n.Input, make(columnSet, len(n.Input.Fields())).with(exprs...))
		c := &plan.Project{Input: in, Cols: keep(n.Cols, needed)}
		for _, e := range exprs {
			c.Exprs = append(c.Exprs, move(e, to))
		}
		return c, needed.places()
	case *plan.AggregateNode:
		return pruneAggregate(n, needed)
	case *plan.Join:
		return pruneJoin(n, needed)
	}
	// All others need all of their inputs' columns.
	in := n.Inputs()
	if len(in) == 0 {
		return n, all(len(needed)).places()
	}
	full := make([]plan.Node, len(in))
	for i := range in {
		full[i], _ = pruneTo(in[i], all(len(in[i].Fields())))
	}
	return plan.WithInputs(n, full), all(len(needed)).places()
}

func keep[T any](list []T, needed columnSet) []T {
	out := make([]T, 0, len(list))
	for i, x := range list {
		if needed[i] {
			out = append(out, x)
		}
	}
	return out
}

func move(e plan.Expr, to []int) plan.Expr { return remap(e, func(i int) int { return to[i] }) }

func sortExprs(n *plan.Sort) []plan.Expr {
	exprs := make([]plan.Expr, len(n.Keys))
	for i, k := range n.Keys {
		exprs[i] = k.Expr
	}
	return exprs
}

// pruneAggregate keeps all keys, without which there would be other groups, and the
// aggregates that are needed.
func pruneAggregate(n *plan.AggregateNode, needed columnSet) (plan.Node, []int) {
	wanted := append(columnSet(nil), needed...)
	for i := range n.Keys {
		wanted[i] = true
	}
	c := *n
	c.Aggs, c.Cols = keep(n.Aggs, wanted[len(n.Keys):]), keep(n.Cols, wanted)
	if len(c.Cols) == 0 && len(needed) > 0 { // a row without columns is still a row, but not all operators see it
		return pruneAggregate(n, all(len(needed)))
	}
	in, to := pruneTo(n.Input, make(columnSet, len(n.Input.Fields())).with(plan.Exprs(&c)...))
	c.Input = in
	return plan.MapExprs(&c, func(e plan.Expr) plan.Expr { return move(e, to) }), wanted.places()
}

func pruneJoin(n *plan.Join, needed columnSet) (plan.Node, []int) {
	left, right := len(n.Left.Fields()), len(n.Right.Fields())
	both := make(columnSet, left+right)
	copy(both, needed)
	both = both.with(n.Where)
	leftIn, leftTo := pruneTo(n.Left, both[:left].with(n.LeftKeys...))
	rightIn, rightTo := pruneTo(n.Right, both[left:].with(n.RightKeys...))
	to := append([]int(nil), leftTo...)
	for _, i := range rightTo {
		to = append(to, len(leftIn.Fields())+i)
	}
	c := *n
	c.Left, c.Right, c.Where = leftIn, rightIn, move(n.Where, to)
	c.LeftKeys, c.RightKeys = nil, nil
	for i := range n.LeftKeys {
		c.LeftKeys = append(c.LeftKeys, move(n.LeftKeys[i], leftTo))
		c.RightKeys = append(c.RightKeys, move(n.RightKeys[i], rightTo))
	}
	return &c, to[:len(needed)]
}
