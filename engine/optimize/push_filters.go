package optimize

import (
	"slices"

	"github.com/trellisdb/trellis/engine/plan"
)

// pushFilters moves conditions as far down as they can go without a change of the
// answer. Conditions with random() stay where they are.
func pushFilters(_ *Context, n plan.Node) (plan.Node, error) {
	if n == nil {
		return nil, nil
	}
	return push(n, nil), nil
}

// push returns the node filtered by conditions over its columns.
func push(n plan.Node, conditions []plan.Expr) plan.Node {
	switch n := n.(type) {
	case *plan.Filter:
		all := plan.Conjuncts(n.Where)
		stay, move := split(all, func(e plan.Expr) bool { return volatile(e) })
		if len(stay) > 0 {
			return where(where(push(n.Input, move), stay...), conditions...)
		}
		return push(n.Input, append(move, conditions...))
	case *plan.Project:
		stay, move := split(conditions, func(e plan.Expr) bool { return !pure(n, e) || !affordable(e, n.Exprs) })
		for i, e := range move {
			move[i] = substitute(e, n.Exprs)
		}
		return where(plan.WithInputs(n, []plan.Node{push(n.Input, move)}), stay...)
	case *plan.Sort:
		return plan.WithInputs(n, []plan.Node{push(n.Input, conditions)})
	case *plan.AggregateNode:
		stay, move := split(conditions, func(e plan.Expr) bool { return !ofKeys(n, e) || !affordable(e, n.Keys) })
		for i, e := range move {
			move[i] = substitute(e, n.Keys)
		}
		return where(plan.WithInputs(n, []plan.Node{push(n.Input, move)}), stay...)
	case *plan.SetOp:
		in := make([]plan.Node, len(n.In))
		for i := range in {
			in[i] = push(n.In[i], slices.Clone(conditions))
		}
		return plan.WithInputs(n, in)
	case *plan.Join:
		return pushJoin(n, conditions)
	}
	in := n.Inputs()
	out := make([]plan.Node, len(in))
	for i := range in {
		out[i] = push(in[i], nil)
	}
	return where(plan.WithInputs(n, out), conditions...)
}

// split parts conditions in two.
func split(all []plan.Expr, first func(plan.Expr) bool) (yes, no []plan.Expr) {
	for _, e := range all {
		if first(e) {
			yes = append(yes, e)
		} else {
			no = append(no, e)
		}
	}
	return yes, no
}

// pure reports whether a condition on a projection's columns can be
// evaluated before the projection.
func pure(p *plan.Project, e plan.Expr) bool {
	for i := range columnsUsed(e) {
		if volatile(p.Exprs[i]) {
			return false
		}
	}
	return true
}

// ofKeys reports whether a condition on an aggregate's columns is one on its keys,
// which holds for all rows of a group or for none. Without keys there is a group
// even of no rows.
func ofKeys(n *plan.AggregateNode, e plan.Expr) bool {
	used := columnsUsed(e)
	if n.Sets != nil || len(n.Keys) == 0 || len(used) == 0 {
		return false
	}
	for i := range used {
		if i >= len(n.Keys) || volatile(n.Keys[i]) {
			return false
		}
	}
	return true
}

// pushJoin moves conditions, and for inner joins those of ON, to the side that
// they are about. Equalities between the sides become keys.
func pushJoin(n *plan.Join, conditions []plan.Expr) plan.Node {
	j := *n
	width := len(n.Left.Fields())
	inner := n.Kind == plan.Inner || n.Kind == plan.Cross
	if inner {
		conditions = append(conditions, plan.Conjuncts(n.Where)...)
		j.Where = nil
	}
	var left, right, stay []plan.Expr
	for _, e := range conditions {
		onLeft, onRight := sides(e, width)
		switch {
		case volatile(e):
			stay = append(stay, e)
		case !onRight && (inner || n.Kind == plan.Left || n.Kind == plan.Semi || n.Kind == plan.Anti):
			left = append(left, e)
		case !onLeft && (inner || n.Kind == plan.Right):
			right = append(right, remap(e, func(i int) int { return i - width }))
		case inner && equality(&j, e, width):
		default:
			stay = append(stay, e)
		}
	}
	if j.Kind == plan.Cross && len(j.LeftKeys) > 0 {
		j.Kind = plan.Inner
	}
	j.Left, j.Right = push(n.Left, left), push(n.Right, right)
	return where(&j, stay...)
}

// sides reports whether an expression is about columns of the left input, whose
// width is given, and of the right one.
func sides(e plan.Expr, width int) (left, right bool) {
	for i := range columnsUsed(e) {
		left, right = left || i < width, right || i >= width
	}
	return left, right
}

// equality makes a condition a key of the join, where it is an equality of something
// on the left and something on the right, and reports whether it is.
func equality(j *plan.Join, e plan.Expr, width int) bool {
	c, ok := e.(*plan.Call)
	if !ok || c.Func.Name != "=" || c.Func.Args[0] != c.Func.Args[1] {
		return false
	}
	for k := range 2 {
		l, r := c.Args[k], c.Args[1-k]
		onLeft, alsoRight := sides(l, width)
		alsoLeft, onRight := sides(r, width)
		if onLeft && !alsoRight && onRight && !alsoLeft {
			j.LeftKeys = append(slices.Clone(j.LeftKeys), l)
			j.RightKeys = append(slices.Clone(j.RightKeys), remap(r, func(i int) int { return i - width }))
			return true
		}
	}
	return false
}
