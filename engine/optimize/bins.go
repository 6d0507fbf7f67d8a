package optimize

import (
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// binAnalysis finds out over which bins of time an expression over a scan of
// samples is constant.
type binAnalysis struct {
	env  *eval.Env
	scan *plan.Scan
}

// cuts returns the partitions of time over whose common bins an expression is
// constant for one series: none where it does not depend on time at all.
func (a *binAnalysis) cuts(e plan.Expr) (specs []plan.BinSpec, ok bool) {
	if _, ok := overSeries(a.scan, e); ok {
		return nil, true
	}
	if spec, ok := a.bin(e); ok {
		return []plan.BinSpec{spec}, true
	}
	switch e := e.(type) {
	case *plan.Column, *plan.Aggregation:
		return nil, false
	case *plan.Call:
		if e.Func.Volatile {
			return nil, false
		}
	}
	for _, part := range partsOf(e) {
		more, ok := a.cuts(part)
		if !ok {
			return nil, false
		}
		specs = append(specs, more...)
	}
	return specs, true
}

// bin returns the partition that a function of time stands for.
func (a *binAnalysis) bin(e plan.Expr) (plan.BinSpec, bool) {
	switch e := e.(type) {
	case *plan.Cast:
		if e.To == plan.Date {
			z, ok := a.clock(e.Arg)
			return plan.BinSpec{Kind: plan.LocalBins, Width: plan.Span{Days: 1}, Zone: z}, ok
		}
	case *plan.Call:
		var z plan.Expr
		spec, ok := localBin(e, func(arg plan.Expr) bool {
			found, isClock := a.clock(arg)
			z = found
			return isClock
		})
		if ok {
			spec.Zone = z
			return spec, true
		}
		if len(e.Args) > 1 && a.isTime(e.Args[1]) {
			return a.zoneBin(e)
		}
	}
	return plan.BinSpec{}, false
}

// clock reports whether an expression is the local time of the sample, and by the
// clock of which zone: nil for the series' own. The session's zone shows the time
// where an instant is used as a local time or its fields are asked for.
func (a *binAnalysis) clock(e plan.Expr) (z plan.Expr, ok bool) {
	switch e := e.(type) {
	case *plan.Column:
		switch c := a.scan.Columns[e.Index]; {
		case c.Series:
		case c.Name == "local_time":
			return nil, true
		case c.Name == "time":
			return a.sessionZone(), true
		}
	case *plan.Cast:
		if e.To == plan.Timestamp && a.isTime(e.Arg) {
			return a.sessionZone(), true
		}
	case *plan.Call:
		if e.Func.Name == "timezone" && a.isTime(e.Args[1]) {
			return overSeries(a.scan, e.Args[0])
		}
	}
	return nil, false
}

func (a *binAnalysis) isTime(e plan.Expr) bool {
	c, ok := e.(*plan.Column)
	return ok && !a.scan.Columns[c.Index].Series && a.scan.Columns[c.Index].Name == "time"
}

func (a *binAnalysis) sessionZone() plan.Expr {
	return &plan.Literal{Value: a.env.Zone.Name(), T: plan.Text}
}

// zoneBin returns the partition of a function of time, its second argument.
func (a *binAnalysis) zoneBin(c *plan.Call) (spec plan.BinSpec, ok bool) {
	first, isLiteral := c.Args[0].(*plan.Literal)
	if !isLiteral || first.Value == nil {
		return spec, false
	}
	spec.Kind, spec.Zone = plan.ZoneBins, a.sessionZone()
	if len(c.Args) > 2 && c.Func.Name != "date_bin" {
		if spec.Zone, ok = overSeries(a.scan, c.Args[2]); !ok {
			return spec, false
		}
	}
	switch c.Func.Name {
	case "date_trunc":
		u, err := eval.LookupUnit(first.Value.(string))
		spec.Width, spec.Origin = plan.Span(u.Width), u.Origin
		return spec, err == nil
	case "time_bucket", "local_bucket":
		spec.Width = first.Value.(plan.Span)
		spec.Origin = zone.DefaultOrigin(zone.Width(spec.Width))
		if len(c.Args) > 3 {
			if spec.Origin, ok = a.origin(c.Args[3], spec); !ok {
				return spec, false
			}
		}
		_, err := zone.NewBins(zone.Width(spec.Width), zone.UTC, spec.Origin)
		return spec, err == nil
	case "date_bin":
		origin, isLiteral := c.Args[2].(*plan.Literal)
		if !isLiteral || origin.Value == nil || first.Value.(plan.Span).Months != 0 {
			return spec, false
		}
		s := first.Value.(plan.Span)
		spec = plan.BinSpec{Kind: plan.FixedBins, Width: plan.Span{Micros: int64(s.Days)*day + s.Micros}, Origin: origin.Value.(int64)}
		return spec, spec.Width.Micros > 0
	}
	return spec, false
}

// origin returns the local time from which the bins of a specification are counted.
func (a *binAnalysis) origin(e plan.Expr, spec plan.BinSpec) (int64, bool) {
	l, ok := e.(*plan.Literal)
	if !ok || l.Value == nil {
		return 0, false
	}
	switch v := l.Value.(type) {
	case string:
		local, err := eval.ParseOrigin(v, zone.Width(spec.Width))
		return local, err == nil
	case int64: // an instant: its local time depends on the zone, which must be known
		name, ok := spec.Zone.(*plan.Literal)
		if !ok || name.Value == nil {
			return 0, false
		}
		z, err := zone.Load(name.Value.(string))
		if err != nil {
			return 0, false
		}
		return z.Local(v), true
	}
	return 0, false
}

// addSpecs appends the partitions that are not there yet.
func addSpecs(all, more []plan.BinSpec) []plan.BinSpec {
next:
	for _, s := range more {
		for _, have := range all {
			if have.Kind == s.Kind && have.Width == s.Width && have.Origin == s.Origin && sameExpr(have.Zone, s.Zone) {
				continue next
			}
		}
		all = append(all, s)
	}
	return all
}

func sameExpr(a, b plan.Expr) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return plan.Equal(a, b)
}
