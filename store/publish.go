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
		s.unsure = s.unsure || !isAnswer(err)
		return meta.Snapshot{}, s.noteConflict(err)
	}
	s.show(next, then)
	s.settled(c.commit.Add)
	s.note(ctx)
	return next.snapshot, nil
}

// isAnswer reports whether an error is the catalog's word that a change did not happen.
func isAnswer(err error) bool {
	return errors.Is(err, meta.ErrConflict) || errors.Is(err, meta.ErrNotFound) || errors.Is(err, meta.ErrExists)
}

// show makes a set what queries see from then on; then, where not nil, is called at the
// moment of that, under the state's lock. The caller holds the token.
func (s *Store) show(next *segmentSet, then func()) {
	set := s.present()
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
	again := c.tried
	if again {
		if next, err := s.outcome(ctx, set, c); err != nil || next != nil {
			return next, err
		}
	}
	if err := s.logUnmoved(); err != nil {
		return nil, err
	}
	c.commit.Epoch, c.commit.Time = s.epoch, s.clock()
	c.tried = true
	made, err := s.catalog.Commit(ctx, c.commit)
	switch {
	case err == nil && made.ID == set.snapshot.ID+1 && len(c.commit.Replace) == 0:
		return s.advance(set, made, &c.commit), nil
	case errors.Is(err, meta.ErrConflict) && !again:
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
	if len(c.commit.Replace) > 0 {
		known, err := s.catalog.AllSegments(ctx)
		if err != nil {
			return nil, err
		}
		old := c.commit.Replace[0].Old
		happened = happened && !slices.ContainsFunc(known, func(m meta.Segment) bool { return m.Name == old })
	}
	if e := c.commit.Edit; e != nil { // of which there is a record, whoever came after it
		found, err := s.catalog.Edits(ctx, meta.EditFilter{IDs: []int64{e.ID}})
		if err != nil {
			return nil, err
		}
		happened = len(found) == 1
	}
	if !happened {
		return nil, nil
	}
	return s.newSet(latest, live, known), nil
}

// noteConflict makes the store read only after a commit that was fenced off (R4).
func (s *Store) noteConflict(err error) error {
	if !errors.Is(err, meta.ErrConflict) && !errors.Is(err, ErrForeign) && !errors.Is(err, ErrBehind) {
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

// acquire takes the token, without which nobody changes the set of segments. Who has it
// knows the newest set.
func (s *Store) acquire(ctx context.Context) error {
	select {
	case <-s.flushing:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := s.makeSure(ctx); err != nil {
		s.giveBack()
		return err
	}
	return nil
}

// makeSure reads the newest set after a change of which it is not known whether it
// happened. What is written next must rest on it, or it would take the change back.
func (s *Store) makeSure(ctx context.Context) error {
	if !s.unsure {
		return nil
	}
	latest, err := s.catalog.Latest(ctx)
	if err != nil {
		return err
	}
	live, err := s.catalog.Segments(ctx, latest.ID)
	if err != nil && !(latest.ID == 0 && errors.Is(err, meta.ErrNotFound)) {
		return err
	}
	s.show(s.newSet(latest, live, s.present()), nil)
	s.unsure = false
	return nil
}

func (s *Store) giveBack() { s.flushing <- struct{}{} }
