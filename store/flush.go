package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// sequence numbers the segments of an epoch.
type sequence struct{ atomic.Int64 }

// name returns a fresh name for a segment.
func (s *sequence) name(epoch int64) string {
	return fmt.Sprintf("segments/%016x-%08x.seg", epoch, s.Add(1))
}

// How often the background looks at the head's age, and how long it waits after a
// flush that did not succeed.
const (
	ageCheck   = time.Second
	retryFirst = time.Second
	retryMost  = time.Minute
)

// kick asks the background for a flush.
func (s *Store) kick() {
	select {
	case s.wake <- struct{}{}:
	default: // it has been asked already
	}
}

// run flushes the head when it is large or old, until ctx is done.
func (s *Store) run(ctx context.Context) {
	tick := time.NewTicker(ageCheck)
	defer tick.Stop()
	pause := retryFirst
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-tick.C:
			if !s.full(1) && !s.old() {
				continue
			}
		}
		err := s.Flush(ctx)
		if err == nil {
			pause = retryFirst
			continue
		}
		if ctx.Err() != nil || errors.Is(err, meta.ErrConflict) {
			return
		}
		s.logger.Error("flush", "error", err, "retry", pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
			pause = min(2*pause, retryMost)
		}
	}
}

// full reports whether the heads take so many times the memory at which they are
// flushed.
func (s *Store) full(times int64) bool {
	s.state.RLock()
	defer s.state.RUnlock()
	return s.state.bytes() >= times*s.headBytes
}

func (s *Store) old() bool {
	s.state.RLock()
	defer s.state.RUnlock()
	h := s.state.active
	return s.headAge > 0 && !h.empty() && s.clock()-h.since >= s.headAge.Microseconds()
}

// Flush puts all samples that were written before the call into segments. An
// error that wraps meta.ErrConflict says that another writer has taken over: the
// store then only reads. After any other error nothing is lost and the next flush
// tries again.
func (s *Store) Flush(ctx context.Context) error {
	if err := s.refusal(); err != nil {
		return err
	}
	return s.flush(ctx)
}

func (s *Store) flush(ctx context.Context) error {
	select {
	case <-s.flushing:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { s.flushing <- struct{}{} }()
	s.state.RLock()
	again := s.state.frozen != nil // of a flush that did not succeed
	s.state.RUnlock()
	err := s.flushHead(ctx)
	if err == nil && again {
		err = s.flushHead(ctx)
	}
	s.state.Lock()
	defer s.state.Unlock()
	s.state.flushErr = err
	if errors.Is(err, meta.ErrConflict) && s.state.err == nil {
		s.state.err = fmt.Errorf("this server only reads: %w", err)
		s.logger.Error("another writer has taken over: this server only reads from now on")
	}
	s.settle(0)
	close(s.state.changed)
	s.state.changed = make(chan struct{})
	return err
}

// flushHead freezes the head, unless one is frozen already, and moves it to a
// segment: object, commit, set, log. Where any step fails, or the process ends
// before it, the log still has everything that the catalog does not know (R1).
func (s *Store) flushHead(ctx context.Context) error {
	s.state.Lock()
	if s.state.frozen == nil {
		if s.state.active.empty() {
			s.state.Unlock()
			return nil
		}
		s.state.frozen = s.state.active
		s.state.active = newHead()
		s.state.active.log = s.state.frozen.log
	}
	frozen, set := s.state.frozen, s.state.segments
	s.state.Unlock() // set is only replaced by a flush
	begin := s.clock()
	if frozen.uploaded == nil {
		hold, err := s.roomToFlush(ctx, frozen)
		if err != nil {
			return fmt.Errorf("flush: %w", err)
		}
		defer hold.Close()
		added, stuck, err := s.writeSegment(ctx, frozen, set)
		if err == nil || len(stuck) > 0 {
			err = errors.Join(err, s.carry(stuck, err != nil))
		}
		if err != nil {
			return fmt.Errorf("flush: %w", err)
		}
		frozen.uploaded = &added
	}
	added := *frozen.uploaded
	next, err := s.commit(ctx, frozen, set, added)
	if err != nil {
		return fmt.Errorf("flush: segment %s: %w", added.Name, err)
	}
	s.state.Lock()
	s.state.segments, s.state.frozen = next, nil
	s.state.Unlock()
	set.release()
	s.layouts.InvalidateAll() // those of the old set
	if err := s.log.Trim(frozen.log); err != nil {
		s.logger.Warn("trim the write-ahead log", "error", err)
	}
	s.logger.Info("flushed", "segment", added.Name, "samples", added.Samples, "blocks", added.Blocks,
		"bytes", added.Size, "snapshot", next.snapshot.ID, "took", time.Duration(s.clock()-begin)*time.Microsecond)
	return nil
}

// commit makes a segment that is in the bucket live, and retires those that it
// hides. It returns the new set of segments. It may be called again after an
// error, when the commit may have happened all the same.
func (s *Store) commit(ctx context.Context, frozen *head, set *segmentSet, added meta.Segment) (*segmentSet, error) {
	if frozen.committing {
		next, err := s.committed(ctx, set, added.Name)
		if err != nil || next != nil {
			return next, err
		}
	}
	retired, err := s.hidden(ctx, set, added)
	if err != nil {
		return nil, err
	}
	c := meta.Commit{
		Epoch: s.epoch, Time: s.clock(), Add: []meta.Segment{added}, Retire: retired, Log: frozen.log, Note: "flush",
	}
	frozen.committing = true
	if _, err = s.catalog.Commit(ctx, c); errors.Is(err, meta.ErrConflict) {
		return nil, err
	}
	next, lookErr := s.committed(ctx, set, added.Name)
	if next != nil || lookErr != nil {
		return next, lookErr
	}
	return nil, or(err, fmt.Errorf("the catalog has lost the commit: %w", columnar.ErrCorrupt))
}

// committed returns the newest set of segments if it has the segment of that name,
// else nil.
func (s *Store) committed(ctx context.Context, known *segmentSet, name string) (*segmentSet, error) {
	latest, err := s.catalog.Latest(ctx)
	if err != nil || latest.ID == 0 {
		return nil, err
	}
	live, err := s.catalog.Segments(ctx, latest.ID)
	if err != nil || !slices.ContainsFunc(live, func(m meta.Segment) bool { return m.Name == name }) {
		return nil, err
	}
	return s.newSet(latest, live, known), nil
}
