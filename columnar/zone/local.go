package zone

// Occurrence tells how often a clock shows a local time.
type Occurrence uint8

// A local time is shown once, never (the clock was set forward over it) or several times
// (the clock was set back).
const (
	Unique Occurrence = iota
	Skipped
	Repeated
)

// String returns unique, skipped or repeated.
func (o Occurrence) String() string {
	switch o {
	case Unique:
		return "unique"
	case Skipped:
		return "skipped"
	}
	return "repeated"
}

// Instant returns the first passage of a local time: the first instant whose local time
// is local or later (Z1).
func (z *Zone) Instant(local int64) int64 {
	local = clampLocal(local)
	return z.passage(z.spanAt(local-maxOffset), local)
}

// Instants returns every candidate for a local time stamp.
//
// For a unique one, first and last are the instant. For a repeated one, they are its
// first and its last occurrence. For a skipped one, first is the instant at which the
// clock was set forward over it (its first passage) and last is when a clock that was
// not set would have shown it, which is what PostgreSQL takes it for.
func (z *Zone) Instants(local int64) (first, last int64, o Occurrence) {
	local = clampLocal(local)
	s := z.spanAt(local - maxOffset)
	found := 0
	for {
		if t := local - s.offset; s.from <= t && t < s.to {
			if found == 0 {
				first = t
			}
			last = t
			found++
		}
		if s.to == end || s.to-maxOffset > local {
			break
		}
		s = z.spanAfter(s)
	}
	switch found {
	case 0:
		first = z.Instant(local)
		before := z.spanAt(first - 1)
		return first, clampInstant(local - before.offset), Skipped
	case 1:
		return first, last, Unique
	}
	return first, last, Repeated
}

// Chosen returns the instant that PostgreSQL takes a local time stamp for: the last one
// of a repeated time, and for a skipped one when a clock that was not set would have
// shown it.
func (z *Zone) Chosen(local int64) int64 {
	_, last, _ := z.Instants(local)
	return last
}

// passage returns the first passage of a local time that no instant before s.from has
// reached.
func (z *Zone) passage(s span, local int64) int64 {
	if local-maxOffset > s.to {
		s = z.spanAt(local - maxOffset)
	}
	for {
		if t := max(s.from, local-s.offset); t < s.to {
			return t
		}
		if s.to == end {
			return end
		}
		s = z.spanAfter(s)
	}
}

// clampLocal moves a local time beyond the ends of time to the nearer end.
func clampLocal(local int64) int64 { return min(max(local, firstLocal), lastLocal) }

// LocalTimes sets dst[i] to the local time of instant src[i], for every i. It is fastest
// where neighbours in src lie between the same shifts, as they do in sorted input. dst
// must be at least as long as src and may be src itself.
func (z *Zone) LocalTimes(dst, src []int64) {
	if len(src) == 0 {
		return
	}
	dst = dst[:len(src)]
	s := z.spanAt(src[0])
	for i, t := range src {
		if t < s.from || t >= s.to {
			t = clampInstant(t)
			s = z.seek(s, t)
		}
		dst[i] = t + s.offset
	}
}

// Resolver turns the local time stamps of one series, in the order in which they were
// written, into instants: of a repeated stamp it takes the first occurrence that is later
// than the stamp before. So where a file holds 02:00, 02:30, 02:00, 02:30, 03:00 for the
// night on which clocks were set back, the second 02:00 is an hour after the first.
//
// Stamps that are not in order are resolved to their first occurrence. The zero Resolver
// is not usable; see [Zone.Resolver].
type Resolver struct {
	zone    *Zone
	current span
	last    int64
}

// Resolver returns a resolver that has seen no stamp.
func (z *Zone) Resolver() *Resolver {
	return &Resolver{zone: z, current: span{from: end, to: end}, last: beginning}
}

// Instant returns the instant of the next stamp and how often the clock shows it. A
// skipped stamp is resolved to its first passage.
func (r *Resolver) Instant(local int64) (t int64, o Occurrence) {
	if t, ok := r.quick(local); ok {
		r.last = t
		return t, Unique
	}
	first, last, o := r.zone.Instants(local)
	t = first
	if o == Repeated && first <= r.last && r.last <= last {
		t = last
	}
	r.last = t
	r.current = r.zone.seek(r.current, t)
	return t, o
}

// quick answers for stamps that are so far inside the current span that no other can
// hold them.
func (r *Resolver) quick(local int64) (t int64, ok bool) {
	t = clampLocal(local) - r.current.offset
	return t, r.current.from <= t-2*maxOffset && t < r.current.to-2*maxOffset
}
