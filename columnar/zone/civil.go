package zone

import "math"

// Microseconds in the units that keep their length on every clock.
const (
	second = int64(1_000_000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// The ends of time. Instants are clamped to [beginning, end] and local times, which
// may be a day and two hours further out, to [firstLocal, lastLocal], so that no sum
// of an instant and an offset overflows.
const (
	beginning  = math.MinInt64 + 4*day
	end        = math.MaxInt64 - 4*day
	firstLocal = math.MinInt64 + 2*day
	lastLocal  = math.MaxInt64 - 2*day
)

// clampInstant moves an instant beyond the ends of time to the nearer end.
func clampInstant(t int64) int64 { return min(max(t, beginning), end) }

// addSaturating returns a+b, or the end of int64 that the sum lies beyond.
func addSaturating(a, b int64) int64 {
	sum := a + b
	switch {
	case b > 0 && sum < a:
		return math.MaxInt64
	case b < 0 && sum > a:
		return math.MinInt64
	}
	return sum
}

// floorDiv returns a/b rounded down, for b > 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// floorMod returns a - b*floorDiv(a, b), which is in [0, b), for b > 0.
func floorMod(a, b int64) int64 {
	r := a % b
	if r < 0 {
		r += b
	}
	return r
}

// daysOf returns the days from 1970-01-01 to the given date of the proleptic
// Gregorian calendar. The algorithm is days_from_civil of Howard Hinnant's
// "chrono-Compatible Low-Level Date Algorithms".
func daysOf(year, month, dayOfMonth int64) int64 {
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*((month+9)%12)+2)/5 + dayOfMonth - 1 // from 1 March
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear - 719468
}

// dateOf is the inverse of [daysOf] (civil_from_days in the same paper).
func dateOf(days int64) (year, month, dayOfMonth int64) {
	days += 719468
	era := floorDiv(days, 146097)
	dayOfEra := days - era*146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100) // from 1 March
	m := (5*dayOfYear + 2) / 153
	year = yearOfEra + era*400
	if m >= 10 {
		return year + 1, m - 9, dayOfYear - (153*m+2)/5 + 1
	}
	return year, m + 3, dayOfYear - (153*m+2)/5 + 1
}

// weekdayOf returns the day of the week of a day counted from 1970-01-01; Sunday is 0.
func weekdayOf(days int64) int64 { return floorMod(days+4, 7) }

// monthOf returns the months from January of year 0 to the month that holds a local time.
func monthOf(local int64) int64 {
	year, month, _ := dateOf(floorDiv(local, day))
	return year*12 + month - 1
}

// startOfMonth is the inverse of [monthOf]: the local time at which a month begins,
// or an end of int64 where that lies beyond.
func startOfMonth(months int64) int64 {
	const furthest = math.MaxInt64 / day
	days := daysOf(floorDiv(months, 12), floorMod(months, 12)+1, 1)
	switch {
	case days > furthest:
		return math.MaxInt64
	case days < -furthest:
		return math.MinInt64
	}
	return days * day
}
