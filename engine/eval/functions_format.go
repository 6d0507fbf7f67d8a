package eval

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
)

// to_char of times and intervals. Reading them by a format is in functions_parse.go,
// formats of numbers are in functions_number.go.
var (
	_ = register("to_char", formatStamp(func(e *Env) *zone.Zone { return e.Zone }), plan.Timestamptz, plan.Text)
	_ = register("to_char", formatStamp(func(*Env) *zone.Zone { return nil }), plan.Timestamp, plan.Text)
	_ = register("to_char", formatWith(func(_ *callContext, args []Vector, i int) (stamp, bool) {
		return spanStamp(args[0].Spans[i&args[0].mask()]), true
	}), plan.Interval, plan.Text)
)

// stampPatterns are the patterns of time formats, longest first where one is the
// beginning of another. They are recognized in any case.
var stampPatterns = []string{
	"HH24", "HH12", "HH", "MI", "SSSSS", "SSSS", "SS", "MS", "US", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6",
	"A.M.", "P.M.", "AM", "PM", "A.D.", "B.C.", "AD", "BC", "Y,YYY", "YYYY", "YYY", "YY", "Y", "IYYY", "IYY", "IY", "IDDD", "ID", "IW", "I",
	"MONTH", "MON", "MM", "DAY", "DDD", "DD", "DY", "D", "WW", "W", "CC", "J", "Q", "RM", "TZH", "TZM", "TZ", "OF",
}

// token is a piece of a format: a pattern, with what modifies it, or text.
type token struct {
	pattern string // in upper case; empty: text
	text    string // the text, or the pattern as it was written
	fill    bool   // FM: no blanks and leading zeros
	ordinal string // TH or th
}

// formatTokens cuts a format into patterns and text between them. Text in double
// quotes is never a pattern; in it and out of it \" is a quote.
func formatTokens(format string) []token {
	var out []token
	quoted := false
	literal := func(n int) {
		out = append(out, token{text: format[:n]})
		format = format[n:]
	}
	for format != "" {
		switch {
		case strings.HasPrefix(format, `\"`) || quoted && format[0] == '\\' && len(format) > 1:
			format = format[1:]
			literal(1)
		case format[0] == '"':
			quoted, format = !quoted, format[1:]
		case quoted:
			literal(1)
		case len(format) >= 2 && strings.EqualFold(format[:2], "FX"):
			format = format[2:]
		default:
			t, rest := cutPattern(format)
			if t.pattern == "" {
				literal(1)
				continue
			}
			out, format = append(out, t), rest
		}
	}
	return out
}

// cutPattern returns the pattern that a format begins with, if any, and what follows.
func cutPattern(format string) (t token, rest string) {
	rest = format
	if len(rest) > 2 && strings.EqualFold(rest[:2], "FM") {
		t.fill, rest = true, rest[2:]
	}
	for _, p := range stampPatterns {
		if len(rest) >= len(p) && strings.EqualFold(rest[:len(p)], p) {
			t.pattern, t.text, rest = p, rest[:len(p)], rest[len(p):]
			break
		}
	}
	if len(rest) >= 2 && strings.EqualFold(rest[:2], "TH") {
		t.ordinal, rest = rest[:2], rest[2:]
	}
	return t, rest
}

// stamp is a time, or an interval, taken apart for its format.
type stamp struct {
	day                  time.Time // the date, as UTC
	year, month          int64     // of the date; those of an interval may be beyond it
	dayOfMonth           int64
	hour, minute, second int64
	micros               int64 // within the second
	offset               int64 // of the zone, in seconds
	zone                 string
	span                 bool
}

// localStamp takes a local time apart; what its zone says is left out.
func localStamp(local int64) stamp {
	t := time.UnixMicro(local).UTC()
	return stamp{
		day: t, year: int64(t.Year()), month: int64(t.Month()), dayOfMonth: int64(t.Day()),
		hour: int64(t.Hour()), minute: int64(t.Minute()), second: int64(t.Second()), micros: floorMod(local, microsPerSecond),
	}
}

// spanStamp takes an interval apart. Its hours may be more than 24, and each field
// may be negative.
func spanStamp(s plan.Span) stamp {
	const minute, hour = 60 * microsPerSecond, 3600 * microsPerSecond
	return stamp{
		span: true, day: time.UnixMicro(0).UTC(), year: int64(s.Months / 12), month: int64(s.Months % 12), dayOfMonth: int64(s.Days),
		hour: s.Micros / hour, minute: s.Micros % hour / minute, second: s.Micros % minute / microsPerSecond, micros: s.Micros % microsPerSecond,
	}
}

// formatStamp is to_char of a local time, or of an instant on a clock.
func formatStamp(clock func(*Env) *zone.Zone) vectorFunc {
	return formatWith(func(c *callContext, args []Vector, i int) (stamp, bool) {
		t := args[0].Ints[i&args[0].mask()]
		if !finite(t) {
			return stamp{}, false
		}
		z := clock(c.env)
		if z == nil {
			return localStamp(t), true
		}
		local := z.Local(t)
		s := localStamp(local)
		s.offset, s.zone = (local-t)/microsPerSecond, z.Abbreviation(t)
		return s, true
	})
}

// maxFormat is the length of the longest format.
const maxFormat = 4096

func checkFormat(format string) error {
	if len(format) > maxFormat {
		return plan.Errorf(0, plan.CodeTooMany, "a format of %d bytes is longer than %d", len(format), maxFormat)
	}
	return nil
}

// formatWith is to_char of what take takes apart; NULL where it cannot, and for an
// empty format, as in PostgreSQL.
func formatWith(take func(c *callContext, args []Vector, i int) (stamp, bool)) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		var tokens []token
		var last string
		return nullable(func(c *callContext, args []Vector, i int) (string, bool, error) {
			f := text(args, 1, i)
			if err := checkFormat(f); err != nil {
				return "", false, err
			}
			if tokens == nil || f != last {
				tokens, last = formatTokens(f), f
			}
			s, ok := take(c, args, i)
			if !ok || f == "" {
				return "", false, nil
			}
			return s.format(tokens), true, nil
		})(c, args, n)
	}
}

func (s *stamp) format(tokens []token) string {
	var b strings.Builder
	for _, t := range tokens {
		if t.pattern == "" {
			b.WriteString(t.text)
			continue
		}
		if n, width, ok := s.number(t.pattern); ok {
			if t.fill {
				width = 1
			} else if n < 0 {
				width++ // for the sign
			}
			fmt.Fprintf(&b, "%0*d", width, n)
			b.WriteString(ordinal(n, t.ordinal))
			continue
		}
		word := s.word(t)
		if t.fill {
			word = strings.TrimRight(word, " ")
		}
		b.WriteString(word)
	}
	return b.String()
}

// number returns the value and the width of a pattern that stands for a number.
func (s *stamp) number(pattern string) (n int64, width int, ok bool) {
	switch pattern {
	case "HH24":
		return s.hour, 2, true
	case "HH12", "HH":
		if s.hour%12 == 0 {
			return 12, 2, true
		}
		return s.hour % 12, 2, true
	case "MI":
		return s.minute, 2, true
	case "SS":
		return s.second, 2, true
	case "SSSS", "SSSSS":
		return s.hour*3600 + s.minute*60 + s.second, 1, true
	case "MS":
		return s.micros / 1000, 3, true
	case "US":
		return s.micros, 6, true
	case "MM":
		return s.month, 2, true
	case "DD":
		return s.dayOfMonth, 2, true
	case "Q":
		return (s.month-1)/3 + 1, 1, true
	case "J":
		return floorDays(s.day.UnixMicro()) + julianEpoch, 1, true
	}
	if strings.HasPrefix(pattern, "FF") {
		digits := int(pattern[2] - '0')
		return s.micros / int64(math.Pow10(6-digits)), digits, true
	}
	if n, width, ok = s.yearNumber(pattern); ok {
		return n, width, ok
	}
	return s.dayNumber(pattern)
}

// julianEpoch is the Julian day of 1970-01-01.
const julianEpoch = 2440588

// yearNumber is number for the patterns of years.
func (s *stamp) yearNumber(pattern string) (n int64, width int, ok bool) {
	year := s.year
	if pattern[0] == 'I' {
		iso, _ := s.day.ISOWeek()
		year = int64(iso)
	}
	if year <= 0 && !s.span {
		year = 1 - year // before Christ
	}
	switch pattern {
	case "YYYY", "IYYY":
		return year, 4, true
	case "YYY", "IYY":
		return year % 1000, 3, true
	case "YY", "IY":
		return year % 100, 2, true
	case "Y", "I":
		return year % 10, 1, true
	case "CC":
		return (year + 99) / 100, 2, true
	}
	return 0, 0, false
}

// dayNumber is number for the patterns of days and weeks.
func (s *stamp) dayNumber(pattern string) (n int64, width int, ok bool) {
	_, isoWeek := s.day.ISOWeek()
	weekday := int64(s.day.Weekday())
	isoDay := (weekday+6)%7 + 1
	switch pattern {
	case "DDD":
		if s.span {
			return s.dayOfMonth, 3, true
		}
		return int64(s.day.YearDay()), 3, true
	case "D":
		return weekday + 1, 1, true
	case "W":
		return (s.dayOfMonth-1)/7 + 1, 1, true
	case "WW":
		return int64(s.day.YearDay()-1)/7 + 1, 2, true
	case "ID":
		return isoDay, 1, true
	case "IW":
		return int64(isoWeek), 2, true
	case "IDDD":
		return int64(isoWeek-1)*7 + isoDay, 3, true
	}
	return 0, 0, false
}

// romanMonths are the months of the pattern RM.
var romanMonths = [12]string{"I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"}

// word returns what a pattern that stands for a word shows.
func (s *stamp) word(t token) string {
	month, day := s.day.Month().String(), s.day.Weekday().String()
	half, era := "AM", "AD"
	if s.hour%24 >= 12 {
		half = "PM"
	}
	if s.year <= 0 {
		era = "BC"
	}
	switch t.pattern {
	case "MONTH":
		return like(t.text, fmt.Sprintf("%-9s", month))
	case "MON":
		return like(t.text, month[:3])
	case "DAY":
		return like(t.text, fmt.Sprintf("%-9s", day))
	case "DY":
		return like(t.text, day[:3])
	case "RM":
		return like(t.text, fmt.Sprintf("%-4s", romanMonths[floorMod(s.month-1, 12)]))
	case "AM", "PM":
		return like(t.text, half)
	case "A.M.", "P.M.":
		return like(t.text, half[:1]+"."+half[1:]+".")
	case "AD", "BC":
		return like(t.text, era)
	case "A.D.", "B.C.":
		return like(t.text, era[:1]+"."+era[1:]+".")
	case "Y,YYY":
		return fmt.Sprintf("%d,%03d", s.year/1000, s.year%1000)
	case "TZ":
		return like(t.text, s.zone)
	}
	return s.zoneOffset(t.pattern)
}

// zoneOffset shows TZH, TZM and OF.
func (s *stamp) zoneOffset(pattern string) string {
	sign, off := "+", s.offset
	if off < 0 {
		sign, off = "-", -off
	}
	switch {
	case pattern == "TZM":
		return fmt.Sprintf("%02d", off/60%60)
	case pattern == "TZH" || off%3600 == 0:
		return fmt.Sprintf("%s%02d", sign, off/3600)
	}
	return fmt.Sprintf("%s%02d:%02d", sign, off/3600, off/60%60)
}

// like gives a word the case in which its pattern was written: DAY, Day or day.
func like(pattern, word string) string {
	switch {
	case pattern == strings.ToLower(pattern):
		return strings.ToLower(word)
	case len(pattern) > 1 && pattern[1] >= 'a':
		return word[:1] + strings.ToLower(word[1:])
	}
	return strings.ToUpper(word)
}

// ordinal returns st, nd, rd or th, in the case of its suffix; nothing without one.
func ordinal(n int64, suffix string) string {
	if suffix == "" {
		return ""
	}
	return like(suffix, ordinalEnd(strconv.FormatInt(n, 10)))
}

// ordinalEnd returns what makes a decimal an ordinal number.
func ordinalEnd(digits string) string {
	if n := len(digits); n < 2 || digits[n-2] != '1' {
		switch digits[n-1] {
		case '1':
			return "st"
		case '2':
			return "nd"
		case '3':
			return "rd"
		}
	}
	return "th"
}
