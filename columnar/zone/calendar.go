package zone

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// ErrPhase is wrapped by the error for a phase that no calendar can have.
var ErrPhase = fmt.Errorf("%w: the phase of a calendar period is a time of day", ErrOrigin)

// Calendar numbers the bins of a calendar width in a zone (Z2): 0 is the one whose label
// is the latest that is not after 1970-01-01 on the local clock (plus the phase), and the
// numbers go on without a gap in both directions. A day that the clock skips keeps its
// number: it begins where the next one does, lasts no time and holds no instant.
//
// A Calendar is immutable and safe for concurrent use; two that are equal are the same
// pointer, so that they can be compared by it. Instants of its bins are computed once, in
// pages.
type Calendar struct {
	width Width
	zone  *Zone
	phase int64 // from the start of the unit to the label
	first int64 // label 0, in microseconds, or in months from January of year 0
	pages []atomic.Pointer[calendarPage]
}

// calendarPage is the instants at which some bins begin.
type calendarPage [calendarPageLen]int64

const (
	calendarPageLen = 256
	pagedYears      = 150 // on either side of 1970
)

// calendarKey is what calendars are told apart by.
type calendarKey struct {
	width Width
	zone  *Zone
	phase int64
}

// calendars holds every calendar that was asked for, by calendarKey.
var calendars sync.Map

// NewCalendar returns the calendar of a width of whole months or days in a zone, whose
// bins begin at a time of day: phase is in [0, 24 h). Weeks begin on Monday. An error
// wraps [ErrWidth] or [ErrOrigin].
func NewCalendar(width Width, z *Zone, phase int64) (*Calendar, error) {
	if _, _, err := width.check(); err != nil {
		return nil, err
	}
	if width.Micros != 0 {
		return nil, fmt.Errorf("%w: %v has no whole days or months", ErrWidth, width)
	}
	if phase < 0 || phase >= day {
		return nil, fmt.Errorf("%w, from 0 to less than 24 hours", ErrPhase)
	}
	key := calendarKey{width, z, phase}
	if c, ok := calendars.Load(key); ok {
		return c.(*Calendar), nil
	}
	c := &Calendar{width: width, zone: z, phase: phase}
	if width.Months > 0 {
		c.first = latestLabel(monthOf(DefaultOrigin(width)), monthOf(0), int64(width.Months))
	} else {
		c.first = latestLabel(DefaultOrigin(width), 0, int64(width.Days)*day)
	}
	half := pagedYears*366*day/c.Nominal()/calendarPageLen + 1
	c.pages = make([]atomic.Pointer[calendarPage], 2*half)
	kept, _ := calendars.LoadOrStore(key, c)
	return kept.(*Calendar), nil
}

// latestLabel returns the latest of the labels origin + k·step that is not after at.
func latestLabel(origin, at, step int64) int64 { return at - floorMod(at-origin, step) }

// Width returns the width of the bins.
func (c *Calendar) Width() Width { return c.width }

// Zone returns the zone of the bins.
func (c *Calendar) Zone() *Zone { return c.zone }

// Phase returns the time of day at which bins begin.
func (c *Calendar) Phase() int64 { return c.phase }

// Equal reports whether two calendars are the same.
func (c *Calendar) Equal(o *Calendar) bool { return c == o }

// String prints the calendar, as in 1 month in Europe/Berlin.
func (c *Calendar) String() string { return c.width.String() + " in " + c.zone.name }

// Nominal returns how long a bin lasts on average, in microseconds.
func (c *Calendar) Nominal() int64 {
	const month = 146_097 * day / 4800 // of 400 years
	return int64(c.width.Months)*month + int64(c.width.Days)*day
}

// Begin returns the instant at which bin n begins.
func (c *Calendar) Begin(n int64) int64 {
	at := n + int64(len(c.pages))/2*calendarPageLen
	if at < 0 || at >= int64(len(c.pages))*calendarPageLen {
		return c.zone.Instant(c.label(n))
	}
	return c.page(at / calendarPageLen)[at%calendarPageLen]
}

// page returns a page, which it computes when it is first asked for.
func (c *Calendar) page(i int64) *calendarPage {
	if p := c.pages[i].Load(); p != nil {
		return p
	}
	p := new(calendarPage)
	first := (i - int64(len(c.pages))/2) * calendarPageLen
	for k := range p {
		p[k] = c.zone.Instant(c.label(first + int64(k)))
	}
	c.pages[i].Store(p) // whoever else computes it has the same
	return p
}

// label returns the local time that bin n begins at by name.
func (c *Calendar) label(n int64) int64 {
	if months := int64(c.width.Months); months > 0 {
		return addSaturating(startOfMonth(addSaturating(c.first, saturatingTimes(n, months))), c.phase)
	}
	return addSaturating(saturatingTimes(n, int64(c.width.Days)*day), c.first+c.phase)
}

// Number returns the number of the bin that holds an instant.
func (c *Calendar) Number(t int64) int64 {
	t = min(max(t, beginning), end-1)
	local := addSaturating(t, -c.phase)
	var n int64
	if months := int64(c.width.Months); months > 0 {
		n = floorDiv(monthOf(local)-c.first, months)
	} else {
		n = floorDiv(addSaturating(local, -c.first), int64(c.width.Days)*day)
	}
	// A zone is at most a day or so away from UTC.
	for c.Begin(n) > t {
		n--
	}
	for c.Begin(n+1) <= t {
		n++
	}
	return n
}
