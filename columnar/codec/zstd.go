package codec

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// maxSection bounds what one zstd section may decode to, whatever is asked for.
const maxSection = 1 << 30

// zstdOverhead is memory beyond a section's length that lets the decoder copy
// whole words.
const zstdOverhead = 64

// newZstdWriter gives an encoder for EncodeAll only; it starts no goroutine. The
// default level is for the planes of codes, whose gain is from entropy coding;
// the better one finds 1 % more in words with repeats and takes half as long again.
func newZstdWriter(level zstd.EncoderLevel) *zstd.Encoder {
	w, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false),
		zstd.WithAllLitEntropyCompression(true), zstd.WithSingleSegment(true), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true))
	if err != nil {
		panic(err) // only a wrong option
	}
	return w
}

// newZstdReader gives a decoder for DecodeAll only, which never gives back more
// than the capacity of its destination.
func newZstdReader() *zstd.Decoder {
	r, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(maxSection))
	if err != nil {
		panic(err) // only a wrong option
	}
	return r
}

// appendSection appends raw as a column's last field.
func (e *Encoder) appendSection(dst, raw []byte, compressed bool) []byte {
	if !compressed {
		return append(dst, raw...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(raw)))
	if e.thorough {
		if e.better == nil {
			e.better = newZstdWriter(zstd.SpeedBetterCompression)
		}
		return e.better.EncodeAll(raw, dst)
	}
	return e.zstd.EncodeAll(raw, dst)
}

// section reads a column's last field, whose decoded length must be size. The
// result is valid until the next section is read.
func (d *Decoder) section(r *reader, size int, compressed bool) ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	if !compressed {
		raw := r.rest()
		if len(raw) != size {
			return nil, fmt.Errorf("%w: section of %d bytes, want %d", ErrCorrupt, len(raw), size)
		}
		return raw, nil
	}
	if n := r.uvarint("section length"); r.err == nil && n != uint64(size) {
		r.fail("section of %d bytes, want %d", n, size)
	}
	if r.err != nil {
		return nil, r.err
	}
	d.raw = resize(d.raw, size+zstdOverhead)
	raw, err := d.zstd.DecodeAll(r.rest(), d.raw[:0])
	if err != nil {
		return nil, fmt.Errorf("%w: zstd: %w", ErrCorrupt, err)
	}
	if len(raw) != size {
		return nil, fmt.Errorf("%w: zstd section of %d bytes, want %d", ErrCorrupt, len(raw), size)
	}
	return raw, nil
}
