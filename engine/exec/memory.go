package exec

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/engine/plan"
)

// A query that reads samples takes its floor before it begins: a quarter of what all
// queries may hold, at most 16 MiB, which is enough for the batches under way and some
// ten thousand groups. It waits for that, holding nothing, so no two wait for each other;
// whoever needs more than his floor later on is refused where there is none.
//
// A query that only passes samples on takes a sixteenth, and its batches are small: a
// client may leave many of those unread.
const (
	floorShare  = 4
	streamShare = 16
	batchShare  = 256
	floorMost   = 16 << 20
	floorWait   = time.Minute
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
	limit  int64        // 0: none
	part   *memory.Part // nil: none is shared
	small  *memory.Part // of queries that need little, when the other has no room; nil: none
	stream bool         // the query only passes samples on

	pausing sync.Mutex // held by a pause and by the query's Next
	onPause map[int]func()
	pauses  int // of onPause, that were ever added
	paused  bool

	mu       sync.Mutex
	used     int64
	floor    int64 // of reserved, not given back before the end
	reserved int64 // of the part; what is used beyond it is free
	lent     int64 // of it, of small
	closed   bool
}

// admit takes the query's floor.
func (l *ledger) admit(ctx context.Context) error {
	if l.part == nil || l.part.Most() == 0 {
		return nil
	}
	share := int64(floorShare)
	if l.stream {
		share = streamShare
	}
	floor := min(l.part.Most()/share, floorMost)
	if l.limit > 0 {
		floor = min(floor, l.limit)
	}
	l.mu.Lock()
	need := max(floor-l.reserved, 0)
	l.mu.Unlock()
	waiting, cancel := context.WithTimeout(ctx, floorWait)
	defer cancel()
	if err := l.part.Reserve(waiting, need); err != nil {
		if ctx.Err() != nil {
			return err
		}
		var refused *memory.Refusal
		if errors.As(l.part.TryReserve(need), &refused) {
			return OutOfMemory(refused)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.floor = floor
	l.reserved += need
	return nil
}

// OnPause implements columnar.Pauses.
func (l *ledger) OnPause(f func()) (remove func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.onPause == nil {
		l.onPause = map[int]func(){}
	}
	id := l.pauses
	l.pauses++
	l.onPause[id] = f
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.onPause, id)
	}
}

// pause has the scans give up what they have prepared, and gives back what the query
// does not use.
func (l *ledger) pause() {
	l.mu.Lock()
	scans := slices.Collect(maps.Values(l.onPause))
	l.mu.Unlock()
	for _, pause := range scans {
		pause()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.part == nil || l.closed {
		return
	}
	l.paused = l.floor > 0
	l.floor = 0
	l.releaseTo(max(l.used-takeFree, 0))
}

// resume takes the floor again after a pause.
func (l *ledger) resume(ctx context.Context) error {
	l.mu.Lock()
	paused := l.paused
	l.paused = false
	l.mu.Unlock()
	if !paused {
		return nil
	}
	return l.admit(ctx)
}

// releaseTo gives back what is reserved beyond n bytes, that of small first.
func (l *ledger) releaseTo(n int64) {
	more := max(l.reserved-n, 0)
	l.reserved -= more
	lent := min(more, l.lent)
	if lent > 0 {
		l.small.Release(lent)
		l.lent -= lent
	}
	l.part.Release(more - lent)
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
			if l.small == nil || l.small.TryReserve(more) != nil {
				return OutOfMemory(refused)
			}
			l.lent += more
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
		l.releaseTo(keep)
	}
}

// close gives back all that the query took of what is shared.
func (l *ledger) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.part != nil {
		l.releaseTo(0)
	}
	l.reserved, l.floor, l.closed = 0, 0, true
}

// holding is the stream of a query's rows: its end is that of the query's memory.
type holding struct {
	columnar.Stream
	ledger *ledger
}

// Next implements columnar.Stream.
func (h *holding) Next(ctx context.Context) (arrow.RecordBatch, error) {
	h.ledger.pausing.Lock()
	defer h.ledger.pausing.Unlock()
	if err := h.ledger.resume(ctx); err != nil {
		return nil, err
	}
	return h.Stream.Next(ctx)
}

// Pause gives back what the query holds beside its place and its results. It may be
// called by another goroutine than the one that reads; the next Next goes on.
func (h *holding) Pause() {
	h.ledger.pausing.Lock()
	defer h.ledger.pausing.Unlock()
	h.ledger.pause()
}

// Close implements columnar.Stream.
func (h *holding) Close() error {
	h.ledger.pausing.Lock()
	defer h.ledger.pausing.Unlock()
	defer h.ledger.close()
	return h.Stream.Close()
}

// onlyPasses reports whether a plan passes samples on and holds none of them.
func onlyPasses(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Scan:
		return true
	case *plan.Filter, *plan.Project, *plan.Limit:
		return onlyPasses(n.Inputs()[0])
	}
	return false
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
