package store

import (
	"context"
	"fmt"
	"sync"
	"unsafe"

	arrowmemory "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/memory"
)

// parts are the parts of the server's memory, and what the store holds of them for good.
type parts struct {
	*memory.Parts
	cached *memory.Hold // what the caches hold
}

// newParts returns the parts that are given, or those of no limit.
func newParts(given *memory.Parts) parts {
	if given == nil {
		given = memory.NewParts(memory.Shares{})
	}
	return parts{given, given.Caches.Hold()}
}

// room is what one scan holds on its way to its reader: the results of tasks that run,
// of those that wait, and the batch that the reader is at. Where the query has no memory
// for one more task, the scan goes on with fewer at a time; it fails when there is not
// even room for one.
type room struct {
	memory columnar.Memory // nil: nobody counts
	freed  chan struct{}   // has an entry when something was given back

	mu struct {
		sync.Mutex
		tasks  []int64 // bytes of the tasks that were begun and whose result was not taken
		reader int64   // bytes of the result that the reader is at
		held   int64   // all, with what the scan itself holds
		fixed  int64   // of it, what the scan itself holds
	}
}

func newRoom(m columnar.Memory) *room { return &room{memory: m, freed: make(chan struct{}, 1)} }

// keep takes n bytes that the scan itself holds to its end.
func (r *room) keep(n int64) error {
	if r.memory == nil {
		return nil
	}
	if err := r.memory.Take(n); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.held += n
	r.mu.fixed += n
	return nil
}

// begin takes the n bytes of a task, and waits for those of others.
func (r *room) begin(ctx context.Context, n int64) error {
	if r.memory == nil {
		return nil
	}
	for {
		r.mu.Lock()
		err := r.memory.Take(n)
		if err == nil {
			r.mu.tasks = append(r.mu.tasks, n)
			r.mu.held += n
		}
		alone := r.mu.held == r.mu.fixed
		r.mu.Unlock()
		if err == nil || alone {
			return err
		}
		select {
		case <-r.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// next is called when the reader asks for the next result: he is done with the last.
func (r *room) next() {
	if r.memory == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.give(r.mu.reader)
	r.mu.reader = 0
}

// taken is called when the reader has got the result of the next task.
func (r *room) taken() {
	if r.memory == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.reader += r.mu.tasks[0]
	r.mu.tasks = r.mu.tasks[1:]
}

func (r *room) give(n int64) {
	if n == 0 {
		return
	}
	r.mu.held -= n
	r.memory.Give(n)
	select {
	case r.freed <- struct{}{}:
	default:
	}
}

// pause gives back what tasks took whose results were not taken, when none runs.
func (r *room) pause() {
	if r.memory == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.mu.tasks {
		r.give(n)
	}
	r.mu.tasks = nil
}

// close gives everything back, when no task runs any more.
func (r *room) close() {
	if r.memory == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.give(r.mu.held)
	r.mu.tasks, r.mu.reader, r.mu.fixed = nil, 0, 0
}

// rowWidth returns the bytes that a row of a batch of samples takes, without its text.
func rowWidth(c columnar.Columns) int64 {
	width := int64(4 + 8)
	for bit := columnar.Columns(1); bit <= columnar.ColEditID; bit <<= 1 {
		switch {
		case c&bit == 0:
		case bit == columnar.ColText:
			width += 16 + 4
		case bit == columnar.ColStatus:
			width += 4
		case bit == columnar.ColEdit:
			width++
		default:
			width += 8
		}
	}
	return width
}

// textGrowth is how much larger texts are than their encoded form, at a guess.
const textGrowth = 4

// taskBytes returns about how many bytes a task takes that is to make so many rows of
// so many encoded bytes.
func (s *sampleScan) taskBytes() int64 {
	n := s.rows*rowWidth(s.sel.Columns) + min(s.bytes, readAhead)
	if s.sel.Columns&columnar.ColText != 0 {
		n += textGrowth * s.bytes
	}
	return n
}

// summaryBatchRows is the number of rows that a batch of summaries has at most: their
// rows are wide.
const summaryBatchRows = 1 << 13

// summaryRowBytes is what a row of summaries takes until it is in a batch.
const summaryRowBytes = int64(unsafe.Sizeof(columnar.SummaryRow{}))

// summaryRowPool holds the rows of tasks whose rows have been put into batches: they are
// wide, and a month of ten thousand series has as many of them.
var summaryRowPool = sync.Pool{New: func() any { return new([]columnar.SummaryRow) }}

// pooledRows is the largest number of rows that are kept for another task.
const pooledRows = 1 << 12

// builderPools hold the builders of scans that have ended, by what they build.
var builderPools [int(columnar.AllStats|columnar.StatCover) + 1]sync.Pool

func newBuilder(stats columnar.Stats) *columnar.SummaryBuilder {
	if b, ok := builderPools[stats&(columnar.AllStats|columnar.StatCover)].Get().(*columnar.SummaryBuilder); ok {
		return b
	}
	return columnar.NewSummaryBuilder(arrowmemory.DefaultAllocator, stats)
}

// freeBuilder keeps a builder for another scan, unless it has rows.
func freeBuilder(b *columnar.SummaryBuilder, stats columnar.Stats) {
	if b.Len() > 0 {
		b.Release()
		return
	}
	builderPools[stats&(columnar.AllStats|columnar.StatCover)].Put(b)
}

// builderBytes returns about how many bytes the batches of a scan of summaries take.
func builderBytes(stats columnar.Stats) int64 {
	return 2 * summaryBatchRows * 12 * int64(len(columnar.SummarySchema(stats).Fields()))
}

// headNeed returns how many bytes samples take in the head at most, or about so many
// where they are not in order of time.
func headNeed(samples []columnar.Samples) (n int64) {
	for i := range samples {
		in := &samples[i]
		count := int64(in.Len())
		if count == 0 {
			continue
		}
		each := int64(10)
		if in.Status != nil {
			each += 4
		}
		if in.Void != nil {
			each++
		}
		span := in.Times[count-1] - in.Times[0]
		blocks := min(max(span, -span)/(in.Series.Grid.Nominal()*in.Series.Grid.BlockLen)+2, count)
		perBlock := int64(blockBytes)
		if count/blocks >= wholeMin {
			perBlock += summaryBytes
		}
		n += seriesBytes + count*each + blocks*perBlock
		for _, t := range in.Texts {
			n += 8 + int64(len(t))
		}
	}
	return n
}

// reserveHead takes n bytes for the head; where there is no room now, ok is false. The
// error is about a batch for which there never is.
func (s *Store) reserveHead(n int64) (ok bool, err error) {
	if ok, err = s.memory.Head.Poll(n); err != nil {
		return false, fmt.Errorf("the batch is too large for the server's memory limit, send smaller ones: %w", err)
	}
	return ok, nil
}

// settle counts what the heads hold now, of which so many bytes were reserved. The
// caller holds the state's lock.
func (s *Store) settle(reserved int64) {
	now := s.state.bytes()
	switch more := now - s.state.settled; {
	case more > reserved:
		s.memory.Head.Charge(more - reserved)
	default:
		s.memory.Head.Release(reserved - more)
	}
	s.state.settled = now
}

// What a flush holds: the encoded blocks of tasks that run or wait, the blocks that are
// being encoded, and what the segment's writer knows of those it has.
const (
	bytesPerFlushTask = 1 << 20
	indexBytes        = 200
)

// roomToFlush takes the memory of a flush. It never waits for others, who may wait for
// the flush: up to the part's least there is room, and what exceeds that is charged.
func (s *Store) roomToFlush(ctx context.Context, h *head) (*memory.Hold, error) {
	largest := int64(0)
	for _, hs := range h.series {
		largest = max(largest, hs.series.Grid.BlockLen)
	}
	n := int64(2*s.workers+1)*bytesPerFlushTask + int64(s.workers)*24*largest + indexBytes*int64(h.blocks())
	hold := s.memory.Flush.Hold()
	if most := s.memory.Flush.Most(); most > 0 {
		n = min(n, most)
	}
	err := hold.Reserve(ctx, min(n, s.memory.Flush.Least()))
	if err == nil {
		hold.Set(n)
	}
	return hold, err
}

// countCaches counts what the caches hold.
func (s *Store) countCaches() {
	s.memory.cached.Set(int64(s.indexes.WeightedSize() + s.layouts.WeightedSize()))
}
