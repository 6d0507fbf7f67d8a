package codec

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

// goldenColumn is a column that every later version must decode.
type goldenColumn struct {
	name   string
	encode func() ([]byte, error)
	check  func(column []byte) error
}

// goldenColumns has one column of every encoding, predictor and mapping.
func goldenColumns() []goldenColumn {
	var all []goldenColumn
	floatColumn := func(name string, c Codec, n int, value func(i int) float64) {
		values := make([]float64, n)
		for i := range values {
			values[i] = value(i)
		}
		all = append(all, goldenColumn{
			name:   "floats-" + name,
			encode: func() ([]byte, error) { return AppendFloat64s(nil, values, c) },
			check: func(column []byte) error {
				got := make([]float64, n)
				if err := DecodeFloat64s(got, column); err != nil {
					return err
				}
				if !slices.Equal(asBits(got), asBits(values)) {
					return fmt.Errorf("values are %v, want %v", got, values)
				}
				return nil
			},
		})
	}
	intColumn := func(name string, c Codec, n int, value func(i int) int64) {
		values := make([]int64, n)
		for i := range values {
			values[i] = value(i)
		}
		all = append(all, goldenColumn{
			name:   "integers-" + name,
			encode: func() ([]byte, error) { return AppendInt64s(nil, values, c) },
			check: func(column []byte) error {
				got := make([]int64, n)
				if err := DecodeInt64s(got, column); err != nil {
					return err
				}
				if !slices.Equal(got, values) {
					return fmt.Errorf("values are %v, want %v", got, values)
				}
				return nil
			},
		})
	}
	scatter := func(i int) int64 { return int64(uint32(i*i+7) * 2654435761 >> 20) }
	floatColumn("empty", Auto, 0, nil)
	floatColumn("short", Auto, 5, func(int) float64 { return -21.5 })
	floatColumn("short-zero", Auto, 5, func(int) float64 { return 0 })
	floatColumn("constant", Constant, 5, func(int) float64 { return math.Copysign(0, -1) })
	floatColumn("raw", Raw, 4, func(i int) float64 { return []float64{math.NaN(), math.Inf(-1), 5e-324, -1.5}[i] })
	floatColumn("dictionary", Dictionary, 40, func(i int) float64 { return math.Sqrt(float64(scatter(i) % 5)) })
	floatColumn("runlength", RunLength, 60, func(i int) float64 { return float64(i/25) / 8 })
	floatColumn("decimal-multiplied", Decimal, 40, func(i int) float64 { return float64(2000+scatter(i)%50) / 100 })
	floatColumn("decimal-divided", Decimal, 40, func(i int) float64 { return float64(123456789012+scatter(i)) / 1e5 })
	floatColumn("decimal-narrow", Decimal, 40, func(i int) float64 { return float64(float32(scatter(i)%500) / 10) })
	floatColumn("decimal-exceptions", Decimal, 40, func(i int) float64 { return []float64{20.25, 21.5, 19, math.Pi}[min(i%5, 3)*(i%2)] })
	floatColumn("near", Near, 60, func(i int) float64 { return 0.1*float64(scatter(i)%90) + 0.2 })
	floatColumn("real", Real, 20, func(i int) float64 { return math.Sin(float64(i)) })
	floatColumn("real-narrow", Real, 20, func(i int) float64 { return float64(float32(math.Sin(float64(i)))) })
	floatColumn("real-planes", Planes, 20, func(i int) float64 { return math.Sqrt(float64(i)) })
	floatColumn("real-split", Split, 200, func(i int) float64 { return 1 + math.Sqrt(float64(i))/1000 })

	intColumn("empty", Auto, 0, nil)
	intColumn("constant", Auto, 3, func(int) int64 { return math.MinInt64 })
	intColumn("raw", Raw, 9, scatter)
	intColumn("packed-none", Packed, 40, func(i int) int64 { return 100 + scatter(i)%32 })
	intColumn("packed-delta", Packed, 40, func(i int) int64 { return int64(i)*60 + scatter(i)%3*int64(1+i) })
	intColumn("packed-smooth", Packed, 100, func(i int) int64 { return int64(i)*2 + scatter(i)%64 })
	intColumn("packed-line", Packed, 40, func(i int) int64 { return int64(i*i)*3 + scatter(i)%2 })
	intColumn("packed-step", Packed, 40, func(i int) int64 { return -9 + 250*(scatter(i)%16) })
	intColumn("packed-exceptions", Packed, 80, func(i int) int64 { return scatter(i)%8 + int64(i%40/39)*(1-2*int64(i/40))<<40 })
	intColumn("planes", Planes, 40, func(i int) int64 { return scatter(i) * 1000 })
	intColumn("split", Split, 200, func(i int) int64 { return scatter(i) << 20 })
	intColumn("sparse", Sparse, 80, func(i int) int64 { return 7 + scatter(i)*(scatter(i+1)%3/2) })
	intColumn("digits", Digits, 80, func(i int) int64 { return (scatter(i)-2000)*1e5 + 2450 + scatter(i+3)%5 })
	intColumn("dictionary", Dictionary, 40, func(i int) int64 { return 1 << (scatter(i) % 4 * 10) })
	intColumn("runlength", RunLength, 60, func(i int) int64 { return int64(i / 17) })
	return append(append(all, goldenBits()...), goldenTexts()...)
}

func goldenBits() []goldenColumn {
	var all []goldenColumn
	for name, words := range map[string][]uint64{
		"constant": {^uint64(0), 1<<6 - 1}, "raw": {0x0123456789abcdef, 0x2a}, "runlength": {0xffff00000000, 0x3f},
	} {
		c, err := Parse(name)
		if err != nil {
			panic(err)
		}
		all = append(all, goldenColumn{
			name:   "bits-" + name,
			encode: func() ([]byte, error) { return AppendBits(nil, words, 70, c) },
			check: func(column []byte) error {
				got := make([]uint64, 2)
				if err := DecodeBits(got, 70, column); err != nil {
					return err
				}
				if !slices.Equal(got, words) {
					return fmt.Errorf("bits are %x, want %x", got, words)
				}
				return nil
			},
		})
	}
	return all
}

func goldenTexts() []goldenColumn {
	var all []goldenColumn
	states := []string{"open", "closed", "open", "", "opening", "closed", "open", "open"}
	for name, values := range map[string][]string{
		"constant": slices.Repeat([]string{"running"}, 3), "raw": states, "prefix": states, "dictionary": slices.Repeat(states, 4),
	} {
		c, err := Parse(name)
		if err != nil {
			panic(err)
		}
		all = append(all, goldenColumn{
			name:   "text-" + name,
			encode: func() ([]byte, error) { return AppendStrings(nil, values, c) },
			check: func(column []byte) error {
				got := make([]string, len(values))
				if err := DecodeStrings(got, column, 1000); err != nil {
					return err
				}
				if !slices.Equal(got, values) {
					return fmt.Errorf("texts are %q, want %q", got, values)
				}
				return nil
			},
		})
	}
	return all
}

func goldenPath(name string) string { return filepath.Join("testdata", "golden", name+".hex") }

// readGolden reads hexadecimal digits; a line that starts with # is a comment.
func readGolden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(goldenPath(name))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			digits.WriteString(strings.TrimSpace(line))
		}
	}
	column, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return column
}

func writeGolden(t *testing.T, name string, column []byte) {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "# %v\n", Inspect(column))
	for part := range slices.Chunk(column, 32) {
		fmt.Fprintf(&text, "%x\n", part)
	}
	if err := os.WriteFile(goldenPath(name), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFormatDoesNotDrift decodes what earlier versions wrote. What is written today
// must be the same bytes, too, but for zstd, whose library may learn.
func TestFormatDoesNotDrift(t *testing.T) {
	for _, g := range goldenColumns() {
		t.Run(g.name, func(t *testing.T) {
			today, err := g.encode()
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				writeGolden(t, g.name, today)
			}
			column := readGolden(t, g.name)
			if err := g.check(column); err != nil {
				t.Error(err)
			}
			compressed := strings.Contains(Inspect(column).String(), "zstd")
			if !compressed && !bytes.Equal(today, column) {
				t.Errorf("encoded as %v\n%x, want %v\n%x", Inspect(today), today, Inspect(column), column)
			}
		})
	}
}
