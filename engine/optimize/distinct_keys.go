package optimize

import "github.com/trellisdb/trellis/engine/plan"

// distinctKeys makes the right side of a semi or anti join, of which only the keys
// matter, a list of distinct keys: that of series IN (SELECT series FROM samples) is
// then answered from summaries, and what is held is never more than the keys.
func distinctKeys(_ *Context, n plan.Node) (plan.Node, error) {
	j, ok := n.(*plan.Join)
	if !ok || j.Kind != plan.Semi && j.Kind != plan.Anti || j.Where != nil || len(j.RightKeys) == 0 {
		return n, nil
	}
	if a, ok := j.Right.(*plan.AggregateNode); ok && len(a.Aggs) == 0 {
		return n, nil
	}
	distinct := &plan.AggregateNode{Input: j.Right, Keys: j.RightKeys}
	keys := make([]plan.Expr, len(j.RightKeys))
	for i, e := range j.RightKeys {
		distinct.Cols = append(distinct.Cols, plan.Field{Name: "key", Type: e.Type()})
		keys[i] = &plan.Column{Index: i, Name: "key", T: e.Type(), At: e.Pos()}
	}
	out := *j
	out.Right, out.RightKeys = distinct, keys
	return &out, nil
}
