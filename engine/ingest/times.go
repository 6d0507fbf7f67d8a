package ingest

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
)

// times is a column of time stamps: instants, or local times of a zone.
type times struct {
	a     arrow.Array
	raw   []int64
	unit  int64      // raw units per microsecond if negative, microseconds per unit if positive
	local *zone.Zone // nil: raw are instants

	shared []int64 // the stamps in microseconds, once they were asked for
	err    error   // what is wrong with the first of them that is wrong
}

// readTimes reads a column of time stamps of any unit and encoding. Stamps without a
// zone are read on the clock of local, or refused where that is nil.
func readTimes(a arrow.Array, local *zone.Zone) (times, error) {
	switch a := a.(type) {
	case *array.Timestamp:
		t := a.DataType().(*arrow.TimestampType)
		out := times{a: a, raw: int64s(a), unit: microseconds(t.Unit)}
		if t.TimeZone == "" {
			if local == nil {
				return times{}, plan.Errorf(0, plan.CodeTypeMismatch, "time stamps have no zone").
					WithHint("Send timestamps with a zone, or say on which clock they were read (zone).")
			}
			out.local = local
		}
		return out, nil
	case *array.Date32:
		return dates(a, a.Date32Values(), 24*3600*1_000_000, local), nil
	case *array.Date64:
		return dates(a, a.Date64Values(), 1000, local), nil
	case *array.Dictionary:
		return indirectTimes(a, a.Dictionary(), a.GetValueIndex, local)
	case *array.RunEndEncoded:
		return indirectTimes(a, a.Values(), a.GetPhysicalIndex, local)
	}
	return times{}, plan.Errorf(0, plan.CodeTypeMismatch, "column time is of Arrow type %s where timestamps are wanted", a.DataType())
}

// dates are the local times at which dates begin; in UTC where no clock is given.
func dates[T arrow.Date32 | arrow.Date64](a arrow.Array, values []T, unit int64, local *zone.Zone) times {
	out := times{a: a, raw: make([]int64, len(values)), unit: unit, local: local}
	for i, d := range values {
		out.raw[i] = int64(d)
	}
	if local == nil {
		out.local = zone.UTC
	}
	return out
}

// indirectTimes reads a dictionary or run-end encoded column: it is decoded once.
func indirectTimes(a, inner arrow.Array, index func(int) int, local *zone.Zone) (times, error) {
	in, err := readTimes(inner, local)
	if err != nil {
		return times{}, err
	}
	out := times{raw: make([]int64, a.Len()), unit: in.unit, local: in.local}
	out.a = decodeValidity(a, inner, index)
	for row := range out.raw {
		if out.a.IsValid(row) {
			out.raw[row] = in.raw[index(row)]
		}
	}
	return out, nil
}

func int64s(a *array.Timestamp) []int64 {
	d := a.Data()
	data := array.NewData(arrow.PrimitiveTypes.Int64, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset())
	defer data.Release()
	return arrow.GetValues[int64](data, 1)
}

// microseconds returns the length of a unit, negative where a microsecond holds that
// many units.
func microseconds(u arrow.TimeUnit) int64 {
	switch u {
	case arrow.Second:
		return 1_000_000
	case arrow.Millisecond:
		return 1000
	case arrow.Nanosecond:
		return -1000
	default:
		return 1
	}
}

// instants returns the instants of rows for a series. They may be the column itself.
func (c *columns) instants(t *target, rows []int32) ([]int64, error) {
	if c.time.local == nil {
		return c.givenInstants(t, rows)
	}
	out := make([]int64, len(rows))
	for i, row := range rows {
		x, err := c.time.micros(int(row))
		if err == nil {
			x, err = t.instant(c.time.local, x, int(row))
		}
		if err == nil {
			err = checkInstant(x, int(row))
		}
		if err != nil {
			return nil, err
		}
		out[i] = x
	}
	return t.begins(out), nil
}

// givenInstants is instants for stamps that are instants already. All of the column
// are read once, also where many series want them.
func (c *columns) givenInstants(t *target, rows []int32) ([]int64, error) {
	in := &c.time
	if in.shared == nil && in.err == nil {
		in.shared, in.err = in.all()
	}
	if in.err == nil && len(rows) == c.rows && !t.meta.LabelEnd {
		return in.shared[:len(rows):len(rows)], nil
	}
	out := c.times.take(len(rows))
	for i, row := range rows {
		if in.err != nil { // of a row that is perhaps not this series'
			x, err := in.micros(int(row))
			if err == nil {
				err = checkInstant(x, int(row))
			}
			if err != nil {
				return nil, err
			}
			out[i] = x
			continue
		}
		out[i] = in.shared[row]
	}
	return t.begins(out), nil
}

// begins turns stamps of the ends of intervals into those of their beginnings, where
// the series has such.
func (t *target) begins(stamps []int64) []int64 {
	if t.meta.LabelEnd {
		for i := range stamps {
			stamps[i] = t.meta.Grid.Back(stamps[i])
		}
	}
	return stamps
}

// all returns all stamps in microseconds.
func (t *times) all() ([]int64, error) {
	out := t.raw
	if t.unit != 1 {
		out = make([]int64, len(t.raw))
	}
	for row := range out {
		x, err := t.micros(row)
		if err == nil {
			err = checkInstant(x, row)
		}
		if err != nil {
			return nil, err
		}
		out[row] = x
	}
	return out, nil
}

func checkInstant(x int64, row int) error {
	if x < columnar.MinTime || x >= columnar.MaxTime {
		return outOfTime(row)
	}
	return nil
}

func outOfTime(row int) error {
	return rowError(row, plan.CodeDatetimeRange, "time is outside the years 1 to 9999")
}

// micros returns the stamp of a row in microseconds. Nanoseconds are rounded down.
func (t *times) micros(row int) (int64, error) {
	if t.a.IsNull(row) {
		return 0, rowError(row, plan.CodeNotNull, "time is NULL")
	}
	x := t.raw[row]
	if t.unit < 0 {
		q := x / -t.unit
		if x%-t.unit < 0 {
			q--
		}
		return q, nil
	}
	y := x * t.unit
	if y/t.unit != x {
		return 0, outOfTime(row)
	}
	return y, nil
}

// instant resolves a local time stamp of the series (I3). The series' clock is not
// moved: that is left for when the batch is taken.
func (t *target) instant(z *zone.Zone, local int64, row int) (int64, error) {
	if t.next == nil {
		if t.next = z.Resolver(); t.clock != nil {
			*t.next = *t.clock
		}
	}
	x, o := t.next.Instant(local)
	if o == zone.Skipped {
		return 0, rowError(row, plan.CodeDatetimeRange, "the clock in %s never showed %s", z.Name(),
			time.UnixMicro(local).UTC().Format("2006-01-02 15:04:05.999999")).
			withHint("It was set forward over that time; is the zone right?")
	}
	return x, nil
}
