package kernel

import (
	"math"
	"math/big"
)

// Variance returns the variance of n values from their sum and the sum of their
// squares: (n·squares − sum²) / n², or / (n·(n−1)) of a sample. The subtraction
// is exact, so that nothing is lost when the values are close together and far
// from 0, and the result is within one unit in the last place. It is never
// negative. It is NaN where it is not defined: for no value, for a sample of one,
// and where a sum overflowed.
func Variance(n int64, sum, squares *Exact, sample bool) float64 {
	m := n
	if sample {
		m--
	}
	if n <= 0 || m <= 0 || !finite(sum.high) || !finite(squares.high) {
		return math.NaN()
	}
	if v, ok := varianceFast(n, m, sum, squares); ok {
		return v
	}
	return varianceBig(n, m, sum, squares)
}

// Products of numbers between these bounds keep all their bits.
const (
	leastFactor    = 0x1p-400
	greatestFactor = 0x1p+400
)

// varianceFast computes (n·squares − sum²) / (n·m) in float64 expansions. It
// reports whether the sums are short and of moderate size, as it needs them.
func varianceFast(n, m int64, sum, squares *Exact) (float64, bool) {
	var space [2 * inlineTerms]float64
	s := sum.AppendTerms(space[:0])
	q := squares.AppendTerms(space[inlineTerms:inlineTerms])
	if len(s) > 3 || len(q) > 3 || n > 1<<53 {
		return 0, false
	}
	count := float64(n)
	var d Exact // the numerator
	for i, a := range s {
		if !moderate(a) {
			return 0, false
		}
		d.AddProduct(-a, a)
		for _, b := range s[:i] {
			d.AddProduct(-2*a, b)
		}
	}
	for _, a := range q {
		if !moderate(a) {
			return 0, false
		}
		d.AddProduct(a, count)
	}
	top := d.Round()
	if top <= 0 {
		return 0, true
	}
	d.Add(-top)
	bottom, bottomErr := twoProduct(count, float64(m))
	// One step of Newton after the division makes up for all that was rounded off.
	v := top / bottom
	remainder := math.FMA(-v, bottom, top) + (d.Round() - v*bottomErr)
	return v + remainder/bottom, true
}

func moderate(x float64) bool {
	size := math.Abs(x)
	return size >= leastFactor && size <= greatestFactor
}

// varianceBig computes (n·squares − sum²) / (n·m) in numbers of any length.
func varianceBig(n, m int64, sum, squares *Exact) float64 {
	s, q := sum.rat(), squares.rat()
	count := new(big.Rat).SetInt64(n)
	d := q.Mul(q, count)
	d.Sub(d, s.Mul(s, s))
	if d.Sign() <= 0 {
		return 0
	}
	d.Quo(d, count.Mul(count, new(big.Rat).SetInt64(m)))
	v, _ := d.Float64()
	return v
}

// rat returns the sum, which must be finite, as a fraction.
func (e *Exact) rat() *big.Rat {
	r, t := new(big.Rat), new(big.Rat)
	for _, x := range e.Terms() {
		r.Add(r, t.SetFloat64(x))
	}
	return r
}
