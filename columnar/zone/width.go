package zone

import (
	"errors"
	"fmt"
)

// ErrWidth is wrapped by the error for a width that no bins can have.
var ErrWidth = errors.New("invalid bin width")

// ErrOrigin is wrapped by the error for an origin that does not suit a width.
var ErrOrigin = errors.New("invalid bin origin")

// Width is how long bins are. As in PostgreSQL's interval, months, days and microseconds
// are counted apart, because months and days have no fixed length; exactly one of them
// is positive and the others are zero. Years are 12 months and weeks are 7 days.
type Width struct {
	Months int32
	Days   int32
	Micros int64
}

// Widths beyond ten thousand years are refused.
const (
	maxYears  = 10_000
	maxMonths = 12 * maxYears
	maxDays   = 366 * maxYears
	maxMicros = maxDays * day
)

// String prints the width as an interval, such as 1 month, 7 days or 90 minutes.
func (w Width) String() string {
	var s string
	add := func(n int64, unit string) {
		if s != "" {
			s += " "
		}
		s += fmt.Sprintf("%d %s", n, unit)
		if n != 1 {
			s += "s"
		}
	}
	if w.Months != 0 {
		add(int64(w.Months), "month")
	}
	if w.Days != 0 {
		add(int64(w.Days), "day")
	}
	micros := w.Micros
	if micros == 0 {
		if s == "" {
			return "0 days"
		}
		return s
	}
	for _, u := range []struct {
		size int64
		name string
	}{{hour, "hour"}, {minute, "minute"}, {second, "second"}, {1000, "millisecond"}, {1, "microsecond"}} {
		if micros%u.size == 0 {
			add(micros/u.size, u.name)
			break
		}
	}
	return s
}

// kind tells which of the rules for bins a width follows.
type kind uint8

const (
	calendar kind = iota // bins between the first passages of labels (Z2)
	clock                // bins between shifts and labels (Z3)
	elapsed              // bins of one length, whatever the clock does
)

// check returns the kind of bins that a width makes and the width with whole days of 24
// hours counted as days.
func (w Width) check() (kind, Width, error) {
	if w.Months < 0 || w.Days < 0 || w.Micros < 0 {
		return 0, w, fmt.Errorf("%w: %v is negative", ErrWidth, w)
	}
	set := 0
	for _, n := range []int64{int64(w.Months), int64(w.Days), w.Micros} {
		if n > 0 {
			set++
		}
	}
	switch {
	case set == 0:
		return 0, w, fmt.Errorf("%w: it is zero", ErrWidth)
	case set > 1:
		return 0, w, fmt.Errorf("%w: %v mixes months, days and hours, which have no common length", ErrWidth, w)
	case w.Months > maxMonths, w.Days > maxDays, w.Micros > maxMicros:
		return 0, w, fmt.Errorf("%w: %v is more than %d years", ErrWidth, w, maxYears)
	case w.Micros == 0:
		return calendar, w, nil
	case w.Micros%day == 0:
		return calendar, Width{Days: int32(w.Micros / day)}, nil
	case hour%w.Micros == 0:
		return clock, w, nil
	case day%w.Micros == 0 && w.Micros%hour == 0:
		return calendar, w, nil
	}
	return elapsed, w, nil
}

// DefaultOrigin returns the local time that bins of a width are counted from when the
// user names no other: midnight of Monday 2000-01-03, so that weeks begin on Monday, and
// of 2000-01-01 for months and years. A time of day is added to it: 06:00 local on the
// default origin makes gas days of days.
func DefaultOrigin(w Width) int64 {
	const newYear2000 = 10957 * day
	if w.Months != 0 {
		return newYear2000
	}
	return newYear2000 + 2*day
}

// labels is an endless ascending row of local times, evenly spaced in microseconds or,
// by the calendar, in months.
type labels struct {
	months int64 // between labels, or 0
	micros int64 // between labels, or 0
	phase  int64 // how far labels lie after a multiple of micros, or after the start of their month
	month  int64 // for months: one month that has a label, as in [monthOf]
}

// newLabels returns the labels of a checked width.
func newLabels(w Width, origin int64) (labels, error) {
	origin = clampLocal(origin)
	if w.Months == 0 {
		micros := int64(w.Days)*day + w.Micros
		return labels{micros: micros, phase: floorMod(origin, micros)}, nil
	}
	l := labels{months: int64(w.Months), month: monthOf(origin)}
	l.phase = origin - startOfMonth(l.month)
	if l.phase >= 28*day {
		return l, fmt.Errorf("%w: no day after the 28th is in every month", ErrOrigin)
	}
	return l, nil
}

// around returns the last label at or before a local time and the one after it.
func (l *labels) around(local int64) (label, next int64) {
	if l.months == 0 {
		past := floorMod(local, l.micros) - l.phase
		if past < 0 {
			past += l.micros
		}
		return addSaturating(local, -past), addSaturating(local, l.micros-past)
	}
	month := monthOf(addSaturating(local, -l.phase))
	month -= floorMod(month-l.month, l.months)
	return addSaturating(startOfMonth(month), l.phase), addSaturating(startOfMonth(month+l.months), l.phase)
}
