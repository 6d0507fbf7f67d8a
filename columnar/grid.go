package columnar

import "fmt"

// Grid is the lattice of a series: slot s covers [s·Period, (s+1)·Period) and
// block b holds the slots [b·BlockLen, (b+1)·BlockLen), both counted from the
// Unix epoch and continued below it.
type Grid struct {
	Period   int64 // sample period in microseconds, at least 1
	BlockLen int64 // slots per block, 1 to MaxBlockLen
}

// MaxBlockLen is the largest number of slots that a block may have.
const MaxBlockLen = 1 << 16

// MaxPeriod is the longest sample period: 366 days, in microseconds.
const MaxPeriod = 366 * 24 * 3600 * 1_000_000

// The instants that a sample may have: years 1 to 9999, the range that every
// client can show.
const (
	MinTime = -62_135_596_800_000_000 // 0001-01-01T00:00:00Z
	MaxTime = 253_402_300_800_000_000 // 10000-01-01T00:00:00Z, excluded
)

// Slot returns the slot that holds instant t: floor(t / Period).
func (g Grid) Slot(t int64) int64 { return floorDiv(t, g.Period) }

// Time returns the instant at which slot s begins.
func (g Grid) Time(s int64) int64 { return s * g.Period }

// SlotAtOrAfter returns the first slot that begins at or after instant t.
func (g Grid) SlotAtOrAfter(t int64) int64 { return -floorDiv(-t, g.Period) }

// Block returns the block that holds slot s.
func (g Grid) Block(s int64) int64 { return floorDiv(s, g.BlockLen) }

// BlockSlot returns the first slot of block b.
func (g Grid) BlockSlot(b int64) int64 { return b * g.BlockLen }

// BlockTime returns the instant at which block b begins.
func (g Grid) BlockTime(b int64) int64 { return b * g.BlockLen * g.Period }

// Validate reports whether the grid's period and block length are in range.
func (g Grid) Validate() error {
	if g.Period < 1 || g.Period > MaxPeriod {
		return fmt.Errorf("sample period of %d µs is outside 1 µs to 366 days", g.Period)
	}
	if g.BlockLen < 1 || g.BlockLen > MaxBlockLen {
		return fmt.Errorf("block length of %d slots is outside 1 to %d", g.BlockLen, MaxBlockLen)
	}
	return nil
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
