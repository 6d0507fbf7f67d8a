package codec

import (
	"errors"
	"math"
	"math/rand"
	"slices"
	"testing"
)

func TestNamesAreParsedBack(t *testing.T) {
	for c := range Codec(numCodecs) {
		got, err := Parse(c.String())
		if err != nil || got != c {
			t.Errorf("Parse(%q) = %v, %v", c.String(), got, err)
		}
	}
	for _, name := range []string{"", "Auto", "zip", Codec(numCodecs).String()} {
		if _, err := Parse(name); err == nil {
			t.Errorf("Parse(%q) gives no error", name)
		}
	}
}

func TestColumnOfAnotherFamilyIsCorrupt(t *testing.T) {
	column := mustFloats(t, []float64{1, 2}, Raw)
	for name, err := range map[string]error{
		"integers":         DecodeInt64s(make([]int64, 2), column),
		"statuses":         DecodeUint32s(make([]uint32, 2), column),
		"edit marks":       DecodeUint8s(make([]uint8, 2), column),
		"bits":             DecodeBits(make([]uint64, 1), 2, column),
		"text":             DecodeStrings(make([]string, 2), column, 100),
		"nothing":          DecodeFloat64s(make([]float64, 2), nil),
		"too few floats":   DecodeFloat64s(make([]float64, 20000), column),
		"a missing byte":   DecodeFloat64s(make([]float64, 2), column[:len(column)-1]),
		"a byte too many":  DecodeFloat64s(make([]float64, 2), append(slices.Clone(column), 0)),
		"an unknown codec": DecodeFloat64s(make([]float64, 2), []byte{header(floats, numCodecs, false)}),
	} {
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v does not wrap ErrCorrupt", name, err)
		}
	}
}

func TestValueTooLargeForItsTypeIsCorrupt(t *testing.T) {
	for _, values := range [][]int64{{256, 256}, {1, 256}, {-1, 3}} {
		column := mustInts(t, values, Auto)
		if err := DecodeUint8s(make([]uint8, 2), column); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v as bytes: %v", values, err)
		}
	}
}

func TestTextOverTheLimitIsCorrupt(t *testing.T) {
	values := []string{"open", "closed", "open", "open", "closed", "open", "open", "open", "open", "open"}
	total := 0
	for _, s := range values {
		total += len(s)
	}
	for _, c := range []Codec{Auto, Raw, Dictionary, Prefix} {
		column := mustStrings(t, values, c)
		if err := DecodeStrings(make([]string, len(values)), column, total-1); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v: %v", c, err)
		}
	}
	constant := mustStrings(t, []string{"abc", "abc"}, Auto)
	if err := DecodeStrings(make([]string, 2), constant, 5); !errors.Is(err, ErrCorrupt) {
		t.Errorf("constant: %v", err)
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	column, err := AppendFloat64s([]byte("before"), []float64{1.5, 2.5, 9}, Auto)
	if err != nil || string(column[:6]) != "before" {
		t.Fatalf("%q, %v", column, err)
	}
	got := make([]float64, 3)
	if err := DecodeFloat64s(got, column[6:]); err != nil || !slices.Equal(got, []float64{1.5, 2.5, 9}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestUnpackEqualsTheSlowWay(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for width := 0; width <= 64; width++ {
		for _, n := range []int{0, 1, 2, 7, 8, 9, 31, 64, 65, 300} {
			codes := make([]uint64, n)
			for i := range codes {
				codes[i] = rng.Uint64() & bitMask(width)
			}
			packed := appendPacked([]byte{0xaa}, codes, width)
			if packed[0] != 0xaa || len(packed) != 1+packedSize(n, width) {
				t.Fatalf("width %d, %d codes: %d bytes", width, n, len(packed))
			}
			got := make([]uint64, n)
			unpack(got, packed[1:], width)
			for i := range codes {
				slow := uint64(0)
				for b := range width {
					at := i*width + b
					slow |= uint64(packed[1+at/8]>>(at%8)&1) << b
				}
				if codes[i] != slow || got[i] != slow {
					t.Fatalf("width %d, code %d of %d: packed %x, unpacked %x, slowly %x", width, i, n, codes[i], got[i], slow)
				}
			}
		}
	}
}

func TestPredictorsRestoreWhatTheyForesaw(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for _, n := range []int{1, 2, 3, 4, 5, 1000, 5000} {
		walk, wild := make([]int64, n), make([]int64, n)
		x := int64(0)
		for i := range walk {
			x += rng.Int63n(100) - 20
			walk[i], wild[i] = x, int64(rng.Uint64())
		}
		for name, numbers := range map[string][]int64{"walk": walk, "wild": wild} {
			for p := none; p <= line; p++ {
				f := frame{predictor: p, base: 13}
				f.anchor(numbers)
				got := make([]int64, n)
				f.residuals(got, numbers)
				if p != none && got[0] != f.base {
					t.Errorf("%s, %v: first residual %d", name, p, got[0])
				}
				for i := range got {
					got[i] -= f.base
				}
				f.restore(got)
				if !slices.Equal(got, numbers) {
					t.Errorf("%s of %d, %v: not restored", name, n, p)
				}
			}
		}
	}
}

func TestOnePassEqualsTwo(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for _, kind := range []mappingKind{decimalMul, decimalDiv, decimalMulNarrow, decimalDivNarrow, ordered, orderedNarrow, identity} {
		for p := none; p <= line; p++ {
			for _, shift := range []int{0, 12, 40, 60} {
				for _, n := range []int{0, 1, 3, 4, 5, 8, 1003} {
					m := mapping{kind: kind, exponent: 14, factor: 11}
					f := frame{predictor: p, zigzag: n%2 == 0, base: int64(rng.Uint64()) >> shift, start: int64(rng.Uint64()) >> shift}
					codes := make([]int64, n)
					for i := range codes {
						codes[i] = int64(rng.Uint64()) >> shift
					}
					want := slices.Clone(codes)
					for i, c := range want {
						if f.zigzag {
							c = unzigzag(uint64(c))
						}
						want[i] = c + f.base
					}
					switch {
					case p == line:
						restoreLine(want, f.start, 0, 0)
					case p == smooth0:
						restoreDelta(want, f.start, 0)
					case p != none:
						restoreSmooth(want, f.start, 0, 0, p)
					}
					m.floats(want)
					f.restoreAs(codes, m)
					if !slices.Equal(codes, want) {
						t.Fatalf("%v, %v, %d codes shifted by %d: %x, want %x", p, m, n, shift, codes, want)
					}
				}
			}
		}
	}
}

func TestCommonStepDividesEveryDifference(t *testing.T) {
	for _, test := range []struct {
		name   string
		values []int64
		want   uint64
	}{
		{"equal values have step 1", []int64{5, 5, 5}, 1},
		{"neighbours have step 1", []int64{5, 6, 7}, 1},
		{"fives over an odd origin", []int64{3, 8, -12, 13}, 5},
		{"one odd value spoils it", append(make([]int64, 500), 10, 20, 31), 1},
		{"the widest difference", []int64{0, math.MaxInt64 - 1}, math.MaxInt64 - 1},
	} {
		if got := commonStep(test.values); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

func TestInspectTellsCodecsAndExceptions(t *testing.T) {
	values := make([]float64, 1000)
	rng := rand.New(rand.NewSource(1))
	for i := range values {
		values[i] = float64(2000+rng.Intn(40)) / 100
	}
	values[17], values[400] = math.Pi, math.NaN()
	d := Inspect(mustFloats(t, values, Packed))
	if d.Err != nil || d.Family != "floats" || d.Codec != Decimal || d.Exceptions != 2 || len(d.Parts) != 3 {
		t.Errorf("%+v", d)
	}
	if last := d.Parts[2]; last.Role != "integers" || last.Codec != Packed || last.Err != nil {
		t.Errorf("%+v", last)
	}
	if d := Inspect([]byte{header(floats, Decimal, false)}); !errors.Is(d.Err, ErrCorrupt) {
		t.Errorf("damaged: %+v", d)
	}
}

// The must functions encode and fail the test when the first try, before any
// falling back, does not decode to the same values.

func mustFloats(t testing.TB, values []float64, c Codec) []byte {
	t.Helper()
	e := NewEncoder()
	column, _ := e.appendFloatsAs(nil, values, c, 0)
	got := make([]float64, len(values))
	if err := DecodeFloat64s(got, column); err != nil {
		t.Fatalf("%v of %d floats: %v\n%v", c, len(values), err, Inspect(column))
	}
	for i := range values {
		if math.Float64bits(got[i]) != math.Float64bits(values[i]) {
			t.Fatalf("%v: value %d of %d is %x, want %x\n%v", c, i, len(values), math.Float64bits(got[i]), math.Float64bits(values[i]), Inspect(column))
		}
	}
	public, err := AppendFloat64s(nil, values, c)
	if err != nil || !slices.Equal(public, column) {
		t.Fatalf("%v: a pooled encoder gives %v, a new one %v (%v)", c, Inspect(public), Inspect(column), err)
	}
	return column
}

func mustInts(t testing.TB, values []int64, c Codec) []byte {
	t.Helper()
	e := NewEncoder()
	column, _ := e.appendIntsAs(nil, values, c, 0)
	got := make([]int64, len(values))
	if err := DecodeInt64s(got, column); err != nil {
		t.Fatalf("%v of %d integers: %v\n%v", c, len(values), err, Inspect(column))
	}
	if !slices.Equal(got, values) {
		t.Fatalf("%v: %d integers decode to others\n%v", c, len(values), Inspect(column))
	}
	public, err := AppendInt64s(nil, values, c)
	if err != nil || !slices.Equal(public, column) {
		t.Fatalf("%v: a pooled encoder gives %v, a new one %v (%v)", c, Inspect(public), Inspect(column), err)
	}
	return column
}

func mustBits(t testing.TB, words []uint64, n int, c Codec) []byte {
	t.Helper()
	e := NewEncoder()
	column := e.appendBits(nil, words, n, c)
	if !e.sameBits(words, n, column) {
		t.Fatalf("%v: %d bits decode to others\n%v", c, n, Inspect(column))
	}
	return column
}

func mustStrings(t testing.TB, values []string, c Codec) []byte {
	t.Helper()
	e := NewEncoder()
	column := e.appendStrings(nil, values, c)
	total := 0
	for _, s := range values {
		total += len(s)
	}
	got := make([]string, len(values))
	if err := DecodeStrings(got, column, total); err != nil {
		t.Fatalf("%v of %d texts: %v\n%v", c, len(values), err, Inspect(column))
	}
	if !slices.Equal(got, values) {
		t.Fatalf("%v: %d texts decode to others\n%v", c, len(values), Inspect(column))
	}
	return column
}
