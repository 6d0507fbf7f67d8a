package meta

import (
	"context"
	"errors"
	"time"
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
	// ErrHeld says that another writer's lease has not run out: it may be tried
	// again later. The error names the holder.
	ErrHeld = errors.New("another writer holds the lease")
	// ErrReadOnly says that the catalog is on a read-only mount, or this user may only
	// read it: nothing can be changed.
	ErrReadOnly = errors.New("it can only be read here")
	// ErrInvalid says that an argument is out of range; the error says which one
	// and what to do about it.
	ErrInvalid = errors.New("not valid")
)

// Catalog holds the metadata. All methods are safe for concurrent use; those that
// write do so in one transaction. An error that wraps none of the sentinels above
// is trouble with the database itself; columnar.ErrCorrupt says that it is damaged, and
// that what was asked for is not known.
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

	// Check wraps ErrConflict where the catalog is no longer the one that was opened:
	// its file was removed, moved away or replaced, or its database is another one.
	// It is cheap for a file.
	Check(ctx context.Context) error
	// Mark returns a name of the place where the catalog is kept, which a copy of it that
	// is kept elsewhere does not have; empty: it cannot be told. It is for comparing.
	Mark(ctx context.Context) (string, error)
	// ID returns the database's id, which it was given when the catalog was made.
	ID(ctx context.Context) (string, error)
	// NewLog returns the id of a new write-ahead log, at position 0.
	NewLog(ctx context.Context) (string, error)
	// Position returns the position up to which segments hold the records of a log.
	// It wraps ErrNotFound where there is no such log.
	Position(ctx context.Context, log string) (uint64, error)

	// Acquire makes the caller the writer: it returns a new epoch, greater than all
	// before it, and fences off the writers that hold those. It wraps ErrHeld while
	// the lease of another log's writer lasts.
	Acquire(ctx context.Context, claim Claim) (epoch int64, err error)
	// Renew makes the writer's lease last for ttl from now on, or wraps ErrConflict.
	Renew(ctx context.Context, epoch int64, ttl time.Duration) error
	// Release ends the writer's lease, if it has it still.
	Release(ctx context.Context, epoch int64) error
	// Lease returns the newest lease; its epoch is 0 before the first.
	Lease(ctx context.Context) (Lease, error)

	// Commit carries out a change and returns the snapshot it made. Or it changes
	// nothing and wraps ErrConflict (M2), ErrExists for the name of a segment that
	// was ever added or the id of an edit that is there, or ErrNotFound for a segment
	// to retire that is not live, one to replace that is not there or an unknown log.
	Commit(ctx context.Context, c Commit) (Snapshot, error)
	// Latest returns the newest snapshot; its ID is 0 before the first commit.
	Latest(ctx context.Context) (Snapshot, error)
	// At returns the newest snapshot that is not later than an instant, kept or not;
	// it wraps ErrNotFound where all are later.
	At(ctx context.Context, instant int64) (Snapshot, error)
	// Snapshots returns all snapshots, oldest first, those that are not kept any
	// more among them.
	Snapshots(ctx context.Context) ([]Snapshot, error)
	// Segments returns the segments live in a snapshot, in order of version;
	// those of one version in the order in which they were added. Snapshot 0
	// has none. It wraps ErrNotFound where there is no such snapshot, or it is not
	// kept any more.
	Segments(ctx context.Context, snapshot int64) ([]Segment, error)
	// AllSegments returns all segments that the catalog knows, live, retired and
	// history, in the order in which they were added.
	AllSegments(ctx context.Context) ([]Segment, error)

	// ReserveEdits gives the writer n ids for edits, greater than all before, and
	// returns the first. It wraps ErrConflict (M2).
	ReserveEdits(ctx context.Context, epoch int64, n int) (first int64, err error)
	// Edits returns the records of edits, in order of id.
	Edits(ctx context.Context, filter EditFilter) ([]Edit, error)

	// Pin keeps a snapshot under a name. It wraps ErrExists where the name is taken
	// and ErrNotFound where there is no such snapshot or it is not kept any more.
	Pin(ctx context.Context, pin Pin) error
	// Unpin takes a name away, or wraps ErrNotFound.
	Unpin(ctx context.Context, name string) error
	// Pins returns all pins in order of name.
	Pins(ctx context.Context) ([]Pin, error)
	// Expire gives up the snapshots that are neither kept by the expiry nor pinned,
	// and makes garbage of the retired segments that no kept snapshot has. It wraps
	// ErrConflict (M2).
	Expire(ctx context.Context, e Expiry) (Expired, error)
	// Garbage returns the objects that may be deleted from the bucket once their
	// time has come, in order of name.
	Garbage(ctx context.Context) ([]Garbage, error)
	// Condemn makes garbage of objects that the catalog does not know, and returns
	// the names of those; names that it does know, garbage too, are left out.
	// It wraps ErrConflict (M2).
	Condemn(ctx context.Context, epoch int64, names []string, now int64) ([]string, error)
	// Forget takes garbage that has been deleted off the list. It wraps ErrConflict
	// (M2).
	Forget(ctx context.Context, epoch int64, names []string) error

	// Journal returns how far the catalog has come and, where it is past a change, those
	// after it that the catalog still has: all after Trimmed. It is of one moment.
	Journal(ctx context.Context, after int64) (Journal, error)
	// TrimJournal forgets the changes up to a number, which the caller has put elsewhere.
	// It wraps ErrConflict (M2).
	TrimJournal(ctx context.Context, epoch, number int64) error

	// Export returns all that the catalog holds, as of one moment.
	Export(ctx context.Context) (Content, error)
	// Import fills a catalog in which there is nothing with what another one held. It
	// wraps ErrExists where there is something. Leases are not taken over. The journal
	// goes on behind the content's last change.
	Import(ctx context.Context, c Content) error
	// Replace is Import into a catalog whose content is given up, damaged or not.
	Replace(ctx context.Context, c Content) error
	// Integrity reads everything and reports whatever is damaged, missing or more than it
	// should be; the errors wrap columnar.ErrCorrupt and name the place. It returns what is
	// sound. An error says that not all was read.
	Integrity(ctx context.Context, report func(error)) (Content, error)

	// Settings returns the server-wide settings.
	Settings(ctx context.Context) (map[string]string, error)
	// SetSetting changes one of the server-wide settings.
	SetSetting(ctx context.Context, name, value string) error

	// Close releases the catalog. Nothing may be called after it.
	Close() error
}
