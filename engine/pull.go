package engine

import (
	"context"
	"io"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// pulled is a stream of the rows that a function makes, which runs as far as the
// stream is read.
type pulled struct {
	fields []plan.Field
	next   func() (arrow.RecordBatch, bool)
	stop   func()
	err    error // of the function
	ended  bool
}

// pullRows is the number of rows in a batch of such a stream.
const pullRows = 4096

// pull returns the stream of the rows that produce gives to row, until that returns
// false.
func pull(fields []plan.Field, produce func(row func(values ...any) bool) error) *pulled {
	p := &pulled{fields: fields}
	p.next, p.stop = iter.Pull(func(yield func(arrow.RecordBatch) bool) {
		b := newRowBuilder(fields)
		wanted := true
		p.err = produce(func(values ...any) bool {
			if b.row(values...); b.cols[0].Len() < pullRows {
				return true
			}
			full := b.batch()
			b = newRowBuilder(fields)
			wanted = yield(full)
			return wanted
		})
		if p.err == nil && wanted && b.cols[0].Len() > 0 {
			yield(b.batch())
		}
	})
	return p
}

// Schema returns the schema of the rows.
func (p *pulled) Schema() *arrow.Schema { return eval.Schema(p.fields) }

// Next returns the next batch.
func (p *pulled) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.ended {
		return nil, io.EOF
	}
	if batch, ok := p.next(); ok {
		return batch, nil
	}
	p.ended = true
	if p.err != nil {
		return nil, p.err
	}
	return nil, io.EOF
}

// Close ends the function.
func (p *pulled) Close() error {
	p.ended = true
	p.stop()
	return nil
}
