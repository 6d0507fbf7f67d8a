package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis/columnar"
)

// held are rows in memory. It is no stream itself: stream makes one, any number of
// times.
type held struct {
	schema  *arrow.Schema
	batches []arrow.RecordBatch
}

// hold drains a stream, which it does not close.
func hold(ctx context.Context, rows columnar.Stream) (*held, error) {
	h := &held{schema: rows.Schema()}
	for {
		batch, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return h, nil
		}
		if err != nil {
			return nil, err
		}
		h.batches = append(h.batches, batch)
	}
}

// count returns the number of rows.
func (h *held) count() int64 {
	n := int64(0)
	for _, b := range h.batches {
		n += b.NumRows()
	}
	return n
}

// stream returns a stream of the rows.
func (h *held) stream() columnar.Stream { return &replay{held: h} }

// replay is a stream of rows that are held.
type replay struct {
	held *held
	next int
}

// Schema returns the schema of the rows.
func (r *replay) Schema() *arrow.Schema { return r.held.schema }

// Next returns the next batch.
func (r *replay) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.next == len(r.held.batches) {
		return nil, io.EOF
	}
	r.next++
	batch := r.held.batches[r.next-1]
	batch.Retain()
	return batch, nil
}

// Close does nothing.
func (r *replay) Close() error { return nil }

// rounded returns the rows as people read them: doubles with two digits after the
// point, below one another.
func (h *held) rounded() *held {
	out := &held{batches: make([]arrow.RecordBatch, len(h.batches))}
	fields := h.schema.Fields()
	columns := make([][]arrow.Array, len(h.batches))
	for i, b := range h.batches {
		columns[i] = b.Columns()
	}
	for k := range fields {
		if fields[k].Type.ID() != arrow.FLOAT64 {
			continue
		}
		width := utf8.RuneCountInString(fields[k].Name)
		for i := range columns {
			for _, text := range decimals(columns[i][k].(*array.Float64)) {
				width = max(width, utf8.RuneCountInString(text))
			}
		}
		for i := range columns {
			b := array.NewStringBuilder(memory.DefaultAllocator)
			for _, text := range decimals(columns[i][k].(*array.Float64)) {
				b.Append(fmt.Sprintf("%*s", width, text))
			}
			columns[i][k] = b.NewArray()
		}
		fields[k] = arrow.Field{Name: fmt.Sprintf("%*s", width, fields[k].Name), Type: arrow.BinaryTypes.String}
	}
	out.schema = arrow.NewSchema(fields, nil)
	for i, b := range h.batches {
		out.batches[i] = array.NewRecordBatch(out.schema, columns[i], b.NumRows())
	}
	return out
}

// decimals returns doubles as texts of two digits after the point.
func decimals(a *array.Float64) []string {
	out := make([]string, a.Len())
	for i := range out {
		if out[i] = "∅"; a.IsValid(i) {
			out[i] = strconv.FormatFloat(a.Value(i), 'f', 2, 64)
		}
	}
	return out
}
