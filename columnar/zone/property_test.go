package zone

import (
	"testing"

	"pgregory.net/rapid"
)

// anyZone draws a zone or a fixed offset.
func anyZone(t *rapid.T) *Zone {
	name := rapid.SampledFrom(append(Names(), "+05:30", "-15:59:59", "+00:00:01")).Draw(t, "zone")
	z, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// anyInstant draws an instant: mostly of the last two centuries, often near a
// transition, sometimes anywhere.
func anyInstant(t *rapid.T, z *Zone) int64 {
	at := rapid.OneOf(rapid.Int64Range(-4e15, 5e15), rapid.Int64Range(-4e15, 5e15), rapid.Int64()).Draw(t, "instant")
	if rapid.Bool().Draw(t, "near a transition") {
		if tr := z.at(z.find(clampInstant(at))); tr.At > beginning {
			at = tr.At + rapid.Int64Range(-2*day, 2*day).Draw(t, "away")
		}
	}
	return at
}

// anyBins draws bins of either sort, and says which.
func anyBins(t *rapid.T, z *Zone) (b Bins, w Width) {
	w = rapid.SampledFrom(everyWidth).Draw(t, "width")
	origin := DefaultOrigin(w) + rapid.SampledFrom([]int64{0, 6 * hour, -90 * minute, 13}).Draw(t, "shift")
	if w.Months != 0 && origin < DefaultOrigin(w) {
		origin = DefaultOrigin(w) // not after the 28th
	}
	build := NewBins
	if rapid.Bool().Draw(t, "of local time") {
		build = NewLocalBins
	}
	b, err := build(w, z, origin)
	if err != nil {
		t.Fatal(err)
	}
	return b, w
}

func TestBinsPartitionTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z := anyZone(t)
		b, w := anyBins(t, z)
		at := clampInstant(anyInstant(t, z))
		c := b.Cursor()
		bin := c.At(at)
		total, from := int64(0), bin.From
		for range 40 {
			if bin.To <= bin.From || !bin.Contains(at) && at != end {
				t.Fatalf("%s %v: %v is the bin of %d", z, w, bin, at)
			}
			for _, inside := range []int64{bin.From, bin.From + (bin.To-bin.From)/2, bin.To - 1} {
				if other := b.At(inside); other != bin {
					t.Fatalf("%s %v: %d is in %v and in %v", z, w, inside, bin, other)
				}
			}
			total += bin.To - bin.From
			if bin.To-from != total {
				t.Fatalf("%s %v: bins of %d in all reach from %d to %d", z, w, total, from, bin.To)
			}
			if bin.To == end {
				break
			}
			next := c.Next()
			if next.From != bin.To {
				t.Fatalf("%s %v: %v follows %v", z, w, next, bin)
			}
			bin, at = next, next.From
		}
	})
}

func TestLocalTimesLeadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z := anyZone(t)
		at := min(clampInstant(anyInstant(t, z)), end-1)
		l := z.Local(at)
		first, last, o := z.Instants(l)
		switch {
		case o == Skipped:
			t.Fatalf("%s: %d is shown at %d, and said to be skipped", z, l, at)
		case o == Unique && (first != at || last != at):
			t.Fatalf("%s: %d is shown at %d, and said to be only at %d, %d", z, l, at, first, last)
		case o == Repeated && (first >= last || first > at || last < at):
			t.Fatalf("%s: %d is shown at %d, and said to be from %d to %d", z, l, at, first, last)
		}
		if z.Local(first) != l || z.Local(last) != l {
			t.Fatalf("%s: %d and %d show %d and %d, not %d", z, first, last, z.Local(first), z.Local(last), l)
		}
	})
}

func TestFirstPassageNeverDecreases(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z := anyZone(t)
		l := anyInstant(t, z)
		later := addSaturating(l, rapid.Int64Range(0, 3*day).Draw(t, "later"))
		a, b := z.Instant(l), z.Instant(later)
		if a > b {
			t.Fatalf("%s: %d passes at %d, %d at %d", z, l, a, later, b)
		}
		if first, last, o := z.Instants(l); o == Skipped && (first != a || last < first) {
			t.Fatalf("%s: skipped %d has first passage %d, candidates %d and %d", z, l, a, first, last)
		}
	})
}

func TestACursorAgreesWithAtInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z := anyZone(t)
		b, w := anyBins(t, z)
		c := b.Cursor()
		for range 10 {
			at := anyInstant(t, z)
			if got, want := c.At(at), b.At(at); got != want {
				t.Fatalf("%s %v: %d is in %v by cursor, in %v without", z, w, at, got, want)
			}
		}
	})
}
