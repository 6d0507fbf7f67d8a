package kernel

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand"
	"testing"
)

// rational returns the sum of the terms as a fraction.
func rational(terms []float64) *big.Rat {
	r, t := new(big.Rat), new(big.Rat)
	for _, x := range terms {
		r.Add(r, t.SetFloat64(x))
	}
	return r
}

// rounded returns the float64 next to r.
func rounded(r *big.Rat) float64 {
	f, _ := r.Float64()
	return f
}

// wild returns n values whose exponents lie in [low, high).
func wild(rng *rand.Rand, n, low, high int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = math.Ldexp(rng.Float64()*2-1, low+rng.Intn(high-low))
	}
	return values
}

func TestExactRoundsTheTrueSum(t *testing.T) {
	tiny := math.SmallestNonzeroFloat64
	tests := []struct {
		name  string
		terms []float64
		want  float64
	}{
		{name: "nothing is plus zero", want: 0},
		{name: "minus zero alone is plus zero", terms: []float64{math.Copysign(0, -1)}, want: 0},
		{name: "what cancels is plus zero", terms: []float64{1e300, 1, -1e300, -1}, want: 0},
		{name: "small terms survive large ones", terms: []float64{1e100, 1, -1e100, 1e-100}, want: 1},
		{name: "ten tenths are one", terms: []float64{.1, .1, .1, .1, .1, .1, .1, .1, .1, .1}, want: 1},
		{name: "a tie goes to the even side", terms: []float64{1, 0x1p-53}, want: 1},
		{name: "a tie from above goes to the even side", terms: []float64{1 + 0x1p-52, 0x1p-53}, want: 1 + 0x1p-51},
		{name: "a tie with a little more goes up", terms: []float64{1, 0x1p-53, tiny}, want: 1 + 0x1p-52},
		{name: "a tie with a little less goes down", terms: []float64{1 + 0x1p-52, 0x1p-53, -tiny}, want: 1 + 0x1p-52},
		{name: "a negative tie with a little more goes away from zero", terms: []float64{-1, -0x1p-53, -tiny}, want: -1 - 0x1p-52},
		{name: "a tie just below a power of two", terms: []float64{1, -0x1p-54, -tiny}, want: 1 - 0x1p-53},
		{name: "subnormal terms", terms: []float64{tiny, tiny, tiny}, want: 3 * tiny},
		{name: "the largest values that a series can hold", terms: []float64{0x1p1000, 0x1p1000, -tiny}, want: 0x1p1001},
		{name: "an infinity stays", terms: []float64{1, math.Inf(1), 2, -1e300}, want: math.Inf(1)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var e Exact
			for _, x := range test.terms {
				e.Add(x)
			}
			if got := e.Round(); math.Float64bits(got) != math.Float64bits(test.want) {
				t.Errorf("Round() = %g, want %g", got, test.want)
			}
			if got := e.IsZero(); got != (test.want == 0) {
				t.Errorf("IsZero() = %t", got)
			}
			back := FromTerms(e.Terms())
			if !back.Equal(e) {
				t.Errorf("FromTerms(%g) is another sum", e.Terms())
			}
		})
	}
}

func TestTermsNeedNotBeCanonical(t *testing.T) {
	minusZero := math.Copysign(0, -1)
	for _, terms := range [][]float64{{minusZero}, {minusZero, minusZero}, {0, 0, 0, 0}, {1, 1, 1}, {0, 5}, {1e-300, 1e300, -1e300}, {1, 2, 3, 4, 5, 6}} {
		e := FromTerms(terms)
		var want Exact
		for _, x := range terms {
			want.Add(x)
		}
		if math.Float64bits(e.Round()) != math.Float64bits(want.Round()) || !equalBits64(e.Terms(), want.Terms()) {
			t.Errorf("FromTerms(%g) is %g with terms %g", terms, e.Round(), e.Terms())
		}
	}
}

func TestExactOverflowIsSticky(t *testing.T) {
	var up, down Exact
	up.AddProduct(1e200, 1e200)
	up.Add(-1e300)
	down.AddProduct(-1e200, 1e200)
	if got := up.Round(); !math.IsInf(got, 1) {
		t.Errorf("sum with a term that overflows = %g", got)
	}
	if got := down.Round(); !math.IsInf(got, -1) {
		t.Errorf("sum with a negative term that overflows = %g", got)
	}
	if down.Cmp(&up) != -1 || up.Cmp(&up) != 0 {
		t.Error("infinite sums are out of order")
	}
	up.Merge(&down)
	if got := up.Round(); !math.IsNaN(got) {
		t.Errorf("sum with terms of both signs that overflow = %g", got)
	}
	if !up.Equal(up) || len(up.Terms()) != 1 {
		t.Error("NaN is not a sum equal to itself with one term")
	}
}

func TestExactCopiesAreIndependent(t *testing.T) {
	var a Exact
	for _, x := range wild(rand.New(rand.NewSource(1)), 50, -1000, 1000) {
		a.Add(x)
	}
	before := a.Terms()
	b := a
	b.Add(1e-280)
	b.Add(1e280)
	b.Merge(&a)
	if got := a.Terms(); !equalBits64(got, before) {
		t.Errorf("the original became %g, was %g", got, before)
	}
	a.Merge(&a)
	if want := rational(before); rational(a.Terms()).Cmp(want.Add(want, want)) != 0 {
		t.Error("a sum merged with itself is not doubled")
	}
}

func TestAddMultipleIsExact(t *testing.T) {
	for _, n := range []int64{0, 1, -1, 1 << 53, 1<<53 + 1, -(1<<53 + 1), 315537897599999999, math.MaxInt64, math.MinInt64} {
		for _, x := range []float64{1, 0.1, -math.Pi, math.SmallestNonzeroFloat64} {
			var e Exact
			e.AddMultiple(x, n)
			want := new(big.Rat).SetFloat64(x)
			want.Mul(want, new(big.Rat).SetInt64(n))
			if rational(e.Terms()).Cmp(want) != 0 {
				t.Errorf("%g · %d = %g", x, n, e.Terms())
			}
		}
	}
}

// equalBits64 reports whether two slices hold the same bits.
func equalBits64(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if math.Float64bits(a[i]) != math.Float64bits(b[i]) {
			return false
		}
	}
	return true
}

// checkSum compares a sum of the terms, added in the order given, with fractions.
func checkSum(t *testing.T, terms []float64) {
	t.Helper()
	var forward, backward, halves, other Exact
	for i, x := range terms {
		forward.Add(x)
		backward.Add(terms[len(terms)-1-i])
		if i%2 == 0 {
			halves.Add(x)
		} else {
			other.Add(x)
		}
	}
	halves.Merge(&other)
	want := rational(terms)
	if got := rational(forward.Terms()); got.Cmp(want) != 0 {
		t.Fatalf("Terms() of %g = %g", terms, forward.Terms())
	}
	if got := forward.Round(); got != rounded(want) {
		t.Fatalf("Round() of %g = %g, want %g", terms, got, rounded(want))
	}
	for _, sum := range []*Exact{&backward, &halves} {
		if !equalBits64(sum.Terms(), forward.Terms()) {
			t.Fatalf("the order of additions shows: %g and %g", sum.Terms(), forward.Terms())
		}
		if math.Float64bits(sum.Round()) != math.Float64bits(forward.Round()) || sum.Cmp(&forward) != 0 {
			t.Fatalf("equal sums round or compare differently: %g", terms)
		}
	}
	// A canonical term is the rounded value of all that follows and itself.
	left := new(big.Rat).Set(want)
	for _, x := range forward.Terms() {
		if x != rounded(left) {
			t.Fatalf("Terms() of %g are not canonical: %g", terms, forward.Terms())
		}
		left.Sub(left, new(big.Rat).SetFloat64(x))
	}
	forward.Add(0x1p-1000)
	if backward.Cmp(&forward) != -1 || forward.Cmp(&backward) != 1 {
		t.Fatalf("a sum is not less than one that is greater: %g", terms)
	}
}

func TestExactEqualsFractions(t *testing.T) {
	rng := rand.New(rand.NewSource(7))
	ranges := [][2]int{{0, 1}, {-3, 3}, {-60, 60}, {-200, 200}, {-1074, -1000}, {-1070, 1000}}
	for round := range 600 {
		r := ranges[round%len(ranges)]
		terms := wild(rng, 1+rng.Intn(40), r[0], r[1])
		if round%3 == 0 { // cancel the large ones
			for _, x := range terms {
				terms = append(terms, -x+math.Ldexp(rng.Float64(), r[0]))
			}
		}
		checkSum(t, terms)
	}
}

// floats reads float64s of at most 2^1000 from bytes.
func floats(data []byte) []float64 {
	var values []float64
	for ; len(data) >= 8; data = data[8:] {
		if x := math.Float64frombits(binary.LittleEndian.Uint64(data)); math.Abs(x) <= 0x1p1000 {
			values = append(values, x)
		}
	}
	return values
}

func FuzzExact(f *testing.F) {
	rng := rand.New(rand.NewSource(3))
	for _, r := range [][2]int{{0, 1}, {-1074, 1000}, {-53, 53}} {
		var seed []byte
		for _, x := range wild(rng, 20, r[0], r[1]) {
			seed = binary.LittleEndian.AppendUint64(seed, math.Float64bits(x))
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if terms := floats(data); len(terms) < 200 {
			checkSum(t, terms)
		}
	})
}

func FuzzFromTermsNeverPanics(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\xf0\x7f\x01\x00\x00\x00\x00\x00\xf8\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var terms []float64
		for ; len(data) >= 8 && len(terms) < 200; data = data[8:] {
			terms = append(terms, math.Float64frombits(binary.LittleEndian.Uint64(data)))
		}
		e := FromTerms(terms)
		back := FromTerms(e.Terms())
		if len(terms) < 3 && !back.Equal(e) {
			t.Fatalf("%g comes back as %g", terms, back.Terms())
		}
		_ = Variance(int64(len(terms)), &e, &back, true)
	})
}
