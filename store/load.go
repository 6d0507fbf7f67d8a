package store

import (
	"context"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/segment"
)

// readAhead bounds the bytes of neighbouring blocks that are read at once.
const readAhead = 1 << 20

// loader decodes blocks for one goroutine. It keeps the bytes of the run that it
// read last, and the memory of the block that it decoded last.
type loader struct {
	view    *view
	series  columnar.Series
	parts   columnar.Parts
	decoder *columnar.BlockDecoder
	block   columnar.Block // decoded from a segment; used again
	run     segment.Run
	place   place // of the run
	buffer  []byte
}

func (v *view) newLoader(parts columnar.Parts) *loader {
	return &loader{view: v, parts: parts, decoder: columnar.NewBlockDecoder()}
}

// entry returns the block of entry i of a place, valid until the next call. Of
// the entries behind it as many are read as lie before to and in readAhead.
func (l *loader) entry(ctx context.Context, at place, i, to int) (*columnar.Block, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if l.place.index != at.index || i < l.place.from || i >= l.place.to {
		if err := l.read(ctx, at, i, to); err != nil {
			return nil, err
		}
	}
	l.view.counters.Decoded.Add(1)
	err := l.run.Decode(l.decoder, i, &l.block, l.parts)
	if at.segment.again(err) {
		if err = l.read(ctx, at, i, to); err == nil {
			err = l.run.Decode(l.decoder, i, &l.block, l.parts)
		}
	}
	if err != nil {
		return nil, err
	}
	return &l.block, nil
}

// read reads the entries from i on.
func (l *loader) read(ctx context.Context, at place, i, to int) error {
	reader, err := at.segment.open(ctx)
	if err != nil {
		return err
	}
	end, bytes := i+1, at.index.Entry(i).Length
	for ; end < to; end++ {
		if bytes += at.index.Entry(end).Length; bytes > readAhead {
			break
		}
	}
	l.place = place{}
	if l.run, err = reader.ReadRun(at.index, i, end, l.buffer); err != nil {
		return err
	}
	l.buffer = l.run.Bytes()
	l.place = place{at.segment, at.index, i, end}
	l.view.counters.Bytes.Add(int64(len(l.buffer)))
	return nil
}

// head returns a block of the head, merged with its base. It is valid until the
// next call.
func (l *loader) head(ctx context.Context, p *piece) (*columnar.Block, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.view.counters.Head.Add(1)
	return l.layer(p.active, func() (*columnar.Block, error) {
		return l.layer(p.frozen, func() (*columnar.Block, error) {
			if p.damage != nil || p.place.index == nil {
				return nil, p.damage
			}
			return l.entry(ctx, p.place, p.place.from, p.place.from+1)
		})
	})
}

// layer returns a block with what the layer b, which may be nil, has of it.
func (l *loader) layer(b *headBlock, below func() (*columnar.Block, error)) (*columnar.Block, error) {
	switch {
	case b == nil:
		return below()
	case b.whole != nil:
		base := new(columnar.Block)
		if err := l.decoder.Decode(base, b.whole.encoded, l.series, b.number, columnar.AllParts); err != nil {
			return nil, err
		}
		return b.merge(l.series, base), nil
	case b.covers(l.series.Grid.BlockLen):
		return b.merge(l.series, nil), nil
	}
	base, err := below()
	if err != nil {
		return nil, err
	}
	return b.merge(l.series, base), nil
}

// stored returns the summaries of a block of the head where they are known
// without decoding it.
func (p *piece) stored() *columnar.Summaries {
	top := p.active
	if top == nil {
		top = p.frozen
	}
	if top == nil || top.whole == nil || len(top.index) > 0 {
		return nil
	}
	return &top.whole.summaries
}
