package columnar

import "github.com/trellisdb/trellis/columnar/kernel"

// Summary is what is known of the samples of one set of qualities in a run of
// slots: everything that an aggregate which merges in time order can ask for.
// Its zero value is the summary of no samples. A copy is independent.
//
// Where the run's type is text only Count, Values, FirstSlot and LastSlot are
// set: changes of state of a text series are never answered from summaries.
// Values of integer, boolean and enum series are converted to float64.
type Summary struct {
	Count  int64 // samples
	Values int64 // samples with a value; all below is about these

	Sum     kernel.Exact // of the values
	Squares kernel.Exact // of the values' squares, each as Exact.AddProduct has it

	Min, Max         float64
	MinSlot, MaxSlot int64 // the first slots that hold them

	First, Last         float64
	FirstSlot, LastSlot int64

	// Resets is the sum of the values that were followed by a smaller one. A
	// counter that starts again at zero has increased by Last − First + Resets.
	Resets kernel.Exact

	// Steps is the integral from FirstSlot to LastSlot of the function that holds
	// each value until the next, in value × slots; Lines that of the function that
	// goes in straight lines from value to value. Of values in neighbouring slots,
	// Steps is Sum − Last and Lines is Sum − First/2 − Last/2; to this comes what
	// lies in the gaps. All is exact, save that First/2 and the like are float64s,
	// which matters for odd multiples of 2^-1074.
	Steps, Lines kernel.Exact

	Transitions int64 // neighbours that differ
}

// Stats is a set of groups of a summary's fields: what a question needs.
type Stats uint8

// The groups of fields. Count and Values are always there.
const (
	StatSum     Stats = 1 << iota // Sum
	StatSquares                   // Squares
	StatRange                     // Min, Max and their slots
	StatEnds                      // First, Last and their slots
	StatPath                      // Resets, Steps, Lines, Transitions; includes StatEnds
	StatCover                     // SummaryRow.Covered; of no summary
	AllStats    = StatSum | StatSquares | StatRange | StatEnds | StatPath
)

// Has reports whether the group g, one of the constants, is wanted.
func (s Stats) Has(g Stats) bool { return s.closed()&g != 0 }

// closed returns the set with the groups that others include.
func (s Stats) closed() Stats {
	if s&StatPath != 0 {
		s |= StatEnds
	}
	return s
}

// Merge makes s the summary of its run and the one of next, which is later:
// next.FirstSlot is greater than s.LastSlot. Both have the groups in stats; the
// fields of other groups are unspecified afterwards. The time between the two
// runs counts as any between neighbours does, so that merging the summaries of
// the parts of a run gives that of the run, however it was cut (invariant C3).
func (s *Summary) Merge(next *Summary, stats Stats) {
	s.merge(next, stats, next.FirstSlot-s.LastSlot)
}

func (s *Summary) merge(next *Summary, stats Stats, gap int64) {
	count := s.Count + next.Count
	switch {
	case next.Values == 0:
	case s.Values == 0:
		*s = *next
	default:
		s.mergeValues(next, stats, gap)
	}
	s.Count = count
}

// mergeValues merges what is about values. The first of next comes so many units of
// the path after the last of s.
func (s *Summary) mergeValues(next *Summary, stats Stats, gap int64) {
	s.Values += next.Values
	if stats.Has(StatSum) {
		s.Sum.Merge(&next.Sum)
	}
	if stats.Has(StatSquares) {
		s.Squares.Merge(&next.Squares)
	}
	if stats.Has(StatRange) {
		if next.Min < s.Min {
			s.Min, s.MinSlot = next.Min, next.MinSlot
		}
		if next.Max > s.Max {
			s.Max, s.MaxSlot = next.Max, next.MaxSlot
		}
	}
	if stats.Has(StatPath) {
		s.Resets.Merge(&next.Resets)
		s.Steps.Merge(&next.Steps)
		s.Lines.Merge(&next.Lines)
		s.Transitions += next.Transitions
		s.step(next.First, gap)
	}
	if stats.Has(StatEnds) {
		s.Last, s.LastSlot = next.Last, next.LastSlot
	}
}

// step takes into the path of s that its last value is followed by next after so
// many slots. It leaves Last as it is.
func (s *Summary) step(next float64, slots int64) {
	if next < s.Last {
		s.Resets.Add(s.Last)
	}
	if next != s.Last {
		s.Transitions++
	}
	s.Steps.AddMultiple(s.Last, slots)
	s.Lines.AddMultiple(s.Last/2, slots)
	s.Lines.AddMultiple(next/2, slots)
}
