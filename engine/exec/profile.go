package exec

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// Profile receives what the operators of one query did. It may be read while the
// query runs. A nil Profile receives nothing.
type Profile struct {
	// Clock returns the time in nanoseconds from any beginning; nil: no times.
	Clock func() int64

	mu      sync.Mutex
	nodes   map[plan.Node]*NodeProfile
	renamed map[plan.Node]plan.Node // the node that runs → the one given to Run
}

// NodeProfile is what one operator did.
type NodeProfile struct {
	Rows  atomic.Int64 // that it passed on
	Nanos atomic.Int64 // in it and in what it reads; of all workers

	Series   atomic.Int64      // that a scan of samples reads
	Counters columnar.Counters // of a scan of samples
}

// Node returns what the operator of a node did, nil where it did not run. The node
// is the one that was given to Run.
func (p *Profile) Node(n plan.Node) *NodeProfile {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nodes[n]
}

// of returns the profile of a node, which it makes if need be.
func (p *Profile) of(n plan.Node) *NodeProfile {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nodes == nil {
		p.nodes = map[plan.Node]*NodeProfile{}
	}
	if given, ok := p.renamed[n]; ok {
		n = given
	}
	np, ok := p.nodes[n]
	if !ok {
		np = &NodeProfile{}
		p.nodes[n] = np
	}
	return np
}

// rename makes the profile name the nodes of a plan as those of another one of the
// same shape.
func (p *Profile) rename(running, given plan.Node) {
	if p == nil || running == given {
		return
	}
	p.mu.Lock()
	if p.renamed == nil {
		p.renamed = map[plan.Node]plan.Node{}
	}
	p.renamed[running] = given
	p.mu.Unlock()
	from := given.Inputs()
	for i, in := range running.Inputs() {
		p.rename(in, from[i])
	}
}

// counters returns the counters of a scan; nil where nobody asks.
func (p *Profile) counters(n *plan.Scan) *columnar.Counters {
	if p == nil {
		return nil
	}
	return &p.of(n).Counters
}

// watch returns the stream of a node's rows, watched if there is a profile.
func (p *Profile) watch(n plan.Node, s columnar.Stream) columnar.Stream {
	if p == nil || s == nil {
		return s
	}
	return &watched{Stream: s, profile: p.of(n), clock: p.Clock}
}

// watched counts the rows that a stream yields and the time that it takes.
type watched struct {
	columnar.Stream
	profile *NodeProfile
	clock   func() int64
}

// Next implements columnar.Stream.
func (w *watched) Next(ctx context.Context) (arrow.RecordBatch, error) {
	start := int64(0)
	if w.clock != nil {
		start = w.clock()
	}
	b, err := w.Stream.Next(ctx)
	if w.clock != nil {
		w.profile.Nanos.Add(w.clock() - start)
	}
	if err == nil {
		w.profile.Rows.Add(b.NumRows())
	}
	return b, err
}
