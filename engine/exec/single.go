package exec

import (
	"context"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
)

// single is a stream of one batch, which it releases.
type single struct{ batch arrow.RecordBatch }

// Schema implements columnar.Stream.
func (s *single) Schema() *arrow.Schema {
	if s.batch == nil {
		return arrow.NewSchema(nil, nil)
	}
	return s.batch.Schema()
}

// Next implements columnar.Stream.
func (s *single) Next(context.Context) (arrow.RecordBatch, error) {
	if s.batch == nil {
		return nil, io.EOF
	}
	b := s.batch
	s.batch = nil
	return b, nil
}

// Close implements columnar.Stream.
func (s *single) Close() error {
	if s.batch != nil {
		s.batch.Release()
		s.batch = nil
	}
	return nil
}
