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

// restoreFloats does what frame.restore and mapping.floats do one after the other,
// for the usual frames and mappings in one pass.
func (f *frame) restoreFloats(v []int64, m mapping) {
	t := toIntegers
	switch m.kind {
	case decimalMul:
		t = toMultiplied
	case decimalDiv:
		t = toDivided
	case ordered:
		t = toOrdered
	}
	if t == toIntegers || f.step > 1 || f.predictor == line {
		f.restore(v)
		m.floats(asFloats(v), v)
		return
	}
	if f.zigzag {
		unzigzagAll(v)
	}
	if t == toMultiplied {
		f.run(v, t, tens[m.factor], tenths[m.exponent])
	} else {
		f.run(v, t, tens[m.exponent], 1)
	}
}

// run restores residuals, base not yet added, of any predictor but line, and maps
// the numbers, all in place.
func (f *frame) run(v []int64, t target, up, down float64) {
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
	switch t {
	case toMultiplied:
		for i, d := range v {
			asFloats(v)[i] = float64(d) * up * down
		}
	case toDivided:
		for i, d := range v {
			asFloats(v)[i] = float64(d) / up
		}
	case toOrdered:
		mapping{kind: ordered}.floats(asFloats(v), v)
	}
}

// asFloats views integers as floats: the same memory.
func asFloats(v []int64) []float64 {
	return unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}
