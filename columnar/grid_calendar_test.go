package columnar

import (
	"encoding/json"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/trellisdb/trellis/columnar/zone"
)

// drawGrid draws a grid with a phase or a calendar.
func drawGrid(t *rapid.T) Grid {
	z, err := zone.Load(rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "Pacific/Apia", "America/Santiago", "Australia/Lord_Howe"}).Draw(t, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	width := rapid.SampledFrom([]zone.Width{{Days: 1}, {Days: 7}, {Days: 3}, {Months: 1}, {Months: 3}, {Months: 12}, {Micros: 3600_000_000}, {Micros: 7}}).Draw(t, "period")
	g, err := NewGrid(width, z, rapid.Int64Range(0, day-1).Draw(t, "phase"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestSlotsOfAnyGridPartitionTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrid(t)
		at := rapid.Int64Range(MinTime, MaxTime-1).Draw(t, "time")
		s := g.Slot(at)
		if g.Time(s) > at || at >= g.Time(s+1) {
			t.Fatalf("%v: slot %d of %d is from %d to %d", g, s, at, g.Time(s), g.Time(s+1))
		}
		if g.SlotEnd(at) != g.Time(s+1) || !g.OnGrid(g.Time(s)) {
			t.Fatalf("%v: the end of slot %d", g, s)
		}
		after := g.SlotAtOrAfter(at)
		if g.Time(after) < at || g.Time(after-1) >= at {
			t.Fatalf("%v: the slot at or after %d is %d", g, at, after)
		}
		if back := g.Back(g.Time(s)); g.Slot(back) >= s || g.Time(g.Slot(back)+1) != g.Time(s) && g.Calendar == nil {
			t.Fatalf("%v: back of slot %d is in slot %d", g, s, g.Slot(back))
		}
		times := make([]int64, 5)
		g.Times(times, s-2)
		for i, got := range times {
			if got != g.Time(s-2+int64(i)) {
				t.Fatalf("%v: slot %d begins at %d", g, s-2+int64(i), got)
			}
		}
		text, err := json.Marshal(g)
		var again Grid
		if err != nil || json.Unmarshal(text, &again) != nil || again != g {
			t.Fatalf("%s is %v, was %v", text, again, g)
		}
	})
}

func TestPhasesAreLessThanThePeriod(t *testing.T) {
	for _, test := range []struct{ period, phase, want int64 }{{10, 3, 3}, {10, 13, 3}, {10, -1, 9}, {10, 10, 0}, {10, -20, 0}} {
		g := Grid{Period: test.period, Phase: test.phase}.On(zone.UTC)
		if g.Phase != test.want || g.Validate() != nil {
			t.Errorf("phase %d of a period of %d is %d, want %d", test.phase, test.period, g.Phase, test.want)
		}
	}
	if (Grid{Period: 10, BlockLen: 1, Phase: 10}).Validate() == nil {
		t.Error("a phase of a whole period is valid")
	}
}

// The integral of a calendar series goes by the lengths of its days, and is the same
// however the block is cut.
func TestPathsOfCalendarsGoByTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrid(t)
		b := &Block{First: g.BlockSlot(g.Block(g.Slot(1_300_000_000_000_000))), Len: 256, Kind: Floats, Floats: make([]float64, 256), Present: NewBitmap(256)}
		want, last := new(big.Rat), -1
		for i := range b.Len {
			if rapid.IntRange(0, 3).Draw(t, "present") == 0 {
				continue
			}
			b.Present.Set(i)
			b.Floats[i] = float64(rapid.IntRange(-100, 100).Draw(t, "value"))
			if last >= 0 {
				length := g.Time(b.First+int64(i)) - g.Time(b.First+int64(last))
				want.Add(want, new(big.Rat).Mul(new(big.Rat).SetFloat64(b.Floats[last]), new(big.Rat).SetInt64(length)))
			}
			last = i
		}
		var sum Summary
		covered, cut := int64(0), 0
		for cut < b.Len {
			end := min(cut+rapid.IntRange(1, 100).Draw(t, "cut"), b.Len)
			part := g.Summarize(b, cut, end, AnyQuality, AllStats)
			g.Merge(&sum, &part, AllStats)
			covered += g.Covered(b, cut, end)
			cut = end
		}
		whole := g.Summarize(b, 0, b.Len, AnyQuality, AllStats)
		if !sum.Steps.Equal(whole.Steps) || !sum.Lines.Equal(whole.Lines) || covered != g.Covered(b, 0, b.Len) {
			t.Fatalf("%v: the parts are not the whole", g)
		}
		got := new(big.Rat)
		for _, term := range whole.Steps.Terms() {
			got.Add(got, new(big.Rat).SetFloat64(term))
		}
		if g.Calendar == nil {
			got.Mul(got, new(big.Rat).SetInt64(g.Period))
		}
		if got.Cmp(want) != 0 {
			t.Fatalf("%v: the integral is %v, want %v", g, got, want)
		}
	})
}
