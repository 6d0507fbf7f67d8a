package ingest

import (
	"fmt"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// OffGrid says what becomes of a sample whose time is not one at which a slot of its
// series begins.
type OffGrid uint8

// What there is to do about samples off the grid.
const (
	// OffGridUnsaid leaves it to whoever makes the reader; a reader snaps.
	OffGridUnsaid OffGrid = iota
	// Snap puts them into the slots that hold their times, and counts them.
	Snap
	// Refuse refuses their batches, with the row of the first.
	Refuse
)

// ParseOffGrid reads snap or refuse.
func ParseOffGrid(text string) (OffGrid, error) {
	switch text {
	case "snap":
		return Snap, nil
	case "refuse":
		return Refuse, nil
	}
	return OffGridUnsaid, plan.Errorf(0, plan.CodeInvalidValue, "off_grid is %q", shorten(text)).WithHint("use snap or refuse")
}

// gridCounts say how the stamps of a batch lie to the slots.
type gridCounts struct {
	moved    int64 // samples that do not stand where their slots begin
	shift    int64 // µs, the farthest that one of these is moved back
	collided int64 // samples of which a later one of the batch took the slot
}

// add takes in the counts of another series.
func (c *gridCounts) add(d gridCounts) {
	c.moved += d.moved
	c.collided += d.collided
	c.shift = max(c.shift, d.shift)
}

// lie says how stamps, which are beginnings, lie to the slots of a grid, and which of
// them is the first that is off it; -1: none is.
func lie(g columnar.Grid, stamps []int64) (c gridCounts, first int) {
	first = -1
	if regular(g, stamps) {
		return c, first
	}
	last, rising := int64(0), true
	for i, t := range stamps {
		slot := g.Slot(t)
		if shift := t - g.Time(slot); shift != 0 {
			if first < 0 {
				first = i
			}
			c.moved++
			c.shift = max(c.shift, shift)
		}
		rising = rising && (i == 0 || slot > last)
		last = slot
	}
	if rising {
		return c, first
	}
	seen := make(map[int64]struct{}, len(stamps))
	for _, t := range stamps {
		seen[g.Slot(t)] = struct{}{}
	}
	c.collided = int64(len(stamps) - len(seen))
	return c, first
}

// regular reports whether each stamp is that of the slot after the last one's, which
// needs no division to see.
func regular(g columnar.Grid, stamps []int64) bool {
	if len(stamps) == 0 {
		return true
	}
	slot := g.Slot(stamps[0])
	if g.Time(slot) != stamps[0] || g.Time(slot+1)-stamps[0] != g.Period {
		return false
	}
	for i := 1; i < len(stamps); i++ {
		if stamps[i]-stamps[i-1] != g.Period {
			return false
		}
	}
	return g.Time(slot+int64(len(stamps))-1) == stamps[len(stamps)-1]
}

// checkGrid counts how the samples of a part lie to the grid of its series. It refuses
// the first that is off it, where that is wanted.
func (r *Reader) checkGrid(p *part, s *columnar.Samples) (gridCounts, error) {
	c, first := lie(p.target.meta.Grid, s.Times)
	own := p.target.meta.OnGrid
	if first < 0 || r.opts.OffGrid != Refuse && !own {
		return c, nil
	}
	g, t := p.target.meta.Grid, s.Times[first]
	remedy := "off_grid = snap allows that."
	if own {
		remedy = "Its series refuses that: UPDATE series SET off_grid = 'snap' allows it."
	}
	return c, rowError(int(p.rows[first]), plan.CodeOutOfRange, "series %q: time %s is not on the grid: its slot begins at %s",
		p.target.meta.Name, plan.FormatTimestamptz(t, nil), plan.FormatTimestamptz(g.Time(g.Slot(t)), nil)).
		withHint("%s", fmt.Sprintf("The sample would be moved by %s. %s", plan.FormatInterval(plan.Span{Micros: t - g.Time(g.Slot(t))}), remedy))
}
