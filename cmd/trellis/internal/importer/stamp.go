package importer

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// stamp is a time stamp as it was read: an instant, or what a clock showed.
type stamp struct {
	micros int64 // since the Unix epoch, or since the clock's 1970-01-01 00:00
	zoned  bool  // whether it is an instant
}

// layout reads time stamps of one form.
type layout struct {
	name  string
	parse func(s string) (stamp, bool)
}

// The names of layouts that are not patterns.
const (
	layoutAuto = "auto"
	layoutISO  = "iso"
	// layoutExcel counts days since 1899-12-30, as spreadsheets do.
	layoutExcel = "excel"
)

// epochs are the layouts that count from the Unix epoch, with the microseconds of
// their unit; negative: units of a microsecond.
var epochs = map[string]int64{"unix": 1_000_000, "unix_ms": 1000, "unix_us": 1, "unix_ns": -1000}

// newLayout returns the layout of a name: iso, unix, unix_ms, unix_us, unix_ns, a
// pattern of strptime (which has a %) or one of Go's reference time (which has 06).
func newLayout(name string) (*layout, error) {
	if name == layoutISO {
		return &layout{name, parseISO}, nil
	}
	if name == layoutExcel {
		return &layout{name, parseExcel}, nil
	}
	if unit, ok := epochs[name]; ok {
		return &layout{name, func(s string) (stamp, bool) { return parseEpoch(s, unit) }}, nil
	}
	if strings.Contains(name, "%") {
		p, err := compilePattern(name)
		if err != nil {
			return nil, fmt.Errorf("time format %q: %w", name, err)
		}
		return &layout{name, p.parse}, nil
	}
	if strings.Contains(name, "06") {
		if strings.Contains(name, "MST") {
			return nil, fmt.Errorf("time format %q: abbreviations of zones are ambiguous: say with --zone on which clock the stamps were read", name)
		}
		zoned := strings.Contains(name, "Z07") || strings.Contains(name, "-07")
		return &layout{name, func(s string) (stamp, bool) {
			t, err := time.Parse(name, s)
			return stamp{t.UnixMicro(), zoned}, err == nil
		}}, nil
	}
	return nil, fmt.Errorf("unknown time format %q: use iso, unix, unix_ms, unix_us, unix_ns, excel, a pattern such as %%d.%%m.%%Y %%H:%%M, or one such as 02.01.2006 15:04", name)
}

// excelEpoch is how many days before 1970-01-01 the days of spreadsheets begin.
const excelEpoch = 25569

// parseExcel reads a number of days, exact to a millisecond: a spreadsheet's numbers
// are no better.
func parseExcel(s string) (stamp, bool) {
	x, err := strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64)
	if err != nil || !(x >= 1 && x < 2_958_466) { // to the end of 9999
		return stamp{}, false
	}
	return stamp{int64(math.Round((x-excelEpoch)*86_400_000)) * 1000, false}, true
}

// parseEpoch reads a number of units since the epoch, with or without a fraction.
func parseEpoch(s string, unit int64) (stamp, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return stamp{}, false
	}
	if unit < 0 {
		q := n / -unit
		if n%-unit < 0 {
			q--
		}
		return stamp{q, true}, true
	}
	micros := n * unit
	if micros/unit != n {
		return stamp{}, false
	}
	if fraction == "" {
		return stamp{micros, true}, true
	}
	f, err := strconv.ParseFloat("0."+fraction, 64)
	if err != nil {
		return stamp{}, false
	}
	if part := int64(f*float64(unit) + 0.5); strings.HasPrefix(whole, "-") {
		micros -= part
	} else {
		micros += part
	}
	return stamp{micros, true}, true
}

// fields are the parts of a stamp. A clock's 24:00 is the next day's 00:00.
type fields struct {
	year, month, day     int
	hour, minute, second int
	micro                int
	offset               int // seconds east of Greenwich
	zoned                bool
}

// stamp puts the parts together, and reports false where they are no time.
func (f *fields) stamp() (stamp, bool) {
	if f.month < 1 || f.month > 12 || f.day < 1 || f.day > 31 || f.hour < 0 || f.hour > 24 || f.minute < 0 || f.minute > 59 ||
		f.second < 0 || f.second > 60 || f.hour == 24 && (f.minute > 0 || f.second > 0 || f.micro > 0) {
		return stamp{}, false
	}
	date := time.Date(f.year, time.Month(f.month), f.day, 0, 0, 0, 0, time.UTC)
	if date.Day() != f.day {
		return stamp{}, false
	}
	seconds := date.Unix() + int64(f.hour*3600+f.minute*60+f.second-f.offset)
	return stamp{seconds*1_000_000 + int64(f.micro), f.zoned}, true
}

// scanner reads a text from left to right.
type scanner struct {
	s  string
	at int
}

func (c *scanner) done() bool { return c.at >= len(c.s) }

// peek returns the next byte, 0 at the end.
func (c *scanner) peek() byte {
	if c.done() {
		return 0
	}
	return c.s[c.at]
}

// eat passes over the next byte if it is one of set.
func (c *scanner) eat(set string) bool {
	if !c.done() && strings.IndexByte(set, c.s[c.at]) >= 0 {
		c.at++
		return true
	}
	return false
}

// digits reads a number of low to high digits.
func (c *scanner) digits(low, high int) (n int, ok bool) {
	from := c.at
	for c.at < len(c.s) && c.at-from < high && c.s[c.at]-'0' <= 9 {
		n = n*10 + int(c.s[c.at]-'0')
		c.at++
	}
	return n, c.at-from >= low
}

// fraction reads the digits of a fraction of a second; what is beyond microseconds is
// cut off.
func (c *scanner) fraction() (micro int, ok bool) {
	from, scale := c.at, 100_000
	for ; c.at < len(c.s) && c.s[c.at]-'0' <= 9; c.at++ {
		micro += int(c.s[c.at]-'0') * scale
		scale /= 10
	}
	return micro, c.at > from
}

// zone reads Z, UTC, GMT or an offset such as +01:00, -0730 or +01.
func (c *scanner) zone() (offset int, ok bool) {
	if c.eat("Zz") {
		return 0, true
	}
	for _, name := range []string{"UTC", "GMT"} {
		if rest := c.s[c.at:]; len(rest) >= 3 && strings.EqualFold(rest[:3], name) {
			c.at += 3
			return 0, true
		}
	}
	sign := 1
	switch {
	case c.eat("-"):
		sign = -1
	case !c.eat("+"):
		return 0, false
	}
	h, ok := c.digits(2, 2)
	if !ok || h > 18 {
		return 0, false
	}
	parts := [2]int{}
	for i := range parts {
		if !c.eat(":") && (c.done() || c.peek()-'0' > 9) {
			break
		}
		if parts[i], ok = c.digits(2, 2); !ok || parts[i] > 59 {
			return 0, false
		}
	}
	return sign * (h*3600 + parts[0]*60 + parts[1]), true
}

// parseISO reads what ISO 8601 and RFC 3339 allow, and what databases and pandas make
// of it: 2024-03-31T02:30:00.5+02:00, 2024/03/31 02:30, 20240331T0230Z, 2024-03-31.
func parseISO(s string) (stamp, bool) {
	c := scanner{s: s}
	var f fields
	var ok bool
	if f.year, ok = c.digits(4, 4); !ok {
		return stamp{}, false
	}
	dashed := c.eat("-/")
	if f.month, ok = c.digits(2, 2); !ok || dashed && !c.eat("-/") {
		return stamp{}, false
	}
	if f.day, ok = c.digits(2, 2); !ok {
		return stamp{}, false
	}
	if c.done() {
		return f.stamp()
	}
	if !c.eat("Tt ") {
		return stamp{}, false
	}
	if !c.clock(&f) {
		return stamp{}, false
	}
	c.eat(" ")
	if !c.done() {
		if f.offset, ok = c.zone(); !ok || !c.done() {
			return stamp{}, false
		}
		f.zoned = true
	}
	return f.stamp()
}

// clock reads a time of day: 02:30, 0230, 02:30:00, 023000, 02:30:00.5.
func (c *scanner) clock(f *fields) (ok bool) {
	if f.hour, ok = c.digits(2, 2); !ok {
		return false
	}
	colons := c.eat(":")
	if f.minute, ok = c.digits(2, 2); !ok {
		return false
	}
	if colons && !c.eat(":") || !colons && (c.done() || c.peek()-'0' > 9) {
		return true
	}
	if f.second, ok = c.digits(2, 2); !ok {
		return false
	}
	if c.eat(".,") {
		f.micro, ok = c.fraction()
	}
	return ok
}

// pattern is a compiled pattern of strptime.
type pattern []patternItem

// patternItem is a directive, or a literal text.
type patternItem struct {
	directive byte // 0: literal; ' ': any space
	literal   string
}

// shorthands are directives that stand for others.
var shorthands = map[byte]string{'T': "%H:%M:%S", 'R': "%H:%M", 'D': "%m/%d/%y", 'F': "%Y-%m-%d", 'e': "%d", 'l': "%I", 'k': "%H", 'h': "%b"}

var errDirective = errors.New("the directives are %Y %y %m %d %e %b %B %j %a %A %H %I %p %M %S %f %z %s %T %R %D %F %%")

// compilePattern compiles a pattern.
func compilePattern(text string) (pattern, error) {
	var p pattern
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == ' ':
			p = append(p, patternItem{directive: ' '})
		case c != '%':
			p = append(p, patternItem{literal: string(c)})
		case i+1 == len(text):
			return nil, errDirective
		default:
			i++
			if text[i] == '-' && i+1 < len(text) { // %-d: no padding; digits are read with or without
				i++
			}
			if long, ok := shorthands[text[i]]; ok {
				inner, err := compilePattern(long)
				if err != nil {
					return nil, err
				}
				p = append(p, inner...)
				continue
			}
			if text[i] == '%' {
				p = append(p, patternItem{literal: "%"})
				continue
			}
			if !strings.ContainsRune("YymdbBjaAHIpMSfzs", rune(text[i])) {
				return nil, fmt.Errorf("there is no directive %%%c: %w", text[i], errDirective)
			}
			p = append(p, patternItem{directive: text[i]})
		}
	}
	return p, nil
}

// patternState is what directives have said beyond fields.
type patternState struct {
	fields
	afternoon, twelve bool
	yearDay           int
	epoch             int64
	counted           bool // by %s
}

// parse reads a stamp. A fraction of a second is read after %S whether the pattern has
// one or not.
func (p pattern) parse(s string) (stamp, bool) {
	c := scanner{s: s}
	st := patternState{fields: fields{year: 1970, month: 1, day: 1}}
	for i, item := range p {
		if item.directive == 0 {
			if !strings.HasPrefix(c.s[c.at:], item.literal) {
				return stamp{}, false
			}
			c.at += len(item.literal)
			continue
		}
		if !st.read(&c, item.directive) {
			return stamp{}, false
		}
		last := i+1 == len(p) || p[i+1].literal != "." && p[i+1].literal != ","
		if item.directive == 'S' && last && c.at+1 < len(s) && (c.peek() == '.' || c.peek() == ',') && s[c.at+1]-'0' <= 9 {
			c.at++
			st.micro, _ = c.fraction()
		}
	}
	if !c.done() {
		return stamp{}, false
	}
	return st.finish()
}

// read reads what a directive stands for.
func (st *patternState) read(c *scanner, directive byte) (ok bool) {
	switch directive {
	case ' ':
		from := c.at
		for c.eat(" \t") {
		}
		return c.at > from
	case 'Y':
		st.year, ok = c.digits(4, 4)
	case 'y':
		// POSIX: 69 to 99 are 1969 to 1999.
		if st.year, ok = c.digits(2, 2); st.year < 69 {
			st.year += 100
		}
		st.year += 1900
	case 'm':
		st.month, ok = c.digits(1, 2)
	case 'd':
		c.eat(" ")
		st.day, ok = c.digits(1, 2)
	case 'b', 'B':
		st.month, ok = c.name(monthNames[:])
	case 'a', 'A':
		_, ok = c.name(dayNames[:])
	case 'j':
		st.yearDay, ok = c.digits(1, 3)
		ok = ok && st.yearDay >= 1 && st.yearDay <= 366
	case 'H':
		st.hour, ok = c.digits(1, 2)
	case 'I':
		st.hour, ok = c.digits(1, 2)
		st.twelve = true
		ok = ok && st.hour >= 1 && st.hour <= 12
	case 'p':
		if len(c.s)-c.at < 2 {
			return false
		}
		half := strings.ToUpper(c.s[c.at : c.at+2])
		st.afternoon, ok = half == "PM", half == "AM" || half == "PM"
		c.at += 2
	case 'M':
		st.minute, ok = c.digits(1, 2)
	case 'S':
		st.second, ok = c.digits(1, 2)
	case 'f':
		st.micro, ok = c.fraction()
	case 'z':
		st.offset, ok = c.zone()
		st.zoned = true
	case 's':
		n, found := c.digits(1, 18)
		st.epoch, st.counted, ok = int64(n), true, found
	}
	return ok
}

// finish puts together what was read.
func (st *patternState) finish() (stamp, bool) {
	if st.counted {
		return stamp{st.epoch*1_000_000 + int64(st.micro), true}, true
	}
	if st.twelve {
		if st.hour %= 12; st.afternoon {
			st.hour += 12
		}
	}
	if st.yearDay > 0 {
		date := time.Date(st.year, 1, st.yearDay, 0, 0, 0, 0, time.UTC)
		if date.Year() != st.year {
			return stamp{}, false
		}
		st.month, st.day = int(date.Month()), date.Day()
	}
	return st.stamp()
}

var (
	monthNames = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	dayNames   = [...]string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
)

// name reads one of the names, in full or its first three letters, and returns its
// number, from 1.
func (c *scanner) name(names []string) (int, bool) {
	from := c.at
	for c.at < len(c.s) && unicode.IsLetter(rune(c.s[c.at])) {
		c.at++
	}
	word := c.s[from:c.at]
	for i, name := range names {
		if strings.EqualFold(word, name) || strings.EqualFold(word, name[:3]) {
			return i + 1, true
		}
	}
	return 0, false
}
