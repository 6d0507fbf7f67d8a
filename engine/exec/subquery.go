package exec

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// resolveSubqueries returns the plan with the value of each scalar subquery, which
// it runs, in its place.
func (q *query) resolveSubqueries(ctx context.Context, n plan.Node) (plan.Node, error) {
	var failed error
	value := func(e plan.Expr) plan.Expr {
		s, ok := e.(*plan.Subquery)
		if !ok || failed != nil {
			return e
		}
		l, err := q.scalar(ctx, s)
		if err != nil {
			failed = err
			return e
		}
		return &l
	}
	out, err := plan.Rewrite(n, func(n plan.Node) (plan.Node, error) {
		n = mapExprs(n, func(e plan.Expr) plan.Expr { return plan.MapExpr(e, value) })
		return n, failed
	})
	if err == nil {
		q.Profile.rename(out, n)
	}
	return out, err
}

// scalar runs a subquery of one column and at most one row.
func (q *query) scalar(ctx context.Context, s *plan.Subquery) (value plan.Literal, err error) {
	value = plan.Literal{T: s.Type(), At: s.At}
	in, err := Run(ctx, s.Plan, q.Options)
	if err != nil {
		return value, err
	}
	defer func() {
		if closing := in.Close(); err == nil {
			err = closing
		}
	}()
	n := int64(0)
	err = drain(ctx, in, func(b arrow.RecordBatch) error {
		n += b.NumRows()
		if n > 1 {
			return plan.Errorf(s.At, plan.CodeCardinality, "more than one row returned by a subquery used as an expression")
		}
		if b.NumRows() == 0 {
			return nil
		}
		v, err := eval.FromArray(b.Column(0), s.Type())
		if err != nil {
			return err
		}
		one := column{t: s.Type()}
		one.add(&v, 0) // a copy: the batch is released
		kept := one.vector()
		value = kept.Literal(0)
		value.At = s.At
		return nil
	})
	return value, err
}

// mapExprs returns the node with what f makes of each of its expressions, those
// pushed down into a scan included. It returns the node itself where none changes.
func mapExprs(n plan.Node, f func(plan.Expr) plan.Expr) plan.Node {
	m := mapper{f: f}
	out := m.node(n)
	if !m.changed {
		return n
	}
	return out
}

// mapper applies a function to expressions and remembers whether one changed.
type mapper struct {
	f       func(plan.Expr) plan.Expr
	changed bool
}

func (m *mapper) one(e plan.Expr) plan.Expr {
	if e == nil {
		return nil
	}
	to := m.f(e)
	m.changed = m.changed || to != e
	return to
}

func (m *mapper) list(list []plan.Expr) []plan.Expr {
	if list == nil {
		return nil
	}
	out := make([]plan.Expr, len(list))
	for i, e := range list {
		out[i] = m.one(e)
	}
	return out
}

func (m *mapper) node(n plan.Node) plan.Node {
	switch n := n.(type) {
	case *plan.Values:
		c := plan.Values{Cols: n.Cols, Rows: make([][]plan.Expr, len(n.Rows))}
		for i, row := range n.Rows {
			c.Rows[i] = m.list(row)
		}
		return &c
	case *plan.Generate:
		return &plan.Generate{From: m.one(n.From), To: m.one(n.To), Step: m.one(n.Step), Col: n.Col}
	case *plan.Filter:
		return &plan.Filter{Input: n.Input, Where: m.one(n.Where)}
	case *plan.Project:
		return &plan.Project{Input: n.Input, Exprs: m.list(n.Exprs), Cols: n.Cols}
	case *plan.AggregateNode:
		return m.aggregate(n)
	case *plan.Sort:
		c := plan.Sort{Input: n.Input, Keys: make([]plan.SortKey, len(n.Keys))}
		for i, k := range n.Keys {
			k.Expr = m.one(k.Expr)
			c.Keys[i] = k
		}
		return &c
	case *plan.Limit:
		return &plan.Limit{Input: n.Input, Count: m.one(n.Count), Offset: m.one(n.Offset)}
	case *plan.Join:
		c := *n
		c.LeftKeys, c.RightKeys, c.Where = m.list(n.LeftKeys), m.list(n.RightKeys), m.one(n.Where)
		return &c
	case *plan.Scan:
		return m.scan(n)
	}
	return n
}

func (m *mapper) aggregate(n *plan.AggregateNode) plan.Node {
	c := *n
	c.Keys = m.list(n.Keys)
	c.Aggs = make([]*plan.Aggregation, len(n.Aggs))
	for i, a := range n.Aggs {
		c.Aggs[i] = m.one(a).(*plan.Aggregation)
	}
	return &c
}

func (m *mapper) scan(n *plan.Scan) plan.Node {
	if n.Samples == nil {
		return n
	}
	c, s := *n, *n.Samples
	s.SeriesWhere = m.one(s.SeriesWhere)
	s.From, s.To = m.list(s.From), m.list(s.To)
	s.AtLeast, s.AtMost = m.list(s.AtLeast), m.list(s.AtMost)
	s.LocalWhere = make([]plan.LocalCondition, len(n.Samples.LocalWhere))
	for i, w := range n.Samples.LocalWhere {
		s.LocalWhere[i] = plan.LocalCondition{Where: m.one(w.Where), Width: w.Width}
	}
	c.Samples = &s
	return &c
}
