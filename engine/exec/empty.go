package exec

import (
	"context"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// emptyRows yields n rows of no columns.
type emptyRows struct{ n int }

// Schema implements columnar.Stream.
func (e *emptyRows) Schema() *arrow.Schema { return arrow.NewSchema(nil, nil) }

// Next implements columnar.Stream.
func (e *emptyRows) Next(context.Context) (arrow.RecordBatch, error) {
	if e.n == 0 {
		return nil, io.EOF
	}
	n := min(e.n, batchRows)
	e.n -= n
	return array.NewRecordBatch(e.Schema(), nil, int64(n)), nil
}

// Close implements columnar.Stream.
func (e *emptyRows) Close() error {
	e.n = 0
	return nil
}
