package codec

import (
	"errors"
	"math"
	"math/rand"
	"slices"
	"testing"
)

// sparseSlowly is the reverse of splitSparse, value by value.
func sparseSlowly(n int, value int64, gaps, others []int64) []int64 {
	var v []int64
	for i, gap := range gaps {
		for range gap {
			v = append(v, value)
		}
		v = append(v, others[i])
	}
	for len(v) < n {
		v = append(v, value)
	}
	return v
}

func TestSparseEqualsTheSlowWay(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	e := NewEncoder()
	for _, n := range []int{1, 2, 63, 64, 65, 1000, 3600} {
		for _, oneIn := range []int{1, 2, 5, 100} {
			v := make([]int64, n)
			for i := range v {
				v[i] = -5
				if rng.Intn(oneIn) == 0 {
					v[i] = rng.Int63n(1000)
				}
			}
			splitSparse(&e.levels[0], v, -5)
			slow := sparseSlowly(n, -5, e.levels[0].indexes, e.levels[0].numbers)
			if !slices.Equal(slow, v) {
				t.Fatalf("%d values, one in %d another: not restored", n, oneIn)
			}
			mustInts(t, v, Sparse)
		}
	}
}

func TestUsualValueIsTheMostFrequent(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for _, share := range []float64{0.4, 0.7, 0.95, 1} {
		v := make([]int64, 5000)
		for i := range v {
			v[i] = int64(rng.Uint64())
			if rng.Float64() < share {
				v[i] = 42
			}
		}
		if got, count := usual(v); got != 42 || count < sparseWorth {
			t.Errorf("share %v: value %d, %d times in the sample", share, got, count)
		}
	}
	for i, v := 0, make([]int64, 5000); i < 10; i++ {
		for j := range v {
			v[j] = int64(rng.Uint64())
		}
		if _, count := usual(v); count >= sparseWorth {
			t.Errorf("no value occurs twice, but one %d times in the sample", count)
		}
	}
}

func TestCutsPartAndJoin(t *testing.T) {
	for _, c := range []cut{{10, 0}, {10, 9}, {1000, 500}, {1e9, 2450}} {
		for _, x := range []int64{0, 1, -1, 5, -5, 499, 500, 501, -499, -500, -501, 1e9, -1e9, 1 << 58, -1 << 58} {
			q := c.quotient(x)
			r := x - q*c.step
			if low := c.centre - c.step/2; r < low || r >= low+c.step {
				t.Errorf("%+v: %d is %d and %d, which is outside of the step around its centre", c, x, q, r)
			}
			want := math.Floor(float64(x-c.centre+c.step/2) / float64(c.step))
			if math.Abs(float64(x)) < 1<<50 && float64(q) != want {
				t.Errorf("%+v: quotient of %d is %d, want %v", c, x, q, want)
			}
		}
	}
}

func TestDigitsArePartedWhereTheyDiffer(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	column := func(value func() int64) []int64 {
		v := make([]int64, 2000)
		for i := range v {
			v[i] = value()
		}
		return v
	}
	for _, test := range []struct {
		name string
		v    []int64
		step int64 // 0: no cut
	}{
		{"half with two decimals, half with nine", column(func() int64 { return rng.Int63n(5000)*1e7 + rng.Int63n(2)*rng.Int63n(1e7) }), 1e7},
		{"hundredths with a constant and a rounding error", column(func() int64 { return rng.Int63n(5000)*1e5 + 2450 + rng.Int63n(5) }), 1e5},
		{"around a step, on both sides", column(func() int64 { return (rng.Int63n(5000)-2500)*1e6 + rng.Int63n(7) - 3 }), 1e6},
		{"noise", column(func() int64 { return rng.Int63n(1e10) }), 0},
		{"too far apart", []int64{math.MinInt64, math.MaxInt64}, 0},
	} {
		c, ok := findCut(test.v, surveyInts(test.v), 30)
		if !ok {
			c.step = 0
		}
		if c.step != test.step {
			t.Errorf("%s: parted at %d, want %d", test.name, c.step, test.step)
		}
		mustInts(t, test.v, Digits)
	}
}

func TestDictionaryMayBeLongerWhereValuesAreWide(t *testing.T) {
	const n = 1024
	for _, test := range []struct {
		name       string
		bits, want int
	}{
		{"narrow values", 8, n / dictionaryWorth},
		{"wide values", 27, n / 2},
		{"values in between", 17, n / 3},
	} {
		if got := dictionaryLimit(n, n*test.bits/8); got != test.want {
			t.Errorf("%s: %d entries, want %d", test.name, got, test.want)
		}
	}
	if got := dictionaryLimit(1<<16, 1<<20); got != maxEntries {
		t.Errorf("many values: %d entries", got)
	}
}

// TestDamagedPartsAreTold decodes columns that a part does not fit.
func TestDamagedPartsAreTold(t *testing.T) {
	constant := func(v int64) []byte { return mustInts(t, []int64{v, v}, Auto) }
	part := func(column, p []byte) []byte { return append(append(column, byte(len(p))), p...) }
	sparse := func(others byte, gaps, values []byte) []byte {
		return append(part([]byte{header(integers, Sparse, false), 2, others}, gaps), values...)
	}
	for name, column := range map[string][]byte{
		"a gap past the end":         sparse(1, constant(4), constant(9)),
		"gaps that add up to more":   sparse(2, constant(2), constant(9)),
		"a negative gap":             sparse(1, constant(-1), constant(9)),
		"more others than values":    sparse(5, constant(0), constant(9)),
		"others missing":             sparse(1, constant(0), nil),
		"gaps of floats":             sparse(1, mustFloats(t, []float64{1, 1}, Auto), constant(9)),
		"no quotients":               {header(integers, Digits, false), 10},
		"quotients without the rest": part([]byte{header(integers, Digits, false), 10}, constant(1)),
	} {
		if err := DecodeInt64s(make([]int64, 4), column); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if d := Inspect(column); d.Codec != Sparse && d.Codec != Digits {
			t.Errorf("%s: described as %v", name, d)
		}
	}
	got := make([]int64, 4)
	if err := DecodeInt64s(got, sparse(2, constant(1), constant(9))); err != nil || !slices.Equal(got, []int64{1, 9, 1, 9}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestInspectTellsParts(t *testing.T) {
	zeros := make([]int64, 200)
	for i := 0; i < 200; i += 9 {
		zeros[i] = int64(i*i) << 20
	}
	d := Inspect(mustInts(t, zeros, Sparse))
	if d.Err != nil || d.Codec != Sparse || len(d.Parts) != 2 || d.Parts[0].Role != "gaps" || d.Parts[1].Role != "others" || d.Parts[1].Err != nil {
		t.Errorf("%+v", d)
	}
	for i := range zeros {
		zeros[i] = int64(i*i%97)*1e6 + int64(i%3)
	}
	d = Inspect(mustInts(t, zeros, Digits))
	if d.Err != nil || d.Codec != Digits || len(d.Parts) != 2 || d.Parts[0].Role != "quotients" || d.Parts[1].Role != "remainders" || d.Parts[1].Err != nil {
		t.Errorf("%+v", d)
	}
}

func TestShortIsAsLongAsItsValueNeeds(t *testing.T) {
	for _, test := range []struct {
		value float64
		bytes int
	}{
		{0, 1}, {math.Copysign(0, -1), 2}, {1, 3}, {21.5, 4}, {0.1, 9}, {math.Inf(1), 3}, {5e-324, 9},
	} {
		column := mustFloats(t, []float64{test.value, test.value, test.value}, Auto)
		if d := Inspect(column); d.Codec != Short || len(column) != test.bytes || d.Err != nil {
			t.Errorf("%v: %v", test.value, d)
		}
	}
	for _, n := range []int{9, 10, 100} {
		column := append([]byte{header(floats, Short, false)}, make([]byte, n)...)
		if err := DecodeFloat64s(make([]float64, 2), column); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestUnpredictedIsPackedWhereThatIsSmaller(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	v := make([]int64, 1000)
	for i := range v {
		v[i] = int64(i)*10%1000 + rng.Int63n(24) // 0 to 1013: ten bits, no exceptions
	}
	e := NewEncoder()
	column, _ := e.appendIntsAs(nil, v, Auto, 0)
	packed, _ := e.appendIntsAs(nil, v, Packed, 0)
	if len(column) > len(packed) {
		t.Errorf("%v, but %v", Inspect(column), Inspect(packed))
	}
	mustInts(t, v, Auto)
}
