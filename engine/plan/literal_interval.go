package plan

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// unit is a unit of an interval: months, days or microseconds.
type unit struct{ months, days, micros int64 }

var intervalUnits = map[string]unit{
	"microsecond": {micros: 1}, "us": {micros: 1}, "usec": {micros: 1}, "usecs": {micros: 1}, "µs": {micros: 1},
	"millisecond": {micros: 1000}, "ms": {micros: 1000}, "msec": {micros: 1000}, "msecs": {micros: 1000},
	"second": {micros: microsPerSecond}, "s": {micros: microsPerSecond}, "sec": {micros: microsPerSecond}, "secs": {micros: microsPerSecond},
	"minute": {micros: microsPerMinute}, "m": {micros: microsPerMinute}, "min": {micros: microsPerMinute}, "mins": {micros: microsPerMinute},
	"hour": {micros: microsPerHour}, "h": {micros: microsPerHour}, "hr": {micros: microsPerHour}, "hrs": {micros: microsPerHour},
	"day": {days: 1}, "d": {days: 1}, "week": {days: 7}, "w": {days: 7},
	"month": {months: 1}, "mon": {months: 1}, "mons": {months: 1},
	"quarter": {months: 3}, "year": {months: 12}, "y": {months: 12}, "yr": {months: 12}, "yrs": {months: 12},
	"decade": {months: 120}, "century": {months: 1200}, "centuries": {months: 1200}, "millennium": {months: 12000}, "millennia": {months: 12000},
}

// number is a decimal number: its whole part, and the rest of the same sign.
type number struct {
	whole    int64
	fraction float64
	overflow bool // the whole part does not fit
}

// span adds up the parts of an interval.
type span struct {
	months, days, micros int64
	overflow             bool // a part does not fit
}

// ParseInterval reads an interval: 1 month, 1 year 2 mons -3 days 04:05:06.7, 15m,
// 1 h, @ 2 hours ago, 1-2 (years-months), and ISO 8601's P1Y2M3DT4H5M6S. A number
// without a unit is of the given one. Whole numbers are exact. Fractions of years
// become whole months, those of months days (30 to a month), those of days time, as in
// PostgreSQL. The
// error is an *Error with CodeDatetimeFormat, or CodeDatetimeRange where the
// interval does not fit.
func ParseInterval(text, defaultUnit string) (any, error) {
	trimmed := strings.TrimSpace(text)
	var s span
	ok := false
	if rest, iso := strings.CutPrefix(trimmed, "P"); iso {
		ok = s.readISO(rest)
	} else {
		ok = s.readWords(strings.TrimSpace(strings.TrimPrefix(trimmed, "@")), defaultUnit)
	}
	switch {
	case !ok:
		return nil, badSyntax(text, Interval).WithHint("Write an interval as 1 month, 15 minutes, 1 day 02:03:04 or P1DT2H.")
	case s.overflow || int64(int32(s.months)) != s.months || int64(int32(s.days)) != s.days:
		return nil, Errorf(0, CodeDatetimeRange, "interval out of range: %q", text)
	}
	return Span{Months: int32(s.months), Days: int32(s.days), Micros: s.micros}, nil
}

// add adds n of a unit, or takes it away where sign is -1: whole months, the
// fraction in days of a 30-day month, and so on.
func (s *span) add(sign int64, n number, u unit) {
	s.overflow = s.overflow || n.overflow
	s.extend(&s.months, n.whole, sign*u.months)
	s.extend(&s.days, n.whole, sign*u.days)
	s.extend(&s.micros, n.whole, sign*u.micros)
	if n.fraction == 0 {
		return
	}
	f := float64(sign) * n.fraction
	const daysPerMonth = 30
	switch {
	case u.months > 1: // of years and longer, in whole months
		s.extend(&s.months, int64(math.RoundToEven(f*float64(u.months))), 1)
	case u.months == 1:
		s.spill(f * daysPerMonth)
	case u.days > 0:
		s.spill(f * float64(u.days))
	default:
		s.extend(&s.micros, int64(math.RoundToEven(f*float64(u.micros))), 1)
	}
}

// spill adds days, whose fraction becomes time.
func (s *span) spill(f float64) {
	days, rest := math.Modf(f)
	s.extend(&s.days, int64(days), 1)
	s.extend(&s.micros, int64(math.RoundToEven(rest*microsPerDay)), 1)
}

// extend adds n × unit to one of the parts.
func (s *span) extend(part *int64, n, unit int64) {
	product := n * unit
	sum := *part + product
	if unit != 0 && product/unit != n || unit == -1 && n == math.MinInt64 || (sum > *part) != (product > 0) {
		s.overflow = true
	}
	*part = sum
}

// readISO reads what follows the P of ISO 8601's form with designators.
func (s *span) readISO(rest string) bool {
	date := map[byte]string{'Y': "year", 'M': "month", 'W': "week", 'D': "day"}
	clock := map[byte]string{'H': "hour", 'M': "minute", 'S': "second"}
	units, read := date, false
	for rest != "" {
		if rest[0] == 'T' {
			if len(rest) == 1 {
				return false
			}
			units, rest = clock, rest[1:]
			continue
		}
		n, after, ok := leadingNumber(rest)
		if !ok || after == "" {
			return false
		}
		name, ok := units[after[0]]
		if !ok {
			return false
		}
		s.add(1, n, intervalUnits[name])
		rest, read = after[1:], true
	}
	return read
}

// readWords reads numbers with units, years-months and a time of day.
func (s *span) readWords(text, defaultUnit string) bool {
	var n number
	sign, pending, read := int64(1), false, false
	if before, ok := strings.CutSuffix(strings.ToLower(text), " ago"); ok {
		text, sign = before, -1
	}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimLeft(text, " \t\n") {
		if unicode.IsLetter([]rune(text)[0]) {
			word, rest := cutWord(text)
			u, ok := lookUnit(word)
			if !ok || !pending {
				return false
			}
			s.add(sign, n, u)
			text, pending, read = rest, false, true
			continue
		}
		if pending {
			return false // two numbers in a row
		}
		if field, rest := cutField(text); strings.Contains(field, ":") {
			if !s.addClock(sign, field) {
				return false
			}
			text, read = rest, true
			continue
		} else if years, months, ok := yearsMonths(field); ok {
			s.add(sign, years, intervalUnits["year"])
			s.add(sign, months, intervalUnits["month"])
			text, read = rest, true
			continue
		}
		var ok bool
		if n, text, ok = leadingNumber(text); !ok {
			return false
		}
		pending = true
	}
	if pending {
		s.add(sign, n, intervalUnits[defaultUnit])
	}
	return pending || read
}

// lookUnit finds a unit by its name, singular or plural.
func lookUnit(word string) (unit, bool) {
	word = strings.ToLower(word)
	if u, ok := intervalUnits[word]; ok {
		return u, true
	}
	singular := strings.TrimSuffix(word, "s")
	u, ok := intervalUnits[singular]
	return u, ok && len(singular) > 2
}

func cutWord(text string) (word, rest string) {
	end := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
	if end < 0 {
		return text, ""
	}
	return text[:end], text[end:]
}

func cutField(text string) (field, rest string) {
	end := strings.IndexAny(text, " \t\n")
	if end < 0 {
		return text, ""
	}
	return text[:end], text[end:]
}

// leadingNumber reads the decimal number at the start of a text.
func leadingNumber(text string) (n number, rest string, ok bool) {
	end := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsDigit(r) && !strings.ContainsRune("+-.", r) })
	if end < 0 {
		end = len(text)
	}
	const longest = 25
	if end > longest {
		return number{}, text, false
	}
	n, ok = readNumber(text[:end])
	return n, text[end:], ok
}

// readNumber reads digits with a sign and a point, both optional.
func readNumber(text string) (n number, ok bool) {
	digits, sign := text, 1.0
	if rest, minus := strings.CutPrefix(text, "-"); minus {
		digits, sign = rest, -1
	} else {
		digits = strings.TrimPrefix(text, "+")
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	if !allDigits(whole + fraction) {
		return number{}, false
	}
	if whole != "" {
		var err error
		n.whole, err = strconv.ParseInt(text[:len(text)-len(digits)+len(whole)], 10, 64)
		n.overflow = err != nil
	}
	if fraction != "" {
		f, err := strconv.ParseFloat("0."+fraction, 64)
		n.fraction, ok = sign*f, err == nil
		return n, ok
	}
	return n, true
}

// addClock adds a time of day of any number of hours: 02:03, 02:03:04.5 or
// -02:03:04.
func (s *span) addClock(sign int64, field string) bool {
	if rest, minus := strings.CutPrefix(field, "-"); minus {
		sign, field = -sign, rest
	} else {
		field = strings.TrimPrefix(field, "+")
	}
	parts := strings.Split(field, ":")
	if len(parts) > 3 {
		return false
	}
	for i, part := range parts {
		n, ok := readNumber(part)
		if !ok || !allDigits(part[:1]) || i < 2 && strings.Contains(part, ".") {
			return false
		}
		s.overflow = s.overflow || n.whole > []int64{math.MaxInt64, 59, 60}[i]
		s.add(sign, n, unit{micros: []int64{microsPerHour, microsPerMinute, microsPerSecond}[i]})
	}
	return true
}

// yearsMonths reads SQL's 1-2 and -1-2.
func yearsMonths(field string) (years, months number, ok bool) {
	digits := strings.TrimPrefix(field, "-")
	y, m, found := strings.Cut(digits, "-")
	if !found || !allDigits(y) || !allDigits(m) {
		return number{}, number{}, false
	}
	sign := field[:len(field)-len(digits)]
	years, _ = readNumber(sign + y)
	months, _ = readNumber(sign + m)
	return years, months, max(months.whole, -months.whole) < 12
}
