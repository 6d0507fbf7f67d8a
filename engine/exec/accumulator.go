package exec

import (
	"fmt"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/kernel"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// accumulator holds the state of an aggregate function for every group. Groups are
// numbered from 0; a group that was never updated has the state of no rows.
type accumulator interface {
	// grow makes room for n groups.
	grow(n int)
	// update takes in rows.
	update(in *input) error
	// merge takes in the state of o, an accumulator of the same function, which saw
	// the rows after those seen here: its group g is to[g] here.
	merge(o accumulator, to []int32) error
	// result returns the function's value for all groups.
	result() (eval.Vector, error)
	// size returns about how many bytes the state holds.
	size() int64
}

// summarizer is an accumulator that can take in summaries.
type summarizer interface {
	// summarize takes in a row of summaries.
	summarize(group int32, row *summaryInput)
}

// input is a batch of rows on their way into an accumulator.
type input struct {
	n    int
	args []eval.Vector
	ids  []int32         // group of each row
	runs []run           // the same by runs
	keep columnar.Bitmap // rows that count; nil: all

	finite bool // the first argument has neither infinities nor NaN
}

// inRuns reports whether the first argument, a double, can go through kernels run
// by run: they take finite values only, and short runs are not worth it.
func (in *input) inRuns() bool {
	v := &in.args[0]
	return !v.Const && len(in.runs)*shortRun <= in.n && (in.finite || allFinite(v.Floats[:in.n]))
}

// valid returns the rows that are kept and in which none of the first args
// arguments is NULL; nil for all.
func (in *input) valid(args int) columnar.Bitmap {
	out, shared := in.keep, true
	for i := range args {
		v := &in.args[i]
		switch {
		case v.Valid == nil:
		case v.Const:
			if v.IsNull(0) {
				return columnar.NewBitmap(in.n)
			}
		case out == nil:
			out = v.Valid
		default:
			if shared {
				both := columnar.NewBitmap(in.n)
				kernel.And(both, out[:len(both)], v.Valid[:len(both)])
				out, shared = both, false
				continue
			}
			kernel.And(out, out, v.Valid[:len(out)])
		}
	}
	return out
}

// each calls f for the rows in valid (nil: all).
func (in *input) each(valid columnar.Bitmap, f func(i int, group int32)) {
	if valid == nil {
		for i, g := range in.ids[:in.n] {
			f(i, g)
		}
		return
	}
	for i := valid.Next(0, in.n); i < in.n; i = valid.Next(i+1, in.n) {
		f(i, in.ids[i])
	}
}

// extend returns s with room for n groups.
func extend[T any](s []T, n int) []T {
	if n <= len(s) {
		return s
	}
	if n <= cap(s) {
		return s[:n]
	}
	out := make([]T, n, max(n, 2*cap(s)))
	copy(out, s)
	return out
}

// constructors make the accumulator of a call, by the function's name.
var constructors map[string]func(a *plan.Aggregation) accumulator

func init() { // not an initializer: the constructors refer to newAccumulator
	constructors = map[string]func(a *plan.Aggregation) accumulator{
		"count":       func(a *plan.Aggregation) accumulator { return &counts{rows: len(a.Func.Args) == 0} },
		"sum":         newSum,
		"avg":         newAverage,
		"stddev":      newMoments(deviation, true),
		"stddev_samp": newMoments(deviation, true),
		"stddev_pop":  newMoments(deviation, false),
		"variance":    newMoments(variance, true),
		"var_samp":    newMoments(variance, true),
		"var_pop":     newMoments(variance, false),
		"min":         newExtreme(-1),
		"max":         newExtreme(1),
		"first":       newPick(-1),
		"last":        newPick(1),
		"min_by":      newPick(-1),
		"max_by":      newPick(1),
		"bool_and":    newLogical(true),
		"every":       newLogical(true),
		"bool_or":     newLogical(false),
		"string_agg":  func(*plan.Aggregation) accumulator { return &joined{} },

		"time_weighted_avg": newPath,
		"integral":          newPath,
		"delta":             newPath,
		"increase":          newPath,
		"state_changes":     newPath,
		"good_pct":          func(*plan.Aggregation) accumulator { return &goodShare{} },
		"good_duration":     func(*plan.Aggregation) accumulator { return &durations{good: true} },
		"duration_in":       func(*plan.Aggregation) accumulator { return &durations{} },

		"approx_percentile": func(*plan.Aggregation) accumulator { return &sketches{} },
		"percentile_cont":   newPercentile,
		"percentile_disc":   newPercentile,
		"mode":              newPercentile,
		"histogram":         func(*plan.Aggregation) accumulator { return &histograms{} },
	}
	for name := range regressions {
		constructors[name] = newRegression
	}
}

// newAccumulator returns the accumulator of a call. Rows outside its FILTER are
// left out by the caller.
func newAccumulator(a *plan.Aggregation) (accumulator, error) {
	construct, ok := constructors[a.Func.Name]
	if !ok {
		return nil, fmt.Errorf("exec: no accumulator for %s", a.Func)
	}
	switch {
	case a.Distinct && !idempotent[a.Func.Name]:
		return newDistinct(a)
	case len(a.Order) > 0 && !a.Func.WithinGroup && !a.Distinct: // whose order is no matter to those that are idempotent
		return newOrdered(a)
	}
	return construct(a), nil
}

// idempotent are the functions for which DISTINCT changes nothing.
var idempotent = map[string]bool{"min": true, "max": true, "bool_and": true, "bool_or": true, "every": true}
