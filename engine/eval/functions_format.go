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

// to_char, to_timestamp and to_date of times. Number formats are in
// functions_number.go.
var (
	_ = register("to_char", formatStamp(func(e *Env) *zone.Zone { return e.Zone }), plan.Timestamptz, plan.Text)
	_ = register("to_char", formatStamp(func(*Env) *zone.Zone { return zone.UTC }), plan.Timestamp, plan.Text)
	_ = register("to_char", binary(formatSpan), plan.Interval, plan.Text)
	_ = register("to_timestamp", binaryErr(func(c *callContext, s, format string) (int64, error) {
		local, err := parseStamp(s, format)
		return c.env.Zone.Instant(local), err
	}), plan.Text, plan.Text)
	_ = register("to_date", binaryErr(func(_ *callContext, s, format string) (int64, error) {
		local, err := parseStamp(s, format)
		return floorDays(local), err
	}), plan.Text, plan.Text)
)

// stampPatterns are the patterns of time formats, longest first where one is the
// beginning of another.
var stampPatterns = []string{
	"HH24", "HH12", "HH", "MI", "SSSSS", "SSSS", "SS", "MS", "US", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6", "A.M.", "P.M.", "AM", "PM", "a.m.", "p.m.", "am", "pm",
	"Y,YYY", "YYYY", "YYY", "YY", "Y", "IYYY", "IYY", "IY", "IDDD", "ID", "IW", "I",
	"MONTH", "Month", "month", "MON", "Mon", "mon", "MM", "DAY", "Day", "day", "DDD", "DD", "DY", "Dy", "dy", "D", "WW", "W", "CC", "J", "Q", "TZH", "TZM", "TZ", "tz", "OF",
}

// stamp is a time taken apart for its format.
type stamp struct {
	t      time.Time // the local time, as UTC
	micros int64     // within the second
	offset int64     // of the zone, in seconds
	zone   string    // abbreviation
}

// token is a piece of a format: a pattern, with what modifies it, or text.
type token struct {
	pattern string // empty: text
	text    string
	fill    bool // FM: no blanks and leading zeros
	ordinal string
}

// formatTokens cuts a format into patterns and text between them; text in double
// quotes is never a pattern.
func formatTokens(format string) []token {
	var out []token
	for format != "" {
		if format[0] == '"' {
			quoted, rest, _ := strings.Cut(format[1:], `"`)
			out, format = append(out, token{text: quoted}), rest
			continue
		}
		t := token{}
		rest := format
		if strings.HasPrefix(rest, "FM") {
			t.fill, rest = true, rest[2:]
		}
		for _, p := range stampPatterns {
			if strings.HasPrefix(rest, p) {
				t.pattern, rest = p, rest[len(p):]
				break
			}
		}
		if t.pattern == "" {
			out, format = append(out, token{text: format[:1]}), format[1:]
			continue
		}
		for _, suffix := range []string{"TH", "th"} {
			if strings.HasPrefix(rest, suffix) {
				t.ordinal, rest = suffix, rest[2:]
			}
		}
		out, format = append(out, t), rest
	}
	return out
}

func formatStamp(clock func(*Env) *zone.Zone) kernel {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		z := clock(c.env)
		out := make([]string, n)
		var tokens []token
		var last string
		valid, err := each(args, n, func(i int) error {
			if f := text(args, 1, i); tokens == nil || f != last {
				tokens, last = formatTokens(f), f
			}
			t := args[0].Ints[i&args[0].mask()]
			if !finite(t) {
				return nil
			}
			local := z.Local(t)
			s := stamp{t: time.UnixMicro(local).UTC(), micros: floorMod(local, microsPerSecond), offset: (local - t) / microsPerSecond, zone: z.Abbreviation(t)}
			out[i] = s.format(tokens)
			return nil
		})
		return of(out, valid), err
	}
}

func (s stamp) format(tokens []token) string {
	var b strings.Builder
	for _, t := range tokens {
		if t.pattern == "" {
			b.WriteString(t.text)
			continue
		}
		if n, width, ok := s.number(t.pattern); ok {
			digits := strconv.FormatInt(n, 10)
			if !t.fill {
				digits = fmt.Sprintf("%0*d", width, n)
			}
			b.WriteString(digits + ordinal(n, t.ordinal))
			continue
		}
		word := s.word(t.pattern)
		if t.fill {
			word = strings.TrimRight(word, " ")
		}
		b.WriteString(word)
	}
	return b.String()
}

// number returns the value and the width of a pattern that stands for a number.
func (s stamp) number(pattern string) (n int64, width int, ok bool) {
	isoYear, isoWeek := s.t.ISOWeek()
	hour12 := (s.t.Hour()+11)%12 + 1
	year, isoDay := s.t.Year(), (int(s.t.Weekday())+6)%7+1
	values := map[string][2]int{
		"HH24": {s.t.Hour(), 2}, "HH12": {hour12, 2}, "HH": {hour12, 2}, "MI": {s.t.Minute(), 2}, "SS": {s.t.Second(), 2},
		"SSSS": {s.t.Hour()*3600 + s.t.Minute()*60 + s.t.Second(), 1}, "SSSSS": {s.t.Hour()*3600 + s.t.Minute()*60 + s.t.Second(), 1},
		"MS": {int(s.micros / 1000), 3}, "US": {int(s.micros), 6}, "YYYY": {year, 4}, "YYY": {year % 1000, 3}, "YY": {year % 100, 2}, "Y": {year % 10, 1},
		"IYYY": {isoYear, 4}, "IYY": {isoYear % 1000, 3}, "IY": {isoYear % 100, 2}, "I": {isoYear % 10, 1}, "IW": {isoWeek, 2}, "ID": {isoDay, 1},
		"IDDD": {(isoWeek-1)*7 + isoDay, 3}, "MM": {int(s.t.Month()), 2}, "DDD": {s.t.YearDay(), 3}, "DD": {s.t.Day(), 2}, "D": {int(s.t.Weekday()) + 1, 1},
		"WW": {(s.t.YearDay()-1)/7 + 1, 2}, "W": {(s.t.Day()-1)/7 + 1, 1}, "CC": {(year + 99) / 100, 2}, "Q": {(int(s.t.Month())-1)/3 + 1, 1},
		"J": {int(floorDays(s.t.UnixMicro())) + 2440588, 1},
	}
	if strings.HasPrefix(pattern, "FF") {
		digits := int(pattern[2] - '0')
		return s.micros / int64(math.Pow10(6-digits)), digits, true
	}
	v, ok := values[pattern]
	return int64(v[0]), v[1], ok
}

// word returns what a pattern that stands for a word shows.
func (s stamp) word(pattern string) string {
	month, day := s.t.Month().String(), s.t.Weekday().String()
	half := "AM"
	if s.t.Hour() >= 12 {
		half = "PM"
	}
	sign, off := "+", s.offset
	if off < 0 {
		sign, off = "-", -off
	}
	switch pattern {
	case "MONTH", "Month", "month":
		return like(pattern, fmt.Sprintf("%-9s", month))
	case "MON", "Mon", "mon":
		return like(pattern, month[:3])
	case "DAY", "Day", "day":
		return like(pattern, fmt.Sprintf("%-9s", day))
	case "DY", "Dy", "dy":
		return like(pattern, day[:3])
	case "AM", "PM":
		return half
	case "am", "pm":
		return strings.ToLower(half)
	case "A.M.", "P.M.":
		return half[:1] + "." + half[1:] + "."
	case "a.m.", "p.m.":
		return strings.ToLower(half[:1] + "." + half[1:] + ".")
	case "Y,YYY":
		return fmt.Sprintf("%d,%03d", s.t.Year()/1000, s.t.Year()%1000)
	case "TZ":
		return s.zone
	case "tz":
		return strings.ToLower(s.zone)
	case "TZH":
		return fmt.Sprintf("%s%02d", sign, off/3600)
	case "TZM":
		return fmt.Sprintf("%02d", off/60%60)
	}
	if off%3600 == 0 { // OF
		return fmt.Sprintf("%s%02d", sign, off/3600)
	}
	return fmt.Sprintf("%s%02d:%02d", sign, off/3600, off/60%60)
}

// like gives a word the case of its pattern.
func like(pattern, word string) string {
	switch {
	case pattern == strings.ToUpper(pattern):
		return strings.ToUpper(word)
	case pattern == strings.ToLower(pattern):
		return strings.ToLower(word)
	}
	return word
}

// ordinal returns st, nd, rd or th, in the case of its suffix; nothing without one.
func ordinal(n int64, suffix string) string {
	if suffix == "" {
		return ""
	}
	end := "th"
	if n%100 < 11 || n%100 > 13 {
		end = [10]string{"th", "st", "nd", "rd", "th", "th", "th", "th", "th", "th"}[n%10]
	}
	return like(suffix, end)
}

// formatSpan is to_char of an interval: its hours may be more than 24.
func formatSpan(s plan.Span, format string) string {
	day := time.Date(int(s.Months/12), time.Month(s.Months%12), 1, 0, 0, 0, 0, time.UTC)
	hours := s.Micros / (3600 * microsPerSecond)
	var b strings.Builder
	for _, t := range formatTokens(format) {
		width, n := 2, int64(0)
		switch t.pattern {
		case "":
			b.WriteString(t.text)
			continue
		case "HH24", "HH":
			n = hours
		case "DD", "DDD":
			n = int64(s.Days)
		case "MM":
			n = int64(s.Months % 12)
		case "YYYY":
			n, width = int64(s.Months/12), 4
		default:
			rest := stamp{t: day.Add(time.Duration(s.Micros%(3600*microsPerSecond)) * time.Microsecond), micros: s.Micros % microsPerSecond}
			b.WriteString(rest.format([]token{t}))
			continue
		}
		if t.fill {
			width = 1
		}
		b.WriteString(fmt.Sprintf("%0*d", width, n))
	}
	return b.String()
}

// parsePatterns are how many digits the patterns that can be read take at most.
var parsePatterns = map[string]int{
	"YYYY": 4, "MM": 2, "DD": 2, "DDD": 3, "HH24": 2, "HH": 2, "HH12": 2, "MI": 2, "SS": 2, "MS": 3, "US": 6,
	"FF1": 1, "FF2": 2, "FF3": 3, "FF4": 4, "FF5": 5, "FF6": 6,
}

// parseStamp reads a local time by a format of numeric patterns, month names and
// AM or PM.
func parseStamp(s, format string) (int64, error) {
	bad := func() (int64, error) {
		return 0, plan.Errorf(0, plan.CodeDatetimeFormat, "%q does not match the format %q", s, format)
	}
	v := map[string]int64{"YYYY": 1, "MM": 1, "DD": 1}
	afternoon, half := false, false
	rest := strings.TrimSpace(s)
	for _, t := range formatTokens(format) {
		switch max := parsePatterns[t.pattern]; {
		case t.pattern == "" && t.text != "":
			rest = strings.TrimPrefix(rest, t.text)
		case max > 0:
			k := 0
			for k < len(rest) && k < max && rest[k] >= '0' && rest[k] <= '9' {
				k++
			}
			n, err := strconv.ParseInt(rest[:k], 10, 64)
			if err != nil {
				return bad()
			}
			if t.pattern == "MS" || strings.HasPrefix(t.pattern, "FF") || t.pattern == "US" {
				v["US"], rest = n*int64(math.Pow10(6-k)), rest[k:]
				continue
			}
			v[t.pattern], rest = n, rest[k:]
		case strings.EqualFold(t.pattern, "MON") || strings.EqualFold(t.pattern, "MONTH"):
			m, n := monthNamed(rest)
			if m == 0 {
				return bad()
			}
			v["MM"], rest = m, rest[n:]
		case len(t.pattern) == 2 && strings.ContainsAny(t.pattern[1:], "Mm") && len(rest) >= 2:
			half, afternoon, rest = true, strings.EqualFold(rest[:2], "pm"), rest[2:]
		default:
			return 0, plan.Errorf(0, plan.CodeNotSupported, "format pattern %q cannot be read", t.pattern)
		}
	}
	hour := v["HH24"] + v["HH"] + v["HH12"]
	if half {
		if hour %= 12; afternoon {
			hour += 12
		}
	}
	days, err := makeDate(nil, v["YYYY"], v["MM"], v["DD"])
	if err != nil {
		return 0, err
	}
	if doy := v["DDD"]; doy > 0 {
		if days, err = makeDate(nil, v["YYYY"], 1, 1); err != nil {
			return 0, err
		}
		days += doy - 1
	}
	tod, err := makeTime(nil, hour, v["MI"], float64(v["SS"]))
	return days*microsPerDay + tod + v["US"], err
}

// monthNamed returns the month whose name, or its first three letters, a text begins
// with, and how long that is.
func monthNamed(s string) (month int64, length int) {
	for m := time.January; m <= time.December; m++ {
		name := m.String()
		for _, n := range []int{len(name), 3} {
			if len(s) >= n && strings.EqualFold(s[:n], name[:n]) {
				return int64(m), n
			}
		}
	}
	return 0, 0
}
