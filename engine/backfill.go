package engine

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/ingest"
)

// Backfill is a stream of batches of samples that become one edit: what it has
// taken in is seen by nobody until Commit.
type Backfill struct {
	engine *Engine
	reader *ingest.Reader
	editor columnar.Editor
}

// NewBackfill begins an edit of kind backfill; its reason and source are those of the
// session. Time stamps without a zone are read as NewIngest does. The caller closes
// it.
func (e *Engine) NewBackfill(ctx context.Context, s *Session, opts ingest.Options) (*Backfill, error) {
	info, err := e.editInfo(s, columnar.Backfill)
	if err != nil {
		return nil, err
	}
	editor, err := e.opts.Store.Edit(ctx, info)
	if err != nil {
		return nil, err
	}
	if opts.Zone == nil {
		opts.Zone = s.Zone()
	}
	if opts.OffGrid == ingest.OffGridUnsaid {
		opts.OffGrid = s.offGrid()
	}
	return &Backfill{engine: e, reader: ingest.NewReader(ingestCatalog{e, s}, opts), editor: editor}, nil
}

// Write takes in one batch, all of it or nothing.
func (b *Backfill) Write(ctx context.Context, batch arrow.RecordBatch) (err error) {
	defer recoverInto(&err, b.engine.opts.Logger)
	samples, err := b.reader.Read(ctx, batch)
	if err != nil {
		return err
	}
	defer b.reader.Release()
	return b.editor.Write(ctx, samples)
}

// Counts returns what the stream has taken in so far.
func (b *Backfill) Counts() ingest.Counts { return b.reader.Counts() }

// Commit makes the edit durable and visible.
func (b *Backfill) Commit(ctx context.Context) (made columnar.EditResult, err error) {
	defer recoverInto(&err, b.engine.opts.Logger)
	if made, err = b.editor.Commit(ctx); err == nil {
		b.engine.grid.add(ingest.Counts{}, b.reader.Counts())
	}
	return made, err
}

// Close gives up what was not committed. It may be called more than once.
func (b *Backfill) Close() error { return b.editor.Close() }
