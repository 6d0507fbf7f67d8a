package codec

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// frame says how codes become integers. The arithmetic is modulo 2^64, so that
// any frame is lossless for any integers; a good one makes the codes small.
type frame struct {
	predictor predictor
	zigzag    bool   // codes are zigzag, else unsigned
	step      uint64 // over 1: value = origin + step × number
	origin    int64
	start     int64 // the number before the first
	slope     int64 // predictor line: the difference before the first
	base      int64 // residual = base + code
}

// predictor says what a number is compared with.
type predictor uint8

const (
	none    predictor = 0
	smooth0 predictor = 1 // smooth k is smooth0 + k
	smooth6 predictor = 7
	line    predictor = 8

	zigzagBit = 0x10
	stepBit   = 0x20
)

func (p predictor) String() string {
	switch {
	case p == none:
		return "none"
	case p == smooth0:
		return "delta"
	case p == line:
		return "line"
	default:
		return fmt.Sprintf("smooth %d", p-smooth0)
	}
}

func (f *frame) append(dst []byte) []byte {
	b := byte(f.predictor)
	if f.zigzag {
		b |= zigzagBit
	}
	if f.step > 1 {
		b |= stepBit
	}
	dst = append(dst, b)
	if f.step > 1 {
		dst = binary.AppendUvarint(dst, f.step)
		dst = appendVarint(dst, f.origin)
	}
	if f.predictor != none {
		dst = appendVarint(dst, f.start)
	}
	if f.predictor == line {
		dst = appendVarint(dst, f.slope)
	}
	return appendVarint(dst, f.base)
}

func readFrame(r *reader) (f frame) {
	b := r.u8("frame", zigzagBit|stepBit|0x0f)
	f.predictor = predictor(b & 0x0f)
	if f.predictor > line {
		r.fail("predictor %d", f.predictor)
		f.predictor = none
	}
	f.zigzag = b&zigzagBit != 0
	if b&stepBit != 0 {
		f.step = r.uvarint("step")
		f.origin = r.varint("origin")
	}
	if f.predictor != none {
		f.start = r.varint("start")
	}
	if f.predictor == line {
		f.slope = r.varint("slope")
	}
	f.base = r.varint("base")
	return f
}

// residuals fills dst with what the predictor does not foresee in the numbers,
// base not subtracted.
func (f *frame) residuals(dst, numbers []int64) {
	dst = dst[:len(numbers)]
	switch p := f.predictor; p {
	case none:
		copy(dst, numbers)
	case smooth0:
		before := f.start
		for i, x := range numbers {
			dst[i] = x - before
			before = x
		}
	case line:
		before, slope := f.start, f.slope
		for i, x := range numbers {
			dst[i] = x - before - slope
			before, slope = x, x-before
		}
	default:
		k, sum := (p-smooth0)&7, int64(0)
		for i, x := range numbers {
			r := x - f.start - sum>>k
			dst[i] = r
			sum += r
		}
	}
}

// restore turns codes into integers, in place.
func (f *frame) restore(v []int64) {
	if f.zigzag {
		unzigzagAll(v)
	}
	if f.predictor == line {
		restoreLine(v, f.start, f.slope, f.base)
	} else {
		f.run(v, asIntegers, toIntegers)
	}
	if f.step > 1 {
		step, origin := int64(f.step), f.origin
		for i, x := range v {
			v[i] = origin + step*x
		}
	}
}

// unzigzagAll turns zigzag codes into signed ones, in place.
func unzigzagAll(v []int64) {
	v = v[unzigzagVectors(v):]
	for i, c := range v {
		v[i] = unzigzag(uint64(c))
	}
}

// restoreDelta replaces every residual, of which base is missing, by start plus all
// residuals up to it.
func restoreDelta(v []int64, start, base int64) {
	sum := start
	base2 := base + base
	base3, base4 := base2+base, base2+base2
	for len(v) >= 4 {
		w := v[:4:4]
		a, c := w[0], w[2]
		b, d := a+w[1], c+w[3]
		w[0] = sum + base + a
		w[1] = sum + base2 + b
		w[2] = sum + base3 + b + c
		sum += base4 + b + d
		w[3] = sum
		v = v[4:]
	}
	for i, x := range v {
		sum += x + base
		v[i] = sum
	}
}

func restoreLine(v []int64, before, slope, base int64) {
	for i, r := range v {
		slope += r + base
		before += slope
		v[i] = before
	}
}

// restoreSmooth replaces every residual, of which base is missing, by start plus
// itself plus the smoothed mean of those before it, whose sum is given.
func restoreSmooth(v []int64, start, sum, base int64, p predictor) {
	k := (p - smooth0) & 7
	for i, r := range v {
		r += base
		v[i] = start + r + sum>>k
		sum += r
	}
}

// fitSample and its parts: how many integers decide the frame of a column.
const (
	fitSegments = 4
	fitSegment  = 128
	fitSample   = fitSegments * fitSegment
)

// fit chooses the frame for numbers by the size of residuals in a sample: whole
// segments, because predictors look back. Smoothing more or less than the middle
// is tried only where the middle is best, or less of it where the delta is.
func fit(numbers []int64) frame {
	best, bestCost := frame{}, uint64(1<<63)
	try := func(predictors ...predictor) predictor {
		for _, p := range predictors {
			f := frame{predictor: p, base: typicalResidual(p, numbers)}
			// A simpler predictor decodes faster; a better one must save 1 %.
			if cost := f.cost(numbers); cost+cost/128 < bestCost {
				best, bestCost = f, cost
			}
		}
		return best.predictor
	}
	const middle = smooth0 + 3
	switch try(none, smooth0, middle, line) {
	case smooth0:
		try(smooth0 + 1)
	case middle:
		if try(middle-1, middle-2) == middle {
			try(middle+1, middle+2, middle+3)
		}
	}
	best.zigzag = true
	best.anchor(numbers)
	return best
}

// cost is the bits of the sample's residuals, each rounded up.
func (f frame) cost(numbers []int64) (cost uint64) {
	var scratch [fitSegment]int64
	segments(len(numbers), func(from, to int) {
		f.anchor(numbers[from:to])
		r := scratch[:to-from]
		f.residuals(r, numbers[from:to])
		for _, x := range r {
			cost += uint64(bits.Len64(zigzag(x - f.base)))
		}
	})
	return cost
}

// anchor sets the state before the first number so that its residual is base.
func (f *frame) anchor(numbers []int64) {
	f.start, f.slope = 0, 0
	if len(numbers) == 0 {
		return
	}
	switch f.predictor {
	case none:
	case line:
		if len(numbers) > 1 {
			f.slope = numbers[1] - numbers[0]
		}
		f.start = numbers[0] - f.slope - f.base
	default:
		f.start = numbers[0] - f.base
	}
}

// segments calls do for each stretch of the sample that fit looks at.
func segments(n int, do func(from, to int)) {
	if n <= fitSample {
		for from := 0; from < n; from += fitSegment {
			do(from, min(from+fitSegment, n))
		}
		return
	}
	for i := range fitSegments {
		from := (n - fitSegment) * i / (fitSegments - 1)
		do(from, from+fitSegment)
	}
}

// typicalResidual is the median of some residuals of predictor p; those of the
// smoothed ones and of line lie around zero.
func typicalResidual(p predictor, numbers []int64) int64 {
	if p > smooth0 {
		return 0
	}
	var s [31]int64
	m := 0
	for i := range len(s) {
		at := len(numbers) * i / len(s)
		x := numbers[at:]
		switch p {
		case none:
			s[m] = x[0]
		default:
			if at == 0 {
				continue
			}
			s[m] = x[0] - numbers[at-1]
		}
		for j := m; j > 0 && s[j-1] > s[j]; j-- {
			s[j-1], s[j] = s[j], s[j-1]
		}
		m++
	}
	return s[m/2]
}
