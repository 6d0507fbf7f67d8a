package plan

import "github.com/trellisdb/trellis/columnar"

// aggregateSignature declares overloads of an aggregate function; see signature.
type aggregateSignature struct {
	text     string
	implicit []string
	merges   columnar.Stats // with mergeable: what the aggregate merges from
	flags    aggregateFlags
	doc      string
}

type aggregateFlags uint8

const (
	mergeable   aggregateFlags = 1 << iota // can be answered from summaries
	withinGroup                            // the last argument comes from WITHIN GROUP (ORDER BY …)
)

// What lowering appends to the arguments of the aggregates that ask for it.
var (
	whenSampled = []string{"time"}
	onPath      = []string{"series", "time"}
	alongPath   = []string{"series", "time", "interpolation"}
	perSlot     = []string{"sample_t", "time", "zone", "phase"}
)

const (
	squares = columnar.StatSum | columnar.StatSquares
	path    = columnar.StatEnds | columnar.StatPath
)

// aggregateTable are the aggregate functions.
var aggregateTable = []aggregateSignature{
	{"count() bigint", nil, 0, mergeable, "count(*): the number of rows."},
	{"count(T) bigint", nil, 0, mergeable, "The number of rows with a value."},
	{"sum(double) double", nil, columnar.StatSum, mergeable, "The sum, exact and then rounded once; NULL for no values."},
	{"sum(bigint) bigint", nil, 0, 0, "The sum; an error where it does not fit."},
	{"sum(interval) interval", nil, 0, 0, "The sum."},
	{"avg(double) double", nil, columnar.StatSum, mergeable, "The mean."},
	{"avg(bigint) double", nil, 0, 0, "The mean, rounded once."},
	{"avg(interval) interval", nil, 0, 0, "The mean."},
	{"min(O) O", nil, columnar.StatRange, mergeable, "The smallest value."},
	{"max(O) O", nil, columnar.StatRange, mergeable, "The largest value."},
	{"stddev(double) double", nil, squares, mergeable, "The standard deviation of a sample; NULL for fewer than two values."},
	{"stddev_samp(double) double", nil, squares, mergeable, "The standard deviation of a sample; NULL for fewer than two values."},
	{"stddev_pop(double) double", nil, squares, mergeable, "The standard deviation of a population."},
	{"variance(double) double", nil, squares, mergeable, "The variance of a sample; NULL for fewer than two values."},
	{"var_samp(double) double", nil, squares, mergeable, "The variance of a sample; NULL for fewer than two values."},
	{"var_pop(double) double", nil, squares, mergeable, "The variance of a population."},
	{"bool_and(boolean) boolean", nil, 0, 0, "Whether all values are true."},
	{"bool_or(boolean) boolean", nil, 0, 0, "Whether any value is true."},
	{"every(boolean) boolean", nil, 0, 0, "Whether all values are true."},
	{"string_agg(text, delimiter text) text", nil, 0, 0, "The values with a delimiter between them, in the order of ORDER BY."},

	{"first(value T) T", whenSampled, columnar.StatEnds, mergeable, "The value at the earliest time; of those at one time that of the series first by name."},
	{"last(value T) T", whenSampled, columnar.StatEnds, mergeable, "The value at the latest time."},
	{"first(value T, time timestamptz) T", nil, columnar.StatEnds, mergeable, "The value at the earliest time."},
	{"last(value T, time timestamptz) T", nil, columnar.StatEnds, mergeable, "The value at the latest time."},
	{"first(value T, time timestamp) T", nil, 0, 0, "The value at the earliest local time."},
	{"last(value T, time timestamp) T", nil, 0, 0, "The value at the latest local time."},
	{"min_by(T, value double) T", nil, columnar.StatRange, mergeable, "The first argument where the second is smallest; of several rows the earliest."},
	{"max_by(T, value double) T", nil, columnar.StatRange, mergeable, "The first argument where the second is largest; of several rows the earliest."},
	{"min_by(T, time timestamptz) T", nil, 0, 0, "The first argument at the earliest time."},
	{"max_by(T, time timestamptz) T", nil, 0, 0, "The first argument at the latest time."},
	{"min_by(T, text) T", nil, 0, 0, "The first argument where the second is smallest."},
	{"max_by(T, text) T", nil, 0, 0, "The first argument where the second is largest."},

	{"time_weighted_avg(value double) double", alongPath, path, mergeable, "The mean over time from the first to the last sample of each series, by its interpolation."},
	{"integral(value double) double", alongPath, path, mergeable, "The integral over time from the first to the last sample of each series, by its interpolation, in value × seconds."},
	{"integral(value double, unit text) double", alongPath, path, mergeable, "The integral in value × unit: microsecond, millisecond, second, minute, hour or day."},
	{"delta(value double) double", onPath, columnar.StatEnds, mergeable, "The last value minus the first, summed over the series."},
	{"increase(value double) double", onPath, path, mergeable, "The growth of a counter that starts again at zero, summed over the series."},
	{"state_changes(value double) bigint", onPath, path, mergeable, "How often the value of a series differs from the one before it."},
	{"state_changes(value bigint) bigint", onPath, 0, 0, "How often the value of a series differs from the one before it."},
	{"state_changes(value text) bigint", onPath, 0, 0, "How often the value of a series differs from the one before it."},
	{"good_pct(quality text) double", nil, 0, mergeable, "Of 100 samples, how many are good."},
	{"good_duration(quality text) interval", perSlot, columnar.StatCover, mergeable, "The time covered by good samples, each as long as its slot."},
	{"duration_in(value double, state double) interval", perSlot, 0, 0, "The time covered by samples with that value."},
	{"duration_in(value bigint, state bigint) interval", perSlot, 0, 0, "The time covered by samples with that value."},
	{"duration_in(value text, state text) interval", perSlot, 0, 0, "The time covered by samples with that text or quality."},

	{"approx_percentile(value double, fraction double) double", nil, 0, 0, "The value below which that fraction lies, within 1 % of it (DDSketch)."},
	{"percentile_cont(fraction double, double) double", nil, 0, withinGroup, "The value below which that fraction lies, between two values in a straight line."},
	{"percentile_disc(fraction double, O) O", nil, 0, withinGroup, "The first value at or above that fraction of all."},
	{"mode(O) O", nil, 0, withinGroup, "The most frequent value, the first in order of several."},
	{
		"histogram(value double, low double, high double, bins bigint) json", nil, 0, 0,
		"The counts of values below low, in bins equal parts of [low, high), and from high on: a JSON array of bins + 2 numbers.",
	},

	{"corr(y double, x double) double", nil, 0, 0, "The coefficient of correlation."},
	{"covar_pop(y double, x double) double", nil, 0, 0, "The covariance of a population."},
	{"covar_samp(y double, x double) double", nil, 0, 0, "The covariance of a sample."},
	{"regr_slope(y double, x double) double", nil, 0, 0, "The slope of the least-squares line."},
	{"regr_intercept(y double, x double) double", nil, 0, 0, "The intercept of the least-squares line."},
	{"regr_r2(y double, x double) double", nil, 0, 0, "The square of the coefficient of correlation."},
	{"regr_count(y double, x double) bigint", nil, 0, 0, "The number of rows in which both have a value."},
	{"regr_avgx(y double, x double) double", nil, 0, 0, "The mean of x where both have a value."},
	{"regr_avgy(y double, x double) double", nil, 0, 0, "The mean of y where both have a value."},
	{"regr_sxx(y double, x double) double", nil, 0, 0, "The sum of squared deviations of x."},
	{"regr_syy(y double, x double) double", nil, 0, 0, "The sum of squared deviations of y."},
	{"regr_sxy(y double, x double) double", nil, 0, 0, "The sum of products of deviations."},
}

// aggregates holds the overloads of every aggregate function by name.
var aggregates = declareAggregates()

func declareAggregates() map[string][]*AggregateFunc {
	byName := map[string][]*AggregateFunc{}
	for _, s := range aggregateTable {
		for _, sh := range (signature{text: s.text}).shapes() {
			byName[sh.name] = append(byName[sh.name], &AggregateFunc{
				Name: sh.name, Args: sh.args, Names: sh.names, Result: sh.result,
				Implicit: s.implicit, Path: len(s.implicit) > 1 && s.implicit[0] == "series", WithinGroup: s.flags&withinGroup != 0,
				Stats: s.merges, Merges: s.flags&mergeable != 0, Doc: s.doc,
			})
		}
	}
	return byName
}

// MustAggregate returns the overload with exactly these arguments. It panics
// where there is none: for code that knows the table.
func MustAggregate(name string, args ...Type) *AggregateFunc {
	for _, f := range aggregates[name] {
		if len(f.Args) == len(args) {
			same := true
			for i, t := range args {
				same = same && f.Args[i] == t
			}
			if same {
				return f
			}
		}
	}
	panic("plan: no aggregate function " + signatureOf(name, args, false))
}

// IsOrderedSet reports whether there is an aggregate function of that name that is
// written with WITHIN GROUP (ORDER BY …).
func IsOrderedSet(name string) bool {
	return len(aggregates[name]) > 0 && aggregates[name][0].WithinGroup
}

// IsAggregate reports whether there is an aggregate function of that name.
func IsAggregate(name string) bool { return len(aggregates[name]) > 0 }
