package codec

import (
	"errors"
	"math"
	"math/rand"
	"testing"
)

// noisy are decimals, of which some are as many floats off as steps says.
func noisy(n, exponent int, oneIn int, steps func(rng *rand.Rand) int64) []float64 {
	rng := rand.New(rand.NewSource(1))
	values := make([]float64, n)
	for i := range values {
		x := float64(rng.Intn(90000)+1) / math.Pow10(exponent)
		if rng.Intn(oneIn) == 0 {
			x = math.Float64frombits(math.Float64bits(x) + uint64(steps(rng)))
		}
		values[i] = x
	}
	return values
}

func TestDecimalsWithRoundingErrorsAreFound(t *testing.T) {
	few := func(rng *rand.Rand) int64 { return rng.Int63n(9) - 4 }
	random := func(rng *rand.Rand) int64 { return rng.Int63() >> 12 }
	for _, test := range []struct {
		name     string
		values   []float64
		exponent int // less than 0: none are found
	}{
		{"all are off", noisy(500, 2, 1, few), 2},
		{"one in ten is off", noisy(500, 3, 10, few), 3},
		{"one in ten is anything", noisy(500, 3, 10, random), 3},
		{"all are anything", noisy(500, 3, 1, random), -1},
		{"sums of tenths", accumulated(500), 1},
		{"an infinity and a NaN among them", append(noisy(40, 2, 1, few), math.Inf(1), math.NaN()), 2},
		{"all NaN", []float64{math.NaN(), math.NaN()}, -1},
	} {
		m, ok := guessNear(test.values)
		if ok != (test.exponent >= 0) || ok && int(m.exponent) != test.exponent {
			t.Errorf("%s: %v, %v; want exponent %d", test.name, m, ok, test.exponent)
		}
		mustFloats(t, test.values, Near)
	}
}

// accumulated are sums of 0.1 and 0.2, with the errors of adding them up.
func accumulated(n int) []float64 {
	values, x := make([]float64, n), 0.0
	for i := range values {
		x += 0.1 + 0.1*float64(i%2)
		if i%20 == 0 {
			x = math.Round(x*10) / 10
		}
		values[i] = x
	}
	return values
}

func TestStepsLeadBack(t *testing.T) {
	m := mapping{kind: decimalDiv, exponent: 3}
	tenth, fifth := 0.1, 0.2 // whose sum a constant would not get wrong
	for _, x := range []float64{0, math.Copysign(0, -1), tenth + fifth, -tenth - fifth, 1e300, math.Inf(-1), math.NaN(), 5e-324, 123.456} {
		d, steps, _ := m.nearest(x)
		v := []int64{d}
		m.floats(v)
		if got := v[0] + steps; got != int64(math.Float64bits(x)) {
			t.Errorf("%v comes back as %v", x, math.Float64frombits(uint64(got)))
		}
	}
	if _, steps, ok := m.nearest(tenth + fifth); !ok || steps != 1 {
		t.Errorf("0.1 + 0.2 is %d steps from 0.3", steps)
	}
}

func TestNearIsChosenForRoundingErrors(t *testing.T) {
	values := noisy(1000, 2, 3, func(rng *rand.Rand) int64 { return rng.Int63n(3) - 1 })
	column := mustFloats(t, values, Auto)
	d := Inspect(column)
	if d.Codec != Near || d.Err != nil || len(d.Parts) != 2 || d.Parts[0].Role != "steps" || d.Parts[1].Role != "integers" {
		t.Errorf("%v", d)
	}
	if perValue := float64(len(column)) * 8 / 1000; perValue > 20 {
		t.Errorf("%.1f bits per value, for 17 bits of decimal and an error that one in three has", perValue)
	}
}

func TestDamagedNearIsTold(t *testing.T) {
	column := mustFloats(t, noisy(100, 2, 2, func(*rand.Rand) int64 { return 1 }), Near)
	if Inspect(column).Codec != Near {
		t.Fatalf("%v", Inspect(column))
	}
	for name, damaged := range map[string][]byte{
		"no exponent":           column[:1],
		"an exponent too large": append([]byte{column[0], maxExponent + 1}, column[2:]...),
		"no steps":              column[:2],
		"no integers":           column[:3+int(column[2])],
	} {
		if err := DecodeFloat64s(make([]float64, 100), damaged); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadingsOf32BitsAreStoredByTheirBits(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	values, x := make([]float64, 768), 1800.0
	for i := range values {
		x += 20 * rng.NormFloat64()
		values[i] = float64(float32(x))
	}
	column := mustFloats(t, values, Auto)
	if decimal := mustFloats(t, values, Decimal); len(column) >= len(decimal) || Inspect(column).Codec != Real {
		t.Errorf("%v, as decimals %v", Inspect(column), Inspect(decimal))
	}
	if perValue := float64(len(column)) * 8 / 768; perValue > 21 {
		t.Errorf("%.1f bits per value, for steps of 20 in units of 2^-13", perValue)
	}
}
