package columnar

import (
	"math"
	"math/bits"

	"github.com/trellisdb/trellis/columnar/kernel"
)

// windowLen is the number of slots that are summarized at once. It is a multiple
// of 64, and small enough for their values to stay in the first-level cache.
const windowLen = 2048

// Summarize returns the summary of the samples of the qualities in want at the
// slot indexes [from, to) of the block, with the groups of fields in stats.
func Summarize(b *Block, from, to int, want QualitySet, stats Stats) Summary {
	var s Summary
	for from < to {
		end := min((from|(windowLen-1))+1, to)
		part := summarizeWindow(b, from, end, want, stats)
		s.Merge(&part, stats)
		from = end
	}
	return s
}

// window is a set of slots, bit 0 of which stands for slot index base.
type window struct {
	base int
	set  [windowLen / 64]uint64
}

// summarizeWindow is Summarize for slot indexes that lie in one window.
func summarizeWindow(b *Block, from, to int, want QualitySet, stats Stats) Summary {
	if b.Present == nil && b.Status == nil && b.Kind == Floats {
		if !want.Has(Good) {
			return Summary{}
		}
		// All are good, and so have values (invariant C2).
		s := Summary{Count: int64(to - from), Values: int64(to - from)}
		s.fold(b.Floats[from:to], nil, b.First+int64(from), stats)
		return s
	}
	var samples window
	samples.selectSamples(b, from, to, want)
	s := Summary{Count: int64(kernel.Count(samples.set[:], 0, windowLen))}
	if s.Count == 0 {
		return s
	}
	if b.Void != nil {
		void := b.Void[samples.base>>6:]
		for i := range min(len(void), len(samples.set)) {
			samples.set[i] &^= void[i]
		}
	}
	s.Values = int64(kernel.Count(samples.set[:], 0, windowLen))
	if s.Values == 0 {
		return s
	}
	if b.Kind == Texts {
		if stats.Has(StatEnds) {
			s.FirstSlot, s.LastSlot = samples.ends(b.First)
		}
		return s
	}
	s.gatherAndFold(b, &samples, stats)
	return s
}

// selectSamples sets the window to the samples of the wanted qualities at
// [from, to).
func (w *window) selectSamples(b *Block, from, to int, want QualitySet) {
	w.base = from &^ (windowLen - 1)
	if b.Status == nil && !want.Has(Good) {
		return
	}
	Bitmap(w.set[:]).SetRange(from-w.base, to-w.base)
	if b.Present != nil {
		present := b.Present[w.base>>6:]
		for i := range min(len(present), len(w.set)) {
			w.set[i] &= present[i]
		}
	}
	if b.Status == nil || want == AnyQuality {
		return
	}
	var wanted [windowLen / 64]uint64
	kernel.Qualities(wanted[:], b.Status[w.base:to], want.highBits())
	kernel.And(w.set[:], w.set[:], wanted[:])
}

// highBits returns the set with bit k for the statuses whose highest two bits are
// k, as Status.Quality has it.
func (s QualitySet) highBits() uint8 {
	set := uint8(s & AnyQuality)
	if s.Has(Bad) {
		set |= 1 << 3
	}
	return set
}

// ends returns the first and the last slot of the window, which is not empty, in a
// block that begins at slot first.
func (w *window) ends(first int64) (from, to int64) {
	low, high := 0, len(w.set)-1
	for w.set[low] == 0 {
		low++
	}
	for w.set[high] == 0 {
		high--
	}
	start := first + int64(w.base)
	return start + int64(low*64+bits.TrailingZeros64(w.set[low])), start + int64(high*64+63-bits.LeadingZeros64(w.set[high]))
}

// slot returns the window's slot number k, counted from 0, relative to base.
func (w *window) slot(k int) int {
	for i, word := range w.set {
		n := bits.OnesCount64(word)
		if k >= n {
			k -= n
			continue
		}
		for range k {
			word &= word - 1
		}
		return i*64 + bits.TrailingZeros64(word)
	}
	return windowLen
}

// gatherAndFold folds the values at the window's slots into s, which has counted
// them.
func (s *Summary) gatherAndFold(b *Block, w *window, stats Stats) {
	first, last := w.ends(0)
	inRow := last-first+1 == s.Values
	if b.Kind == Floats && inRow {
		s.fold(b.Floats[first:last+1], nil, b.First+first, stats)
		return
	}
	var space [windowLen]float64
	values := space[:int(last)+1-w.base]
	if b.Kind == Floats {
		values = b.Floats[w.base : last+1]
	} else {
		for i, v := range b.Ints[w.base : last+1] {
			values[i] = float64(v)
		}
	}
	if inRow {
		s.fold(values[int(first)-w.base:], nil, b.First+first, stats)
		return
	}
	n := kernel.Compress(space[:], values, w.set[:])
	s.fold(space[:n], w, b.First+int64(w.base), stats)
}

// fold sets the fields of s, but for the counts, from its values. These are the
// ones at the slots of w, which begins at slot start; a nil w means that they are
// at start and the slots that follow it.
func (s *Summary) fold(values []float64, w *window, start int64, stats Stats) {
	slot := func(i int) int64 {
		if w != nil {
			i = w.slot(i)
		}
		return start + int64(i)
	}
	last := len(values) - 1
	if stats.Has(StatEnds) {
		s.First, s.FirstSlot = values[0], slot(0)
		s.Last, s.LastSlot = values[last], slot(last)
	}
	if stats.Has(StatSum) || stats.Has(StatPath) {
		s.Min, s.Max, _ = kernel.SumMinMax(values, nil, &s.Sum)
		if stats.Has(StatPath) {
			s.foldPath(values, w)
		}
	} else if stats.Has(StatRange) {
		s.Min, s.Max, _ = kernel.MinMax(values, nil)
	}
	if stats.Has(StatSquares) {
		kernel.Squares(values, nil, &s.Squares)
	}
	if stats.Has(StatRange) {
		s.MinSlot = slot(kernel.Index(values, nil, s.Min))
		s.MaxSlot = slot(kernel.Index(values, nil, s.Max))
	} else {
		s.Min, s.Max = 0, 0
	}
	if !stats.Has(StatSum) {
		s.Sum = kernel.Exact{}
	}
}

// foldPath sets the path of s, of which Sum and the ends are known.
func (s *Summary) foldPath(values []float64, w *window) {
	var falls [windowLen / 64]uint64
	s.Transitions = int64(kernel.Neighbours(falls[:], values))
	kernel.Sum(values, falls[:], &s.Resets)
	// Were the values at slots in a row, each but the last would count once in
	// Steps, and each in Lines, where the first and the last count as halves.
	s.Steps, s.Lines = s.Sum, s.Sum
	s.Steps.Add(-s.Last)
	s.Lines.Add(-s.First / 2)
	s.Lines.Add(-s.Last / 2)
	if w == nil {
		return
	}
	// Now the gaps.
	steps, lines := tally{sum: &s.Steps}, tally{sum: &s.Lines}
	i := 0 // index of the value at slot `at`
	for at := kernel.Next(w.set[:], 0, windowLen); ; {
		end := w.runEnd(at)
		i += end - at
		at = kernel.Next(w.set[:], end, windowLen)
		if at == windowLen {
			break
		}
		gap := float64(at - end)
		steps.addProduct(values[i-1], gap)
		lines.addProduct(values[i-1]/2, gap)
		lines.addProduct(values[i]/2, gap)
	}
	steps.flush()
	lines.flush()
}

// tally collects terms of a sum, which are added faster together.
type tally struct {
	sum   *kernel.Exact
	n     int
	terms [128]float64 // those at and after n are 0
}

// addProduct is kernel.Exact.AddProduct, for products that do not overflow.
func (t *tally) addProduct(a, b float64) {
	if t.n > len(t.terms)-2 {
		t.flush()
	}
	product := a * b
	t.terms[t.n] = product
	t.n++
	if err := math.FMA(a, b, -product); err != 0 {
		t.terms[t.n] = err
		t.n++
	}
}

// flush adds the terms to the sum.
func (t *tally) flush() {
	kernel.Sum(t.terms[:], nil, t.sum) // zeros too: whole words are faster
	clear(t.terms[:t.n])
	t.n = 0
}

// runEnd returns the first slot after at, which is in the window, that is not.
func (w *window) runEnd(at int) int {
	for at < windowLen {
		if gap := ^w.set[at>>6] >> (uint(at) & 63); gap != 0 {
			return at + bits.TrailingZeros64(gap)
		}
		at = (at | 63) + 1
	}
	return at
}
