package store

import (
	"context"
	"errors"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
	"github.com/trellisdb/trellis/columnar/segment"
	"github.com/trellisdb/trellis/meta"
)

// rewritten is what an edit comes to: segments in the bucket, of new blocks and of
// those that they take the place of, and its record.
type rewritten struct {
	segments []meta.Segment
	record   meta.Edit
}

// editedBlock is a block that an edit has changed.
type editedBlock struct {
	now    encodedBlock
	before *encodedBlock // where a sample was replaced or deleted: the block as it was
	touched
}

// rewrite writes the blocks of the series that the edit touches to the bucket. The
// caller has the token, and the heads have none of these blocks.
func (s *Store) rewrite(ctx context.Context, e *edit, series []columnar.Series) (made rewritten, err error) {
	codecs, err := s.codecs(ctx)
	if err != nil {
		return made, err
	}
	v := &view{store: s, set: s.present(), counters: new(columnar.Counters)}
	blocks := newPipeline(ctx, s.workers, func([]editedBlock) {}, func(ctx context.Context, emit func(task[[]editedBlock]) error) error {
		return e.plan(ctx, v, series, codecs, emit)
	})
	defer blocks.close()
	now, before := s.newSink(false, false), s.newSink(true, true)
	ranges := rangeRecorder{}
	for err == nil {
		var edited []editedBlock
		if edited, err = blocks.next(ctx); err != nil {
			break
		}
		for i := range edited {
			b := &edited[i]
			if err = now.add(ctx, &b.now); err == nil && b.before != nil {
				err = before.add(ctx, b.before)
			}
			if err != nil {
				break
			}
			ranges.add(b)
		}
	}
	if errors.Is(err, io.EOF) {
		made.segments, err = finishBoth(now, before)
	}
	if err != nil {
		now.abort(ctx)
		before.abort(ctx)
		return made, err
	}
	ranges.finish()
	made.record = meta.Edit{
		ID: e.id, Kind: e.info.Kind, Who: e.info.Who, Reason: e.info.Reason, Source: e.info.Source,
		EditCounts: ranges.total, Ranges: ranges.ranges,
	}
	return made, nil
}

// finishBoth ends two sinks at once.
func finishBoth(now, before *sink) ([]meta.Segment, error) {
	var both [2][]meta.Segment
	var group errgroup.Group
	for i, k := range []*sink{now, before} {
		group.Go(func() (err error) {
			both[i], err = k.finish()
			return err
		})
	}
	err := group.Wait()
	return append(both[0], both[1]...), err
}

// editJob is a block that is to be edited.
type editJob struct {
	series columnar.Series
	codec  codec.Codec
	staged staged
	base   place
}

// plan emits tasks that edit blocks, in the order of a segment.
func (e *edit) plan(ctx context.Context, v *view, series []columnar.Series, codecs func(int64) codec.Codec, emit func(task[[]editedBlock]) error) error {
	for _, one := range series {
		held, err := e.stage.blocks(ctx, one.ID)
		if err != nil {
			return err
		}
		bases, err := v.bases(ctx, one, held)
		if err != nil {
			return err
		}
		each := min((len(held)+e.store.workers-1)/e.store.workers, blocksPerFlushTask) // so that few blocks are many tasks, too
		for len(held) > 0 {
			n := min(len(held), each)
			jobs := make([]editJob, n)
			for i := range jobs {
				jobs[i] = editJob{one, codecs(one.ID), held[i], bases[i]}
			}
			held, bases = held[n:], bases[n:]
			if err := emit(func(ctx context.Context) ([]editedBlock, error) { return e.run(ctx, v, jobs) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// bases returns where the blocks of a series are in the segments, which are in
// order; nowhere for those that are new.
func (v *view) bases(ctx context.Context, s columnar.Series, blocks []staged) ([]place, error) {
	l, err := v.store.layout(ctx, v.set, s.ID)
	if err != nil {
		return nil, err
	}
	places := make([]place, len(blocks))
	at := 0
	for i, b := range blocks {
		for at < len(l.runs) && l.runs[at].last < b.number {
			at++
		}
		if at == len(l.runs) || l.runs[at].first > b.number {
			continue
		}
		x, err := v.store.index(ctx, l.runs[at].segment, s.ID)
		if err != nil {
			return nil, err
		}
		if k, ok := x.Find(b.number); ok {
			places[i] = place{l.runs[at].segment, x, k, k + 1}
		}
	}
	return places, nil
}

// run edits blocks.
func (e *edit) run(ctx context.Context, v *view, jobs []editJob) ([]editedBlock, error) {
	l, spills := v.newLoader(columnar.AllParts), v.newLoader(columnar.AllParts)
	var edited []editedBlock
	for i := range jobs {
		j := &jobs[i]
		l.series, spills.series = j.series, j.series
		b, err := e.block(ctx, l, spills, j)
		if err != nil {
			return nil, err
		}
		if b.EditCounts != (columnar.EditCounts{}) {
			edited = append(edited, b)
		}
	}
	return edited, nil
}

// block edits one block.
func (e *edit) block(ctx context.Context, l, spills *loader, j *editJob) (editedBlock, error) {
	b := editedBlock{now: encodedBlock{series: j.series, number: j.staged.number}}
	if done, err := e.fresh(ctx, spills, j, &b); done || err != nil {
		return b, err
	}
	o := newOverlay(j.series, j.staged.number)
	for _, p := range j.staged.spills {
		spilled, err := spills.entry(ctx, p, p.from, p.to)
		if err != nil {
			return b, err
		}
		o.add(spilled, e.id)
	}
	if held := j.staged.held; held != nil {
		whole, err := held.wholeBlock(j.series)
		if err != nil {
			return b, err
		}
		o.add(&held.overlay(j.series, whole, e.id).Block, e.id)
	}
	var base *columnar.Block
	if j.base.index != nil {
		var err error
		if base, err = l.entry(ctx, j.base, j.base.from, j.base.to); err != nil {
			return b, err
		}
	}
	var m *columnar.Block
	m, b.touched = o.apply(base, e.id, e.info.Kind == columnar.Restore)
	if b.EditCounts == (columnar.EditCounts{}) {
		return b, nil
	}
	if b.Replaced+b.Deleted > 0 {
		b.before = j.base.encoded(&l.run)
	}
	var err error
	if b.now.bytes, err = columnar.AppendBlock(nil, m, j.codec, j.series); err != nil {
		return b, err
	}
	b.now.summaries = columnar.SummarizeAll(m)
	return b, nil
}

// fresh edits a block that is new and was given whole: it is what was given.
func (e *edit) fresh(ctx context.Context, spills *loader, j *editJob, b *editedBlock) (bool, error) {
	n := int(j.series.Grid.BlockLen)
	held := j.staged.held
	switch {
	case j.base.index != nil:
		return false, nil
	case held != nil && held.plainWhole():
		b.now.bytes, b.now.summaries = held.whole.encoded, held.whole.summaries
	case held == nil && len(j.staged.spills) == 1:
		p := j.staged.spills[0]
		spilled, err := spills.entry(ctx, p, p.from, p.to)
		if err != nil {
			return false, err
		}
		if counts := columnar.CountQualities(spilled, 0, n); counts.Total() != int64(n) || !allInserted(spilled) {
			return false, nil
		}
		encoded := p.encoded(&spills.run)
		b.now.bytes, b.now.summaries = encoded.bytes, encoded.summaries
	default:
		return false, nil
	}
	b.touched = touched{EditCounts: columnar.EditCounts{Inserted: int64(n)}, to: n}
	return true, nil
}

// allInserted reports whether an overlay writes every slot.
func allInserted(b *columnar.Block) bool {
	for _, m := range b.Marks {
		if slotOp(m) != opWrite {
			return false
		}
	}
	return b.Marks != nil
}

// encoded returns the block of a place of one entry as it is stored, from the run
// in which it was read.
func (p place) encoded(run *segment.Run) *encodedBlock {
	return &encodedBlock{
		series: p.index.Series(), number: p.index.Block(p.from), version: p.version(p.from),
		bytes: append([]byte(nil), run.Block(p.from)...), summaries: p.index.Summaries(p.from),
	}
}

// version returns the snapshot that last changed the block of an entry.
func (p place) version(entry int) int64 {
	return or(p.index.Version(entry), p.segment.meta.Version)
}

// rangesPerSeries is how many ranges of a series the record of an edit has at
// most; where it would be more, neighbours are put together.
const rangesPerSeries = 64

// rangeRecorder gathers the ranges that an edit touches.
type rangeRecorder struct {
	ranges []meta.EditRange
	begin  int // of the present series
	total  columnar.EditCounts
}

func (r *rangeRecorder) add(b *editedBlock) {
	g := b.now.series.Grid
	first := g.BlockSlot(b.now.number)
	r.total.Add(b.EditCounts)
	one := meta.EditRange{
		Series: b.now.series.ID, From: g.Time(first + int64(b.from)), To: g.Time(first + int64(b.to)), EditCounts: b.EditCounts,
	}
	if n := len(r.ranges); n > 0 && r.ranges[n-1].Series == one.Series {
		if last := &r.ranges[n-1]; last.To == one.From {
			last.To = one.To
			last.Add(one.EditCounts)
			return
		}
	} else {
		r.finish()
	}
	r.ranges = append(r.ranges, one)
}

// finish ends the present series: it puts ranges together across the smallest gaps
// until they are few.
func (r *rangeRecorder) finish() {
	list := r.ranges[r.begin:]
	for len(list) > rangesPerSeries {
		gap := medianGap(list)
		kept := list[:1]
		for _, one := range list[1:] {
			if last := &kept[len(kept)-1]; one.From-last.To <= gap {
				last.To = one.To
				last.Add(one.EditCounts)
				continue
			}
			kept = append(kept, one)
		}
		list = kept
	}
	r.ranges = r.ranges[:r.begin+len(list)]
	r.begin = len(r.ranges)
}

// medianGap returns the median of the gaps between ranges.
func medianGap(list []meta.EditRange) int64 {
	gaps := make([]int64, 0, len(list)-1)
	for i, one := range list[1:] {
		gaps = append(gaps, one.From-list[i].To)
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}
