package columnar

import (
	"testing"

	"pgregory.net/rapid"
)

func TestBitmapIsASetOfIntegers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "n")
		b, set := NewBitmap(n), make([]bool, n)
		place := rapid.IntRange(0, n)
		for range rapid.IntRange(0, 12).Draw(t, "steps") {
			from, to := place.Draw(t, "from"), place.Draw(t, "to")
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				b.SetRange(from, to)
				for i := from; i < to; i++ {
					set[i] = true
				}
			case 1:
				if from < n {
					b.Set(from)
					set[from] = true
				}
			default:
				if from < n {
					b.Clear(from)
					set[from] = false
				}
			}
		}
		from, to := place.Draw(t, "from"), place.Draw(t, "to")
		count, total, next := 0, 0, to
		for i := n - 1; i >= 0; i-- {
			if b.Has(i) != set[i] {
				t.Fatalf("bit %d is %t", i, b.Has(i))
			}
			if set[i] {
				total++
			}
			if set[i] && from <= i && i < to {
				count, next = count+1, i
			}
		}
		if b.Count() != total || b.CountRange(from, to) != count {
			t.Fatalf("%d bits, %d of them in [%d, %d), want %d and %d", b.Count(), b.CountRange(from, to), from, to, total, count)
		}
		if got := b.Next(from, to); from <= to && got != next {
			t.Fatalf("next bit in [%d, %d) is %d, want %d", from, to, got, next)
		}
	})
}

func TestFullBitmapHasNoBitsPastTheLast(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 128} {
		b := FullBitmap(n)
		if b.Count() != n || len(b) != (n+63)/64 {
			t.Errorf("a full bitmap of %d has %d bits in %d words", n, b.Count(), len(b))
		}
	}
}
