package columnar

import (
	"math"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/trellisdb/trellis/columnar/kernel"
)

// equalSummaries compares fields, exact sums by what they are.
var equalSummaries = cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b kernel.Exact) bool {
	return cmp.Equal(a.Terms(), b.Terms(), cmpopts.EquateEmpty())
})}

// failer is what testing.TB and rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// plainSummary is Summarize by definition: sample by sample, with fractions.
func plainSummary(t failer, b *Block, from, to int, want QualitySet, stats Stats) Summary {
	t.Helper()
	var s Summary
	var slots []int64
	var values []float64
	for i := from; i < to; i++ {
		if !b.Has(i) || !want.Has(b.StatusAt(i).Quality()) {
			continue
		}
		s.Count++
		if b.HasValue(i) {
			slots = append(slots, b.First+int64(i))
			values = append(values, plainValue(b, i))
		}
	}
	s.Values = int64(len(values))
	if len(values) == 0 {
		return s
	}
	last := len(values) - 1
	if stats.Has(StatEnds) {
		s.First, s.Last, s.FirstSlot, s.LastSlot = values[0], values[last], slots[0], slots[last]
	}
	if b.Kind == Texts {
		return s
	}
	var sum, squares, resets, steps, lines big.Rat
	least, greatest := 0, 0
	for i, v := range values {
		sum.Add(&sum, fraction(v))
		squares.Add(&squares, new(big.Rat).Mul(fraction(v), fraction(v)))
		if v < values[least] {
			least = i
		}
		if v > values[greatest] {
			greatest = i
		}
		if i == 0 {
			continue
		}
		before := values[i-1]
		gap := new(big.Rat).SetInt64(slots[i] - slots[i-1])
		steps.Add(&steps, new(big.Rat).Mul(fraction(before), gap))
		if slots[i] == slots[i-1]+1 {
			lines.Add(&lines, new(big.Rat).Quo(new(big.Rat).Add(fraction(before), fraction(v)), big.NewRat(2, 1)))
		} else {
			lines.Add(&lines, gap.Mul(gap, new(big.Rat).Add(fraction(before/2), fraction(v/2))))
		}
		if v < before {
			resets.Add(&resets, fraction(before))
		}
		if v != before && stats.Has(StatPath) {
			s.Transitions++
		}
	}
	if stats.Has(StatSum) {
		s.Sum = exactly(t, &sum)
	}
	if stats.Has(StatSquares) {
		s.Squares = exactly(t, &squares)
	}
	if stats.Has(StatRange) {
		s.Min, s.Max, s.MinSlot, s.MaxSlot = values[least], values[greatest], slots[least], slots[greatest]
	}
	if stats.Has(StatPath) {
		s.Resets, s.Steps, s.Lines = exactly(t, &resets), exactly(t, &steps), exactly(t, &lines)
	}
	return s
}

func plainValue(b *Block, i int) float64 {
	switch b.Kind {
	case Floats:
		return b.Floats[i]
	case Ints:
		return float64(b.Ints[i])
	}
	return 0
}

func fraction(x float64) *big.Rat { return new(big.Rat).SetFloat64(x) }

// exactly returns the sum of float64s that is r: its nearest float64, that of what
// is left over, and so on.
func exactly(t failer, r *big.Rat) kernel.Exact {
	t.Helper()
	var e kernel.Exact
	for left := new(big.Rat).Set(r); left.Sign() != 0; {
		x, _ := left.Float64()
		if x == 0 {
			t.Fatalf("%s is no sum of float64s", r)
		}
		e.Add(x)
		left.Sub(left, fraction(x))
	}
	return e
}

// value draws the values that break careless sums: of all sizes, equal ones and
// zeros of both signs, but none whose square is not the sum of two float64s.
func value() *rapid.Generator[float64] {
	return rapid.Map(rapid.OneOf(
		rapid.Map(rapid.IntRange(-5, 5), func(i int) float64 { return float64(i) }),
		rapid.Map(rapid.IntRange(-5000, 5000), func(i int) float64 { return float64(i) / 100 }),
		rapid.Float64Range(-1000, 1000),
		rapid.Map(rapid.Float64Range(-1, 1), func(x float64) float64 { return math.Ldexp(x, 200) }),
		rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1e-100, -1e100, 0.1}),
	), func(x float64) float64 {
		if math.Abs(x) < 1e-120 {
			return math.Copysign(0, x)
		}
		return x
	})
}

// subnormal draws values that cannot be halved. Their squares are nothing.
func subnormal() *rapid.Generator[float64] {
	return rapid.Map(rapid.IntRange(-9, 9), func(i int) float64 { return float64(i) * math.SmallestNonzeroFloat64 })
}

// drawMixedBlock draws a block of n slots.
func drawMixedBlock(t *rapid.T, n int, values *rapid.Generator[float64]) *Block {
	b := &Block{
		First: rapid.Int64Range(-1<<50, 1<<50).Draw(t, "first"),
		Len:   n,
		Kind:  rapid.SampledFrom([]Kind{Floats, Floats, Ints, Texts}).Draw(t, "kind"),
	}
	if rapid.Bool().Draw(t, "gaps") {
		b.Present = drawBits(t, n, "present")
	}
	if rapid.Bool().Draw(t, "statuses") {
		b.Status = make([]Status, n)
		statuses := rapid.SliceOfN(rapid.SampledFrom([]Status{StatusGood, StatusUncertain, StatusBad, 0xC000_0000}), 1, 7).Draw(t, "status")
		run := rapid.IntRange(1, 100).Draw(t, "run")
		for i := range b.Status {
			b.Status[i] = statuses[i/run%len(statuses)]
		}
		if rapid.Bool().Draw(t, "voids") {
			b.Void = drawBits(t, n, "void")
			for i := range n {
				if !b.Has(i) || b.Status[i].Quality() != Bad {
					b.Void.Clear(i)
				}
			}
		}
	}
	some := rapid.SliceOfN(values, 1, 40).Draw(t, "values")
	switch b.Kind {
	case Floats:
		b.Floats = make([]float64, n)
	case Ints:
		b.Ints = make([]int64, n)
	case Texts:
		b.Texts = make([]string, n)
	}
	for i := range n {
		v := some[(i*i+i/7)%len(some)]
		switch {
		case !b.HasValue(i):
		case b.Kind == Floats:
			b.Floats[i] = v
		case b.Kind == Ints:
			b.Ints[i] = int64(math.Max(-1e18, math.Min(1e18, v)))
		default:
			b.Texts[i] = "open"
		}
	}
	return b
}

// drawBits draws a bitmap: runs of set and of clear bits.
func drawBits(t *rapid.T, n int, label string) Bitmap {
	b := NewBitmap(n)
	runs := rapid.SliceOfN(rapid.IntRange(0, 150), 2, 20).Draw(t, label)
	for at, k := 0, 0; at < n; k++ {
		end := min(at+runs[k%len(runs)]+k%2, n)
		if k%2 == 0 {
			b.SetRange(at, end)
		}
		at = end
	}
	return b
}

func TestSummarizeEqualsItsDefinition(t *testing.T) {
	lengths := rapid.SampledFrom([]int{1, 2, 63, 64, 65, 200, windowLen, windowLen + 1, 5000})
	rapid.Check(t, func(t *rapid.T) {
		b := drawMixedBlock(t, lengths.Draw(t, "len"), value())
		from := rapid.IntRange(0, b.Len).Draw(t, "from")
		to := rapid.IntRange(from, b.Len).Draw(t, "to")
		want := QualitySet(rapid.IntRange(0, int(AnyQuality)).Draw(t, "want"))
		stats := Stats(rapid.IntRange(0, int(AllStats)).Draw(t, "stats"))
		got := Summarize(b, from, to, want, stats)
		if diff := cmp.Diff(plainSummary(t, b, from, to, want, stats), got, equalSummaries); diff != "" {
			t.Fatalf("slots [%d, %d) of %d, qualities %b, stats %b (-want +got):\n%s", from, to, b.Len, want, stats, diff)
		}
	})
}

func TestSummarizeCountsTheTimeInEveryGap(t *testing.T) {
	b := sensorBlock(5000, 1)
	b.Present = NewBitmap(b.Len)
	for i := range b.Floats {
		if b.Floats[i] *= math.Pi; i%7 == 2 || i%7 == 5 || i%1000 < 20 {
			b.Present.Set(i)
		} else {
			b.Floats[i] = 0
		}
	}
	if diff := cmp.Diff(plainSummary(t, b, 0, b.Len, OnlyGood, AllStats), Summarize(b, 0, b.Len, OnlyGood, AllStats), equalSummaries); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
}

func TestSummarizeOfLongBlocksWithBadSamples(t *testing.T) {
	b := sensorBlock(9000, 1)
	b.Status, b.Void, b.Present = make([]Status, b.Len), NewBitmap(b.Len), FullBitmap(b.Len)
	b.Present.Clear(4321)
	b.Floats[4321] = 0
	for i := range b.Len {
		b.Status[i] = []Status{StatusGood, StatusBad, StatusUncertain, StatusBadNoData}[i/97%4]
		if b.Status[i] == StatusBadNoData && i%3 > 0 && b.Has(i) {
			b.Void.Set(i)
			b.Floats[i] = 0
		}
	}
	integers := *b
	integers.Kind, integers.Floats, integers.Ints = Ints, nil, make([]int64, b.Len)
	for i, v := range b.Floats {
		integers.Ints[i] = int64(v * 1e12)
	}
	for _, block := range []*Block{b, &integers} {
		for want := range AnyQuality + 1 {
			for _, from := range []int{0, 1, 2049} {
				plain := plainSummary(t, block, from, block.Len-from, want, AllStats)
				if diff := cmp.Diff(plain, Summarize(block, from, block.Len-from, want, AllStats), equalSummaries); diff != "" {
					t.Fatalf("kind %d, from %d, qualities %b (-want +got):\n%s", block.Kind, from, want, diff)
				}
			}
		}
	}
}

func TestSummariesOfPiecesMergeToThatOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SampledFrom([]*rapid.Generator[float64]{value(), subnormal()}).Draw(t, "generator")
		b := drawMixedBlock(t, rapid.IntRange(1, 600).Draw(t, "len"), values)
		want := QualitySet(rapid.IntRange(0, int(AnyQuality)).Draw(t, "want"))
		whole := Summarize(b, 0, b.Len, want, AllStats)
		cuts := rapid.SliceOfN(rapid.IntRange(0, b.Len), 0, 6).Draw(t, "cuts")
		if diff := cmp.Diff(whole, mergePieces(t, b, cuts, want), equalSummaries); diff != "" {
			t.Fatalf("cut at %v (-whole +merged):\n%s", cuts, diff)
		}
	})
}

// mergePieces summarizes the block's parts between the cuts and merges them two
// neighbours at a time, in an order that t draws.
func mergePieces(t *rapid.T, b *Block, cuts []int, want QualitySet) Summary {
	marks := NewBitmap(b.Len + 1)
	for _, c := range cuts {
		marks.Set(c)
	}
	var parts []Summary
	for from := 0; from < b.Len; {
		to := marks.Next(from+1, b.Len)
		parts = append(parts, Summarize(b, from, to, want, AllStats))
		from = to
	}
	for len(parts) > 1 {
		i := rapid.IntRange(0, len(parts)-2).Draw(t, "merge")
		parts[i].Merge(&parts[i+1], AllStats)
		parts = append(parts[:i+1], parts[i+2:]...)
	}
	return parts[0]
}

func TestMergeCountsTheTimeBetweenTheRuns(t *testing.T) {
	tests := []struct {
		name         string
		before, next []float64
		gap          int64 // slots from the last value before to the first one after
		resets       float64
		steps, lines float64
		transitions  int64
	}{
		{name: "neighbours", before: []float64{1, 2}, next: []float64{4}, gap: 1, steps: 3, lines: 4.5, transitions: 2},
		{name: "a hold over ten slots", before: []float64{2}, next: []float64{4}, gap: 10, steps: 20, lines: 30, transitions: 1},
		{name: "a counter that starts again", before: []float64{5, 9}, next: []float64{1}, gap: 1, resets: 9, steps: 14, lines: 12, transitions: 2},
		{name: "no change", before: []float64{3}, next: []float64{3}, gap: 4, steps: 12, lines: 12},
		{name: "8,000 years at a microsecond", before: []float64{1}, next: []float64{1}, gap: 1<<58 + 1, steps: 1 << 58, lines: 1 << 58},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := &Block{First: -7, Len: len(test.before), Floats: test.before}
			b := &Block{First: a.First + int64(a.Len) - 1 + test.gap, Len: len(test.next), Floats: test.next}
			s := Summarize(a, 0, a.Len, OnlyGood, AllStats)
			n := Summarize(b, 0, b.Len, OnlyGood, AllStats)
			s.Merge(&n, AllStats)
			if s.Resets.Round() != test.resets || s.Steps.Round() != test.steps || s.Lines.Round() != test.lines || s.Transitions != test.transitions {
				t.Errorf("resets %g, steps %g, lines %g, transitions %d", s.Resets.Round(), s.Steps.Round(), s.Lines.Round(), s.Transitions)
			}
		})
	}
}

func TestSummariesEqualTheirDefinitionHoweverCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawMixedBlock(t, rapid.IntRange(1, 300).Draw(t, "len"), value())
		cut := rapid.IntRange(0, b.Len).Draw(t, "cut")
		merged := SummarizeRange(b, 0, cut)
		rest := SummarizeRange(b, cut, b.Len)
		before := merged
		merged.Merge(&rest)
		if diff := cmp.Diff(SummarizeAll(b), merged, equalSummaries); diff != "" {
			t.Fatalf("cut at %d (-whole +merged):\n%s", cut, diff)
		}
		if !cmp.Equal(before, SummarizeRange(b, 0, cut), equalSummaries) || !cmp.Equal(rest, SummarizeRange(b, cut, b.Len), equalSummaries) {
			t.Fatal("merging has changed a summary that is shared")
		}
		var counts QualityCounts
		for i := range b.Len {
			if b.Has(i) {
				counts[b.StatusAt(i).Quality()]++
			}
		}
		if merged.Counts() != counts || CountQualities(b, 0, b.Len) != counts {
			t.Fatalf("counts are %v and %v, want %v", merged.Counts(), CountQualities(b, 0, b.Len), counts)
		}
		for want := range AnyQuality + 1 {
			got, ok := merged.For(want)
			if !ok {
				if want&OnlyBad == 0 || want == OnlyBad || merged.Bad == nil {
					t.Fatalf("no answer for qualities %b", want)
				}
				continue
			}
			if diff := cmp.Diff(plainSummary(t, b, 0, b.Len, want, AllStats), *got, equalSummaries); diff != "" {
				t.Fatalf("qualities %b (-want +got):\n%s", want, diff)
			}
		}
	})
}

func TestSummarizeDoesNotAllocateForOrdinaryValues(t *testing.T) {
	b := sensorBlock(3600, 1)
	if n := testing.AllocsPerRun(10, func() { _ = Summarize(b, 0, b.Len, OnlyGood, AllStats) }); n != 0 {
		t.Errorf("Summarize allocates %g times", n)
	}
}
