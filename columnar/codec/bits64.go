package codec

import (
	"unsafe"

	"github.com/parquet-go/bitpack"
)

// packedSize is the number of bytes that n codes take at width bits.
func packedSize(n, width int) int { return (n*width + 7) / 8 }

// appendPacked appends codes at width bits each, lowest bit first. Bits above
// width must be clear.
func appendPacked(dst []byte, codes []uint64, width int) []byte {
	if width == 0 {
		return dst
	}
	start := len(dst)
	dst = grow(dst, packedSize(len(codes), width))
	bitpack.Pack(dst[start:], codes, uint(width))
	return dst
}

// grow lengthens dst by n zero bytes.
func grow(dst []byte, n int) []byte {
	start := len(dst)
	if cap(dst)-start < n {
		dst = append(make([]byte, 0, 2*cap(dst)+n), dst...)
	}
	dst = dst[:start+n]
	clear(dst[start:])
	return dst
}

// unpack fills codes from src, whose length is packedSize(len(codes), width).
//
// The library reads up to PaddingInt64 bytes past the last code, so the codes
// near the end are unpacked from a padded copy.
func unpack(codes []uint64, src []byte, width int) {
	switch width {
	case 0:
		clear(codes)
		return
	case 1:
		unpackBits(codes, src)
		return
	}
	n := 0
	if slack := len(src) - bitpack.PaddingInt64; slack > 0 {
		n = slack * 8 / width &^ 7
		if n > len(codes) {
			n = len(codes) &^ 7
		}
		bitpack.Unpack(codes[:n], src, uint(width))
	}
	var tail [4 * bitpack.PaddingInt64]byte
	for n < len(codes) {
		m := min(len(codes)-n, 8)
		clear(tail[:])
		copy(tail[:bitpack.PaddingInt64*2], src[n*width/8:])
		bitpack.Unpack(codes[n:n+m], tail[:], uint(width))
		n += m
	}
}

// unpackBits is unpack for codes of one bit.
func unpackBits(codes []uint64, src []byte) {
	for len(codes) >= 8 {
		b := uint64(src[0])
		c := codes[:8]
		c[0], c[1], c[2], c[3] = b&1, b>>1&1, b>>2&1, b>>3&1
		c[4], c[5], c[6], c[7] = b>>4&1, b>>5&1, b>>6&1, b>>7
		codes, src = codes[8:], src[1:]
	}
	for i := range codes {
		codes[i] = uint64(src[0]) >> i & 1
	}
}

// asUint64s views integers as codes and asInt64s floats as integers: the same
// memory, so that a column decodes in place.
func asUint64s(v []int64) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}

func asInt64Keys(v []uint64) []int64 {
	return unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}

func asInt64s(v []float64) []int64 {
	return unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}

func asBits(v []float64) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}

// resize gives a slice of length n, reusing the memory of s where it is enough.
// Its content is undefined.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
