package plan

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/trellisdb/trellis/columnar/zone"
)

// The microseconds that stand for the timestamps 'infinity' and '-infinity', and
// the days that stand for the dates.
const (
	Infinity         = math.MaxInt64
	NegativeInfinity = math.MinInt64
	InfiniteDate     = math.MaxInt32
	FirstDate        = math.MinInt32 // -infinity
)

const (
	microsPerSecond = 1_000_000
	microsPerMinute = 60 * microsPerSecond
	microsPerHour   = 60 * microsPerMinute
	microsPerDay    = 24 * microsPerHour
	secondsPerDay   = 24 * 3600
)

// FormatValue returns a literal's value as PostgreSQL prints it with the default
// settings: ISO dates, the shortest decimal that is the same number, intervals in
// the style postgres. Instants are shown in z; nil stands for UTC.
func FormatValue(value any, t Type, z *zone.Zone) string {
	switch v := value.(type) {
	case nil:
		return ""
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return FormatDouble(v)
	case string:
		return v
	case Span:
		return FormatInterval(v)
	case int64:
		switch t {
		case Timestamp:
			return FormatTimestamp(v)
		case Timestamptz:
			return FormatTimestamptz(v, z)
		case Date:
			return FormatDate(v)
		case Time:
			return clock(v)
		}
		return strconv.FormatInt(v, 10)
	}
	return fmt.Sprint(value)
}

// FormatDouble prints a number as PostgreSQL does: the shortest decimal that is
// the same double, with an exponent from 1e+15 on and below 1e-04.
func FormatDouble(v float64) string { return formatFloat(v, 64, 15) }

// FormatReal prints a number of 24 bits as PostgreSQL prints a real.
func FormatReal(v float64) string { return formatFloat(v, 32, 6) }

// formatFloat prints a number of so many bits, with an exponent from 10 to the power
// of digits on.
func formatFloat(v float64, bits, digits int) string {
	switch {
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	case math.IsNaN(v):
		return "NaN"
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= math.Pow10(digits)) {
		return strconv.FormatFloat(v, 'e', -1, bits)
	}
	return strconv.FormatFloat(v, 'f', -1, bits)
}

// FormatTimestamp prints a local time: 2024-03-31 02:30:00.5.
func FormatTimestamp(local int64) string {
	if s, ok := infinite(local, NegativeInfinity, Infinity); ok {
		return s
	}
	day := floorDiv(local, microsPerDay)
	date, era := calendar(day)
	return date + " " + clock(local-day*microsPerDay) + era
}

// FormatTimestamptz prints an instant as the clock in z shows it, with the offset:
// 2024-03-31 03:30:00.5+02.
func FormatTimestamptz(instant int64, z *zone.Zone) string {
	if s, ok := infinite(instant, NegativeInfinity, Infinity); ok {
		return s
	}
	offset := int64(0)
	if z != nil {
		offset = z.Offset(instant)
	}
	local := instant + offset
	day := floorDiv(local, microsPerDay)
	date, era := calendar(day)
	return date + " " + clock(local-day*microsPerDay) + formatOffset(offset/microsPerSecond) + era
}

// FormatDate prints a date: 2024-03-31.
func FormatDate(days int64) string {
	if s, ok := infinite(days, FirstDate, InfiniteDate); ok {
		return s
	}
	date, era := calendar(days)
	return date + era
}

func infinite(v, first, last int64) (string, bool) {
	switch v {
	case first:
		return "-infinity", true
	case last:
		return "infinity", true
	}
	return "", false
}

// calendar prints a day, and the suffix of years before 1.
func calendar(days int64) (date, era string) {
	t := time.Unix(days*secondsPerDay, 0).UTC()
	y := t.Year()
	if y < 1 {
		y, era = 1-y, " BC"
	}
	return fmt.Sprintf("%04d-%02d-%02d", y, t.Month(), t.Day()), era
}

// clock prints a time of day in microseconds: 02:30:00.5.
func clock(micros int64) string {
	s := fmt.Sprintf("%02d:%02d:%02d", micros/microsPerHour, micros/microsPerMinute%60, micros/microsPerSecond%60)
	if fraction := micros % microsPerSecond; fraction != 0 {
		s += strings.TrimRight(fmt.Sprintf(".%06d", fraction), "0")
	}
	return s
}

// formatOffset prints seconds east of Greenwich: +02, -03:30, +00:53:28.
func formatOffset(seconds int64) string {
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	s := fmt.Sprintf("%c%02d", sign, seconds/3600)
	if seconds%3600 != 0 {
		s += fmt.Sprintf(":%02d", seconds/60%60)
	}
	if seconds%60 != 0 {
		s += fmt.Sprintf(":%02d", seconds%60)
	}
	return s
}

// FormatInterval prints an interval in the style postgres: 1 year 2 mons -3 days
// +04:05:06.7.
func FormatInterval(s Span) string {
	var parts []string
	negative := false // whether the last part was: the next positive one then needs a +
	add := func(n int32, unit string) {
		if n == 0 {
			return
		}
		sign := ""
		if negative && n > 0 {
			sign = "+"
		}
		if n != 1 {
			unit += "s"
		}
		parts = append(parts, fmt.Sprintf("%s%d %s", sign, n, unit))
		negative = n < 0
	}
	add(s.Months/12, "year")
	add(s.Months%12, "mon")
	add(s.Days, "day")
	if s.Micros != 0 || len(parts) == 0 {
		switch {
		case s.Micros == math.MinInt64:
			parts = append(parts, "-2562047788:00:54.775808")
		case s.Micros < 0:
			parts = append(parts, "-"+clock(-s.Micros))
		case negative:
			parts = append(parts, "+"+clock(s.Micros))
		default:
			parts = append(parts, clock(s.Micros))
		}
	}
	return strings.Join(parts, " ")
}

// floorDiv divides towards minus infinity.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
