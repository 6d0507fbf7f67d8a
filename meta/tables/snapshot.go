package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/trellisdb/trellis/meta"
)

const selectSnapshots = `SELECT id, time, note, edit, kept FROM snapshots`

// scanSnapshot reads a row of selectSnapshots.
func scanSnapshot(rows *sql.Rows) (s meta.Snapshot, err error) {
	err = rows.Scan(&s.ID, &s.Time, &s.Note, &s.Edit, &s.Kept)
	return s, err
}

// snapshotWhere returns the first row of selectSnapshots, or false when there is none.
func snapshotWhere(ctx context.Context, q Queryer, where string, args ...any) (s meta.Snapshot, ok bool, err error) {
	err = q.QueryRowContext(ctx, selectSnapshots+where, args...).Scan(&s.ID, &s.Time, &s.Note, &s.Edit, &s.Kept)
	if errors.Is(err, sql.ErrNoRows) {
		return meta.Snapshot{}, false, nil
	}
	return s, err == nil, err
}

func latest(ctx context.Context, q Queryer) (meta.Snapshot, error) {
	s, _, err := snapshotWhere(ctx, q, ` ORDER BY id DESC LIMIT 1`)
	return s, err
}

// at returns the newest snapshot that is not later than an instant.
func at(ctx context.Context, q Queryer, instant int64) (s meta.Snapshot, ok bool, err error) {
	return snapshotWhere(ctx, q, ` WHERE time <= $1 ORDER BY time DESC, id DESC LIMIT 1`, instant)
}

// Latest returns the newest snapshot.
func (c *Catalog) Latest(ctx context.Context) (snapshot meta.Snapshot, err error) {
	err = c.db.Read(ctx, func(q Queryer) (err error) {
		snapshot, err = latest(ctx, q)
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
		snapshot = s
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
	snapshots, err := list(ctx, c, scanSnapshot, selectSnapshots+` ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("snapshots: %w", err)
	}
	return snapshots, nil
}

const segmentColumns = `name, version, size, series, blocks, samples, from_time, to_time, crc, created, retired, history, digest`

const selectSegments = `SELECT ` + segmentColumns + ` FROM segments`

// scanSegment reads a row of selectSegments.
func scanSegment(rows *sql.Rows) (s meta.Segment, err error) {
	var digest int64
	err = rows.Scan(&s.Name, &s.Version, &s.Size, &s.Series, &s.Blocks, &s.Samples, &s.From, &s.To, &s.CRC, &s.Created, &s.Retired, &s.History, &digest)
	s.Digest = uint64(digest)
	return s, err
}

// Segments returns the segments live in a snapshot, in order of version.
func (c *Catalog) Segments(ctx context.Context, snapshot int64) ([]meta.Segment, error) {
	segments, err := view(ctx, c, func(tx *sql.Tx) ([]meta.Segment, error) {
		if snapshot == 0 {
			return nil, nil
		}
		if err := checkKept(ctx, tx, snapshot); err != nil {
			return nil, err
		}
		return query(ctx, tx, scanSegment, selectSegments+`
			WHERE created <= $1 AND (retired = 0 OR retired > $1) AND NOT history ORDER BY version, number`, snapshot)
	})
	if err != nil {
		return nil, fmt.Errorf("snapshot %d: %w", snapshot, err)
	}
	return segments, nil
}

// checkKept wraps ErrNotFound unless a snapshot can be read.
func checkKept(ctx context.Context, q Queryer, id int64) error {
	s, ok, err := snapshotWhere(ctx, q, ` WHERE id = $1`, id)
	if err != nil || s.Kept {
		return err
	}
	if !ok {
		last, err := latest(ctx, q)
		if err != nil {
			return err
		}
		return fmt.Errorf("the newest is %d: %w", last.ID, meta.ErrNotFound)
	}
	oldest, _, err := snapshotWhere(ctx, q, ` WHERE kept ORDER BY id LIMIT 1`)
	if err != nil {
		return err
	}
	return fmt.Errorf("it is not kept any more, those that are go back to %d of %s: %w", oldest.ID, clock(oldest.Time), meta.ErrNotFound)
}

// AllSegments returns all segments that the catalog knows.
func (c *Catalog) AllSegments(ctx context.Context) ([]meta.Segment, error) {
	segments, err := list(ctx, c, scanSegment, selectSegments+` ORDER BY number`)
	if err != nil {
		return nil, fmt.Errorf("segments: %w", err)
	}
	return segments, nil
}
