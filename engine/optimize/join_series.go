package optimize

import "github.com/trellisdb/trellis/engine/plan"

// joinSeries makes one scan of a join of samples with series on the series' name:
// every sample has exactly one series, whose attributes the scan adds itself.
func joinSeries(_ *Context, n plan.Node) (plan.Node, error) {
	j, ok := n.(*plan.Join)
	if !ok || len(j.LeftKeys) != 1 || len(j.RightKeys) != 1 {
		return n, nil
	}
	switch j.Kind {
	case plan.Inner:
		if out := attach(j.Left, j.Right, j.LeftKeys[0], j.RightKeys[0]); out != nil {
			return where(out, j.Where), nil
		}
		if out := attach(j.Right, j.Left, j.RightKeys[0], j.LeftKeys[0]); out != nil {
			return where(swapSides(out, len(j.Right.Fields()), j.Fields()), j.Where), nil
		}
	case plan.Left:
		if j.Where == nil && !filtered(j.Right) {
			if out := attach(j.Left, j.Right, j.LeftKeys[0], j.RightKeys[0]); out != nil {
				return out, nil
			}
		}
	}
	return n, nil
}

// attach returns samples with the columns of series after its own, nil where the
// inputs are not that. Filters of both move above.
func attach(samples, series plan.Node, samplesKey, seriesKey plan.Expr) plan.Node {
	var conditions []plan.Expr
	for {
		f, ok := samples.(*plan.Filter)
		if !ok {
			break
		}
		conditions, samples = append(conditions, f.Where), f.Input
	}
	s, ok := samples.(*plan.Scan)
	if !ok || s.Table != plan.Samples || !names(samplesKey, s, "series") {
		return nil
	}
	shift := len(s.Columns)
	for {
		f, ok := series.(*plan.Filter)
		if !ok {
			break
		}
		conditions = append(conditions, remap(f.Where, func(i int) int { return i + shift }))
		series = f.Input
	}
	t, ok := series.(*plan.Scan)
	if !ok || t.Table != plan.Series || !names(seriesKey, t, "series") {
		return nil
	}
	out := *s
	out.Columns = append([]plan.ScanColumn(nil), s.Columns...)
	for _, c := range t.Columns {
		c.Series = true
		out.Columns = append(out.Columns, c)
	}
	return where(&out, conditions...)
}

// names reports whether an expression is the column of that name of a scan.
func names(e plan.Expr, s *plan.Scan, name string) bool {
	c, ok := e.(*plan.Column)
	return ok && s.Columns[c.Index].Name == name
}

// filtered reports whether a node leaves out rows of a table.
func filtered(n plan.Node) bool {
	_, ok := n.(*plan.Filter)
	return ok
}

// swapSides puts the first columns of a node, so many, behind the others.
func swapSides(n plan.Node, first int, fields []plan.Field) plan.Node {
	from := n.Fields()
	p := &plan.Project{Input: n, Cols: fields}
	for i := range from {
		p.Exprs = append(p.Exprs, columnOf(from, (i+first)%len(from)))
	}
	return p
}
