package memory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	arrow "github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestALeastCanBeHadWhileEverythingElseIsFull(t *testing.T) {
	b := NewBudget(100)
	flush, queries := b.NewPart("flush", 20, 50), b.NewPart("queries", 0, 0)
	if err := queries.TryReserve(80); err != nil {
		t.Fatal(err)
	}
	if err := queries.TryReserve(1); err == nil {
		t.Error("queries got what is flush's")
	}
	if err := flush.TryReserve(20); err != nil {
		t.Error(err)
	}
	if err := flush.TryReserve(1); err == nil {
		t.Error("flush got more than there is")
	}
	queries.Charge(50) // was there already
	flush.Release(20)
	if err := flush.TryReserve(20); err != nil {
		t.Errorf("while too much is charged: %v", err)
	}
}

func TestARefusalSaysWhoHoldsWhat(t *testing.T) {
	b := NewBudget(64 << 20)
	head, queries := b.NewPart("head", 0, 16<<20), b.NewPart("queries", 0, 0)
	head.Charge(10 << 20)
	var r *Refusal
	if err := queries.TryReserve(60 << 20); !errors.As(err, &r) || r.Never {
		t.Fatalf("%v", err)
	}
	if want := "there is no room for 60 MiB more for queries: of 64 MiB in all, are held by head 10 MiB"; r.Error() != want {
		t.Errorf("%s, want %s", r, want)
	}
	if err := head.TryReserve(17 << 20); !errors.As(err, &r) || !r.Never || r.Error() != "head needs 17 MiB at once and may hold 16 MiB" {
		t.Errorf("%v", err)
	}
	if err := head.Reserve(t.Context(), 17<<20); !errors.As(err, &r) {
		t.Errorf("what can never be had is waited for: %v", err)
	}
	if u := b.Uses(); u[0].Refused != 2 || u[1].Refused != 1 || u[0].Used != 10<<20 {
		t.Errorf("%+v", u)
	}
}

func TestThoseThatWaitAreServedInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewBudget(10).NewPart("ingest", 0, 0)
		if err := p.TryReserve(10); err != nil {
			t.Fatal(err)
		}
		var order []int64
		var wait sync.WaitGroup
		for _, n := range []int64{9, 6, 8, 7} {
			wait.Go(func() {
				if err := p.Reserve(t.Context(), n); err != nil {
					t.Error(err)
				}
				order = append(order, n) // the others wait for the memory
				p.Release(n)
			})
			synctest.Wait()
		}
		p.Release(8)
		synctest.Wait()
		if len(order) != 0 {
			t.Errorf("%d came before their turn", order)
		}
		p.Release(2)
		wait.Wait()
		if !slices.Equal(order, []int64{9, 6, 8, 7}) {
			t.Errorf("the order is %d", order)
		}
		if p.Used() != 0 {
			t.Errorf("%d bytes have leaked", p.Used())
		}
	})
}

func TestOneThatGivesUpLetsTheNextOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewBudget(10).NewPart("ingest", 0, 0)
		if err := p.TryReserve(5); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var first, second error
		var wait sync.WaitGroup
		wait.Go(func() { first = p.Reserve(ctx, 10) })
		synctest.Wait()
		wait.Go(func() { second = p.Reserve(t.Context(), 5) })
		synctest.Wait()
		cancel()
		wait.Wait()
		if !errors.Is(first, context.Canceled) || !strings.HasPrefix(first.Error(), "ingest waits for memory") || second != nil {
			t.Errorf("%v, %v", first, second)
		}
		if p.Used() != 10 {
			t.Errorf("%d bytes are held", p.Used())
		}
	})
}

func TestWaitTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewBudget(10).NewPart("ingest", 0, 0)
		p.Charge(8)
		passed := false
		var wait sync.WaitGroup
		wait.Go(func() { passed = p.Wait(t.Context(), 5) == nil })
		synctest.Wait()
		if passed {
			t.Error("there was no room")
		}
		p.Release(8)
		wait.Wait()
		if !passed || p.Used() != 0 {
			t.Errorf("%v, %d bytes", passed, p.Used())
		}
		if err := p.Wait(t.Context(), 11); err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutALimitAllIsCountedAndNothingRefused(t *testing.T) {
	parts := NewParts(Share(0))
	if err := parts.Queries.TryReserve(1 << 50); err != nil {
		t.Fatal(err)
	}
	if now, high := parts.Budget.Used(); now != 1<<50 || high != now {
		t.Errorf("%d, %d", now, high)
	}
	parts.Queries.Release(1 << 50)
}

func TestSharesFitTogether(t *testing.T) {
	for _, limit := range []int64{LeastLimit, 256 << 20, 1 << 30, 1 << 40} {
		s := Share(limit)
		if s.Outside+s.Runtime != limit || s.Budget >= s.Runtime || s.Statement < 8<<20 || s.Message < 1<<20 || 2*s.Head > s.Budget/4 {
			t.Errorf("%d: %+v", limit, s)
		}
		NewParts(s) // panics where they do not fit
	}
	defer func() {
		if recover() == nil {
			t.Error("leasts beyond the limit are taken")
		}
	}()
	b := NewBudget(10)
	b.NewPart("a", 6, 6)
	b.NewPart("b", 6, 6)
}

func TestWhatArrowAllocatesIsDrawnFromAHold(t *testing.T) {
	checked := arrow.NewCheckedAllocator(arrow.DefaultAllocator)
	defer checked.AssertSize(t, 0)
	p := NewBudget(1000).NewPart("ingest", 0, 0)
	h := p.Hold()
	if err := h.TryReserve(100); err != nil {
		t.Fatal(err)
	}
	a := NewAllocator(h, checked)
	b := a.Allocate(60)
	if reserved, drawn := h.Held(); reserved != 100 || drawn != 60 || p.Used() != 100 {
		t.Errorf("%d, %d, %d", reserved, drawn, p.Used())
	}
	b = a.Reallocate(150, b) // while it is copied there are both
	if reserved, drawn := h.Held(); reserved != 210 || drawn != 150 || p.Used() != 210 {
		t.Errorf("%d, %d, %d", reserved, drawn, p.Used())
	}
	a.Free(b)
	if reserved, drawn := h.Held(); reserved != 210 || drawn != 0 {
		t.Errorf("%d, %d", reserved, drawn)
	}
	h.Set(40)
	h.Release(1000)
	if p.Used() != 0 {
		t.Errorf("%d bytes are held", p.Used())
	}
	h.Close()
	h.Close()
	if err := h.TryReserve(5); err != nil || p.Used() != 0 {
		t.Errorf("a closed hold holds %d, %v", p.Used(), err)
	}
}

// TestTheLimitHolds runs random reservations, charges and releases against a model.
func TestTheLimitHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(10, 1000).Draw(t, "limit")
		b := NewBudget(limit)
		rest := limit
		var parts []*Part
		for range rapid.IntRange(1, 5).Draw(t, "parts") {
			least := rapid.Int64Range(0, rest).Draw(t, "least")
			rest -= least
			parts = append(parts, b.NewPart("p", least, rapid.Int64Range(max(least, 1), limit).Draw(t, "most")))
		}
		held, charged := make([]int64, len(parts)), int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, len(parts)-1).Draw(t, "part")
			p, n := parts[i], rapid.Int64Range(0, limit+10).Draw(t, "bytes")
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				p.Charge(n)
				held[i] += n
				charged += n
			case 1, 2, 3, 4:
				n = min(n, held[i])
				p.Release(n)
				held[i] -= n
			default:
				err := p.TryReserve(n)
				if err == nil {
					held[i] += n
				}
				if err != nil && held[i]+n <= p.least {
					t.Fatalf("%d bytes are refused to a part that holds %d of its least %d", n, held[i], p.least)
				}
				if err == nil && held[i] > p.least && held[i] > p.most {
					t.Fatalf("a part holds %d, its most is %d", held[i], p.most)
				}
			}
			sum := int64(0)
			for k, p := range parts {
				if p.Used() != held[k] {
					t.Fatalf("part %d holds %d, counted as %d", k, held[k], p.Used())
				}
				sum += held[k]
			}
			if charged == 0 && sum > limit {
				t.Fatalf("%d of %d bytes are held", sum, limit)
			}
		}
	})
}

// TestNobodyWaitsForEver has writers that reserve, some of which give up, at once.
func TestNobodyWaitsForEver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBudget(100)
		parts := []*Part{b.NewPart("a", 10, 100), b.NewPart("b", 20, 60)}
		type want struct {
			part   int
			bytes  int64
			cancel bool
		}
		wants := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) want {
			return want{rapid.IntRange(0, 1).Draw(t, "part"), rapid.Int64Range(0, 60).Draw(t, "bytes"), rapid.Bool().Draw(t, "cancel")}
		}), 1, 30).Draw(t, "wants")
		var wait sync.WaitGroup
		for _, w := range wants {
			ctx, cancel := context.WithCancel(context.Background())
			wait.Go(func() {
				if err := parts[w.part].Reserve(ctx, w.bytes); err == nil {
					parts[w.part].Release(w.bytes)
				}
			})
			if w.cancel {
				cancel()
			} else {
				defer cancel()
			}
		}
		wait.Wait()
		if now, high := b.Used(); now != 0 || high > 100 {
			t.Fatalf("%d bytes are held, %d were", now, high)
		}
		for _, u := range b.Uses() {
			if u.Waiting != 0 {
				t.Fatalf("%+v", u)
			}
		}
	})
}
