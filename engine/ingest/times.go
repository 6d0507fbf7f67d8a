package ingest

import (
	"errors"
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
}

// readTimes reads a column of time stamps of any unit. Stamps without a zone are
// read on the clock of local, or refused where that is nil.
func readTimes(a arrow.Array, local *zone.Zone) (times, error) {
	switch a := a.(type) {
	case *array.Timestamp:
		t := a.DataType().(*arrow.TimestampType)
		out := times{a: a, raw: int64s(a), unit: microseconds(t.Unit)}
		if t.TimeZone == "" {
			if local == nil {
				return times{}, plan.Errorf(0, plan.CodeTypeMismatch, "time stamps have no zone").
					WithHint("send timestamps with a zone, or say on which clock they were read (zone)")
			}
			out.local = local
		}
		return out, nil
	case *array.Date32:
		out := times{a: a, raw: make([]int64, a.Len()), unit: 24 * 3600 * 1_000_000, local: local}
		for i, d := range a.Date32Values() {
			out.raw[i] = int64(d)
		}
		if local == nil {
			out.local = zone.UTC
		}
		return out, nil
	}
	return times{}, plan.Errorf(0, plan.CodeTypeMismatch, "column time is of Arrow type %s where timestamps are wanted", a.DataType())
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

// instants returns the instants of rows for a series.
func (c *columns) instants(t *target, rows []int32) ([]int64, error) {
	in := &c.time
	if shared, ok := c.sharedInstants(t, rows); ok {
		return shared, nil
	}
	out := make([]int64, len(rows))
	for i, row := range rows {
		if in.a.IsNull(int(row)) {
			return nil, rowError(int(row), plan.CodeNotNull, "time is NULL")
		}
		x, ok := in.micros(int(row))
		if ok && in.local != nil {
			var err error
			if x, err = t.instant(in.local, x, int(row)); err != nil {
				return nil, err
			}
		}
		if !ok || x < columnar.MinTime || x >= columnar.MaxTime {
			return nil, rowError(int(row), plan.CodeDatetimeRange, "time is outside the years 1 to 9999")
		}
		if t.meta.LabelEnd {
			x -= t.meta.Grid.Period
		}
		out[i] = x
	}
	return out, nil
}

// sharedInstants returns the column itself where it needs no change: microseconds
// with a zone, no NULLs, and all rows of the batch.
func (c *columns) sharedInstants(t *target, rows []int32) ([]int64, bool) {
	in := &c.time
	if in.unit != 1 || in.local != nil || t.meta.LabelEnd || len(rows) != c.rows || in.a.NullN() > 0 {
		return nil, false
	}
	for _, x := range in.raw {
		if x < columnar.MinTime || x >= columnar.MaxTime {
			return nil, false
		}
	}
	return in.raw[:len(rows):len(rows)], true
}

// micros returns the stamp of a row in microseconds, unless it is out of range.
// Nanoseconds are rounded down.
func (t *times) micros(row int) (int64, bool) {
	x := t.raw[row]
	if t.unit < 0 {
		q := x / -t.unit
		if x%-t.unit < 0 {
			q--
		}
		return q, true
	}
	y := x * t.unit
	return y, y/t.unit == x
}

// instant resolves a local time stamp of the series (I3).
func (t *target) instant(z *zone.Zone, local int64, row int) (int64, error) {
	if t.clock == nil {
		t.clock = z.Resolver()
	}
	x, o := t.clock.Instant(local)
	if o == zone.Skipped {
		return 0, rowError(row, plan.CodeDatetimeRange, "the clock in %s never showed %s", z.Name(),
			time.UnixMicro(local).UTC().Format("2006-01-02 15:04:05.999999")).
			WithHint("it was set forward over that time; is the zone right?")
	}
	return x, nil
}

// inRow adds the row to a user's mistake.
func inRow(err error, row int) error {
	var e *plan.Error
	if errors.As(err, &e) {
		return rowError(row, e.Code, "%s", e.Msg).WithHint("%s", e.Hint)
	}
	return err
}
