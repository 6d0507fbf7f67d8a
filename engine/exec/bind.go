package exec

import (
	"context"
	"fmt"
	"math"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// binding is a scan of samples with everything known: which series, which time.
type binding struct {
	scan   *plan.Scan
	rows   []int32 // of the series table, in the order of sel.Series
	sel    columnar.Selection
	wanted columnar.QualitySet // sel.Qualities may have to differ
}

// allTime is every instant that a sample may have.
var allTime = columnar.Range{From: columnar.MinTime, To: columnar.MaxTime}

// bind resolves what a scan says of series, time, quality and value.
func (q *query) bind(ctx context.Context, n *plan.Scan) (*binding, error) {
	s := n.Samples
	if s == nil {
		s = &plan.SampleScan{}
	}
	b := &binding{scan: n, wanted: s.Qualities}
	if b.wanted == 0 {
		b.wanted = columnar.AnyQuality
	}
	b.sel = columnar.Selection{
		Qualities: b.wanted, Decode: q.Decode, Counters: q.Profile.counters(n), Memory: q.memory,
	}
	var err error
	if b.sel.Snapshot, err = q.snapshot(ctx, n); err != nil {
		return nil, err
	}
	if b.rows, err = q.chooseSeries(s.SeriesWhere); err != nil {
		return nil, err
	}
	span, err := q.timeSpan(s)
	if err != nil {
		return nil, err
	}
	if b.sel.Bounds, err = q.valueBounds(s); err != nil {
		return nil, err
	}
	if span.From >= span.To {
		b.rows = nil
	}
	for _, row := range b.rows {
		b.sel.Series = append(b.sel.Series, q.Series.Series[row])
	}
	if q.Profile != nil {
		q.Profile.of(n).Series.Store(int64(len(b.rows)))
	}
	if err := q.bindRanges(ctx, b, s.LocalWhere, span); err != nil {
		return nil, err
	}
	return b, nil
}

// chooseSeries returns the rows of the series table for which a condition holds.
func (q *query) chooseSeries(where plan.Expr) ([]int32, error) {
	all := int(q.Series.Batch.NumRows())
	if where == nil {
		rows := make([]int32, all)
		for i := range rows {
			rows[i] = int32(i)
		}
		return rows, nil
	}
	p, err := eval.Compile(where, q.Env)
	if err != nil {
		return nil, err
	}
	if row, ok, err := q.namedSeries(where); err != nil || ok {
		if err != nil || row < 0 {
			return nil, err
		}
		one := q.Series.Batch.NewSlice(int64(row), int64(row)+1)
		defer one.Release()
		_, n, err := p.Select(one)
		if err != nil || n == 0 {
			return nil, err
		}
		return []int32{int32(row)}, nil
	}
	keep, n, err := p.Select(q.Series.Batch)
	if err != nil {
		return nil, err
	}
	rows := make([]int32, 0, n)
	for i := keep.Next(0, all); i < all; i = keep.Next(i+1, all) {
		rows = append(rows, int32(i))
	}
	return rows, nil
}

// namedSeries returns the only series that a condition can hold for, -1 for none,
// where the condition demands a name; so that not all series are looked at.
func (q *query) namedSeries(where plan.Expr) (row int, ok bool, err error) {
	if q.Series.Find == nil {
		return 0, false, nil
	}
	for _, c := range plan.Conjuncts(where) {
		eq, isCall := c.(*plan.Call)
		if !isCall || eq.Func.Name != "=" {
			continue
		}
		for i, arg := range eq.Args {
			column, isColumn := arg.(*plan.Column)
			if !isColumn || column.Index != 0 {
				continue
			}
			switch eq.Args[1-i].(type) {
			case *plan.Literal, *plan.Param:
			default:
				continue
			}
			name, err := eval.Constant(eq.Args[1-i], q.Env)
			if err != nil {
				return 0, false, err
			}
			if name.IsNull() {
				return -1, true, nil
			}
			row, found := q.Series.Find(name.Value.(string))
			if !found {
				row = -1
			}
			return row, true, nil
		}
	}
	return 0, false, nil
}

// timeSpan returns the range of time that a scan's bounds leave.
func (q *query) timeSpan(s *plan.SampleScan) (columnar.Range, error) {
	span := allTime
	for _, e := range s.From {
		t, ok, err := constant[int64](q, e)
		if err != nil || !ok {
			return columnar.Range{}, err
		}
		span.From = max(span.From, t)
	}
	for _, e := range s.To {
		t, ok, err := constant[int64](q, e)
		if err != nil || !ok {
			return columnar.Range{}, err
		}
		span.To = min(span.To, t)
	}
	return span, nil
}

// valueBounds returns the bounds on value, nil for none. A NULL bound leaves none:
// the filter above keeps no row then.
func (q *query) valueBounds(s *plan.SampleScan) (*columnar.Bounds, error) {
	if len(s.AtLeast)+len(s.AtMost) == 0 {
		return nil, nil
	}
	b := columnar.Bounds{Min: math.Inf(-1), Max: math.Inf(1)}
	for _, e := range s.AtLeast {
		x, ok, err := constant[float64](q, e)
		if err != nil {
			return nil, err
		}
		if ok && x > b.Min {
			b.Min = x
		}
	}
	for _, e := range s.AtMost {
		x, ok, err := constant[float64](q, e)
		if err != nil {
			return nil, err
		}
		if ok && x < b.Max {
			b.Max = x
		}
	}
	return &b, nil
}

// constant returns the value of an expression without columns; ok is false for
// NULL.
func constant[T any](q *query, e plan.Expr) (value T, ok bool, err error) {
	l, err := eval.Constant(e, q.Env)
	if err != nil || l.IsNull() {
		return value, false, err
	}
	value, ok = l.Value.(T)
	if !ok {
		return value, false, fmt.Errorf("exec: bound %s has type %s", e, l.T)
	}
	return value, true, nil
}

// bindRanges sets the ranges of each series: the span, and of it what conditions on
// the local time leave.
func (q *query) bindRanges(ctx context.Context, b *binding, local []plan.LocalCondition, span columnar.Range) error {
	whole := []columnar.Range{span}
	b.sel.Ranges = make([][]columnar.Range, len(b.rows))
	for i := range b.rows {
		b.sel.Ranges[i] = whole
	}
	if len(local) == 0 || len(b.rows) == 0 {
		return nil
	}
	// Conditions that repeat would have ranges without end: stay where data is.
	extents, err := q.extents(ctx, b)
	if err != nil {
		return err
	}
	keep, err := q.localPredicate(local)
	if err != nil {
		return err
	}
	byZone := map[*zone.Zone][]columnar.Range{}
	limits := map[*zone.Zone]columnar.Range{}
	for i, row := range b.rows {
		z := q.Series.Zones[row]
		if l, ok := limits[z]; ok {
			extents[i] = hull(l, extents[i])
		}
		limits[z] = extents[i]
	}
	for i, row := range b.rows {
		z := q.Series.Zones[row]
		ranges, ok := byZone[z]
		if !ok {
			l := limits[z]
			for r := range z.LocalRanges(max(l.From, span.From), min(l.To, span.To), keep.at) {
				ranges = append(ranges, columnar.Range(r))
				if len(ranges)%1024 == 0 && ctx.Err() != nil {
					return ctx.Err()
				}
			}
			byZone[z] = ranges
		}
		b.sel.Ranges[i] = ranges
	}
	return keep.err
}

// hull returns the least range that holds both; empty ranges do not count.
func hull(a, b columnar.Range) columnar.Range {
	switch {
	case a.From >= a.To:
		return b
	case b.From >= b.To:
		return a
	}
	return columnar.Range{From: min(a.From, b.From), To: max(a.To, b.To)}
}
