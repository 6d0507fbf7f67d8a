package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/trellisdb/trellis/meta"
)

// Commit carries out a change of the set of segments.
func (c *Catalog) Commit(ctx context.Context, commit meta.Commit) (meta.Snapshot, error) {
	var made meta.Snapshot
	err := c.changeAs(ctx, commit.Epoch, func(tx *sql.Tx, _ counters) error {
		last, err := latest(ctx, tx)
		if err != nil {
			return err
		}
		made = meta.Snapshot{ID: last.ID + 1, Time: commit.Time, Note: commit.Note, Kept: true}
		if last.ID > 0 {
			made.Time = max(made.Time, last.Time)
		}
		if commit.Edit != nil {
			made.Edit = commit.Edit.ID
		}
		if err := c.insertSnapshots(ctx, tx, []meta.Snapshot{made}); err != nil {
			return err
		}
		return c.carryOut(ctx, tx, &commit, made)
	})
	if err != nil {
		return meta.Snapshot{}, fmt.Errorf("commit: %w", err)
	}
	return made, nil
}

// carryOut makes the changes of a commit that makes a snapshot.
func (c *Catalog) carryOut(ctx context.Context, tx *sql.Tx, commit *meta.Commit, made meta.Snapshot) error {
	if err := c.checkNames(ctx, tx, commit); err != nil {
		return err
	}
	// Retiring comes first, so that a commit cannot retire what it adds.
	if err := c.retire(ctx, tx, commit.Retire, made.ID); err != nil {
		return err
	}
	if err := c.replace(ctx, tx, commit.Replace, made.Time); err != nil {
		return err
	}
	add := make([]meta.Segment, len(commit.Add))
	for i, s := range commit.Add {
		s.Created, s.Retired = made.ID, 0
		if s.Version == 0 {
			s.Version = made.ID
		}
		add[i] = s
	}
	if err := c.insertSegments(ctx, tx, add); err != nil {
		return err
	}
	change := meta.Change{Snapshot: &made, Add: add, Retire: commit.Retire, Replace: commit.Replace}
	if commit.Log != "" {
		position, err := advance(ctx, tx, commit.Log, commit.Position)
		if err != nil {
			return err
		}
		change.Log = &meta.Log{ID: commit.Log, Position: position}
	}
	if commit.Edit != nil {
		edit := *commit.Edit
		edit.Snapshot, edit.Time = made.ID, made.Time
		if err := c.insertNewEdit(ctx, tx, edit); err != nil {
			return err
		}
		change.Edit = &edit
	}
	return c.note(ctx, tx, change)
}

// checkNames wraps ErrExists for the name of a new segment that is taken.
func (c *Catalog) checkNames(ctx context.Context, tx *sql.Tx, commit *meta.Commit) error {
	var names []string
	for i := range commit.Add {
		names = append(names, commit.Add[i].Name)
	}
	for i := range commit.Replace {
		if s := commit.Replace[i].New; s != nil {
			names = append(names, s.Name)
		}
	}
	known, err := c.known(ctx, tx, names)
	if err != nil {
		return err
	}
	for _, name := range names {
		if known[name] {
			return fmt.Errorf("segment %s: %w", name, meta.ErrExists)
		}
		known[name] = true
	}
	return nil
}

// known returns those of the names that segments or garbage have.
func (c *Catalog) known(ctx context.Context, tx *sql.Tx, names []string) (map[string]bool, error) {
	known := map[string]bool{}
	if len(names) == 0 {
		return known, nil
	}
	text, err := array(names)
	if err != nil {
		return nil, err
	}
	among := c.dialect.Texts("$1")
	found, err := query(ctx, tx, scanText, `SELECT name FROM segments WHERE name `+among+` UNION ALL SELECT name FROM garbage WHERE name `+among, text)
	for _, name := range found {
		known[name] = true
	}
	return known, err
}

// retire ends the life of segments in a snapshot.
func (c *Catalog) retire(ctx context.Context, tx *sql.Tx, names []string, snapshot int64) error {
	if len(names) == 0 {
		return nil
	}
	text, err := array(names)
	if err != nil {
		return err
	}
	where := ` WHERE name ` + c.dialect.Texts("$1")
	segments, err := query(ctx, tx, scanSegment, selectSegments+where, text)
	if err != nil {
		return err
	}
	live := make(map[string]bool, len(segments))
	for i := range segments {
		live[segments[i].Name] = segments[i].Retired == 0 && !segments[i].History
	}
	for _, name := range names {
		if !live[name] {
			return fmt.Errorf("segment %s is to be retired and is not live: %w", name, meta.ErrNotFound)
		}
		live[name] = false
	}
	_, err = tx.ExecContext(ctx, `UPDATE segments SET retired = $2`+where, text, snapshot)
	return err
}

// replace puts segments in the place of others, which become garbage.
func (c *Catalog) replace(ctx context.Context, tx *sql.Tx, replacements []meta.Replacement, now int64) error {
	if len(replacements) == 0 {
		return nil
	}
	old := make([]string, len(replacements))
	for i, r := range replacements {
		old[i] = r.Old
		result, err := replaceOne(ctx, tx, r)
		if err != nil {
			return fmt.Errorf("segment %s: %w", r.Old, err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("segment %s: %w", r.Old, err)
		}
		if n != 1 {
			return fmt.Errorf("segment %s is to be replaced and is not there: %w", r.Old, meta.ErrNotFound)
		}
	}
	return c.insertGarbage(ctx, tx, old, now)
}

// replaceOne gives the row of a segment to another one, or removes it.
func replaceOne(ctx context.Context, tx *sql.Tx, r meta.Replacement) (sql.Result, error) {
	s := r.New
	if s == nil {
		return tx.ExecContext(ctx, `DELETE FROM segments WHERE name = $1`, r.Old)
	}
	return tx.ExecContext(ctx, `
		UPDATE segments SET name = $1, size = $2, series = $3, blocks = $4, samples = $5, from_time = $6, to_time = $7, crc = $8, digest = $9 WHERE name = $10`,
		s.Name, s.Size, s.Series, s.Blocks, s.Samples, s.From, s.To, int64(s.CRC), int64(s.Digest), r.Old)
}

func (c *Catalog) insertSnapshots(ctx context.Context, tx *sql.Tx, snapshots []meta.Snapshot) error {
	_, err := c.insert(ctx, tx, `INSERT INTO snapshots (id, time, note, edit, kept)`, "", 5, len(snapshots), func(i int) ([]any, error) {
		s := &snapshots[i]
		return []any{s.ID, s.Time, s.Note, s.Edit, s.Kept}, nil
	})
	return err
}

func (c *Catalog) insertSegments(ctx context.Context, tx *sql.Tx, segments []meta.Segment) error {
	_, err := c.insert(ctx, tx, `INSERT INTO segments (`+segmentColumns+`)`, "", 13, len(segments), func(i int) ([]any, error) {
		s := &segments[i]
		return []any{
			s.Name, s.Version, s.Size, s.Series, s.Blocks, s.Samples, s.From, s.To, int64(s.CRC), s.Created, s.Retired, s.History, int64(s.Digest),
		}, nil
	})
	return err
}

func (c *Catalog) insertGarbage(ctx context.Context, tx *sql.Tx, names []string, since int64) error {
	_, err := c.insert(ctx, tx, `INSERT INTO garbage (name, since)`, "", 2, len(names), func(i int) ([]any, error) {
		return []any{names[i], since}, nil
	})
	return err
}

// insertNewEdit adds the record of an edit, or wraps ErrExists.
func (c *Catalog) insertNewEdit(ctx context.Context, tx *sql.Tx, edit meta.Edit) error {
	if edit.ID <= 0 {
		return fmt.Errorf("edit %d: %w: reserve an id for it", edit.ID, meta.ErrInvalid)
	}
	var snapshot int64
	err := tx.QueryRowContext(ctx, `SELECT snapshot FROM edits WHERE id = $1`, edit.ID).Scan(&snapshot)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return c.insertEdits(ctx, tx, []meta.Edit{edit})
	case err != nil:
		return err
	}
	return fmt.Errorf("edit %d, that of snapshot %d: %w", edit.ID, snapshot, meta.ErrExists)
}
