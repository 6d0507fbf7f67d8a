package exec

import (
	"context"
	"errors"
	"fmt"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// buildTableCall returns the rows of a table function.
func (q *query) buildTableCall(n *plan.TableCall) (columnar.Stream, error) {
	open, ok := q.Functions[n.Routine.Name]
	if !ok {
		return nil, plan.Errorf(0, plan.CodeUndefFunction, "table function %s does not exist", n.Routine.Name)
	}
	return &lazy{schema: eval.Schema(n.Fields()), open: func(ctx context.Context) (columnar.Stream, error) {
		args := make([]plan.Literal, len(n.Args))
		for i, e := range n.Args {
			var err error
			if args[i], err = q.argument(n.Routine, i, e); err != nil {
				return nil, err
			}
		}
		series, err := q.chooseSeries(n.SeriesWhere)
		if err != nil {
			return nil, err
		}
		return open(ctx, args, series)
	}}, nil
}

// argument returns the value of an argument of a routine.
func (q *query) argument(r *plan.Routine, i int, e plan.Expr) (plan.Literal, error) {
	l, err := eval.Constant(e, q.Env)
	if err != nil {
		return l, err
	}
	l.At = e.Pos()
	if l.IsNull() && !r.Params[i].Nullable {
		return l, plan.Errorf(e.Pos(), plan.CodeNullNotAllowed, "argument %s of %s is NULL", r.Params[i].Name, r.Name)
	}
	return l, nil
}

// snapshot returns the snapshot that a scan of samples reads; 0: the newest, with
// what is in the head.
func (q *query) snapshot(ctx context.Context, n *plan.Scan) (int64, error) {
	if n.AsOf == nil {
		return q.Snapshot, nil
	}
	if q.AsOf == nil {
		return 0, errors.New("exec: there are no snapshots to read as of")
	}
	at, err := q.argument(plan.SamplesAsOf, 0, n.AsOf)
	if err != nil {
		return 0, err
	}
	snapshot, err := q.AsOf(ctx, at)
	if err == nil && snapshot <= 0 {
		err = fmt.Errorf("exec: there is no snapshot %d", snapshot)
	}
	return snapshot, err
}

// Ranges returns the ranges of series that a plan selects, where it selects samples
// by series and time alone; ok is false where it does not. The plan has been
// optimized.
func Ranges(ctx context.Context, n plan.Node, o Options) (series []columnar.Series, ranges [][]columnar.Range, ok bool, err error) {
	scan, ok := rangesOnly(n)
	if !ok {
		return nil, nil, false, nil
	}
	q := &query{Options: o, memory: &ledger{limit: o.Memory, part: o.Shared}}
	defer q.memory.close()
	resolved, err := q.resolveSubqueries(ctx, scan)
	if err != nil {
		return nil, nil, false, err
	}
	scan = resolved.(*plan.Scan)
	b, err := q.bind(ctx, scan)
	if err != nil {
		return nil, nil, false, err
	}
	return b.sel.Series, b.sel.Ranges, true, nil
}

// rangesOnly returns the scan of a plan that selects samples by series and time
// alone.
func rangesOnly(n plan.Node) (scan *plan.Scan, ok bool) {
	for {
		p, isProject := n.(*plan.Project)
		if !isProject {
			break
		}
		n = p.Input
	}
	scan, ok = n.(*plan.Scan)
	if !ok || scan.Table != plan.Samples || scan.Samples == nil {
		return nil, false
	}
	s := scan.Samples
	return scan, (s.Qualities == 0 || s.Qualities == columnar.AnyQuality) && len(s.AtLeast)+len(s.AtMost) == 0
}

// Within returns which series and which range of time a plan reads samples of, where
// it reads them in one scan and nothing else; nil stands for all of them. The plan
// has been optimized.
func Within(ctx context.Context, n plan.Node, o Options) (*columnar.Selection, error) {
	scan := onlyScan(n)
	if scan == nil || scan.AsOf != nil {
		return nil, nil
	}
	anyTime := *scan.Samples
	anyTime.LocalWhere = nil // to bind it, samples are looked at
	bare := *scan
	bare.Samples = &anyTime
	q := &query{Options: o, memory: &ledger{limit: o.Memory, part: o.Shared}}
	defer q.memory.close()
	b, err := q.bind(ctx, &bare)
	if err != nil {
		return nil, err
	}
	return &columnar.Selection{Series: b.sel.Series, Ranges: b.sel.Ranges}, nil
}

// onlyScan returns the scan of samples that a plan filters and computes from, nil
// where the plan reads anything else.
func onlyScan(n plan.Node) *plan.Scan {
	subqueries := false
	plan.Walk(n, func(n plan.Node) bool {
		plan.MapExprs(n, func(e plan.Expr) plan.Expr {
			plan.WalkExpr(e, func(e plan.Expr) bool {
				_, is := e.(*plan.Subquery)
				subqueries = subqueries || is
				return true
			})
			return e
		})
		return true
	})
	for {
		switch in := n.(type) {
		case *plan.Filter:
			n = in.Input
		case *plan.Project:
			n = in.Input
		case *plan.Scan:
			if subqueries || in.Table != plan.Samples || in.Samples == nil {
				return nil
			}
			return in
		default:
			return nil
		}
	}
}
