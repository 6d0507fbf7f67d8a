package flight

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis/columnar"
)

// send runs a statement and sends its rows. It returns as soon as the client has not
// read for too long, while what waits for the client ends by itself.
func (s *Server) send(stream flight.FlightService_DoGetServer, st *statement) (err error) {
	ctx, cancel := context.WithCancelCause(stream.Context())
	idle := &idleness{to: stream, ended: make(chan error, 1)}
	sent := make(chan error, 1)
	go func() {
		defer cancel(nil)
		var err error
		defer func() {
			if p := recover(); p != nil {
				err = s.finish("DoGet", p, nil)
			}
			sent <- err
		}()
		err = s.sendAll(ctx, cancel, idle, st)
	}()
	select {
	case err := <-sent:
		return err
	case <-s.life.Done():
		return inStatement(errShutdown, st.text)
	case err := <-idle.ended:
		cancel(err)
		return inStatement(err, st.text)
	}
}

// sendAll runs a statement and sends its rows.
func (s *Server) sendAll(ctx context.Context, cancel context.CancelCauseFunc, stream *idleness, st *statement) (err error) {
	if st.id != "" {
		defer s.running.add(st.id, cancel)()
	}
	w, err := s.prepare(ctx, callOf(ctx), st)
	if err != nil {
		return err
	}
	in, err := w.query(ctx)
	if err != nil {
		return err
	}
	defer func() { err = inStatement(errors.Join(err, in.Close()), st.text) }()
	stream.watch(in, w.session)
	out := st.settings.output()
	out.bytes = s.parcelBytes
	if err := sendRows(ctx, stream, in, out); err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errCancelled) {
			return cause
		}
		timeout, _ := w.session.Value("statement_timeout")
		return withTimeout(err, timeout)
	}
	return nil
}

// leastParcel is the least that the batches of a result may have, in bytes, and
// firstParcels how many of them are as small at first.
const (
	leastParcel  = 64 << 10
	firstParcels = 4
)

// parcelBytes is what a batch of a result may have, about, when so many have been sent:
// little where there is little memory. There, the first are small, because a client who
// does not read keeps some of them, and whoever reads soon has large ones.
func (s *Server) parcelBytes(sent int) int64 {
	most := int64(s.opts.MaxMessage)
	if s.opts.Wire.Calls.Most() > 0 {
		most = min(most, 8*leastParcel<<min(max(sent-firstParcels, 0), 16))
	}
	return most / 8
}

// sendRows sends the batches of a stream, each when the transport has taken the one
// before it (F4).
func sendRows(ctx context.Context, to flight.DataStreamWriter, in columnar.Stream, out output) (err error) {
	schema := out.schema(in.Schema())
	options := []ipc.Option{ipc.WithSchema(schema)}
	if out.compression != nil {
		options = append(options, out.compression)
	}
	w := flight.NewRecordWriter(to, options...)
	defer func() { err = errors.Join(err, w.Close()) }() // sends the schema where there was no batch
	p := parcel{schema: schema, rows: out.rows, bytes: maxBatchBytes}
	defer p.drop()
	sent := 0
	write := func(batch arrow.RecordBatch) error {
		sent++
		return w.Write(batch)
	}
	for {
		if out.bytes != nil {
			p.bytes = min(out.bytes(sent), maxBatchBytes)
		}
		batch, err := in.Next(ctx)
		if errors.Is(err, io.EOF) {
			return p.flush(write)
		}
		if err != nil {
			return err
		}
		err = p.add(batch, write)
		batch.Release()
		if err != nil {
			return err
		}
	}
}

// schema returns the schema of rows as they are sent.
func (o output) schema(s *arrow.Schema) *arrow.Schema {
	if !o.naive {
		return s
	}
	fields := s.Fields()
	for i, f := range fields {
		if t, ok := f.Type.(*arrow.TimestampType); ok && t.TimeZone != "" {
			fields[i].Type = &arrow.TimestampType{Unit: t.Unit}
		}
	}
	meta := s.Metadata()
	return arrow.NewSchema(fields, &meta)
}

// parcel makes batches of the right size for the wire: small ones are joined, large
// ones are cut. It sends rows in order.
type parcel struct {
	schema *arrow.Schema
	rows   int64 // of a batch, at most
	bytes  int64 // of a batch, at most, about

	held      []arrow.RecordBatch
	heldRows  int64
	heldBytes int64
}

// add takes in a batch, and sends what has become large enough.
func (p *parcel) add(batch arrow.RecordBatch, write func(arrow.RecordBatch) error) error {
	n, size := batch.NumRows(), sizeOf(batch)
	if n == 0 {
		return nil
	}
	large := n >= p.rows/2 || size >= p.bytes/2
	if large || p.heldRows+n > p.rows || p.heldBytes+size > p.bytes {
		if err := p.flush(write); err != nil {
			return err
		}
	}
	if large {
		return p.cut(batch, size, write)
	}
	batch.Retain()
	p.held = append(p.held, batch)
	p.heldRows += n
	p.heldBytes += size
	return nil
}

// flush sends what is held.
func (p *parcel) flush(write func(arrow.RecordBatch) error) error {
	defer p.drop()
	switch len(p.held) {
	case 0:
		return nil
	case 1:
		return p.cut(p.held[0], p.heldBytes, write)
	}
	cols := make([]arrow.Array, p.schema.NumFields())
	defer func() {
		for _, c := range cols {
			if c != nil {
				c.Release()
			}
		}
	}()
	parts := make([]arrow.Array, len(p.held))
	for i := range cols {
		for k, b := range p.held {
			parts[k] = b.Column(i)
		}
		var err error
		if cols[i], err = array.Concatenate(parts, memory.DefaultAllocator); err != nil {
			return err
		}
	}
	joined := array.NewRecordBatch(p.held[0].Schema(), cols, p.heldRows)
	defer joined.Release()
	return p.cut(joined, p.heldBytes, write)
}

// drop forgets what is held.
func (p *parcel) drop() {
	for _, b := range p.held {
		b.Release()
	}
	p.held, p.heldRows, p.heldBytes = p.held[:0], 0, 0
}

// cut sends a batch in pieces that are small enough.
func (p *parcel) cut(batch arrow.RecordBatch, size int64, write func(arrow.RecordBatch) error) error {
	n := batch.NumRows()
	pieces := max((n+p.rows-1)/p.rows, (size+p.bytes-1)/p.bytes)
	if pieces <= 1 || n <= 1 {
		sent := p.dress(batch)
		defer sent.Release()
		return write(sent)
	}
	step := (n + pieces - 1) / pieces
	for from := int64(0); from < n; from += step {
		piece := batch.NewSlice(from, min(from+step, n))
		err := p.cut(piece, sizeOf(piece), write)
		piece.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// dress returns a batch with the schema under which it is sent.
func (p *parcel) dress(batch arrow.RecordBatch) arrow.RecordBatch {
	cols := make([]arrow.Array, batch.NumCols())
	for i := range cols {
		cols[i] = batch.Column(i)
		if want := p.schema.Field(i).Type; want != cols[i].DataType() {
			if _, ok := want.(*arrow.TimestampType); ok {
				d := cols[i].Data()
				data := array.NewData(want, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset())
				cols[i] = array.MakeFromData(data)
				data.Release()
				defer cols[i].Release()
			}
		}
	}
	return array.NewRecordBatch(p.schema, cols, batch.NumRows())
}

// sizeOf returns the bytes that a batch takes on the wire, about.
func sizeOf(batch arrow.RecordBatch) int64 {
	size := int64(0)
	for _, c := range batch.Columns() {
		size += arraySize(c)
	}
	return size
}

func arraySize(a arrow.Array) int64 {
	n := int64(a.Len())
	size := int64(0)
	if a.NullN() > 0 {
		size += n/8 + 8
	}
	switch a := a.(type) {
	case *array.Null:
		return 0
	case *array.String:
		return size + 4*n + int64(len(a.ValueBytes()))
	case *array.Dictionary:
		return size + 4*n + arraySize(a.Dictionary())
	}
	if t, ok := a.DataType().(arrow.FixedWidthDataType); ok {
		return size + n*int64(t.BitWidth())/8 + 8
	}
	for _, b := range a.Data().Buffers() {
		if b != nil {
			size += int64(b.Len())
		}
	}
	for _, child := range a.Data().Children() {
		c := array.MakeFromData(child)
		size += arraySize(c)
		c.Release()
	}
	return size
}
