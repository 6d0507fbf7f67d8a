package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
)

// ErrBehind says that a catalog or a bucket has gone back in time: the other one knows
// of changes that it has not. Nobody writes to them. The error says what is missing.
var ErrBehind = errors.New("it has gone back in time")

// A change of the catalog is in the bucket's journal before it is acknowledged, and
// before the log gives up what it put into segments. So a catalog that is behind the
// bucket has lost something, and one that is ahead of it has not been asked since: what
// the bucket lacks is still in the catalog's own journal.
type journal struct {
	sync.Mutex
	ready      bool
	database   string
	number     int64 // of the newest change in the bucket
	checkpoint int64 // of the newest checkpoint there; -1: there is none that can be read
	before     int64 // of the one before
	changes    int   // that were put since the newest
	bytes      int64 // of them
	size       int64 // of the newest checkpoint
	lags       bool  // not everything could be put
}

// When a checkpoint is made: after so many changes, or so many bytes of them and twice
// the last checkpoint's.
const (
	checkpointChanges = 1000
	checkpointBytes   = 4 << 20
)

// journalTimeout bounds how long a change waits for the bucket.
const journalTimeout = 30 * time.Second

// checkJournal compares how far a catalog has come with what the bucket has seen of it.
// It wraps ErrBehind where one of them lacks what the other one knows, ErrForeign where
// they have gone different ways. Damage of the newest object is returned as damaged:
// the numbers were compared all the same. A writer may be at work meanwhile.
func checkJournal(ctx context.Context, bucket object.Bucket, catalog meta.Catalog) (there journalObjects, damaged, err error) {
	for seen := int64(-1); ; {
		if there, err = listJournal(ctx, bucket); err != nil {
			return there, nil, err
		}
		number, _ := there.newest()
		damaged, err = compareJournal(ctx, bucket, catalog, &there)
		if err == nil || number == seen || !errors.Is(err, ErrBehind) && !errors.Is(err, object.ErrNotFound) {
			return there, damaged, err
		}
		seen = number // and the catalog may have given up what was put after it
	}
}

// compareJournal is checkJournal of the objects that were there.
func compareJournal(ctx context.Context, bucket object.Bucket, catalog meta.Catalog, there *journalObjects) (damaged, err error) {
	number, any := there.newest()
	have, err := catalog.Journal(ctx, number)
	switch {
	case err != nil:
		return nil, err
	case !any && have.Trimmed > 0:
		return nil, fmt.Errorf("the bucket: %w: it has nothing of the %s that the catalog put there; put the newest bucket back, restore a backup, or, where this bucket is to go on, say so with trellis adopt", ErrBehind, plural(int(have.Trimmed), "change"))
	case !any:
		return nil, nil
	}
	what, damaged := there.head(ctx, bucket)
	switch {
	case damaged != nil && !errors.Is(damaged, columnar.ErrCorrupt):
		return nil, damaged
	case damaged == nil && what.Database != have.Database:
		return nil, foreign(what.Database, have.Database)
	case number > have.Number:
		return damaged, fmt.Errorf("the catalog: %w: the bucket has seen change %d of it, and it has %d: %s missing; put the newest catalog back, rebuild it from the bucket with trellis repair, or restore a backup",
			ErrBehind, number, have.Number, missingChanges(ctx, bucket, there, have.Number))
	case number < have.Number && (len(have.Entries) == 0 || have.Entries[0].Number != number+1):
		return damaged, fmt.Errorf("the bucket: %w: the catalog has put change %d there, and it has seen %d; put the newest bucket back, restore a backup, or, where this bucket is to go on, say so with trellis adopt",
			ErrBehind, have.Trimmed, number)
	case damaged != nil:
		return damaged, nil
	}
	head := have.Head
	if number < have.Number {
		next, err := have.Entries[0].Change()
		if err != nil {
			return nil, fmt.Errorf("the catalog's journal: %w: %w", err, columnar.ErrCorrupt)
		}
		head = next.Before
	}
	if head != what.Head {
		return nil, fmt.Errorf("%w: change %d of it is another one than change %d of the catalog: there are two copies of the catalog, which have gone different ways; go on with the one that the bucket knows, rebuild it with trellis repair, or, where this one is to go on, say so with trellis adopt",
			ErrForeign, number, number)
	}
	return nil, nil
}

// missingChanges says what the changes after a number are, as far as they can be read.
func missingChanges(ctx context.Context, bucket object.Bucket, there *journalObjects, after int64) string {
	number, _ := there.newest()
	counts := map[string]int{}
	var when int64
	for _, run := range there.runs {
		if run <= after {
			continue
		}
		_, entries, err := readRun(ctx, bucket, run)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if c, err := e.Change(); err == nil && c.Number > after {
				when = countChange(c, counts, when)
			}
		}
	}
	text := plural(int(number-after), "change")
	var parts []string
	for _, what := range []string{"snapshot", "edit", "segment", "changed series", "setting", "pin", "expiry", "log"} {
		if n := counts[what]; n > 0 {
			parts = append(parts, plural(n, what))
		}
	}
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	if when != 0 {
		text += ", the last of " + time.UnixMicro(when).UTC().Format(time.RFC3339) + ","
	}
	if number-after == 1 {
		return text + " is"
	}
	return text + " are"
}

// plural returns a number of things.
func plural(n int, what string) string {
	if n != 1 && !strings.HasSuffix(what, "series") {
		what = strings.TrimSuffix(what+"s", "ys") + map[bool]string{true: "ies"}[strings.HasSuffix(what, "y")]
	}
	return fmt.Sprintf("%d %s", n, what)
}

// countChange counts what a change is, and returns the later of its time and the last.
func countChange(c *meta.Change, counts map[string]int, last int64) int64 {
	counts["changed series"] += len(c.Series)
	counts["segment"] += len(c.Add)
	for what, is := range map[string]bool{
		"snapshot": c.Snapshot != nil, "edit": c.Edit != nil, "setting": c.Setting != nil,
		"pin": c.Pin != nil || c.Unpin != "", "expiry": c.GaveUp > 0 || len(c.Unlinked) > 0, "log": c.Log != nil && c.Snapshot == nil,
	} {
		if is {
			counts[what]++
		}
	}
	if c.Snapshot != nil {
		return max(last, c.Snapshot.Time)
	}
	return last
}

// beginJournal puts into the bucket what it lacks. The catalog was compared with it.
func (s *Store) beginJournal(ctx context.Context) error {
	j := &s.journal
	there, damaged, err := checkJournal(ctx, s.bucket, s.catalog) // again: now nobody else changes them
	if err != nil {
		return err
	}
	j.Lock()
	j.number, _ = there.newest()
	j.database, j.checkpoint, j.ready = s.claim.Database, -1, true
	if n := len(there.checkpoints); n > 0 && damaged == nil {
		j.checkpoint = there.checkpoints[n-1]
		j.before = j.checkpoint
		j.changes = int(j.number - j.checkpoint)
		if info, err := s.bucket.Stat(ctx, checkpointKey(j.checkpoint)); err == nil {
			j.size = info.Size
		}
	}
	j.Unlock()
	if damaged != nil {
		s.logger.Error("the bucket's journal of the catalog is damaged; a new checkpoint is made", "error", damaged)
	}
	if err := s.putChanges(ctx); err != nil {
		return err
	}
	if j.checkpoint < 0 {
		return s.checkpoint(ctx)
	}
	return nil
}

// putChanges puts the changes of the catalog that the bucket lacks into it.
func (s *Store) putChanges(ctx context.Context) error {
	j := &s.journal
	j.Lock()
	defer j.Unlock()
	if !j.ready {
		return nil
	}
	err := s.putPending(ctx)
	j.lags = err != nil
	return err
}

// putPending is putChanges under the journal's lock.
func (s *Store) putPending(ctx context.Context) error {
	j := &s.journal
	have, err := s.catalog.Journal(ctx, j.number)
	if err != nil {
		return err
	}
	if have.Number < j.number {
		return fmt.Errorf("the catalog: %w: it has come to change %d, and was at %d: %w", ErrBehind, have.Number, j.number, meta.ErrConflict)
	}
	entries := have.Entries
	if len(entries) > 0 && entries[0].Number != j.number+1 {
		return nil // a later writer has put them
	}
	if len(entries) > 0 {
		// A bucket that was adopted by another catalog has a journal of that one.
		if err := s.ownClaim(ctx); err != nil {
			return err
		}
	}
	for len(entries) > 0 {
		n, bytes := 0, 0
		for n < len(entries) && (n == 0 || bytes+len(entries[n].Text) <= changesBytes) {
			bytes += len(entries[n].Text)
			n++
		}
		if err := s.putRun(ctx, entries[:n]); err != nil {
			return err
		}
		j.number = entries[n-1].Number
		s.see(seen{j.number, entries[n-1].Digest()})
		j.changes += n
		entries = entries[n:]
	}
	return nil
}

// putRun puts a run of changes. One that is there is the same, put by an attempt whose
// answer was lost, or by another writer of the same catalog.
func (s *Store) putRun(ctx context.Context, entries []meta.Entry) error {
	last := entries[len(entries)-1]
	what := journalLine{Format: journalFormat, Kind: kindChanges, Database: s.journal.database, Number: last.Number, Head: last.Digest()}
	lines := make([]string, len(entries))
	for i, e := range entries {
		lines[i] = e.Text
	}
	n, err := putJournal(ctx, s.bucket, runKey(last.Number), object.IfAbsent, what, lines)
	if errors.Is(err, object.ErrExists) {
		there, _, readErr := readRun(ctx, s.bucket, last.Number)
		switch {
		case errors.Is(readErr, columnar.ErrCorrupt): // cut off by a crash of the place
			n, err = putJournal(ctx, s.bucket, runKey(last.Number), object.Always, what, lines)
		case readErr != nil:
			return readErr
		case there != what:
			return fmt.Errorf("%w: it has another change %d than this catalog: there are two copies of the catalog: %w", ErrForeign, last.Number, meta.ErrConflict)
		default:
			err = nil
		}
	}
	s.journal.bytes += n
	return err
}

// note puts what was just changed into the bucket's journal. Where that fails, the
// change stays, in the catalog alone for now, and it is tried again.
func (s *Store) note(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), journalTimeout)
	defer cancel()
	if err := s.noteConflict(s.putChanges(ctx)); err != nil {
		s.logger.Error("a change of the catalog is not in the bucket's journal yet; it is tried again", "error", err)
	}
}

// lagging reports whether the bucket lacks changes.
func (s *Store) lagging() bool {
	s.journal.Lock()
	defer s.journal.Unlock()
	return s.journal.lags
}

// checkpointDue reports whether a new checkpoint is worth its while.
func (s *Store) checkpointDue() bool {
	j := &s.journal
	j.Lock()
	defer j.Unlock()
	return j.ready && !j.lags && (j.changes >= checkpointChanges && j.bytes >= j.size || j.bytes >= checkpointBytes+2*j.size)
}

// checkpoint puts all that the catalog holds into the bucket, and takes away what
// nobody needs who has this checkpoint and the one before it.
func (s *Store) checkpoint(ctx context.Context) error {
	content, err := s.catalog.Export(ctx)
	if err != nil {
		return err
	}
	if err := s.ownClaim(ctx); err != nil {
		return err
	}
	n, err := putCheckpoint(ctx, s.bucket, &content)
	if err != nil {
		return err
	}
	j := &s.journal
	j.Lock()
	if j.checkpoint != content.Changes {
		j.before, j.checkpoint = max(j.checkpoint, 0), content.Changes
	}
	j.changes, j.bytes, j.size = int(max(j.number-content.Changes, 0)), 0, n
	before, number := j.before, j.number
	j.Unlock()
	if err := s.stillOwner(ctx); err != nil {
		return err
	}
	if err := s.catalog.TrimJournal(ctx, s.epoch, min(number, content.Changes)); err != nil {
		return err
	}
	there, err := listJournal(ctx, s.bucket)
	if err != nil || !slices.Contains(there.checkpoints, before) {
		return err
	}
	for _, run := range there.runs {
		if run <= before {
			err = errors.Join(err, s.bucket.Delete(ctx, runKey(run)))
		}
	}
	for _, number := range there.checkpoints {
		if number < before {
			err = errors.Join(err, s.bucket.Delete(ctx, checkpointKey(number)))
		}
	}
	return err
}

// putCheckpoint puts a content into a bucket.
func putCheckpoint(ctx context.Context, bucket object.Bucket, content *meta.Content) (int64, error) {
	text, err := json.Marshal(content)
	if err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	what := journalLine{Format: journalFormat, Kind: kindCheckpoint, Database: content.ID, Number: content.Changes, Head: content.Head}
	return putJournal(ctx, bucket, checkpointKey(content.Changes), object.Always, what, []string{string(text)})
}

// journaled is the catalog as others than the store see it: what they change is in the
// bucket's journal before they are told. Who may not write any more changes nothing.
type journaled struct {
	meta.Catalog
	store *Store
}

// Catalog returns the catalog for all others that change it while the store is open.
func (s *Store) Catalog() meta.Catalog { return &journaled{s.catalog, s} }

// noted returns the error of a change, after the change was noted.
func (c *journaled) noted(ctx context.Context, err error) error {
	if err == nil {
		c.store.note(ctx)
	}
	return err
}

// CreateSeries implements [meta.Catalog].
func (c *journaled) CreateSeries(ctx context.Context, series []meta.Series) ([]meta.Series, error) {
	if err := c.store.refusal(); err != nil {
		return nil, err
	}
	made, err := c.Catalog.CreateSeries(ctx, series)
	return made, c.noted(ctx, err)
}

// UpdateSeries implements [meta.Catalog].
func (c *journaled) UpdateSeries(ctx context.Context, series []meta.Series) error {
	if err := c.store.refusal(); err != nil {
		return err
	}
	return c.noted(ctx, c.Catalog.UpdateSeries(ctx, series))
}

// Pin implements [meta.Catalog].
func (c *journaled) Pin(ctx context.Context, pin meta.Pin) error {
	if err := c.store.refusal(); err != nil {
		return err
	}
	return c.noted(ctx, c.Catalog.Pin(ctx, pin))
}

// Unpin implements [meta.Catalog].
func (c *journaled) Unpin(ctx context.Context, name string) error {
	if err := c.store.refusal(); err != nil {
		return err
	}
	return c.noted(ctx, c.Catalog.Unpin(ctx, name))
}

// SetSetting implements [meta.Catalog].
func (c *journaled) SetSetting(ctx context.Context, name, value string) error {
	if err := c.store.refusal(); err != nil {
		return err
	}
	return c.noted(ctx, c.Catalog.SetSetting(ctx, name, value))
}
