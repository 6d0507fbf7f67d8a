package exec_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/optimize"
	"github.com/trellisdb/trellis/engine/plan"
)

// mergeable are calls of all aggregates that summaries answer.
func mergeable(n plan.Node) []*plan.Aggregation {
	v, at := col(n, "value"), col(n, "time")
	return []*plan.Aggregation{
		{Func: plan.MustAggregate("count")},
		agg(n, "count", v), agg(n, "sum", v), agg(n, "avg", v), agg(n, "min", v), agg(n, "max", v),
		agg(n, "stddev", v), agg(n, "stddev_pop", v), agg(n, "variance", v), agg(n, "var_pop", v),
		agg(n, "first", v), agg(n, "last", v), agg(n, "first", v, at), agg(n, "last", v, at),
		agg(n, "min_by", at, v), agg(n, "max_by", at, v),
		agg(n, "time_weighted_avg", v), agg(n, "integral", v), agg(n, "integral", v, text("hour")),
		agg(n, "delta", v), agg(n, "increase", v), agg(n, "state_changes", v),
		agg(n, "good_pct", col(n, "quality")), agg(n, "good_duration", col(n, "quality")),
	}
}

// questions are keys and conditions of aggregates that summaries can answer.
var questions = []struct {
	name string
	keys func(n plan.Node) []plan.Expr
	when func(n plan.Node) []plan.Expr
}{
	{name: "everything in one group"},
	{name: "by series", keys: func(n plan.Node) []plan.Expr { return []plan.Expr{col(n, "series")} }},
	{
		name: "by a label and a day in one zone",
		keys: func(n plan.Node) []plan.Expr {
			return []plan.Expr{
				call("->>", col(n, "labels"), text("site")),
				call("time_bucket", span(plan.Span{Days: 1}), col(n, "time"), text("America/Santiago")),
			}
		},
	},
	{
		name: "by day in each series' zone, and hour there",
		keys: func(n plan.Node) []plan.Expr {
			return []plan.Expr{
				call("time_bucket", span(plan.Span{Days: 1}), col(n, "time"), col(n, "zone")),
				call("date_part", text("hour"), col(n, "local_time")),
			}
		},
	},
	{
		name: "by hour on the clock, twice on the night of the change",
		keys: func(n plan.Node) []plan.Expr {
			return []plan.Expr{call("time_bucket", span(plan.Span{Micros: hour}), col(n, "time"), text("Europe/Berlin"))}
		},
		when: func(n plan.Node) []plan.Expr { return []plan.Expr{call("=", col(n, "series"), text("f/fine"))} },
	},
	{
		name: "by fixed bins of 100 minutes and month of the session",
		keys: func(n plan.Node) []plan.Expr {
			return []plan.Expr{
				call("date_bin", span(plan.Span{Micros: 100 * minute}), col(n, "time"), instant(5)),
				call("date_trunc", text("month"), col(n, "time")),
			}
		},
	},
	{
		name: "a function of a bin",
		keys: func(n plan.Node) []plan.Expr {
			return []plan.Expr{call("*", number(2), call("date_part", text("isodow"), call("timezone", col(n, "zone"), col(n, "time"))))}
		},
	},
	{
		name: "six in the morning, there",
		keys: func(n plan.Node) []plan.Expr {
			return []plan.Expr{call("date_trunc", text("day"), col(n, "local_time"))}
		},
		when: func(n plan.Node) []plan.Expr {
			return []plan.Expr{call("=", call("date_part", text("hour"), col(n, "local_time")), number(6))}
		},
	},
	{
		name: "a range of time that cuts blocks",
		keys: func(n plan.Node) []plan.Expr { return []plan.Expr{col(n, "series")} },
		when: func(n plan.Node) []plan.Expr {
			return []plan.Expr{
				call(">", col(n, "time"), instant(fall2023+33*hour+17)), call("<=", col(n, "time"), instant(fall2023+8*day+90*second)),
			}
		},
	},
	{
		name: "good samples only",
		when: func(n plan.Node) []plan.Expr { return []plan.Expr{call("=", col(n, "quality"), text("good"))} },
	},
	{
		name: "all that is not good",
		keys: func(n plan.Node) []plan.Expr { return []plan.Expr{col(n, "series")} },
		when: func(n plan.Node) []plan.Expr { return []plan.Expr{call("<>", col(n, "quality"), text("good"))} },
	},
	{
		name: "bad samples only, by month",
		keys: func(n plan.Node) []plan.Expr {
			return []plan.Expr{call("time_bucket", span(plan.Span{Months: 1}), col(n, "time"), text("UTC"))}
		},
		when: func(n plan.Node) []plan.Expr { return []plan.Expr{call("=", col(n, "quality"), text("bad"))} },
	},
	{
		name: "weekdays of one site",
		when: func(n plan.Node) []plan.Expr {
			return []plan.Expr{
				call("=", call("->>", col(n, "labels"), text("site")), text("b")),
				call("<", call("date_part", text("isodow"), col(n, "local_time")), number(6)),
			}
		},
	},
	{
		name: "no series at all",
		when: func(n plan.Node) []plan.Expr { return []plan.Expr{call("=", col(n, "series"), text("nobody"))} },
	},
}

func TestAggregatesAreTheSameBitsOnEveryPath(t *testing.T) {
	src, table := newPlant(t)
	for _, q := range questions {
		t.Run(q.name, func(t *testing.T) {
			scan := allSamples()
			var in plan.Node = scan
			if q.when != nil {
				in = &plan.Filter{Input: scan, Where: plan.And(q.when(scan)...)}
			}
			var keys []plan.Expr
			if q.keys != nil {
				keys = q.keys(scan)
			}
			n := group(in, keys, mergeable(scan)...)
			o := exec.Options{Source: src, Series: table, Env: env(t)}
			want := values(t, n, o)
			if len(want) == 0 {
				t.Fatal("no rows")
			}
			better, err := optimize.Optimize(n, optimize.Context{Env: o.Env})
			if err != nil {
				t.Fatal(err)
			}
			if a, ok := better.(*plan.AggregateNode); !ok || !a.Merge {
				t.Fatalf("no summaries:\n%s", plan.Sprint(better))
			}
			if err := plan.Validate(better); err != nil {
				t.Errorf("%v\n%s", err, plan.Sprint(better))
			}
			for _, workers := range []int{1, 4} {
				o.Workers = workers
				compare(t, fmt.Sprintf("summaries, %d workers", workers), n, want, values(t, better, o))
				compare(t, fmt.Sprintf("samples, %d workers", workers), n, want, values(t, n, o))
			}
		})
	}
}

// compare compares rows bit by bit, in any order of groups.
func compare(t *testing.T, path string, n *plan.AggregateNode, want, got [][]any) {
	t.Helper()
	a, b := printed(want), printed(got)
	if d := cmp.Diff(a, b); d != "" {
		names := make([]string, len(n.Cols))
		for i, c := range n.Cols {
			names[i] = c.Name
		}
		t.Errorf("%s: %v\n(-samples +%s)\n%.3000s", path, names, path, d)
	}
}

// printed returns rows as texts that tell apart all values, in order.
func printed(rows [][]any) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		for _, v := range row {
			if f, ok := v.(float64); ok {
				v = fmt.Sprintf("%v/%x", f, math.Float64bits(f))
			}
			out[i] += fmt.Sprintf("%v | ", v)
		}
	}
	slices.Sort(out)
	return out
}

// others are calls of aggregates that need samples.
func others(n plan.Node) []*plan.Aggregation {
	v, i, s := col(n, "value"), col(n, "int_value"), col(n, "text")
	epoch := call("date_part", text("epoch"), col(n, "time"))
	inGroup := func(name string, args ...plan.Expr) *plan.Aggregation {
		a := agg(n, name, args...)
		a.Order = []plan.SortKey{{Expr: args[len(args)-1]}}
		return a
	}
	distinct := func(a *plan.Aggregation) *plan.Aggregation {
		a.Distinct = true
		return a
	}
	when := agg(n, "sum", v)
	when.Filter = call("=", col(n, "quality"), text("uncertain"))
	return []*plan.Aggregation{
		inGroup("percentile_cont", number(0.3), v), inGroup("percentile_disc", number(0.9), v), inGroup("mode", s),
		agg(n, "approx_percentile", v, number(0.5)), agg(n, "histogram", v, number(-100), number(100), &plan.Literal{Value: int64(7), T: plan.Bigint}),
		agg(n, "corr", v, epoch), agg(n, "regr_slope", v, epoch), agg(n, "covar_samp", epoch, v),
		distinct(agg(n, "count", v)), distinct(agg(n, "sum", i)), distinct(agg(n, "string_agg", s, text(","))), agg(n, "sum", i), when,
		agg(n, "bool_or", call(">", v, number(100))), agg(n, "duration_in", s, text("on")), agg(n, "state_changes", s), agg(n, "state_changes", i),
		agg(n, "min", s), agg(n, "max", col(n, "local_time")), agg(n, "min", i), agg(n, "first", s), agg(n, "last", i), agg(n, "min_by", s, v),
		agg(n, "min", col(n, "time")), agg(n, "max", col(n, "time")),
	}
}

func TestAggregatesOfSamplesDoNotDependOnWorkers(t *testing.T) {
	src, table := newPlant(t)
	for _, q := range questions {
		t.Run(q.name, func(t *testing.T) {
			scan := allSamples()
			var in plan.Node = scan
			if q.when != nil {
				in = &plan.Filter{Input: scan, Where: plan.And(q.when(scan)...)}
			}
			var keys []plan.Expr
			if q.keys != nil {
				keys = q.keys(scan)
			}
			n := group(in, keys, others(scan)...)
			o := exec.Options{Source: src, Series: table, Env: env(t)}
			src.batchRows = 777
			want := values(t, n, o)
			better, err := optimize.Optimize(n, optimize.Context{Env: o.Env})
			if err != nil {
				t.Fatal(err)
			}
			for _, workers := range []int{1, 4} {
				o.Workers, src.batchRows = workers, 50*workers
				compare(t, fmt.Sprintf("%d workers", workers), n, want, values(t, better, o))
			}
		})
	}
}
