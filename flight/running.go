package flight

import (
	"context"
	"fmt"
	"sync"
)

// errCancelled ends the runs of a ticket that its owner has cancelled.
var errCancelled = fmt.Errorf("the statement was cancelled by its client: %w", context.Canceled)

// running holds the runs of tickets, so that they can be cancelled.
type running struct {
	mu   sync.Mutex
	byID map[string]map[*context.CancelCauseFunc]struct{}
}

// add enters a run; the function that it returns removes it.
func (r *running) add(id string, cancel context.CancelCauseFunc) (remove func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID == nil {
		r.byID = map[string]map[*context.CancelCauseFunc]struct{}{}
	}
	if r.byID[id] == nil {
		r.byID[id] = map[*context.CancelCauseFunc]struct{}{}
	}
	r.byID[id][&cancel] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.byID[id], &cancel)
		if len(r.byID[id]) == 0 {
			delete(r.byID, id)
		}
	}
}

// cancel ends the runs of a ticket and reports how many there were.
func (r *running) cancel(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for cancel := range r.byID[id] {
		(*cancel)(errCancelled)
	}
	return len(r.byID[id])
}
