package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trellisdb/trellis/meta"
)

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
	var lease renewal
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-tick.C:
			lease.tick(ctx, s)
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
	age := time.Duration(s.clock()-h.since) * time.Microsecond
	return s.headAge > 0 && !h.empty() && age.Abs() >= s.headAge // also when the clock has gone back
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

// flush puts both heads into segments, and tells those who wait for that how it went,
// also where it could not even begin: they would wait without end.
func (s *Store) flush(ctx context.Context) error {
	err := s.acquire(ctx)
	if err != nil && ctx.Err() != nil {
		return err
	}
	if err == nil {
		defer s.giveBack()
		err = s.flushAll(ctx)
	}
	s.state.Lock()
	defer s.state.Unlock()
	s.state.flushErr = err
	s.settle(0)
	close(s.state.changed)
	s.state.changed = make(chan struct{})
	return err
}

// flushHead freezes the head, unless one is frozen already, and moves it to
// segments: objects, commit, set, log. Where any step fails, or the process ends
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
	s.state.Unlock() // set is only replaced by who holds the token
	begin := s.clock()
	if frozen.change == nil {
		hold, err := s.roomToFlush(ctx, frozen)
		if err != nil {
			return fmt.Errorf("flush: %w", err)
		}
		defer hold.Close()
		added, stuck, err := s.writeSegments(ctx, frozen, set)
		if err == nil || len(stuck) > 0 {
			err = errors.Join(err, s.carry(stuck, err != nil))
		}
		if err != nil {
			return fmt.Errorf("flush: %w", err)
		}
		frozen.change = &change{commit: meta.Commit{Add: added, Log: s.logID, Position: frozen.log, Note: "flush"}}
	}
	c := frozen.change
	if !c.tried {
		retired, err := s.hidden(ctx, set, c.commit.Add)
		if err != nil {
			return fmt.Errorf("flush: %w", err)
		}
		c.commit.Retire = retired
	}
	// Since an attempt that failed a compaction may have retired some.
	c.commit.Retire = slices.DeleteFunc(c.commit.Retire, func(name string) bool { return !set.has(name) })
	made, err := s.publish(ctx, c, func() { s.state.frozen = nil })
	if err != nil {
		return fmt.Errorf("flush: segment %s: %w", c.commit.Add[0].Name, err)
	}
	if s.lagging() {
		s.logger.Warn("the write-ahead log is not trimmed before the bucket's journal has the flush")
	} else if err := s.log.Trim(frozen.log); err != nil {
		s.logger.Warn("trim the write-ahead log", "error", err)
	}
	samples, bytes := int64(0), int64(0)
	for _, m := range c.commit.Add {
		samples += m.Samples
		bytes += m.Size
	}
	s.flushed.Add(bytes)
	s.logger.Info("flushed", "segments", len(c.commit.Add), "samples", samples, "bytes", bytes,
		"snapshot", made.ID, "took", time.Duration(s.clock()-begin)*time.Microsecond)
	return nil
}
