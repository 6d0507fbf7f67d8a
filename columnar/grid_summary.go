package columnar

// Timed reports whether any of the groups of fields is about time, so that stored
// summaries, which count in slots, do not answer it for a calendar period.
func (s Stats) Timed() bool { return s&(StatPath|StatCover) != 0 }

// Summarize is [Summarize] of a block of a series on the grid. Where the period is a
// calendar's, Steps and Lines are by the lengths of the slots, in value × microseconds;
// elsewhere they are in value × slots.
func (g Grid) Summarize(b *Block, from, to int, want QualitySet, stats Stats) Summary {
	s := Summarize(b, from, to, want, stats)
	if g.Calendar == nil || !stats.Has(StatPath) || s.Values == 0 || b.Kind == Texts {
		return s
	}
	path := Summary{}
	for i := from; i < to; i++ {
		if !b.HasValue(i) || !want.Has(b.StatusAt(i).Quality()) {
			continue
		}
		value := 0.0
		if b.Kind == Floats {
			value = b.Floats[i]
		} else {
			value = float64(b.Ints[i])
		}
		slot := b.First + int64(i)
		if path.Values > 0 {
			path.step(value, g.Time(slot)-g.Time(path.LastSlot))
		}
		path.Values, path.Last, path.LastSlot = 1, value, slot
	}
	s.Steps, s.Lines = path.Steps, path.Lines
	return s
}

// Merge makes s the summary of its run and the one of next, which is later, as
// s.Merge(next, stats) does; both are of the grid's Summarize.
func (g Grid) Merge(s, next *Summary, stats Stats) {
	gap := next.FirstSlot - s.LastSlot
	if g.Calendar != nil && stats.Has(StatPath) && s.Values > 0 && next.Values > 0 {
		gap = g.Time(next.FirstSlot) - g.Time(s.LastSlot)
	}
	s.merge(next, stats, gap)
}

// Covered returns how long the slots of the good samples at the slot indexes [from,
// to) of a block last, in microseconds.
func (g Grid) Covered(b *Block, from, to int) (micros int64) {
	if g.Calendar == nil {
		return CountQualities(b, from, to)[Good] * g.Period
	}
	for i := from; i < to; i++ {
		if b.Has(i) && b.StatusAt(i).Quality() == Good {
			slot := b.First + int64(i)
			micros += g.Time(slot+1) - g.Time(slot)
		}
	}
	return micros
}
