package ingest

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/columnar"
)

func TestStampsLieToTheGrid(t *testing.T) {
	g := columnar.Grid{Period: 60, BlockLen: 100}
	for _, c := range []struct {
		name   string
		stamps []int64
		want   gridCounts
		first  int
	}{
		{name: "no stamps", first: -1},
		{name: "every slot after the other", stamps: []int64{-60, 0, 60, 120}, first: -1},
		{name: "with gaps", stamps: []int64{0, 120, 600}, first: -1},
		{name: "every one off by the same", stamps: []int64{7, 67, 127}, want: gridCounts{moved: 3, shift: 7}, first: 0},
		{name: "one off, before 1970", stamps: []int64{-120, -1, 0}, want: gridCounts{moved: 1, shift: 59}, first: 1},
		{name: "two in a slot", stamps: []int64{0, 30, 60}, want: gridCounts{moved: 1, shift: 30, collided: 1}, first: 1},
		{name: "the same stamp three times, apart", stamps: []int64{0, 60, 0, 120, 0}, want: gridCounts{collided: 2}, first: -1},
		{name: "backwards", stamps: []int64{120, 60, 0}, first: -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, first := lie(g, c.stamps)
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(gridCounts{})); diff != "" || first != c.first {
				t.Errorf("first %d, want %d; counts (-want +got):\n%s", first, c.first, diff)
			}
		})
	}
}

func TestStampsLieAsOneByOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	for range 2000 {
		g := columnar.Grid{Period: 1 + rng.Int64N(50), BlockLen: 16}
		stamps := make([]int64, rng.IntN(20))
		at := rng.Int64N(2000) - 1000
		for i := range stamps {
			if rng.IntN(4) == 0 {
				at += rng.Int64N(5) - 2
			}
			stamps[i] = at
			at += g.Period
		}
		var want gridCounts
		slots := map[int64]bool{}
		for _, s := range stamps {
			slot := g.Slot(s)
			if shift := s - g.Time(slot); shift > 0 {
				want.moved++
				want.shift = max(want.shift, shift)
			}
			if slots[slot] {
				want.collided++
			}
			slots[slot] = true
		}
		if got, _ := lie(g, stamps); got != want {
			t.Fatalf("period %d, stamps %d: %+v, want %+v", g.Period, stamps, got, want)
		}
	}
}
