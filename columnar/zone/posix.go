package zone

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// errRule is wrapped by every error of [parseRule].
var errRule = errors.New("malformed POSIX time zone rule")

// maxOffset bounds every offset, and so how far local time is from UTC (RFC 9636
// section 3.2: -25 to 26 hours).
const maxOffset = 26 * hour

// posixRule is the part of a POSIX TZ string that changes the clock twice a year, for
// ever. Its changes are numbered: number 2y is the first of year y, 2y+1 the second.
type posixRule struct {
	changes [2]yearlyChange
}

// yearlyChange is one clock change that recurs every year.
type yearlyChange struct {
	date   yearlyDate
	utc    int64 // microseconds from midnight UTC of the date to the change
	effect Transition
}

// yearlyDate is a date that recurs every year, in one of the three forms of POSIX.
type yearlyDate struct {
	form             byte // 'M': month, week, weekday; 'J': day 1 to 365 without 29 February; '0': day 0 to 365
	month, week, day int64
}

// in returns the date in a year, in days from 1970-01-01.
func (d yearlyDate) in(year int64) int64 {
	switch d.form {
	case 'J':
		days := daysOf(year, 1, 1) + d.day - 1
		if d.day >= 60 && daysOf(year, 3, 1)-daysOf(year, 1, 1) == 60 {
			days++ // 29 February is not counted
		}
		return days
	case '0':
		return daysOf(year, 1, 1) + d.day
	}
	first := daysOf(year, d.month, 1)
	days := first + floorMod(d.day-weekdayOf(first), 7) + 7*(d.week-1)
	if d.week == 5 { // the last one, which may be the fourth
		next := daysOf(year+(d.month/12), d.month%12+1, 1)
		if days >= next {
			days -= 7
		}
	}
	return days
}

// at returns change number k. In the last years of time there are no more: their changes
// are past the end.
func (r *posixRule) at(k int64) Transition {
	const lastYear = 292_270 // its days still fit into an int64 as microseconds
	c := &r.changes[k&1]
	tr := c.effect
	switch year := k >> 1; {
	case year > lastYear:
		tr.At = math.MaxInt64
	case year < -lastYear:
		tr.At = math.MinInt64
	default:
		tr.At = c.date.in(year)*day + c.utc
	}
	return tr
}

// find returns the number of the last change at or before an instant.
func (r *posixRule) find(t int64) int64 {
	year, _, _ := dateOf(floorDiv(t, day))
	k := 2*year + 1 // or a little earlier or later: a change may be a week outside its year
	for r.at(k+1).At <= t {
		k++
	}
	for r.at(k).At > t {
		k--
	}
	return k
}

// ordered reports whether the changes are in strictly ascending order in every year
// of the calendar's cycle, the last of a year before the first of the next.
func (r *posixRule) ordered() bool {
	const cycleYears = 400
	for k := int64(2 * 2000); k <= 2*(2000+cycleYears); k++ {
		if r.at(k).At <= r.at(k-1).At {
			return false
		}
	}
	return true
}

// parseRule parses a TZ string as in RFC 9636 section 3.3.1: POSIX with hours from
// -167 to 167. For a string without yearly changes it returns a nil rule. always is
// what is in force when there is no rule, and standard time otherwise.
//
// A string whose two changes coincide in some year, or whose two offsets are equal, is
// refused: it describes no clock change and no release of the database contains one.
func parseRule(s string) (rule *posixRule, always Transition, err error) {
	p := ruleParser{rest: s}
	std, dst := Transition{}, Transition{DST: true}
	std.Abbreviation = p.abbreviation()
	std.Offset = -p.clock(24)
	if p.rest == "" || p.failed {
		return nil, std, p.err(s)
	}
	dst.Abbreviation = p.abbreviation()
	dst.Offset = std.Offset + hour
	if !strings.HasPrefix(p.rest, ",") {
		dst.Offset = -p.clock(24)
	}
	r := &posixRule{}
	r.changes[0] = p.change(std.Offset, dst)
	r.changes[1] = p.change(dst.Offset, std)
	if p.rest != "" || std.Offset == dst.Offset || dst.Offset > maxOffset {
		p.failed = true
	}
	if p.failed {
		return nil, std, p.err(s)
	}
	if r.at(2*2000).At > r.at(2*2000+1).At {
		r.changes[0], r.changes[1] = r.changes[1], r.changes[0]
	}
	if !r.ordered() {
		return nil, std, fmt.Errorf("%w %q: its changes coincide or change order", errRule, s)
	}
	return r, std, nil
}

// ruleParser takes a TZ string apart from the left; the first mistake sticks.
type ruleParser struct {
	rest   string
	failed bool
}

func (p *ruleParser) err(whole string) error {
	if p.failed {
		return fmt.Errorf("%w %q", errRule, whole)
	}
	return nil
}

// literal takes one byte that must come next.
func (p *ruleParser) literal(c byte) {
	if p.rest == "" || p.rest[0] != c {
		p.failed, p.rest = true, ""
		return
	}
	p.rest = p.rest[1:]
}

// abbreviation takes three or more letters, or anything of the kind +-0-9A-Za-z in <>.
func (p *ruleParser) abbreviation() string {
	quoted := strings.HasPrefix(p.rest, "<")
	if quoted {
		p.rest = p.rest[1:]
	}
	n := 0
	for n < len(p.rest) && (isLetter(p.rest[n]) || quoted && (isDigit(p.rest[n]) || p.rest[n] == '+' || p.rest[n] == '-')) {
		n++
	}
	name := p.rest[:n]
	p.rest = p.rest[n:]
	if quoted {
		p.literal('>')
	}
	if n < 3 {
		p.failed = true
	}
	return name
}

// clock takes [+-]hh[:mm[:ss]] with at most maxHours hours and returns microseconds.
func (p *ruleParser) clock(maxHours int64) int64 {
	sign := int64(1)
	if p.rest != "" && (p.rest[0] == '+' || p.rest[0] == '-') {
		if p.rest[0] == '-' {
			sign = -1
		}
		p.rest = p.rest[1:]
	}
	t := p.number(0, maxHours) * hour
	if strings.HasPrefix(p.rest, ":") {
		p.literal(':')
		t += p.number(0, 59) * minute
		if strings.HasPrefix(p.rest, ":") {
			p.literal(':')
			t += p.number(0, 59) * second
		}
	}
	return sign * t
}

// number takes a decimal number in [low, high].
func (p *ruleParser) number(low, high int64) int64 {
	n := 0
	for n < len(p.rest) && isDigit(p.rest[n]) {
		n++
	}
	v, err := strconv.ParseInt(p.rest[:n], 10, 64)
	p.rest = p.rest[n:]
	if err != nil || v < low || v > high {
		p.failed = true
		return low
	}
	return v
}

// change takes ",date[/time]": the change from offset before to what effect says.
func (p *ruleParser) change(before int64, effect Transition) yearlyChange {
	c := yearlyChange{effect: effect, utc: 2*hour - before}
	p.literal(',')
	switch {
	case strings.HasPrefix(p.rest, "M"):
		p.literal('M')
		c.date.form = 'M'
		c.date.month = p.number(1, 12)
		p.literal('.')
		c.date.week = p.number(1, 5)
		p.literal('.')
		c.date.day = p.number(0, 6)
	case strings.HasPrefix(p.rest, "J"):
		p.literal('J')
		c.date.form = 'J'
		c.date.day = p.number(1, 365)
	default:
		c.date.form = '0'
		c.date.day = p.number(0, 365)
	}
	if strings.HasPrefix(p.rest, "/") {
		p.literal('/')
		c.utc = p.clock(167) - before
	}
	return c
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
