package meta

import (
	"context"
	"errors"
)

// What a caller can do about an error decides which of these it wraps.
var (
	// ErrNotFound says that what was named does not exist.
	ErrNotFound = errors.New("not found")
	// ErrExists says that a name is taken; the error names it.
	ErrExists = errors.New("already exists")
	// ErrConflict says that another writer has taken over: nothing was changed and
	// this writer must stop writing.
	ErrConflict = errors.New("another writer has taken over")
	// ErrInvalid says that an argument is out of range; the error says which one
	// and what to do about it.
	ErrInvalid = errors.New("not valid")
)

// Segment is the catalog's record of one segment file.
type Segment struct {
	Name     string // key in the bucket; carries the writer's epoch
	Version  int64  // of two blocks with one number the one of higher version is live
	Size     int64  // bytes
	Series   int64  // number of series
	Blocks   int64
	Samples  int64
	From, To int64 // instants that its blocks span
	CRC      uint32
	Created  int64 // snapshot in which it became live
	Retired  int64 // snapshot in which it was retired; 0: live
}

// Snapshot is one state of the database.
type Snapshot struct {
	ID   int64
	Time int64  // instant of the commit; never before that of an earlier snapshot
	Log  uint64 // log position up to which the segments hold everything
	Note string // what made it: flush, compaction, ...
}

// Commit is a change of the set of segments.
type Commit struct {
	Epoch  int64     // of the writer, from Acquire
	Time   int64     // by the writer's clock; the snapshot's, unless an earlier one has a later time
	Add    []Segment // Version and Created are set by the catalog: the new snapshot's id
	Retire []string  // names of segments that are live
	Log    uint64
	Note   string
}

// Catalog holds the metadata. All methods are safe for concurrent use; those that
// write do so in one transaction. An error that wraps none of the sentinels above
// is trouble with the database itself.
type Catalog interface {
	// CreateSeries adds series, with what they leave out filled in
	// (Series.WithDefaults), and returns them in the same order with their ids. Or
	// it changes nothing and wraps ErrExists, naming the series that exist already,
	// or ErrInvalid (Series.Validate).
	CreateSeries(ctx context.Context, series []Series) ([]Series, error)
	// UpdateSeries replaces the attributes of series, found by id, that may change
	// (M4); it wraps ErrNotFound, ErrExists for a new name that is taken, or
	// ErrInvalid (Series.Validate, Series.CheckChange). Created stays as it was.
	UpdateSeries(ctx context.Context, series []Series) error
	// Series returns all series in order of name. The slice and what it refers to
	// are shared and must not be changed. It is cheap while nothing changed.
	Series(ctx context.Context) ([]Series, error)
	// Generation returns a number that grows with every change of the series,
	// through whichever catalog it was made.
	Generation(ctx context.Context) (int64, error)

	// Acquire makes the caller the writer: it returns a new epoch, greater than all
	// before it, and fences off the writers that hold those.
	Acquire(ctx context.Context, holder string, now int64) (epoch int64, err error)
	// Commit carries out a change and returns the snapshot it made. Or it changes
	// nothing and wraps ErrConflict (M2), ErrExists for the name of a segment that
	// was ever added, or ErrNotFound for a segment to retire that is not live.
	Commit(ctx context.Context, c Commit) (Snapshot, error)
	// Latest returns the newest snapshot; its ID is 0 before the first commit.
	Latest(ctx context.Context) (Snapshot, error)
	// Snapshots returns all snapshots, oldest first.
	Snapshots(ctx context.Context) ([]Snapshot, error)
	// Segments returns the segments live in a snapshot, in order of version;
	// those of one version in the order in which their commit lists them. Snapshot 0
	// has none. It wraps ErrNotFound where there is no such snapshot.
	Segments(ctx context.Context, snapshot int64) ([]Segment, error)

	// Settings returns the server-wide settings.
	Settings(ctx context.Context) (map[string]string, error)
	// SetSetting changes one of the server-wide settings.
	SetSetting(ctx context.Context, name, value string) error

	// Close releases the catalog. Nothing may be called after it.
	Close() error
}
