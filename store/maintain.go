package store

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/trellisdb/trellis/meta"
)

// How often the background looks for something to merge and for garbage, and how
// far the clock may be from the time that really passed before nothing is thrown
// away any more.
const (
	compactEvery = 5 * time.Second
	collectEvery = time.Minute
	clockSlack   = time.Hour
)

// maintain merges segments and collects garbage until ctx is done.
func (s *Store) maintain(ctx context.Context) {
	tick := time.NewTicker(compactEvery)
	defer tick.Stop()
	m := maintenance{store: s, start: s.clock(), seen: -1}
	s.done.Go(func() { m.count(ctx) })
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := m.tick(ctx); err != nil && ctx.Err() == nil {
				if errors.Is(err, meta.ErrConflict) {
					return
				}
				s.logger.Error("maintenance; it is tried again", "error", err)
			}
		}
	}
}

// maintenance is what the background remembers.
type maintenance struct {
	store  *Store
	start  int64         // by the clock
	passed atomic.Int64  // seconds since then, counted
	since  time.Duration // the last collection
	seen   int64         // snapshot in which there was nothing to merge
	warned bool
}

func (m *maintenance) tick(ctx context.Context) error {
	m.since += compactEvery
	s := m.store
	if !m.trusts() {
		return nil
	}
	var errs []error
	if now := s.Snapshot(); now != m.seen {
		more, err := s.compactOnce(ctx, false, s.compactRate)
		if err == nil && !more {
			m.seen = now
		}
		errs = append(errs, err)
	}
	if m.since >= collectEvery {
		m.since = 0
		m.seen = -1 // retentions run out without a commit
		_, err := s.Collect(ctx, false)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// count counts the seconds that pass, whatever the clock says.
func (m *maintenance) count(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.passed.Add(1)
		}
	}
}

// trusts reports whether the clock has gone as far as time has. After a jump
// neither snapshots nor samples are given up for their age.
func (m *maintenance) trusts() bool {
	off := time.Duration(m.store.clock()-m.start)*time.Microsecond - time.Duration(m.passed.Load())*time.Second
	if off.Abs() <= clockSlack {
		m.warned = false
		return true
	}
	if !m.warned {
		m.warned = true
		m.store.logger.Error("the clock has jumped: nothing is merged or thrown away until it is right again, or the server is started anew", "off", off)
	}
	return false
}

// Snapshot returns the number of the newest snapshot.
func (s *Store) Snapshot() int64 {
	s.state.RLock()
	defer s.state.RUnlock()
	if s.state.segments == nil {
		return 0
	}
	return s.state.segments.snapshot.ID
}
