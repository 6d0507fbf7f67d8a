package zone

import (
	"iter"
	"math"
	"sort"
)

// Transitions are numbered: -1 stands for the beginning of time, the stored ones follow
// from 0 on, and those of the rule continue after them without end.

// at returns transition number i. Past the last one it returns one at the end of time,
// where nothing changes any more.
func (z *Zone) at(i int) Transition {
	switch {
	case i < 0:
		return z.before
	case i < len(z.stored):
		return z.stored[i]
	case z.rule != nil:
		return z.rule.at(z.first + int64(i-len(z.stored)))
	}
	last := z.before
	if n := len(z.stored); n > 0 {
		last = z.stored[n-1]
	}
	last.At = math.MaxInt64
	return last
}

// find returns the number of the last transition at or before an instant.
func (z *Zone) find(t int64) int {
	n := len(z.stored)
	if z.rule != nil && n > 0 && t >= z.stored[n-1].At {
		return max(n-1, n+int(z.rule.find(t)-z.first))
	}
	return sort.Search(n, func(i int) bool { return z.stored[i].At > t }) - 1
}

// Transitions yields the transitions in [from, to) in order. Those of most zones go on
// for ever, so to should be what is wanted and not the end of time.
func (z *Zone) Transitions(from, to int64) iter.Seq[Transition] {
	return func(yield func(Transition) bool) {
		to := clampInstant(to)
		for i := z.find(clampInstant(from)); ; i++ {
			tr := z.at(i)
			if tr.At >= to {
				return
			}
			before := z.at(i - 1)
			before.At = tr.At
			if i >= 0 && tr.At >= from && tr != before && !yield(tr) {
				return
			}
		}
	}
}

// span is a run of instants between two shifts: one offset, and all that is needed to
// go on to the next span.
type span struct {
	from, to int64 // half-open
	offset   int64
	peak     int64 // the latest local time that any earlier instant has
	next     int   // the number of the transition at to
}

// spanAt returns the span that holds an instant.
func (z *Zone) spanAt(t int64) span {
	i := z.find(clampInstant(t))
	tr := z.at(i)
	for i >= 0 && z.at(i-1).Offset == tr.Offset {
		i--
		tr.At = z.at(i).At
	}
	s := z.spanFrom(i, tr)
	s.peak = math.MinInt64
	// Local time before a shift at T reaches at most T+maxOffset, and just before s it
	// was at least s.from-maxOffset: shifts further back than that do not matter.
	for j := i; j >= 0; j-- {
		tr := z.at(j)
		if tr.At < s.from-2*maxOffset {
			break
		}
		s.peak = max(s.peak, tr.At-1+z.at(j-1).Offset)
	}
	return s
}

// spanAfter returns the span that follows another. After the last one it returns an
// empty span at the end of time.
func (z *Zone) spanAfter(s span) span {
	tr := z.at(s.next)
	tr.At = s.to
	next := z.spanFrom(s.next, tr)
	next.peak = max(s.peak, s.to-1+s.offset)
	return next
}

// spanFrom returns the span that begins with transition number i, without its peak.
func (z *Zone) spanFrom(i int, tr Transition) span {
	s := span{from: tr.At, to: end, offset: tr.Offset, next: i + 1}
	for {
		next := z.at(s.next)
		if next.At >= end {
			return s
		}
		if next.Offset != tr.Offset {
			s.to = next.At
			return s
		}
		s.next++
	}
}

// seek returns the span that holds an instant, quickly when it is s or the one after s.
func (z *Zone) seek(s span, t int64) span {
	t = clampInstant(t)
	if s.from <= t && t < s.to {
		return s
	}
	if t >= s.to && s.to < end {
		if next := z.spanAfter(s); t < next.to {
			return next
		}
	}
	return z.spanAt(t)
}
