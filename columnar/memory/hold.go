package memory

import (
	"context"
	"sync"

	arrow "github.com/apache/arrow-go/v18/arrow/memory"
)

// Hold is what one user of a part holds. It is safe for concurrent use. Its zero
// value is not usable; see Part.Hold.
type Hold struct {
	part *Part

	mu struct {
		sync.Mutex
		reserved int64 // of the part
		drawn    int64 // of it, by Draw; what exceeds reserved was charged
		closed   bool
	}
}

// Hold returns a Hold of nothing.
func (p *Part) Hold() *Hold { return &Hold{part: p} }

// Reserve makes it hold n bytes more, and waits for them; see Part.Reserve.
func (h *Hold) Reserve(ctx context.Context, n int64) error {
	if err := h.part.Reserve(ctx, n); err != nil {
		return err
	}
	h.keep(n)
	return nil
}

// TryReserve makes it hold n bytes more, or refuses; see Part.TryReserve.
func (h *Hold) TryReserve(n int64) error {
	if err := h.part.TryReserve(n); err != nil {
		return err
	}
	h.keep(n)
	return nil
}

// keep takes in n bytes that were reserved; a closed Hold gives them back (B4).
func (h *Hold) keep(n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.closed {
		h.part.Release(n)
		return
	}
	h.mu.reserved += n
}

// Release gives n of its bytes back, at most those that it holds.
func (h *Hold) Release(n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n = min(n, h.mu.reserved)
	h.mu.reserved -= n
	h.part.Release(n)
}

// Set makes it hold n bytes, whether there is room or not: of memory that cannot be
// refused any more.
func (h *Hold) Set(n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.mu.closed:
		return
	case n > h.mu.reserved:
		h.part.Charge(n - h.mu.reserved)
	default:
		h.part.Release(h.mu.reserved - n)
	}
	h.mu.reserved = n
}

// Draw uses n bytes of what it holds; what it has not got is charged on top.
func (h *Hold) Draw(n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.drawn += n
	if over := h.mu.drawn - h.mu.reserved; over > 0 && !h.mu.closed {
		h.part.Charge(over)
		h.mu.reserved += over
	}
}

// Return ends the use of n bytes that were drawn. They stay held.
func (h *Hold) Return(n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.drawn -= n
}

// Held returns the bytes that it holds, and how many of them are drawn.
func (h *Hold) Held() (reserved, drawn int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.reserved, h.mu.drawn
}

// Close gives everything back. It may be called again.
func (h *Hold) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.part.Release(h.mu.reserved)
	h.mu.reserved, h.mu.closed = 0, true
}

// Allocator is an allocator of Arrow's whose buffers are drawn from a Hold. It cannot
// refuse: Arrow's allocators return no errors, and a panic in a decoder is no answer
// to a client. So whoever decodes reserves beforehand what the message may take, and
// what exceeds that is charged, where it makes others wait (B1).
type Allocator struct {
	hold *Hold
	from arrow.Allocator
}

// NewAllocator returns an allocator that draws from a Hold and allocates with from.
func NewAllocator(hold *Hold, from arrow.Allocator) *Allocator { return &Allocator{hold, from} }

// Allocate implements arrow's memory.Allocator.
func (a *Allocator) Allocate(size int) []byte {
	a.hold.Draw(int64(size))
	return a.from.Allocate(size)
}

// Reallocate implements arrow's memory.Allocator.
func (a *Allocator) Reallocate(size int, b []byte) []byte {
	a.hold.Draw(int64(size))
	a.hold.Return(int64(len(b)))
	return a.from.Reallocate(size, b)
}

// Free implements arrow's memory.Allocator.
func (a *Allocator) Free(b []byte) {
	a.hold.Return(int64(len(b)))
	a.from.Free(b)
}
