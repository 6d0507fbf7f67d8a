package store

import (
	"context"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
)

// batchRows is the number of rows that a batch has at most.
const batchRows = 1 << 16

// blocksPerTask and bytesPerTask bound the blocks of one batch, which may have
// few rows or large ones.
const (
	blocksPerTask     = 1024
	textBlocksPerTask = 16 // each may have columnar.MaxBlockText bytes
	bytesPerTask      = 8 << 20
)

// Samples returns the selection's samples as a stream of columnar.SampleSchema.
// Its batches have up to 65,536 rows and may be of several series. The context
// ends the stream's work; the stream must be closed.
func (s *Store) Samples(ctx context.Context, sel columnar.Selection) (columnar.Stream, error) {
	if err := checkSelection(&sel, false); err != nil {
		return nil, err
	}
	v, err := s.pin(ctx, &sel)
	if err != nil {
		return nil, err
	}
	schema := columnar.SampleSchema(sel.Columns)
	scan := &sampleScan{sel: &sel, view: v, schema: schema, room: newRoom(sel.Memory)}
	r := &resumed{start: func(skip int) *pipeline[arrow.RecordBatch] {
		return newPipeline(ctx, s.workers, arrow.RecordBatch.Release, scan.from(skip))
	}, room: scan.room}
	r.pipeline = r.start(0)
	remove := func() {}
	if m, ok := sel.Memory.(columnar.Pauses); ok {
		remove = m.OnPause(r.pause)
	}
	return &stream{
		schema: schema,
		next:   r.next,
		close:  func() { remove(); r.close(); v.release() },
	}, nil
}

// resumed is a pipeline of batches that can be paused: it then keeps its place, the
// number of batches that were taken, and nothing else. What it reads is pinned, so that
// the same tasks are made again.
type resumed struct {
	start    func(skip int) *pipeline[arrow.RecordBatch]
	room     *room
	pipeline *pipeline[arrow.RecordBatch] // nil: paused
	taken    int
}

// pause ends the pipeline and gives back what it holds.
func (r *resumed) pause() {
	if r.pipeline != nil && r.pipeline.err == nil {
		r.pipeline.close()
		r.pipeline = nil
		r.room.pause()
	}
}

// next returns the next batch that has rows.
func (r *resumed) next(ctx context.Context) (arrow.RecordBatch, error) {
	if r.pipeline == nil {
		r.pipeline = r.start(r.taken)
	}
	for {
		r.room.next()
		batch, err := r.pipeline.next(ctx)
		if err != nil {
			return nil, err
		}
		r.room.taken()
		r.taken++
		if batch.NumRows() > 0 {
			return batch, nil
		}
		batch.Release()
	}
}

func (r *resumed) close() {
	if r.pipeline != nil {
		r.pipeline.close()
	}
	r.room.close()
}

// stream is a columnar.Stream made of functions.
type stream struct {
	schema *arrow.Schema
	next   func(context.Context) (arrow.RecordBatch, error)
	close  func() // nil once it was called
}

// Schema implements columnar.Stream.
func (s *stream) Schema() *arrow.Schema { return s.schema }

// Next implements columnar.Stream.
func (s *stream) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if s.close == nil {
		return nil, errStreamClosed
	}
	return s.next(ctx)
}

// Close implements columnar.Stream.
func (s *stream) Close() error {
	if s.close != nil {
		s.close()
		s.close = nil
	}
	return nil
}

var errStreamClosed = fmt.Errorf("the stream is closed")

// checkSelection reports a selection whose parts do not fit together.
func checkSelection(sel *columnar.Selection, summaries bool) error {
	if len(sel.Ranges) != len(sel.Series) || summaries && len(sel.Bins) != len(sel.Series) {
		return fmt.Errorf("selection of %d series with ranges of %d and bins of %d", len(sel.Series), len(sel.Ranges), len(sel.Bins))
	}
	for i, s := range sel.Series {
		if err := s.Grid.Validate(); err != nil {
			return fmt.Errorf("selection: series %d: %w", s.ID, err)
		}
		for k, r := range sel.Ranges[i] {
			if r.From > r.To || k > 0 && r.From < sel.Ranges[i][k-1].To {
				return fmt.Errorf("selection: series %d: range %d, [%d, %d), is not in order", s.ID, k, r.From, r.To)
			}
		}
	}
	return nil
}

// sampleScan makes the tasks of a scan of samples.
type sampleScan struct {
	sel    *columnar.Selection
	view   *view
	schema *arrow.Schema
	room   *room
	skip   int // tasks that were taken before a pause

	// The task that is being put together.
	slices []slice
	rows   int64
	bytes  int64
}

// slice is the slot indexes [from, to) of one block.
type slice struct {
	series   int32 // index in the selection
	piece    *piece
	entry    int // of the piece, where it is a run
	from, to int
}

// from returns the plan of the scan without its first tasks.
func (s *sampleScan) from(skip int) func(ctx context.Context, emit func(task[arrow.RecordBatch]) error) error {
	s.skip, s.slices, s.rows, s.bytes = skip, nil, 0, 0
	return s.plan
}

// plan emits the tasks of the scan.
func (s *sampleScan) plan(ctx context.Context, emit func(task[arrow.RecordBatch]) error) error {
	for i := range s.sel.Series {
		pieces, err := s.view.pieces(ctx, s.sel, i)
		if err != nil {
			return err
		}
		if err := s.planSeries(ctx, i, pieces, emit); err != nil {
			return err
		}
	}
	if len(s.slices) == 0 {
		return nil
	}
	return s.emit(ctx, emit)
}

// emit emits the task that was put together, when there is room for it.
func (s *sampleScan) emit(ctx context.Context, emit func(task[arrow.RecordBatch]) error) error {
	if s.skip > 0 {
		s.skip--
		s.cut()
		return nil
	}
	if err := s.room.begin(ctx, s.taskBytes()); err != nil {
		return err
	}
	return emit(s.cut())
}

// planSeries adds the blocks of a series that are wanted.
func (s *sampleScan) planSeries(ctx context.Context, i int, pieces []piece, emit func(task[arrow.RecordBatch]) error) error {
	g := s.sel.Series[i].Grid
	for _, r := range s.sel.Ranges[i] {
		if err := ctx.Err(); err != nil {
			return err
		}
		from, to := g.SlotAtOrAfter(r.From), g.SlotAtOrAfter(r.To)
		if from >= to {
			continue
		}
		first, end := g.Block(from), g.Block(to-1)+1
		for len(pieces) > 0 && pieces[0].last < first {
			pieces = pieces[1:]
		}
		for k := range pieces {
			p := &pieces[k]
			if p.first >= end {
				break
			}
			entry, last := 0, 1
			if !p.inHead() {
				entry, last = p.clip(first, end)
			}
			for ; entry < last; entry++ {
				if err := s.addBlock(ctx, int32(i), p, entry, from, to, emit); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// addBlock adds the slots [from, to) of a block to the task, unless what is known
// of the block rules it out, and emits the task when it is full.
func (s *sampleScan) addBlock(ctx context.Context, i int32, p *piece, entry int, from, to int64, emit func(task[arrow.RecordBatch]) error) error {
	g := s.sel.Series[i].Grid
	number, rows, bytes := p.first, int64(0), int64(0)
	ruledOut := false
	if p.inHead() {
		rows = g.BlockLen
		if stored := p.stored(); stored != nil {
			rows, ruledOut = wanted(stored.Counts(), s.sel.Qualities), !withinBounds(stored, s.sel.Bounds)
		}
	} else {
		e := p.place.index.Entry(entry)
		number, bytes = e.Block, e.Length
		rows, ruledOut = wanted(e.Samples, s.sel.Qualities), !p.place.withinBounds(entry, s.sel.Bounds)
	}
	if rows == 0 || ruledOut {
		s.view.counters.Skipped.Add(1)
		return nil
	}
	start := g.BlockSlot(number)
	sl := slice{series: i, piece: p, entry: entry, from: int(max(from-start, 0)), to: int(min(to-start, g.BlockLen))}
	rows = min(rows, int64(sl.to-sl.from))
	blocks := blocksPerTask
	if s.sel.Series[i].Type == columnar.Text {
		blocks = textBlocksPerTask
	}
	if len(s.slices) > 0 && (s.rows+rows > batchRows || len(s.slices) >= blocks || s.bytes+bytes > bytesPerTask || s.tooWide(rows)) {
		if err := s.emit(ctx, emit); err != nil {
			return err
		}
	}
	s.slices = append(s.slices, sl)
	s.rows += rows
	s.bytes += bytes
	return nil
}

// tooWide reports whether so many rows more are too many bytes for one batch.
func (s *sampleScan) tooWide(rows int64) bool {
	return s.sel.BatchBytes > 0 && (s.rows+rows)*rowWidth(s.sel.Columns) > s.sel.BatchBytes
}

// wanted returns the number of samples of the wanted qualities.
func wanted(counts columnar.QualityCounts, want columnar.QualitySet) (n int64) {
	for q := columnar.Good; q <= columnar.Bad; q++ {
		if want.Has(q) {
			n += counts[q]
		}
	}
	return n
}

// withinBounds reports whether a usable value of a block may lie in the bounds.
func withinBounds(s *columnar.Summaries, bounds *columnar.Bounds) bool {
	if bounds == nil {
		return true
	}
	usable, ok := s.For(columnar.Usable)
	return !ok || usable.Values > 0 && usable.Min <= bounds.Max && usable.Max >= bounds.Min
}

func (p *place) withinBounds(entry int, bounds *columnar.Bounds) bool {
	if bounds == nil || p.index.Series().Type == columnar.Text {
		return true
	}
	var usable columnar.Summary
	ok, _ := p.index.Merge(&usable, columnar.Usable, columnar.StatRange, entry, entry+1)
	return !ok || usable.Values > 0 && usable.Min <= bounds.Max && usable.Max >= bounds.Min
}

// cut returns the task that was put together and begins the next.
func (s *sampleScan) cut() task[arrow.RecordBatch] {
	slices, rows := s.slices, s.rows
	s.slices, s.rows, s.bytes = nil, 0, 0
	return func(ctx context.Context) (arrow.RecordBatch, error) { return s.run(ctx, slices, int(rows)) }
}

// run decodes the blocks of a task and returns their rows.
func (s *sampleScan) run(ctx context.Context, slices []slice, rows int) (arrow.RecordBatch, error) {
	parts := columnar.PartStatus
	if s.sel.Columns&(columnar.ColValue|columnar.ColRawValue|columnar.ColIntValue|columnar.ColOrdinal|columnar.ColText) != 0 {
		parts |= columnar.PartValues
	}
	if s.sel.Columns&(columnar.ColEdit|columnar.ColEditID) != 0 {
		parts |= columnar.PartMarks
	}
	l := s.view.newLoader(parts)
	out := newRowBuilder(s.sel, rows)
	for k := range slices {
		sl := &slices[k]
		l.series = s.sel.Series[sl.series]
		var b *columnar.Block
		var err error
		if sl.piece.inHead() {
			b, err = l.head(ctx, sl.piece)
		} else {
			b, err = l.entry(ctx, sl.piece.place, sl.entry, lastOf(slices[k:]))
		}
		if err != nil {
			return nil, err
		}
		s.view.counters.Samples.Add(int64(out.add(sl, l.series, b)))
		if out.textBytes > math.MaxInt32 {
			return nil, fmt.Errorf("series %d: %w", l.series.ID, errText)
		}
	}
	return out.batch(s.schema), nil
}

// lastOf returns the entry behind the last of the slices that follow the first
// one in its piece.
func lastOf(slices []slice) int {
	n := 1
	for n < len(slices) && slices[n].piece == slices[0].piece && slices[n].entry == slices[0].entry+n {
		n++
	}
	return slices[0].entry + n
}
