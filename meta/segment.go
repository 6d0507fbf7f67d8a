package meta

// Segment is the catalog's record of one segment file.
type Segment struct {
	Name     string // key in the bucket; carries the writer's epoch
	Version  int64  // of two blocks with one number the one of higher version is live
	Size     int64  // bytes
	Series   int64  // number of series
	Blocks   int64
	Samples  int64
	From, To int64  // instants that its blocks span
	CRC      uint32 // CRC32C of all bytes
	// Digest tells the file from every other one, however alike (segment.Info); 0: not
	// known, because a release that had none wrote the file.
	Digest  uint64 `json:",omitempty"`
	Created int64  // snapshot in which it became live
	Retired int64  // snapshot in which it was retired; 0: live
	// History segments hold the versions of blocks that an edit took the place of.
	// They are live in no snapshot and kept until a purge. Created is the edit's
	// snapshot, Retired is 0.
	History bool
}

// LiveIn reports whether the segment is one of a snapshot's.
func (s *Segment) LiveIn(snapshot int64) bool {
	return !s.History && s.Created <= snapshot && (s.Retired == 0 || s.Retired > snapshot)
}

// Snapshot is one state of the database.
type Snapshot struct {
	ID   int64
	Time int64  // instant of the commit; never before that of an earlier snapshot
	Note string // what made it: flush, compaction, edit, ...
	Edit int64  // id of the edit that made it; 0: none
	Kept bool   // it can be read; the newest one always is
}

// Pin is a name that keeps a snapshot for as long as it is there.
type Pin struct {
	Name     string
	Snapshot int64
	Who      string
	Created  int64 // instant
}

// Commit is a change of the set of segments.
type Commit struct {
	Epoch int64 // of the writer, from Acquire
	Time  int64 // by the writer's clock; the snapshot's, unless an earlier one has a later time

	// Add are segments that become live, or history. Created is set by the catalog:
	// the new snapshot's id. So is Version where it is 0. One that is given is that
	// of an earlier snapshot: the segment holds nothing that is newer.
	Add    []Segment
	Retire []string // names of segments that are live
	// Replace are segments, live or not, in whose stead others that hold less are
	// from now on, in every snapshot that had the old ones.
	Replace []Replacement

	Log      string // id of the log whose records the segments now hold up to Position; empty: of none
	Position uint64
	Note     string
	Edit     *Edit // the record of an edit; its Snapshot and Time are set by the catalog. nil: none
}

// Replacement puts one segment in the place of another.
type Replacement struct {
	Old string
	// New takes over Version, Created, Retired and History of the old one; nil:
	// nothing is left of it.
	New *Segment
}

// Garbage is an object of the bucket that nothing refers to any more.
type Garbage struct {
	Name  string
	Since int64 // instant at which that was found
}

// Expiry says which snapshots may go.
type Expiry struct {
	Epoch int64 // of the writer
	Now   int64 // by the writer's clock
	// KeepFrom is the instant from which on every state of the database stays
	// readable: the snapshots from the last one at or before it on are kept.
	KeepFrom int64
	DryRun   bool // say what would go and change nothing
}

// Expired is what an expiry found.
type Expired struct {
	Snapshots int64    // that are not kept any more
	Segments  []string // that no kept snapshot has; they are garbage now
}
