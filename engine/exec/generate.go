package exec

import (
	"context"
	"io"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// generator yields the values from one to another, batch by batch.
type generator struct {
	query *query
	node  *plan.Generate

	begun          bool
	ended          bool
	from, to, step plan.Literal
	up             int          // 1 or -1: the step's sign
	k              int64        // steps taken
	last           plan.Literal // the value yielded last
}

func (q *query) buildGenerate(n *plan.Generate) (columnar.Stream, error) {
	return &generator{query: q, node: n}, nil
}

// Schema implements columnar.Stream.
func (g *generator) Schema() *arrow.Schema { return eval.Schema(g.node.Fields()) }

// Close implements columnar.Stream.
func (g *generator) Close() error {
	g.ended = true
	return nil
}

// Next implements columnar.Stream.
func (g *generator) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !g.begun && !g.ended {
		g.begun = true
		if err := g.begin(); err != nil {
			return nil, err
		}
	}
	out := column{t: g.node.Col.Type}
	for !g.ended && out.len() < batchRows {
		value, ok, err := g.value()
		if err != nil {
			return nil, err
		}
		if !ok {
			g.ended = true
			break
		}
		v, limit := eval.FromLiteral(value, 1), eval.FromLiteral(g.to, 1)
		if compareAt(&v, 0, &limit, 0)*g.up > 0 {
			g.ended = true
			break
		}
		out.add(&v, 0)
		g.last = value
		g.k++
	}
	if out.len() == 0 {
		return nil, io.EOF
	}
	return batchOf(g.Schema(), []column{out}, 0, out.len()), nil
}

// begin computes the bounds and the step; there is nothing where one is NULL.
func (g *generator) begin() (err error) {
	exprs := []plan.Expr{g.node.From, g.node.To, g.node.Step}
	for i, to := range []*plan.Literal{&g.from, &g.to, &g.step} {
		if *to, err = eval.Constant(exprs[i], g.query.Env); err != nil {
			return err
		}
		g.ended = g.ended || to.IsNull()
	}
	if !g.ended {
		g.up, err = g.direction(g.step)
	}
	return err
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
func (g *generator) value() (plan.Literal, bool, error) {
	from, step, k := g.from, g.step, g.k
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
	before := g.last
	next, err := eval.Constant(plan.NewCall(g.node.Step.Pos(), "+", &before, &step), g.query.Env)
	return next, err == nil, err
}
