package store

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/trellisdb/trellis/meta"
)

// How often the background looks for something to merge and for garbage; how far the
// clock may be from the time that really passed before nothing is thrown away any more;
// and how far, at the start, from the newest snapshot before that has to wait for as long.
const (
	compactEvery = 5 * time.Second
	collectEvery = time.Minute
	clockSlack   = time.Hour
	clockDoubt   = 24 * time.Hour
)

// maintain merges segments and collects garbage until ctx is done.
func (s *Store) maintain(ctx context.Context) {
	tick := time.NewTicker(compactEvery)
	defer tick.Stop()
	m := newMaintenance(ctx, s)
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
	doubt  bool          // the clock at the start was odd
	warned bool
}

// newMaintenance returns what the background knows at the start. A clock that is far from
// the newest snapshot may have jumped while nobody looked, or nobody wrote for long; and
// so may one that was so less than a day of snapshots ago.
func newMaintenance(ctx context.Context, s *Store) *maintenance {
	m := &maintenance{store: s, start: s.clock(), seen: -1}
	last := s.present().snapshot
	gap := time.Duration(m.start-last.Time) * time.Microsecond
	if m.doubt = last.ID > 0 && (gap > clockDoubt || gap < -clockSlack || s.oddGap(ctx, last)); m.doubt {
		s.logger.Warn("the clock is, or was, far from the time of the newest snapshot: for a day nothing is thrown away; if it is wrong, set it right and start the server anew",
			"clock", time.UnixMicro(m.start).UTC(), "snapshot", time.UnixMicro(last.Time).UTC())
	}
	return m
}

// oddGap reports whether the last snapshot that is a day older than the newest one is much
// older than the one after it.
func (s *Store) oddGap(ctx context.Context, last meta.Snapshot) bool {
	before, err := s.catalog.At(ctx, last.Time-clockDoubt.Microseconds())
	if err != nil {
		return !errors.Is(err, meta.ErrNotFound)
	}
	next, err := s.catalog.At(ctx, before.Time+clockDoubt.Microseconds())
	return err != nil || next.ID == before.ID
}

func (m *maintenance) tick(ctx context.Context) error {
	m.since += compactEvery
	s := m.store
	trusts := m.trusts()
	var errs []error
	if now := s.Snapshot(); now != m.seen {
		more, err := s.compactOnce(ctx, merging{drop: trusts, rate: s.compactRate})
		if err == nil && !more {
			m.seen = now
		}
		errs = append(errs, err)
	}
	if s.checkpointDue() {
		errs = append(errs, s.noteConflict(s.checkpoint(ctx)))
	}
	// The time of grace is one in which this process runs: by the clock alone it would
	// have passed when that was behind and is set right.
	if trusts && m.since >= collectEvery && m.counted() >= s.grace {
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

// counted returns the time since the start, whatever the clock says.
func (m *maintenance) counted() time.Duration { return time.Duration(m.passed.Load()) * time.Second }

// trusts reports whether the clock has gone as far as time has, and began where it was to
// be. After a jump neither snapshots nor samples are given up for their age.
func (m *maintenance) trusts() bool {
	if m.doubt && m.counted() < clockDoubt {
		return false
	}
	off := time.Duration(m.store.clock()-m.start)*time.Microsecond - m.counted()
	if off.Abs() <= clockSlack {
		m.warned = false
		return true
	}
	if !m.warned {
		m.warned = true
		m.store.logger.Error("the clock has jumped: nothing is thrown away until it is right again, or the server is started anew", "off", off)
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
