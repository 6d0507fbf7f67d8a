package store

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/segment"
	"github.com/trellisdb/trellis/meta"
)

// Purge removes for good the versions, other than the present ones, of the blocks
// of a series that the ranges touch, from every segment that has them: those of
// earlier snapshots, and the history. It records that. An earlier snapshot that had
// them refuses questions about them from then on. The counts say under Deleted how
// many samples of old versions there were.
//
// The objects are deleted at once. A query of an earlier snapshot that is under way
// may end with an error.
func (s *Store) Purge(ctx context.Context, info columnar.EditInfo, series columnar.Series, ranges []columnar.Range) (columnar.EditResult, error) {
	sel := &columnar.Selection{Series: []columnar.Series{series}, Ranges: [][]columnar.Range{ranges}}
	if err := checkSelection(sel, false); err != nil {
		return columnar.EditResult{}, err
	}
	if err := s.refusal(); err != nil {
		return columnar.EditResult{}, err
	}
	id, err := s.edits.next(ctx, s)
	if err != nil {
		return columnar.EditResult{}, fmt.Errorf("purge: %w", err)
	}
	if err := s.acquire(ctx); err != nil {
		return columnar.EditResult{}, err
	}
	defer s.giveBack()
	if err := s.flushAll(ctx); err != nil { // so that the log has nothing of it either
		return columnar.EditResult{}, err
	}
	p := purge{store: s, series: series, ranges: wholeBlocks(series.Grid, ranges)}
	record := meta.Edit{ID: id, Kind: columnar.Purge, Who: info.Who, Reason: info.Reason, Source: info.Source}
	result, err := p.run(ctx, record)
	if err != nil {
		return result, fmt.Errorf("purge %d: %w", id, err)
	}
	return result, nil
}

// wholeBlocks returns the ranges of the blocks that ranges touch.
func wholeBlocks(g columnar.Grid, ranges []columnar.Range) (whole []columnar.Range) {
	for _, r := range ranges {
		if r.From == r.To {
			continue
		}
		one := columnar.Range{From: g.BlockTime(g.Block(g.Slot(r.From))), To: g.BlockTime(g.Block(g.Slot(r.To-1)) + 1)}
		if n := len(whole); n > 0 && whole[n-1].To >= one.From {
			whole[n-1].To = max(whole[n-1].To, one.To)
			continue
		}
		whole = append(whole, one)
	}
	return whole
}

// purge is a purge under way.
type purge struct {
	store    *Store
	series   columnar.Series
	ranges   []columnar.Range // of whole blocks
	live     map[int64]string // the segments of the present versions, by block
	removed  int64            // samples
	replaced []meta.Replacement
	added    []meta.Segment
}

func (p *purge) run(ctx context.Context, record meta.Edit) (columnar.EditResult, error) {
	s := p.store
	if err := p.findLive(ctx); err != nil {
		return columnar.EditResult{}, err
	}
	known, err := s.catalog.AllSegments(ctx)
	if err != nil {
		return columnar.EditResult{}, err
	}
	for _, m := range known {
		if err := p.segment(ctx, m); err != nil {
			s.discard(ctx, p.added)
			return columnar.EditResult{}, err
		}
	}
	record.Deleted = p.removed
	for _, r := range p.ranges {
		record.Ranges = append(record.Ranges, meta.EditRange{Series: p.series.ID, From: r.From, To: r.To})
	}
	made, err := s.publishNew(ctx, meta.Commit{Replace: p.replaced, Note: record.Kind.String(), Edit: &record})
	s.settled(p.added)
	if err != nil {
		return columnar.EditResult{}, err // what was added is garbage, if the catalog says so
	}
	s.past.drop()
	p.deleteOld(ctx)
	s.logger.Info("purged", "edit", record.ID, "series", p.series.ID, "who", record.Who, "segments", len(p.replaced), "samples", p.removed)
	return columnar.EditResult{ID: record.ID, Snapshot: made.ID, EditCounts: record.EditCounts}, nil
}

// findLive finds the present versions of the blocks.
func (p *purge) findLive(ctx context.Context) error {
	p.live = make(map[int64]string)
	v := &view{store: p.store, set: p.store.present(), counters: new(columnar.Counters)}
	sel := &columnar.Selection{Series: []columnar.Series{p.series}, Ranges: [][]columnar.Range{p.ranges}}
	places, err := v.entries(ctx, sel, 0)
	for _, at := range places {
		p.live[at.number()] = at.segment.meta.Name
	}
	return err
}

// goes reports whether a segment's version of a block goes.
func (p *purge) goes(m meta.Segment, number int64) bool {
	if p.live[number] == m.Name {
		return false
	}
	from, to := p.series.Grid.BlockTime(number), p.series.Grid.BlockTime(number+1)
	return slices.ContainsFunc(p.ranges, func(r columnar.Range) bool { return r.From < to && r.To > from })
}

// segment writes a segment anew without what goes, if any of it does.
func (p *purge) segment(ctx context.Context, m meta.Segment) error {
	s := p.store
	g := s.newLive(m)
	g.refs.Add(1)
	defer g.release()
	reader, err := g.openFor(ctx, p.series.ID)
	if err != nil {
		return err
	}
	if _, ok := reader.Find(p.series.ID); !ok {
		return nil
	}
	x, err := s.index(ctx, g, p.series.ID)
	if err != nil {
		return err
	}
	gone := int64(0)
	for i := range x.Len() {
		if p.goes(m, x.Block(i)) {
			counts := x.Entry(i).Samples
			p.removed += counts.Total()
			gone++
		}
	}
	if gone == 0 {
		return nil
	}
	replacement := meta.Replacement{Old: m.Name}
	if gone < m.Blocks {
		rest, err := p.rest(ctx, g, reader)
		if err != nil {
			return err
		}
		p.added = append(p.added, rest)
		replacement.New = &rest
	}
	p.replaced = append(p.replaced, replacement)
	return nil
}

// rest writes the blocks of a segment that stay to another one.
func (p *purge) rest(ctx context.Context, g *liveSegment, reader *segment.Reader) (meta.Segment, error) {
	out := p.store.newSink(true, g.meta.History)
	out.limit = math.MaxInt64 / seriesParts // one segment takes the place of one
	var c copier
	for _, info := range reader.Series() {
		x, err := p.store.index(ctx, g, info.ID)
		if err != nil {
			out.abort(ctx)
			return meta.Segment{}, err
		}
		keep := all
		if info.ID == p.series.ID {
			keep = func(number int64) bool { return !p.goes(g.meta, number) }
		}
		at := place{g, x, 0, x.Len()}
		if err := c.copy(ctx, at, keep, x.Version, func(b *encodedBlock) error { return out.add(ctx, b) }); err != nil {
			out.abort(ctx)
			return meta.Segment{}, err
		}
	}
	made, err := out.finish()
	if err != nil {
		out.abort(ctx)
		return meta.Segment{}, err
	}
	return made[0], nil
}

// deleteOld deletes the objects in whose place others are now. What cannot be
// deleted is garbage, and will be.
func (p *purge) deleteOld(ctx context.Context) {
	s := p.store
	ctx = context.WithoutCancel(ctx)
	if err := s.noteConflict(s.stillOwner(ctx)); err != nil {
		s.logger.Warn("what a purge replaced was not deleted", "error", err)
		return
	}
	var gone []string
	for _, r := range p.replaced {
		s.indexes.Invalidate(indexKey{r.Old, p.series.ID})
		if err := s.bucket.Delete(ctx, r.Old); err != nil {
			s.logger.Error("a purged segment could not be deleted yet; it is tried again", "segment", r.Old, "error", err)
			continue
		}
		gone = append(gone, r.Old)
	}
	if err := s.catalog.Forget(ctx, s.epoch, gone); err != nil {
		s.logger.Warn("purged segments stay on the list of garbage", "error", err)
	}
}
