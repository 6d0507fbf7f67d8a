package zone

import (
	"iter"
	"math"
	"math/bits"
)

// Range is a run of instants, half-open.
type Range struct{ From, To int64 }

// Predicate tells whether something holds at a local time, and until which local time,
// exclusive, the answer is certain to stay the same. until must be later than local.
type Predicate func(local int64) (ok bool, until int64)

// LocalRanges yields, in order, the longest ranges of instants in [from, to) whose local
// time satisfies a predicate: extract(hour FROM local_time) = 6 becomes one range a day,
// an hour long or, where the clock is set back over it, longer or twice. A range never
// touches the next one.
//
// It calls keep about as often as its answer changes.
func (z *Zone) LocalRanges(from, to int64, keep Predicate) iter.Seq[Range] {
	from, to = clampInstant(from), clampInstant(to)
	return func(yield func(Range) bool) {
		open := Range{From: end, To: end} // found, but the next may go on from it
		for s := z.spanAt(from); s.from < to; s = z.spanAfter(s) {
			for t := max(from, s.from); t < min(to, s.to); {
				ok, until := keep(t + s.offset)
				if until <= t+s.offset {
					panic("zone: a predicate's answer lasts no time")
				}
				last := min(addSaturating(until, -s.offset), s.to, to)
				switch {
				case ok && open.To == t:
					open.To = last
				case ok:
					if open.From < open.To && !yield(open) {
						return
					}
					open = Range{From: t, To: last}
				}
				t = last
			}
			if s.to == end {
				break
			}
		}
		if open.From < open.To {
			yield(open)
		}
	}
}

// HourOfDay holds at the hours of the day, 0 to 23, whose bit is set: 1<<6 is from 06:00
// to 07:00.
func HourOfDay(hours uint32) Predicate {
	return func(local int64) (bool, int64) {
		h := floorDiv(local, hour)
		ok, n := run(hours, 24, floorMod(h, 24))
		return ok, saturatingTimes(h+n, hour)
	}
}

// run returns bit i of a periodic mask and how many bits from there on are the same, at
// most a period.
func run(mask uint32, period, i int64) (set bool, n int64) {
	mask &= 1<<period - 1
	mask = mask>>i | mask<<(period-i)
	set = mask&1 != 0
	if set {
		mask = ^mask
	}
	mask &= 1<<period - 1
	return set, min(period, int64(bits.TrailingZeros32(mask)))
}

// TimeOfDay holds from one time of day to another, in microseconds since midnight,
// half-open. Where from is the later one, it holds over midnight.
func TimeOfDay(from, to int64) Predicate {
	return func(local int64) (bool, int64) {
		d := floorDiv(local, day)
		now := local - d*day
		next := day // the first of from, to and midnight that is still to come
		for _, t := range []int64{from, to} {
			if t > now && t < next {
				next = t
			}
		}
		ok := from <= now && now < to
		if from > to {
			ok = from <= now || now < to
		}
		return ok, addSaturating(local, next-now)
	}
}

// DayOfWeek holds on the days of the week whose bit is set; Sunday is bit 0, as in
// extract(dow).
func DayOfWeek(days uint8) Predicate {
	return func(local int64) (bool, int64) {
		d := floorDiv(local, day)
		ok, n := run(uint32(days), 7, weekdayOf(d))
		return ok, saturatingTimes(d+n, day)
	}
}

// DayOfMonth holds on the days of the month, 1 to 31, whose bit is set.
func DayOfMonth(days uint32) Predicate {
	return func(local int64) (bool, int64) {
		d := floorDiv(local, day)
		_, _, dayOfMonth := dateOf(d)
		return days>>dayOfMonth&1 != 0, saturatingTimes(d+1, day)
	}
}

// MonthOfYear holds in the months, 1 to 12, whose bit is set.
func MonthOfYear(months uint16) Predicate {
	return func(local int64) (bool, int64) {
		m := monthOf(local)
		ok, n := run(uint32(months>>1), 12, floorMod(m, 12))
		return ok, startOfMonth(m + n)
	}
}

// LocalBetween holds from one local time to another, half-open.
func LocalBetween(from, to int64) Predicate {
	return func(local int64) (bool, int64) {
		switch {
		case local >= to:
			return false, math.MaxInt64
		case local >= from:
			return true, to
		}
		return false, min(from, to)
	}
}

// And holds where both predicates hold.
func (p Predicate) And(q Predicate) Predicate {
	return func(local int64) (bool, int64) {
		ok, until := p(local)
		also, untilAlso := q(local)
		switch {
		case !ok && !also:
			return false, max(until, untilAlso)
		case !ok:
			return false, until
		case !also:
			return false, untilAlso
		}
		return true, min(until, untilAlso)
	}
}

// Or holds where at least one of the predicates holds.
func (p Predicate) Or(q Predicate) Predicate { return p.Not().And(q.Not()).Not() }

// Not holds where the predicate does not.
func (p Predicate) Not() Predicate {
	return func(local int64) (bool, int64) {
		ok, until := p(local)
		return !ok, until
	}
}

// saturatingTimes returns a*b for b > 0, or the end of int64 that it lies beyond.
func saturatingTimes(a, b int64) int64 {
	switch {
	case a > math.MaxInt64/b:
		return math.MaxInt64
	case a < math.MinInt64/b:
		return math.MinInt64
	}
	return a * b
}
