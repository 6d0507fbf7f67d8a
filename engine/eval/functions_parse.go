package eval

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/trellisdb/trellis/engine/plan"
)

// to_timestamp and to_date: times read by a format.
var (
	_ = register("to_timestamp", binaryErr(func(c *callContext, s, format string) (int64, error) {
		p := stampParser{rest: s, values: map[string]int64{}}
		if err := checkFormat(format); err != nil {
			return 0, err
		}
		local, err := p.parse(formatTokens(format))
		if err != nil {
			return 0, err
		}
		if p.zoned {
			return checkTime(local - p.offset*microsPerSecond)
		}
		return c.env.Zone.Chosen(local), nil
	}), plan.Text, plan.Text)
	_ = register("to_date", binaryErr(func(_ *callContext, s, format string) (int64, error) {
		p := stampParser{rest: s, values: map[string]int64{}}
		if err := checkFormat(format); err != nil {
			return 0, err
		}
		local, err := p.parse(formatTokens(format))
		return floorDays(local), err
	}), plan.Text, plan.Text)
)

// parseWidths are the digits that numeric patterns take where another one follows
// directly; elsewhere they take all there are.
var parseWidths = map[string]int{
	"YYYY": 4, "YYY": 3, "YY": 2, "Y": 1, "IYYY": 4, "IYY": 3, "IY": 2, "I": 1, "MM": 2, "DD": 2, "DDD": 3, "IDDD": 3, "D": 1, "ID": 1, "IW": 2, "WW": 2, "W": 1,
	"HH24": 2, "HH": 2, "HH12": 2, "MI": 2, "SS": 2, "SSSS": 5, "SSSSS": 5, "MS": 3, "US": 6, "J": 7, "Q": 1, "CC": 2,
	"FF1": 1, "FF2": 2, "FF3": 3, "FF4": 4, "FF5": 5, "FF6": 6,
}

// parseLimits are the least and greatest values of patterns, where those are no
// matter of the calendar.
var parseLimits = map[string][2]int64{
	"HH24": {0, 23}, "HH12": {1, 12}, "HH": {1, 12}, "MI": {0, 59}, "SS": {0, 59}, "SSSS": {0, 86399}, "SSSSS": {0, 86399}, "IW": {1, 53}, "ID": {1, 7}, "Q": {1, 4},
	"DDD": {1, 366}, "MM": {1, 12}, "DD": {1, 31},
}

// stampParser reads a time by a format.
type stampParser struct {
	rest            string
	values          map[string]int64 // by pattern; fractions of a second as US
	half            string           // AM or PM
	beforeChrist    bool
	zoned           bool  // the text has an offset
	offset          int64 // in seconds
	offsetIsNegated bool
}

func mismatched(pattern, rest string) error {
	const longest = 40
	if len(rest) > longest {
		rest = strings.ToValidUTF8(rest[:longest], "") + "…"
	}
	return plan.Errorf(0, plan.CodeDatetimeFormat, "%q does not match the pattern %s", rest, pattern)
}

// parse reads the text and returns it as a local time.
func (p *stampParser) parse(tokens []token) (int64, error) {
	for i, t := range tokens {
		if t.pattern == "" {
			p.skipText(t.text)
			continue
		}
		p.skipBlanks()
		if p.rest == "" {
			break // as in PostgreSQL, a text may end early
		}
		next := ""
		if i+1 < len(tokens) {
			next = tokens[i+1].pattern
		}
		if err := p.read(t, parseWidths[next] > 0); err != nil {
			return 0, err
		}
	}
	return p.local()
}

func (p *stampParser) skipBlanks() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// skipText passes over text of the format: a separator stands for any separator or
// none, anything else for one character.
func (p *stampParser) skipText(text string) {
	if p.rest == "" || separator(text[0]) && !separator(p.rest[0]) {
		return
	}
	_, size := firstRune(p.rest)
	p.rest = p.rest[size:]
}

func separator(c byte) bool {
	return c < 128 && !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
}

func firstRune(s string) (rune, int) {
	for i, r := range s {
		if i > 0 {
			return 0, i
		}
		_ = r
	}
	return 0, len(s)
}

// read reads what a pattern stands for.
func (p *stampParser) read(t token, tight bool) error {
	if parseWidths[t.pattern] > 0 {
		return p.readNumber(t.pattern, tight)
	}
	switch t.pattern {
	case "MON", "MONTH", "RM":
		return p.readWord(t.pattern, "MM", monthWords)
	case "DAY", "DY":
		return p.readWord(t.pattern, "", dayWords)
	case "AM", "PM", "A.M.", "P.M.":
		for _, half := range []string{"AM", "PM", "A.M.", "P.M."} {
			if len(p.rest) >= len(half) && strings.EqualFold(p.rest[:len(half)], half) {
				p.half, p.rest = half[:1], p.rest[len(half):]
				return nil
			}
		}
		return mismatched(t.pattern, p.rest)
	case "AD", "BC", "A.D.", "B.C.":
		for _, era := range []string{"AD", "BC", "A.D.", "B.C."} {
			if len(p.rest) >= len(era) && strings.EqualFold(p.rest[:len(era)], era) {
				p.beforeChrist, p.rest = era[0] == 'B', p.rest[len(era):]
				return nil
			}
		}
		return mismatched(t.pattern, p.rest)
	case "TZH", "TZM":
		return p.readOffset(t.pattern)
	}
	return plan.Errorf(0, plan.CodeNotSupported, "format pattern %q cannot be read", t.pattern)
}

// readNumber reads the digits of a numeric pattern.
func (p *stampParser) readNumber(pattern string, tight bool) error {
	longest := len(p.rest)
	if width := parseWidths[pattern]; tight || strings.HasPrefix(pattern, "FF") || pattern == "MS" || pattern == "US" {
		longest = min(longest, width)
	}
	k := 0
	if k < longest && (p.rest[k] == '-' || p.rest[k] == '+') && strings.Contains(pattern, "Y") {
		k++
	}
	for k < longest && p.rest[k] >= '0' && p.rest[k] <= '9' {
		k++
	}
	n, err := strconv.ParseInt(p.rest[:k], 10, 32)
	if err != nil {
		return mismatched(pattern, p.rest)
	}
	p.rest = p.rest[k:]
	switch pattern {
	case "MS", "US", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6":
		pattern, n = "US", n*int64(math.Pow10(6-k))
	case "YYY", "YY", "Y":
		pattern, n = "YYYY", fullYear(n, k)
	case "IYY", "IY", "I":
		pattern, n = "IYYY", fullYear(n, k)
	}
	p.values[pattern] = n
	return nil
}

// fullYear completes a year of fewer than four digits to the one that is nearest to
// 2020, as PostgreSQL does.
func fullYear(n int64, digits int) int64 {
	switch {
	case digits > 3:
		return n
	case n < 70:
		return n + 2000
	case n < 100:
		return n + 1900
	case n < 520:
		return n + 2000
	default:
		return n + 1000
	}
}

// monthWords and dayWords are names, with their numbers.
var monthWords, dayWords = names12(), names7()

func names12() map[string]int64 {
	out := map[string]int64{}
	for m := time.January; m <= time.December; m++ {
		out[strings.ToLower(m.String())] = int64(m)
	}
	return out
}

func names7() map[string]int64 {
	out := map[string]int64{}
	for d := time.Sunday; d <= time.Saturday; d++ {
		out[strings.ToLower(d.String())] = int64(d)
	}
	return out
}

// readWord reads a name or its first three letters, or a Roman month, into a value.
func (p *stampParser) readWord(pattern, into string, words map[string]int64) error {
	lower := strings.ToLower(p.rest)
	best, value := 0, int64(0)
	if pattern == "RM" {
		for m, roman := range romanMonths {
			if len(roman) > best && strings.HasPrefix(lower, strings.ToLower(roman)) {
				best, value = len(roman), int64(m+1)
			}
		}
	} else {
		for name, n := range words {
			for _, length := range []int{len(name), 3} {
				if length > best && strings.HasPrefix(lower, name[:length]) {
					best, value = length, n
				}
			}
		}
	}
	if best == 0 {
		return mismatched(pattern, p.rest)
	}
	p.rest = p.rest[best:]
	if into != "" {
		p.values[into] = value
	}
	return nil
}

// readOffset reads the hours, with their sign, or the minutes of an offset.
func (p *stampParser) readOffset(pattern string) error {
	sign := int64(1)
	if pattern == "TZH" && (p.rest[0] == '-' || p.rest[0] == '+') {
		if p.offsetIsNegated = p.rest[0] == '-'; p.offsetIsNegated {
			sign = -1
		}
		p.rest = p.rest[1:]
	}
	k := 0
	for k < min(2, len(p.rest)) && p.rest[k] >= '0' && p.rest[k] <= '9' {
		k++
	}
	n, err := strconv.ParseInt(p.rest[:k], 10, 64)
	if err != nil {
		return mismatched(pattern, p.rest)
	}
	p.rest, p.zoned = p.rest[k:], true
	switch {
	case pattern == "TZH":
		p.offset += sign * n * 3600
	case p.offsetIsNegated:
		p.offset -= n * 60
	default:
		p.offset += n * 60
	}
	return nil
}

// local returns what was read as a local time. Fields that were not there are those
// of the first day of year 0, as in PostgreSQL.
func (p *stampParser) local() (int64, error) {
	v := p.values
	for pattern, limits := range parseLimits {
		n, ok := v[pattern]
		if !ok || n >= limits[0] && n <= limits[1] {
			continue
		}
		code := plan.CodeDatetimeRange
		if strings.HasPrefix(pattern, "HH") && pattern != "HH24" {
			code = plan.CodeDatetimeFormat
		}
		return 0, plan.Errorf(0, code, "%d is out of range for the pattern %s", n, pattern)
	}
	hour := v["HH24"] + v["HH"] + v["HH12"]
	if p.half != "" {
		if hour > 12 {
			return 0, plan.Errorf(0, plan.CodeDatetimeFormat, "hour %d is invalid for the 12-hour clock", hour)
		}
		if hour %= 12; p.half == "P" {
			hour += 12
		}
	}
	seconds := hour*3600 + v["MI"]*60 + v["SS"] + v["SSSS"] + v["SSSSS"]
	days, err := p.date()
	return days*microsPerDay + seconds*microsPerSecond + v["US"], err
}

// date returns the date that was read, in days since 1970-01-01.
func (p *stampParser) date() (int64, error) {
	v := p.values
	year := v["YYYY"]
	if p.beforeChrist {
		year = 1 - year
	} else if year < 0 {
		year++
	}
	if days, ok := v["J"]; ok {
		local, err := midnightOf(days - julianEpoch)
		return floorDays(local), err
	}
	if iso, ok := v["IYYY"]; ok {
		january, err := calendarDate(iso, 1, 4) // always in week 1
		monday := january - floorMod(january+3, 7)
		if doy := v["IDDD"]; doy > 0 {
			return monday + doy - 1, err
		}
		return monday + (max(v["IW"], 1)-1)*7 + max(v["ID"], 1) - 1, err
	}
	if doy := v["DDD"]; doy > 0 {
		first, err := calendarDate(year, 1, 1)
		if err != nil {
			return 0, err
		}
		if next, _ := calendarDate(year+1, 1, 1); first+doy > next {
			return 0, plan.Errorf(0, plan.CodeDatetimeRange, "year %d has no day %d", year, doy)
		}
		return first + doy - 1, nil
	}
	month, day := max(v["MM"], 1), max(v["DD"], 1)
	return calendarDate(year, month, day)
}
