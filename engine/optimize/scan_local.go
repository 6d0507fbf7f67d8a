package optimize

import (
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// Microseconds.
const (
	second = int64(1_000_000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// leastWidth is the shortest time for which a condition on the local time must hold
// still to be taken into a scan: ranges shorter than that cost more than they save.
const leastWidth = second

// takeLocal takes in a condition on local_time alone that holds still over units of
// the clock.
func (n *narrowing) takeLocal(e plan.Expr) bool {
	w, ok := stillness(e)
	if !ok || w < leastWidth {
		return false
	}
	s := &n.samples
	s.LocalWhere = append(s.LocalWhere[:len(s.LocalWhere):len(s.LocalWhere)],
		plan.LocalCondition{Where: remap(e, func(int) int { return 0 }), Width: w})
	return true
}

// stillness returns a width, a divisor of a day, such that the value of an
// expression over a local time is the same for all local times between two
// multiples of it.
func stillness(e plan.Expr) (width int64, ok bool) {
	switch e := e.(type) {
	case *plan.Literal, *plan.Param, *plan.Subquery:
		return day, true
	case *plan.Column:
		return 0, false
	case *plan.Cast:
		if _, isTime := e.Arg.(*plan.Column); isTime && e.To == plan.Date {
			return day, true
		}
	case *plan.Call:
		if w, ok := stillCall(e); ok {
			return w, true
		}
		if e.Func.Volatile {
			return 0, false
		}
	}
	width = day
	for _, part := range partsOf(e) {
		w, ok := stillness(part)
		if !ok {
			return 0, false
		}
		width = gcd(width, w)
	}
	return width, true
}

// stillCall is stillness of a call that has a local time among its arguments.
func stillCall(c *plan.Call) (width int64, ok bool) {
	if w, ok := stillComparison(c); ok {
		return w, true
	}
	spec, ok := localBin(c, func(e plan.Expr) bool { _, is := e.(*plan.Column); return is })
	if !ok {
		return 0, false
	}
	if spec.Width.Micros == 0 {
		return gcd(day, spec.Origin), true
	}
	return gcd(gcd(day, spec.Width.Micros), spec.Origin), true
}

// stillComparison is stillness of local_time >= constant, local_time < constant and
// the same of its time of day.
func stillComparison(c *plan.Call) (width int64, ok bool) {
	if len(c.Args) != 2 {
		return 0, false
	}
	x, y := c.Args[0], c.Args[1]
	switch c.Func.Name {
	case ">=", "<":
	case "<=", ">":
		x, y = y, x // constant <= local_time
	default:
		return 0, false
	}
	if cast, isCast := x.(*plan.Cast); isCast && cast.To == plan.Time {
		x = cast.Arg
	}
	l, isLiteral := y.(*plan.Literal)
	if _, isColumn := x.(*plan.Column); !isColumn || !isLiteral {
		return 0, false
	}
	at, isInt := l.Value.(int64)
	return gcd(day, at), isInt
}

// gcd returns the greatest common divisor of two numbers, the first positive.
func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, -a)
}

// partsOf returns the expressions that an expression is made of.
func partsOf(e plan.Expr) []plan.Expr {
	var parts []plan.Expr
	plan.WalkExpr(e, func(part plan.Expr) bool {
		if part != e {
			parts = append(parts, part)
		}
		return part == e
	})
	return parts
}

// fieldWidths are the widths over which the fields of a local time hold still. Those
// that change with every instant have none.
var fieldWidths = map[string]zone.Width{
	"minute": {Micros: minute}, "minutes": {Micros: minute}, "hour": {Micros: hour}, "hours": {Micros: hour},
	"day": {Days: 1}, "days": {Days: 1}, "dow": {Days: 1}, "isodow": {Days: 1}, "doy": {Days: 1},
	"week": {Days: 7}, "isoyear": {Days: 7},
	"month": {Months: 1}, "months": {Months: 1}, "quarter": {Months: 3}, "year": {Months: 12}, "years": {Months: 12},
	"decade": {Months: 120}, "century": {Months: 12}, "millennium": {Months: 12},
}

// localBin returns the partition of the clock over which a call on a local time is
// constant; isLocal recognizes the local time. Origin is a local time.
func localBin(c *plan.Call, isLocal func(plan.Expr) bool) (plan.BinSpec, bool) {
	spec := plan.BinSpec{Kind: plan.LocalBins}
	if len(c.Args) < 2 || !isLocal(c.Args[1]) && !isLocalDate(c.Args[1], isLocal) {
		return spec, false
	}
	first, ok := c.Args[0].(*plan.Literal)
	if !ok || first.Value == nil {
		return spec, false
	}
	switch c.Func.Name {
	case "date_part":
		w, ok := fieldWidths[first.Value.(string)]
		if w.Days == 7 {
			spec.Origin = zone.DefaultOrigin(w)
		}
		spec.Width = plan.Span(w)
		return spec, ok
	case "date_trunc":
		u, err := eval.LookupUnit(first.Value.(string))
		spec.Width, spec.Origin = plan.Span(u.Width), u.Origin
		return spec, err == nil && c.Func.Result == plan.Timestamp
	case "time_bucket":
		spec.Width = first.Value.(plan.Span)
		spec.Origin = zone.DefaultOrigin(zone.Width(spec.Width))
		return spec, c.Func.Result == plan.Timestamp && validWidth(spec)
	case "date_bin":
		spec.Width = first.Value.(plan.Span)
		origin, ok := c.Args[2].(*plan.Literal)
		if !ok || origin.Value == nil || spec.Width.Months != 0 || c.Func.Result != plan.Timestamp {
			return spec, false
		}
		spec.Width = plan.Span{Micros: int64(spec.Width.Days)*day + spec.Width.Micros}
		spec.Origin = origin.Value.(int64)
		return spec, validWidth(spec)
	}
	return spec, false
}

// isLocalDate reports whether an expression is the date of a local time.
func isLocalDate(e plan.Expr, isLocal func(plan.Expr) bool) bool {
	c, ok := e.(*plan.Cast)
	return ok && c.To == plan.Date && isLocal(c.Arg)
}

// validWidth reports whether there are bins of a partition's width.
func validWidth(spec plan.BinSpec) bool {
	_, err := zone.NewLocalBins(zone.Width(spec.Width), zone.UTC, spec.Origin)
	return err == nil
}
