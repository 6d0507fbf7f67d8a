package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand"
	"slices"
	"testing"
)

// loops are fast loops that can be seen from outside, and the Go ones that stand
// in for them on other machines. Both must do what the plain loops below do.
var loops = []struct {
	name          string
	neighbours    func(falls []uint64, values []float64) int
	compareFloats func(dst []uint64, op Op, values []float64, x float64)
	compareInts   func(dst []uint64, op Op, values []int64, x int64)
	compress      func(dst, values []float64, valid []uint64) int
	qualities     func(dst []uint64, statuses []uint32, set uint32)
}{
	{"go", neighboursGo, compareGo[float64], compareGo[int64], compressGo, qualitiesGo},
	{"machine", neighbours, compareFloats, compareInts, compress, qualities},
}

// has is the definition of a bitmap.
func has(valid []uint64, i int) bool { return valid == nil || valid[i/64]>>(i%64)&1 == 1 }

// chosen returns the valid values.
func chosen(values []float64, valid []uint64) (out []float64) {
	for i, v := range values {
		if has(valid, i) {
			out = append(out, v)
		}
	}
	return out
}

// The plain loops.

func plainSum(values []float64, valid []uint64) (e Exact) {
	for _, v := range chosen(values, valid) {
		e.Add(v)
	}
	return e
}

func plainSquares(values []float64, valid []uint64) (e Exact) {
	for _, v := range chosen(values, valid) {
		e.AddProduct(v, v)
	}
	return e
}

func plainArgMinMax(values []float64, valid []uint64) (least, greatest, n int) {
	least, greatest = -1, -1
	for i, v := range values {
		if !has(valid, i) {
			continue
		}
		n++
		if least < 0 || v < values[least] {
			least = i
		}
		if greatest < 0 || v > values[greatest] {
			greatest = i
		}
	}
	return least, greatest, n
}

func plainCompare[T int64 | float64](op Op, values []T, x T) []uint64 {
	dst := make([]uint64, words(len(values)))
	for i, v := range values {
		if [...]bool{Eq: v == x, Ne: v != x, Lt: v < x, Le: v <= x, Gt: v > x, Ge: v >= x}[op] {
			dst[i/64] |= 1 << (i % 64)
		}
	}
	return dst
}

func plainNeighbours(values []float64) (falls []uint64, changes int) {
	falls = make([]uint64, words(len(values)))
	for i := 1; i < len(values); i++ {
		if values[i] < values[i-1] {
			falls[(i-1)/64] |= 1 << ((i - 1) % 64)
		}
		if values[i] != values[i-1] {
			changes++
		}
	}
	return falls, changes
}

// checkLoops compares everything that the package does with slices to the plain
// loops, bit for bit.
func checkLoops(t *testing.T, values []float64, valid []uint64) {
	t.Helper()
	what := func() string { return fmt.Sprintf("%g under %x", values, valid) }
	least, greatest, n := plainArgMinMax(values, valid)
	sum, squares := plainSum(values, valid), plainSquares(values, valid)

	var gotSum, fused, gotSquares Exact
	if got := Sum(values, valid, &gotSum); got != n || !equalBits64(gotSum.Terms(), sum.Terms()) {
		t.Fatalf("Sum is %d, %g, want %d, %g: %s", got, gotSum.Terms(), n, sum.Terms(), what())
	}
	if got := Squares(values, valid, &gotSquares); got != n || !equalBits64(gotSquares.Terms(), squares.Terms()) {
		t.Fatalf("Squares is %d, %g, want %d, %g: %s", got, gotSquares.Terms(), n, squares.Terms(), what())
	}
	wantMin, wantMax := 0.0, 0.0
	if n > 0 {
		wantMin, wantMax = values[least], values[greatest]
	}
	for name, f := range map[string]func() (float64, float64, int){
		"MinMax":    func() (float64, float64, int) { return MinMax(values, valid) },
		"SumMinMax": func() (float64, float64, int) { return SumMinMax(values, valid, &fused) },
	} {
		gotMin, gotMax, got := f()
		if !equalBits64([]float64{gotMin, gotMax}, []float64{wantMin, wantMax}) || got != n {
			t.Fatalf("%s is %g, %g, %d, want %g, %g, %d: %s", name, gotMin, gotMax, got, wantMin, wantMax, n, what())
		}
	}
	if !equalBits64(fused.Terms(), sum.Terms()) {
		t.Fatalf("SumMinMax sums up to %g, want %g: %s", fused.Terms(), sum.Terms(), what())
	}
	if a, b, got := ArgMinMax(values, valid); a != least || b != greatest || got != n {
		t.Fatalf("ArgMinMax is %d, %d, %d, want %d, %d, %d: %s", a, b, got, least, greatest, n, what())
	}
	checkMachine(t, values, valid)
	checkComparisons(t, values)
	for _, loop := range loops {
		dst := make([]float64, len(values))
		want := chosen(values, valid)
		if got := loop.compress(dst, values, all(valid, len(values))); !equalBits64(dst[:got], want) {
			t.Fatalf("%s: compress is %g, want %g: %s", loop.name, dst[:got], want, what())
		}
		copy(dst, values)
		if got := Compress(dst, dst, valid); !equalBits64(dst[:got], want) {
			t.Fatalf("Compress in place is %g, want %g: %s", dst[:got], want, what())
		}
	}
}

// all returns the bitmap, spelled out where it is nil.
func all(valid []uint64, n int) []uint64 {
	if valid == nil {
		valid = make([]uint64, words(n))
		fillWith(valid, math.MaxUint64)
	}
	return valid
}

// checkMachine compares the machine's loops with those in Go where they do not
// show in a result.
func checkMachine(t *testing.T, values []float64, valid []uint64) {
	t.Helper()
	low, high := extentGo(values, valid)
	gotLow, gotHigh := extent(values, valid)
	if low != gotLow || high != gotHigh {
		t.Fatalf("extent is %g, %g, want %g, %g: %g under %x", gotLow, gotHigh, low, high, values, valid)
	}
	size := max(-low, high, 1)
	if size > 0x1p400 || len(values) > chunk {
		return
	}
	first := math.Ldexp(1.5, math.Ilogb(size)+2)
	a, b, clean := extractGo(values, valid, first, first*0x1p-51)
	gotA, gotB, gotClean := extract(values, valid, first, first*0x1p-51)
	if a != gotA || b != gotB || clean != gotClean {
		t.Fatalf("extract is %d, %d, %t, want %d, %d, %t: %g under %x", gotA, gotB, gotClean, a, b, clean, values, valid)
	}
	levels, clean := squareLevelsGo(values, valid, first*0x1p31)
	gotLevels, gotClean := squareLevels(values, valid, first*0x1p31)
	if levels != gotLevels || clean != gotClean {
		t.Fatalf("squareLevels is %g, %t, want %g, %t: %g under %x", gotLevels, gotClean, levels, clean, values, valid)
	}
}

// checkComparisons compares the loops that make bitmaps with the plain ones.
func checkComparisons(t *testing.T, values []float64) {
	t.Helper()
	const garbage = 0xDEAD_BEEF_DEAD_BEEF
	integers := make([]int64, len(values))
	for i, v := range values {
		integers[i] = int64(max(-1e18, min(1e18, v)))
	}
	x, y := 0.5, int64(0)
	if len(values) > 0 {
		x, y = values[len(values)/2], integers[len(values)/2]
	}
	for _, loop := range loops {
		dst := make([]uint64, words(len(values)))
		for op := Eq; op <= Ge; op++ {
			fillWith(dst, garbage)
			loop.compareFloats(dst, op, values, x)
			if want := plainCompare(op, values, x); !slices.Equal(dst, want) {
				t.Fatalf("%s: floats %s %g is %x, want %x: %g", loop.name, op, x, dst, want, values)
			}
			fillWith(dst, garbage)
			loop.compareInts(dst, op, integers, y)
			if want := plainCompare(op, integers, y); !slices.Equal(dst, want) {
				t.Fatalf("%s: integers %s %d is %x, want %x: %d", loop.name, op, y, dst, want, integers)
			}
		}
		fillWith(dst, garbage)
		wantFalls, wantChanges := plainNeighbours(values)
		if got := loop.neighbours(dst, values); got != wantChanges || !slices.Equal(dst, wantFalls) {
			t.Fatalf("%s: neighbours are %d, %x, want %d, %x: %g", loop.name, got, dst, wantChanges, wantFalls, values)
		}
	}
}

func fillWith(dst []uint64, w uint64) {
	for i := range dst {
		dst[i] = w
	}
}

// masks returns bitmaps for n values, nil among them. Bits past the last are
// noise, as the kernels must not look at them.
func masks(rng *rand.Rand, n int) [][]uint64 {
	all := [][]uint64{nil}
	for _, density := range []float64{0, 0.02, 0.5, 0.98, 1} {
		mask := make([]uint64, words(n))
		for i := range len(mask) * 64 {
			if rng.Float64() < density || i >= n && rng.Intn(2) == 0 {
				mask[i/64] |= 1 << (i % 64)
			}
		}
		all = append(all, mask)
	}
	return all
}

// shapes are sources of values that reach every path of the kernels.
var shapes = []struct {
	name string
	draw func(rng *rand.Rand) float64
}{
	{"noise of one size", func(rng *rand.Rand) float64 { return rng.NormFloat64() }},
	{"readings with two decimals", func(rng *rand.Rand) float64 { return math.Round(rng.NormFloat64()*1000) / 100 }},
	{"few values and both zeros", func(rng *rand.Rand) float64 {
		return []float64{0, math.Copysign(0, -1), 1, 1, -2}[rng.Intn(5)]
	}},
	{"both zeros", func(rng *rand.Rand) float64 { return math.Copysign(0, float64(rng.Intn(2))-0.5) }},
	{"sizes too far apart for integers", func(rng *rand.Rand) float64 { return math.Ldexp(rng.NormFloat64(), rng.Intn(140)) }},
	{"sizes at the limits", func(rng *rand.Rand) float64 { return math.Ldexp(rng.Float64()-0.5, 1001-rng.Intn(3)) }},
	{"just below a power of two", func(rng *rand.Rand) float64 { return math.Nextafter(1024, 0) }},
	{"minus a power of two", func(rng *rand.Rand) float64 { return -1024 }},
	{"subnormal", func(rng *rand.Rand) float64 { return float64(rng.Intn(9)-4) * math.SmallestNonzeroFloat64 }},
	{"squares that vanish", func(rng *rand.Rand) float64 { return math.Ldexp(rng.NormFloat64(), -530) }},
	{"all negative", func(rng *rand.Rand) float64 { return -1 - rng.Float64() }},
}

func TestKernelsDoWhatPlainLoopsDo(t *testing.T) {
	rng := rand.New(rand.NewSource(11))
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			for _, n := range []int{0, 1, 3, 4, 5, 15, 16, 17, 31, 63, 64, 65, 127, 128, 130, 257, chunk - 1, chunk, chunk + 67} {
				values := make([]float64, n)
				for i := range values {
					values[i] = shape.draw(rng)
				}
				for _, valid := range masks(rng, n) {
					checkLoops(t, values, valid)
				}
			}
		})
	}
}

func FuzzKernels(f *testing.F) {
	rng := rand.New(rand.NewSource(5))
	for _, shape := range shapes {
		seed := binary.LittleEndian.AppendUint64(nil, rng.Uint64())
		for range 70 {
			seed = binary.LittleEndian.AppendUint64(seed, math.Float64bits(shape.draw(rng)))
		}
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, all bool) {
		if len(data) < 8 {
			return
		}
		values := floats(data[8:])
		if len(values) > 300 {
			return
		}
		var valid []uint64
		if !all {
			for range words(len(values)) {
				valid = append(valid, binary.LittleEndian.Uint64(data))
			}
		}
		checkLoops(t, values, valid)
	})
}

func TestCompareTreatsNaNAsTheGreatest(t *testing.T) {
	values := []float64{-1, 0, 1e300, 4, 5}
	for op, want := range map[Op]uint64{Eq: 0, Ne: 0b11111, Lt: 0b11111, Le: 0b11111, Gt: 0, Ge: 0} {
		dst := []uint64{99}
		if CompareFloats(dst, op, values, math.NaN()); dst[0] != want {
			t.Errorf("values %s NaN is %b, want %b", op, dst[0], want)
		}
	}
	dst := []uint64{0}
	if CompareFloats(dst, Eq, values, math.Copysign(0, -1)); dst[0] != 0b10 {
		t.Errorf("values = -0 is %b", dst[0])
	}
	if CompareInts(dst, Ge, []int64{math.MinInt64, math.MaxInt64, 3}, math.MaxInt64); dst[0] != 0b10 {
		t.Errorf("integers >= the greatest is %b", dst[0])
	}
}

func TestQualitiesSelectByTheHighestTwoBits(t *testing.T) {
	rng := rand.New(rand.NewSource(4))
	for _, n := range []int{0, 1, 63, 64, 65, 200, 256} {
		statuses := make([]uint32, n)
		for i := range statuses {
			statuses[i] = rng.Uint32()
		}
		for set := range uint8(16) {
			want := make([]uint64, words(n))
			for i, s := range statuses {
				if set>>(s>>30)&1 == 1 {
					want[i/64] |= 1 << (i % 64)
				}
			}
			for _, loop := range loops {
				dst := make([]uint64, words(n))
				fillWith(dst, math.MaxUint64)
				if loop.qualities(dst, statuses, uint32(set)); !slices.Equal(dst, want) {
					t.Fatalf("%s: %d statuses, set %b: %x, want %x", loop.name, n, set, dst, want)
				}
			}
			dst := make([]uint64, words(n))
			if Qualities(dst, statuses, set); !slices.Equal(dst, want) {
				t.Fatalf("%d statuses, set %b: %x, want %x", n, set, dst, want)
			}
		}
	}
}

func TestLoadReadsPackedBits(t *testing.T) {
	rng := rand.New(rand.NewSource(6))
	packed := make([]byte, 40)
	for i := range packed {
		packed[i] = byte(rng.Uint32())
	}
	for offset := range 70 {
		for _, n := range []int{0, 1, 7, 8, 57, 63, 64, 65, 128, 200, len(packed)*8 - offset} {
			if offset+n > len(packed)*8 {
				continue
			}
			dst := make([]uint64, words(n))
			fillWith(dst, math.MaxUint64)
			Load(dst, packed[:(offset+n+7)/8], offset, n)
			for i := range len(dst) * 64 {
				at := offset + i
				if want := i < n && packed[at/8]>>(at%8)&1 == 1; has(dst, i) != want {
					t.Fatalf("bit %d of %d from %d is %t", i, n, offset, !want)
				}
			}
		}
	}
}

func TestNothingPanicsOnValuesThatNoSeriesHas(t *testing.T) {
	others := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 0, 1}
	rng := rand.New(rand.NewSource(8))
	for range 200 {
		values := make([]float64, 1+rng.Intn(200))
		for i := range values {
			values[i] = others[rng.Intn(1+rng.Intn(len(others)))]
		}
		for _, valid := range masks(rng, len(values)) {
			var sum, squares Exact
			Sum(values, valid, &sum)
			Squares(values, valid, &squares)
			MinMax(values, valid)
			ArgMinMax(values, valid)
			Variance(int64(len(values)), &sum, &squares, true)
			if again := FromTerms(sum.Terms()); math.IsNaN(again.Round()) != math.IsNaN(sum.Round()) {
				t.Fatalf("the sum %g comes back as %g", sum.Round(), again.Round())
			}
		}
	}
}

func TestBitmapsAreSets(t *testing.T) {
	rng := rand.New(rand.NewSource(2))
	for _, n := range []int{1, 63, 64, 65, 200} {
		a, b := masks(rng, n)[3], masks(rng, n)[2]
		dst := make([]uint64, len(a))
		for name, op := range map[string]struct {
			run  func()
			want func(i int) bool
		}{
			"And":    {func() { And(dst, a, b) }, func(i int) bool { return has(a, i) && has(b, i) }},
			"Or":     {func() { Or(dst, a, b) }, func(i int) bool { return has(a, i) || has(b, i) }},
			"AndNot": {func() { AndNot(dst, a, b) }, func(i int) bool { return has(a, i) && !has(b, i) }},
			"Not":    {func() { Not(dst, a, n) }, func(i int) bool { return !has(a, i) }},
		} {
			op.run()
			for i := range n {
				if has(dst, i) != op.want(i) {
					t.Fatalf("%s: bit %d of %d is wrong", name, i, n)
				}
			}
		}
		if Not(dst, a, n); Count(dst, n, len(dst)*64) != 0 {
			t.Fatal("Not sets bits past the last")
		}
		for from := 0; from <= n; from += 7 {
			for to := from; to <= n; to += 5 {
				want, first := 0, to
				for i := to - 1; i >= from; i-- {
					if has(a, i) {
						want, first = want+1, i
					}
				}
				if got := Count(a, from, to); got != want {
					t.Fatalf("Count in [%d, %d) is %d, want %d", from, to, got, want)
				}
				if got := Next(a, from, to); got != first {
					t.Fatalf("Next in [%d, %d) is %d, want %d", from, to, got, first)
				}
			}
		}
	}
	if Count(nil, 3, 70) != 67 || Next(nil, 3, 70) != 3 || Next(nil, 70, 70) != 70 {
		t.Error("a nil bitmap does not hold all")
	}
}
