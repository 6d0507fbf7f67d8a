package plan

// Walk calls visit for a node and, where visit returns true, for its inputs, in
// order. It does not enter the plans of scalar subqueries.
func Walk(n Node, visit func(Node) bool) {
	if n == nil || !visit(n) {
		return
	}
	for _, in := range n.Inputs() {
		Walk(in, visit)
	}
}

// Rewrite returns the plan with every node replaced by what f makes of it, inputs
// first: f sees a node whose inputs are rewritten already. Nodes that do not
// change are shared, not copied. An error ends it.
func Rewrite(n Node, f func(Node) (Node, error)) (Node, error) {
	in := n.Inputs()
	var changed []Node
	for i, old := range in {
		next, err := Rewrite(old, f)
		if err != nil {
			return nil, err
		}
		if next != old && changed == nil {
			changed = append([]Node(nil), in...)
		}
		if changed != nil {
			changed[i] = next
		}
	}
	if changed != nil {
		n = WithInputs(n, changed)
	}
	return f(n)
}

// WithInputs returns a copy of a node that reads other inputs, as many as it had.
func WithInputs(n Node, in []Node) Node {
	switch n := n.(type) {
	case *Filter:
		c := *n
		c.Input = in[0]
		return &c
	case *Project:
		c := *n
		c.Input = in[0]
		return &c
	case *AggregateNode:
		c := *n
		c.Input = in[0]
		return &c
	case *Sort:
		c := *n
		c.Input = in[0]
		return &c
	case *Limit:
		c := *n
		c.Input = in[0]
		return &c
	case *Join:
		c := *n
		c.Left, c.Right = in[0], in[1]
		return &c
	case *SetOp:
		c := *n
		c.In = in
		return &c
	case *InsertSamples:
		c := *n
		c.Input = in[0]
		return &c
	case *InsertSeries:
		c := *n
		c.Input = in[0]
		return &c
	case *UpdateSamples:
		c := *n
		c.Input = in[0]
		return &c
	case *DeleteSamples:
		return &DeleteSamples{Input: in[0]}
	case *Explain:
		c := *n
		c.Input = in[0]
		return &c
	}
	return n
}

// WalkExpr calls visit for an expression and, where visit returns true, for those
// it is made of. It does not enter the plans of scalar subqueries.
func WalkExpr(e Expr, visit func(Expr) bool) {
	if e == nil || !visit(e) {
		return
	}
	for _, part := range parts(e) {
		WalkExpr(part, visit)
	}
}

// Size returns how many expressions an expression is made of, itself included, but no
// more than most. Parts that are shared count for each of their uses, as every walk
// meets them: so it tells whether a walk is affordable before one is tried.
func Size(e Expr, most int) int {
	n := 0
	WalkExpr(e, func(Expr) bool {
		n++
		return n < most
	})
	return min(n, most)
}

// parts returns the expressions that an expression is made of, in order.
func parts(e Expr) []Expr {
	switch e := e.(type) {
	case *Call:
		return e.Args
	case *Cast:
		return []Expr{e.Arg}
	case *In:
		return append([]Expr{e.X}, e.List...)
	case *Case:
		var all []Expr
		for _, w := range e.Whens {
			all = append(all, w.If, w.Then)
		}
		return append(all, e.Else)
	case *Aggregation:
		all := append([]Expr(nil), e.Args...)
		if e.Filter != nil {
			all = append(all, e.Filter)
		}
		for _, k := range e.Order {
			all = append(all, k.Expr)
		}
		return all
	}
	return nil
}

// MapExpr returns the expression with every part replaced by what f makes of it,
// from the leaves up. What does not change is shared, not copied.
func MapExpr(e Expr, f func(Expr) Expr) Expr {
	if e == nil {
		return nil
	}
	old := parts(e)
	var changed []Expr
	for i, part := range old {
		next := MapExpr(part, f)
		if next != part && changed == nil {
			changed = append([]Expr(nil), old...)
		}
		if changed != nil {
			changed[i] = next
		}
	}
	if changed != nil {
		e = withParts(e, changed)
	}
	return f(e)
}

// withParts returns a copy of an expression made of other parts, in the order of
// the function parts.
func withParts(e Expr, to []Expr) Expr {
	switch e := e.(type) {
	case *Call:
		c := *e
		c.Args = to
		return &c
	case *Cast:
		c := *e
		c.Arg = to[0]
		return &c
	case *In:
		c := *e
		c.X, c.List = to[0], to[1:]
		return &c
	case *Case:
		c := *e
		c.Whens = make([]When, len(e.Whens))
		for i := range c.Whens {
			c.Whens[i] = When{If: to[2*i], Then: to[2*i+1]}
		}
		c.Else = to[len(to)-1]
		return &c
	case *Aggregation:
		c := *e
		c.Args, to = to[:len(e.Args)], to[len(e.Args):]
		if e.Filter != nil {
			c.Filter, to = to[0], to[1:]
		}
		c.Order = append([]SortKey(nil), e.Order...)
		for i := range c.Order {
			c.Order[i].Expr = to[i]
		}
		return &c
	}
	return e
}

// Exprs returns the expressions that a node evaluates over its input, in order;
// not those of what was pushed down into a scan.
func Exprs(n Node) []Expr {
	var all []Expr
	add := func(exprs ...Expr) {
		for _, e := range exprs {
			if e != nil {
				all = append(all, e)
			}
		}
	}
	switch n := n.(type) {
	case *Values:
		for _, row := range n.Rows {
			add(row...)
		}
	case *Generate:
		add(n.From, n.To, n.Step)
	case *TableCall:
		add(n.Args...)
	case *CallProcedure:
		add(n.Args...)
	case *Filter:
		add(n.Where)
	case *Project:
		add(n.Exprs...)
	case *AggregateNode:
		add(n.Keys...)
		for _, a := range n.Aggs {
			add(a)
		}
	case *Sort:
		for _, k := range n.Keys {
			add(k.Expr)
		}
	case *Limit:
		add(n.Count, n.Offset)
	case *Join:
		add(n.LeftKeys...)
		add(n.RightKeys...)
		add(n.Where)
	case *UpdateSeries:
		add(n.Where)
		add(n.Exprs...)
	}
	return all
}
