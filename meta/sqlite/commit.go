package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/trellisdb/trellis/meta"
)

// Acquire makes the caller the writer.
func (c *Catalog) Acquire(ctx context.Context, holder string, now int64) (epoch int64, err error) {
	err = c.change(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `INSERT INTO writers (holder, acquired) VALUES (?, ?) RETURNING epoch`, holder, now).Scan(&epoch)
	})
	if err != nil {
		return 0, fmt.Errorf("writer %q: %w", holder, err)
	}
	return epoch, nil
}

// Commit carries out a change of the set of segments.
func (c *Catalog) Commit(ctx context.Context, commit meta.Commit) (meta.Snapshot, error) {
	var made meta.Snapshot
	err := c.change(ctx, func(tx *sql.Tx) error {
		if err := checkEpoch(ctx, tx, commit.Epoch); err != nil {
			return err
		}
		last, err := latest(ctx, tx)
		if err != nil {
			return err
		}
		made = meta.Snapshot{ID: last.ID + 1, Time: commit.Time, Log: commit.Log, Note: commit.Note}
		if last.ID > 0 {
			made.Time = max(made.Time, last.Time)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO snapshots (id, time, log, note) VALUES (?, ?, ?, ?)`,
			made.ID, made.Time, int64(made.Log), made.Note)
		if err != nil {
			return err
		}
		// Retiring comes first, so that a commit cannot retire what it adds.
		if err := retire(ctx, tx, commit.Retire, made.ID); err != nil {
			return err
		}
		return add(ctx, tx, commit.Add, made.ID)
	})
	if err != nil {
		return meta.Snapshot{}, fmt.Errorf("commit: %w", err)
	}
	return made, nil
}

// checkEpoch wraps ErrConflict unless the epoch is that of the newest writer.
func checkEpoch(ctx context.Context, tx *sql.Tx, epoch int64) error {
	var newest int64
	var holder string
	err := tx.QueryRowContext(ctx, `SELECT epoch, holder FROM writers ORDER BY epoch DESC LIMIT 1`).Scan(&newest, &holder)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("epoch %d was never acquired: %w", epoch, meta.ErrConflict)
	}
	if err != nil {
		return err
	}
	if epoch != newest {
		return fmt.Errorf("epoch %d is not %d, that of %q: %w", epoch, newest, holder, meta.ErrConflict)
	}
	return nil
}

// retire ends the life of segments in a snapshot.
func retire(ctx context.Context, tx *sql.Tx, names []string, snapshot int64) error {
	for _, name := range names {
		result, err := tx.ExecContext(ctx, `UPDATE segments SET retired = ? WHERE name = ? AND retired = 0`, snapshot, name)
		if err != nil {
			return fmt.Errorf("segment %s: %w", name, err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("segment %s: %w", name, err)
		}
		if n != 1 {
			return fmt.Errorf("segment %s is to be retired and is not live: %w", name, meta.ErrNotFound)
		}
	}
	return nil
}

// add makes segments live in a snapshot.
func add(ctx context.Context, tx *sql.Tx, segments []meta.Segment, snapshot int64) error {
	for _, s := range segments {
		result, err := tx.ExecContext(ctx, `
			INSERT INTO segments (name, size, series, blocks, samples, from_time, to_time, crc, created, retired)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (name) DO NOTHING`,
			s.Name, s.Size, s.Series, s.Blocks, s.Samples, s.From, s.To, s.CRC, snapshot)
		if err != nil {
			return fmt.Errorf("segment %s: %w", s.Name, err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("segment %s: %w", s.Name, err)
		}
		if n != 1 {
			return fmt.Errorf("segment %s: %w", s.Name, meta.ErrExists)
		}
	}
	return nil
}

// Latest returns the newest snapshot.
func (c *Catalog) Latest(ctx context.Context) (snapshot meta.Snapshot, err error) {
	err = c.view(ctx, func(tx *sql.Tx) error {
		snapshot, err = latest(ctx, tx)
		return err
	})
	if err != nil {
		return meta.Snapshot{}, fmt.Errorf("latest snapshot: %w", err)
	}
	return snapshot, nil
}

func latest(ctx context.Context, tx *sql.Tx) (meta.Snapshot, error) {
	var s meta.Snapshot
	var log int64
	err := tx.QueryRowContext(ctx, `SELECT id, time, log, note FROM snapshots ORDER BY id DESC LIMIT 1`).Scan(&s.ID, &s.Time, &log, &s.Note)
	if errors.Is(err, sql.ErrNoRows) {
		return meta.Snapshot{}, nil
	}
	s.Log = uint64(log)
	return s, err
}

// Snapshots returns all snapshots, oldest first.
func (c *Catalog) Snapshots(ctx context.Context) ([]meta.Snapshot, error) {
	var snapshots []meta.Snapshot
	err := c.view(ctx, func(tx *sql.Tx) error {
		return query(ctx, tx, func(rows *sql.Rows) error {
			var s meta.Snapshot
			var log int64
			if err := rows.Scan(&s.ID, &s.Time, &log, &s.Note); err != nil {
				return err
			}
			s.Log = uint64(log)
			snapshots = append(snapshots, s)
			return nil
		}, `SELECT id, time, log, note FROM snapshots ORDER BY id`)
	})
	if err != nil {
		return nil, fmt.Errorf("snapshots: %w", err)
	}
	return snapshots, nil
}

// Segments returns the segments live in a snapshot, in order of version.
func (c *Catalog) Segments(ctx context.Context, snapshot int64) ([]meta.Segment, error) {
	var segments []meta.Segment
	err := c.view(ctx, func(tx *sql.Tx) error {
		last, err := latest(ctx, tx)
		if err != nil {
			return err
		}
		if snapshot < 0 || snapshot > last.ID {
			return fmt.Errorf("the newest is %d: %w", last.ID, meta.ErrNotFound)
		}
		return query(ctx, tx, func(rows *sql.Rows) error {
			var s meta.Segment
			if err := rows.Scan(&s.Name, &s.Size, &s.Series, &s.Blocks, &s.Samples, &s.From, &s.To, &s.CRC, &s.Created, &s.Retired); err != nil {
				return err
			}
			s.Version = s.Created
			segments = append(segments, s)
			return nil
		}, `
			SELECT name, size, series, blocks, samples, from_time, to_time, crc, created, retired FROM segments
			WHERE created <= ?1 AND (retired = 0 OR retired > ?1) ORDER BY number`, snapshot)
	})
	if err != nil {
		return nil, fmt.Errorf("snapshot %d: %w", snapshot, err)
	}
	return segments, nil
}
