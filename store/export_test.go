package store

import (
	"context"
	"time"

	"github.com/trellisdb/trellis/store/object"
)

// SpillTo makes edits that are begun from now on spill to what open returns for the
// stage's directory.
func (s *Store) SpillTo(open func(dir string) (object.Bucket, error)) { s.openStage = open }

// Maintenance is the background of a store, whose rounds a test does.
type Maintenance struct{ *maintenance }

// NewMaintenance returns the background of a store that has just been opened.
func NewMaintenance(s *Store) Maintenance {
	return Maintenance{newMaintenance(context.Background(), s)}
}

// Round does a round, in which there is a collection, after time has really passed.
func (m Maintenance) Round(ctx context.Context, passed time.Duration) error {
	m.passed.Add(int64(passed / time.Second))
	m.since = collectEvery
	return m.tick(ctx)
}

// Checkpoint puts a checkpoint of the catalog into the bucket.
func (s *Store) Checkpoint(ctx context.Context) error { return s.checkpoint(ctx) }

// UnpackJournal reads an object of the catalog's journal.
func UnpackJournal(packed []byte) (first any, lines []string, err error) {
	what, lines, err := unpackJournal(packed)
	return what, lines, err
}

// PackJournal returns the bytes of an object of the catalog's journal.
func PackJournal(kind, database string, number int64, head string, lines []string) ([]byte, error) {
	return packJournal(journalLine{journalFormat, kind, database, number, head}, lines)
}
