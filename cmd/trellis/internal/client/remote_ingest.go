package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// samplesPath is the path of plain Flight that takes batches of samples in.
const samplesPath = "samples"

// remoteIngest is a DoPut call. The server answers every batch that it has stored for
// good with counts, which a goroutine of its own receives, so that many batches may be
// on their way. Batches of another schema than the one before begin another call.
type remoteIngest struct {
	conn   *remote
	ctx    context.Context //nolint:containedctx // the stream's life: gRPC ends a call by its context
	cancel context.CancelFunc
	call   *put
	stored atomic.Int64

	options []byte // of each call, as JSON; nil: none
}

// put is one call.
type put struct {
	stream flight.FlightService_DoPutClient
	writer *flight.Writer
	schema *arrow.Schema
	done   sync.WaitGroup
	last   acknowledgement // once done
	err    error           // of the server, once done
}

// acknowledgement is what the server answers to a batch: what the call has stored so
// far.
type acknowledgement struct {
	Samples int64 `json:"samples"`
	Staged  bool  `json:"staged"` // none of them is stored yet
	Edited
}

// Ingest begins a stream of batches.
func (r *remote) Ingest(ctx context.Context) (Ingest, error) {
	ctx, cancel := context.WithCancel(ctx)
	return &remoteIngest{conn: r, ctx: ctx, cancel: cancel}, nil
}

// Write sends a batch.
func (i *remoteIngest) Write(batch arrow.RecordBatch) error {
	if i.call != nil && !i.call.schema.Equal(batch.Schema()) {
		if err := i.finish(); err != nil {
			return err
		}
	}
	if i.call == nil {
		if err := i.begin(batch.Schema()); err != nil {
			return err
		}
	}
	if err := i.call.writer.Write(batch); err != nil {
		if !errors.Is(err, io.EOF) {
			return fromStatus(err, i.conn.address)
		}
		// The server has ended the call: the reason is in its answer.
		if err := i.finish(); err != nil {
			return err
		}
		return fmt.Errorf("server %s: the server has ended the stream of samples early", i.conn.address)
	}
	return nil
}

// begin starts a call for batches of a schema.
func (i *remoteIngest) begin(schema *arrow.Schema) error {
	stream, err := i.conn.sql.Client.DoPut(i.ctx)
	if err != nil {
		return fromStatus(err, i.conn.address)
	}
	p := &put{stream: stream, schema: schema}
	p.writer = flight.NewRecordWriter(&withOptions{stream, i.options}, ipc.WithSchema(schema))
	p.writer.SetFlightDescriptor(&flight.FlightDescriptor{Type: flight.DescriptorPATH, Path: []string{samplesPath}})
	before := i.stored.Load()
	p.done.Go(func() {
		p.err = p.receive(func(a acknowledgement) {
			if !a.Staged {
				i.stored.Store(before + a.Samples)
			}
			p.last = a
		})
	})
	i.call = p
	return nil
}

// withOptions sends options in the first message of a stream; nil: none.
type withOptions struct {
	flight.DataStreamWriter
	options []byte
}

// Send sends a message.
func (w *withOptions) Send(data *flight.FlightData) error {
	data.AppMetadata, w.options = w.options, nil
	err := w.DataStreamWriter.Send(data)
	data.AppMetadata = nil // the writer uses the message again
	return err
}

// receive calls stored for each of the server's answers until the call ends.
func (p *put) receive(stored func(acknowledgement)) error {
	for {
		answer, err := p.stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var counts acknowledgement
		if len(answer.GetAppMetadata()) > 0 {
			if err := json.Unmarshal(answer.GetAppMetadata(), &counts); err != nil {
				return fmt.Errorf("the server's answer is no JSON: %w", err)
			}
		}
		stored(counts)
	}
}

// finish ends the call that is under way and waits for its last answer.
func (i *remoteIngest) finish() error {
	p := i.call
	if p == nil {
		return nil
	}
	i.call = nil
	closed := errors.Join(p.writer.Close(), p.stream.CloseSend())
	p.done.Wait()
	if p.err != nil {
		return fromStatus(p.err, i.conn.address)
	}
	return fromStatus(closed, i.conn.address)
}

// Durable returns the samples that the server has answered for.
func (i *remoteIngest) Durable() int64 { return i.stored.Load() }

// Close waits for the answers to all batches.
func (i *remoteIngest) Close() error {
	err := i.finish()
	i.cancel()
	return err
}

// remoteBackfill is a DoPut call that the server makes an edit of when it ends.
type remoteBackfill struct {
	remoteIngest
	samples int64
}

// Backfill begins a stream of batches that become one edit.
func (r *remote) Backfill(ctx context.Context, reason, source string) (Backfill, error) {
	options, err := json.Marshal(map[string]string{"edit": "backfill", "reason": reason, "source": source})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	return &remoteBackfill{remoteIngest: remoteIngest{conn: r, ctx: ctx, cancel: cancel, options: options}}, nil
}

// Write sends a batch.
func (b *remoteBackfill) Write(batch arrow.RecordBatch) error {
	if b.call != nil && !b.call.schema.Equal(batch.Schema()) {
		return errors.New("the batches of one edit have one schema")
	}
	b.samples += batch.NumRows()
	return b.remoteIngest.Write(batch)
}

// Commit ends the call, which makes the edit.
func (b *remoteBackfill) Commit() (Edited, error) {
	call := b.call
	err := b.remoteIngest.Close()
	if err != nil || call == nil {
		return Edited{}, err
	}
	b.stored.Store(b.samples)
	return call.last.Edited, nil
}

// Close breaks the call off, unless it has ended: the server forgets it.
func (b *remoteBackfill) Close() error {
	b.cancel()
	if b.call != nil {
		b.call.done.Wait()
		b.call = nil
	}
	return nil
}
