package columnar

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/trellisdb/trellis/columnar/zone"
)

// Grid is the lattice of a series. Its slots have numbers, and follow each other
// without a gap or an overlap, also before 1970; block b holds the slots
// [b·BlockLen, (b+1)·BlockLen).
//
// The slots of a fixed period last equally long: slot s covers [Phase + s·Period,
// Phase + (s+1)·Period) from the Unix epoch. Those of a calendar period are the bins
// of a Calendar: a day has 23, 24, 24.5 or 25 hours, and one that the clock skips is a
// slot that lasts no time and holds no instant.
//
// Nothing but the methods of a Grid makes instants of slots: a calendar's Period is
// 0. Two grids are equal where all fields are.
type Grid struct {
	Period   int64 // of a fixed period: microseconds, at least 1
	BlockLen int64 // slots per block, 1 to MaxBlockLen

	// Phase is where slots begin: of a fixed period, microseconds in [0, Period); of a
	// calendar period, the time of day on the local clock.
	Phase int64

	Calendar *zone.Calendar // nil: the period is fixed
}

// MaxBlockLen is the largest number of slots that a block may have.
const MaxBlockLen = 1 << 16

// The longest sample periods.
const (
	MaxPeriod         = 366 * day // of a fixed one
	maxCalendarPeriod = 100 * MaxPeriod
)

// The instants that a sample may have: years 1 to 9999, the range that every
// client can show.
const (
	MinTime = -62_135_596_800_000_000 // 0001-01-01T00:00:00Z
	MaxTime = 253_402_300_800_000_000 // 10000-01-01T00:00:00Z, excluded
)

// NewGrid returns the grid of a sample period: a calendar grid where it has months or
// days, a fixed one where it has microseconds. A phase of a fixed period may be any, as
// one that is whole periods later is the same. A block length of 0 stands for the one
// that suits the period. The grid may be invalid for its size: see Validate.
func NewGrid(period zone.Width, z *zone.Zone, phase, blockLen int64) (Grid, error) {
	g := Grid{Period: period.Micros, BlockLen: blockLen, Phase: phase}
	if period.Months != 0 || period.Days != 0 {
		c, err := zone.NewCalendar(period, z, phase)
		if err != nil {
			return Grid{}, err
		}
		g.Period, g.Calendar = 0, c
	}
	return g.On(z), nil
}

// On returns the grid as that of a series in a zone, with what was left out filled in:
// a calendar counts in the zone, the phase of a fixed period is less than it, and the
// block length is the one that suits the period. What is invalid stays as it is.
func (g Grid) On(z *zone.Zone) Grid {
	switch {
	case g.Calendar != nil:
		if c, err := zone.NewCalendar(g.Calendar.Width(), z, g.Phase); err == nil {
			g.Calendar = c
		}
	case g.Period > 0:
		g.Phase -= floorDiv(g.Phase, g.Period) * g.Period
	}
	if g.BlockLen == 0 && (g.Calendar != nil || g.Period > 0) {
		g.BlockLen = g.defaultBlockLen()
	}
	return g
}

// Width returns the sample period: months or days of a calendar period, microseconds of
// a fixed one.
func (g Grid) Width() zone.Width {
	if g.Calendar != nil {
		return g.Calendar.Width()
	}
	return zone.Width{Micros: g.Period}
}

// Slot returns the slot that holds instant t.
func (g Grid) Slot(t int64) int64 {
	if g.Calendar != nil {
		return g.Calendar.Number(t)
	}
	return floorDiv(t-g.Phase, g.Period)
}

// Time returns the instant at which slot s begins. Slot s ends at Time(s + 1).
func (g Grid) Time(s int64) int64 {
	if g.Calendar != nil {
		return g.Calendar.Begin(s)
	}
	return g.Phase + s*g.Period
}

// Times sets dst[i] to the instant at which slot s+i begins.
func (g Grid) Times(dst []int64, s int64) {
	if g.Calendar != nil {
		for i := range dst {
			dst[i] = g.Calendar.Begin(s + int64(i))
		}
		return
	}
	t := g.Time(s)
	for i := range dst {
		dst[i] = t
		t += g.Period
	}
}

// SlotAtOrAfter returns the first slot that begins at or after instant t.
func (g Grid) SlotAtOrAfter(t int64) int64 {
	if g.Calendar != nil {
		return g.Calendar.Number(t-1) + 1
	}
	return -floorDiv(g.Phase-t, g.Period)
}

// SlotEnd returns the end of the slot that holds instant t.
func (g Grid) SlotEnd(t int64) int64 { return g.Time(g.Slot(t) + 1) }

// Back returns the instant one slot before t, as far after the beginning of its slot as
// t is: what a source means that stamps the ends of intervals.
func (g Grid) Back(t int64) int64 {
	if g.Calendar == nil {
		return t - g.Period
	}
	begin := g.Time(g.Slot(t))
	before := g.Time(g.Slot(begin - 1))
	return min(before+(t-begin), begin-1)
}

// OnGrid reports whether a slot begins at instant t.
func (g Grid) OnGrid(t int64) bool { return g.Time(g.Slot(t)) == t }

// Block returns the block that holds slot s.
func (g Grid) Block(s int64) int64 { return floorDiv(s, g.BlockLen) }

// BlockSlot returns the first slot of block b.
func (g Grid) BlockSlot(b int64) int64 { return b * g.BlockLen }

// BlockTime returns the instant at which block b begins.
func (g Grid) BlockTime(b int64) int64 { return g.Time(b * g.BlockLen) }

// Nominal returns how long a slot lasts, on average where that differs: a measure of
// size, not of time.
func (g Grid) Nominal() int64 {
	if g.Calendar != nil {
		return g.Calendar.Nominal()
	}
	return g.Period
}

// Validate reports whether the grid's period, phase and block length are in range.
func (g Grid) Validate() error {
	if c := g.Calendar; c != nil {
		switch {
		case g.Period != 0:
			return fmt.Errorf("a calendar period of %v has no fixed length of %d µs", c.Width(), g.Period)
		case c.Nominal() > maxCalendarPeriod:
			return fmt.Errorf("sample period of %v is longer than 100 years", c.Width())
		case g.Phase != c.Phase():
			return errors.New("the phase of a calendar period is a time of day: give it from 0 to less than 24 hours")
		}
	} else if g.Period < 1 || g.Period > MaxPeriod {
		return fmt.Errorf("sample period of %d µs is outside 1 µs to 366 days", g.Period)
	} else if g.Phase < 0 || g.Phase >= g.Period {
		return fmt.Errorf("phase of %d µs is outside the sample period of %d µs", g.Phase, g.Period)
	}
	if g.BlockLen < 1 || g.BlockLen > MaxBlockLen {
		return fmt.Errorf("block length of %d slots is outside 1 to %d", g.BlockLen, MaxBlockLen)
	}
	if g.Calendar != nil && g.Nominal()*g.BlockLen/maxCalendarPeriod > 1000 {
		return fmt.Errorf("block of %d slots of %v is longer than 100,000 years", g.BlockLen, g.Width())
	}
	return nil
}

// String prints the grid for people.
func (g Grid) String() string {
	text := fmt.Sprintf("a sample every %d µs", g.Period)
	if g.Calendar != nil {
		text = "a sample every " + g.Calendar.String()
	}
	if g.Phase != 0 {
		text += fmt.Sprintf(", phase %d µs", g.Phase)
	}
	return fmt.Sprintf("%s, %d slots a block", text, g.BlockLen)
}

// gridText is a grid in JSON.
type gridText struct {
	Period, BlockLen int64
	Phase            int64  `json:",omitempty"`
	Months, Days     int32  `json:",omitempty"`
	Zone             string `json:",omitempty"` // of a calendar period
}

// MarshalJSON writes the grid as an object.
func (g Grid) MarshalJSON() ([]byte, error) {
	t := gridText{Period: g.Period, BlockLen: g.BlockLen, Phase: g.Phase}
	if c := g.Calendar; c != nil {
		t.Months, t.Days, t.Zone = c.Width().Months, c.Width().Days, c.Zone().Name()
	}
	return json.Marshal(t)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (g *Grid) UnmarshalJSON(src []byte) error {
	var t gridText
	if err := json.Unmarshal(src, &t); err != nil {
		return err
	}
	var err error
	*g, err = RestoreGrid(zone.Width{Months: t.Months, Days: t.Days, Micros: t.Period}, t.Zone, t.Phase, t.BlockLen)
	return err
}

// RestoreGrid returns a grid that was stored as its period, the zone that a calendar
// period counts in, phase and block length, as they are: it may be invalid.
func RestoreGrid(period zone.Width, zoneName string, phase, blockLen int64) (Grid, error) {
	g := Grid{Period: period.Micros, BlockLen: blockLen, Phase: phase}
	if period.Months == 0 && period.Days == 0 {
		return g, nil
	}
	z, err := zone.Load(zoneName)
	if err != nil {
		return Grid{}, err
	}
	g.Calendar, err = zone.NewCalendar(period, z, phase)
	return g, err
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

const (
	microsecond = int64(1)
	second      = 1_000_000 * microsecond
	minute      = 60 * second
	day         = 24 * 60 * minute
)

// blockDurations are the lengths a block may have by default, in the order in
// which they are tried. Those of 15 minutes and more are whole multiples of 15
// minutes, the shorter ones divide 15 minutes, so that blocks tile local bins.
// The last entries serve sources of a sample a day and slower.
var blockDurations = []int64{
	60 * minute, 15 * minute, 30 * minute, 120 * minute, 240 * minute, 360 * minute, 480 * minute, day,
	720 * minute, 2 * day, 4 * day, 8 * day, 16 * day, 32 * day, 64 * day, 128 * day, 256 * day, 512 * day, 1024 * day,
	5 * minute, 3 * minute, minute, 30 * second, 15 * second, 10 * second, 5 * second, second,
}

// DefaultBlockLen returns the number of slots per block for a sample period in
// microseconds: that of the first duration in the table (docs/format.md) which
// is a whole number of periods and gives 512 to 8,192 samples; 1,024 where there
// is none, as for a period of 7 s.
func DefaultBlockLen(period int64) int64 {
	for _, d := range blockDurations {
		if n := d / period; d%period == 0 && n >= 512 && n <= 8192 {
			return n
		}
	}
	return 1024
}

// calendarBlockLen is the number of slots per block of a calendar period. Of months it
// is 50 years, of quarters 150, so that blocks begin with a year; 512 days or weeks are
// about as long as a block of as many fixed ones.
const (
	calendarBlockLen = 512
	monthBlockLen    = 600
)

// defaultBlockLen returns the number of slots per block that suits the period. Blocks
// whose slots do not begin with them tile bins as blocks without a phase do where the
// phase is whole quarter hours; elsewhere a bin cuts blocks whatever their length.
func (g Grid) defaultBlockLen() int64 {
	switch {
	case g.Calendar == nil:
		return DefaultBlockLen(g.Period)
	case g.Calendar.Width().Months > 0:
		return monthBlockLen
	}
	return calendarBlockLen
}
