package ingest

import (
	"context"
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
	// Lookup returns a series by name.
	Lookup(ctx context.Context, name string) (meta.Series, bool, error)
	// CreateSeries adds series and returns them with their ids.
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
}

// Counts say what became of the rows that a Reader has seen.
type Counts struct {
	Rows    int64 // rows of the batches
	Samples int64 // samples made of them
	Empty   int64 // of these, samples without a value
	Created int64 // series created
}

// Reader turns batches of one stream into samples. It remembers the last time stamp
// of each series, to resolve repeated hours across batches (I3). It is used by one
// goroutine at a time.
type Reader struct {
	catalog Catalog
	opts    Options
	series  map[string]*target
	counts  Counts
}

// target is a series that samples go to.
type target struct {
	meta   meta.Series
	clock  *zone.Resolver // for stamps without a zone; made when first needed
	states map[string]int64
	rows   []int32 // rows of the batch at hand, in order
}

// NewReader returns a reader for one stream of batches.
func NewReader(catalog Catalog, opts Options) *Reader {
	return &Reader{catalog: catalog, opts: opts, series: map[string]*target{}}
}

// Counts returns what the batches so far amounted to.
func (r *Reader) Counts() Counts { return r.counts }

// Read returns the samples of a batch, series by series. They may share memory with
// the batch: whoever keeps them longer than it copies them. Errors of the user are
// plan.Errors.
func (r *Reader) Read(ctx context.Context, batch arrow.RecordBatch) ([]columnar.Samples, error) {
	cols, err := r.columns(batch)
	if err != nil {
		return nil, err
	}
	var out []columnar.Samples
	if cols.series != nil {
		out, err = r.long(ctx, cols)
	} else {
		out, err = r.wide(ctx, cols)
	}
	if err != nil {
		return nil, err
	}
	r.counts.Rows += batch.NumRows()
	for i := range out {
		r.counts.Samples += int64(out[i].Len())
		if out[i].Void != nil {
			r.counts.Empty += int64(out[i].Void.Count())
		}
	}
	return out, nil
}

// find returns the target for a series' name, creating the series where allowed.
func (r *Reader) find(ctx context.Context, name string) (*target, error) {
	if t, ok := r.series[name]; ok {
		return t, nil
	}
	s, ok, err := r.catalog.Lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	if !ok {
		if r.opts.Template == nil {
			return nil, plan.Errorf(0, plan.CodeUnknownSeries, "series %q does not exist", name).
				WithHint("create it with INSERT INTO series (series, type, sample_t, ...), or send a template that unknown series are made from")
		}
		if s, err = r.create(ctx, name); err != nil {
			return nil, err
		}
	}
	t := &target{meta: s}
	if len(s.States) > 0 {
		t.states = make(map[string]int64, len(s.States))
		for i, state := range s.States {
			t.states[state] = int64(i)
		}
	}
	r.series[name] = t
	return t, nil
}

// create makes a series from the template.
func (r *Reader) create(ctx context.Context, name string) (meta.Series, error) {
	s := *r.opts.Template
	s.ID, s.Name = 0, name
	made, err := r.catalog.CreateSeries(ctx, []meta.Series{s})
	if err != nil {
		return meta.Series{}, fmt.Errorf("series %q: %w", name, err)
	}
	r.counts.Created++
	return made[0], nil
}

// rowError is a mistake in a row of a batch, counted from 1.
func rowError(row int, code, format string, args ...any) *plan.Error {
	return plan.Errorf(0, code, "row %d: %s", row+1, fmt.Sprintf(format, args...))
}

// shorten cuts what a message quotes.
func shorten(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:57], "") + "..."
	}
	return s
}
