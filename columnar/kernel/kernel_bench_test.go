package kernel

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
)

// readings returns n values like those of a sensor, rounded to 0.01.
func readings(n int) []float64 {
	rng := rand.New(rand.NewSource(1))
	values := make([]float64, n)
	for i := range values {
		values[i] = math.Round((20+5*math.Sin(float64(i)/300)+rng.NormFloat64())*100) / 100
	}
	return values
}

// rate reports values per second.
func rate(b *testing.B, values int) {
	b.SetBytes(int64(values) * 8)
	b.ReportMetric(float64(values)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gvalues/s")
}

func BenchmarkLoops(b *testing.B) {
	for _, n := range []int{3600, 1 << 22} {
		values := readings(n)
		integers := make([]int64, n)
		for i, v := range values {
			integers[i] = int64(v * 100)
		}
		mask := masks(rand.New(rand.NewSource(1)), n)[3]
		dst := make([]uint64, words(n))
		var e Exact
		for _, loop := range []struct {
			name string
			run  func()
		}{
			{"Sum", func() { Sum(values, nil, &e) }},
			{"Sum of half", func() { Sum(values, mask, &e) }},
			{"SumMinMax", func() { SumMinMax(values, nil, &e) }},
			{"MinMax", func() { MinMax(values, nil) }},
			{"MinMax of half", func() { MinMax(values, mask) }},
			{"Squares", func() { Squares(values, nil, &e) }},
			{"Neighbours", func() { Neighbours(dst, values) }},
			{"CompareFloats", func() { CompareFloats(dst, Lt, values, 20) }},
			{"CompareInts", func() { CompareInts(dst, Ge, integers, 2000) }},
			{"Index", func() { Index(values, nil, 1e9) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", loop.name, n), func(b *testing.B) {
				for b.Loop() {
					loop.run()
				}
				rate(b, n)
			})
		}
	}
}

func BenchmarkExact(b *testing.B) {
	values := readings(1 << 20)
	var sum, squares, other Exact
	Sum(values, nil, &sum)
	Squares(values, nil, &squares)
	Sum(values[1000:], nil, &other)
	b.Run("Add", func(b *testing.B) {
		var e Exact
		for i := 0; b.Loop(); i++ {
			e.Add(values[i&(1<<20-1)])
		}
	})
	b.Run("Merge", func(b *testing.B) {
		var e Exact
		for b.Loop() {
			e.Merge(&other)
		}
	})
	b.Run("Round", func(b *testing.B) {
		for b.Loop() {
			sum.Round()
		}
	})
	b.Run("AppendTerms", func(b *testing.B) {
		var dst []float64
		for b.Loop() {
			dst = squares.AppendTerms(dst[:0])
		}
	})
	b.Run("Variance", func(b *testing.B) {
		for b.Loop() {
			Variance(1<<20, &sum, &squares, true)
		}
	})
}
