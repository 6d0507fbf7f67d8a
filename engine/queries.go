package engine

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sort"
	"sync"
	"sync/atomic"
)

// registry holds the statements that are running.
type registry struct {
	next    atomic.Int64
	running sync.Map // int64 → *running
}

// running is one statement that is being run.
type running struct {
	id      int64
	user    string
	text    string
	started int64
	rows    atomic.Int64
	cancel  context.CancelCauseFunc
}

// begin enters a statement; the context it returns ends with the statement.
func (r *registry) begin(ctx context.Context, user, text string, now int64) (context.Context, *running) {
	ctx, cancel := context.WithCancelCause(ctx)
	q := &running{id: r.next.Add(1), user: user, text: text, started: now, cancel: cancel}
	r.running.Store(q.id, q)
	return ctx, q
}

// end removes a statement.
func (r *registry) end(q *running) {
	r.running.Delete(q.id)
	q.cancel(nil)
}

// list returns the running statements in order of their start.
func (r *registry) list() []*running {
	var out []*running
	r.running.Range(func(_, v any) bool {
		out = append(out, v.(*running))
		return true
	})
	sort.Slice(out, func(i, j int) bool { return out[i].id < out[j].id })
	return out
}

// recoverInto turns a panic of the calling function into an internal error (N3).
func recoverInto(err *error, logger *slog.Logger) {
	if p := recover(); p != nil {
		logger.Error("a statement hit a bug", "panic", p, "stack", string(debug.Stack()))
		*err = fmt.Errorf("internal error: %v", p)
	}
}
