package s3

import (
	"context"
	"sync"
	"time"
)

// Limits of hedging.
const (
	freeHedges  = 16                    // hedges that are sent in any case
	hedgeShare  = 10                    // beyond those, one in so many reads at most
	leastHedge  = 10 * time.Millisecond // of a derived delay
	latencyWarm = 64                    // reads before a delay is derived
	largestRead = 1 << 20               // bytes of a read whose time says something about latency
)

// hedged reads, and reads a second time into memory of its own when the first is late.
// The first answer counts. No request is left when it returns.
func (o *openObject) hedged(p []byte, off int64) error {
	b := o.bucket
	delay, on := b.hedgeDelay()
	defer b.measure(len(p))()
	if !on {
		return o.read(o.life, p, off)
	}
	ctx, cancel := context.WithCancel(o.life)
	defer cancel()
	first := begin(func() error { return o.read(ctx, p, off) })
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-first.done:
		return first.err
	case <-timer.C:
	}
	if !b.mayHedge() {
		<-first.done
		return first.err
	}
	b.counters.hedges.Add(1)
	copied := make([]byte, len(p))
	hedge, cancelHedge := context.WithCancel(o.life)
	defer cancelHedge()
	second := begin(func() error { return o.read(hedge, copied, off) })
	select {
	case <-first.done:
		if first.err == nil {
			cancelHedge()
		}
	case <-second.done:
		if second.err == nil {
			cancel()
		}
	}
	<-first.done // so that it writes into p no more
	<-second.done
	if first.err == nil || second.err != nil {
		return first.err
	}
	b.counters.won.Add(1)
	copy(p, copied)
	return nil
}

// pending is work on another goroutine. Its error is there when done is closed.
type pending struct {
	done chan struct{}
	err  error
}

func begin(work func() error) *pending {
	p := &pending{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = work()
	}()
	return p
}

// mayHedge keeps hedges a small part of all reads, so that an endpoint which is slow
// because it has too much to do does not get twice as much.
func (b *Bucket) mayHedge() bool {
	return b.counters.hedges.Load() < freeHedges+b.counters.requests[Get].Load()/hedgeShare
}

// hedgeDelay returns how late a read may be, and whether reads are hedged.
func (b *Bucket) hedgeDelay() (time.Duration, bool) {
	if b.opts.Hedge != 0 {
		return b.opts.Hedge, b.opts.Hedge > 0
	}
	return b.latency.delay()
}

// measure begins to measure a read of so many bytes; what it returns ends that.
func (b *Bucket) measure(bytes int) func() {
	if b.opts.Now == nil || b.opts.Hedge != 0 || bytes > largestRead {
		return func() {}
	}
	begin := b.opts.Now()
	return func() { b.latency.add(b.opts.Now().Sub(begin)) }
}

// latency follows the 95th percentile of the time that reads take: an estimate that
// goes up by 19 steps for a read that took longer, down by one for another, and so
// rests where those are as many.
type latency struct {
	mu struct {
		sync.Mutex
		reads    int
		estimate float64 // ns
	}
}

// latencyStep is how much of itself the estimate moves in a step.
const latencyStep = 0.01

func (l *latency) add(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.reads++
	switch sample := float64(max(took, time.Microsecond)); {
	case l.mu.reads == 1:
		l.mu.estimate = 2 * sample
	case sample > l.mu.estimate:
		l.mu.estimate *= 1 + 19*latencyStep
	default:
		l.mu.estimate *= 1 - latencyStep
	}
}

// delay returns the estimate, once there are enough reads for one.
func (l *latency) delay() (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(time.Duration(l.mu.estimate), leastHedge), l.mu.reads >= latencyWarm
}
