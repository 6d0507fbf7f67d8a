package columnar

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
)

// Stream is a sequence of Arrow record batches of one schema: what the store
// returns, what every operator is, and what the Flight server drains.
//
// A stream is used by one goroutine at a time.
type Stream interface {
	// Schema returns the schema of every batch; it may be called at any time.
	Schema() *arrow.Schema
	// Next returns the next batch, which the caller releases, or io.EOF after the
	// last. It returns soon after ctx is done. After an error the stream yields
	// nothing more.
	Next(ctx context.Context) (arrow.RecordBatch, error)
	// Close gives back what the stream holds, whether it was drained or not. It
	// may be called more than once.
	Close() error
}
