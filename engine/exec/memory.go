package exec

import (
	"sync/atomic"

	"github.com/trellisdb/trellis/engine/plan"
)

// memory counts the bytes that a query's operators hold.
type memory struct {
	limit int64 // 0: none
	used  atomic.Int64
}

// take counts n bytes more, or answers that there is no room for them.
func (m *memory) take(n int64) error {
	used := m.used.Add(n)
	if m.limit > 0 && used > m.limit {
		m.used.Add(-n)
		return plan.Errorf(0, plan.CodeOutOfMemory, "the query needs more than its %d MiB of memory", m.limit>>20).
			WithHint("narrow the time range, group more coarsely, or raise the server's memory per query")
	}
	return nil
}

// give counts n bytes less.
func (m *memory) give(n int64) { m.used.Add(-n) }

// account is the part of a query's memory that one operator holds.
type account struct {
	memory *memory
	held   int64
}

// set makes the operator hold n bytes.
func (a *account) set(n int64) error {
	if n <= a.held {
		a.memory.give(a.held - n)
		a.held = n
		return nil
	}
	if err := a.memory.take(n - a.held); err != nil {
		return err
	}
	a.held = n
	return nil
}

// close makes the operator hold nothing.
func (a *account) close() {
	a.memory.give(a.held)
	a.held = 0
}
