package store

import (
	"context"
	"io"
	"sync"

	"github.com/trellisdb/trellis/store/object"
)

// pipeline runs tasks on several goroutines and yields their results in the order
// in which the tasks were made. At most workers tasks run, and about as many
// results wait, at any time.
type pipeline[T any] struct {
	stop    context.CancelFunc
	stopped func() error        // why the tasks end early, nil if they do not
	results chan chan result[T] // in order of the tasks
	done    sync.WaitGroup
	drop    func(T)
	err     error // what ended it
}

type result[T any] struct {
	value T
	err   error
}

// task is a unit of work of a pipeline.
type task[T any] func(ctx context.Context) (T, error)

// newPipeline starts a pipeline. plan makes the tasks: it calls emit for each,
// which waits for room, and ends when emit returns an error. drop is called for
// results that nobody takes. The pipeline is to be closed.
func newPipeline[T any](ctx context.Context, workers int, drop func(T), plan func(ctx context.Context, emit func(task[T]) error) error) *pipeline[T] {
	ctx, stop := context.WithCancel(ctx)
	p := &pipeline[T]{stop: stop, stopped: ctx.Err, results: make(chan chan result[T], workers), drop: drop}
	free := make(chan struct{}, workers)
	start := func(t task[T]) error {
		slot := make(chan result[T], 1)
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case p.results <- slot:
		case <-ctx.Done():
			<-free
			return ctx.Err()
		}
		p.done.Go(func() {
			value, err := t(ctx)
			slot <- result[T]{value, err}
			<-free
		})
		return nil
	}
	p.done.Go(func() {
		defer close(p.results)
		if err := plan(ctx, start); err != nil {
			slot := make(chan result[T], 1)
			slot <- result[T]{err: err}
			select {
			case p.results <- slot:
			case <-ctx.Done():
			}
		}
	})
	return p
}

// next returns the next result, io.EOF after the last. After an error it returns
// only that.
func (p *pipeline[T]) next(ctx context.Context) (T, error) {
	var zero T
	if p.err != nil {
		return zero, p.err
	}
	var r result[T]
	select {
	case slot, ok := <-p.results:
		if !ok {
			if p.err = p.stopped(); p.err == nil {
				p.err = io.EOF
			}
			return zero, p.err
		}
		select {
		case r = <-slot:
		case <-ctx.Done():
			p.done.Go(func() {
				if r := <-slot; r.err == nil {
					p.drop(r.value)
				}
			})
			r.err = ctx.Err()
		}
	case <-ctx.Done():
		r.err = ctx.Err()
	}
	if p.err = object.NotEnd(r.err); p.err != nil {
		p.stop()
		return zero, p.err
	}
	return r.value, nil
}

// close stops the tasks and waits for them.
func (p *pipeline[T]) close() {
	p.stop()
	for slot := range p.results {
		if r := <-slot; r.err == nil {
			p.drop(r.value)
		}
	}
	p.done.Wait()
	if p.err == nil {
		p.err = io.EOF
	}
}
