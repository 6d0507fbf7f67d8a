package segment

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksumLen is the number of bytes of a checksum.
const checksumLen = 4

// seal appends the checksum of dst[start:].
func seal(dst []byte, start int) []byte {
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// unseal verifies the checksum at the end of src and returns what it covers.
func unseal(src []byte) ([]byte, error) {
	if len(src) < checksumLen {
		return nil, fmt.Errorf("%w: %d bytes", columnar.ErrCorrupt, len(src))
	}
	body, sum := src[:len(src)-checksumLen], binary.LittleEndian.Uint32(src[len(src)-checksumLen:])
	if got := crc32.Checksum(body, castagnoli); got != sum {
		return nil, fmt.Errorf("%w: checksum %08x, computed %08x", columnar.ErrCorrupt, sum, got)
	}
	return body, nil
}

// storedSum returns the checksum that sealed bytes end with.
func storedSum(src []byte) uint32 {
	return binary.LittleEndian.Uint32(src[len(src)-checksumLen:])
}

// appender appends fields to dst until the first error.
type appender struct {
	dst []byte
	err error
}

func (a *appender) uvarint(v uint64) { a.dst = binary.AppendUvarint(a.dst, v) }
func (a *appender) varint(v int64)   { a.dst = binary.AppendVarint(a.dst, v) }

// part appends what encode appends, with its length before it.
func (a *appender) part(encode func(dst []byte) ([]byte, error)) {
	if a.err != nil {
		return
	}
	var part []byte
	if part, a.err = encode(nil); a.err == nil {
		a.uvarint(uint64(len(part)))
		a.dst = append(a.dst, part...)
	}
}

// ints appends a column of integers.
func (a *appender) ints(v []int64) {
	a.part(func(dst []byte) ([]byte, error) { return codec.AppendInt64s(dst, v, codec.Auto) })
}

// checksums appends checksums, which nothing makes shorter.
func (a *appender) checksums(v []uint32) {
	for _, sum := range v {
		a.dst = binary.LittleEndian.AppendUint32(a.dst, sum)
	}
}

// floats appends a column of floats.
func (a *appender) floats(v []float64) {
	a.part(func(dst []byte) ([]byte, error) { return codec.AppendFloat64s(dst, v, codec.Auto) })
}

// bits appends a bitmap of n bits.
func (a *appender) bits(v columnar.Bitmap, n int) {
	a.part(func(dst []byte) ([]byte, error) { return codec.AppendBits(dst, v, n, codec.Auto) })
}

// cursor takes fields off the front of src. After the first that is damaged it
// gives zeros, and err wraps ErrCorrupt. Where visit is set it is told of every
// field.
type cursor struct {
	src   []byte
	at    int // offset of src in the section
	err   error
	visit visitor
}

// visitor is told of a field of n bytes at an offset of a section: its name, and
// its value, which is an integer, a text, the bytes of a column, checksums, or nil for a
// heading.
type visitor func(at, n int, what string, value any)

// fail records the first error.
func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: "+format, append([]any{columnar.ErrCorrupt}, args...)...)
	}
	c.src = nil
}

// advance takes n bytes that held a field.
func (c *cursor) advance(n int, what string, value any) {
	if c.visit != nil {
		c.visit(c.at, n, what, value)
	}
	c.src, c.at = c.src[n:], c.at+n
}

// note tells visit what comes next.
func (c *cursor) note(format string, args ...any) {
	if c.visit != nil {
		c.visit(c.at, 0, fmt.Sprintf(format, args...), nil)
	}
}

// uvarint takes an unsigned varint that is at most limit.
func (c *cursor) uvarint(what string, limit uint64) uint64 {
	v, n := binary.Uvarint(c.src)
	if n <= 0 || v > limit {
		c.fail("%s: %d, at most %d", what, v, limit)
		return 0
	}
	c.advance(n, what, v)
	return v
}

// count is uvarint for a number that is at most limit.
func (c *cursor) count(what string, limit int) int {
	return int(c.uvarint(what, uint64(max(limit, 0))))
}

// varint takes a signed varint.
func (c *cursor) varint(what string) int64 {
	v, n := binary.Varint(c.src)
	if n <= 0 {
		c.fail("%s missing", what)
		return 0
	}
	c.advance(n, what, v)
	return v
}

// part takes a part with its length.
func (c *cursor) part(what string) []byte {
	v, n := binary.Uvarint(c.src)
	if n <= 0 || v > uint64(len(c.src)-n) {
		c.fail("%s: length %d, %d bytes are left", what, v, len(c.src))
		return nil
	}
	part := c.src[n : n+int(v) : n+int(v)]
	c.advance(n+int(v), what, part)
	return part
}

// text takes a text with its length.
func (c *cursor) text(what string) string {
	v, n := binary.Uvarint(c.src)
	if n <= 0 || v > uint64(len(c.src)-n) {
		c.fail("%s: length %d, %d bytes are left", what, v, len(c.src))
		return ""
	}
	text := string(c.src[n : n+int(v)])
	c.advance(n+int(v), what, text)
	return text
}

// ints takes a column of n integers.
func (c *cursor) ints(what string, n int) []int64 {
	part := c.part(what)
	if c.err != nil {
		return nil
	}
	v := make([]int64, n)
	if err := codec.DecodeInt64s(v, part); err != nil {
		c.fail("%s: %w", what, err)
	}
	return v
}

// checksums takes n checksums.
func (c *cursor) checksums(what string, n int) []uint32 {
	if n > len(c.src)/checksumLen {
		c.fail("%s: %d of them, %d bytes are left", what, n, len(c.src))
		return nil
	}
	v := make([]uint32, n)
	for i := range v {
		v[i] = binary.LittleEndian.Uint32(c.src[i*checksumLen:])
	}
	c.advance(n*checksumLen, what, v)
	return v
}

// floats takes a column of n floats.
func (c *cursor) floats(what string, n int) []float64 {
	part := c.part(what)
	if c.err != nil {
		return nil
	}
	v := make([]float64, n)
	if err := codec.DecodeFloat64s(v, part); err != nil {
		c.fail("%s: %w", what, err)
	}
	return v
}

// bits takes a bitmap of n bits.
func (c *cursor) bits(what string, n int) columnar.Bitmap {
	part := c.part(what)
	if c.err != nil {
		return nil
	}
	v := columnar.NewBitmap(n)
	if err := codec.DecodeBits(v, n, part); err != nil {
		c.fail("%s: %w", what, err)
	}
	return v
}

// end reports bytes that nothing has taken.
func (c *cursor) end() error {
	if c.err == nil && len(c.src) != 0 {
		c.fail("%d bytes too many", len(c.src))
	}
	return c.err
}
