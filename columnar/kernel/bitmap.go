package kernel

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// words returns the length of a bitmap for n values.
func words(n int) int { return (n + 63) / 64 }

// from64 returns the bitmap without its first i bits; i is a multiple of 64.
func from64(bitmap []uint64, i int) []uint64 {
	if bitmap == nil {
		return nil
	}
	return bitmap[i>>6:]
}

// Count returns the number of bits set in [from, to); all of them are in a nil
// bitmap.
func Count(bitmap []uint64, from, to int) int {
	if from >= to {
		return 0
	}
	if bitmap == nil {
		return to - from
	}
	first, last := from>>6, (to-1)>>6
	head := ^uint64(0) << (uint(from) & 63)
	tail := ^uint64(0) >> (63 - uint(to-1)&63)
	if first == last {
		return bits.OnesCount64(bitmap[first] & head & tail)
	}
	n := bits.OnesCount64(bitmap[first]&head) + bits.OnesCount64(bitmap[last]&tail)
	for _, w := range bitmap[first+1 : last] {
		n += bits.OnesCount64(w)
	}
	return n
}

// Next returns the first bit set at or after i and below n, or n.
func Next(bitmap []uint64, i, n int) int {
	if bitmap == nil {
		return min(i, n)
	}
	for i < n {
		if w := bitmap[i>>6] >> (uint(i) & 63); w != 0 {
			return min(i+bits.TrailingZeros64(w), n)
		}
		i = (i | 63) + 1
	}
	return n
}

// And sets dst to a ∩ b. The three have one length; dst may be a or b.
func And(dst, a, b []uint64) {
	for i, w := range a {
		dst[i] = w & b[i]
	}
}

// Or sets dst to a ∪ b. The three have one length; dst may be a or b.
func Or(dst, a, b []uint64) {
	for i, w := range a {
		dst[i] = w | b[i]
	}
}

// AndNot sets dst to a without b. The three have one length; dst may be a or b.
func AndNot(dst, a, b []uint64) {
	for i, w := range a {
		dst[i] = w &^ b[i]
	}
}

// Not sets the first n bits of dst to those that a lacks, and clears what is left
// of the last word. dst may be a.
func Not(dst, a []uint64, n int) {
	for i, w := range a[:words(n)] {
		dst[i] = ^w
	}
	trim(dst, n)
}

// trim clears the bits of the last word past bit n-1.
func trim(bitmap []uint64, n int) {
	if r := uint(n) & 63; r != 0 {
		bitmap[n>>6] &= 1<<r - 1
	}
}

// Qualities sets bit i of dst where status i has one of the wanted qualities: bit
// k of set stands for the statuses whose highest two bits are k. It writes a word
// for every 64 statuses begun.
func Qualities[S ~uint32](dst []uint64, statuses []S, set uint8) {
	if len(statuses) == 0 {
		return
	}
	plain := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(statuses))), len(statuses))
	qualities(dst, plain, uint32(set))
}

// Compress writes the values whose bit is set to dst, one after the other, and
// returns their number. dst is at least as long as values, all of which may be
// overwritten; it may be values itself.
func Compress(dst, values []float64, valid []uint64) int {
	if valid == nil {
		return copy(dst, values)
	}
	return compress(dst, values, valid)
}

// Load sets the first n bits of dst to those from bit offset on of packed, which
// holds eight in a byte, the first the lowest, as Arrow's validity bitmaps do. It
// writes a word for every 64 bits begun, and clears what is left of the last.
func Load(dst []uint64, packed []byte, offset, n int) {
	packed = packed[offset>>3:]
	shift := uint(offset) & 7
	for i := range words(n) {
		rest := packed[i*8:]
		if len(rest) > 8 {
			dst[i] = binary.LittleEndian.Uint64(rest)>>shift | uint64(rest[8])<<(64-shift)
			continue
		}
		var last [8]byte
		copy(last[:], rest)
		dst[i] = binary.LittleEndian.Uint64(last[:]) >> shift
	}
	trim(dst, n)
}
