package columnar

import "github.com/trellisdb/trellis/columnar/kernel"

// Summary is what is known of the samples of one set of qualities in a run of
// slots: everything that an aggregate which merges in time order can ask for.
// Its zero value is the summary of no samples.
//
// Where the run's type is text only Count, Values, the slots and Transitions are
// set. Values of integer, boolean and enum series are converted to float64.
type Summary struct {
	Count  int64 // samples
	Values int64 // samples with a value; all below is about these

	Sum     kernel.Exact // of the values
	Squares kernel.Exact // of the values' squares

	Min, Max         float64
	MinSlot, MaxSlot int64 // the first slots that hold them

	First, Last         float64
	FirstSlot, LastSlot int64

	// Resets is the sum of the values that were followed by a smaller one. A
	// counter that starts again at zero has increased by Last − First + Resets.
	Resets kernel.Exact

	// Steps is the integral from FirstSlot to LastSlot of the function that holds
	// each value until the next, in value × slots; Lines that of the function that
	// goes in straight lines from value to value.
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
	AllStats    = StatSum | StatSquares | StatRange | StatEnds | StatPath
)
