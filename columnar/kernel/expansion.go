package kernel

// inlineTerms is the room for terms that functions have on their stack. The bits
// of a float64 span 2,098 places, and terms of a sum are 53 places or more apart
// as a rule, so that it is practically always enough; append takes care of the
// rest.
const inlineTerms = 48

// expansion is an unevaluated sum of float64s, smallest in size first, none of
// them zero, whose bits do not overlap.
type expansion []float64

// grow returns the expansion with b added (Shewchuk 1997, figure 6, with the
// zeros left out). It writes into the array of x.
func (x expansion) grow(b float64) expansion {
	n := 0
	for _, t := range x {
		var err float64
		if b, err = twoSum(b, t); err != 0 {
			x[n] = err
			n++
		}
	}
	if b != 0 {
		return append(x[:n], b)
	}
	return x[:n]
}

// round returns the float64 next to the sum, the even one of two that are
// equally near.
func (x expansion) round() float64 {
	n := len(x)
	if n == 0 {
		return 0
	}
	sum, err := x[n-1], 0.0
	n--
	for n > 0 && err == 0 {
		sum, err = twoSum(sum, x[n-1])
		n--
	}
	// The terms below err say nothing new unless sum + err is a tie, which was
	// decided for the even side although the rest lies on the side of err.
	if n > 0 && (err > 0) == (x[n-1] > 0) {
		if up := sum + 2*err; up-sum == 2*err {
			return up
		}
	}
	return sum
}

// canonical appends the canonical terms to dst, largest first: each is the
// rounded value of what those before it leave over. It overwrites x.
func (x expansion) canonical(dst []float64) []float64 {
	for len(x) > 0 {
		t := x.round()
		dst = append(dst, t)
		if !finite(t) {
			break
		}
		x = x.grow(-t)
	}
	return dst
}
