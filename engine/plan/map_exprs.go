package plan

import "slices"

// MapExprs returns the node with what f makes of each of its expressions, those
// pushed down into a scan included; f is not given nil, and must make an Aggregation
// of an Aggregation. It returns the node itself where none changes.
func MapExprs(n Node, f func(Expr) Expr) Node {
	m := exprMapper{f: f}
	out := m.node(n)
	if !m.changed {
		return n
	}
	return out
}

// exprMapper applies a function to expressions and remembers whether one changed.
type exprMapper struct {
	f       func(Expr) Expr
	changed bool
}

func (m *exprMapper) one(e Expr) Expr {
	if e == nil {
		return nil
	}
	to := m.f(e)
	m.changed = m.changed || to != e
	return to
}

func (m *exprMapper) list(list []Expr) []Expr {
	if list == nil {
		return nil
	}
	out := make([]Expr, len(list))
	for i, e := range list {
		out[i] = m.one(e)
	}
	return out
}

func (m *exprMapper) node(n Node) Node {
	switch n := n.(type) {
	case *Values:
		c := Values{Cols: n.Cols, Rows: make([][]Expr, len(n.Rows))}
		for i, row := range n.Rows {
			c.Rows[i] = m.list(row)
		}
		return &c
	case *Generate:
		return &Generate{From: m.one(n.From), To: m.one(n.To), Step: m.one(n.Step), Col: n.Col}
	case *TableCall:
		return &TableCall{Routine: n.Routine, Args: m.list(n.Args), Alias: n.Alias, SeriesWhere: m.one(n.SeriesWhere)}
	case *CallProcedure:
		return &CallProcedure{Routine: n.Routine, Args: m.list(n.Args)}
	case *Filter:
		return &Filter{Input: n.Input, Where: m.one(n.Where)}
	case *Project:
		return &Project{Input: n.Input, Exprs: m.list(n.Exprs), Cols: n.Cols}
	case *AggregateNode:
		return m.aggregate(n)
	case *Sort:
		c := Sort{Input: n.Input, Keys: make([]SortKey, len(n.Keys))}
		for i, k := range n.Keys {
			k.Expr = m.one(k.Expr)
			c.Keys[i] = k
		}
		return &c
	case *Limit:
		return &Limit{Input: n.Input, Count: m.one(n.Count), Offset: m.one(n.Offset)}
	case *Join:
		c := *n
		c.LeftKeys, c.RightKeys, c.Where = m.list(n.LeftKeys), m.list(n.RightKeys), m.one(n.Where)
		return &c
	case *UpdateSeries:
		return &UpdateSeries{Where: m.one(n.Where), Columns: n.Columns, Exprs: m.list(n.Exprs)}
	case *Scan:
		return m.scan(n)
	}
	return n
}

func (m *exprMapper) aggregate(n *AggregateNode) Node {
	c := *n
	c.Keys = m.list(n.Keys)
	c.Aggs = make([]*Aggregation, len(n.Aggs))
	for i, a := range n.Aggs {
		c.Aggs[i] = m.one(a).(*Aggregation)
	}
	return &c
}

func (m *exprMapper) scan(n *Scan) Node {
	c := *n
	c.AsOf = m.one(n.AsOf)
	if n.Samples == nil {
		return &c
	}
	s := *n.Samples
	s.SeriesWhere = m.one(s.SeriesWhere)
	s.From, s.To = m.list(s.From), m.list(s.To)
	s.AtLeast, s.AtMost = m.list(s.AtLeast), m.list(s.AtMost)
	s.LocalWhere = make([]LocalCondition, len(n.Samples.LocalWhere))
	for i, w := range n.Samples.LocalWhere {
		s.LocalWhere[i] = LocalCondition{Where: m.one(w.Where), Width: w.Width}
	}
	if s.Summaries != nil {
		summaries := *s.Summaries
		summaries.Bins = slices.Clone(summaries.Bins)
		for i := range summaries.Bins {
			summaries.Bins[i].Zone = m.one(summaries.Bins[i].Zone)
		}
		s.Summaries = &summaries
	}
	c.Samples = &s
	return &c
}
