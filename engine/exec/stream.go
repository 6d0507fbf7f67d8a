package exec

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// batchRows is the number of rows that operators which make batches put in one.
const batchRows = 1 << 16

// rows is a stream of rows that an operator computes all at once, when it is first
// asked: the output of aggregates, sorts and the like.
type rows struct {
	fields  []plan.Field
	compute func(ctx context.Context) ([]column, error)
	release func() error // nil once it was called

	done bool
	cols []column
	next int
}

// Schema implements columnar.Stream.
func (r *rows) Schema() *arrow.Schema { return eval.Schema(r.fields) }

// Next implements columnar.Stream.
func (r *rows) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if !r.done {
		r.done = true
		cols, err := r.compute(ctx)
		if err != nil {
			return nil, err
		}
		r.cols = cols
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	total := 0
	if len(r.cols) > 0 {
		total = r.cols[0].len()
	}
	if r.next >= total {
		return nil, io.EOF
	}
	from := r.next
	r.next = min(from+batchRows, total)
	return batchOf(r.Schema(), r.cols, from, r.next), nil
}

// Close implements columnar.Stream.
func (r *rows) Close() error {
	r.done, r.cols = true, nil
	if r.release == nil {
		return nil
	}
	release := r.release
	r.release = nil
	return release()
}

// batchOf returns rows [from, to) of columns as a batch.
func batchOf(schema *arrow.Schema, cols []column, from, to int) arrow.RecordBatch {
	arrays := make([]arrow.Array, len(cols))
	for i := range cols {
		v := cols[i].slice(from, to)
		arrays[i] = v.Array()
	}
	return newBatch(schema, arrays, to-from)
}

// newBatch makes a batch of arrays, which it releases.
func newBatch(schema *arrow.Schema, arrays []arrow.Array, n int) arrow.RecordBatch {
	b := array.NewRecordBatch(schema, arrays, int64(n))
	for _, a := range arrays {
		a.Release()
	}
	return b
}

// drain calls f for every batch of a stream.
func drain(ctx context.Context, s columnar.Stream, f func(arrow.RecordBatch) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := s.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = f(b)
		b.Release()
		if err != nil {
			return err
		}
	}
}

// lazy is a stream that is opened when it is first read.
type lazy struct {
	schema *arrow.Schema
	open   func(ctx context.Context) (columnar.Stream, error)
	in     columnar.Stream
	closed bool
}

// Schema implements columnar.Stream.
func (l *lazy) Schema() *arrow.Schema { return l.schema }

// Next implements columnar.Stream.
func (l *lazy) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if l.closed {
		return nil, io.EOF
	}
	if l.in == nil {
		in, err := l.open(ctx)
		if err != nil {
			l.closed = true
			return nil, err
		}
		l.in = in
	}
	return l.in.Next(ctx)
}

// Close implements columnar.Stream.
func (l *lazy) Close() error {
	l.closed = true
	if l.in == nil {
		return nil
	}
	return l.in.Close()
}
