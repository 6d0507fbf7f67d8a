package eval

import (
	"cmp"

	"github.com/trellisdb/trellis/engine/plan"
)

// The six comparisons of every type that has an order, and IS [NOT] DISTINCT FROM.
var _ = registerComparisons()

func registerComparisons() struct{} {
	for t := plan.Boolean; t < plan.JSON; t++ {
		switch t {
		case plan.Boolean:
			compareWith(t, compareBools)
		case plan.Double:
			compareDoubles()
			distinctWith(t, compareFloats)
		case plan.Text:
			compareOrdered[string](t)
			distinctWith(t, cmp.Compare[string])
		case plan.Interval:
			compareWith(t, compareSpans)
		default:
			compareOrdered[int64](t)
			distinctWith(t, cmp.Compare[int64])
		}
	}
	return struct{}{}
}

// compareDoubles registers the comparisons of doubles: Go's own, but for NaN, which
// equals itself and is greater than every number.
func compareDoubles() {
	t := plan.Double
	register("=", binary(func(a, b float64) bool { return a == b || a != a && b != b }), t, t)
	register("<>", binary(func(a, b float64) bool { return a != b && (a == a || b == b) }), t, t)
	register("<", binary(func(a, b float64) bool { return a < b || a == a && b != b }), t, t)
	register("<=", binary(func(a, b float64) bool { return a <= b || b != b }), t, t)
	register(">", binary(func(a, b float64) bool { return a > b || a != a && b == b }), t, t)
	register(">=", binary(func(a, b float64) bool { return a >= b || a != a }), t, t)
}

// compareOrdered registers comparisons by Go's own operators.
func compareOrdered[T int64 | string](t plan.Type) {
	register("=", binary(func(a, b T) bool { return a == b }), t, t)
	register("<>", binary(func(a, b T) bool { return a != b }), t, t)
	register("<", binary(func(a, b T) bool { return a < b }), t, t)
	register("<=", binary(func(a, b T) bool { return a <= b }), t, t)
	register(">", binary(func(a, b T) bool { return a > b }), t, t)
	register(">=", binary(func(a, b T) bool { return a >= b }), t, t)
}

// compareWith registers all comparisons by a three-way comparison.
func compareWith[T value](t plan.Type, compare func(a, b T) int) {
	register("=", binary(func(a, b T) bool { return compare(a, b) == 0 }), t, t)
	register("<>", binary(func(a, b T) bool { return compare(a, b) != 0 }), t, t)
	register("<", binary(func(a, b T) bool { return compare(a, b) < 0 }), t, t)
	register("<=", binary(func(a, b T) bool { return compare(a, b) <= 0 }), t, t)
	register(">", binary(func(a, b T) bool { return compare(a, b) > 0 }), t, t)
	register(">=", binary(func(a, b T) bool { return compare(a, b) >= 0 }), t, t)
	distinctWith(t, compare)
}

// distinctWith registers the comparisons for which NULL is a value like others.
func distinctWith[T value](t plan.Type, compare func(a, b T) int) {
	distinct := func(answer bool) vectorFunc {
		return func(_ *callContext, args []Vector, n int) (Vector, error) {
			a, b := values[T](&args[0]), values[T](&args[1])
			ma, mb := args[0].mask(), args[1].mask()
			out := make([]bool, n)
			for i := range out {
				na, nb := args[0].IsNull(i), args[1].IsNull(i)
				differ := na != nb || !na && compare(a[i&ma], b[i&mb]) != 0
				out[i] = differ == answer
			}
			return of(out, nil), nil
		}
	}
	register("isdistinct", distinct(true), t, t)
	register("isnotdistinct", distinct(false), t, t)
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// compareFloats orders as PostgreSQL does: NaN equals itself and is greatest.
func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	case a != a && b != b: // both NaN
		return 0
	case a != a:
		return 1
	default:
		return -1
	}
}

// spanMicros is the length of a span with months of 30 days and days of 24
// hours, split so that it cannot overflow: whole days and the rest.
func spanMicros(s plan.Span) (days, rest int64) {
	const day = 24 * 3600 * 1_000_000
	days = int64(s.Months)*30 + int64(s.Days) + s.Micros/day
	if rest = s.Micros % day; rest < 0 {
		days, rest = days-1, rest+day
	}
	return days, rest
}

// compareSpans orders intervals as PostgreSQL does: a month is 30 days, a day 24
// hours.
func compareSpans(a, b plan.Span) int {
	da, ra := spanMicros(a)
	db, rb := spanMicros(b)
	return cmp.Or(cmp.Compare(da, db), cmp.Compare(ra, rb))
}

// Compare orders two values of one type, neither NULL, as ORDER BY does:
// negative, zero or positive. Text is ordered by its bytes.
func Compare(a *Vector, i int, b *Vector, j int) int {
	i &= a.mask()
	j &= b.mask()
	switch a.T {
	case plan.Boolean, plan.Unknown:
		return compareBools(a.Bools[i], b.Bools[j])
	case plan.Double:
		return compareFloats(a.Floats[i], b.Floats[j])
	case plan.Text, plan.JSON:
		return cmp.Compare(a.Strs[i], b.Strs[j])
	case plan.Interval:
		return compareSpans(a.Spans[i], b.Spans[j])
	default:
		return cmp.Compare(a.Ints[i], b.Ints[j])
	}
}
