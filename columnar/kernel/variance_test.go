package kernel

import (
	"math"
	"math/big"
	"math/rand"
	"testing"
)

// moments returns the sums that a variance is made of.
func moments(values []float64) (sum, squares Exact) {
	Sum(values, nil, &sum)
	Squares(values, nil, &squares)
	return sum, squares
}

// trueVariance computes the variance from the values with fractions.
func trueVariance(values []float64, sample bool) *big.Rat {
	n := new(big.Rat).SetInt64(int64(len(values)))
	sum, squares := new(big.Rat), new(big.Rat)
	for _, v := range values {
		x := new(big.Rat).SetFloat64(v)
		sum.Add(sum, x)
		squares.Add(squares, x.Mul(x, x))
	}
	d := squares.Mul(squares, n)
	d.Sub(d, sum.Mul(sum, sum))
	m := new(big.Rat).Set(n)
	if sample {
		m.Sub(m, big.NewRat(1, 1))
	}
	return d.Quo(d, n.Mul(n, m))
}

func TestVarianceIsWithinOneUnitInTheLastPlace(t *testing.T) {
	rng := rand.New(rand.NewSource(13))
	shapes := map[string]func() float64{
		"noise around zero":            func() float64 { return rng.NormFloat64() },
		"a wave far from zero":         func() float64 { return 1e9 + rng.Float64() },
		"two values, one bit apart":    func() float64 { return 1 + float64(rng.Intn(2))*0x1p-52 },
		"very small values":            func() float64 { return rng.NormFloat64() * 1e-100 },
		"values whose squares are big": func() float64 { return rng.NormFloat64() * 1e150 },
		"sizes far apart":              func() float64 { return math.Ldexp(rng.NormFloat64(), rng.Intn(300)-150) },
	}
	for name, draw := range shapes {
		t.Run(name, func(t *testing.T) {
			for round := range 60 {
				values := make([]float64, 2+rng.Intn(60))
				for i := range values {
					values[i] = draw()
				}
				sample := round%2 == 0
				sum, squares := moments(values)
				got := Variance(int64(len(values)), &sum, &squares, sample)
				want := rounded(trueVariance(values, sample))
				if math.Abs(got-want) > math.Nextafter(want, math.Inf(1))-want {
					t.Fatalf("variance of %g is %g, want %g", values, got, want)
				}
				if slow := varianceBig(int64(len(values)), int64(len(values)-1+round%2), &sum, &squares); slow != want {
					t.Fatalf("variance by fractions of %g is %g, want %g", values, slow, want)
				}
			}
		})
	}
}

func TestVarianceOfSumsWhoseSquaresOverflow(t *testing.T) {
	// Half of 2^40 values are 2^480, the others 0.
	sum, squares := FromTerms([]float64{0x1p519}), FromTerms([]float64{0x1p999})
	if got := Variance(1<<40, &sum, &squares, false); got != 0x1p958 {
		t.Errorf("variance is %g, want 2^958", got)
	}
}

func TestVarianceAtItsLimits(t *testing.T) {
	tests := []struct {
		name   string
		values []float64
		sample bool
		want   float64
	}{
		{name: "none of nothing", want: math.NaN()},
		{name: "none of a sample of one", values: []float64{3}, sample: true, want: math.NaN()},
		{name: "zero of a population of one", values: []float64{3}, want: 0},
		{name: "zero of equal values", values: []float64{0.1, 0.1, 0.1}, sample: true, want: 0},
		{name: "a sample of two", values: []float64{1, 3}, sample: true, want: 2},
		{name: "a population of two", values: []float64{1, 3}, want: 1},
		{name: "zero where squares vanish", values: []float64{0x1p-1000, 0x1p-1001}, sample: true, want: 0},
		{name: "none where squares overflow", values: []float64{0x1p600, 1}, sample: true, want: math.NaN()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sum, squares := moments(test.values)
			got := Variance(int64(len(test.values)), &sum, &squares, test.sample)
			if got != test.want && !(math.IsNaN(got) && math.IsNaN(test.want)) {
				t.Errorf("variance is %g, want %g", got, test.want)
			}
		})
	}
}
