package plan

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// unit is a unit of an interval: months, days or microseconds.
type unit struct {
	months, days float64
	micros       float64
}

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

// span adds up the parts of an interval before they are rounded.
type span struct{ months, days, micros float64 }

// ParseInterval reads an interval: 1 month, 1 year 2 mons -3 days 04:05:06.7, 15m,
// 1 h, @ 2 hours ago, 1-2 (years-months), and ISO 8601's P1Y2M3DT4H5M6S. A number
// without a unit is of the given one. Fractions of months become days (30 to a
// month), those of days become time, as in PostgreSQL. The time is exact to the
// microsecond up to 285 years. The error is an *Error with
// CodeDatetimeFormat.
func ParseInterval(text, defaultUnit string) (any, error) {
	trimmed := strings.TrimSpace(text)
	var s span
	ok := false
	if rest, iso := strings.CutPrefix(trimmed, "P"); iso {
		ok = s.readISO(rest)
	} else {
		ok = s.readWords(strings.TrimSpace(strings.TrimPrefix(trimmed, "@")), defaultUnit)
	}
	if !ok {
		return nil, badSyntax(text, Interval).WithHint("Write an interval as 1 month, 15 minutes, 1 day 02:03:04 or P1DT2H.")
	}
	return s.round(text)
}

// add adds n of a unit: whole months, the fraction in days of a 30-day month, and
// so on.
func (s *span) add(n float64, u unit) {
	months := n * u.months
	whole := math.Trunc(months)
	s.months += whole
	days := n*u.days + math.Round((months-whole)*30*1e6)/1e6
	whole = math.Trunc(days)
	s.days += whole
	s.micros += n*u.micros + math.Round((days-whole)*microsPerDay)
}

// round makes a Span of the sums.
func (s *span) round(text string) (any, error) {
	micros := math.RoundToEven(s.micros)
	if math.Abs(s.months) > math.MaxInt32 || math.Abs(s.days) > math.MaxInt32 || math.Abs(micros) >= math.MaxInt64 {
		return nil, Errorf(0, CodeDatetimeRange, "interval out of range: %q", text)
	}
	return Span{Months: int32(s.months), Days: int32(s.days), Micros: int64(micros)}, nil
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
		s.add(n, intervalUnits[name])
		rest, read = after[1:], true
	}
	return read
}

// readWords reads numbers with units, years-months and a time of day.
func (s *span) readWords(text, defaultUnit string) bool {
	sign, n, pending, read := 1.0, 0.0, false, false
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
			s.add(sign*n, u)
			text, pending, read = rest, false, true
			continue
		}
		if pending {
			return false // two numbers in a row
		}
		if field, rest := cutField(text); strings.Contains(field, ":") {
			micros, ok := signedClock(field)
			if !ok {
				return false
			}
			s.micros += sign * micros
			text, read = rest, true
			continue
		} else if years, months, ok := yearsMonths(field); ok {
			s.months += sign * (12*years + months)
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
		s.add(sign*n, intervalUnits[defaultUnit])
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
func leadingNumber(text string) (n float64, rest string, ok bool) {
	end := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsDigit(r) && !strings.ContainsRune("+-.", r) })
	if end < 0 {
		end = len(text)
	}
	const longest = 25
	if end == 0 || end > longest {
		return 0, text, false
	}
	n, err := strconv.ParseFloat(text[:end], 64)
	return n, text[end:], err == nil
}

// signedClock reads 02:03, 02:03:04.5 or -02:03:04, of any number of hours, in
// microseconds.
func signedClock(field string) (float64, bool) {
	sign := 1.0
	if field[0] == '-' || field[0] == '+' {
		if field[0] == '-' {
			sign = -1
		}
		field = field[1:]
	}
	parts := strings.Split(field, ":")
	if len(parts) > 3 {
		return 0, false
	}
	micros := 0.0
	for i, part := range parts {
		n, err := strconv.ParseFloat(part, 64)
		if err != nil || !allDigits(strings.ReplaceAll(part, ".", "")) || i > 0 && n >= 60 || i < 2 && strings.Contains(part, ".") {
			return 0, false
		}
		micros += n * []float64{microsPerHour, microsPerMinute, microsPerSecond}[i]
	}
	return sign * micros, true
}

// yearsMonths reads SQL's 1-2 and -1-2.
func yearsMonths(field string) (years, months float64, ok bool) {
	sign := 1.0
	if rest, minus := strings.CutPrefix(field, "-"); minus {
		sign, field = -1, rest
	}
	y, m, found := strings.Cut(field, "-")
	if !found || !allDigits(y) || !allDigits(m) {
		return 0, 0, false
	}
	years, errY := strconv.ParseFloat(y, 64)
	months, errM := strconv.ParseFloat(m, 64)
	return sign * years, sign * months, errY == nil && errM == nil && months < 12
}
