package importer

import (
	"time"

	"github.com/trellisdb/trellis/columnar/zone"
)

const dayMicros = 24 * 3600 * 1_000_000

// fit says which units of the calendar of a zone begin at every stamp of a series, at
// one time of day.
type fit struct {
	zone                                 *zone.Zone // nil: none is known, nothing fits
	clock                                int64      // time of day, in microseconds
	days, weeks, months, quarters, years bool
}

// add takes in a stamp.
func (f *fit) add(t int64, first bool) {
	if f.zone == nil {
		return
	}
	local := time.UnixMicro(f.zone.Local(t)).UTC()
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
	clock := local.Sub(midnight).Microseconds()
	if first {
		f.clock = clock
		f.days, f.weeks, f.months, f.quarters, f.years = true, true, true, true, true
	}
	f.days = f.days && clock == f.clock
	f.weeks = f.weeks && f.days && local.Weekday() == time.Monday
	f.months = f.months && f.days && local.Day() == 1
	f.quarters = f.quarters && f.months && (local.Month()-1)%3 == 0
	f.years = f.years && f.quarters && local.Month() == time.January
}

// period returns the longest unit that fits, as sample_t has it; empty: none does. In
// UTC all days and weeks are equally long, and need no calendar.
func (f *fit) period() string {
	uneven := f.zone != nil && f.zone.Name() != zone.UTC.Name()
	switch {
	case f.years:
		return "1 year"
	case f.quarters:
		return "3 months"
	case f.months:
		return "1 month"
	case f.weeks && uneven:
		return "7 days"
	case f.days && uneven:
		return "1 day"
	}
	return ""
}

// zoneOf returns the zone that a series of a value column is to have; nil where it has
// none that is known.
func (o *Options) zoneOf(column string) *zone.Zone {
	name, ok := o.Attributes["zone"].Of(column)
	if !ok || name == "" {
		return zone.UTC
	}
	z, err := zone.Load(name)
	if err != nil {
		return nil
	}
	return z
}
