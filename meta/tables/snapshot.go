package tables

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/trellisdb/trellis/meta"
)

func latest(ctx context.Context, q Queryer) (storedSnapshot, error) {
	s, _, err := snapshotTable.first(ctx, q, `ORDER BY id DESC LIMIT 1`)
	return s, err
}

// at returns the newest snapshot that is not later than an instant.
func at(ctx context.Context, q Queryer, instant int64) (s storedSnapshot, ok bool, err error) {
	return snapshotTable.first(ctx, q, `WHERE time <= $1 ORDER BY time DESC, id DESC LIMIT 1`, instant)
}

// Latest returns the newest snapshot.
func (c *Catalog) Latest(ctx context.Context) (snapshot meta.Snapshot, err error) {
	err = c.db.Read(ctx, func(q Queryer) error {
		s, err := latest(ctx, q)
		snapshot = s.Snapshot
		return err
	})
	if err != nil {
		return meta.Snapshot{}, fmt.Errorf("latest snapshot: %w", err)
	}
	return snapshot, nil
}

// At returns the newest snapshot that is not later than an instant.
func (c *Catalog) At(ctx context.Context, instant int64) (snapshot meta.Snapshot, err error) {
	err = c.db.Read(ctx, func(q Queryer) error {
		s, ok, err := at(ctx, q, instant)
		if err == nil && !ok {
			err = fmt.Errorf("all are later: %w", meta.ErrNotFound)
		}
		snapshot = s.Snapshot
		return err
	})
	if err != nil {
		return meta.Snapshot{}, fmt.Errorf("snapshot at %s: %w", clock(instant), err)
	}
	return snapshot, nil
}

// clock returns an instant for people.
func clock(instant int64) string { return time.UnixMicro(instant).UTC().Format(time.RFC3339Nano) }

// Snapshots returns all snapshots, oldest first.
func (c *Catalog) Snapshots(ctx context.Context) ([]meta.Snapshot, error) {
	snapshots, err := all(ctx, c, &snapshotTable, "id")
	if err != nil {
		return nil, fmt.Errorf("snapshots: %w", err)
	}
	return snapshotsOf(snapshots), nil
}

func snapshotsOf(stored []storedSnapshot) []meta.Snapshot {
	if stored == nil {
		return nil
	}
	snapshots := make([]meta.Snapshot, len(stored))
	for i := range stored {
		snapshots[i] = stored[i].Snapshot
	}
	return snapshots
}

// Segments returns the segments live in a snapshot, in order of version.
func (c *Catalog) Segments(ctx context.Context, snapshot int64) ([]meta.Segment, error) {
	segments, err := view(ctx, c, func(tx *sql.Tx) ([]meta.Segment, error) {
		if snapshot == 0 {
			return nil, nil
		}
		s, err := kept(ctx, tx, snapshot)
		if err != nil {
			return nil, err
		}
		stored, err := segmentTable.read(ctx, tx, `
			WHERE created <= $1 AND (retired = 0 OR retired > $1) AND NOT history ORDER BY version, number`, snapshot)
		if err != nil {
			return nil, err
		}
		return segmentsOf(stored), s.checkLive(stored)
	})
	if err != nil {
		return nil, fmt.Errorf("snapshot %d: %w", snapshot, err)
	}
	return segments, nil
}

// kept returns a snapshot that can be read, or wraps ErrNotFound.
func kept(ctx context.Context, q Queryer, id int64) (storedSnapshot, error) {
	s, ok, err := snapshotTable.first(ctx, q, `WHERE id = $1`, id)
	if err != nil || s.Kept {
		return s, err
	}
	if !ok {
		last, err := latest(ctx, q)
		if err != nil {
			return s, err
		}
		return s, fmt.Errorf("the newest is %d: %w", last.ID, meta.ErrNotFound)
	}
	oldest, _, err := snapshotTable.first(ctx, q, `WHERE kept ORDER BY id LIMIT 1`)
	if err != nil {
		return s, err
	}
	return s, fmt.Errorf("it is not kept any more, those that are go back to %d of %s: %w", oldest.ID, clock(oldest.Time), meta.ErrNotFound)
}

// AllSegments returns all segments that the catalog knows.
func (c *Catalog) AllSegments(ctx context.Context) ([]meta.Segment, error) {
	stored, err := all(ctx, c, &segmentTable, "number")
	if err != nil {
		return nil, fmt.Errorf("segments: %w", err)
	}
	return segmentsOf(stored), nil
}

func segmentsOf(stored []storedSegment) []meta.Segment {
	if stored == nil {
		return nil
	}
	segments := make([]meta.Segment, len(stored))
	for i := range stored {
		segments[i] = stored[i].Segment
	}
	return segments
}
