package codec

import (
	"encoding/binary"
	"fmt"
)

// reader takes fields off the front of a column. The first field that is missing
// or too large sets err; what is read after that is zero.
type reader struct {
	src []byte
	err error
}

// fail records the first error; it wraps ErrCorrupt.
func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
	}
	r.src = nil
}

// u8 reads one byte, which may be at most limit.
func (r *reader) u8(what string, limit int) int {
	if len(r.src) == 0 {
		r.fail("%s missing", what)
		return 0
	}
	b := int(r.src[0])
	if b > limit {
		r.fail("%s %d is over %d", what, b, limit)
		return 0
	}
	r.src = r.src[1:]
	return b
}

// uvarint reads an unsigned varint.
func (r *reader) uvarint(what string) uint64 {
	v, n := binary.Uvarint(r.src)
	if n <= 0 {
		r.fail("%s missing", what)
		return 0
	}
	r.src = r.src[n:]
	return v
}

// count reads an unsigned varint that may be at most limit.
func (r *reader) count(what string, limit int) int {
	v := r.uvarint(what)
	if v > uint64(limit) {
		r.fail("%d %s, at most %d", v, what, limit)
		return 0
	}
	return int(v)
}

// varint reads a zigzag varint.
func (r *reader) varint(what string) int64 { return unzigzag(r.uvarint(what)) }

// take reads n bytes.
func (r *reader) take(what string, n int) []byte {
	if n > len(r.src) {
		r.fail("%s has %d bytes of %d", what, len(r.src), n)
		return nil
	}
	b := r.src[:n:n]
	r.src = r.src[n:]
	return b
}

// part reads a column within the column that is not the last one.
func (r *reader) part(what string) []byte {
	n := r.count("bytes of "+what, len(r.src))
	return r.take(what, n)
}

// rest reads all that is left.
func (r *reader) rest() []byte {
	b := r.src
	r.src = nil
	return b
}

// end reports bytes that nothing has read.
func (r *reader) end() error {
	if r.err == nil && len(r.src) != 0 {
		r.fail("%d bytes too many", len(r.src))
	}
	return r.err
}

func zigzag(v int64) uint64   { return uint64(v)<<1 ^ uint64(v>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

func appendVarint(dst []byte, v int64) []byte { return binary.AppendUvarint(dst, zigzag(v)) }

// appendPart appends what encode appends, preceded by its length.
func appendPart(dst []byte, encode func(dst []byte) []byte) []byte {
	start := len(dst)
	dst = encode(dst)
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(len(dst)-start))
	dst = append(dst, head[:n]...)
	copy(dst[start+n:], dst[start:])
	copy(dst[start:], head[:n])
	return dst
}
