package optimize

import "github.com/trellisdb/trellis/engine/plan"

// dropProjects leaves out projections that change neither columns nor names.
func dropProjects(_ *Context, n plan.Node) (plan.Node, error) {
	p, ok := n.(*plan.Project)
	if !ok {
		return n, nil
	}
	from := p.Input.Fields()
	if len(from) != len(p.Exprs) || len(from) == 0 {
		return n, nil
	}
	for i, e := range p.Exprs {
		c, ok := e.(*plan.Column)
		if !ok || c.Index != i || from[i].Name != p.Cols[i].Name {
			return n, nil
		}
	}
	return p.Input, nil
}
