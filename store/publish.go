package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// change is a change of the set of segments, and how far it got.
type change struct {
	commit meta.Commit
	tried  bool // it may have happened although no answer came
}

// publish carries out a change and makes its outcome what queries see from then
// on; then is called at the moment of that, under the state's lock. After an error
// it may be called again with the same change. The caller holds the token.
func (s *Store) publish(ctx context.Context, c *change, then func()) (meta.Snapshot, error) {
	set := s.present()
	next, err := s.carryOut(ctx, set, c)
	if err != nil {
		return meta.Snapshot{}, s.noteConflict(err)
	}
	s.state.Lock()
	s.state.segments = next
	if then != nil {
		then()
	}
	s.state.Unlock()
	set.release()
	if next.before != set.id { // else those of the new set are made of them
		s.layouts.InvalidateAll()
	}
	s.settled(c.commit.Add)
	return next.snapshot, nil
}

// present returns the newest set. It stays while the caller holds the token.
func (s *Store) present() *segmentSet {
	s.state.RLock()
	defer s.state.RUnlock()
	return s.state.segments
}

// carryOut commits a change, unless it turns out that it has happened already, and
// returns the set that it leaves.
func (s *Store) carryOut(ctx context.Context, set *segmentSet, c *change) (*segmentSet, error) {
	if c.tried {
		if next, err := s.outcome(ctx, set, c); err != nil || next != nil {
			return next, err
		}
	}
	c.commit.Epoch, c.commit.Time = s.epoch, s.clock()
	c.tried = true
	made, err := s.catalog.Commit(ctx, c.commit)
	switch {
	case err == nil && made.ID == set.snapshot.ID+1 && len(c.commit.Replace) == 0:
		return s.advance(set, made, &c.commit), nil
	case errors.Is(err, meta.ErrConflict):
		return nil, err
	}
	next, lookErr := s.outcome(context.WithoutCancel(ctx), set, c)
	if next != nil || lookErr != nil {
		return next, errors.Join(lookErr, err)
	}
	return nil, or(err, fmt.Errorf("the catalog has lost the commit: %w", columnar.ErrCorrupt))
}

// advance returns the set that a commit makes of the one before it.
func (s *Store) advance(set *segmentSet, made meta.Snapshot, c *meta.Commit) *segmentSet {
	var live []meta.Segment
	for _, g := range set.segments {
		if !slices.Contains(c.Retire, g.meta.Name) {
			live = append(live, g.meta)
		}
	}
	for _, m := range c.Add {
		if m.History {
			continue
		}
		m.Version, m.Created = or(m.Version, made.ID), made.ID
		live = append(live, m)
	}
	slices.SortStableFunc(live, func(a, b meta.Segment) int { return cmp.Compare(a.Version, b.Version) })
	return s.newSet(made, live, set)
}

// outcome returns the newest set if the change is in it, else nil.
func (s *Store) outcome(ctx context.Context, known *segmentSet, c *change) (*segmentSet, error) {
	latest, err := s.catalog.Latest(ctx)
	if err != nil || latest.ID == 0 {
		return nil, err
	}
	live, err := s.catalog.Segments(ctx, latest.ID)
	if err != nil {
		return nil, err
	}
	has := func(name string) bool {
		return slices.ContainsFunc(live, func(m meta.Segment) bool { return m.Name == name })
	}
	happened := !slices.ContainsFunc(c.commit.Retire, has)
	for _, m := range c.commit.Add {
		happened = happened && (m.History || has(m.Name))
	}
	if e := c.commit.Edit; e != nil {
		found, err := s.catalog.Edits(ctx, meta.EditFilter{IDs: []int64{e.ID}})
		if err != nil {
			return nil, err
		}
		happened = happened && len(found) == 1
	}
	if !happened {
		return nil, nil
	}
	return s.newSet(latest, live, known), nil
}

// noteConflict makes the store read only after a commit that was fenced off (R4).
func (s *Store) noteConflict(err error) error {
	if !errors.Is(err, meta.ErrConflict) {
		return err
	}
	s.state.Lock()
	defer s.state.Unlock()
	if s.state.err == nil {
		s.state.err = fmt.Errorf("this server only reads: %w", err)
		s.logger.Error("another writer has taken over: this server only reads from now on", "error", err)
	}
	return err
}

// acquire takes the token, without which nobody changes the set of segments.
func (s *Store) acquire(ctx context.Context) error {
	select {
	case <-s.flushing:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) giveBack() { s.flushing <- struct{}{} }
