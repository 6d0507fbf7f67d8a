package segment

import (
	"slices"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
)

// hasGrids reports whether any series has a phase or a calendar period, so that the
// footer has the part of grids.
func (f *footer) hasGrids() bool {
	return slices.ContainsFunc(f.series, func(s SeriesInfo) bool { return s.Grid.Phase != 0 || s.Grid.Calendar != nil })
}

// appendGrids appends phases and calendars.
func (f *footer) appendGrids(a *appender) {
	var zones []string
	columns := [4][]int64{}
	for i := range f.series {
		g := f.series[i].Grid
		at := 0
		if g.Calendar != nil {
			name := g.Calendar.Zone().Name()
			if at = slices.Index(zones, name) + 1; at == 0 {
				zones = append(zones, name)
				at = len(zones)
			}
		}
		w := g.Width()
		for k, v := range [4]int64{g.Phase, int64(w.Months), int64(w.Days), int64(at)} {
			columns[k] = append(columns[k], v)
		}
	}
	a.uvarint(uint64(len(zones)))
	for _, name := range zones {
		a.part(func(dst []byte) ([]byte, error) { return append(dst, name...), nil })
	}
	for _, values := range columns {
		a.ints(values)
	}
}

// decodeGrids takes phases and calendars of series.
func decodeGrids(c *cursor, series []SeriesInfo) {
	n := c.count("zones of calendars", min(len(series), len(c.src)))
	zones := []string{""}
	for range n {
		zones = append(zones, c.text("zone"))
	}
	phases, months := c.ints("phase", len(series)), c.ints("months", len(series))
	days, places := c.ints("days", len(series)), c.ints("zone of calendar", len(series))
	if c.err != nil {
		return
	}
	for i := range series {
		if places[i] < 0 || places[i] >= int64(len(zones)) || !isCount(months[i]) || !isCount(days[i]) {
			c.fail("period of series %d", series[i].ID)
			return
		}
		g := series[i].Grid
		width := zone.Width{Months: int32(months[i]), Days: int32(days[i]), Micros: g.Period}
		var err error
		if series[i].Grid, err = columnar.RestoreGrid(width, zones[places[i]], phases[i], g.BlockLen); err != nil {
			c.fail("series %d: %w", series[i].ID, err)
			return
		}
	}
}

// isCount reports whether a number of months or days is one.
func isCount(n int64) bool { return n >= 0 && n <= 1<<20 }
