package demo

import (
	"math/big"
	"testing"
)

// bigHash is hash with numbers that cannot overflow.
func bigHash(x int64) int64 {
	mask := big.NewInt(1<<31 - 1)
	times := func(x, y int64) int64 {
		p := new(big.Int).Mul(big.NewInt(x), big.NewInt(y))
		return p.And(p, mask).Int64()
	}
	x = times(x, 625_341_585)
	x ^= x >> 15
	x = times(x, 739_982_445)
	return x ^ x>>12
}

func TestHashDoesNotOverflow(t *testing.T) {
	for x := int64(0); x < 1<<32; x += 1<<32/10_007 + 1 {
		if got, want := hash(x), bigHash(x); got != want {
			t.Fatalf("hash(%d) is %d, want %d", x, got, want)
		}
	}
}

func TestNothingInTheFormulaOverflows(t *testing.T) {
	if top := big.NewInt(4 * yearHeight); !top.Mul(top, big.NewInt(solarYear/4*(solarYear/4))).IsInt64() {
		t.Error("the wave of the year overflows at its top")
	}
	if years := Years(10); years.To > 1<<32 || years.From < 0 {
		t.Errorf("the years %v are outside what the hash was checked for", years)
	}
}

func TestTheFormulaOfADayIsAsPublished(t *testing.T) {
	// Computed with Python's integers from Formula.
	tests := []struct {
		second int64
		want   float64
	}{
		{1_420_081_200, 20.07},
		{1_420_081_201, 19.94},
		{1_500_000_000, 7.24},
		{1_725_768_000, 6.6},
		{1_735_700_399, 20.43},
	}
	for _, test := range tests {
		if got := Temperature(test.second); got != test.want {
			t.Errorf("temperature at %d is %v, want %v", test.second, got, test.want)
		}
	}
}

func TestBlocksAreWhatTheFormulaSays(t *testing.T) {
	const from, n = 1_500_000_000, 3*60 + 17
	times, values := make([]int64, n), make([]float64, n)
	fill(times, values, from)
	for i := range n {
		if want := Temperature(from + int64(i)); values[i] != want || times[i] != (from+int64(i))*1_000_000 {
			t.Fatalf("sample %d is %v at %d, want %v", i, values[i], times[i], want)
		}
	}
}

func TestTheTemperatureIsLikely(t *testing.T) {
	for s := Years(10).From; s < Years(10).To; s += 607 {
		if v := Temperature(s); v < -3 || v > 32 {
			t.Fatalf("%v degrees at %d", v, s)
		}
	}
}

func TestYears(t *testing.T) {
	tests := []struct {
		name  string
		years float64
		want  string
	}{
		{"ten years end with 2024", 10, "2015-01-01 03:00 to 2025-01-01 03:00 UTC"},
		{"a year is a calendar year", 1, "2024-01-01 03:00 to 2025-01-01 03:00 UTC"},
		{"half a year holds the clock change", 0.5, "2024-07-02 12:00 to 2025-01-01 03:00 UTC"},
		{"a month begins before the clock change", 0.1, "2024-09-01 04:00 to 2024-10-07 17:00 UTC"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Years(test.years).String(); got != test.want {
				t.Errorf("%v years are %s, want %s", test.years, got, test.want)
			}
		})
	}
	if n := Years(10).Seconds(); n != 315_619_200 {
		t.Errorf("ten years have %d seconds", n)
	}
}

func BenchmarkFill(b *testing.B) {
	times, values := make([]int64, 86_400), make([]float64, 86_400)
	for i := range b.N {
		fill(times, values, 1_420_081_200+int64(i)*86_400)
	}
	b.ReportMetric(float64(b.N)*86_400/b.Elapsed().Seconds()/1e6, "Msamples/s")
}
