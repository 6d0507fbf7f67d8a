package codec

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// Sizes of the sample that decides whether one value is frequent: of so many
// values it must be so many.
const (
	sparseSample = 64
	sparseWorth  = 10
)

// usual gives the value that a sample holds most often, and how often.
func usual(v []int64) (value int64, count int) {
	var counts [256]uint8
	for i := range sparseSample {
		x := v[len(v)*i/sparseSample]
		at := uint64(x) * 0x9e3779b97f4a7c15 >> 56
		counts[at]++
		if c := int(counts[at]); c > count {
			value, count = x, c
		}
	}
	return value, count
}

// splitSparse leaves the values other than the usual one in the level's numbers
// and the number of usual ones before each of them in its indexes.
func splitSparse(lv *level, v []int64, value int64) {
	others, gaps := resize(lv.numbers, len(v))[:0], resize(lv.indexes, len(v))[:0]
	last := -1
	for i, x := range v {
		if x != value {
			others = append(others, x)
			gaps = append(gaps, int64(i-last-1))
			last = i
		}
	}
	lv.numbers, lv.indexes = others, gaps
}

// trySparse enters the encoding of integers of which many are the same, anywhere
// among the others, where an estimate says that it can win.
func (e *Encoder) trySparse(c *contest, v []int64, depth int) {
	value, count := usual(v)
	if count < sparseWorth || depth >= maxDepth {
		return
	}
	lv := &e.levels[depth]
	splitSparse(lv, v, value)
	if n := len(lv.numbers); n == 0 || n > len(v)-len(v)/8 || sparseSize(lv, len(v)) >= c.size() {
		return
	}
	column, z := e.appendSplitSparse(lv.trial[:0], value, depth)
	lv.trial = column
	c.offer(column, z)
}

// sparseSize estimates the bytes of what splitSparse left of n values: the others
// by their range or their differences, the gaps by their entropy or the lengths of
// those that are not 0.
func sparseSize(lv *level, n int) int {
	least, most := lv.numbers[0], lv.numbers[0]
	before, differences, gapBits := lv.numbers[0], 0, 0
	for i, x := range lv.numbers {
		least, most = min(least, x), max(most, x)
		differences += bits.Len64(zigzag(x - before))
		before = x
		if gap := lv.indexes[i]; gap > 0 {
			gapBits += 8 + bits.Len64(uint64(gap))
		}
	}
	others := len(lv.numbers)
	share := float64(others) / float64(n)
	entropy := -float64(n) * (share*math.Log2(share) + (1-share)*math.Log2(1-share))
	valueBits := float64(min(differences, others*bits.Len64(uint64(most-least))))
	return int(0.9*(valueBits+min(entropy, float64(gapBits)))) / 8
}

// appendIntSparse appends integers as the usual one and the others.
func (e *Encoder) appendIntSparse(dst []byte, v []int64, depth int) ([]byte, bool) {
	value := v[0]
	if len(v) >= sparseSample {
		value, _ = usual(v)
	}
	splitSparse(&e.levels[depth], v, value)
	return e.appendSplitSparse(dst, value, depth)
}

// appendSplitSparse appends what splitSparse has left.
func (e *Encoder) appendSplitSparse(dst []byte, value int64, depth int) ([]byte, bool) {
	lv := &e.levels[depth]
	others, gaps := lv.numbers, lv.indexes
	dst = appendVarint(append(dst, header(integers, Sparse, false)), value)
	dst = binary.AppendUvarint(dst, uint64(len(others)))
	var z1, z2 bool
	dst = appendPart(dst, func(dst []byte) []byte {
		dst, z1 = e.appendIntsAs(dst, gaps, Auto, depth+1)
		return dst
	})
	dst, z2 = e.appendIntsAs(dst, others, Auto, depth+1)
	return dst, z1 || z2
}

func (d *Decoder) intSparse(dst []int64, r *reader, depth int) error {
	value := r.varint("usual value")
	others := r.count("others", len(dst))
	gaps := r.part("gaps")
	if r.err != nil {
		return r.err
	}
	if depth >= maxDepth {
		return fmt.Errorf("%w: nested too deep", ErrCorrupt)
	}
	lv := &d.levels[depth]
	lv.ints, lv.indexes = resize(lv.ints, others), resize(lv.indexes, others)
	if err := d.ints(lv.ints, r.rest(), asIntegers, depth+1); err != nil {
		return err
	}
	if err := d.ints(lv.indexes, gaps, asIntegers, depth+1); err != nil {
		return err
	}
	for i := range dst {
		dst[i] = value
	}
	left := dst
	for i, gap := range lv.indexes {
		if uint64(gap) >= uint64(len(left)) {
			return fmt.Errorf("%w: other value %d after the last one", ErrCorrupt, i)
		}
		left[gap] = lv.ints[i]
		left = left[gap+1:]
	}
	return nil
}
