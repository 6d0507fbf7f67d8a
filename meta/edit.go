package meta

import "github.com/trellisdb/trellis/columnar"

// Edit is the record of an edit: an intended change of history. Records are only
// ever added.
type Edit struct {
	ID       int64 // from ReserveEdits
	Snapshot int64 // that it made
	Time     int64 // of that snapshot
	Kind     columnar.EditKind
	Who      string
	Reason   string
	Source   string
	columnar.EditCounts
	Ranges []EditRange // by series, then time
}

// EditRange is a range of a series in which an edit touched samples.
type EditRange struct {
	Series   int64 // id
	From, To int64 // instants
	columnar.EditCounts
}

// EditFilter chooses edits; its zero value all of them.
type EditFilter struct {
	IDs      []int64           // nil: all
	Series   []int64           // ids of series of which a range has to be one; nil: all
	Kind     columnar.EditKind // 0: all
	From, To int64             // instants that a range has to touch; both 0: all
}
