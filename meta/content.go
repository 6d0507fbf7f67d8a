package meta

// Content is all that a catalog holds, to be put into another one: in backups
// and migrations.
type Content struct {
	ID        string // of the database
	Epoch     int64  // newest that was given out
	NextEdit  int64  // first edit id that was not reserved
	Series    []Series
	Snapshots []Snapshot // oldest first
	Segments  []Segment  // live, retired and history, in order of addition
	Edits     []Edit     // in order of id
	Pins      []Pin
	Logs      []Log
	Settings  map[string]string

	Changes int64  // number of the newest change of the journal
	Head    string // its digest; before the first, the id
}

// Log is a write-ahead log that the catalog knows.
type Log struct {
	ID       string
	Position uint64 // up to which segments hold its records
}
