package store_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

// player plays random operations on a store and on its model.
type player struct {
	*life
	d      *database
	r      *rand.Rand
	now    atomic.Int64 // the background looks at it, too
	supply *power
	disk   *waltest.Disk
	edits  int
}

// outcome is what became of an operation.
type outcome struct {
	err   error
	maybe *life // what is there if it happened all the same
}

// remember keeps the present state under the newest snapshot.
func (p *player) remember() {
	id := p.d.Snapshot()
	if id > 0 && p.d.Stats().HeadSamples == 0 {
		p.then[id] = p.clone()
		p.then[id].then = nil
		if len(p.then) > 8 {
			delete(p.then, slices.Min(slices.Collect(maps.Keys(p.then))))
		}
	}
}

// play does one operation.
func (p *player) play(t testing.TB) outcome {
	ctx := context.Background()
	next := p.clone()
	switch n := p.r.IntN(100); {
	case n < 45:
		return p.done(next, p.d.Append(ctx, next.batch(p.r)))
	case n < 55:
		err := p.d.Flush(ctx)
		if err == nil {
			p.remember()
		}
		return outcome{err, p.life}
	case n < 72:
		return p.edit(t, next)
	case n < 78:
		return p.restore(t, next)
	case n < 80:
		return p.purgeSome(ctx, next)
	case n < 86:
		return outcome{p.d.Compact(ctx), p.life}
	case n < 92:
		p.now.Add(int64(p.r.IntN(40)) * 60 * second)
		_, err := p.d.Collect(ctx, p.r.IntN(4) == 0)
		return outcome{err, p.life}
	}
	return outcome{nil, p.life}
}

// done takes over the state that an operation has led to, if it did not fail.
func (p *player) done(next *life, err error) outcome {
	if err == nil {
		p.life = next
	}
	return outcome{err, next}
}

func (p *player) edit(t testing.TB, next *life) outcome {
	ctx := context.Background()
	kind := columnar.EditKind(1 + p.r.IntN(3))
	to, err := p.d.Edit(ctx, columnar.EditInfo{Kind: kind, Who: "ada", Reason: "calibration", Exclusive: p.r.IntN(2) == 0})
	if err != nil {
		return outcome{err, p.life}
	}
	defer func() { _ = to.Close() }()
	e := next.newEdit()
	for range 1 + p.r.IntN(4) {
		if err := next.random(t, p.r, e, to); err != nil {
			return outcome{err, p.life}
		}
	}
	if p.r.IntN(10) == 0 {
		return outcome{to.Close(), p.life} // given up
	}
	return p.commit(t, next, e, to)
}

// commit commits an edit. The id of one whose commit is not answered is not known:
// the next restart tells.
func (p *player) commit(t testing.TB, next *life, e *lifeEdit, to columnar.Editor) outcome {
	result, err := to.Commit(context.Background())
	if err != nil {
		p.edits++
		id := int64(-p.edits)
		next.apply(e, id)
		return outcome{err, next}
	}
	if counts := next.apply(e, result.ID); counts != result.EditCounts {
		t.Fatalf("the edit touched %+v, want %+v", result.EditCounts, counts)
	}
	p.life = next
	p.remember()
	return outcome{nil, next}
}

func (p *player) restore(t testing.TB, next *life) outcome {
	ctx := context.Background()
	snapshots := slices.Sorted(maps.Keys(p.then))
	snapshots = slices.DeleteFunc(snapshots, func(s int64) bool { return !kept(t, p.d, s) })
	if len(snapshots) == 0 {
		return outcome{nil, p.life}
	}
	snapshot := snapshots[p.r.IntN(len(snapshots))]
	i := p.r.IntN(len(p.series))
	ranges := someRanges(p.r, p.series[i])
	if next.purged(columnar.Selection{Series: p.series[i : i+1], Ranges: [][]columnar.Range{ranges}, Snapshot: snapshot}) {
		return outcome{nil, p.life}
	}
	to, err := p.d.Edit(ctx, columnar.EditInfo{Kind: columnar.Restore, Who: "ada", Exclusive: p.r.IntN(2) == 0})
	if err != nil {
		return outcome{err, p.life}
	}
	defer func() { _ = to.Close() }()
	if err := to.Restore(ctx, p.series[i], ranges, snapshot); err != nil {
		return outcome{err, p.life}
	}
	e := next.newEdit()
	e.restore(next, p.then[snapshot], i, ranges)
	return p.commit(t, next, e, to)
}

// purgeSome purges a range of a series. Of what it takes away, block by block,
// nothing is in the history any more.
func (p *player) purgeSome(ctx context.Context, next *life) outcome {
	i := p.r.IntN(len(p.series))
	s := p.series[i]
	ranges := someRanges(p.r, s)[:1]
	if ranges[0].From == ranges[0].To {
		return outcome{nil, p.life}
	}
	for slot := range next.past[i] {
		from, to := s.Grid.BlockTime(s.Grid.Block(slot)), s.Grid.BlockTime(s.Grid.Block(slot)+1)
		if ranges[0].From < to && ranges[0].To > from {
			delete(next.past[i], slot)
		}
	}
	result, err := p.d.Purge(ctx, columnar.EditInfo{Kind: columnar.Purge, Who: "ada"}, s, ranges)
	snapshot := result.Snapshot
	if err != nil {
		snapshot = 1 << 62
	}
	// Blocks go as a whole.
	g := s.Grid
	ranges[0].From = g.BlockTime(g.Block(g.Slot(ranges[0].From)))
	ranges[0].To = g.BlockTime(g.Block(g.Slot(ranges[0].To-1)) + 1)
	next.purge = append(next.purge, lifePurge{snapshot, i, ranges})
	return p.done(next, err)
}

// check asks the store something.
func (p *player) check(t testing.TB) {
	t.Helper()
	switch p.r.IntN(5) {
	case 0:
		p.checkHistory(t, p.d, p.r)
	case 1:
		p.checkPast(t, p.d, p.r)
	case 2:
		p.checkChanges(t, p.d, p.r)
	default:
		p.compare(t, p.d, p.r)
	}
}

// cut plays an operation whose power fails on the way, and starts the store anew.
func (p *player) cut(t testing.TB) {
	t.Helper()
	p.supply.mu.Lock()
	p.supply.steps = p.r.IntN(25)
	p.supply.mu.Unlock()
	before := p.life
	out := p.play(t)
	p.supply.mu.Lock()
	p.supply.steps = 0
	p.supply.mu.Unlock()
	_ = p.d.Close(context.Background()) // without power
	p.supply.mu.Lock()
	p.supply.steps = 1 << 40
	p.supply.mu.Unlock()
	p.disk = p.disk.PowerCut(p.r)
	p.disk.Fail = func(op waltest.Op, _ string) error { return p.supply.step(string(op)) }
	p.d.options.LogFS = p.disk
	p.d.open(t)
	if out.err == nil {
		if !p.holds(t, p.d) {
			t.Fatal("after a power cut the store has not what it acknowledged")
		}
		return
	}
	p.life = before
	if p.holds(t, p.d) {
		p.settlePurge(t, out)
		return
	}
	p.life = out.maybe
	if !p.holds(t, p.d) {
		t.Fatalf("after a power cut the store has neither what was before the operation nor what is after it: %v", out.err)
	}
	p.settleEdit(t)
}

// settlePurge takes over a purge that may have happened: it changes nothing that
// can be seen but what earlier snapshots answer.
func (p *player) settlePurge(t testing.TB, out outcome) {
	if out.maybe == nil || len(out.maybe.purge) == len(p.purge) {
		return
	}
	edits, err := p.d.catalog.Edits(context.Background(), meta.EditFilter{Kind: columnar.Purge})
	if err != nil {
		t.Fatal(err)
	}
	if len(edits) == len(out.maybe.purge) {
		p.purge, p.past = out.maybe.purge, out.maybe.past
		p.purge[len(p.purge)-1].snapshot = edits[len(edits)-1].Snapshot
	}
}

// settleEdit finds out the id of the edit that did happen, if what happened was one.
func (p *player) settleEdit(t testing.TB) {
	t.Helper()
	edits, err := p.d.catalog.Edits(context.Background(), meta.EditFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.series {
		for slot, mark := range p.marks[i] {
			if mark.edit >= 0 {
				continue
			}
			if len(edits) == 0 {
				t.Fatal("the samples of an edit are there and its record is not")
			}
			p.marks[i][slot] = lifeMark{mark.mark, edits[len(edits)-1].ID}
			p.note(i, slot)
		}
	}
}

// lifeSteps is how many operations a run of the model has: TRELLIS_STEPS, or what
// suits a test among others.
func lifeSteps(t testing.TB, normal int) int {
	text := os.Getenv("TRELLIS_STEPS")
	if text == "" {
		return normal
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// playLife plays a life on a database.
func playLife(t *testing.T, d *database, r *rand.Rand, steps int) {
	p := &player{d: d, r: r, supply: &power{steps: 1 << 40}, disk: waltest.NewDisk()}
	p.now.Store(1_800_000_000 * second)
	d.options.Clock = p.now.Load
	d.options.HeadAge, d.options.CompactRate = -1, -1
	d.options.Workers = 1 + r.IntN(3)
	d.options.HeadBytes = int64(1) << (12 + r.IntN(12))
	d.options.SegmentBytes = int64(1) << (10 + r.IntN(14))
	d.options.Keep, d.options.Grace = 3*time.Hour, 30*time.Minute
	d.options.StageDir = t.TempDir()
	p.disk.Fail = func(op waltest.Op, _ string) error { return p.supply.step(string(op)) }
	d.options.LogFS = p.disk
	d.bucket = &objecttest.Faulty{Bucket: d.bucket, Fail: func(op objecttest.Op, _ string) error { return p.supply.step(string(op)) }}
	d.catalog = &faultyCatalog{d.catalog, p.supply.step}
	d.open(t)
	p.life = newLife(t, d)
	for range steps {
		p.now.Add(int64(r.IntN(60)) * second)
		switch n := r.IntN(20); {
		case n < 1:
			p.cut(t)
		case n < 2:
			d.reopen(t)
		case n < 7:
			p.check(t)
		default:
			if out := p.play(t); out.err != nil {
				t.Fatal(out.err)
			}
		}
	}
	for range 10 {
		p.check(t)
	}
	p.checkTrail(t)
}

// checkTrail makes sure that every edit of which there is a mark is on the trail.
func (p *player) checkTrail(t testing.TB) {
	edits, err := p.d.catalog.Edits(context.Background(), meta.EditFilter{})
	if err != nil {
		t.Fatal(err)
	}
	known := map[int64]bool{}
	for _, e := range edits {
		known[e.ID] = true
		if e.Who != "ada" || strings.TrimSpace(e.Kind.String()) == "" {
			t.Errorf("edit %+v", e)
		}
	}
	for i := range p.series {
		for slot, mark := range p.marks[i] {
			if !known[mark.edit] {
				t.Fatalf("series %d: slot %d: edit %d is not on the trail", i, slot, mark.edit)
			}
		}
	}
}

func TestAHistoryThatIsEditedAnswersAsItsModelDoes(t *testing.T) {
	t.Parallel()
	for run := range 4 {
		t.Run(fmt.Sprint(run), func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			if run == 3 {
				bucket, err := object.OpenDir(t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				d.bucket = bucket
			}
			playLife(t, d, rand.New(rand.NewPCG(seed(t), uint64(run))), lifeSteps(t, 400))
		})
	}
}
