package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/trellisdb/trellis/meta"
)

// Collected is what a garbage collection did, or would do.
type Collected struct {
	Snapshots int64    // that are not kept any more
	Unlinked  []string // segments that no kept snapshot has any more, and history that has outlived its retention
	Orphans   []string // objects that no commit has ever named
	Deleted   []string // objects whose time had come
	Waiting   int      // objects whose time has not come yet
}

// Collect collects garbage in three steps, each of which a crash may end: what no
// kept snapshot needs is unlinked in the catalog, then nothing finds it any more;
// it waits for the time of grace; then, when nobody in this process uses it and the
// catalog still does not refer to it, the object is deleted. Objects that no commit
// has named go the same way. Whether an object goes is never judged by its age in
// the bucket.
//
// With dry set nothing is changed: it says what a collection would do now.
func (s *Store) Collect(ctx context.Context, dry bool) (Collected, error) {
	var c Collected
	if err := s.refusal(); err != nil {
		return c, err
	}
	if !dry {
		if err := s.noteConflict(s.stillOwner(ctx)); err != nil {
			return c, fmt.Errorf("garbage collection: nothing was deleted: %w", err)
		}
	}
	steps := []func(context.Context, bool, *Collected) error{s.expire, s.forgetHistory, s.condemnOrphans, s.deleteGarbage}
	for _, step := range steps {
		if err := s.noteConflict(step(ctx, dry, &c)); err != nil {
			return c, fmt.Errorf("garbage collection: %w", err)
		}
	}
	if !dry && len(c.Unlinked)+len(c.Orphans)+len(c.Deleted) > 0 {
		s.logger.Info("collected garbage", "snapshots", c.Snapshots, "unlinked", len(c.Unlinked),
			"orphans", len(c.Orphans), "deleted", len(c.Deleted), "waiting", c.Waiting)
	}
	return c, nil
}

// keepFor returns for how long snapshots are kept; ok is false where they are for
// ever.
func (s *Store) keepFor(ctx context.Context) (keep time.Duration, ok bool, err error) {
	settings, err := s.catalog.Settings(ctx)
	if err != nil {
		return 0, false, err
	}
	keep = s.keep
	if text := settings[meta.KeepSetting]; text != "" {
		micros, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, false, fmt.Errorf("setting %s: %w: %w", meta.KeepSetting, meta.ErrInvalid, err)
		}
		if micros != 0 {
			keep = time.Duration(micros) * time.Microsecond
		}
	}
	return keep, keep >= 0, nil
}

// expire unlinks what no kept snapshot needs.
func (s *Store) expire(ctx context.Context, dry bool, c *Collected) error {
	keep, ok, err := s.keepFor(ctx)
	if err != nil || !ok {
		return err
	}
	now := s.clock()
	expired, err := s.catalog.Expire(ctx, meta.Expiry{Epoch: s.epoch, Now: now, KeepFrom: now - keep.Microseconds(), DryRun: dry})
	if err != nil {
		return err
	}
	c.Snapshots, c.Unlinked = expired.Snapshots, expired.Segments
	if !dry {
		s.note(ctx)
		s.past.drop()
	}
	return nil
}

// condemnOrphans puts objects that no commit has named on the list of garbage. An
// object of this writer's that is on its way is none, nor is one of a later writer.
// One of an earlier writer can be named by no commit any more (M2). What was in the
// bucket before it was this database's may be another one's, and is left alone.
func (s *Store) condemnOrphans(ctx context.Context, dry bool, c *Collected) error {
	strangers, err := bucketStrangers(ctx, s.bucket)
	if err != nil {
		return err
	}
	var found []string
	for info, err := range s.bucket.List(ctx, segmentPrefix) {
		if err != nil {
			return err
		}
		if epoch, ok := nameEpoch(info.Key); ok && epoch <= s.epoch && !s.uploads.has(info.Key) && !strangers[info.Key] {
			found = append(found, info.Key)
		}
	}
	// What the catalog knows is asked after the list was made: what was committed in
	// between is known.
	if !dry {
		c.Orphans, err = s.catalog.Condemn(ctx, s.epoch, found, s.clock())
		return err
	}
	known, _, err := knownObjects(ctx, s.catalog)
	if err != nil {
		return err
	}
	for _, name := range found {
		if !known[name] {
			c.Orphans = append(c.Orphans, name)
		}
	}
	return nil
}

// deleteGarbage deletes the objects whose time has come.
func (s *Store) deleteGarbage(ctx context.Context, dry bool, c *Collected) error {
	garbage, err := s.catalog.Garbage(ctx)
	if err != nil {
		return err
	}
	due := s.clock() - s.grace.Microseconds()
	var names []string
	for _, g := range garbage {
		if g.Since > due || s.users.has(g.Name) {
			c.Waiting++
			continue
		}
		names = append(names, g.Name)
	}
	if dry || len(names) == 0 {
		c.Deleted = names
		return nil
	}
	if err := s.stillGarbage(ctx, names); err != nil {
		return err
	}
	var failed error
	for _, name := range names {
		if err := s.bucket.Delete(ctx, name); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		c.Deleted = append(c.Deleted, name)
	}
	return errors.Join(s.catalog.Forget(ctx, s.epoch, c.Deleted), failed)
}

// stillGarbage makes sure, right before objects are deleted, that this is the
// writer still and that the catalog refers to none of them.
func (s *Store) stillGarbage(ctx context.Context, names []string) error {
	if err := s.stillOwner(ctx); err != nil {
		return err
	}
	segments, err := s.catalog.AllSegments(ctx)
	if err != nil {
		return err
	}
	refer := make(map[string]bool, len(segments))
	for _, m := range segments {
		refer[m.Name] = true
	}
	for _, name := range names {
		if refer[name] {
			return fmt.Errorf("object %s is on the list of garbage and in the catalog: nothing was deleted", name)
		}
	}
	return nil
}

// stillWriter wraps meta.ErrConflict where the catalog has a later writer.
func (s *Store) stillWriter(ctx context.Context) error {
	lease, err := s.catalog.Lease(ctx)
	if err != nil {
		return err
	}
	if lease.Epoch != s.epoch {
		return fmt.Errorf("the writer is %q now: %w", lease.Holder, meta.ErrConflict)
	}
	return nil
}
