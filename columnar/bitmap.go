package columnar

import "math/bits"

// Bitmap is a set of small integers: bit i%64 of word i/64 stands for i. Bits at
// and beyond the length that the owner has in mind are zero.
type Bitmap []uint64

// NewBitmap returns an empty bitmap with room for n bits.
func NewBitmap(n int) Bitmap { return make(Bitmap, (n+63)/64) }

// FullBitmap returns a bitmap in which the first n bits are set.
func FullBitmap(n int) Bitmap {
	b := NewBitmap(n)
	b.SetRange(0, n)
	return b
}

// Has reports whether bit i is set.
func (b Bitmap) Has(i int) bool { return b[i>>6]>>(uint(i)&63)&1 == 1 }

// Set sets bit i.
func (b Bitmap) Set(i int) { b[i>>6] |= 1 << (uint(i) & 63) }

// Clear clears bit i.
func (b Bitmap) Clear(i int) { b[i>>6] &^= 1 << (uint(i) & 63) }

// SetRange sets the bits [from, to).
func (b Bitmap) SetRange(from, to int) {
	if from >= to {
		return
	}
	first, last := from>>6, (to-1)>>6
	head := ^uint64(0) << (uint(from) & 63)
	tail := ^uint64(0) >> (63 - uint(to-1)&63)
	if first == last {
		b[first] |= head & tail
		return
	}
	b[first] |= head
	for i := first + 1; i < last; i++ {
		b[i] = ^uint64(0)
	}
	b[last] |= tail
}

// Count returns the number of bits set.
func (b Bitmap) Count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// CountRange returns the number of bits set in [from, to).
func (b Bitmap) CountRange(from, to int) int {
	if from >= to {
		return 0
	}
	first, last := from>>6, (to-1)>>6
	head := ^uint64(0) << (uint(from) & 63)
	tail := ^uint64(0) >> (63 - uint(to-1)&63)
	if first == last {
		return bits.OnesCount64(b[first] & head & tail)
	}
	n := bits.OnesCount64(b[first]&head) + bits.OnesCount64(b[last]&tail)
	for _, w := range b[first+1 : last] {
		n += bits.OnesCount64(w)
	}
	return n
}

// Next returns the first set bit at or after i and below n, or n.
func (b Bitmap) Next(i, n int) int {
	for i < n {
		if w := b[i>>6] >> (uint(i) & 63); w != 0 {
			return min(i+bits.TrailingZeros64(w), n)
		}
		i = (i | 63) + 1
	}
	return n
}
