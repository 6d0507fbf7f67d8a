package optimize

import (
	"fmt"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// summaries makes an aggregate over a scan of samples merge summaries, where its
// keys are constant over bins of time and its functions merge. Where not, the scan
// says why.
func summaries(c *Context, n plan.Node) (plan.Node, error) {
	a, ok := n.(*plan.AggregateNode)
	if !ok || c.Env == nil {
		return n, nil
	}
	s, ok := a.Input.(*plan.Scan)
	if !ok || s.Samples == nil {
		return explainWhy(a), nil
	}
	scan, why := bySummary(c, a, s)
	if why != "" {
		return withWhy(a, why), nil
	}
	out := *a
	out.Input, out.Merge = scan, true
	return &out, nil
}

// bySummary returns the scan that yields what an aggregate merges, or why there is
// none.
func bySummary(c *Context, a *plan.AggregateNode, s *plan.Scan) (*plan.Scan, string) {
	ask := &plan.SummaryScan{}
	for _, agg := range a.Aggs {
		stats, why := mergedStats(agg, s)
		if why != "" {
			return nil, why
		}
		ask.Stats |= stats
	}
	analysis := binAnalysis{env: c.Env, scan: s}
	for _, key := range a.Keys {
		specs, ok := analysis.cuts(key)
		if !ok {
			return nil, fmt.Sprintf("the key %s is not constant over bins of time", key)
		}
		ask.Bins = addSpecs(ask.Bins, specs)
	}
	scan, samples := *s, *s.Samples
	samples.Summaries = ask
	scan.Samples = &samples
	return &scan, ""
}

// mergedStats returns what a call needs of summaries, or why it cannot use them.
func mergedStats(agg *plan.Aggregation, s *plan.Scan) (columnar.Stats, string) {
	f := agg.Func
	switch {
	case !f.Merges:
		return 0, fmt.Sprintf("%s is not kept in summaries", f.Name)
	case agg.Filter != nil:
		return 0, fmt.Sprintf("%s has a FILTER", f.Name)
	case agg.Distinct && f.Name != "min" && f.Name != "max":
		return 0, fmt.Sprintf("%s has a DISTINCT", f.Name)
	}
	why := fmt.Sprintf("%s is of something else than the column that summaries are about", agg)
	names := make([]string, len(agg.Args))
	for i, arg := range agg.Args {
		if c, ok := arg.(*plan.Column); ok && (!s.Columns[c.Index].Series || i >= len(f.Args)) {
			names[i] = s.Columns[c.Index].Name
		}
	}
	for i, implicit := range f.Implicit {
		if names[len(f.Args)+i] != implicit {
			return 0, why
		}
	}
	switch f.Name {
	case "count":
		switch {
		case len(f.Args) == 0, names[0] == "value", neverNull[names[0]]:
			return 0, ""
		}
	case "min", "max":
		if names[0] == "time" {
			if s.Samples.Qualities&^columnar.Usable == 0 {
				return columnar.StatEnds, ""
			}
			return 0, fmt.Sprintf("%s counts bad samples too, of whose times summaries know nothing", agg)
		}
		if names[0] == "value" {
			return f.Stats, ""
		}
	case "min_by", "max_by":
		if names[0] == "time" && names[1] == "value" {
			return f.Stats, ""
		}
	case "first", "last":
		if names[0] == "value" && names[1] == "time" {
			return f.Stats, ""
		}
	case "good_pct", "good_duration":
		if names[0] == "quality" {
			return f.Stats, ""
		}
	default:
		if names[0] != "value" {
			return 0, why
		}
		for _, arg := range agg.Args[1:len(f.Args)] {
			if _, ok := arg.(*plan.Literal); !ok {
				return 0, why
			}
		}
		return f.Stats, ""
	}
	return 0, why
}

// neverNull are the columns of samples, besides those of the series, that every
// sample has.
var neverNull = map[string]bool{"series": true, "time": true, "quality": true, "status": true, "local_time": true}

// explainWhy finds the scan below an aggregate and says what stands between them.
func explainWhy(a *plan.AggregateNode) plan.Node {
	switch in := a.Input.(type) {
	case *plan.Filter:
		if _, ok := in.Input.(*plan.Scan); ok {
			return withWhy(a, fmt.Sprintf("each sample must be checked for %s", in.Where))
		}
	case *plan.Join:
		return withWhy(a, "samples are joined before they are aggregated")
	}
	return a
}

// withWhy sets why the scans of samples below an aggregate, as far as no other
// aggregate lies between, yield no summaries.
func withWhy(a *plan.AggregateNode, why string) plan.Node {
	var set func(n plan.Node) plan.Node
	set = func(n plan.Node) plan.Node {
		switch n := n.(type) {
		case *plan.AggregateNode:
			return n
		case *plan.Scan:
			if n.Samples == nil {
				return n
			}
			scan, samples := *n, *n.Samples
			samples.Why = why
			scan.Samples = &samples
			return &scan
		}
		in := n.Inputs()
		out := make([]plan.Node, len(in))
		for i := range in {
			out[i] = set(in[i])
		}
		return plan.WithInputs(n, out)
	}
	return plan.WithInputs(a, []plan.Node{set(a.Input)})
}
