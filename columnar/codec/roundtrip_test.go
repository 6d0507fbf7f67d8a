package codec

import (
	"fmt"
	"math"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// floatShapes are series as they occur, and some that should not.
var floatShapes = map[string]func(rng *rand.Rand, i int) float64{
	"zeros of both signs": func(rng *rand.Rand, _ int) float64 { return math.Copysign(0, rng.Float64()-0.5) },
	"constant":            func(*rand.Rand, int) float64 { return 21.5 },
	"constant NaN":        func(*rand.Rand, int) float64 { return math.Float64frombits(0x7ff8000000abcdef) },
	"any bits":            func(rng *rand.Rand, _ int) float64 { return math.Float64frombits(rng.Uint64()) },
	"NaN payloads": func(rng *rand.Rand, _ int) float64 {
		return math.Float64frombits(0x7ff0000000000001 | rng.Uint64()>>20)
	},
	"denormals":          func(rng *rand.Rand, _ int) float64 { return math.Float64frombits(rng.Uint64() >> 30) },
	"infinities between": func(rng *rand.Rand, i int) float64 { return []float64{math.Inf(1), 2.5, math.Inf(-1)}[rng.Intn(3)] },
	"two decimals":       func(rng *rand.Rand, _ int) float64 { return math.Round(2000+rng.NormFloat64()*100) / 100 },
	"two decimals as 32": func(rng *rand.Rand, _ int) float64 { return float64(float32(math.Round(rng.NormFloat64()*1e4) / 100)) },
	"decimals and others": func(rng *rand.Rand, i int) float64 {
		return map[bool]float64{true: rng.Float64(), false: 0.1 * float64(i%9)}[i%5 == 0]
	},
	"decimals and -0": func(rng *rand.Rand, i int) float64 {
		return map[bool]float64{true: math.Copysign(0, -1), false: 7.25}[i%3 == 0]
	},
	"sixteen digits":      func(rng *rand.Rand, _ int) float64 { return math.Round(rng.Float64()*1e16) / 1e16 },
	"large integers":      func(rng *rand.Rand, _ int) float64 { return float64(rng.Int63() - 1<<62) },
	"around 2^53":         func(rng *rand.Rand, i int) float64 { return float64(1<<53 - 20 + int64(rng.Intn(40))) },
	"counter":             func(_ *rand.Rand, i int) float64 { return float64(i) * 1000 },
	"counter with resets": func(_ *rand.Rand, i int) float64 { return float64(i % 700 * 13) },
	"smooth":              func(_ *rand.Rand, i int) float64 { return 20 + 5*math.Sin(float64(i)/500) },
	"noise":               func(rng *rand.Rand, _ int) float64 { return rng.NormFloat64() },
	"noise in 32 bits":    func(rng *rand.Rand, _ int) float64 { return float64(float32(rng.NormFloat64())) },
	"long runs":           func(rng *rand.Rand, i int) float64 { return math.Sqrt(float64(i / 90)) },
	"ten values":          func(rng *rand.Rand, _ int) float64 { return math.Sqrt(float64(rng.Intn(10))) },
	"one spike": func(_ *rand.Rand, i int) float64 {
		return map[bool]float64{true: 1e300, false: float64(i%4) / 8}[i == 77]
	},
	"mostly zero": func(rng *rand.Rand, _ int) float64 { return max(0, math.Round(rng.NormFloat64()*100)/100) },
	"two or nine decimals": func(rng *rand.Rand, i int) float64 {
		return math.Round(rng.Float64()*50*twoOrNine[i*i%3%2]) / twoOrNine[i*i%3%2]
	},
	"rounding errors": func(rng *rand.Rand, _ int) float64 { return 0.1*float64(rng.Intn(500)) + 0.2 },
	"some rounding errors": func(rng *rand.Rand, i int) float64 {
		return math.Float64frombits(math.Float64bits(float64(rng.Intn(9e8))/1e7) + uint64(rng.Intn(9)/8*rng.Intn(20)))
	},
	"an offset added": func(rng *rand.Rand, _ int) float64 {
		x, _ := strconv.ParseFloat(strconv.FormatFloat(float64(float32(rng.Intn(3000))/100+0.000245414), 'g', -1, 32), 64)
		return x
	},
	"steps of a converter": func(rng *rand.Rand, i int) float64 { return float64(rng.Intn(4096)) * 0.0244140625 },
}

// twoOrNine are powers of ten for values of two precisions.
var twoOrNine = [2]float64{1e2, 1e9}

var floatCodecs = []Codec{Auto, Constant, Raw, Dictionary, RunLength, Decimal, Real, Packed, Planes, Split, Prefix, Sparse, Digits, Short, Near}

func TestFloatsComeBackBitForBit(t *testing.T) {
	for name, value := range floatShapes {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{0, 1, 2, 3, 9, 100, 511, 3600} {
				rng := rand.New(rand.NewSource(int64(n)))
				values := make([]float64, n)
				for i := range values {
					values[i] = value(rng, i)
				}
				for _, c := range floatCodecs {
					mustFloats(t, values, c)
				}
			}
		})
	}
}

func TestAutoIsNeverMuchLargerThanRaw(t *testing.T) {
	for name, value := range floatShapes {
		rng := rand.New(rand.NewSource(1))
		values := make([]float64, 1000)
		for i := range values {
			values[i] = value(rng, i)
		}
		if got, raw := len(mustFloats(t, values, Auto)), len(mustFloats(t, values, Raw)); got > raw {
			t.Errorf("%s: %d bytes, raw %d", name, got, raw)
		}
	}
}

func TestAMillionValuesComeBack(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	const n = 1 << 20
	values, ints, words := make([]float64, n), make([]int64, n), make([]uint64, n/64)
	for i := range values {
		values[i] = math.Round(rng.NormFloat64()*1e3) / 1e2
		ints[i] = int64(values[i]*100) << 20
	}
	for i := range words {
		words[i] = rng.Uint64() & rng.Uint64()
	}
	for _, c := range []Codec{Auto, Split} {
		column, err := AppendFloat64s(nil, values, c)
		got := make([]float64, n)
		if err != nil || DecodeFloat64s(got, column) != nil || !slices.Equal(got, values) {
			t.Errorf("%v: floats do not come back: %v", c, err)
		}
		if len(column) > 2*n {
			t.Errorf("%v: %d bytes for %d floats of four digits", c, len(column), n)
		}
	}
	column, err := AppendInt64s(nil, ints, Auto)
	got := make([]int64, n)
	if err != nil || DecodeInt64s(got, column) != nil || !slices.Equal(got, ints) {
		t.Errorf("integers do not come back: %v", err)
	}
	mustBits(t, words, n, Auto)
}

var intShapes = map[string]func(rng *rand.Rand, i int) int64{
	"constant":      func(*rand.Rand, int) int64 { return -7 },
	"any":           func(rng *rand.Rand, _ int) int64 { return int64(rng.Uint64()) },
	"extremes":      func(rng *rand.Rand, _ int) int64 { return []int64{math.MinInt64, 0, math.MaxInt64}[rng.Intn(3)] },
	"counter":       func(rng *rand.Rand, i int) int64 { return int64(i)*3600 + int64(rng.Intn(3)) },
	"steps":         func(rng *rand.Rand, i int) int64 { return 17 + 1000*int64(rng.Intn(50)) },
	"accelerating":  func(_ *rand.Rand, i int) int64 { return int64(i) * int64(i) * 5 },
	"runs":          func(_ *rand.Rand, i int) int64 { return int64(i / 80 % 3) },
	"far values":    func(rng *rand.Rand, _ int) int64 { return []int64{1 << 40, -1 << 61, 3, 1 << 62}[rng.Intn(4)] },
	"outliers up":   func(rng *rand.Rand, i int) int64 { return int64(rng.Intn(16)) << (i % 97 / 96 * 40) },
	"outliers down": func(rng *rand.Rand, i int) int64 { return -(int64(rng.Intn(16)) << (i % 97 / 96 * 40)) },
	"usual value":   func(rng *rand.Rand, _ int) int64 { return rng.Int63n(3) / 2 * rng.Int63() },
	"usual minimum": func(rng *rand.Rand, i int) int64 {
		return []int64{math.MinInt64, math.MaxInt64 - int64(i)}[rng.Intn(2)]
	},
	"two precisions":   func(rng *rand.Rand, _ int) int64 { return rng.Int63n(9000)*1e7 - rng.Int63n(2)*rng.Int63n(1e7) },
	"near a step":      func(rng *rand.Rand, _ int) int64 { return (rng.Int63n(9000)-4500)*1e5 + 2450 + rng.Int63n(5) },
	"repeated pattern": func(_ *rand.Rand, i int) int64 { return int64(i*i*i%101) << 33 },
}

func TestIntegersComeBack(t *testing.T) {
	for name, value := range intShapes {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{0, 1, 2, 3, 9, 100, 511, 3600} {
				rng := rand.New(rand.NewSource(int64(n)))
				values := make([]int64, n)
				for i := range values {
					values[i] = value(rng, i)
				}
				for _, c := range floatCodecs {
					mustInts(t, values, c)
				}
			}
		})
	}
}

func TestStatusesAndMarksComeBack(t *testing.T) {
	e, d := NewEncoder(), NewDecoder()
	for _, n := range []int{0, 1, 2, 100, 3600} {
		for _, runs := range []int{1, 7, 1000} {
			statuses, marks := make([]uint32, n), make([]uint8, n)
			for i := range statuses {
				statuses[i] = []uint32{0, 0x40000000, 0x80000000, 0x80320000}[i/runs%4]
				marks[i] = uint8(i / runs % 3)
			}
			column, err := e.AppendUint32s(nil, statuses, Auto)
			got := make([]uint32, n)
			if err != nil || d.DecodeUint32s(got, column) != nil || !slices.Equal(got, statuses) {
				t.Errorf("%d statuses in runs of %d do not come back: %v", n, runs, err)
			}
			column, err = e.AppendUint8s(nil, marks, Auto)
			again := make([]uint8, n)
			if err != nil || d.DecodeUint8s(again, column) != nil || !slices.Equal(again, marks) {
				t.Errorf("%d marks in runs of %d do not come back: %v", n, runs, err)
			}
		}
	}
}

func TestBitsComeBack(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for _, n := range []int{0, 1, 2, 63, 64, 65, 127, 128, 129, 3600, 10000} {
		for name, word := range map[string]func(i int) uint64{
			"all clear":   func(int) uint64 { return 0 },
			"all set":     func(int) uint64 { return ^uint64(0) },
			"any":         func(int) uint64 { return rng.Uint64() },
			"long runs":   func(i int) uint64 { return -uint64(i / 3 & 1) },
			"a few holes": func(i int) uint64 { return ^uint64(0) &^ (1 << rng.Intn(64)) },
			"alternating": func(int) uint64 { return 0x5555555555555555 },
		} {
			words := make([]uint64, (n+63)/64)
			for i := range words {
				words[i] = word(i)
			}
			for _, c := range []Codec{Auto, Raw, RunLength, Constant} {
				column := mustBits(t, words, n, c)
				if got := slices.Repeat([]uint64{rng.Uint64()}, len(words)); n%64 != 0 {
					if err := DecodeBits(got, n, column); err != nil || got[n/64]&^bitMask(n%64) != 0 {
						t.Errorf("%s, %d bits, %v: bits after the last are set: %v", name, n, c, err)
					}
				}
			}
		}
	}
}

func TestTextComesBack(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for name, text := range map[string]func(i int) string{
		"empty":           func(int) string { return "" },
		"constant":        func(int) string { return "running" },
		"few":             func(int) string { return []string{"open", "closed", "", "moving"}[rng.Intn(4)] },
		"numbered":        func(i int) string { return fmt.Sprintf("batch-2024-%06d", i) },
		"growing":         func(i int) string { return strings.Repeat("ab", i%50) },
		"any bytes":       func(int) string { return string([]byte{byte(rng.Int()), byte(rng.Int()), 0xff, 0}) },
		"some sentences":  func(i int) string { return fmt.Sprint("valve ", rng.Intn(9), " does not close; operator ", i%17) },
		"one that is big": func(i int) string { return strings.Repeat("x", i%100/99*5000) },
	} {
		for _, n := range []int{0, 1, 2, 100, 1000} {
			values := make([]string, n)
			for i := range values {
				values[i] = text(i)
			}
			for _, c := range []Codec{Auto, Raw, Dictionary, Prefix, Constant} {
				column := mustStrings(t, values, c)
				if t.Failed() {
					t.Fatalf("%s: %v", name, Inspect(column))
				}
			}
		}
	}
}

func TestAnyFloatsComeBack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		base := rapid.Float64().Draw(r, "base")
		decimals := rapid.IntRange(0, 17).Draw(r, "decimals")
		values := rapid.SliceOfN(rapid.OneOf(
			rapid.Float64(),
			rapid.Custom(func(r *rapid.T) float64 { return math.Float64frombits(rapid.Uint64().Draw(r, "bits")) }),
			rapid.Custom(func(r *rapid.T) float64 {
				return float64(rapid.Int64Range(-1e6, 1e6).Draw(r, "integer")) / math.Pow10(decimals)
			}),
			rapid.Just(base),
		), 0, 300).Draw(r, "values")
		c := rapid.SampledFrom(floatCodecs).Draw(r, "codec")
		column, _ := NewEncoder().appendFloatsAs(nil, values, c, 0)
		got := make([]float64, len(values))
		if err := DecodeFloat64s(got, column); err != nil || !slices.Equal(asBits(got), asBits(values)) {
			r.Fatalf("%v: %v", Inspect(column), err)
		}
	})
}

func TestAnyIntegersComeBack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		shift := rapid.IntRange(0, 63).Draw(r, "shift")
		values := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) int64 {
			return rapid.Int64().Draw(r, "integer") >> shift
		}), 0, 300).Draw(r, "values")
		if rapid.Bool().Draw(r, "walk") {
			for i := 1; i < len(values); i++ {
				values[i] += values[i-1]
			}
		}
		c := rapid.SampledFrom(floatCodecs).Draw(r, "codec")
		column, _ := NewEncoder().appendIntsAs(nil, values, c, 0)
		got := make([]int64, len(values))
		if err := DecodeInt64s(got, column); err != nil || !slices.Equal(got, values) {
			r.Fatalf("%v: %v", Inspect(column), err)
		}
	})
}

func TestAnyTextComesBack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		values := rapid.SliceOfN(rapid.StringN(0, 20, 40), 0, 100).Draw(r, "values")
		c := rapid.SampledFrom([]Codec{Auto, Raw, Prefix, Dictionary}).Draw(r, "codec")
		column := NewEncoder().appendStrings(nil, values, c)
		got := make([]string, len(values))
		if err := DecodeStrings(got, column, 1<<20); err != nil || !slices.Equal(got, values) {
			r.Fatalf("%v: %v", Inspect(column), err)
		}
	})
}
