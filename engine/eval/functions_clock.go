package eval

import (
	"math"
	"time"

	"github.com/trellisdb/trellis/engine/plan"
)

const (
	microsPerSecond = 1_000_000
	microsPerDay    = 24 * 3600 * microsPerSecond

	// The times that can be reckoned with: the years from 4713 BC to 294247, as in
	// PostgreSQL.
	minStamp = -210_866_803_200_000_000
	maxStamp = 9_223_371_331_199_999_999
	minYear  = -4713
	maxYear  = 294_246
)

// The present, and arithmetic of instants, local times, dates and intervals.
var (
	_ = registerNow("now", "current_timestamp", "transaction_timestamp", "statement_timestamp")
	_ = register("localtimestamp", present(func(e *Env) int64 { return e.Zone.Local(e.Now) }))
	_ = register("current_date", present(func(e *Env) int64 { return floorDays(e.Zone.Local(e.Now)) }))

	_ = register("+", binaryErr(addToInstant), plan.Timestamptz, plan.Interval)
	_ = register("+", swapped(binaryErr(addToInstant)), plan.Interval, plan.Timestamptz)
	_ = register("-", binaryErr(subFromInstant), plan.Timestamptz, plan.Interval)
	_ = register("+", binaryErr(addToLocal), plan.Timestamp, plan.Interval)
	_ = register("+", swapped(binaryErr(addToLocal)), plan.Interval, plan.Timestamp)
	_ = register("-", binaryErr(subFromLocal), plan.Timestamp, plan.Interval)
	_ = register("+", binaryErr(addToDate), plan.Date, plan.Interval)
	_ = register("+", swapped(binaryErr(addToDate)), plan.Interval, plan.Date)
	_ = register("-", binaryErr(subFromDate), plan.Date, plan.Interval)
	_ = register("+", binaryErr(addDays), plan.Date, plan.Bigint)
	_ = register("+", swapped(binaryErr(addDays)), plan.Bigint, plan.Date)
	_ = register("-", binaryErr(subDays), plan.Date, plan.Bigint)
	_ = register("-", binaryErr(daysBetween), plan.Date, plan.Date)
	_ = register("+", binaryErr(dateAndTime), plan.Date, plan.Time)
	_ = register("+", swapped(binaryErr(dateAndTime)), plan.Time, plan.Date)
	_ = register("-", binaryErr(between), plan.Timestamptz, plan.Timestamptz)
	_ = register("-", binaryErr(between), plan.Timestamp, plan.Timestamp)
	_ = register("+", binary(func(t int64, s plan.Span) int64 { return floorMod(t+s.Micros%microsPerDay, microsPerDay) }), plan.Time, plan.Interval)
	_ = register("+", binary(func(s plan.Span, t int64) int64 { return floorMod(t+s.Micros%microsPerDay, microsPerDay) }), plan.Interval, plan.Time)
	_ = register("-", binary(func(t int64, s plan.Span) int64 { return floorMod(t-s.Micros%microsPerDay, microsPerDay) }), plan.Time, plan.Interval)
	_ = register("-", binary(func(a, b int64) plan.Span { return plan.Span{Micros: a - b} }), plan.Time, plan.Time)
	_ = register("+", binaryErr(addSpans), plan.Interval, plan.Interval)
	_ = register("-", binaryErr(func(c *callContext, a, b plan.Span) (plan.Span, error) { return addSpans(c, a, negated(b)) }), plan.Interval, plan.Interval)
	_ = register("-", unary(negated), plan.Interval)
	_ = register("*", binaryErr(multiplySpan), plan.Interval, plan.Double)
	_ = register("*", swapped(binaryErr(multiplySpan)), plan.Double, plan.Interval)
	_ = register("/", binaryErr(divideSpan), plan.Interval, plan.Double)
)

var (
	errTimeRange = plan.Errorf(0, plan.CodeDatetimeRange, "timestamp out of range")
	errSpanRange = plan.Errorf(0, plan.CodeDatetimeRange, "interval out of range")
)

func registerNow(names ...string) struct{} {
	for _, name := range names {
		register(name, present(func(e *Env) int64 { return e.Now }))
	}
	return struct{}{}
}

// present lifts a function of the environment.
func present(f func(*Env) int64) vectorFunc {
	return func(c *callContext, _ []Vector, n int) (Vector, error) { return of(repeat(f(c.env), n), nil), nil }
}

// swapped runs a kernel with its two arguments exchanged.
func swapped(k vectorFunc) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		return k(c, []Vector{args[1], args[0]}, n)
	}
}

func floorDays(local int64) int64 { return (local - floorMod(local, microsPerDay)) / microsPerDay }

func floorMod(a, b int64) int64 {
	if r := a % b; r < 0 {
		return r + b
	} else {
		return r
	}
}

func negated(s plan.Span) plan.Span {
	return plan.Span{Months: -s.Months, Days: -s.Days, Micros: -s.Micros}
}

// addMonths moves a local time by months; a day that the month does not have becomes
// its last.
func addMonths(local int64, months int32) (int64, error) {
	if months == 0 {
		return local, nil
	}
	tod := floorMod(local, microsPerDay)
	y, m, d := civil(local)
	first := time.Date(y, m+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	if first.Year() < minYear || first.Year() > maxYear {
		return 0, errTimeRange
	}
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(d, last)-1).UnixMicro() + tod, nil
}

// civil returns the date of a local time.
func civil(local int64) (year int, month time.Month, day int) {
	return time.UnixMicro(local).UTC().Date()
}

// checkTime refuses local times and instants beyond the years that can be shown.
func checkTime(t int64) (int64, error) {
	if t < minStamp || t > maxStamp {
		return 0, errTimeRange
	}
	return t, nil
}

func addToLocal(_ *callContext, t int64, s plan.Span) (int64, error) {
	if !finite(t) {
		return t, nil
	}
	t, err := addMonths(t, s.Months)
	if err != nil {
		return 0, err
	}
	if t, err = addInts(nil, t, int64(s.Days)*microsPerDay); err == nil {
		t, err = addInts(nil, t, s.Micros)
	}
	if err != nil {
		return 0, errTimeRange
	}
	return checkTime(t)
}

func subFromLocal(c *callContext, t int64, s plan.Span) (int64, error) {
	return addToLocal(c, t, negated(s))
}

// addToInstant adds months and days on the clock of the session's zone, then the rest
// as time that passes, as PostgreSQL does.
func addToInstant(c *callContext, t int64, s plan.Span) (int64, error) {
	if !finite(t) {
		return t, nil
	}
	if s.Months != 0 || s.Days != 0 {
		local, err := addToLocal(c, c.env.Zone.Local(t), plan.Span{Months: s.Months, Days: s.Days})
		if err != nil {
			return 0, err
		}
		t = c.env.Zone.Chosen(local)
	}
	return addToLocal(c, t, plan.Span{Micros: s.Micros})
}

func subFromInstant(c *callContext, t int64, s plan.Span) (int64, error) {
	return addToInstant(c, t, negated(s))
}

func addToDate(c *callContext, days int64, s plan.Span) (int64, error) {
	t, err := midnightOf(days)
	if err != nil {
		return 0, err
	}
	return addToLocal(c, t, s)
}

// midnightOf is the local time at which a date begins.
func midnightOf(days int64) (int64, error) {
	switch {
	case days == plan.InfiniteDate:
		return forever, nil
	case days == plan.FirstDate:
		return never, nil
	case days < minStamp/microsPerDay || days > maxStamp/microsPerDay:
		return 0, plan.Errorf(0, plan.CodeDatetimeRange, "date out of range for timestamp")
	}
	return days * microsPerDay, nil
}

// dateOf is the date of a local time.
func dateOf(local int64) int64 {
	switch local {
	case forever:
		return plan.InfiniteDate
	case never:
		return plan.FirstDate
	}
	return floorDays(local)
}

func finiteDate(days int64) bool { return days != plan.InfiniteDate && days != plan.FirstDate }

// addDays is a date so many days later.
func addDays(_ *callContext, date, days int64) (int64, error) {
	if !finiteDate(date) {
		return date, nil
	}
	sum, err := addInts(nil, date, days)
	if err != nil || sum < minStamp/microsPerDay || sum >= plan.InfiniteDate {
		return 0, plan.Errorf(0, plan.CodeDatetimeRange, "date out of range")
	}
	return sum, nil
}

func subDays(c *callContext, date, days int64) (int64, error) {
	return addDays(c, date, -max(days, -math.MaxInt64))
}

func daysBetween(_ *callContext, a, b int64) (int64, error) {
	if !finiteDate(a) || !finiteDate(b) {
		return 0, plan.Errorf(0, plan.CodeDatetimeRange, "cannot subtract infinite dates")
	}
	return a - b, nil
}

func subFromDate(c *callContext, days int64, s plan.Span) (int64, error) {
	return addToDate(c, days, negated(s))
}

func dateAndTime(_ *callContext, days, t int64) (int64, error) {
	local, err := midnightOf(days)
	if err != nil || !finite(local) {
		return local, err
	}
	return checkTime(local + t)
}

// between is the time from b to a, in days of 24 hours and the rest.
func between(_ *callContext, a, b int64) (plan.Span, error) {
	if !finite(a) || !finite(b) {
		return plan.Span{}, plan.Errorf(0, plan.CodeDatetimeRange, "cannot subtract infinite timestamps")
	}
	d, err := subInts(nil, a, b)
	if err != nil {
		return plan.Span{}, errSpanRange
	}
	return plan.Span{Days: int32(d / microsPerDay), Micros: d % microsPerDay}, nil
}

func addSpans(_ *callContext, a, b plan.Span) (plan.Span, error) {
	months, days := int64(a.Months)+int64(b.Months), int64(a.Days)+int64(b.Days)
	micros := a.Micros + b.Micros
	if months != int64(int32(months)) || days != int64(int32(days)) || (a.Micros^micros)&(b.Micros^micros) < 0 {
		return plan.Span{}, errSpanRange
	}
	return plan.Span{Months: int32(months), Days: int32(days), Micros: micros}, nil
}

func multiplySpan(_ *callContext, s plan.Span, f float64) (plan.Span, error) {
	return scaleSpan(s, func(x float64) float64 { return x * f })
}

// DivideSpan divides an interval by a count, as avg(interval) does.
func DivideSpan(s plan.Span, n int64) (plan.Span, error) { return divideSpan(nil, s, float64(n)) }

func divideSpan(_ *callContext, s plan.Span, f float64) (plan.Span, error) {
	if f == 0 {
		return plan.Span{}, errDivZero
	}
	return scaleSpan(s, func(x float64) float64 { return x / f })
}

// scaleSpan scales each field. What is left of the months becomes days, of which a
// month has 30, and what is left of the days becomes time; both are rounded to
// microseconds of their unit, so that 1 mon * 0.1 has no dust.
func scaleSpan(s plan.Span, scale func(float64) float64) (plan.Span, error) {
	months, days, micros := scale(float64(s.Months)), scale(float64(s.Days)), scale(float64(s.Micros))
	restDays := roundMicro((months - math.Trunc(months)) * 30)
	seconds := roundMicro((days - math.Trunc(days) + restDays - math.Trunc(restDays)) * microsPerDay / microsPerSecond)
	const daySeconds = microsPerDay / microsPerSecond
	moreDays := math.Trunc(seconds / daySeconds)
	days = math.Trunc(days) + math.Trunc(restDays) + moreDays
	micros = math.RoundToEven(micros + (seconds-moreDays*daySeconds)*microsPerSecond)
	if !(math.Abs(months) <= math.MaxInt32 && math.Abs(days) <= math.MaxInt32 && math.Abs(micros) < math.MaxInt64) {
		return plan.Span{}, errSpanRange
	}
	return plan.Span{Months: int32(months), Days: int32(days), Micros: int64(micros)}, nil
}

func roundMicro(x float64) float64 { return math.RoundToEven(x*1e6) / 1e6 }
