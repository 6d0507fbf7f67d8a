package codec

import (
	"fmt"
	"math"
)

// Sizes of the sample that finds decimals with rounding errors: of so many floats
// so many must be near to a decimal of at most so many digits after the point.
const (
	nearSample   = 32
	nearWorth    = 24
	nearDecimals = 10
	exactWorth   = 64 // one exception in so many floats is not worth another trial
)

// nearSteps is how many floats lie at most between one that is called near and the
// decimal: what a few operations on floats add up to.
const nearSteps = 64

// nearest gives the integer of the decimal that is nearest to x, and how many
// floats x is above it; false where there is no such integer.
func (m mapping) nearest(x float64) (d, steps int64, ok bool) {
	d, ok = round(x * tens[m.exponent])
	return d, m.steps(x, d), ok
}

// steps is how many floats x is above the decimal of an integer, as a difference
// of their bits.
func (m mapping) steps(x float64, d int64) int64 {
	return int64(math.Float64bits(x) - math.Float64bits(float64(d)/tens[m.exponent]))
}

// guessNear finds how many decimals values have that are off by rounding errors,
// such as 0.30000000000000004, and reports false where they have none.
func guessNear(values []float64) (m mapping, ok bool) {
	n := min(len(values), nearSample)
	for exponent := range uint8(nearDecimals + 1) {
		m = mapping{kind: decimalDiv, exponent: exponent}
		far := 0
		for i := 0; i < n && far <= n-n*nearWorth/nearSample; i++ {
			_, steps, ok := m.nearest(values[len(values)*i/n])
			if !ok || steps < -nearSteps || steps > nearSteps {
				far++
			}
		}
		if far <= n-n*nearWorth/nearSample {
			return m, true
		}
	}
	return m, false
}

// tryNear enters the encoding of decimals with rounding errors into the contest.
func (e *Encoder) tryNear(c *contest, values []float64, depth int) {
	if len(values) < nearSample || depth+1 >= maxDepth {
		return
	}
	m, ok := guessNear(values)
	if !ok {
		return
	}
	lv := &e.levels[depth]
	column, slow := e.appendNear(lv.trial[:0], values, m, depth)
	lv.trial = column
	c.offer(column, slow)
}

// appendNear appends floats as the nearest decimals and the steps from there.
func (e *Encoder) appendNear(dst []byte, values []float64, m mapping, depth int) ([]byte, bool) {
	lv := &e.levels[depth]
	numbers, steps := resize(lv.numbers, len(values)), resize(lv.indexes, len(values))
	lv.numbers, lv.indexes = numbers, steps
	last := int64(0)
	for i, x := range values {
		d, s, ok := m.nearest(x)
		if !ok {
			d = last
			s = m.steps(x, d)
		}
		numbers[i], steps[i], last = d, s, d
	}
	dst = append(dst, header(floats, Near, false), m.exponent)
	var z1, z2 bool
	dst = appendPart(dst, func(dst []byte) []byte {
		dst, z1 = e.appendIntsAs(dst, steps, Auto, depth+1)
		return dst
	})
	dst, z2 = e.appendIntsAs(dst, numbers, Auto, depth+1)
	return dst, z1 || z2
}

func (d *Decoder) near(dst []float64, r *reader, depth int) error {
	m := mapping{kind: decimalDiv, exponent: uint8(r.u8("exponent", maxExponent))}
	part := r.part("steps")
	if r.err != nil {
		return r.err
	}
	if depth >= maxDepth {
		return fmt.Errorf("%w: nested too deep", ErrCorrupt)
	}
	if err := d.ints(asInt64s(dst), r.rest(), m, depth+1); err != nil {
		return err
	}
	lv := &d.levels[depth]
	lv.ints = resize(lv.ints, len(dst))
	if err := d.ints(lv.ints, part, asIntegers, depth+1); err != nil {
		return err
	}
	for i, s := range lv.ints {
		asInt64s(dst)[i] += s
	}
	return nil
}
