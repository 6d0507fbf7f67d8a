package eval

import (
	"strings"
	"time"

	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
)

// The functions that group time: each row's bin, by the rules of package zone.
var (
	_ = register("time_bucket", bucket(binStart, false, false), plan.Interval, plan.Timestamptz)
	_ = register("time_bucket", bucket(binStart, true, false), plan.Interval, plan.Timestamptz, plan.Text)
	_ = register("time_bucket", bucket(binStart, true, true), plan.Interval, plan.Timestamptz, plan.Text, plan.Text)
	_ = register("time_bucket", bucket(binStart, true, true), plan.Interval, plan.Timestamptz, plan.Text, plan.Timestamptz)
	_ = register("time_bucket", onClock(bucket(binStart, false, false)), plan.Interval, plan.Timestamp)
	_ = register("local_bucket", bucket(binLabel, false, false), plan.Interval, plan.Timestamptz)
	_ = register("local_bucket", bucket(binLabel, true, false), plan.Interval, plan.Timestamptz, plan.Text)
	_ = register("local_bucket", bucket(binLabel, true, true), plan.Interval, plan.Timestamptz, plan.Text, plan.Text)
	_ = register("date_bin", ternaryErr(dateBin), plan.Interval, plan.Timestamptz, plan.Timestamptz)
	_ = register("date_bin", ternaryErr(dateBin), plan.Interval, plan.Timestamp, plan.Timestamp)
	_ = register("date_trunc", truncate(false), plan.Text, plan.Timestamptz)
	_ = register("date_trunc", truncate(true), plan.Text, plan.Timestamptz, plan.Text)
	_ = register("date_trunc", onClock(truncate(false)), plan.Text, plan.Timestamp)
	_ = register("date_trunc", binaryErr(truncateSpan), plan.Text, plan.Interval)
	_ = register("timezone", localIn, plan.Text, plan.Timestamptz)
	_ = register("timezone", inZone(func(z *zone.Zone, t int64) int64 { return z.Chosen(t) }), plan.Text, plan.Timestamp)
)

// The instants that stand for infinity and -infinity; every function of time
// returns them as they are.
const (
	forever = 1<<63 - 1
	never   = -1 << 63
)

func finite(t int64) bool { return t != forever && t != never }

func binStart(b *zone.Bin) int64 { return b.From }
func binLabel(b *zone.Bin) int64 { return b.Local }

// onClock runs a kernel on wall-clock times: as instants of UTC, which has the same
// calendar and no shifts.
func onClock(k vectorFunc) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		env := *c.env
		env.Zone = zone.UTC
		local := *c
		local.env = &env
		return k(&local, args, n)
	}
}

// binKey is what determines a partition of time.
type binKey struct {
	width  plan.Span
	zone   string
	origin string
	from   int64 // origin as an instant
}

// partitions are the partitions of time that the rows of a batch ask for, and the bin
// that was found last: it holds for most rows of sorted time.
type partitions struct {
	by    map[binKey]*zone.Cursor
	fixed bool // all rows ask for the same one
	last  binKey
	hit   *zone.Cursor
	bin   zone.Bin
}

// newPartitions returns an empty set for a call whose argument 1 is the time.
func newPartitions(args []Vector) *partitions {
	p := &partitions{by: map[binKey]*zone.Cursor{}, fixed: true}
	for i := range args {
		p.fixed = p.fixed && (i == 1 || args[i].Const)
	}
	return p
}

// again reports whether the bin found last holds an instant, too.
func (p *partitions) again(t int64) bool {
	return p.fixed && p.hit != nil && t >= p.bin.From && t < p.bin.To
}

// find returns the bin of an instant in the partition of a key, which make makes.
func (p *partitions) find(key *binKey, t int64, make func() (zone.Bins, error)) (*zone.Bin, error) {
	if p.hit != nil && *key == p.last {
		if t < p.bin.From || t >= p.bin.To {
			p.bin = p.hit.At(t)
		}
		return &p.bin, nil
	}
	cursor, ok := p.by[*key]
	if !ok {
		bins, err := make()
		if err != nil {
			return nil, err
		}
		cursor = bins.Cursor()
		p.by[*key] = cursor
	}
	p.last, p.hit, p.bin = *key, cursor, cursor.At(t)
	return &p.bin, nil
}

// bucket is time_bucket(width, time [, zone [, origin]]) and local_bucket.
func bucket(answer func(*zone.Bin) int64, hasZone, hasOrigin bool) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		seen := newPartitions(args)
		out := make([]int64, n)
		valid, err := c.each(args, n, func(i int) error {
			t := args[1].Ints[i&args[1].mask()]
			if seen.again(t) {
				out[i] = answer(&seen.bin)
				return nil
			}
			if out[i] = t; !finite(t) {
				return nil
			}
			key := binKey{width: args[0].Spans[i&args[0].mask()]}
			if hasZone {
				key.zone = args[2].Strs[i&args[2].mask()]
			}
			if hasOrigin && args[3].T == plan.Text {
				key.origin = args[3].Strs[i&args[3].mask()]
			} else if hasOrigin {
				key.from = args[3].Ints[i&args[3].mask()]
			}
			bin, err := seen.find(&key, t, func() (zone.Bins, error) { return key.bins(c, hasZone, hasOrigin, args) })
			if err != nil {
				return err
			}
			out[i] = answer(bin)
			return nil
		})
		return of(out, valid), err
	}
}

// bins makes the partition of a key.
func (k binKey) bins(c *callContext, hasZone, hasOrigin bool, args []Vector) (zone.Bins, error) {
	z := c.env.Zone
	if hasZone {
		var err error
		if z, err = plan.LoadZone(0, k.zone); err != nil {
			return zone.Bins{}, err
		}
	}
	width := zone.Width(k.width)
	origin := zone.DefaultOrigin(width)
	switch {
	case hasOrigin && args[3].T == plan.Text:
		var err error
		if origin, err = ParseOrigin(k.origin, width); err != nil {
			return zone.Bins{}, err
		}
	case hasOrigin:
		origin = z.Local(k.from)
	}
	return NewBins(width, z, origin)
}

// NewBins is zone.NewBins with errors for the user.
func NewBins(width zone.Width, z *zone.Zone, origin int64) (zone.Bins, error) {
	b, err := zone.NewBins(width, z, origin)
	if err != nil {
		return b, plan.Errorf(0, plan.CodeInvalidValue, "%v", err)
	}
	return b, nil
}

// originLayouts are the forms of an origin: a time of day, or a local time.
var originLayouts = []string{"15:04:05.999999", "15:04", "2006-01-02", "2006-01-02 15:04:05.999999", "2006-01-02T15:04:05.999999", "2006-01-02 15:04", "2006-01-02T15:04"}

// ParseOrigin returns the origin of bins that a text names, as a local time: '06:00'
// is that time of day on the default origin, '2024-04-01' and '2024-04-01 06:00' are
// local times.
func ParseOrigin(text string, width zone.Width) (int64, error) {
	for i, layout := range originLayouts {
		t, err := time.Parse(layout, strings.TrimSpace(text))
		if err != nil {
			continue
		}
		if i < 2 {
			h, m, s := t.Clock()
			return zone.DefaultOrigin(width) + int64((h*60+m)*60+s)*1_000_000 + int64(t.Nanosecond()/1000), nil
		}
		return t.UnixMicro(), nil
	}
	return 0, plan.Errorf(0, plan.CodeDatetimeFormat, "invalid origin %q", text).
		WithHint("An origin is a time of day such as 06:00, or a local time such as 2024-04-01 06:00.")
}

// dateBin is PostgreSQL's date_bin: bins of one length, counted from an origin.
func dateBin(_ *callContext, width plan.Span, t, origin int64) (int64, error) {
	if !finite(t) {
		return t, nil
	}
	if !finite(origin) {
		return 0, plan.Errorf(0, plan.CodeDatetimeRange, "origin out of range")
	}
	if width.Months != 0 {
		return 0, plan.Errorf(0, plan.CodeNotSupported, "date_bin has no bins of months or years").WithHint("Use time_bucket.")
	}
	const day = 24 * 3600 * 1_000_000
	w := int64(width.Days)*day + width.Micros
	if w <= 0 {
		return 0, plan.Errorf(0, plan.CodeDatetimeRange, "stride must be greater than zero")
	}
	r := (t - origin) % w
	if r < 0 {
		r += w
	}
	return t - r, nil
}

// Unit is a unit of date_trunc.
type Unit struct {
	Width  zone.Width
	Origin int64 // local time from which its bins are counted
}

const firstOf2001 = 11323 * 24 * 3600 * 1_000_000 // 2001-01-01, where centuries begin

// units are those of date_trunc.
var units = map[string]Unit{
	"microseconds": {Width: zone.Width{Micros: 1}},
	"milliseconds": {Width: zone.Width{Micros: 1000}},
	"second":       {Width: zone.Width{Micros: 1_000_000}},
	"minute":       {Width: zone.Width{Micros: 60_000_000}},
	"hour":         {Width: zone.Width{Micros: 3_600_000_000}},
	"day":          {Width: zone.Width{Days: 1}},
	"week":         {Width: zone.Width{Days: 7}, Origin: zone.DefaultOrigin(zone.Width{Days: 7})},
	"month":        {Width: zone.Width{Months: 1}},
	"quarter":      {Width: zone.Width{Months: 3}},
	"year":         {Width: zone.Width{Months: 12}},
	"decade":       {Width: zone.Width{Months: 120}},
	"century":      {Width: zone.Width{Months: 1200}, Origin: firstOf2001},
	"millennium":   {Width: zone.Width{Months: 12000}, Origin: firstOf2001},
}

// LookupUnit returns a unit of date_trunc by its name, in any case and any of
// PostgreSQL's spellings.
func LookupUnit(name string) (Unit, error) {
	u, ok := units[FieldName(name)]
	if !ok {
		return u, plan.Errorf(0, plan.CodeInvalidValue, "unit %q not recognized", name).
			WithHint("Use microseconds, milliseconds, second, minute, hour, day, week, month, quarter, year, decade, century or millennium.")
	}
	return u, nil
}

// truncate is date_trunc(unit, time [, zone]).
func truncate(hasZone bool) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		seen := newPartitions(args)
		out := make([]int64, n)
		valid, err := c.each(args, n, func(i int) error {
			t := args[1].Ints[i&args[1].mask()]
			if seen.again(t) {
				out[i] = seen.bin.From
				return nil
			}
			if out[i] = t; !finite(t) {
				return nil
			}
			key := binKey{origin: args[0].Strs[i&args[0].mask()]}
			if hasZone {
				key.zone = args[2].Strs[i&args[2].mask()]
			}
			bin, err := seen.find(&key, t, func() (b zone.Bins, err error) {
				z := c.env.Zone
				if hasZone {
					if z, err = plan.LoadZone(0, key.zone); err != nil {
						return b, err
					}
				}
				u, err := LookupUnit(key.origin)
				if err != nil {
					return b, err
				}
				return NewBins(u.Width, z, u.Origin)
			})
			if err != nil {
				return err
			}
			out[i] = bin.From
			return nil
		})
		return of(out, valid), err
	}
}

// truncateSpan is date_trunc of an interval: fields below the unit become zero.
func truncateSpan(_ *callContext, unit string, s plan.Span) (plan.Span, error) {
	u, err := LookupUnit(unit)
	if err != nil {
		return s, err
	}
	switch w := u.Width; {
	case w.Months > 0:
		return plan.Span{Months: s.Months - s.Months%w.Months}, nil
	case w.Days == 7:
		return s, plan.Errorf(0, plan.CodeNotSupported, "unit %q not supported for type interval", unit).WithHint("Months usually have fractional weeks.")
	case w.Days > 0:
		return plan.Span{Months: s.Months, Days: s.Days}, nil
	default:
		return plan.Span{Months: s.Months, Days: s.Days, Micros: s.Micros - s.Micros%w.Micros}, nil
	}
}

// inZone is AT TIME ZONE; the zone may differ from row to row.
func inZone(f func(z *zone.Zone, t int64) int64) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		out := make([]int64, n)
		var z *zone.Zone
		var name string
		valid, err := c.each(args, n, func(i int) (err error) {
			if at := text(args, 0, i); z == nil || at != name {
				if z, err = plan.LoadZone(0, at); err != nil {
					return err
				}
				name = at
			}
			t := args[1].Ints[i&args[1].mask()]
			if out[i] = t; finite(t) {
				out[i] = f(z, t)
			}
			return nil
		})
		return of(out, valid), err
	}
}

// localIn is AT TIME ZONE of instants: all at once where the zone is one.
func localIn(c *callContext, args []Vector, n int) (Vector, error) {
	if !args[0].Const || args[1].Const {
		return inZone(func(z *zone.Zone, t int64) int64 { return z.Local(t) })(c, args, n)
	}
	z, err := plan.LoadZone(0, args[0].Strs[0])
	if err != nil {
		return Vector{}, err
	}
	out := append([]int64(nil), args[1].Ints[:n]...)
	return of(out, bothValid(args)), localTimes(z, out)
}
