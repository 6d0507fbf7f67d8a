package memory

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
)

// Budget is the memory that may be held, and who holds it. It is safe for concurrent
// use.
type Budget struct {
	limit int64 // 0: none, all is only counted

	mu struct {
		sync.Mutex
		parts []*Part
		high  int64 // the most that was used
	}
}

// NewBudget returns a budget of so many bytes; 0 counts and refuses nothing.
func NewBudget(limit int64) *Budget { return &Budget{limit: max(limit, 0)} }

// Limit returns the bytes that may be held; 0: as many as there are.
func (b *Budget) Limit() int64 { return b.limit }

// Part is a named user of a Budget. It is safe for concurrent use.
type Part struct {
	budget      *Budget
	name        string
	least, most int64

	// Guarded by the budget's lock.
	used, high int64
	queue      []*waiter // in the order in which they came
	waited     int64
	refused    int64
}

// waiter is a reservation that waits. Its channel is closed when it is served.
type waiter struct {
	bytes  int64
	served chan struct{}
}

// NewPart adds a part, before the budget is used. Its least is its own; 0 as its most
// is the budget's limit. The leasts must fit the limit together.
func (b *Budget) NewPart(name string, least, most int64) *Part {
	b.mu.Lock()
	defer b.mu.Unlock()
	sum := least
	for _, p := range b.mu.parts {
		sum += p.least
	}
	if most == 0 {
		most = b.limit
	}
	if least < 0 || b.limit > 0 && (sum > b.limit || most < least || most > b.limit) {
		panic(fmt.Sprintf("memory: part %s of [%d, %d] bytes does not fit a budget of %d", name, least, most, b.limit))
	}
	p := &Part{budget: b, name: name, least: least, most: most}
	b.mu.parts = append(b.mu.parts, p)
	return p
}

// Use is what a part holds.
type Use struct {
	Part        string
	Used, High  int64 // bytes now, and the most so far
	Least, Most int64 // bytes that it can always have, and can have at most; Most 0: no limit
	Waiting     int   // reservations that wait now
	Waited      int64 // reservations that had to wait
	Refused     int64 // reservations that were refused
}

// Uses returns what the parts hold, in the order in which they were added.
func (b *Budget) Uses() []Use {
	b.mu.Lock()
	defer b.mu.Unlock()
	uses := make([]Use, len(b.mu.parts))
	for i, p := range b.mu.parts {
		uses[i] = p.use()
	}
	return uses
}

// Use returns what the part holds.
func (p *Part) Use() Use {
	p.budget.mu.Lock()
	defer p.budget.mu.Unlock()
	return p.use()
}

func (p *Part) use() Use {
	return Use{
		Part: p.name, Used: p.used, High: p.high, Least: p.least, Most: p.most,
		Waiting: len(p.queue), Waited: p.waited, Refused: p.refused,
	}
}

// Used returns the bytes that all parts hold, and the most that they did.
func (b *Budget) Used() (now, high int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used(), b.mu.high
}

func (b *Budget) used() (sum int64) {
	for _, p := range b.mu.parts {
		sum += p.used
	}
	return sum
}

// Refusal is the error of a reservation for which there is no room.
type Refusal struct {
	Part   string
	Wanted int64 // bytes
	Never  bool  // there would be no room if nobody else held any
	Limit  int64 // of the budget
	Most   int64 // of the part
	Uses   []Use // who held what
}

// Error says what was wanted and who holds what.
func (r *Refusal) Error() string {
	if r.Never {
		return fmt.Sprintf("%s needs %s at once and may hold %s", r.Part, size(r.Wanted), size(r.Most))
	}
	return fmt.Sprintf("there is no room for %s more for %s: %s", size(r.Wanted), r.Part, r.Holders())
}

// Holders says who holds what of the limit.
func (r *Refusal) Holders() string {
	var held []string
	for _, u := range r.Uses {
		if u.Used > 0 {
			held = append(held, fmt.Sprintf("%s %s", u.Part, size(u.Used)))
		}
	}
	return fmt.Sprintf("of %s in all, are held by %s", size(r.Limit), strings.Join(held, ", "))
}

// size writes a number of bytes so that it can be read.
func size(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d KiB", (n+1<<10-1)>>10)
	}
	return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20)
}

// Name returns the part's name.
func (p *Part) Name() string { return p.name }

// Used returns the bytes that the part holds.
func (p *Part) Used() int64 {
	p.budget.mu.Lock()
	defer p.budget.mu.Unlock()
	return p.used
}

// Least returns the bytes that the part can always hold.
func (p *Part) Least() int64 { return p.least }

// Most returns the bytes that the part may hold; 0: no limit.
func (p *Part) Most() int64 { return p.most }

// Reserve takes n bytes, and waits for them until ctx is done (B3). Where they could
// never be had the error is a *Refusal, otherwise it wraps that of ctx. The caller
// releases them.
func (p *Part) Reserve(ctx context.Context, n int64) error {
	b := p.budget
	b.mu.Lock()
	if len(p.queue) == 0 && b.take(p, n) {
		b.mu.Unlock()
		return nil
	}
	if b.never(p, n) {
		defer b.mu.Unlock()
		return b.refuse(p, n, true)
	}
	if err := ctx.Err(); err != nil {
		b.mu.Unlock()
		return fmt.Errorf("%s waits for memory: %w", p.name, err)
	}
	w := &waiter{n, make(chan struct{})}
	p.queue = append(p.queue, w)
	p.waited++
	b.mu.Unlock()
	select {
	case <-w.served:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(p.queue, w); i >= 0 {
		p.queue = slices.Delete(p.queue, i, i+1)
		b.serve() // those behind may want less
		return fmt.Errorf("%s waits for memory: %w", p.name, ctx.Err())
	}
	return nil // it was served meanwhile
}

// TryReserve takes n bytes, or answers at once with a *Refusal. It does not queue, so
// it may be served before those that wait.
func (p *Part) TryReserve(n int64) error {
	b := p.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.take(p, n) {
		return nil
	}
	return b.refuse(p, n, b.never(p, n))
}

// Poll takes n bytes, or answers that there is no room for them now: for those that wait
// for something else than memory too, and ask again. The error is a *Refusal where they
// could never be had.
func (p *Part) Poll(n int64) (ok bool, err error) {
	b := p.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.take(p, n) {
		return true, nil
	}
	if b.never(p, n) {
		return false, b.refuse(p, n, true)
	}
	p.waited++
	return false, nil
}

// Charge counts n bytes that are held already, whether there is room or not (B1).
func (p *Part) Charge(n int64) {
	p.budget.mu.Lock()
	defer p.budget.mu.Unlock()
	p.budget.add(p, n)
}

// Release gives n bytes back.
func (p *Part) Release(n int64) {
	if n == 0 {
		return
	}
	b := p.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if n < 0 || n > p.used {
		panic(fmt.Sprintf("memory: %s gives back %d bytes and holds %d", p.name, n, p.used))
	}
	p.used -= n
	b.serve()
}

// Wait returns when n bytes could be had, without taking them, or ctx is done; at once
// where they could never be had.
func (p *Part) Wait(ctx context.Context, n int64) error {
	if p.budget.limit == 0 {
		return nil
	}
	p.budget.mu.Lock()
	never := p.budget.never(p, n)
	p.budget.mu.Unlock()
	if never {
		return nil
	}
	if err := p.Reserve(ctx, n); err != nil {
		return err
	}
	p.Release(n)
	return nil
}

// take takes n bytes for a part if there is room.
func (b *Budget) take(p *Part, n int64) bool {
	if n < 0 {
		panic(fmt.Sprintf("memory: %s wants %d bytes", p.name, n))
	}
	if b.limit > 0 && !b.fits(p, n) {
		return false
	}
	b.add(p, n)
	return true
}

func (b *Budget) add(p *Part, n int64) {
	p.used += n
	p.high = max(p.high, p.used)
	b.mu.high = max(b.mu.high, b.used())
}

// fits reports whether a part may hold n bytes more: within its least (B2), or within
// its most and what the others neither hold nor have as their least.
func (b *Budget) fits(p *Part, n int64) bool {
	if n > math.MaxInt64-p.used {
		return false
	}
	after := p.used + n
	if after <= p.least {
		return true
	}
	if after > p.most {
		return false
	}
	claimed := after
	for _, other := range b.mu.parts {
		if other != p {
			claimed += max(other.used, other.least)
		}
	}
	return claimed <= b.limit
}

// never reports whether there would be no room if nobody held any.
func (b *Budget) never(p *Part, n int64) bool {
	if b.limit == 0 {
		return false
	}
	rest := b.limit
	for _, other := range b.mu.parts {
		if other != p {
			rest -= other.least
		}
	}
	return n > min(p.most, rest)
}

// serve serves the reservations that wait and have room now, part by part.
func (b *Budget) serve() {
	for _, p := range b.mu.parts {
		for len(p.queue) > 0 && b.take(p, p.queue[0].bytes) {
			close(p.queue[0].served)
			p.queue = slices.Delete(p.queue, 0, 1)
		}
	}
}

// refuse makes the error of a reservation.
func (b *Budget) refuse(p *Part, n int64, never bool) *Refusal {
	p.refused++
	r := &Refusal{Part: p.name, Wanted: n, Never: never, Limit: b.limit, Most: p.most}
	for _, part := range b.mu.parts {
		r.Uses = append(r.Uses, Use{Part: part.name, Used: part.used})
	}
	return r
}
