package codec

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// AppendBits appends the bitmap of n bits to dst: bit i is bit i%64 of words[i/64],
// and words has the (n+63)/64 words that this takes. Bits from n on are ignored.
// The encoding is chosen by trial unless c is Raw or RunLength. An error means a
// defect of this package.
func AppendBits(dst []byte, words []uint64, n int, c Codec) ([]byte, error) {
	return pooled(func(e *Encoder) ([]byte, error) { return e.AppendBits(dst, words, n, c) })
}

// DecodeBits fills the bitmap of n bits; bits from n on are cleared. words has
// the (n+63)/64 words that this takes. An error wraps ErrCorrupt and leaves words
// undefined.
func DecodeBits(words []uint64, n int, src []byte) error {
	return pooledDecoder(func(d *Decoder) error { return d.DecodeBits(words, n, src) })
}

// AppendBits is the function of the same name with this encoder's buffers.
func (e *Encoder) AppendBits(dst []byte, words []uint64, n int, c Codec) ([]byte, error) {
	words = words[:(n+63)/64]
	start := len(dst)
	dst = e.appendBits(dst, words, n, c)
	if e.sameBits(words, n, dst[start:]) {
		return dst, nil
	}
	dst = e.appendBitsRaw(dst[:start], words, n, false)
	if e.sameBits(words, n, dst[start:]) {
		return dst, nil
	}
	return dst[:start], fmt.Errorf("codec: %d bits do not decode to themselves", n)
}

func (e *Encoder) sameBits(words []uint64, n int, column []byte) bool {
	e.ints = resize(e.ints, len(words))
	again := asUint64s(e.ints)
	if e.decoder.DecodeBits(again, n, column) != nil {
		return false
	}
	for i, w := range words {
		if again[i] != w&bitMask(n-64*i) {
			return false
		}
	}
	return true
}

// bitMask has the lowest n bits set, at most all 64.
func bitMask(n int) uint64 {
	if n >= 64 {
		return ^uint64(0)
	}
	return uint64(1)<<n - 1
}

func (e *Encoder) appendBits(dst []byte, words []uint64, n int, c Codec) []byte {
	ones, changes := countBits(words, n)
	if (ones == 0 || ones == n) && c != Raw {
		bit := byte(0)
		if ones > 0 {
			bit = 1
		}
		return append(dst, header(bitmaps, Constant, false), bit)
	}
	switch c {
	case Raw:
		return e.appendBitsRaw(dst, words, n, false)
	case RunLength:
		column, _ := e.appendBitRuns(dst, words, n, changes+1)
		return column
	}
	lv := &e.levels[0]
	best := contest{dst: dst, start: len(dst)}
	if changes < n/4 {
		column, z := e.appendBitRuns(lv.trial[:0], words, n, changes+1)
		lv.trial = column
		best.offer(column, z)
	}
	lv.trial = e.appendBitsRaw(lv.trial[:0], words, n, false)
	best.offer(lv.trial, false)
	if n >= 8*zstdMin {
		lv.trial = e.appendBitsRaw(lv.trial[:0], words, n, true)
		best.offer(lv.trial, true)
	}
	return best.dst
}

// countBits counts the set bits and the places where a bit differs from the one
// before.
func countBits(words []uint64, n int) (ones, changes int) {
	before := uint64(0)
	for i, w := range words {
		mask := bitMask(n - 64*i)
		w &= mask
		ones += bits.OnesCount64(w)
		shifted := w<<1 | before
		if i == 0 {
			shifted |= w & 1
		}
		changes += bits.OnesCount64((w ^ shifted) & mask)
		before = w >> 63
	}
	return ones, changes
}

func (e *Encoder) appendBitsRaw(dst []byte, words []uint64, n int, compressed bool) []byte {
	lv := &e.levels[0]
	lv.bytes = lv.bytes[:0]
	for i, w := range words {
		lv.bytes = binary.LittleEndian.AppendUint64(lv.bytes, w&bitMask(n-64*i))
	}
	return e.appendSection(append(dst, header(bitmaps, Raw, compressed)), lv.bytes[:(n+7)/8], compressed)
}

func (e *Encoder) appendBitRuns(dst []byte, words []uint64, n, runs int) ([]byte, bool) {
	lv := &e.levels[0]
	lengths := resize(lv.numbers, runs)[:0]
	for from := 0; from < n; {
		to := nextChange(words, n, from)
		lengths = append(lengths, int64(to-from-1))
		from = to
	}
	lv.numbers = lengths
	dst = append(dst, header(bitmaps, RunLength, false), byte(words[0]&1))
	dst = binary.AppendUvarint(dst, uint64(len(lengths)))
	return e.appendIntsAs(dst, lengths, Auto, 1)
}

// nextChange is the first place after from where the bit differs from bit from, or
// n.
func nextChange(words []uint64, n, from int) int {
	flip := -(words[from>>6] >> (from & 63) & 1)
	w := (words[from>>6] ^ flip) &^ bitMask(from&63)
	for at := from >> 6; ; {
		if w != 0 {
			return min(at<<6+bits.TrailingZeros64(w), n)
		}
		if at++; at == len(words) {
			return n
		}
		w = words[at] ^ flip
	}
}

// DecodeBits is the function of the same name with this decoder's buffers.
func (d *Decoder) DecodeBits(words []uint64, n int, src []byte) error {
	words = words[:(n+63)/64]
	c, compressed, r, err := open(src, bitmaps)
	if err != nil {
		return err
	}
	switch c {
	case Constant:
		all := -uint64(r.u8("bit", 1))
		for i := range words {
			words[i] = all
		}
		err = r.end()
	case Raw:
		var section []byte
		if section, err = d.section(r, (n+7)/8, compressed); err == nil {
			var last [8]byte
			for i := range words {
				if len(section) < 8 {
					section = last[:copy(last[:], section)+8-len(section)]
				}
				words[i] = binary.LittleEndian.Uint64(section)
				section = section[8:]
			}
		}
	case RunLength:
		err = d.bitRuns(words, n, r)
	default:
		err = fmt.Errorf("%w: bits know no codec %v", ErrCorrupt, c)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", c, err)
	}
	if len(words) > 0 {
		words[len(words)-1] &= bitMask(n - 64*(len(words)-1))
	}
	return nil
}

func (d *Decoder) bitRuns(words []uint64, n int, r *reader) error {
	first := r.u8("first bit", 1)
	runs := r.count("runs", n)
	if r.err != nil {
		return r.err
	}
	lengths, err := d.lengths(r.rest(), runs, n, 0)
	if err != nil {
		return err
	}
	clear(words)
	at, set := 0, first == 1
	for _, l := range lengths {
		to := at + int(l) + 1
		if set {
			setBits(words, at, to)
		}
		at, set = to, !set
	}
	return nil
}

// setBits sets the bits from ≤ i < to.
func setBits(words []uint64, from, to int) {
	first, last := from>>6, (to-1)>>6
	low, high := ^bitMask(from&63), bitMask((to-1)&63+1)
	if first == last {
		words[first] |= low & high
		return
	}
	words[first] |= low
	for i := first + 1; i < last; i++ {
		words[i] = ^uint64(0)
	}
	words[last] |= high
}
