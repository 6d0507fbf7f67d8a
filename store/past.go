package store

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// pastMost is how many sets of earlier snapshots are held for the next question.
const pastMost = 8

// pastSets are the sets of earlier snapshots that were asked for last, the newest
// question first. Each has a reference.
type pastSets struct {
	sync.Mutex
	sets []*segmentSet
}

// find returns the set of a snapshot, with a reference for the caller; nil where
// it is not held.
func (p *pastSets) find(snapshot int64) *segmentSet {
	p.Lock()
	defer p.Unlock()
	i := slices.IndexFunc(p.sets, func(s *segmentSet) bool { return s.snapshot.ID == snapshot })
	if i < 0 {
		return nil
	}
	found := p.sets[i]
	p.sets = slices.Insert(slices.Delete(p.sets, i, i+1), 0, found)
	return found.retain()
}

// hold takes in a set, and a reference to it.
func (p *pastSets) hold(set *segmentSet) {
	p.Lock()
	defer p.Unlock()
	p.sets = slices.Insert(p.sets, 0, set)
	if len(p.sets) > pastMost {
		p.sets[pastMost].release()
		p.sets = p.sets[:pastMost]
	}
}

// drop gives all sets back.
func (p *pastSets) drop() {
	p.Lock()
	defer p.Unlock()
	for _, set := range p.sets {
		set.release()
	}
	p.sets = nil
}

// pastSet returns the set of an earlier snapshot with a reference. Segments that
// the newest set has too are shared with it.
func (s *Store) pastSet(ctx context.Context, snapshot int64, newest *segmentSet) (*segmentSet, error) {
	if set := s.past.find(snapshot); set != nil {
		return set, nil
	}
	live, err := s.catalog.Segments(ctx, snapshot)
	if err != nil {
		return nil, err
	}
	set := s.newSet(meta.Snapshot{ID: snapshot}, live, newest)
	purges, err := s.catalog.Edits(ctx, meta.EditFilter{Kind: columnar.Purge})
	if err != nil {
		set.release()
		return nil, err
	}
	for _, purge := range purges {
		if purge.Snapshot > snapshot {
			set.purges = append(set.purges, purge)
		}
	}
	s.past.hold(set.retain())
	return set, nil
}

// checkPurged reports a selection of what an earlier snapshot had and was purged
// since. A hole where there were samples would be a wrong answer.
func (s *segmentSet) checkPurged(sel *columnar.Selection) error {
	for i := range s.purges {
		for _, r := range s.purges[i].Ranges {
			for k, series := range sel.Series {
				if series.ID == r.Series && slices.ContainsFunc(sel.Ranges[k], func(x columnar.Range) bool { return x.From < r.To && x.To > r.From }) {
					return fmt.Errorf("%w: %w", &columnar.PurgedError{Series: series.ID, Snapshot: s.snapshot.ID, Edit: s.purges[i].ID}, meta.ErrNotFound)
				}
			}
		}
	}
	return nil
}
