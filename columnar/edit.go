package columnar

import "context"

// EditKind says what an edit was for.
type EditKind uint8

// The kinds of edits. The numbers are part of the catalog's format.
const (
	Backfill  EditKind = iota + 1 // samples were written, by a stream
	Overwrite                     // samples were changed
	Delete                        // samples were taken away
	Restore                       // a range was put back to what an earlier snapshot has
	Purge                         // old versions were removed for good; no sample changed
	Policy                        // what is kept for how long was changed; no sample changed
)

var editKinds = [...]string{Backfill: "backfill", Overwrite: "overwrite", Delete: "delete", Restore: "restore", Purge: "purge", Policy: "policy"}

// String returns the kind's name as SQL spells it.
func (k EditKind) String() string {
	if int(k) < len(editKinds) {
		return editKinds[k]
	}
	return ""
}

// EditInfo is what is known of an edit before it is made.
type EditInfo struct {
	Kind   EditKind
	Who    string
	Reason string
	Source string // where the data comes from

	// Exclusive edits read what they are made of: nothing is flushed and no other
	// edit is made from their begin to their end.
	Exclusive bool
	// Within says which series and ranges an exclusive edit may touch; nil: any.
	Within *Selection
}

// EditCounts are numbers of samples that an edit touched.
type EditCounts struct {
	Inserted int64 // there was none
	Replaced int64 // there was another
	Deleted  int64
}

// Add adds other counts.
func (c *EditCounts) Add(other EditCounts) {
	c.Inserted += other.Inserted
	c.Replaced += other.Replaced
	c.Deleted += other.Deleted
}

// EditResult is an edit that was made. One that touched nothing has no id.
type EditResult struct {
	ID       int64
	Snapshot int64 // that it made
	EditCounts
}

// Editor is an edit under way. What it is given is seen by nobody until Commit,
// and then all of it by everybody: in the order in which it was given, the later
// one wins where two touch a slot.
//
// An editor is used by one goroutine at a time.
type Editor interface {
	// Base returns the snapshot that holds everything written before the edit
	// began. An exclusive edit reads it, and not what is written meanwhile.
	Base() int64
	// Write writes samples. The slices are not kept.
	Write(ctx context.Context, samples []Samples) error
	// Reclassify gives samples another status and keeps their values: the one at
	// times[i], in order of time, gets status[i]. Slots without a sample are left
	// alone. A sample without a value must stay bad.
	Reclassify(ctx context.Context, series Series, times []int64, status []Status) error
	// Delete takes away the samples in the ranges, which are disjoint and in order.
	// Slots without a sample are left alone.
	Delete(ctx context.Context, series Series, ranges []Range) error
	// Restore puts the slots in the ranges back to what a kept snapshot has. Slots
	// that are as they were are left alone.
	Restore(ctx context.Context, series Series, ranges []Range, snapshot int64) error
	// Commit makes the edit durable and visible. The editor is then closed.
	Commit(ctx context.Context) (EditResult, error)
	// Close gives up what was not committed. It may be called more than once.
	Close() error
}
