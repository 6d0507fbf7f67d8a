package store

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
)

// What bounds a task of a scan of summaries: bins, and where samples are decoded
// anyway, blocks.
const (
	binsPerTask    = 8192
	decodesPerTask = 256
)

// Summaries returns the selection's summaries as a stream of
// columnar.SummarySchema. A series has one row for every bin in which it has
// samples, of whatever quality, in the wanted ranges; the row's summary is of the
// wanted qualities alone and may be of no samples. The context ends the stream's
// work; the stream must be closed.
func (s *Store) Summaries(ctx context.Context, sel columnar.Selection) (columnar.Stream, error) {
	if err := checkSelection(&sel, true); err != nil {
		return nil, err
	}
	v, err := s.pin(ctx, &sel)
	if err != nil {
		return nil, err
	}
	scan := &summaryScan{sel: &sel, view: v, room: newRoom(sel.Memory)}
	if err := scan.room.keep(builderBytes(sel.Stats)); err != nil {
		v.release()
		return nil, err
	}
	rows := &summaryRows{
		room:    scan.room,
		stats:   sel.Stats,
		series:  sel.Series,
		tasks:   newPipeline(ctx, s.workers, func([]columnar.SummaryRow) {}, scan.plan),
		builder: newBuilder(sel.Stats),
	}
	return &stream{
		schema: columnar.SummarySchema(sel.Stats),
		next:   rows.next,
		close: func() {
			rows.tasks.close()
			freeBuilder(rows.builder, sel.Stats)
			scan.room.close()
			v.release()
		},
	}, nil
}

// summaryRows makes batches of what the tasks return. It joins the rows of one
// bin, which tasks may have cut in two; that changes no bit (C3).
type summaryRows struct {
	room    *room
	stats   columnar.Stats
	series  []columnar.Series
	tasks   *pipeline[[]columnar.SummaryRow]
	builder *columnar.SummaryBuilder
	last    columnar.SummaryRow   // of the task before, to be joined
	pending bool                  // last is set
	rows    []columnar.SummaryRow // of the present task, not yet in a batch
	task    []columnar.SummaryRow // all of the present task
}

// free keeps the rows of the task, which are all in batches, for another.
func (s *summaryRows) free() {
	if n := cap(s.task); n > 0 && n <= pooledRows {
		clear(s.task)
		rows := s.task[:0]
		summaryRowPool.Put(&rows)
	}
	s.task = nil
}

// next returns the next batch.
func (s *summaryRows) next(ctx context.Context) (arrow.RecordBatch, error) {
	for s.builder.Len() < summaryBatchRows {
		if len(s.rows) == 0 {
			s.free()
			s.room.next()
			rows, err := s.tasks.next(ctx)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			s.room.taken()
			s.rows, s.task = rows, rows
			continue
		}
		row := &s.rows[0]
		s.rows = s.rows[1:]
		if s.pending && sameBin(&s.last, row) {
			join(s.series[row.Series].Grid, &s.last, row, s.stats)
			continue
		}
		if s.pending {
			s.builder.Append(&s.last)
		}
		s.last, s.pending = *row, true
	}
	if s.builder.Len() < summaryBatchRows && s.pending {
		s.builder.Append(&s.last)
		s.pending = false
	}
	if s.builder.Len() == 0 {
		return nil, io.EOF
	}
	return s.builder.NewBatch(), nil
}

func sameBin(a, b *columnar.SummaryRow) bool {
	return a.Series == b.Series && a.Time == b.Time && a.Local == b.Local
}

// join makes row the row of its run and the one of next.
func join(g columnar.Grid, row, next *columnar.SummaryRow, stats columnar.Stats) {
	row.Counts.Add(next.Counts)
	row.Covered += next.Covered
	g.Merge(&row.Summary, &next.Summary, stats)
}

// summaryScan makes the tasks of a scan of summaries.
type summaryScan struct {
	sel  *columnar.Selection
	view *view
	room *room
}

// plan emits the tasks: a run of slots of a series each.
func (s *summaryScan) plan(ctx context.Context, emit func(task[[]columnar.SummaryRow]) error) error {
	for i, series := range s.sel.Series {
		pieces, err := s.view.pieces(ctx, s.sel, i)
		if err != nil {
			return err
		}
		if len(pieces) == 0 {
			continue
		}
		g := series.Grid
		begin, end := g.BlockSlot(pieces[0].first), g.BlockSlot(pieces[len(pieces)-1].last+1)
		var runs []slotRun
		budget := int64(0)
		for _, r := range s.sel.Ranges[i] {
			from, to := max(g.SlotAtOrAfter(r.From), begin), min(g.SlotAtOrAfter(r.To), end)
			for from < to {
				if budget <= 0 {
					if len(runs) > 0 {
						if err := s.emit(ctx, s.task(i, pieces, runs), s.rows(i, runs), emit); err != nil {
							return err
						}
					}
					runs, budget = nil, s.budget(i, from)
				}
				cut := to
				if to-from > budget {
					cut = min(g.BlockSlot(g.Block(from+budget)+1), to)
				}
				runs = append(runs, slotRun{from, cut})
				budget -= cut - from
				from = cut
			}
		}
		if len(runs) > 0 {
			if err := s.emit(ctx, s.task(i, pieces, runs), s.rows(i, runs), emit); err != nil {
				return err
			}
		}
	}
	return nil
}

// rows returns about how many rows runs of slots of a series make.
func (s *summaryScan) rows(i int, runs []slotRun) int64 {
	g := s.sel.Series[i].Grid
	slots := int64(0)
	for _, r := range runs {
		slots += r.to - r.from
	}
	bin := s.sel.Bins[i].Bin(g.Time(runs[0].from))
	width := max(g.SlotAtOrAfter(min(bin.To, columnar.MaxTime))-g.Slot(max(bin.From, columnar.MinTime)), 1)
	return slots/width + int64(len(runs))
}

// emit emits a task that makes so many rows, when there is room for it.
func (s *summaryScan) emit(ctx context.Context, t task[[]columnar.SummaryRow], rows int64, emit func(task[[]columnar.SummaryRow]) error) error {
	if err := s.room.begin(ctx, rows*summaryRowBytes); err != nil {
		return err
	}
	return emit(t)
}

// slotRun is the slots [from, to).
type slotRun struct{ from, to int64 }

// budget returns the number of slots of a task that begins at slot from.
func (s *summaryScan) budget(i int, from int64) int64 {
	g := s.sel.Series[i].Grid
	if s.sel.Decode {
		return decodesPerTask * g.BlockLen
	}
	bin := s.sel.Bins[i].Bin(g.Time(from))
	last := g.SlotAtOrAfter(min(bin.To, columnar.MaxTime))
	return max(last-g.Slot(max(bin.From, columnar.MinTime)), 1) * binsPerTask
}

func (s *summaryScan) task(i int, pieces []piece, runs []slotRun) task[[]columnar.SummaryRow] {
	return func(ctx context.Context) ([]columnar.SummaryRow, error) {
		f := folder{
			sel: s.sel, view: s.view, series: s.sel.Series[i], bins: s.sel.Bins[i], pieces: pieces,
			loader: s.view.newLoader(columnar.PartValues | columnar.PartStatus),
		}
		f.loader.series = f.series
		f.row.Series = int32(i)
		for _, r := range runs {
			if err := f.run(ctx, r.from, r.to); err != nil {
				return nil, err
			}
		}
		f.finish()
		return f.rows, nil
	}
}
