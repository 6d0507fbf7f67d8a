package columnar

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestSlotsCoverTimeAlsoBefore1970(t *testing.T) {
	g := Grid{Period: 10, BlockLen: 4}
	tests := []struct {
		time             int64
		slot, after, blk int64
	}{
		{time: 0, slot: 0, after: 0, blk: 0},
		{time: 1, slot: 0, after: 1, blk: 0},
		{time: 10, slot: 1, after: 1, blk: 0},
		{time: 39, slot: 3, after: 4, blk: 0},
		{time: 40, slot: 4, after: 4, blk: 1},
		{time: -1, slot: -1, after: 0, blk: -1},
		{time: -10, slot: -1, after: -1, blk: -1},
		{time: -11, slot: -2, after: -1, blk: -1},
		{time: -41, slot: -5, after: -4, blk: -2},
	}
	for _, test := range tests {
		if s := g.Slot(test.time); s != test.slot || g.SlotAtOrAfter(test.time) != test.after || g.Block(s) != test.blk {
			t.Errorf("time %d: slot %d, slot at or after %d, block %d", test.time, s, g.SlotAtOrAfter(test.time), g.Block(s))
		}
	}
}

func TestGridArithmeticHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := Grid{Period: rapid.Int64Range(1, MaxPeriod).Draw(t, "period"), BlockLen: rapid.Int64Range(1, MaxBlockLen).Draw(t, "len")}
		at := rapid.Int64Range(MinTime, MaxTime-1).Draw(t, "time")
		if err := g.Validate(); err != nil {
			t.Fatal(err)
		}
		slot := g.Slot(at)
		if begin := g.Time(slot); begin > at || at-begin >= g.Period {
			t.Fatalf("slot %d of %d begins at %d", slot, at, begin)
		}
		after := g.SlotAtOrAfter(at)
		if begin := g.Time(after); begin < at || begin-at >= g.Period {
			t.Fatalf("slot %d at or after %d begins at %d", after, at, begin)
		}
		block := g.Block(slot)
		if first := g.BlockSlot(block); first > slot || slot-first >= g.BlockLen {
			t.Fatalf("block %d of slot %d begins at slot %d", block, slot, first)
		}
		if g.BlockTime(block) != g.Time(g.BlockSlot(block)) {
			t.Fatalf("block %d begins at %d", block, g.BlockTime(block))
		}
	})
}

func TestGridArithmeticDoesNotOverflowWithinTheLimits(t *testing.T) {
	for _, g := range []Grid{{Period: 1, BlockLen: 1}, {Period: MaxPeriod, BlockLen: MaxBlockLen}, {Period: 1, BlockLen: MaxBlockLen}} {
		for _, at := range []int64{MinTime, MaxTime} {
			block := g.Block(g.Slot(at))
			want := new(big.Int).Mul(big.NewInt(block), big.NewInt(g.BlockLen))
			want.Mul(want, big.NewInt(g.Period))
			if got := g.BlockTime(block); !want.IsInt64() || got != want.Int64() {
				t.Errorf("%+v: block %d begins at %d, want %s", g, block, got, want)
			}
		}
	}
}

func TestGridsOutsideTheLimitsAreRefused(t *testing.T) {
	for _, g := range []Grid{{}, {Period: 1}, {BlockLen: 1}, {Period: -1, BlockLen: 1}, {Period: MaxPeriod + 1, BlockLen: 1}, {Period: 1, BlockLen: MaxBlockLen + 1}, {Period: math.MinInt64, BlockLen: math.MinInt64}} {
		if g.Validate() == nil {
			t.Errorf("%+v is valid", g)
		}
	}
}

func TestDefaultBlocksTileQuarterHours(t *testing.T) {
	const quarter = 15 * minute
	tests := []struct {
		name   string
		period int64
		want   int64
	}{
		{name: "1 s: an hour", period: second, want: 3600},
		{name: "1 min: a day", period: minute, want: 1440},
		{name: "10 ms: a minute", period: 10_000, want: 6000},
		{name: "100 ms: five minutes", period: 100_000, want: 3000},
		{name: "1 µs: no table entry is short enough", period: 1, want: 1024},
		{name: "7 s: divides no duration", period: 7 * second, want: 1024},
		{name: "a day", period: day, want: 512},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n := DefaultBlockLen(test.period)
			if n != test.want {
				t.Errorf("block length is %d, want %d", n, test.want)
			}
		})
	}
	for _, d := range blockDurations {
		if d%quarter != 0 && quarter%d != 0 {
			t.Errorf("blocks of %d µs do not tile quarter hours", d)
		}
	}
}
