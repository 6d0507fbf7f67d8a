package optimize

import "github.com/trellisdb/trellis/engine/plan"

// groupOrder leaves out a sort of groups into the order in which an aggregate that is
// answered from summaries yields them: series by name, each in order of its bins. So
// ten years of ten thousand series by month are streamed, not held.
func groupOrder(_ *Context, n plan.Node) (plan.Node, error) {
	sort, ok := n.(*plan.Sort)
	if !ok {
		return n, nil
	}
	var order []string // the columns of samples that the keys are
	one := false
	for _, k := range sort.Keys {
		name := ""
		if c, ok := k.Expr.(*plan.Column); ok && !k.Descending {
			name, one = groupColumn(sort.Input, c.Index)
		}
		order = append(order, name)
	}
	if inScanOrder(order, one) {
		return sort.Input, nil
	}
	return n, nil
}

// groupColumn returns which column of samples, series or the time of the bin, a column
// of a node is, where the node passes on the groups of an aggregate in their order, and
// whether they are of one series; else nothing.
func groupColumn(n plan.Node, index int) (name string, oneOnly bool) {
	switch n := n.(type) {
	case *plan.Filter:
		return groupColumn(n.Input, index)
	case *plan.Project:
		if c, ok := n.Exprs[index].(*plan.Column); ok {
			return groupColumn(n.Input, c.Index)
		}
	case *plan.AggregateNode:
		scan, ok := n.Input.(*plan.Scan)
		if !ok || !n.Merge || n.Sets != nil || index >= len(n.Keys) {
			return "", false
		}
		times := 0
		for _, k := range n.Keys {
			if isBinTime(k, scan) {
				times++
			} else if c, ok := k.(*plan.Column); !ok || !scan.Columns[c.Index].Series && scan.Columns[c.Index].Name != "series" {
				return "", false // a series and a bin are no group
			}
		}
		c, isColumn := n.Keys[index].(*plan.Column)
		switch {
		case isBinTime(n.Keys[index], scan) && times == 1:
			return "time", oneSeries(scan)
		case isColumn && scan.Columns[c.Index].Name == "series":
			return "series", oneSeries(scan)
		}
	}
	return "", false
}

// isBinTime reports whether a key is the instant at which a bin begins, which grows
// with time: time_bucket, or a date_trunc or date_bin that is an instant, of the time
// of samples.
func isBinTime(key plan.Expr, scan *plan.Scan) bool {
	call, ok := key.(*plan.Call)
	if !ok || call.Type() != plan.Timestamptz {
		return false
	}
	switch call.Func.Name {
	case "time_bucket", "date_trunc", "date_bin":
	default:
		return false
	}
	found := false
	for _, arg := range call.Args {
		switch arg := arg.(type) {
		case *plan.Literal:
		case *plan.Column:
			if c := scan.Columns[arg.Index]; !c.Series {
				if c.Name != "time" {
					return false
				}
				found = true
			}
		default:
			return false
		}
	}
	return found
}
