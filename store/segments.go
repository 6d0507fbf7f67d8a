package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/segment"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
)

// liveSegment is a segment that some set has. Its footer is read when it is first
// needed, so that a store opens and takes samples whatever is damaged.
type liveSegment struct {
	meta   meta.Segment
	bucket object.Bucket
	refs   atomic.Int64 // of sets
	store  *Store       // whose catalog knows the segment; nil: no catalog does

	mu struct {
		sync.Mutex
		object object.Object
		reader *segment.Reader
		wrong  map[int64]error // series of which the catalog says something else than the footer
	}
}

// open returns the segment's reader. It has compared what the footer says with the
// catalog (R9).
func (g *liveSegment) open(ctx context.Context) (*segment.Reader, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.reader != nil {
		return g.mu.reader, nil
	}
	o, err := object.OpenKnown(ctx, g.bucket, g.meta.Name, g.meta.Size)
	if err != nil {
		return nil, fmt.Errorf("segment %s: %w", g.meta.Name, err)
	}
	reader, err := g.read(o)
	if g.again(err) {
		reader, err = g.read(o)
	}
	var wrong map[int64]error
	if err == nil && g.store != nil {
		wrong, err = g.store.compareSeries(ctx, g.meta.Name, reader.Series())
	}
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	g.mu.object, g.mu.reader, g.mu.wrong = o, reader, wrong
	return reader, nil
}

// read reads the footer, which has to be the one that the catalog says.
func (g *liveSegment) read(o object.Object) (*segment.Reader, error) {
	reader, err := segment.Open(o, o.Size(), segment.Options{Name: g.meta.Name})
	if err == nil && g.store != nil {
		err = CompareSegment(&g.meta, reader)
	}
	return reader, err
}

// openFor is open for a series, of which footer and catalog say the same.
func (g *liveSegment) openFor(ctx context.Context, series int64) (*segment.Reader, error) {
	reader, err := g.open(ctx)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return reader, g.mu.wrong[series]
}

// openSound is open where footer and catalog say the same of all series.
func (g *liveSegment) openSound(ctx context.Context) (*segment.Reader, error) {
	reader, err := g.open(ctx)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, wrong := range g.mu.wrong {
		return nil, wrong
	}
	return reader, nil
}

// again reports whether a read that ended with an error is to be made once more: bytes
// that are damaged may have been so only on their way here, or in a cache, which gives
// them up.
func (g *liveSegment) again(err error) bool {
	if !errors.Is(err, columnar.ErrCorrupt) {
		return false
	}
	if b, ok := g.bucket.(object.Forgetful); ok {
		b.Forget(g.meta.Name)
	}
	return true
}

// release gives back a set's reference.
func (g *liveSegment) release() {
	if g.refs.Add(-1) > 0 {
		return
	}
	if g.store != nil {
		g.store.users.add(g.meta.Name, -1)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.object != nil {
		_ = g.mu.object.Close() // it was only read
		g.mu.object, g.mu.reader, g.mu.wrong = nil, nil, nil
	}
}

// newLive returns a segment without a reference. It counts as used until its last
// reference is given back.
func (s *Store) newLive(m meta.Segment) *liveSegment {
	s.users.add(m.Name, 1)
	return &liveSegment{meta: m, bucket: s.bucket, store: s}
}

// users counts the users of segments by name. What is used here is not deleted.
type users struct {
	sync.Mutex
	counts map[string]int
}

func (u *users) add(name string, n int) {
	u.Lock()
	defer u.Unlock()
	if u.counts == nil {
		u.counts = make(map[string]int)
	}
	if u.counts[name] += n; u.counts[name] == 0 {
		delete(u.counts, name)
	}
}

func (u *users) has(name string) bool {
	u.Lock()
	defer u.Unlock()
	return u.counts[name] > 0
}

// segmentSet is the segments live in one snapshot. It does not change.
type segmentSet struct {
	id       int64 // for the cache of layouts
	snapshot meta.Snapshot
	segments []*liveSegment // in order of version
	purges   []meta.Edit    // after the snapshot, where it is not the newest
	refs     atomic.Int64

	// The set that has the first segments of this one, and no others, and how many
	// that are: a layout in that set is where one in this set begins.
	before int64
	common int
}

// setIDs numbers the sets of the process.
var setIDs atomic.Int64

// newSet returns a set with one reference. Segments that the set known has too
// are shared with it.
func (s *Store) newSet(snapshot meta.Snapshot, live []meta.Segment, known *segmentSet) *segmentSet {
	byName := make(map[string]*liveSegment)
	if known != nil {
		for _, g := range known.segments {
			byName[g.meta.Name] = g
		}
	}
	set := &segmentSet{id: setIDs.Add(1), snapshot: snapshot}
	set.refs.Store(1)
	for _, m := range live {
		g := byName[m.Name]
		if g == nil {
			g = s.newLive(m)
		}
		g.refs.Add(1)
		set.segments = append(set.segments, g)
	}
	if known != nil && len(known.segments) <= len(live) && slices.Equal(known.segments, set.segments[:len(known.segments)]) {
		set.before, set.common = known.id, len(known.segments)
	}
	return set
}

// has reports whether the set has the segment of that name.
func (s *segmentSet) has(name string) bool {
	return slices.ContainsFunc(s.segments, func(g *liveSegment) bool { return g.meta.Name == name })
}

func (s *segmentSet) retain() *segmentSet {
	s.refs.Add(1)
	return s
}

func (s *segmentSet) release() {
	if s.refs.Add(-1) > 0 {
		return
	}
	for _, g := range s.segments {
		g.release()
	}
}

// index returns the index of a series in a segment, nil where it has no block of
// it.
func (s *Store) index(ctx context.Context, g *liveSegment, series int64) (*segment.Index, error) {
	key := indexKey{g.meta.Name, series}
	if x, ok := s.indexes.GetIfPresent(key); ok {
		return x, nil
	}
	reader, err := g.openFor(ctx, series)
	if err != nil {
		return nil, err
	}
	x, err := reader.Index(series)
	if g.again(err) {
		x, err = reader.Index(series)
	}
	if err == nil && x != nil {
		s.indexes.Set(key, x)
		s.countCaches()
	}
	return x, err
}
