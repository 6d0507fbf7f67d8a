package client

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/ingest"
	"github.com/trellisdb/trellis/engine/plan"
)

// embedded is a database opened by this process.
type embedded struct {
	db      *trellis.DB
	session *engine.Session
}

// OpenDir opens the database in a directory.
func OpenDir(ctx context.Context, opts trellis.Options) (Conn, error) {
	db, err := trellis.Open(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &embedded{db: db, session: db.Engine.NewSession("")}, nil
}

// Run runs a statement.
func (e *embedded) Run(ctx context.Context, statement string, params arrow.RecordBatch) (*Result, error) {
	st, err := e.db.Engine.Prepare(ctx, e.session, statement)
	if err != nil {
		return nil, shown(err, statement)
	}
	var values []plan.Literal
	if params != nil {
		if values, err = engine.ParamsFrom(params, 0); err != nil {
			return nil, shown(err, statement)
		}
	}
	if st.Update {
		n, err := e.db.Engine.Exec(ctx, e.session, st, values)
		return &Result{Changed: n}, shown(err, statement)
	}
	rows, err := e.db.Engine.Query(ctx, e.session, st, values)
	if err != nil {
		return nil, shown(err, statement)
	}
	return &Result{Rows: &embeddedRows{rows, statement}}, nil
}

// embeddedRows shows the errors of a stream with their statement.
type embeddedRows struct {
	stream
	statement string
}

// Next returns the next batch.
func (r *embeddedRows) Next(ctx context.Context) (arrow.RecordBatch, error) {
	batch, err := r.stream.Next(ctx)
	return batch, shown(err, r.statement)
}

// Ingest begins a stream of batches.
func (e *embedded) Ingest(ctx context.Context) (Ingest, error) {
	return &embeddedIngest{ctx: ctx, in: e.db.Engine.NewIngest(e.session, ingest.Options{})}, nil
}

// Close closes the database.
func (e *embedded) Close() error { return e.db.Close(context.Background()) }

// embeddedIngest hands batches to the engine.
type embeddedIngest struct {
	ctx context.Context //nolint:containedctx // the stream's life, as that of a call would be
	in  *engine.Ingest
}

// Write stores a batch.
func (i *embeddedIngest) Write(batch arrow.RecordBatch) error {
	err := i.in.Write(i.ctx, batch)
	var mistake *plan.Error
	if errors.As(err, &mistake) {
		return &StatementError{Shown: mistake.Show(""), Err: err}
	}
	return err
}

// Durable returns the samples of the batches so far.
func (i *embeddedIngest) Durable() int64 { return i.in.Counts().Samples }

// Close has nothing to wait for.
func (i *embeddedIngest) Close() error { return nil }

// Backfill begins a stream of batches that become one edit.
func (e *embedded) Backfill(ctx context.Context, reason, source string) (Backfill, error) {
	session := e.db.Engine.NewSession("")
	author, _ := e.session.Value("trellis.author")
	for name, value := range map[string]string{"trellis.author": author, "trellis.reason": reason, "trellis.source": source} {
		if err := session.Set(name, &value); err != nil {
			return nil, shown(err, "")
		}
	}
	in, err := e.db.Engine.NewBackfill(ctx, session, ingest.Options{})
	if err != nil {
		return nil, shown(err, "")
	}
	return &embeddedBackfill{ctx: ctx, in: in}, nil
}

// embeddedBackfill hands batches to an edit of the engine.
type embeddedBackfill struct {
	ctx     context.Context //nolint:containedctx // the stream's life, as that of a call would be
	in      *engine.Backfill
	durable int64
}

// Write gives a batch to the edit.
func (b *embeddedBackfill) Write(batch arrow.RecordBatch) error {
	return shown(b.in.Write(b.ctx, batch), "")
}

// Durable returns the samples of the edit once it is committed.
func (b *embeddedBackfill) Durable() int64 { return b.durable }

// Commit makes the edit.
func (b *embeddedBackfill) Commit() (Edited, error) {
	made, err := b.in.Commit(b.ctx)
	if err != nil {
		return Edited{}, shown(err, "")
	}
	b.durable = b.in.Counts().Samples
	return Edited{ID: made.ID, Inserted: made.Inserted, Replaced: made.Replaced}, nil
}

// Close gives up what was not committed.
func (b *embeddedBackfill) Close() error { return b.in.Close() }
