package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// edit is an edit under way.
type edit struct {
	store  *Store
	info   columnar.EditInfo
	id     int64
	base   int64
	stage  *stage
	token  bool // an exclusive edit has the token
	closed bool
}

var _ columnar.Editor = (*edit)(nil)

// errEditClosed is the answer to every call after Commit or Close.
var errEditClosed = errors.New("the edit is closed")

// Edit begins an edit. The caller closes it. An exclusive one waits for the flush
// and the edit that are under way.
func (s *Store) Edit(ctx context.Context, info columnar.EditInfo) (columnar.Editor, error) {
	if err := s.refusal(); err != nil {
		return nil, err
	}
	id, err := s.edits.next(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("edit: %w", err)
	}
	e := &edit{store: s, info: info, id: id, stage: s.newStage(id)}
	if err := e.begin(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("edit %d: %w", id, err), e.Close())
	}
	return e, nil
}

// begin makes sure that a snapshot holds what an exclusive edit reads.
func (e *edit) begin(ctx context.Context) error {
	s := e.store
	if !e.info.Exclusive {
		e.base = s.present().snapshot.ID
		return nil
	}
	if err := s.acquire(ctx); err != nil {
		return err
	}
	e.token = true
	if err := s.refusal(); err != nil {
		return err
	}
	if s.headTouches(e.info.Within) {
		if err := s.flushAll(ctx); err != nil {
			return err
		}
	}
	if s.present().snapshot.ID == 0 {
		// There is nothing: a snapshot of that, for the edit to read.
		if _, err := s.publish(ctx, &change{commit: meta.Commit{Note: "begin"}}, nil); err != nil {
			return err
		}
	}
	e.base = s.present().snapshot.ID
	return nil
}

// flushAll puts both heads into segments. The caller has the token.
func (s *Store) flushAll(ctx context.Context) error {
	s.state.RLock()
	again := s.state.frozen != nil // of a flush that did not succeed
	s.state.RUnlock()
	if err := s.flushHead(ctx); err != nil || !again {
		return err
	}
	return s.flushHead(ctx)
}

// headTouches reports whether the heads have a block of the selection; nil stands
// for everything.
func (s *Store) headTouches(sel *columnar.Selection) bool {
	s.state.RLock()
	defer s.state.RUnlock()
	if s.state.active.empty() && s.state.frozen == nil {
		return false
	}
	if sel == nil {
		return true
	}
	for _, v := range s.headViews(sel) {
		if len(v.active) > 0 || len(v.frozen) > 0 {
			return true
		}
	}
	return false
}

// Base implements [columnar.Editor].
func (e *edit) Base() int64 { return e.base }

// check says why the edit takes nothing more.
func (e *edit) check() error {
	if e.closed {
		return errEditClosed
	}
	return e.store.refusal()
}

// Write implements [columnar.Editor].
func (e *edit) Write(ctx context.Context, samples []columnar.Samples) error {
	if err := e.check(); err != nil {
		return err
	}
	for i := range samples {
		if err := check(&samples[i]); err != nil {
			return err
		}
	}
	b := batches.Get().(*batch)
	defer b.free()
	b.edit = e.id
	if err := b.prepare(ctx, e.store, samples); err != nil {
		return err
	}
	return e.stage.put(ctx, b.writes)
}

// Reclassify implements [columnar.Editor].
func (e *edit) Reclassify(ctx context.Context, s columnar.Series, times []int64, status []columnar.Status) error {
	if err := e.check(); err != nil {
		return err
	}
	if len(times) != len(status) || !slices.IsSorted(times) {
		return fmt.Errorf("series %d: %d times, in order, and %d statuses", s.ID, len(times), len(status))
	}
	slots := make([]int64, len(times))
	for i, t := range times {
		slots[i] = s.Grid.Slot(t)
	}
	return e.stage.operate(ctx, s, opStatus, slots, status)
}

// Delete implements [columnar.Editor].
func (e *edit) Delete(ctx context.Context, s columnar.Series, ranges []columnar.Range) error {
	if err := e.check(); err != nil {
		return err
	}
	places, release, err := e.existing(ctx, s, ranges, 0)
	if err != nil {
		return err
	}
	defer release()
	for _, r := range ranges {
		from, to := s.Grid.SlotAtOrAfter(r.From), s.Grid.SlotAtOrAfter(r.To)
		for _, number := range within(places, s.Grid, from, to) {
			first, end := s.Grid.BlockSlot(number), s.Grid.BlockSlot(number+1)
			if from <= first && to >= end {
				e.stage.clear(s, number)
				continue
			}
			if err := e.stage.operate(ctx, s, opDelete, slotRange(max(from, first), min(to, end)), nil); err != nil {
				return err
			}
		}
	}
	return e.stage.spillIfFull(ctx)
}

// slotRange returns the slots [from, to).
func slotRange(from, to int64) []int64 {
	slots := make([]int64, 0, to-from)
	for ; from < to; from++ {
		slots = append(slots, from)
	}
	return slots
}

// existing returns the numbers of the blocks, in order, that may have samples of a
// series in the ranges: in a snapshot, or now and in what the edit has been given.
func (e *edit) existing(ctx context.Context, s columnar.Series, ranges []columnar.Range, snapshot int64) ([]int64, func(), error) {
	sel := &columnar.Selection{Series: []columnar.Series{s}, Ranges: [][]columnar.Range{ranges}, Snapshot: snapshot}
	if err := checkSelection(sel, false); err != nil {
		return nil, nil, err
	}
	v, err := e.store.pin(ctx, sel)
	if err != nil {
		return nil, nil, err
	}
	pieces, err := v.pieces(ctx, sel, 0)
	if err != nil {
		v.release()
		return nil, nil, err
	}
	var numbers []int64
	for i := range pieces {
		p := &pieces[i]
		if p.inHead() {
			numbers = append(numbers, p.first)
			continue
		}
		for k := p.place.from; k < p.place.to; k++ {
			numbers = append(numbers, p.place.index.Block(k))
		}
	}
	if snapshot == 0 {
		held, err := e.stage.blocks(ctx, s.ID)
		if err != nil {
			v.release()
			return nil, nil, err
		}
		for _, b := range held {
			numbers = append(numbers, b.number)
		}
		slices.Sort(numbers)
		numbers = slices.Compact(numbers)
	}
	return numbers, v.release, nil
}

// within returns those of the blocks, which are in order, that touch the slots
// [from, to).
func within(numbers []int64, g columnar.Grid, from, to int64) []int64 {
	if from >= to {
		return nil
	}
	i, _ := slices.BinarySearch(numbers, g.Block(from))
	j, _ := slices.BinarySearch(numbers, g.Block(to-1)+1)
	return numbers[i:j]
}

// Commit implements [columnar.Editor].
func (e *edit) Commit(ctx context.Context) (columnar.EditResult, error) {
	if err := e.check(); err != nil {
		return columnar.EditResult{}, err
	}
	s := e.store
	if !e.token {
		if err := s.acquire(ctx); err != nil {
			return columnar.EditResult{}, err
		}
		e.token = true
	}
	result, err := e.commit(ctx)
	if err != nil {
		err = fmt.Errorf("edit %d: %w", e.id, err)
	}
	return result, errors.Join(err, e.Close())
}

func (e *edit) commit(ctx context.Context) (columnar.EditResult, error) {
	s := e.store
	if err := s.refusal(); err != nil {
		return columnar.EditResult{}, err
	}
	series, err := e.stage.series(ctx)
	if err != nil || len(series) == 0 {
		return columnar.EditResult{}, err
	}
	// What an exclusive edit finds in the heads was written after it began and stays
	// on top of it.
	if !e.info.Exclusive {
		touches, err := s.headHas(ctx, e.stage, series)
		if err == nil && touches {
			err = s.flushAll(ctx)
		}
		if err != nil {
			return columnar.EditResult{}, err
		}
	}
	made, err := s.rewrite(ctx, e, series)
	if err != nil || made.record.EditCounts == (columnar.EditCounts{}) {
		return columnar.EditResult{}, err
	}
	snapshot, err := s.publishNew(ctx, meta.Commit{Add: made.segments, Note: e.info.Kind.String(), Edit: &made.record})
	if err != nil {
		return columnar.EditResult{}, err
	}
	s.warm(ctx, series)
	s.logger.Info("edited", "edit", e.id, "kind", e.info.Kind.String(), "who", e.info.Who, "snapshot", snapshot.ID,
		"inserted", made.record.Inserted, "replaced", made.record.Replaced, "deleted", made.record.Deleted)
	return columnar.EditResult{ID: e.id, Snapshot: snapshot.ID, EditCounts: made.record.EditCounts}, nil
}

// publishTries is how often a change is tried that may have happened without an
// answer.
const publishTries = 3

// publishNew publishes a change that adds segments. Where it did not happen, or that is
// not known, they are left to the garbage collector, which asks the catalog.
func (s *Store) publishNew(ctx context.Context, commit meta.Commit) (made meta.Snapshot, err error) {
	c := &change{commit: commit}
	for range publishTries {
		made, err = s.publish(ctx, c, nil)
		if err == nil {
			return made, nil
		}
		if isAnswer(err) {
			s.settled(commit.Add)
			return made, err
		}
		if ctx.Err() != nil {
			break
		}
	}
	// It may have happened: what is true is read from the catalog again.
	made, err = s.catchUp(ctx, c, err)
	s.settled(commit.Add)
	return made, err
}

// catchUp makes the newest state of the catalog what queries see, after a change
// of which it is not known whether it happened. It returns the error that the
// change had, nil where it did happen.
func (s *Store) catchUp(ctx context.Context, c *change, failed error) (meta.Snapshot, error) {
	ctx = context.WithoutCancel(ctx)
	// Where the catalog is at work on the change still, this waits for that.
	_ = s.catalog.Renew(ctx, s.epoch, s.leaseTTL)
	next, err := s.outcome(ctx, s.present(), c)
	if err != nil {
		return meta.Snapshot{}, fmt.Errorf("it may have happened all the same: %w", errors.Join(failed, err))
	}
	if next == nil {
		return meta.Snapshot{}, failed
	}
	s.show(next, nil)
	s.note(ctx)
	return next.snapshot, nil
}

// warmSeries is of how many series an edit gets ready what the next query will want.
const warmSeries = 4

// warm finds out where the blocks of the series are now, so that the next query is as
// fast as the one before the edit. It reads the indexes of the new segments and of those
// that they overlie, which the edit has read. What goes wrong goes wrong again when it is
// asked.
func (s *Store) warm(ctx context.Context, series []columnar.Series) {
	if len(series) > warmSeries {
		return
	}
	set := s.present()
	for _, one := range series {
		if _, err := s.layout(ctx, set, one.ID); err != nil {
			return
		}
	}
}

// headHas reports whether the heads have a block that the stage has too.
func (s *Store) headHas(ctx context.Context, g *stage, series []columnar.Series) (bool, error) {
	always := []columnar.Range{{From: columnar.MinTime, To: columnar.MaxTime}}
	for _, one := range series {
		s.state.RLock()
		views := s.headViews(&columnar.Selection{Series: []columnar.Series{one}, Ranges: [][]columnar.Range{always}})
		s.state.RUnlock()
		if views == nil || len(views[0].active)+len(views[0].frozen) == 0 {
			continue
		}
		held, err := g.blocks(ctx, one.ID)
		if err != nil {
			return false, err
		}
		for _, list := range [][]headBlock{views[0].active, views[0].frozen} {
			for i := range list {
				if slices.ContainsFunc(held, func(b staged) bool { return b.number == list[i].number }) {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

// Close implements [columnar.Editor].
func (e *edit) Close() error {
	if e.closed {
		return nil
	}
	e.closed = true
	if e.token {
		e.store.giveBack()
	}
	return e.stage.close(context.Background())
}

// editIDs hands out the ids of edits, which it reserves a few at a time.
type editIDs struct {
	sync.Mutex
	free, end int64
}

const reserveEdits = 32

func (n *editIDs) next(ctx context.Context, s *Store) (int64, error) {
	n.Lock()
	defer n.Unlock()
	if n.free == n.end {
		first, err := s.catalog.ReserveEdits(ctx, s.epoch, reserveEdits)
		if err != nil {
			return 0, s.noteConflict(err)
		}
		n.free, n.end = first, first+reserveEdits
	}
	n.free++
	return n.free - 1, nil
}
