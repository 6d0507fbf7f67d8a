package codec

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// The widths of codes, in bits, among which digits may lie apart: narrower ones
// have nothing to gain, wider ones are no decimals.
const (
	digitsLeast = 14
	digitsMost  = 44

	digitsGain = 0.87 // what is promised must be less than that much of the best so far
)

// Sizes of the sample that finds the place to part digits: so many integers, of
// which so many must have lower digits that are nearly the same.
const (
	digitsSample = 32
	digitsWorth  = 8
)

// cut is a way to part integers: value = step × quotient + remainder, where
// remainders are centre less half a step or more.
type cut struct {
	step, centre int64
}

// quotient gives the floor of what is left of x.
func (c cut) quotient(x int64) int64 {
	x -= c.centre - c.step/2
	q := x / c.step
	if x%c.step < 0 {
		q--
	}
	return q
}

// findCut looks for a power of ten below which the digits of many integers are
// nearly the same, such as those of 12.34 and 56.7 among numbers of nine decimals,
// or of readings to which a constant with more decimals was added. It gives the
// one that promises the fewest bits per value, or false where none promises less
// than limit.
func findCut(v []int64, s survey, limit float64) (best cut, ok bool) {
	const far = 1 << 58
	if s.min < -far || s.max > far {
		return best, false
	}
	var sample [digitsSample]int64
	for i := range sample {
		sample[i] = v[len(v)*i/digitsSample]
	}
	width := s.max - s.min
	for step := int64(10); step < width/2; step *= 10 {
		centre, found := clusterOf(&sample, step)
		if !found {
			continue
		}
		c := cut{step: step, centre: centre}
		if cost := c.cost(v); cost < limit {
			best, ok, limit = c, true, cost
		}
	}
	return best, ok
}

// clusterOf gives a remainder to which enough others of the sample are near.
func clusterOf(sample *[digitsSample]int64, step int64) (centre int64, found bool) {
	var remainders [digitsSample]int64
	for i, x := range sample {
		remainders[i] = x - cut{step, step / 2}.quotient(x)*step
	}
	most := digitsWorth - 1
	try := func(m int64) {
		count := 0
		for _, r := range remainders {
			apart := r - m
			if apart < 0 {
				apart = -apart
			}
			if min(apart, step-apart) <= step/64 {
				count++
			}
		}
		if count > most {
			most, centre, found = count, m, true
		}
	}
	try(0)
	for i := range 6 {
		try(remainders[i*5])
	}
	return centre, found
}

// cost is the bits per value of the differences of quotients and of what remains,
// in stretches of the integers.
func (c cut) cost(v []int64) float64 {
	total, n := 0, 0
	segments(len(v), func(from, to int) {
		before := c.quotient(v[from])
		for _, x := range v[from:to] {
			q := c.quotient(x)
			total += bits.Len64(zigzag(q-before)) + bits.Len64(zigzag(x-q*c.step-c.centre))
			before = q
		}
		n += to - from
	})
	return float64(total) / float64(n)
}

// tryDigits enters the encoding that parts integers at a decimal digit into the
// contest.
func (e *Encoder) tryDigits(c *contest, v []int64, s survey, depth int) {
	perValue := float64(c.size()) * 8 / float64(len(v))
	if e.quick || perValue < digitsLeast || perValue > digitsMost || len(v) < digitsSample || depth+1 >= maxDepth {
		return
	}
	cut, ok := findCut(v, s, perValue*digitsGain)
	if !ok {
		return
	}
	lv := &e.levels[depth]
	lv.trial, _ = e.appendDigits(lv.trial[:0], v, cut, depth)
	c.offer(lv.trial, true)
}

// appendDigits appends integers as quotients and remainders.
func (e *Encoder) appendDigits(dst []byte, v []int64, c cut, depth int) ([]byte, bool) {
	lv := &e.levels[depth]
	quotients, remainders := resize(lv.numbers, len(v)), resize(lv.indexes, len(v))
	lv.numbers, lv.indexes = quotients, remainders
	for i, x := range v {
		q := c.quotient(x)
		quotients[i], remainders[i] = q, x-q*c.step
	}
	dst = binary.AppendUvarint(append(dst, header(integers, Digits, false)), uint64(c.step))
	var z1, z2 bool
	dst = appendPart(dst, func(dst []byte) []byte {
		dst, z1 = e.appendIntsAs(dst, quotients, Auto, depth+1)
		return dst
	})
	dst, z2 = e.appendIntsAs(dst, remainders, Auto, depth+1)
	return dst, z1 || z2
}

func (d *Decoder) digits(dst []int64, r *reader, depth int) error {
	step := int64(r.uvarint("step"))
	quotients := r.part("quotients")
	if r.err != nil {
		return r.err
	}
	if depth >= maxDepth {
		return fmt.Errorf("%w: nested too deep", ErrCorrupt)
	}
	lv := &d.levels[depth]
	lv.ints = resize(lv.ints, len(dst))
	if err := d.ints(lv.ints, quotients, asIntegers, depth+1); err != nil {
		return err
	}
	if err := d.ints(dst, r.rest(), asIntegers, depth+1); err != nil {
		return err
	}
	for i, q := range lv.ints {
		dst[i] += step * q
	}
	return nil
}
