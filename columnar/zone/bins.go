package zone

import "iter"

// Bin is one bin: a run of instants.
type Bin struct {
	From, To int64 // instants, half-open
	Local    int64 // its label; for elapsed widths, the local time of From
}

// Contains reports whether an instant is in the bin.
func (b Bin) Contains(t int64) bool { return b.From <= t && t < b.To }

// Bins is a partition of time into bins of one width in one zone. It is a value, and
// safe for concurrent use.
type Bins struct {
	zone   *Zone
	kind   kind
	labels labels
	start  int64 // for elapsed widths: the instant at which a bin begins
}

// NewBins returns the bins that time_bucket groups by. Their labels are counted from
// origin, a local time; see [DefaultOrigin].
//
//   - Months, days, and 2, 3, 4, 6, 8, 12 or a multiple of 24 hours are calendar widths:
//     a bin begins when its label first passes (Z2).
//   - An hour and what divides it are clock widths: a bin is a label and an offset, and
//     ends where its label or the zone's offset ends (Z3).
//   - All other widths, such as 7 hours, 90 minutes or 7 seconds, fit no clock. Their bins
//     all last equally long, counted from the first passage of the origin, as date_bin of
//     PostgreSQL counts them.
//
// An error wraps [ErrWidth], or [ErrOrigin] for an origin of months after the 28th.
func NewBins(width Width, z *Zone, origin int64) (Bins, error) {
	k, width, err := width.check()
	if err != nil {
		return Bins{}, err
	}
	l, err := newLabels(width, origin)
	if err != nil {
		return Bins{}, err
	}
	b := Bins{zone: z, kind: k, labels: l}
	if k == elapsed {
		b.start = z.Instant(origin)
	}
	return b, nil
}

// NewLocalBins returns the bins that a function of the local time groups by, such as
// date_trunc('day', local_time): a bin is the longest run of instants whose local time
// rounds down to the same label without a shift inside. Any width counts from origin on
// the local clock, which restarts at no shift. Where clocks are set back over a label, two
// bins and more bear it; it is the label that such a function groups by.
//
// Errors are those of [NewBins].
func NewLocalBins(width Width, z *Zone, origin int64) (Bins, error) {
	_, width, err := width.check()
	if err != nil {
		return Bins{}, err
	}
	l, err := newLabels(width, origin)
	if err != nil {
		return Bins{}, err
	}
	return Bins{zone: z, kind: clock, labels: l}, nil
}

// Zone returns the zone of the bins.
func (b Bins) Zone() *Zone { return b.zone }

// At returns the bin that holds an instant. For many instants, a [Cursor] is faster.
func (b Bins) At(t int64) Bin {
	c := b.Cursor()
	return c.At(t)
}

// Next returns the bin that follows a bin.
func (b Bins) Next(bin Bin) Bin { return b.At(bin.To) }

// All yields, in order, every bin that has an instant in [from, to). The first and the
// last may reach beyond; they are not cut.
func (b Bins) All(from, to int64) iter.Seq[Bin] {
	return func(yield func(Bin) bool) {
		from, to := clampInstant(from), clampInstant(to)
		if from >= to {
			return
		}
		c := b.Cursor()
		for bin := c.At(from); yield(bin) && bin.To < to; {
			bin = c.Next()
		}
	}
}

// Cursor returns a cursor over the bins.
func (b Bins) Cursor() *Cursor {
	return &Cursor{bins: b, bin: Bin{From: end, To: end}, span: span{from: end, to: end}}
}

// Cursor finds bins fast for instants that mostly ascend: an instant in the bin found
// last costs two comparisons, one in the next bin no search. It serves one goroutine.
type Cursor struct {
	bins Bins
	bin  Bin  // found last; empty before the first call
	span span // holds an instant of bin
}

// At returns the bin that holds an instant.
func (c *Cursor) At(t int64) Bin {
	if c.bin.From <= t && t < c.bin.To {
		return c.bin
	}
	return c.find(min(max(t, beginning), end-1))
}

// Next returns the bin after the one that was returned last. At the end of time, it
// returns the last one again.
func (c *Cursor) Next() Bin { return c.At(c.bin.To) }

// find finds the bin that holds an instant outside the current one.
func (c *Cursor) find(t int64) Bin {
	switch b := &c.bins; b.kind {
	case elapsed:
		c.bin = b.elapsedAt(t)
		c.span = b.zone.seek(c.span, c.bin.From)
		c.bin.Local = c.bin.From + c.span.offset
	case clock:
		c.span = b.zone.seek(c.span, t)
		c.bin = b.clockAt(&c.span, t)
	default:
		c.span = b.zone.seek(c.span, t)
		c.bin = b.calendarAt(&c.span, t)
	}
	return c.bin
}

// elapsedAt returns the range of the bin of an elapsed width that holds t.
func (b *Bins) elapsedAt(t int64) Bin {
	width := b.labels.micros
	past := floorMod(t, width) - floorMod(b.start, width)
	if past < 0 {
		past += width
	}
	return Bin{From: clampInstant(addSaturating(t, -past)), To: clampInstant(addSaturating(t, width-past))}
}

// clockAt returns the bin of a clock width, or of a function of local time, that holds
// instant t of span s.
func (b *Bins) clockAt(s *span, t int64) Bin {
	label, next := b.labels.around(t + s.offset)
	from, to := addSaturating(label, -s.offset), addSaturating(next, -s.offset)
	return Bin{From: max(s.from, from), To: min(s.to, to), Local: label}
}

// calendarAt returns the bin of a calendar width that holds instant t of span s.
//
// It is the bin of the latest local time that any instant up to t has had: the labels
// that have first passed by t are those at or before it.
func (b *Bins) calendarAt(s *span, t int64) Bin {
	label, next := b.labels.around(max(t+s.offset, s.peak))
	bin := Bin{Local: label}
	if label > s.peak {
		bin.From = max(s.from, clampLocal(label)-s.offset)
	} else {
		bin.From = b.zone.Instant(label)
	}
	bin.To = b.zone.passage(*s, clampLocal(next))
	return bin
}
