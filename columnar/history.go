package columnar

import "fmt"

// Version is one version of the sample in a slot of a series, or of there being
// none after there was one.
type Version struct {
	Time    int64 // instant at which the slot begins
	Present bool  // there is a sample; else it was deleted
	Void    bool  // it has no value

	// The value in the series' kind; zero where there is none.
	Float float64
	Int   int64
	Text  string

	Status Status
	Mark   Mark
	Edit   int64 // id of the edit that made the mark; 0: none

	// From is the first snapshot known to have this version and To the first that
	// has another; To is 0 for the present one. From is 0 where no snapshot has it
	// yet, because it is in the head.
	From, To int64
}

// Change is a run of slots in which two snapshots differ.
type Change struct {
	Series   int   // index in the question
	From, To int64 // instants
	EditCounts
}

// PurgedError says that what a snapshot had of a series was removed for good.
type PurgedError struct {
	Series   int64 // id
	Snapshot int64
	Edit     int64 // id of the purge
}

// Error says so.
func (e *PurgedError) Error() string {
	return fmt.Sprintf("series %d: what snapshot %d had was purged by edit %d", e.Series, e.Snapshot, e.Edit)
}
