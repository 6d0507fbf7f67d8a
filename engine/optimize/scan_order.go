package optimize

import "github.com/trellisdb/trellis/engine/plan"

// scanOrder leaves out a sort of samples into the order in which a scan yields them:
// series by name, each in order of time. So a year of samples ORDER BY time is
// streamed, not held.
func scanOrder(_ *Context, n plan.Node) (plan.Node, error) {
	sort, ok := n.(*plan.Sort)
	if !ok {
		return n, nil
	}
	var order []string // the columns of samples that the keys are
	for _, k := range sort.Keys {
		name, ascending := "", !k.Descending
		if c, ok := k.Expr.(*plan.Column); ok && ascending {
			name = sampleColumn(sort.Input, c.Index)
		}
		order = append(order, name)
	}
	if inScanOrder(order, oneSeries(sort.Input)) {
		return sort.Input, nil
	}
	return n, nil
}

// inScanOrder reports whether samples that are scanned come in an order. A series
// and a time name one sample, so what follows them does not matter.
func inScanOrder(order []string, oneSeries bool) bool {
	for i, name := range order {
		switch {
		case name == "series":
			if i == len(order)-1 {
				return true
			}
			oneSeries = true // among the rows of equal keys so far
		case name == "time" && oneSeries:
			return true
		default:
			return false
		}
	}
	return false
}

// sampleColumn returns which column of samples, series or time, a column of a node
// is, where the node passes on the rows of a scan in their order; else nothing.
func sampleColumn(n plan.Node, index int) string {
	switch n := n.(type) {
	case *plan.Filter:
		return sampleColumn(n.Input, index)
	case *plan.Project:
		if c, ok := n.Exprs[index].(*plan.Column); ok {
			return sampleColumn(n.Input, c.Index)
		}
	case *plan.Scan:
		if n.Table == plan.Samples && (n.Samples == nil || n.Samples.Summaries == nil) {
			if name := n.Columns[index].Name; name == "series" || name == "time" && !n.Columns[index].Series {
				return name
			}
		}
	}
	return ""
}

// oneSeries reports whether a scan below reads the samples of one series.
func oneSeries(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Filter:
		return oneSeries(n.Input)
	case *plan.Project:
		return oneSeries(n.Input)
	case *plan.Scan:
		if n.Samples == nil || n.Samples.SeriesWhere == nil {
			return false
		}
		for _, c := range plan.Conjuncts(n.Samples.SeriesWhere) {
			if isOneName(c) {
				return true
			}
		}
	}
	return false
}

// isOneName reports whether a condition over the table series is series = constant.
func isOneName(e plan.Expr) bool {
	call, ok := e.(*plan.Call)
	if !ok || call.Func.Name != "=" {
		return false
	}
	for i, arg := range call.Args {
		if c, ok := arg.(*plan.Column); ok && c.Index == plan.Series.Column("series") && constant(call.Args[1-i]) {
			return true
		}
	}
	return false
}
