package eval

import (
	"math"
	"strings"
	"time"

	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
)

// EXTRACT, and times and intervals made of fields.
var (
	_ = register("date_part", part(true, onSessionClock), plan.Text, plan.Timestamptz)
	_ = register("date_part", part(false, asItIs), plan.Text, plan.Timestamp)
	_ = register("date_part", part(false, atMidnight), plan.Text, plan.Date)
	_ = register("date_part", binaryErr(partOfTime), plan.Text, plan.Time)
	_ = register("date_part", binaryErr(partOfSpan), plan.Text, plan.Interval)

	_ = register("age", binaryErr(func(c *callContext, a, b int64) (plan.Span, error) {
		return age(c, c.env.Zone.Local(a), c.env.Zone.Local(b))
	}), plan.Timestamptz, plan.Timestamptz)
	_ = register("age", binaryErr(age), plan.Timestamp, plan.Timestamp)
	_ = register("age", unaryErr(func(c *callContext, t int64) (plan.Span, error) { return age(c, midnight(c.env), c.env.Zone.Local(t)) }), plan.Timestamptz)
	_ = register("age", unaryErr(func(c *callContext, t int64) (plan.Span, error) { return age(c, midnight(c.env), t) }), plan.Timestamp)
	_ = register("isfinite", unary(finite), plan.Timestamptz)
	_ = register("isfinite", unary(finite), plan.Timestamp)
	_ = register("isfinite", unary(finiteDate), plan.Date)
	_ = register("justify_days", unary(justifyDays), plan.Interval)
	_ = register("justify_hours", unary(justifyHours), plan.Interval)
	_ = register("justify_interval", unary(justify), plan.Interval)
	_ = register("make_date", ternaryErr(makeDate), plan.Bigint, plan.Bigint, plan.Bigint)
	_ = register("make_time", ternaryErr(makeTime), plan.Bigint, plan.Bigint, plan.Double)
	_ = register("make_timestamp", makeStamp(func(_ *Env, _ []Vector, _ int) (*zone.Zone, error) { return zone.UTC, nil }),
		plan.Bigint, plan.Bigint, plan.Bigint, plan.Bigint, plan.Bigint, plan.Double)
	_ = register("make_timestamptz", makeStamp(func(e *Env, _ []Vector, _ int) (*zone.Zone, error) { return e.Zone, nil }),
		plan.Bigint, plan.Bigint, plan.Bigint, plan.Bigint, plan.Bigint, plan.Double)
	_ = register("make_timestamptz", makeStamp(func(_ *Env, args []Vector, i int) (*zone.Zone, error) {
		return plan.LoadZone(0, args[6].Strs[i&args[6].mask()])
	}),
		plan.Bigint, plan.Bigint, plan.Bigint, plan.Bigint, plan.Bigint, plan.Double, plan.Text)
	_ = register("make_interval", makeSpan, plan.Bigint, plan.Bigint, plan.Bigint, plan.Bigint, plan.Bigint, plan.Bigint, plan.Double)
	_ = register("to_timestamp", unaryErr(fromEpoch), plan.Double)
)

// field is one of EXTRACT's fields of a local time.
type field func(local int64) float64

// fields are those that depend on the local time alone.
var fields = map[string]field{
	"microseconds": func(l int64) float64 { return float64(floorMod(l, 60*microsPerSecond)) },
	"milliseconds": func(l int64) float64 { return float64(floorMod(l, 60*microsPerSecond)) / 1000 },
	"second":       func(l int64) float64 { return float64(floorMod(l, 60*microsPerSecond)) / microsPerSecond },
	"minute":       func(l int64) float64 { return float64(floorMod(l, 3600*microsPerSecond) / (60 * microsPerSecond)) },
	"hour":         func(l int64) float64 { return float64(floorMod(l, microsPerDay) / (3600 * microsPerSecond)) },
	"dow":          func(l int64) float64 { return float64(floorMod(floorDays(l)+4, 7)) },
	"isodow":       func(l int64) float64 { return float64(floorMod(floorDays(l)+3, 7) + 1) },
	"day":          func(l int64) float64 { _, _, d := civil(l); return float64(d) },
	"month":        func(l int64) float64 { _, m, _ := civil(l); return float64(m) },
	"quarter":      func(l int64) float64 { _, m, _ := civil(l); return float64((m-1)/3 + 1) },
	"year":         func(l int64) float64 { y, _, _ := civil(l); return float64(era(int64(y))) },
	"decade":       func(l int64) float64 { y, _, _ := civil(l); return math.Floor(float64(y) / 10) },
	"century":      func(l int64) float64 { y, _, _ := civil(l); return eras(int64(y), 100) },
	"millennium":   func(l int64) float64 { y, _, _ := civil(l); return eras(int64(y), 1000) },
	"doy":          func(l int64) float64 { return float64(time.UnixMicro(l).UTC().YearDay()) },
	"week":         func(l int64) float64 { _, w := time.UnixMicro(l).UTC().ISOWeek(); return float64(w) },
	"isoyear":      func(l int64) float64 { y, _ := time.UnixMicro(l).UTC().ISOWeek(); return float64(era(int64(y))) },
	"julian":       func(l int64) float64 { return float64(l)/microsPerDay + 2440588 },
}

// era returns a year as the calendar counts it, in which the year before 1 is 1 before
// Christ, -1.
func era(year int64) int64 {
	if year <= 0 {
		return year - 1
	}
	return year
}

// eras returns the century or millennium of a year; there is none of number 0.
func eras(year, length int64) float64 {
	if year > 0 {
		return float64((year + length - 1) / length)
	}
	return float64(-((length - year) / length))
}

// clockFields are those that a date does not have.
var clockFields = map[string]bool{"microseconds": true, "milliseconds": true, "second": true, "minute": true, "hour": true}

// endless are the fields that grow with time: those of infinity are infinite, where
// others are NULL.
var endless = map[string]bool{"epoch": true, "year": true, "isoyear": true, "decade": true, "century": true, "millennium": true, "julian": true}

// fieldNames are the spellings of units of time, as PostgreSQL knows them.
var fieldNames = wordTable(`
	microseconds: us usec usecs usecond useconds microsecond microseconds microsecon
	milliseconds: ms msec msecs msecond mseconds millisecond milliseconds millisecon
	second: s sec secs second seconds
	minute: m min mins minute minutes
	hour: h hr hrs hour hours
	day: d day days
	week: w week weeks
	month: mon mons month months
	quarter: qtr quarter quarters
	year: y yr yrs year years
	decade: dec decs decade decades
	century: c cent century centuries
	millennium: mil mils millennium millennia
	timezone_hour: timezone_h timezone_hour
	timezone_minute: timezone_m timezone_minute`)

// wordTable reads lines of a word and the spellings that stand for it.
func wordTable(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(strings.TrimSpace(text)) {
		word, spellings, _ := strings.Cut(strings.TrimSpace(line), ":")
		for _, s := range strings.Fields(spellings) {
			out[s] = word
		}
	}
	return out
}

// FieldName returns a unit of time as the tables of fields and units spell it.
func FieldName(name string) string {
	word := strings.ToLower(strings.TrimSpace(name))
	if known, ok := fieldNames[word]; ok {
		return known
	}
	return word
}

// unknownField is the error for a field that a type does not have.
func unknownField(name string, of plan.Type) error {
	key := FieldName(name)
	if _, known := fields[key]; known || strings.HasPrefix(key, "timezone") {
		return plan.Errorf(0, plan.CodeNotSupported, "unit %q not supported for type %s", name, of)
	}
	return plan.Errorf(0, plan.CodeInvalidValue, "unit %q not recognized for type %s", name, of)
}

// clock turns a column of times into local times, in place of a copy of it; infinity
// stays infinity.
type clock func(e *Env, times []int64) error

// onSessionClock reads instants on the clock of the session's zone.
func onSessionClock(e *Env, times []int64) error {
	return localTimes(e.Zone, times)
}

func localTimes(z *zone.Zone, times []int64) error {
	from := 0
	for i, t := range times {
		if !finite(t) {
			z.LocalTimes(times[from:i], times[from:i])
			from = i + 1
		}
	}
	z.LocalTimes(times[from:], times[from:])
	return nil
}

// asItIs leaves local times as they are.
func asItIs(*Env, []int64) error { return nil }

// atMidnight takes dates for the local times at which they begin.
func atMidnight(_ *Env, days []int64) (err error) {
	for i, d := range days {
		if days[i], err = midnightOf(d); err != nil {
			return err
		}
	}
	return nil
}

// part is date_part(field, time).
func part(instants bool, local clock) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		times := append([]int64(nil), args[1].Ints[:args[1].size()]...)
		if err := local(c.env, times); err != nil {
			return Vector{}, err
		}
		var seen fieldCache
		return nullable(func(c *callContext, args []Vector, i int) (float64, bool, error) {
			if at := text(args, 0, i); seen.f == nil || at != seen.name {
				f, err := fieldOf(c.env, at, args[1].T, instants)
				if err != nil {
					return 0, false, err
				}
				seen = newFieldCache(at, f, instants)
			}
			i &= args[1].mask()
			switch shown := times[i]; {
			case shown == forever:
				return math.Inf(1), seen.endless, nil
			case shown == never:
				return math.Inf(-1), seen.endless, nil
			case seen.ofInstant:
				return seen.f(args[1].Ints[i]), true, nil
			default:
				return seen.at(shown), true, nil
			}
		})(c, args, n)
	}
}

// fieldCache is a field and its last value, which holds for an hour of most fields.
type fieldCache struct {
	name      string
	f         field
	ofInstant bool // it wants the instant, not the local time
	endless   bool
	fine      bool // it changes within an hour

	from, to int64 // local times for which value holds
	value    float64
}

func newFieldCache(name string, f field, instants bool) fieldCache {
	key := FieldName(name)
	out := fieldCache{name: name, f: f, endless: endless[key]}
	switch key {
	case "epoch":
		out.ofInstant, out.fine = instants, true
	case "timezone", "timezone_hour", "timezone_minute":
		out.ofInstant = instants
	case "microseconds", "milliseconds", "second", "minute", "julian":
		out.fine = true
	}
	return out
}

func (c *fieldCache) at(local int64) float64 {
	const hour = 3600 * microsPerSecond
	switch {
	case c.fine:
		return c.f(local)
	case local < c.from || local >= c.to:
		c.from = local - floorMod(local, hour)
		c.to = c.from + hour
		c.value = c.f(local)
	}
	return c.value
}

// fieldOf finds a field. Those that need the instant itself get that instead of the
// local time: epoch, timezone, timezone_hour, timezone_minute.
func fieldOf(env *Env, name string, t plan.Type, instants bool) (field, error) {
	key := FieldName(name)
	if f, ok := fields[key]; ok && (t != plan.Date || !clockFields[key]) {
		return f, nil
	}
	offset := func(t int64) int64 { return (env.Zone.Local(t) - t) / microsPerSecond }
	switch {
	case key == "epoch":
		return func(t int64) float64 { return float64(t) / microsPerSecond }, nil
	case key == "timezone" && instants:
		return func(t int64) float64 { return float64(offset(t)) }, nil
	case key == "timezone_hour" && instants:
		return func(t int64) float64 { return float64(offset(t) / 3600) }, nil
	case key == "timezone_minute" && instants:
		return func(t int64) float64 { return float64(offset(t) % 3600 / 60) }, nil
	}
	return nil, unknownField(name, t)
}

func partOfTime(_ *callContext, name string, t int64) (float64, error) {
	switch key := FieldName(name); key {
	case "microseconds", "milliseconds", "second", "minute":
		return fields[key](t), nil
	case "hour": // of 24:00, too
		return float64(t / (3600 * microsPerSecond)), nil
	case "epoch":
		return float64(t) / microsPerSecond, nil
	}
	return 0, unknownField(name, plan.Time)
}

func partOfSpan(_ *callContext, name string, s plan.Span) (float64, error) {
	years := s.Months / 12
	switch FieldName(name) {
	case "microseconds":
		return float64(s.Micros % (60 * microsPerSecond)), nil
	case "milliseconds":
		return float64(s.Micros%(60*microsPerSecond)) / 1000, nil
	case "second":
		return float64(s.Micros%(60*microsPerSecond)) / microsPerSecond, nil
	case "minute":
		return float64(s.Micros / (60 * microsPerSecond) % 60), nil
	case "hour":
		return float64(s.Micros / (3600 * microsPerSecond)), nil
	case "day":
		return float64(s.Days), nil
	case "month":
		return float64(s.Months % 12), nil
	case "quarter":
		return float64(s.Months%12/3 + 1), nil
	case "year":
		return float64(years), nil
	case "decade":
		return float64(years / 10), nil
	case "century":
		return float64(years / 100), nil
	case "millennium":
		return float64(years / 1000), nil
	case "epoch":
		const year = 365.25 * 24 * 3600
		return float64(years)*year + float64(s.Months%12)*30*24*3600 + float64(s.Days)*24*3600 + float64(s.Micros)/microsPerSecond, nil
	}
	return 0, unknownField(name, plan.Interval)
}

// midnight is the local time at which the session's present day began.
func midnight(e *Env) int64 { return floorDays(e.Zone.Local(e.Now)) * microsPerDay }

// age is the calendar distance from b to a, both local times: the difference of each
// field, where a day that is missing is taken from the month of the earlier time.
func age(c *callContext, a, b int64) (plan.Span, error) {
	switch {
	case !finite(a) || !finite(b):
		return plan.Span{}, plan.Errorf(0, plan.CodeDatetimeRange, "cannot subtract infinite timestamps")
	case a < b:
		s, err := age(c, b, a)
		return negated(s), err
	}
	ya, ma, da := civil(a)
	yb, mb, db := civil(b)
	months, days := (ya-yb)*12+int(ma-mb), da-db
	micros := floorMod(a, microsPerDay) - floorMod(b, microsPerDay)
	if micros < 0 {
		days, micros = days-1, micros+microsPerDay
	}
	if days < 0 {
		months, days = months-1, days+time.Date(yb, mb+1, 0, 0, 0, 0, 0, time.UTC).Day()
	}
	return plan.Span{Months: int32(months), Days: int32(days), Micros: micros}, nil
}

func justifyDays(s plan.Span) plan.Span {
	s.Months, s.Days = s.Months+s.Days/30, s.Days%30
	if s.Months > 0 && s.Days < 0 {
		s.Months, s.Days = s.Months-1, s.Days+30
	} else if s.Months < 0 && s.Days > 0 {
		s.Months, s.Days = s.Months+1, s.Days-30
	}
	return s
}

func justifyHours(s plan.Span) plan.Span {
	s.Days, s.Micros = s.Days+int32(s.Micros/microsPerDay), s.Micros%microsPerDay
	if s.Days > 0 && s.Micros < 0 {
		s.Days, s.Micros = s.Days-1, s.Micros+microsPerDay
	} else if s.Days < 0 && s.Micros > 0 {
		s.Days, s.Micros = s.Days+1, s.Micros-microsPerDay
	}
	return s
}

// justify does both, and gives all fields one sign.
func justify(s plan.Span) plan.Span {
	s = justifyDays(justifyHours(s))
	switch rest := int64(s.Days)*microsPerDay + s.Micros; {
	case s.Months > 0 && rest < 0:
		s.Months, s.Days = s.Months-1, s.Days+30
	case s.Months < 0 && rest > 0:
		s.Months, s.Days = s.Months+1, s.Days-30
	}
	return justifyHours(s)
}

// makeDate makes a date of its fields; negative years are those before Christ.
func makeDate(_ *callContext, y, m, d int64) (int64, error) {
	if y < 0 {
		return calendarDate(y+1, m, d)
	}
	if y == 0 {
		return 0, fieldRange(y, m, d)
	}
	return calendarDate(y, m, d)
}

// calendarDate makes a date of its fields; year 0 is the one before year 1.
func calendarDate(y, m, d int64) (int64, error) {
	t := time.Date(int(y), time.Month(m), int(d), 0, 0, 0, 0, time.UTC)
	if y <= minYear || y > maxYear || int64(t.Month()) != m || int64(t.Day()) != d {
		return 0, fieldRange(y, m, d)
	}
	return floorDays(t.UnixMicro()), nil
}

func fieldRange(y, m, d int64) error {
	return plan.Errorf(0, plan.CodeDatetimeRange, "date field value out of range: %d-%02d-%02d", y, m, d)
}

func makeTime(_ *callContext, h, m int64, s float64) (int64, error) {
	if h < 0 || h > 24 || m < 0 || m > 59 || !(s >= 0 && s <= 60) || h == 24 && (m > 0 || s > 0) {
		return 0, plan.Errorf(0, plan.CodeDatetimeRange, "time field value out of range: %d:%02d:%02g", h, m, s)
	}
	return (h*3600+m*60)*microsPerSecond + int64(math.RoundToEven(s*microsPerSecond)), nil
}

// makeStamp makes a time of its fields on the clock of a zone.
func makeStamp(clock func(*Env, []Vector, int) (*zone.Zone, error)) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		out := make([]int64, n)
		at := func(k, i int) int64 { return args[k].Ints[i&args[k].mask()] }
		valid, err := c.each(args, n, func(i int) error {
			days, err := makeDate(c, at(0, i), at(1, i), at(2, i))
			if err != nil {
				return err
			}
			tod, err := makeTime(c, at(3, i), at(4, i), args[5].Floats[i&args[5].mask()])
			if err != nil {
				return err
			}
			z, err := clock(c.env, args, i)
			if err != nil {
				return err
			}
			out[i] = z.Chosen(days*microsPerDay + tod)
			return nil
		})
		return of(out, valid), err
	}
}

func makeSpan(c *callContext, args []Vector, n int) (Vector, error) {
	out := make([]plan.Span, n)
	at := func(k, i int) float64 { return float64(args[k].Ints[i&args[k].mask()]) }
	valid, err := c.each(args, n, func(i int) error {
		months, days := at(0, i)*12+at(1, i), at(2, i)*7+at(3, i)
		micros := (at(4, i)*3600+at(5, i)*60)*microsPerSecond + math.Round(args[6].Floats[i&args[6].mask()]*microsPerSecond)
		if math.Abs(months) > math.MaxInt32 || math.Abs(days) > math.MaxInt32 || !(math.Abs(micros) < 1<<63) {
			return errSpanRange
		}
		out[i] = plan.Span{Months: int32(months), Days: int32(days), Micros: int64(micros)}
		return nil
	})
	return of(out, valid), err
}

func fromEpoch(_ *callContext, seconds float64) (int64, error) {
	switch {
	case math.IsInf(seconds, 1):
		return forever, nil
	case math.IsInf(seconds, -1):
		return never, nil
	case !(math.Abs(seconds) < 1<<40):
		return 0, errTimeRange
	}
	return checkTime(int64(math.RoundToEven(seconds * microsPerSecond)))
}
