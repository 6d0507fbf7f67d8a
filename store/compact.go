package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// Compact merges segments until there is nothing to gain, at full speed: after it
// the segments of each decade have no series in common. The samples of retentions
// that have run out go.
func (s *Store) Compact(ctx context.Context) error {
	if err := s.Flush(ctx); err != nil {
		return err
	}
	for {
		more, err := s.compactOnce(ctx, merging{full: true, drop: true})
		if err != nil || !more {
			return err
		}
	}
}

// compaction is a merge of segments into others that take their place. It reads one
// snapshot, and its outcome has the version of that: what is written meanwhile is
// newer.
type compaction struct {
	store   *Store
	set     *segmentSet
	inputs  map[string]bool
	cutoffs map[int64]int64 // by series: blocks that end at or before it go
	sinks   map[int64]*sink // by decade
	copier  copier
}

// merging says how to merge.
type merging struct {
	full bool  // all that there is to gain
	drop bool  // samples that have outlived their retention go
	rate int64 // bytes per second; 0: as fast as can be
}

// compactOnce does the most useful merge, if there is one.
func (s *Store) compactOnce(ctx context.Context, how merging) (bool, error) {
	if err := s.refusal(); err != nil {
		return false, err
	}
	s.state.RLock()
	if s.state.segments == nil {
		s.state.RUnlock()
		return false, errClosed
	}
	set := s.state.segments.retain()
	s.state.RUnlock()
	defer set.release()
	var cutoffs map[int64]int64
	if how.drop {
		var err error
		if cutoffs, err = s.cutoffs(ctx); err != nil {
			return false, err
		}
	}
	inputs, err := s.planCompaction(ctx, set, cutoffs, how.full)
	if err != nil || len(inputs) == 0 {
		return false, err
	}
	c := compaction{store: s, set: set, inputs: make(map[string]bool), cutoffs: cutoffs, sinks: make(map[int64]*sink), copier: copier{rate: how.rate}}
	names := make([]string, len(inputs))
	for i, g := range inputs {
		c.inputs[g.meta.Name] = true
		names[i] = g.meta.Name
	}
	hold := s.memory.Compaction.Hold()
	defer hold.Close()
	if err := hold.Reserve(ctx, s.compactionBytes(inputs)); err != nil {
		return false, fmt.Errorf("compaction of %d segments: %w", len(inputs), err)
	}
	if err := c.run(ctx, inputs, names); err != nil {
		return false, fmt.Errorf("compaction of %d segments: %w", len(inputs), err)
	}
	return true, nil
}

// compactionBytes returns about how much memory a merge takes, but no more than there
// is for it: runs that are read and written, and the indexes of what was written.
func (s *Store) compactionBytes(inputs []*liveSegment) int64 {
	n := int64(4 * readAhead)
	for _, g := range inputs {
		n += indexBytes * g.meta.Blocks
	}
	if most := s.memory.Compaction.Most(); most > 0 {
		n = min(n, most)
	}
	return n
}

// run merges the inputs and commits the outcome.
func (c *compaction) run(ctx context.Context, inputs []*liveSegment, names []string) error {
	s := c.store
	added, err := c.merge(ctx, inputs)
	if err != nil {
		for _, k := range c.sinks {
			k.abort(ctx)
		}
		return err
	}
	for i := range added {
		added[i].Version = c.set.snapshot.ID
	}
	if err := s.acquire(ctx); err != nil {
		s.discard(ctx, added)
		return err
	}
	defer s.giveBack()
	if !c.current() {
		s.discard(ctx, added) // a flush or a purge has taken an input away
		return nil
	}
	made, err := s.publishNew(ctx, meta.Commit{Add: added, Retire: names, Note: "compaction"})
	if err != nil {
		return err
	}
	bytes := int64(0)
	for _, m := range added {
		bytes += m.Size
	}
	s.compacted.Add(bytes)
	s.logger.Info("compacted", "segments", len(names), "into", len(added), "bytes", bytes, "snapshot", made.ID)
	return nil
}

// current reports whether all inputs are live still. The caller has the token.
func (c *compaction) current() bool {
	found := 0
	for _, g := range c.store.present().segments {
		if c.inputs[g.meta.Name] {
			found++
		}
	}
	return found == len(c.inputs)
}

// merge copies the live blocks of the inputs, series by series.
func (c *compaction) merge(ctx context.Context, inputs []*liveSegment) ([]meta.Segment, error) {
	ids := make(map[int64]bool)
	for _, g := range inputs {
		reader, err := g.open(ctx)
		if err != nil {
			return nil, err
		}
		for _, info := range reader.Series() {
			ids[info.ID] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if err := c.series(ctx, id); err != nil {
			return nil, err
		}
	}
	var added []meta.Segment
	for _, decade := range slices.Sorted(maps.Keys(c.sinks)) {
		made, err := c.sinks[decade].finish()
		if err != nil {
			return nil, err
		}
		added = append(added, made...)
	}
	return added, nil
}

// series copies the live blocks of a series.
func (c *compaction) series(ctx context.Context, id int64) error {
	s := c.store
	l, err := s.layout(ctx, c.set, id)
	if err != nil {
		return err
	}
	for _, r := range l.runs {
		if !c.inputs[r.segment.meta.Name] {
			continue
		}
		x, err := s.index(ctx, r.segment, id)
		if err != nil {
			return err
		}
		g := x.Series().Grid
		at := place{r.segment, x, r.from, r.to}
		keep := all
		if cutoff, ok := c.cutoffs[id]; ok {
			keep = func(number int64) bool { return g.BlockTime(number+1) > cutoff }
		}
		err = c.copier.copy(ctx, at, keep, at.version, func(b *encodedBlock) error {
			return c.sink(decadeOf(g.BlockTime(b.number))).add(ctx, b)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *compaction) sink(decade int64) *sink {
	k := c.sinks[decade]
	if k == nil {
		k = c.store.newSink(true, false)
		c.sinks[decade] = k
	}
	return k
}

// cutoffs returns, for the series whose samples go at an age, the instant before
// which they may.
func (s *Store) cutoffs(ctx context.Context) (map[int64]int64, error) {
	byID, err := s.known.byID(ctx, s.catalog)
	if err != nil {
		return nil, err
	}
	settings, err := s.catalog.Settings(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := meta.ParseRetention(settings[meta.RetentionSetting])
	if err != nil {
		return nil, err
	}
	cutoffs := make(map[int64]int64)
	now := s.clock()
	for id, series := range byID {
		if age := series.Keep(rules); age > 0 {
			cutoffs[id] = now - age
		}
	}
	return cutoffs, nil
}

// damagedInputs leaves out segments that cannot be read, so that one damaged file
// does not stop all compaction. It says which.
func (s *Store) damagedInputs(ctx context.Context, segments []*liveSegment) ([]*liveSegment, error) {
	var good []*liveSegment
	for _, g := range segments {
		_, err := g.openSound(ctx)
		if errors.Is(err, columnar.ErrCorrupt) {
			s.logger.Error("a damaged segment is left out of compaction", "segment", g.meta.Name, "error", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		good = append(good, g)
	}
	return good, nil
}
