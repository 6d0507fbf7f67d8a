package importer

import (
	"fmt"
	"strings"
)

// dates and clocks make up the patterns that are tried on stamps that are not ISO.
var (
	dates  = []string{"%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y.%m.%d", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%b-%y", "%d %b %y", "%Y-%j", "%Y%m%d", "%b %d %Y", "%b-%d-%Y", "%Y-%b-%d"}
	clocks = []string{"", " %H:%M", " %H:%M:%S", " %H.%M", " %H.%M.%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S"}
	zones  = []string{"", " %z", "%z"}
)

// twins are the dates of which a stamp alone does not tell whether the day or the
// month comes first.
var twins = map[string]string{"%d/%m/%Y": "%m/%d/%Y", "%d/%m/%y": "%m/%d/%y"}

// detectLayout returns the layout that reads most of the stamps, at least half of
// them.
func detectLayout(stamps []string) (*layout, error) {
	first := ""
	given := stamps[:0:0]
	for _, s := range stamps {
		if s == "" {
			continue
		}
		s = intervalStart(s)
		if first == "" {
			first = s
		}
		given = append(given, s)
	}
	if len(given) == 0 {
		return &layout{layoutISO, parseISO}, nil
	}
	if l := detectNumbers(given); l != nil {
		return l, nil
	}
	if l := detectEpoch(given); l != nil {
		return l, nil
	}
	best, most := &layout{layoutISO, parseISO}, 0
	if most = count(best, given); most == len(given) {
		return best, nil
	}
	for _, date := range dates {
		for _, clock := range clocks {
			for _, zone := range zones {
				if clock == "" && zone != "" {
					continue
				}
				l, n := try(date+clock+zone, first, given)
				if n <= most {
					continue
				}
				if twin, ok := twins[date]; ok {
					if _, m := try(twin+clock+zone, first, given); m == n {
						return nil, fmt.Errorf("time stamps such as %q do not tell the day from the month: say --time-format '%s' or --time-format '%s'",
							given[0], date+clock+zone, twin+clock+zone)
					}
				}
				best, most = l, n
			}
		}
	}
	if most*2 < len(given) {
		return nil, fmt.Errorf("time stamps such as %q are of no form that is known: describe it with --time-format, such as '%%d.%%m.%%Y %%H:%%M'", shorten(first))
	}
	return best, nil
}

// try counts the stamps that a pattern reads. Where neither the first stamp nor the
// last is among them, none of the others is looked at.
func try(text, first string, stamps []string) (*layout, int) {
	l, err := newLayout(text)
	if err != nil {
		return nil, 0
	}
	_, head := l.parse(first)
	_, tail := l.parse(stamps[len(stamps)-1])
	if !head && !tail {
		return l, 0
	}
	return l, count(l, stamps)
}

func count(l *layout, stamps []string) (n int) {
	for _, s := range stamps {
		if _, ok := l.parse(s); ok {
			n++
		}
	}
	return n
}

// detectNumbers recognizes the days of spreadsheets, 1954 to 2146, months such as
// 2024-03 and 202403, and years.
func detectNumbers(stamps []string) *layout {
	all := func(ok func(whole, fraction string) bool) bool {
		for _, s := range stamps {
			whole, fraction, _ := strings.Cut(strings.Replace(s, ",", ".", 1), ".")
			if strings.Trim(whole+fraction, "0123456789") != "" || !ok(whole, fraction) {
				return false
			}
		}
		return true
	}
	name := ""
	switch {
	case all(func(whole, _ string) bool { return len(whole) == 5 && whole >= "20000" && whole <= "90000" }):
		name = layoutExcel
	case all(func(whole, fraction string) bool {
		return len(whole) == 4 && fraction == "" && whole >= "1000" && whole <= "2999"
	}):
		name = "%Y"
	case all(func(whole, fraction string) bool {
		return len(whole) == 6 && fraction == "" && whole >= "1000" && whole <= "2999" && whole[4:] >= "01" && whole[4:] <= "12"
	}):
		name = "%Y%m"
	}
	for _, months := range []string{"%Y-%m", "%Y/%m", "%m/%Y", "%b %Y", "%b-%Y", "%Y-%b", "%Y %b", "%b-%y"} {
		if l, err := newLayout(months); name == "" && err == nil && count(l, stamps) == len(stamps) {
			name = months
		}
	}
	if name == "" {
		return nil
	}
	l, err := newLayout(name)
	if err != nil {
		return nil
	}
	return l
}

// detectEpoch recognizes numbers since the epoch by their digits: 9 or 10 are seconds
// (1973 to 2286), 12 or 13 milliseconds, 15 or 16 microseconds, 18 or 19 nanoseconds.
func detectEpoch(stamps []string) *layout {
	name := ""
	for _, s := range stamps {
		whole, fraction, _ := strings.Cut(s, ".")
		if whole == "" || strings.Trim(whole+fraction, "0123456789") != "" {
			return nil
		}
		unit := map[int]string{9: "unix", 10: "unix", 12: "unix_ms", 13: "unix_ms", 15: "unix_us", 16: "unix_us", 18: "unix_ns", 19: "unix_ns"}[len(whole)]
		if unit == "" || name != "" && unit != name {
			return nil
		}
		name = unit
	}
	l, err := newLayout(name)
	if err != nil {
		return nil
	}
	return l
}

// shorten cuts what a message quotes.
func shorten(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:57], "") + "..."
	}
	return s
}
