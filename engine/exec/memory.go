package exec

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/engine/plan"
)

// A query that reads samples takes its floor before it begins: a quarter of what all
// queries may hold, at most 16 MiB, which is enough for the batches under way and some
// ten thousand groups. It waits for that, holding nothing, so no two wait for each other;
// whoever needs more than his floor later on is refused where there is none.
const (
	floorShare = 4
	floorMost  = 16 << 20
	floorWait  = time.Minute
)

// takeStep is how many bytes are taken from the server's memory at once. The first
// bytes are free, so that small questions are answered whatever others hold.
const (
	takeStep = 128 << 10
	takeFree = 64 << 10
)

// ledger counts the bytes that a query's operators hold, against its own limit and
// against what all queries share.
type ledger struct {
	limit int64        // 0: none
	part  *memory.Part // nil: none is shared

	mu       sync.Mutex
	used     int64
	floor    int64 // of reserved, not given back before the end
	reserved int64 // of the part; what is used beyond it is free
	closed   bool
}

// admit takes the query's floor.
func (l *ledger) admit(ctx context.Context) error {
	if l.part == nil || l.part.Most() == 0 {
		return nil
	}
	floor := min(l.part.Most()/floorShare, floorMost)
	if l.limit > 0 {
		floor = min(floor, l.limit)
	}
	waiting, cancel := context.WithTimeout(ctx, floorWait)
	defer cancel()
	if err := l.part.Reserve(waiting, floor); err != nil {
		if ctx.Err() != nil {
			return err
		}
		var refused *memory.Refusal
		if errors.As(l.part.TryReserve(floor), &refused) {
			return OutOfMemory(refused)
		}
	}
	l.floor, l.reserved = floor, floor
	return nil
}

// OutOfMemory is the error of a query that the server has no memory for.
func OutOfMemory(r *memory.Refusal) error {
	return plan.Errorf(0, plan.CodeOutOfMemory, "the server's memory does not suffice for this query as well: %s", r.Holders()).
		WithHint("try again when others have ended, narrow the time range, group more coarsely, or raise the server's --memory-limit")
}

// Take implements columnar.Memory: it counts n bytes more, or answers that there is no
// room for them.
func (l *ledger) Take(n int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limit > 0 && l.used+n > l.limit {
		return plan.Errorf(0, plan.CodeOutOfMemory, "the query needs more than its %d MiB of memory", l.limit>>20).
			WithHint("narrow the time range, group more coarsely, or raise the server's memory per query")
	}
	if more := l.used + n - takeFree - l.reserved; more > 0 && l.part != nil && !l.closed {
		more = (more + takeStep - 1) / takeStep * takeStep
		var refused *memory.Refusal
		if errors.As(l.part.TryReserve(more), &refused) {
			return OutOfMemory(refused)
		}
		l.reserved += more
	}
	l.used += n
	return nil
}

// Give implements columnar.Memory: it counts n bytes less.
func (l *ledger) Give(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used -= n
	keep := max(l.used+takeStep, l.floor)
	if l.part != nil && l.reserved >= keep+takeStep {
		l.part.Release(l.reserved - keep)
		l.reserved = keep
	}
}

// close gives back all that the query took of what is shared.
func (l *ledger) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.part != nil {
		l.part.Release(l.reserved)
	}
	l.reserved, l.floor, l.closed = 0, 0, true
}

// holding is the stream of a query's rows: its end is that of the query's memory.
type holding struct {
	columnar.Stream
	ledger *ledger
}

// Close implements columnar.Stream.
func (h *holding) Close() error {
	defer h.ledger.close()
	return h.Stream.Close()
}

// readsSamples reports whether a plan reads samples, its subqueries included.
func readsSamples(n plan.Node) bool {
	if scan, ok := n.(*plan.Scan); ok && scan.Table == plan.Samples {
		return true
	}
	for _, in := range n.Inputs() {
		if readsSamples(in) {
			return true
		}
	}
	found := false
	plan.MapExprs(n, func(e plan.Expr) plan.Expr {
		plan.WalkExpr(e, func(e plan.Expr) bool {
			if s, ok := e.(*plan.Subquery); ok {
				found = found || readsSamples(s.Plan)
			}
			return !found
		})
		return e
	})
	return found
}

// account is the part of a query's memory that one operator holds.
type account struct {
	memory *ledger
	held   int64
}

// set makes the operator hold n bytes.
func (a *account) set(n int64) error {
	if n <= a.held {
		a.memory.Give(a.held - n)
		a.held = n
		return nil
	}
	if err := a.memory.Take(n - a.held); err != nil {
		return err
	}
	a.held = n
	return nil
}

// close makes the operator hold nothing.
func (a *account) close() {
	a.memory.Give(a.held)
	a.held = 0
}
