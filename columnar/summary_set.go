package columnar

import "github.com/trellisdb/trellis/columnar/kernel"

// QualityCounts holds a number of samples per Quality.
type QualityCounts [3]int64

// Add adds the numbers of o.
func (c *QualityCounts) Add(o QualityCounts) {
	for q := range c {
		c[q] += o[q]
	}
}

// Total returns the number of samples of any quality.
func (c *QualityCounts) Total() int64 { return c[Good] + c[Uncertain] + c[Bad] }

// CountQualities returns the numbers of samples at the slot indexes [from, to) of
// the block.
func CountQualities(b *Block, from, to int) QualityCounts {
	var c QualityCounts
	for from < to {
		end := min((from|(windowLen-1))+1, to)
		for q := range c {
			var samples window
			samples.selectSamples(b, from, end, 1<<q)
			c[q] += int64(kernel.Count(samples.set[:], 0, windowLen))
		}
		from = end
	}
	return c
}

// Summaries are the summaries that are kept of a run of slots: one per quality
// of which it has samples, and one of good and uncertain samples in their order
// of time where it has both. Its zero value stands for no samples.
//
// The summaries pointed to are shared and must not be changed.
type Summaries struct {
	Good, Uncertain, Bad *Summary // nil: no such sample
	Usable               *Summary // nil unless both Good and Uncertain are set
}

// SummarizeAll returns the summaries of a block with all groups of fields.
func SummarizeAll(b *Block) Summaries { return SummarizeRange(b, 0, b.Len) }

// SummarizeRange returns the summaries of the slot indexes [from, to) of a block
// with all groups of fields.
func SummarizeRange(b *Block, from, to int) Summaries {
	counts := CountQualities(b, from, to)
	of := func(want QualitySet, n int64) *Summary {
		if n == 0 {
			return nil
		}
		s := Summarize(b, from, to, want, AllStats)
		return &s
	}
	all := Summaries{
		Good:      of(OnlyGood, counts[Good]),
		Uncertain: of(OnlyUncertain, counts[Uncertain]),
		Bad:       of(OnlyBad, counts[Bad]),
	}
	if all.Good != nil && all.Uncertain != nil {
		all.Usable = of(Usable, counts.Total())
	}
	return all
}

// For returns the summary of the samples of the wanted qualities: one of no
// samples where there are none. It reports false where the summaries cannot tell,
// which is when bad samples are wanted together with others and both exist. The
// result is shared and must not be changed.
func (a *Summaries) For(want QualitySet) (*Summary, bool) {
	if want&^AnyQuality != 0 {
		return nil, false
	}
	var found *Summary
	have := QualitySet(0)
	for q, s := range [...]*Summary{Good: a.Good, Uncertain: a.Uncertain, Bad: a.Bad} {
		if s != nil && want.Has(Quality(q)) {
			found = s
			have |= 1 << q
		}
	}
	switch {
	case have == 0:
		return &Summary{}, true
	case have&(have-1) == 0: // one quality
		return found, true
	case have == Usable:
		return a.Usable, a.Usable != nil
	}
	return nil, false
}

// Counts returns the numbers of samples per quality.
func (a *Summaries) Counts() QualityCounts {
	var c QualityCounts
	for q, s := range [...]*Summary{Good: a.Good, Uncertain: a.Uncertain, Bad: a.Bad} {
		if s != nil {
			c[q] = s.Count
		}
	}
	return c
}

// Merge makes a the summaries of its run and the one of next, which is later. It
// changes no summary that a or next points to: those that differ are new.
func (a *Summaries) Merge(next *Summaries) {
	merged := Summaries{
		Good:      mergeNew(a.Good, next.Good),
		Uncertain: mergeNew(a.Uncertain, next.Uncertain),
		Bad:       mergeNew(a.Bad, next.Bad),
	}
	if merged.Good != nil && merged.Uncertain != nil {
		merged.Usable = mergeNew(a.usable(), next.usable())
	}
	*a = merged
}

// usable returns the summary of good and uncertain samples, nil if there are none.
func (a *Summaries) usable() *Summary {
	switch {
	case a.Usable != nil:
		return a.Usable
	case a.Good != nil:
		return a.Good
	}
	return a.Uncertain
}

// mergeNew returns the summary of two runs, of which either may have no samples.
func mergeNew(s, next *Summary) *Summary {
	switch {
	case s == nil:
		return next
	case next == nil:
		return s
	}
	merged := *s
	merged.Merge(next, AllStats)
	return &merged
}
