package flight

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	arrowmemory "github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/plan"
)

// checkedPut is an incoming stream whose messages have been checked (F3). The first
// message, which has been looked at, is received once more.
type checkedPut struct {
	flight.FlightService_DoPutServer
	check    incoming
	first    *flight.FlightData
	stopping <-chan struct{}

	held *memory.Hold // by the batch at hand
	kept *memory.Hold // by the schema and the dictionaries
}

// ingestFactor is how many bytes a batch takes for each of its own until it is stored,
// beside those of its message: its values series by series with their slots; the record
// of the log. Measured with long batches of doubles, which take the most.
const ingestFactor = 3

// keptFree is what the schema and the dictionaries of a stream may take that nobody counts.
const keptFree = 16 << 10

// reserve takes the memory that the batch at hand needs until the next one is asked
// for, and waits for it: meanwhile nothing is read from the stream, so that the
// transport slows its client down.
func (p *checkedPut) reserve() error {
	if before, _ := p.kept.Held(); p.check.kept > before+keptFree {
		if err := p.kept.TryReserve(p.check.kept - before); err != nil {
			return within(toStatus(err).Err(), "the stream's schema and dictionaries")
		}
	}
	n := ingestFactor*p.check.raw + columnBytes*int64(p.check.columns)
	return p.wait(func(ctx context.Context) error { return p.held.Reserve(ctx, n) })
}

// wait calls f with a context that ends with the stream or when the server stops.
func (p *checkedPut) wait(f func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancel(p.Context())
	defer cancel()
	go func() {
		select {
		case <-p.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := f(ctx)
	if err != nil && ctx.Err() != nil && p.Context().Err() == nil {
		return errStopping
	}
	return err
}

// Recv returns the next message, errStopping once the server shuts down. A stream may
// be idle for days, and nothing but its end ends a pending Recv of gRPC's: that one is
// left behind, and ends as soon as the call has returned.
func (p *checkedPut) Recv() (*flight.FlightData, error) {
	if p.first != nil {
		data := p.first
		p.first = nil
		return data, nil
	}
	select {
	case <-p.stopping:
		return nil, errStopping
	default:
	}
	p.close()
	type received struct {
		data *flight.FlightData
		err  error
	}
	next := make(chan received, 1)
	go func() {
		data, err := p.FlightService_DoPutServer.Recv()
		next <- received{data, err}
	}()
	select {
	case <-p.stopping:
		return nil, errStopping
	case m := <-next:
		if m.err != nil {
			return nil, m.err
		}
		if err := p.check.check(m.data.GetDataHeader(), m.data.GetDataBody()); err != nil {
			return nil, err
		}
		return m.data, p.reserve()
	}
}

// close gives back the memory of the message at hand.
func (p *checkedPut) close() { p.held.Release(math.MaxInt64) }

// DoPut takes in batches: of a command, or for the table that a plain path names.
func (s *service) DoPut(stream flight.FlightService_DoPutServer) error {
	in := &checkedPut{
		FlightService_DoPutServer: stream, check: incoming{limit: int64(s.server.opts.MaxMessage)}, stopping: s.server.stopping,
		held: s.server.opts.Ingest.Hold(), kept: s.server.opts.Wire.Streams.Hold(),
	}
	defer in.held.Close()
	defer in.kept.Close()
	first, err := in.Recv()
	if errors.Is(err, io.EOF) {
		return status.Error(codes.InvalidArgument, "the stream is empty: its first message has a descriptor")
	}
	if err != nil {
		return err
	}
	desc := first.GetFlightDescriptor()
	if desc == nil {
		return status.Error(codes.InvalidArgument, "the first message of a stream has to have a descriptor: a command of Flight SQL, or the path samples")
	}
	in.first = first
	if desc.GetType() == flight.DescriptorPATH {
		return s.server.putPath(in, desc.GetPath(), first.GetAppMetadata())
	}
	if _, ok := command(desc.GetCmd()); !ok {
		return status.Error(codes.InvalidArgument, "the descriptor of a stream that is written is a command of Flight SQL, or the path samples")
	}
	return s.FlightServer.DoPut(in)
}

// eachBatch calls f for every batch that comes in, after a check that its arrays are
// what they say. It counts batches from 1.
func eachBatch(reader flight.MessageReader, f func(n int, batch arrow.RecordBatch) error) error {
	for n := 1; ; n++ {
		if !reader.Next() {
			err := reader.Err()
			if errors.Is(err, errStopping) {
				return errStopping
			}
			if err != nil && (n > 1 || !errors.Is(err, io.EOF)) {
				return inBatch(malformed(err), n)
			}
			return nil
		}
		batch := reader.RecordBatch()
		if err := validate(batch); err != nil {
			return inBatch(malformed(err), n)
		}
		if err := f(n, batch); err != nil {
			return err
		}
	}
}

// malformed is the error of a client that sends what is no Arrow data. Errors of the
// stream itself, and of waiting for memory, stay what they are.
func malformed(err error) error {
	var full *memory.Refusal
	if errors.As(err, &full) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if s, ok := status.FromError(err); ok {
		return s.Err()
	}
	return status.Error(codes.InvalidArgument, shorten(fmt.Sprintf("malformed Arrow data: %v", err)))
}

// inBatch names the batch in an error; nil stays nil.
func inBatch(err error, n int) error { return within(err, fmt.Sprintf("batch %d", n)) }

// bind reads the parameters of a statement; no batch at all leaves them unbound.
// They may take as many bytes as a message.
func (w *work) bind(reader flight.MessageReader, limit int) error {
	if len(w.prepared.Params) == 0 {
		return nil
	}
	w.rows = nil // what the handle had before
	held := int64(0)
	return eachBatch(reader, func(n int, batch arrow.RecordBatch) error {
		if w.rows == nil {
			w.rows = [][]plan.Literal{}
		}
		if held += sizeOf(batch); held > int64(limit) {
			return plan.Errorf(0, plan.CodeTooMany, "the parameters take more than %d bytes", limit).
				WithHint("write samples with CommandStatementIngest, or bind fewer rows at once")
		}
		if err := w.call.holdValues(batch.NumRows() * batch.NumCols()); err != nil {
			return inBatch(err, n)
		}
		for i := range int(batch.NumRows()) {
			params, err := engine.ParamsFrom(batch, i)
			if err != nil {
				return inBatch(err, n)
			}
			w.rows = append(w.rows, params)
		}
		return nil
	})
}

// newReader returns a reader of the batches of a stream.
func newReader(in *checkedPut) (*flight.Reader, error) {
	reader, err := flight.NewRecordReader(in, ipc.WithDelayReadSchema(true), ipc.WithAllocator(memory.NewAllocator(in.held, arrowmemory.DefaultAllocator)))
	if err != nil {
		return nil, malformed(err)
	}
	return reader, nil
}
