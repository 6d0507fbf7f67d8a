package exec

import (
	"context"
	"math"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// buildGenerate returns the values of generate_series.
func (q *query) buildGenerate(n *plan.Generate) (columnar.Stream, error) {
	held := account{memory: q.memory}
	compute := func(ctx context.Context) ([]column, error) {
		g := generator{node: n, out: column{t: n.Col.Type}}
		var bounds [3]plan.Literal
		for i, e := range []plan.Expr{n.From, n.To, n.Step} {
			l, err := eval.Constant(e, q.Env)
			if err != nil {
				return nil, err
			}
			if l.IsNull() {
				return []column{g.out}, nil
			}
			bounds[i] = l
		}
		err := g.fill(ctx, q, bounds[0], bounds[1], bounds[2], &held)
		return []column{g.out}, err
	}
	return &rows{fields: n.Fields(), compute: compute, release: func() error { held.close(); return nil }}, nil
}

// generator fills a column with the values from one to another.
type generator struct {
	node *plan.Generate
	out  column
}

func (g *generator) fill(ctx context.Context, q *query, from, to, step plan.Literal, held *account) error {
	direction, err := g.direction(step)
	if err != nil {
		return err
	}
	for k := int64(0); ; k++ {
		value, ok, err := g.value(q, from, step, k)
		if err != nil || !ok {
			return err
		}
		v, last := eval.FromLiteral(value, 1), eval.FromLiteral(to, 1)
		if compareAt(&v, 0, &last, 0)*direction > 0 {
			return nil
		}
		g.out.add(&v, 0)
		if k%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := held.set(g.out.size()); err != nil {
				return err
			}
		}
	}
}

// direction returns 1 for a step up and -1 for a step down.
func (g *generator) direction(step plan.Literal) (int, error) {
	v := eval.FromLiteral(step, 1)
	zero := eval.FromLiteral(plan.Literal{T: step.T, Value: map[plan.Type]any{
		plan.Bigint: int64(0), plan.Double: 0.0, plan.Interval: plan.Span{},
	}[step.T]}, 1)
	c := compareAt(&v, 0, &zero, 0)
	if c == 0 || step.T == plan.Double && math.IsNaN(v.Floats[0]) {
		return 0, plan.Errorf(g.node.Step.Pos(), plan.CodeInvalidValue, "step size cannot equal zero")
	}
	return c, nil
}

// value returns from + k·step; ok is false past the ends of the type.
func (g *generator) value(q *query, from, step plan.Literal, k int64) (plan.Literal, bool, error) {
	out := plan.Literal{T: from.T}
	switch first := from.Value.(type) {
	case float64:
		out.Value = first + float64(k)*step.Value.(float64)
		return out, true, nil
	case int64:
		if by, ok := step.Value.(int64); ok {
			product := k * by
			sum := first + product
			if k != 0 && product/k != by || (sum > first) != (product > 0) && product != 0 {
				return out, false, nil
			}
			out.Value = sum
			return out, true, nil
		}
	}
	// PostgreSQL adds the step again and again, so that the 31st becomes the 28th
	// and stays there.
	if k == 0 {
		return from, true, nil
	}
	last := g.out.vector()
	before := last.Literal(g.out.len() - 1)
	next, err := eval.Constant(plan.NewCall(g.node.Step.Pos(), "+", &before, &step), q.Env)
	return next, err == nil, err
}
