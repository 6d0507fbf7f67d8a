package engine

import (
	"context"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/engine/ingest"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

// Ingest is a stream of batches of samples that are being taken in.
type Ingest struct {
	engine  *Engine
	session *Session
	reader  *ingest.Reader
	counts  ingest.Counts // of what is durable
}

// NewIngest begins a stream of batches. Time stamps without a zone are read on the
// clock of opts.Zone, or else of the session's zone.
func (e *Engine) NewIngest(s *Session, opts ingest.Options) *Ingest {
	if opts.Zone == nil {
		opts.Zone = s.Zone()
	}
	if opts.OffGrid == ingest.OffGridUnsaid {
		opts.OffGrid = s.offGrid()
	}
	return &Ingest{engine: e, session: s, reader: ingest.NewReader(ingestCatalog{e, s}, opts)}
}

// Write takes in one batch. When it returns nil the batch's samples are durable and
// visible; when it returns an error none of them is stored.
func (in *Ingest) Write(ctx context.Context, batch arrow.RecordBatch) (err error) {
	defer recoverInto(&err, in.engine.opts.Logger)
	samples, err := in.reader.Read(ctx, batch)
	if err != nil {
		return err
	}
	defer in.reader.Release()
	if err := in.engine.opts.Store.Append(ctx, samples); err != nil {
		return err
	}
	before := in.counts
	in.counts = in.reader.Counts()
	in.engine.grid.add(before, in.counts)
	return nil
}

// gridTotals are sums over all that was stored since the engine was made.
type gridTotals struct{ moved, collided atomic.Int64 }

// add adds what became of a stream between two of its counts.
func (t *gridTotals) add(before, after ingest.Counts) {
	t.moved.Add(after.Moved - before.Moved)
	t.collided.Add(after.Collided - before.Collided)
}

// OffGrid returns how many samples have been stored since the engine was made that did
// not stand where their slots begin, and how many gave way to another of their batch.
func (e *Engine) OffGrid() (moved, collided int64) {
	return e.grid.moved.Load(), e.grid.collided.Load()
}

// Counts returns what the stream has taken in so far.
func (in *Ingest) Counts() ingest.Counts { return in.counts }

// Template returns a series with the given attributes, named and written as in
// INSERT INTO series; the others have their defaults. It serves as
// ingest.Options.Template.
func Template(attributes map[string]string) (*meta.Series, error) {
	values := make(map[string]plan.Literal, len(attributes))
	for name, text := range attributes {
		values[name] = plan.Literal{Value: text, T: plan.Text}
	}
	values["series"] = plan.Literal{Value: "template", T: plan.Text}
	s, err := newSeries(values)
	if err != nil {
		return nil, err
	}
	return &s, nil
}
