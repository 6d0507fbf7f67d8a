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
		n = plan.MapExprs(n, func(e plan.Expr) plan.Expr { return plan.MapExpr(e, value) })
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
	in, err := q.run(ctx, s.Plan)
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
