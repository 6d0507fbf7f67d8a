package importer

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
)

// partKeys are names of columns of years, months and so on, by timeKey.
var partKeys = [...][]string{
	{"year", "yr", "yyyy", "jahr", "annee", "ano"},
	{"month", "mon", "mo", "mm", "monat"},
	{"day", "dd", "dy", "tag", "dom"},
	{"hour", "hr", "hh", "stunde"},
	{"minute", "min", "mn", "mi"},
	{"second", "sec", "ss"},
}

// clockKeys are names of columns of times of day beside one of dates.
var clockKeys = []string{"time", "hour", "hr", "uhrzeit", "zeit", "hora", "heure", "tid", "timeofday", "hourending", "he", "stunde", "hhmm"}

// tagKeys are names of columns that hold names of series.
var tagKeys = []string{
	"tag", "tagname", "tagid", "point", "pointname", "pointid", "series", "signal", "signalname", "sensor", "sensorid", "sensorname", "variable", "parameter", "metric", "itemid", "item", "nodeid",
	"browsename", "measurement", "channel", "channelname", "name", "device", "deviceid", "meter", "meterid", "station", "stationid", "stationname", "location", "locationid", "site", "siteid", "id", "unitid", "zone", "region", "country", "asset", "assetid", "machine", "machineid",
}

// stampColumn is a column that may hold time.
type stampColumn struct {
	index  int
	rank   int
	layout *layout
	dates  bool // no stamp has a time of day
	zoned  bool
}

// findTime finds the columns of time, their form and their zone.
func (s *suggester) findTime() error {
	if len(s.o.Time.Columns) > 0 {
		for _, name := range s.o.Time.Columns {
			i := slices.IndexFunc(s.stats, func(x *columnStats) bool { return strings.EqualFold(x.name, name) })
			if i < 0 {
				return fmt.Errorf("--time: there is no column %q", name)
			}
			s.times = append(s.times, i)
		}
		return s.form(s.joined(s.times))
	}
	var best *stampColumn
	for i := range s.stats {
		if x := s.stampColumn(i); x != nil && (best == nil || x.rank < best.rank) {
			best = x
		}
	}
	parts := s.parts()
	switch {
	case len(parts) >= 2 && (best == nil || best.dates && len(parts) > 3 || slices.Contains(parts, best.index)):
		s.times = parts
		s.proposeTime("the stamp stands in several columns")
		s.proposeZone(false, "")
		return nil
	case best == nil:
		var names []string
		for _, x := range s.stats {
			names = append(names, x.name)
		}
		return fmt.Errorf("no column holds time stamps of a form that is known: name it with --time, and describe them with --time-format; there are %s", list(names))
	}
	s.times = []int{best.index}
	if best.dates {
		if i := s.clockColumn(best.index); i >= 0 {
			s.times = append(s.times, i)
		}
	}
	s.proposeTime(fmt.Sprintf("it holds stamps such as %q", shorten(s.stats[best.index].example())))
	if x := s.stats[best.index]; x.stamped {
		s.proposeZone(best.zoned, x.name)
		return nil
	}
	return s.form(s.joined(s.times))
}

// example returns a text that stands in a column.
func (x *columnStats) example() string {
	if len(x.first) == 0 {
		return ""
	}
	return x.first[0]
}

// proposeTime proposes the columns of time.
func (s *suggester) proposeTime(why string) {
	var names []string
	for _, i := range s.times {
		names = append(names, quoteList(s.stats[i].name))
		s.o.Time.Columns = append(s.o.Time.Columns, s.stats[i].name)
	}
	if names[0] == "" {
		s.o.Time.Columns = nil
		return // the first column, which has no name, is taken for it
	}
	s.propose("time", strings.Join(names, ","), why)
}

// stampColumn reports what a column would be as that of time; nil: it is none.
func (s *suggester) stampColumn(i int) *stampColumn {
	x := s.stats[i]
	rank := slices.Index(timeNames, timeKey(x.name))
	switch {
	case x.filled == 0:
		return nil
	case x.stamped:
		return &stampColumn{index: i, rank: max(rank, 0) - 1000, zoned: x.zoned}
	case rank < 0 && i == 0 && x.name == "":
		rank = 100
	case rank < 0 && i == 0 && s.o.Text.NoHeader && detectEpoch(x.first) != nil:
		rank = 100
	case rank < 0 && x.numeric():
		return nil
	case rank < 0:
		rank = 1000 + i
	}
	texts := x.first
	l, err := detectLayout(texts)
	if err != nil {
		if l = s.twin(texts); l == nil {
			return nil
		}
	}
	out := &stampColumn{index: i, rank: rank, layout: l, dates: true}
	good := 0
	for _, text := range texts {
		if at, ok := l.parse(intervalStart(text)); ok {
			good++
			out.dates = out.dates && at.micros%dayMicros == 0
		}
	}
	if good*10 < len(texts)*9 || len(l.name) < 5 && len(x.values) < 2 {
		return nil
	}
	if l.name == "%Y" { // a number of four digits may be anything
		out.rank += 500
	}
	return out
}

// parts returns the columns of year, month, day and so on, or of year and day of the
// year.
func (s *suggester) parts() (out []int) {
	at := func(keys []string) int {
		return slices.IndexFunc(s.stats, func(x *columnStats) bool { return x.numeric() && slices.Contains(keys, timeKey(x.name)) })
	}
	doy := at([]string{"doy", "dayofyear", "yearday", "jday", "julianday", "jd", "julian"})
	year := at(partKeys[0][:])
	if year < 0 {
		return nil
	}
	rest := partKeys[1:]
	out = []int{year}
	if doy >= 0 && at(partKeys[1]) < 0 {
		out, rest = append(out, doy), partKeys[3:]
	}
	for _, keys := range rest {
		i := at(keys)
		if i < 0 {
			break
		}
		out = append(out, i)
	}
	if quarter := at(quarterKeys); quarter >= 0 && len(out) == 1 {
		return []int{year, quarter}
	}
	if doy < 0 && len(out) < 3 {
		return nil
	}
	return out
}

// clockColumn returns the column of times of day beside one of dates; -1: there is none.
func (s *suggester) clockColumn(date int) int {
	for i, x := range s.stats {
		if i == date || x.filled == 0 || !slices.Contains(clockKeys, timeKey(x.name)) {
			continue
		}
		good := 0
		for _, text := range x.first {
			if len(text) <= 15 && strings.Trim(text, "0123456789:.aApPmMzZ hH") == "" {
				good++
			}
		}
		if good == len(x.first) {
			return i
		}
	}
	return -1
}

// joined returns stamps as import reads them.
func (s *suggester) joined(columns []int) []string {
	if len(columns) == 1 {
		return s.stats[columns[0]].first
	}
	var out []string
	for row := 0; ; row++ {
		text := ""
		for _, i := range columns {
			if row >= len(s.stats[i].first) {
				return out
			}
			text += " " + s.stats[i].first[row]
		}
		out = append(out, text[1:])
	}
}

// form proposes the form of the stamps, and their zone.
func (s *suggester) form(texts []string) error {
	var names []string
	for _, i := range s.times {
		names = append(names, s.stats[i].name)
	}
	name := strings.Join(names, " ")
	if len(s.times) > 2 || s.o.Time.Format != "" && s.o.Time.Format != layoutAuto {
		s.proposeZone(false, name)
		return nil
	}
	l, err := detectLayout(texts)
	if len(s.times) == 2 && (err != nil || count(l, texts)*10 < len(texts)*9) {
		for _, date := range slices.Concat([]string{"%Y-%m-%d", "%Y/%m/%d"}, dates) {
			for _, clock := range []string{" %H", " %H%M"} {
				if m, e := newLayout(date + clock); e == nil && count(m, texts) == len(texts) && l == nil {
					l, err = m, nil
				}
			}
		}
	}
	if err != nil {
		if l = s.twin(texts); l == nil {
			return err
		}
		s.unsure("stamps such as %q: %s is taken, for so they follow one another; look whether the day and the month are right", texts[0], l.name)
	}
	if l.name != layoutISO {
		s.o.Time.Format = l.name
		s.propose("time-format", l.name, fmt.Sprintf("stamps are such as %q", shorten(texts[0])))
	}
	zoned := false
	for _, text := range texts {
		if at, ok := l.parse(intervalStart(text)); ok {
			zoned = at.zoned
			break
		}
	}
	s.proposeZone(zoned, name)
	return nil
}

// twin returns the layout of stamps of which each alone does not tell the day from the
// month: that in which they follow one another most evenly; nil: they are of no form.
func (s *suggester) twin(texts []string) (best *layout) {
	most := -1
	starts := make([]string, len(texts))
	for i := range texts {
		starts[i] = intervalStart(texts[i])
	}
	for _, date := range dates {
		if !strings.Contains(date, "/%") {
			continue
		}
		for _, clock := range clocks {
			l, err := newLayout(date + clock)
			if err != nil || count(l, starts) < len(starts) {
				continue
			}
			steps := map[int64]int{}
			even, last := 0, int64(0)
			for i, text := range starts {
				at, _ := l.parse(text)
				if d := at.micros - last; i > 0 {
					steps[d]++
					even = max(even, steps[d])
				}
				last = at.micros
			}
			// Of two that are alike, the day first; before AM and PM, the month.
			if even > most || even == most && strings.HasPrefix(date, "%m") && strings.Contains(clock, "%p") {
				best, most = l, even
			}
		}
	}
	return best
}

// countStamps returns what counts stamps that stand in several rows, and finds the column
// by which such rows are told apart when it has seen them all.
func (s *suggester) countStamps() func([]string, source, *chunk) {
	var keys []int
	for i, x := range s.stats {
		named := slices.Contains(tagKeys, timeKey(x.name))
		if !s.taken[i] && x.filled > 0 && len(x.values) < maxWords && !(x.quality() && !named) && (!x.numeric() || named && x.commas == x.whole && x.dots == x.whole) {
			keys = append(keys, i)
		}
	}
	slices.SortStableFunc(keys, func(a, b int) int {
		rank := func(i int) int {
			if r := slices.Index(tagKeys, timeKey(s.stats[i].name)); r >= 0 {
				return r
			}
			return len(tagKeys)
		}
		return rank(a) - rank(b)
	})
	keys = keys[:min(len(keys), 6)]
	seen := make([]map[uint64]bool, len(keys)+1)
	dups := make([]int64, len(keys)+1)
	for k := range seen {
		seen[k] = map[uint64]bool{}
	}
	return func(_ []string, _ source, c *chunk) {
		for row := range c.rows {
			stamp := ""
			for _, i := range s.times {
				stamp += c.cols[i].text(row) + "\x00"
			}
			if strings.Trim(stamp, "\x00") == "" {
				continue
			}
			for k := range seen {
				text := stamp
				if k > 0 {
					text += c.cols[keys[k-1]].text(row)
				}
				h := fnv.New64a()
				_, _ = h.Write([]byte(text)) // a hash takes all
				if sum := h.Sum64(); seen[k][sum] {
					dups[k]++
				} else {
					seen[k][sum] = true
				}
			}
		}
		s.dups, s.key = dups[0], -1
		for k, i := range keys {
			x := s.stats[i]
			certain := len(x.values) > 0 && !x.numeric() && slices.Contains(tagKeys[:12], timeKey(x.name))
			if certain && s.key < 0 || dups[0]*20 > s.out.Rows && dups[k+1]*2 < dups[0] && (s.key < 0 || dups[k+1] < s.dups) {
				s.key, s.dups = i, dups[k+1]
			}
		}
	}
}
