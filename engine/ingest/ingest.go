package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

// Catalog is what ingest asks of the catalog.
type Catalog interface {
	// Lookup returns the series of these names, in their order; one that does not
	// exist is returned as the zero Series.
	Lookup(ctx context.Context, names []string) ([]meta.Series, error)
	// CreateSeries adds series, all or none, and returns them with their ids.
	CreateSeries(ctx context.Context, series []meta.Series) ([]meta.Series, error)
}

// Options say how batches are to be read.
type Options struct {
	// Zone is the clock of time stamps without a zone; nil: they are refused.
	Zone *zone.Zone
	// Template, where not nil, makes the series that do not exist: a copy of it
	// under the name in question. Otherwise unknown series are refused.
	Template *meta.Series
	// Renamed gives columns of the batch the names that long batches have, as
	// "tag" → "series"; nil: none.
	Renamed map[string]string
	// Starts says that times are those at which slots begin, whatever end of its
	// interval a series stamps.
	Starts bool
	// OffGrid says what becomes of samples off the grid.
	OffGrid OffGrid
}

// Counts say what became of the rows that a Reader has seen.
type Counts struct {
	Rows    int64 // rows of the batches
	Samples int64 // samples made of them
	Empty   int64 // of these, samples without a value
	Created int64 // series created

	Moved    int64 // samples off the grid, which stand where their slots begin now
	MaxShift int64 // µs, the farthest that one of these was moved
	Collided int64 // samples of which a later one of the same batch took the slot
}

// Reader turns batches of one stream into samples. It remembers the last time stamp
// of each series, to resolve repeated hours across batches (I3). It is used by one
// goroutine at a time.
type Reader struct {
	catalog Catalog
	opts    Options
	series  map[string]*target
	counts  Counts
	batches int64 // that were begun

	// What is used again from batch to batch.
	head          *heading
	order, before []*target // the series of this batch and of the one before it
	parts         []part
	samples       []columnar.Samples
	rows          []int32 // 0, 1, 2, ...
}

// target is a series that samples go to.
type target struct {
	meta   meta.Series
	states map[string]int64
	clock  *zone.Resolver // for stamps without a zone; made when first needed
	missed bool           // it is made of the template, and not in the catalog yet
	fresh  bool           // no batch with it has been taken

	// Of the batch at hand:
	batch int64          // the number of the batch, where it holds the series
	place int32          // among the series of the batch
	next  *zone.Resolver // what clock becomes when the batch is taken
}

// NewReader returns a reader for one stream of batches.
func NewReader(catalog Catalog, opts Options) *Reader {
	return &Reader{catalog: catalog, opts: opts, series: map[string]*target{}}
}

// Counts returns what the batches so far amounted to.
func (r *Reader) Counts() Counts { return r.counts }

// Read returns the samples of a batch, series by series. The slice is the reader's until
// the next batch is read, and they may share memory with the batch: whoever keeps them
// longer copies them. Errors of the user are
// plan.Errors; after one the reader is as if it had not seen the batch (I1).
func (r *Reader) Read(ctx context.Context, batch arrow.RecordBatch) ([]columnar.Samples, error) {
	c, err := r.columns(batch)
	if err != nil {
		return nil, err
	}
	var parts []part
	if c.series != nil {
		parts, err = r.long(ctx, c)
	} else {
		parts, err = r.wide(ctx, c)
	}
	if err != nil {
		return nil, inBatch(err)
	}
	r.parts = parts
	defer func() { clear(r.parts) }()
	if cap(r.samples) < len(parts) {
		r.samples = make([]columnar.Samples, len(parts))
	}
	out := r.samples[:len(parts)]
	r.samples = out
	var first error
	var lies gridCounts
	for i := range parts {
		p, err := &parts[i], error(nil)
		if c.time.local != nil {
			p.target.next = nil
		}
		if out[i], err = c.samples(p.target, p.rows, p.from); err != nil {
			first = earlier(first, err)
			continue
		}
		l, err := r.checkGrid(p, &out[i])
		first = earlier(first, err)
		lies.add(l)
	}
	if first != nil {
		return nil, inBatch(first)
	}
	if err := r.create(ctx, parts, out); err != nil {
		return nil, err
	}
	r.counts.Rows += batch.NumRows()
	r.counts.Moved += lies.moved
	r.counts.Collided += lies.collided
	r.counts.MaxShift = max(r.counts.MaxShift, lies.shift)
	for i := range out {
		if c.time.local != nil {
			parts[i].target.clock = parts[i].target.next
		}
		r.counts.Samples += int64(out[i].Len())
		if out[i].Void != nil {
			r.counts.Empty += int64(out[i].Void.Count())
		}
	}
	return out, nil
}

// Release lets go of the samples of the last batch, and of the batch with them.
func (r *Reader) Release() { clear(r.samples) }

// part is what a batch holds for one series.
type part struct {
	target *target
	rows   []int32 // its rows, in order
	from   source
}

// find returns the targets of names, in their order. Those that are not in the
// catalog are made of the template, or refused with the row in which they stand.
func (r *Reader) find(ctx context.Context, names []string, rows []int) ([]*target, error) {
	found, err := r.catalog.Lookup(ctx, names)
	if err != nil {
		return nil, err
	}
	out := make([]*target, len(names))
	for i, s := range found {
		missed := s.Name == ""
		if missed && r.opts.Template == nil {
			return nil, rowError(rows[i], plan.CodeUnknownSeries, "series %q does not exist", shorten(names[i])).
				withHint("Create it with INSERT INTO series (series, type, sample_t, ...), or send a template that unknown series are made from.")
		}
		if missed {
			s = *r.opts.Template
			s.ID, s.Name = 0, names[i]
			s = s.WithDefaults()
		}
		s.LabelEnd = s.LabelEnd && !r.opts.Starts
		t := &target{meta: s, missed: missed, fresh: true}
		if len(s.States) > 0 {
			t.states = make(map[string]int64, len(s.States))
			for i, state := range s.States {
				t.states[state] = int64(i)
			}
		}
		out[i] = t
	}
	return out, nil
}

// create makes the series that are missing, and remembers all that are new.
func (r *Reader) create(ctx context.Context, parts []part, samples []columnar.Samples) error {
	var missing []meta.Series
	for _, p := range parts {
		if p.target.missed {
			missing = append(missing, p.target.meta)
		}
	}
	if len(missing) > 0 {
		made, err := r.catalog.CreateSeries(ctx, missing)
		if err != nil {
			return fmt.Errorf("series made from the template: %w", err)
		}
		byName := make(map[string]meta.Series, len(made))
		for _, s := range made {
			byName[s.Name] = s
		}
		for i, p := range parts {
			if p.target.missed {
				p.target.meta, p.target.missed = byName[p.target.meta.Name], false
				samples[i].Series = p.target.meta.Series
			}
		}
		r.counts.Created += int64(len(made))
	}
	for _, p := range parts {
		if p.target.fresh {
			p.target.fresh = false
			r.series[p.target.meta.Name] = p.target
		}
	}
	return nil
}

// rowMistake is a user's mistake in a row of a batch.
type rowMistake struct {
	row int // from 0; -1: none in particular
	err *plan.Error
}

// Error returns the message with the row, counted from 1.
func (m *rowMistake) Error() string { return m.inBatch().Error() }

func (m *rowMistake) withHint(format string, args ...any) *rowMistake {
	return &rowMistake{m.row, m.err.WithHint(format, args...)}
}

// inBatch is the mistake as the user is told.
func (m *rowMistake) inBatch() *plan.Error {
	if m.row < 0 {
		return m.err
	}
	with := *m.err
	with.Msg = fmt.Sprintf("row %d: %s", m.row+1, with.Msg)
	return &with
}

// rowError is a mistake in a row of a batch, counted from 0.
func rowError(row int, code, format string, args ...any) *rowMistake {
	return &rowMistake{row, plan.Errorf(0, code, format, args...)}
}

// earlier returns the error that stands in the earlier row; one that is no mistake
// in a row comes first.
func earlier(a, b error) error {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	var ma, mb *rowMistake
	if errors.As(a, &ma) && errors.As(b, &mb) && mb.row < ma.row || errors.As(a, &ma) && !errors.As(b, &mb) {
		return b
	}
	return a
}

// inBatch turns a mistake in a row into the plan.Error that the user is told.
func inBatch(err error) error {
	var m *rowMistake
	if errors.As(err, &m) {
		return m.inBatch()
	}
	return err
}

// shorten cuts what a message quotes.
func shorten(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:57], "") + "..."
	}
	return s
}
