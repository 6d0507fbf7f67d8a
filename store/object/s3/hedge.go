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
	first := make(chan error, 1)
	defer cancel()
	go func() { first <- o.read(ctx, p, off) }()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case err := <-first:
		return err
	case <-timer.C:
	}
	if !b.mayHedge() {
		return <-first
	}
	b.counters.hedges.Add(1)
	copied, second := make([]byte, len(p)), make(chan error, 1)
	hedge, cancelHedge := context.WithCancel(o.life)
	defer cancelHedge()
	go func() { second <- o.read(hedge, copied, off) }()
	select {
	case err := <-first:
		if err == nil {
			cancelHedge()
			<-second
			return nil
		}
		if <-second != nil {
			return err
		}
	case err := <-second:
		if err != nil {
			return <-first
		}
		cancel()
		<-first // until it has stopped to write into p
	}
	b.counters.won.Add(1)
	copy(p, copied)
	return nil
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
