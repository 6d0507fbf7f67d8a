package codec

import "unsafe"

// target says what restored integers become.
type target uint8

const (
	toIntegers target = iota
	toMultiplied
	toDivided
	toOrdered
	numTargets
)

// restoreAs turns codes into what the mapping makes of their integers, in place:
// frame.restore and mapping.floats, in one pass for the usual frames and mappings.
func (f *frame) restoreAs(v []int64, m mapping) {
	t := toIntegers
	switch m.kind {
	case decimalMul:
		t = toMultiplied
	case decimalDiv:
		t = toDivided
	case ordered:
		t = toOrdered
	}
	switch {
	case t == toIntegers || f.step > 1 || f.predictor == line:
		f.restore(v)
		m.floats(v)
	case f.zigzag:
		unzigzagAll(v)
		f.run(v, m, t)
	default:
		f.run(v, m, t)
	}
}

// run restores residuals, base not yet added, of any predictor but line, and maps
// the numbers, all in place.
func (f *frame) run(v []int64, m mapping, t target) {
	up, down := tens[m.factor], tenths[m.exponent]
	if t == toDivided {
		up = tens[m.exponent]
	}
	sum := f.start
	if f.predictor > smooth0 {
		sum = 0
	}
	n, sum := f.runVectors(v, t, sum, up, down)
	v = v[n:]
	switch f.predictor {
	case none:
		for i := range v {
			v[i] += f.base
		}
	case smooth0:
		restoreDelta(v, sum, f.base)
	default:
		restoreSmooth(v, f.start, sum, f.base, f.predictor)
	}
	m.floats(v)
}

// asFloats views integers as floats: the same memory.
func asFloats(v []int64) []float64 {
	return unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}
