package kernel

import (
	"math"
	"slices"
)

// Exact is a sum of float64s that is never rounded. Its zero value is 0, and a
// copy of it is independent of the original.
//
// The sum is held as an unevaluated sum of float64s: three in place, which is
// enough for billions of values of like size, and more in a slice when the
// values reach further apart (D. E. Knuth, The Art of Computer Programming,
// volume 2, section 4.2.2, for the error-free addition; J. R. Shewchuk, "Adaptive
// Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates",
// 1997, for expansions).
//
// A term that overflows makes the sum +Inf or -Inf for good, terms of both signs
// make it NaN.
type Exact struct {
	// The sum is high + middle + low + all of rest. The parts may overlap and are
	// in no particular order, and each may be zero.
	high, middle, low float64
	rest              []float64 // never written to: copies of the Exact share it
}

// twoSum returns the float64 next to a + b and what it lacks: sum + err is a + b.
func twoSum(a, b float64) (sum, err float64) {
	sum = a + b
	bb := sum - a
	return sum, (a - (sum - bb)) + (b - bb)
}

// twoProduct returns the float64 next to a · b and what it lacks. The second is
// exact unless it is below 2^-1074, where it is rounded to a multiple of that.
func twoProduct(a, b float64) (product, err float64) {
	product = a * b
	return product, math.FMA(a, b, -product)
}

// Add adds x.
func (e *Exact) Add(x float64) {
	high, r := twoSum(e.high, x)
	middle, r := twoSum(e.middle, r)
	low, r := twoSum(e.low, r)
	e.high, e.middle, e.low = high, middle, low
	if r != 0 {
		e.spill(r)
	}
}

// AddProduct adds a · b. It is exact where the last bit of the product is not
// below 2^-1074, so always when a or b is an integer. Else what lies below is
// rounded; the rounding depends on a and b alone, so that the order of additions
// still has no influence.
func (e *Exact) AddProduct(a, b float64) {
	product, err := twoProduct(a, b)
	e.Add(product)
	if err != 0 && finite(err) { // infinite after an overflow, when product says it all
		e.Add(err)
	}
}

// AddMultiple adds x · n, exactly.
func (e *Exact) AddMultiple(x float64, n int64) {
	const safe = 1 << 53 // up to here an integer is a float64
	if n > safe || n < -safe {
		low := n & (1<<32 - 1)
		e.AddProduct(x, float64(n-low))
		n = low
	}
	e.AddProduct(x, float64(n))
}

// Merge adds what o holds.
func (e *Exact) Merge(o *Exact) {
	other := *o // o may be e
	e.Add(other.high)
	if other.middle != 0 {
		e.Add(other.middle)
	}
	if other.low != 0 {
		e.Add(other.low)
	}
	for _, x := range other.rest {
		e.Add(x)
	}
}

// Subtract takes away what o holds.
func (e *Exact) Subtract(o *Exact) {
	other := *o
	e.Add(-other.high)
	e.Add(-other.middle)
	e.Add(-other.low)
	for _, x := range other.rest {
		e.Add(-x)
	}
}

// spill takes in the residual that did not fit into the three parts in place: it
// brings the sum into its canonical form, which is also the shortest.
func (e *Exact) spill(r float64) {
	if !finite(e.high) {
		*e = Exact{high: e.high}
		return
	}
	var space [inlineTerms]float64
	x := e.expansion(space[:0])
	x = x.grow(r)
	e.set(x)
}

// set makes x the sum.
func (e *Exact) set(x expansion) {
	var space [inlineTerms]float64
	*e = fromCanonical(x.canonical(space[:0]))
}

// fromCanonical returns the sum whose terms, largest first, are given. It copies
// what it keeps.
func fromCanonical(terms []float64) Exact {
	var e Exact
	switch n := len(terms); {
	case n > 3:
		e.rest = slices.Clone(terms[3:])
		fallthrough
	case n == 3:
		e.low = terms[2]
		fallthrough
	case n == 2:
		e.middle = terms[1]
		fallthrough
	case n == 1:
		e.high = terms[0]
	}
	return e
}

// expansion returns the sum as an expansion in space.
func (e *Exact) expansion(space expansion) expansion {
	x := space
	for _, t := range e.rest {
		x = x.grow(t)
	}
	return x.grow(e.low).grow(e.middle).grow(e.high)
}

// ordered returns the sum, whose rest is nil, as three parts. When low is 0 the
// other two are canonical.
func (e *Exact) ordered() (high, middle, low float64) {
	high, middle = twoSum(e.high, e.middle)
	middle, low = twoSum(middle, e.low)
	high, middle = twoSum(high, middle)
	return high, middle, low
}

// Round returns the float64 next to the sum, the even one of two that are
// equally near: what Python's math.fsum returns for the same terms.
func (e *Exact) Round() float64 {
	if e.rest == nil {
		if e.middle == 0 && e.low == 0 {
			return e.high
		}
		if high, _, low := e.ordered(); low == 0 {
			return high
		}
	}
	if !finite(e.high) {
		return e.high
	}
	var space [inlineTerms]float64
	return e.expansion(space[:0]).round()
}

// IsZero reports whether the sum is 0.
func (e *Exact) IsZero() bool { return e.Round() == 0 }

// Cmp returns -1, 0 or +1 as the sum is less than, equal to or greater than o.
// Sums that overflowed compare as their rounded values do; NaN equals NaN and is
// greater than all else.
func (e *Exact) Cmp(o *Exact) int {
	if !finite(e.high) || !finite(o.high) {
		return compareSpecial(e.Round(), o.Round())
	}
	difference := *e
	difference.Subtract(o)
	switch d := difference.Round(); {
	case d < 0:
		return -1
	case d > 0:
		return 1
	}
	return 0
}

// Equal reports whether the sums are the same number.
func (e Exact) Equal(o Exact) bool { return e.Cmp(&o) == 0 }

// Terms returns the canonical form of the sum: float64s that add up to it, each
// the nearest one to what the terms before it leave over. Equal sums have equal
// terms. 0 has none.
func (e *Exact) Terms() []float64 { return e.AppendTerms(nil) }

// AppendTerms appends Terms to dst and returns the extended slice.
func (e *Exact) AppendTerms(dst []float64) []float64 {
	if !finite(e.high) {
		return append(dst, e.high)
	}
	if e.rest == nil {
		if high, middle, low := e.ordered(); low == 0 {
			if high != 0 {
				dst = append(dst, high)
			}
			if middle != 0 {
				dst = append(dst, middle)
			}
			return dst
		}
	}
	var space [inlineTerms]float64
	return e.expansion(space[:0]).canonical(dst)
}

// FromTerms returns the sum of terms, which need not be canonical: it is the
// inverse of Terms, and safe on terms that come from outside. It keeps no
// reference to the slice.
func FromTerms(terms []float64) Exact {
	if len(terms) <= 3 {
		sound := true
		for _, t := range terms {
			sound = sound && finite(t)
		}
		if sound {
			e := fromCanonical(terms)
			e.high += 0 // not -0
			return e
		}
	}
	var e Exact
	for _, t := range terms {
		e.Add(t)
	}
	return e
}

// finite reports whether x is neither infinite nor NaN.
func finite(x float64) bool { return x-x == 0 }

// compareSpecial orders floats with NaN as the greatest, equal to itself.
func compareSpecial(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case math.IsNaN(a) == math.IsNaN(b):
		return 0
	case math.IsNaN(a):
		return 1
	}
	return -1
}
