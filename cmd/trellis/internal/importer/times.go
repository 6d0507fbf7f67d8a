package importer

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
)

// The names of the parts that up to six time columns hold, and what a stamp has where
// there is no column of one.
var (
	partNames    = [...]string{"year", "month", "day", "hour", "minute", "second"}
	partDefaults = [...]int{1970, 1, 1, 0, 0, 0}
)

// stampState says what became of a row's stamp.
type stampState uint8

const (
	stampGood   stampState = iota
	stampAbsent            // there is none
	stampWrong             // it cannot be read
)

// stamps are the time stamps of a chunk.
type stamps struct {
	at    []stamp
	state []stampState
}

// readStamps reads the stamps of a chunk. In the first chunk of a file it finds their
// layout.
func (b *binding) readStamps(c *chunk) (*stamps, error) {
	out := &stamps{at: make([]stamp, c.rows), state: make([]stampState, c.rows)}
	if len(b.times) >= 3 || b.days || b.thirds {
		b.readParts(c, out)
		return out, nil
	}
	first := &c.cols[b.times[0]]
	if len(b.times) == 1 && first.stamp != nil {
		for row := range c.rows {
			if first.null(row) {
				out.state[row] = stampAbsent
				continue
			}
			out.at[row] = first.stamp(row)
		}
		return out, nil
	}
	texts := b.stampTexts(c)
	if b.layout == nil {
		var err error
		if b.layout, err = detectLayout(texts); err != nil {
			return nil, err
		}
	}
	for row, text := range texts {
		if text == "" {
			out.state[row] = stampAbsent
			continue
		}
		var ok bool
		if out.at[row], ok = b.layout.parse(text); ok {
			continue
		}
		if from := intervalStart(text); from != text {
			out.at[row], ok = b.layout.parse(from)
		}
		if !ok {
			out.state[row] = stampWrong
		}
	}
	return out, nil
}

// intervalStart returns where an interval begins: "a - b" and "a/b"; a text that is
// none is returned as it is.
func intervalStart(text string) string {
	for _, sign := range []string{" - ", " – ", " to ", " bis ", "/"} {
		from, to, found := strings.Cut(text, sign)
		from, to = strings.TrimSpace(from), strings.TrimSpace(to)
		if found && len(from) >= 8 && len(to) >= 5 && strings.ContainsAny(to, ":-.T") {
			return from
		}
	}
	return text
}

// stampTexts returns the texts of stamps; those of two columns are joined.
func (b *binding) stampTexts(c *chunk) []string {
	if len(b.times) == 1 && c.cols[b.times[0]].texts != nil {
		return c.cols[b.times[0]].texts[:c.rows]
	}
	out := make([]string, c.rows)
	for row := range out {
		for _, i := range b.times {
			part := c.cols[i].text(row)
			if part == "" {
				out[row] = ""
				break
			}
			if out[row] != "" {
				out[row] += " "
			}
			out[row] += part
		}
	}
	return out
}

// text returns a value as it would stand in a text file.
func (c *column) text(row int) string {
	switch {
	case c.null != nil && c.null(row):
		return ""
	case c.texts != nil:
		return c.texts[row]
	case c.integer != nil:
		return strconv.FormatInt(c.integer(row), 10)
	case c.float != nil:
		return strconv.FormatFloat(c.float(row), 'f', -1, 64)
	case c.boolean != nil:
		return strconv.FormatBool(c.boolean(row))
	case c.stamp != nil:
		t := time.UnixMicro(c.stamp(row).micros).UTC()
		if t.Unix()%86400 == 0 {
			return t.Format(time.DateOnly) // a date beside a column of times of day
		}
		return t.Format("2006-01-02 15:04:05.999999")
	}
	return ""
}

// readParts reads stamps from columns of years, months and so on.
func (b *binding) readParts(c *chunk, out *stamps) {
	for row := range c.rows {
		parts, absent := partDefaults, 0
		if b.days {
			parts[2] = 0
		}
		for k, i := range b.times {
			text := c.cols[i].text(row)
			n, ok := (numbers{decimal: '.'}).integer(text)
			switch {
			case text == "":
				absent++
			case !ok || n < 0 || n > 9999:
				out.state[row] = stampWrong
			}
			parts[k] = int(n)
		}
		if absent == len(b.times) {
			out.state[row] = stampAbsent
			continue
		}
		f := fields{year: parts[0], month: parts[1], day: parts[2], hour: parts[3], minute: parts[4], second: parts[5]}
		if b.thirds {
			if f.month = 3*parts[1] - 2; parts[1] < 1 || parts[1] > 4 {
				out.state[row] = stampWrong
			}
		}
		if b.days { // year, day of the year, hour, minute, second
			date := time.Date(parts[0], 1, parts[1], 0, 0, 0, 0, time.UTC)
			f = fields{year: date.Year(), month: int(date.Month()), day: date.Day(), hour: parts[2], minute: parts[3], second: parts[4]}
			if len(b.times) < 3 {
				f.hour = 0
			}
			if date.Year() != parts[0] {
				out.state[row] = stampWrong
			}
		}
		s, ok := f.stamp()
		if out.at[row] = s; !ok || absent > 0 || out.state[row] == stampWrong {
			out.state[row] = stampWrong
		}
	}
}

// quoteStamp returns a row's stamp as it stands in the file.
func (b *binding) quoteStamp(c *chunk, row int) string {
	text := ""
	for k, i := range b.times {
		if k > 0 {
			text += " "
		}
		if len(b.times) >= 3 {
			text += partNames[k] + "="
		}
		text += c.cols[i].text(row)
	}
	return shorten(text)
}

// clock turns stamps without a zone into instants, in the order of the rows.
type clock struct {
	zone     *zone.Zone
	resolver *zone.Resolver
}

// noZone is why a stamp without a zone has no instant where no clock is known.
const noZone = "the stamp has no zone"

// instant returns the instant of a stamp, or why there is none.
func (k *clock) instant(s stamp) (t int64, reason string) {
	t = s.micros
	if !s.zoned {
		if k.zone == nil {
			return 0, noZone
		}
		if k.resolver == nil {
			k.resolver = k.zone.Resolver()
		}
		var o zone.Occurrence
		if t, o = k.resolver.Instant(s.micros); o == zone.Skipped {
			return 0, fmt.Sprintf("the clock in %s never showed %s: it was set forward over it", k.zone.Name(),
				time.UnixMicro(s.micros).UTC().Format("2006-01-02 15:04:05.999999"))
		}
	}
	if t < columnar.MinTime || t >= columnar.MaxTime {
		return 0, "the time is outside the years 1 to 9999"
	}
	return t, ""
}
