package tables

import (
	"context"
	"fmt"
	"slices"

	"github.com/trellisdb/trellis/meta"
)

// Commit carries out a change of the set of segments.
func (c *Catalog) Commit(ctx context.Context, commit meta.Commit) (meta.Snapshot, error) {
	var made meta.Snapshot
	err := c.changeAs(ctx, commit.Epoch, func(w *change) error {
		last, err := latest(ctx, w)
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
		return c.carryOut(ctx, w, &commit, storedSnapshot{made, last.live})
	})
	if err != nil {
		return meta.Snapshot{}, fmt.Errorf("commit: %w", err)
	}
	return made, nil
}

// carryOut makes the changes of a commit that makes a snapshot, to which what is live in
// the one before was given.
func (c *Catalog) carryOut(ctx context.Context, w *change, commit *meta.Commit, made storedSnapshot) error {
	if err := c.checkNames(ctx, w, commit); err != nil {
		return err
	}
	// What is retired is looked for first, so that a commit cannot retire what it adds.
	retired, err := c.toRetire(ctx, w, commit.Retire)
	if err != nil {
		return err
	}
	for i := range retired {
		made.live -= liveSum(retired[i].Segment)
	}
	add := make([]meta.Segment, len(commit.Add))
	for i, s := range commit.Add {
		s.Created, s.Retired = made.ID, 0
		if s.Version == 0 {
			s.Version = made.ID
		}
		if !s.History {
			made.live += liveSum(s)
		}
		add[i] = s
	}
	if err := snapshotTable.insert(ctx, w, []storedSnapshot{made}); err != nil {
		return err
	}
	if err := retire(ctx, w, retired, made.ID); err != nil {
		return err
	}
	if err := replaceSegments(ctx, w, commit.Replace, made.Time); err != nil {
		return err
	}
	if err := insertSegments(ctx, w, add); err != nil {
		return err
	}
	change := meta.Change{Snapshot: &made.Snapshot, Add: add, Retire: commit.Retire, Replace: commit.Replace}
	if commit.Log != "" {
		position, err := advance(ctx, w, commit.Log, commit.Position)
		if err != nil {
			return err
		}
		change.Log = &meta.Log{ID: commit.Log, Position: position}
	}
	if commit.Edit != nil {
		edit := *commit.Edit
		edit.Snapshot, edit.Time = made.ID, made.Time
		if err := insertNewEdit(ctx, w, edit); err != nil {
			return err
		}
		change.Edit = &edit
	}
	return note(ctx, w, change)
}

// checkNames wraps ErrExists for the name of a new segment that is taken.
func (c *Catalog) checkNames(ctx context.Context, q Queryer, commit *meta.Commit) error {
	var names []string
	for i := range commit.Add {
		names = append(names, commit.Add[i].Name)
	}
	for i := range commit.Replace {
		if s := commit.Replace[i].New; s != nil {
			names = append(names, s.Name)
		}
	}
	known, err := c.known(ctx, q, names)
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
func (c *Catalog) known(ctx context.Context, q Queryer, names []string) (map[string]bool, error) {
	known := map[string]bool{}
	if len(names) == 0 {
		return known, nil
	}
	text, err := array(names)
	if err != nil {
		return nil, err
	}
	among := c.dialect.Texts("$1")
	found, err := queryTexts(ctx, q, `SELECT name FROM segments WHERE name `+among+` UNION ALL SELECT name FROM garbage WHERE name `+among, text)
	for _, name := range found {
		known[name] = true
	}
	return known, err
}

// toRetire returns the segments of those names, which must be live.
func (c *Catalog) toRetire(ctx context.Context, w *change, names []string) ([]storedSegment, error) {
	if len(names) == 0 {
		return nil, nil
	}
	before, err := c.segmentsNamed(ctx, w, names)
	if err != nil {
		return nil, err
	}
	live := make(map[string]bool, len(before))
	for i := range before {
		live[before[i].Name] = before[i].Retired == 0 && !before[i].History
	}
	for _, name := range names {
		if !live[name] {
			return nil, fmt.Errorf("segment %s is to be retired and is not live: %w", name, meta.ErrNotFound)
		}
		live[name] = false
	}
	return before, nil
}

// retire ends the life of segments in a snapshot.
func retire(ctx context.Context, w *change, before []storedSegment, snapshot int64) error {
	after := slices.Clone(before)
	for i := range after {
		after[i].Retired = snapshot
	}
	return segmentTable.replace(ctx, w, before, after)
}

// segmentsNamed returns the segments of those names that are there.
func (c *Catalog) segmentsNamed(ctx context.Context, q Queryer, names []string) ([]storedSegment, error) {
	text, err := array(names)
	if err != nil {
		return nil, err
	}
	return segmentTable.read(ctx, q, `WHERE name `+c.dialect.Texts("$1"), text)
}

// replaceSegments puts segments in the place of others, which become garbage.
func replaceSegments(ctx context.Context, w *change, replacements []meta.Replacement, now int64) error {
	old := make([]string, len(replacements))
	var live []liveFrom
	for i, r := range replacements {
		old[i] = r.Old
		before, err := segmentTable.read(ctx, w, `WHERE name = $1`, r.Old)
		if err != nil {
			return fmt.Errorf("segment %s: %w", r.Old, err)
		}
		if len(before) != 1 {
			return fmt.Errorf("segment %s is to be replaced and is not there: %w", r.Old, meta.ErrNotFound)
		}
		by, err := replaceOne(ctx, w, before, r.New)
		if err != nil {
			return fmt.Errorf("segment %s: %w", r.Old, err)
		}
		live = liveIn(live, &before[0].Segment, by)
	}
	if err := changeLive(ctx, w, live); err != nil {
		return err
	}
	return garbageTable.insert(ctx, w, garbageOf(old, now))
}

// replaceOne gives the row of a segment to another one, or removes it, and returns what
// that adds to the sums of its snapshots.
func replaceOne(ctx context.Context, w *change, before []storedSegment, by *meta.Segment) (live int64, err error) {
	old := &before[0]
	live = -liveSum(old.Segment)
	if by == nil {
		return live, segmentTable.remove(ctx, w, before, `WHERE number = $1`, old.number)
	}
	after := storedSegment{old.number, *by}
	after.Version, after.Created, after.Retired, after.History = old.Version, old.Created, old.Retired, old.History
	return live + liveSum(after.Segment), segmentTable.replace(ctx, w, before, []storedSegment{after})
}

// insertSegments adds segments behind all others.
func insertSegments(ctx context.Context, w *change, segments []meta.Segment) error {
	if len(segments) == 0 {
		return nil
	}
	number, err := w.number(segmentTable.name, len(segments))
	if err != nil {
		return err
	}
	list := make([]storedSegment, len(segments))
	for i, s := range segments {
		list[i] = storedSegment{number + int64(i), s}
	}
	return segmentTable.insert(ctx, w, list)
}

// insertNewEdit adds the record of an edit, or wraps ErrExists.
func insertNewEdit(ctx context.Context, w *change, edit meta.Edit) error {
	if edit.ID <= 0 {
		return fmt.Errorf("edit %d: %w: reserve an id for it", edit.ID, meta.ErrInvalid)
	}
	known, ok, err := editTable.first(ctx, w, `WHERE id = $1`, edit.ID)
	if err != nil {
		return err
	}
	if ok {
		return fmt.Errorf("edit %d, that of snapshot %d: %w", edit.ID, known.Snapshot, meta.ErrExists)
	}
	return insertEdits(ctx, w, []meta.Edit{edit})
}
