package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
	"github.com/trellisdb/trellis/store/wal"
)

// wholeMin is the least block length for which blocks that come whole are encoded
// at once. Shorter ones go through the head as samples.
const wholeMin = 32

// parallelBlocks is the number of whole blocks from which on a batch is encoded
// on several cores.
const parallelBlocks = 8

// Append writes samples. When it returns nil they are durable and visible, all of
// them at once for queries that begin later. Where a slot is written twice the
// later one wins, also within a batch.
//
// Nothing was written where it returns an error; if that is not about the samples
// themselves, it may be tried again. While the head is full Append waits for a
// flush. The slices are not kept.
func (s *Store) Append(ctx context.Context, samples []columnar.Samples) error {
	for i := range samples {
		if err := check(&samples[i]); err != nil {
			return err
		}
	}
	reserved := headNeed(samples)
	if err := s.waitForRoom(ctx, reserved); err != nil {
		return err
	}
	applied := false
	defer func() {
		if !applied {
			s.memory.Head.Release(reserved)
		}
	}()
	s.appending.RLock()
	defer s.appending.RUnlock()
	if err := s.refusal(); err != nil {
		return err
	}
	b := batches.Get().(*batch)
	defer b.free()
	if err := b.prepare(ctx, s, samples); err != nil {
		return err
	}
	if len(b.writes) == 0 {
		return nil
	}
	b.record = wal.AppendRecord(b.record[:0])
	for i := range b.writes {
		b.record = wal.AppendEntry(b.record, &b.writes[i].entry)
	}
	if len(b.record) > wal.MaxRecord {
		return fmt.Errorf("a batch of %d bytes: write at most %d at once", len(b.record), wal.MaxRecord)
	}
	err := s.log.Append(b.record, func(end uint64) {
		applied = true
		s.apply(b.writes, end, reserved)
	})
	if err == nil {
		err = s.noteConflict(s.logUnmoved()) // it may have been written to a file that is no more
	}
	if err != nil {
		return err
	}
	if s.full(1) {
		s.kick()
	}
	return nil
}

// apply makes what is durable visible. So many bytes were reserved for it.
func (s *Store) apply(writes []write, end uint64, reserved int64) {
	s.state.Lock()
	defer s.state.Unlock()
	defer s.settle(reserved)
	h := s.state.active
	if h.empty() {
		h.since = s.clock()
	}
	for i := range writes {
		w := &writes[i]
		if w.whole != nil {
			h.setWhole(w.series, w.entry.Block, w.whole)
		} else {
			h.write(w.series, &w.entry)
		}
	}
	h.log = end
}

// check reports samples that break the contract of columnar.Samples or the
// invariants C1 and C2.
func check(s *columnar.Samples) error {
	fail := func(i int, format string, args ...any) error {
		return fmt.Errorf("series %d: sample %d: %s", s.Series.ID, i, fmt.Sprintf(format, args...))
	}
	n := s.Len()
	values := [...]int{columnar.Floats: len(s.Floats), columnar.Ints: len(s.Ints), columnar.Texts: len(s.Texts)}[s.Series.Type.Kind()]
	switch {
	case s.Series.ID <= 0 || !s.Series.Type.Valid():
		return fmt.Errorf("series %d of type %v: not a series of the catalog", s.Series.ID, s.Series.Type)
	case values != n || s.Status != nil && len(s.Status) != n || s.Void != nil && len(s.Void) < (n+63)/64:
		return fmt.Errorf("series %d: %d times, %d values of type %v, %d statuses", s.Series.ID, n, values, s.Series.Type, len(s.Status))
	}
	if err := s.Series.Grid.Validate(); err != nil {
		return fmt.Errorf("series %d: %w", s.Series.ID, err)
	}
	for i, t := range s.Times {
		if t < columnar.MinTime || t >= columnar.MaxTime {
			return fail(i, "instant %d is outside the years 1 to 9999", t)
		}
	}
	for i, v := range s.Floats {
		if !storable(v) && (s.Void == nil || !s.Void.Has(i)) {
			return fail(i, "value %v is not a number of at most 2^500 in size", v)
		}
	}
	if s.Void == nil {
		return nil
	}
	for i := s.Void.Next(0, n); i < n; i = s.Void.Next(i+1, n) {
		if s.Status == nil || s.Status[i].Quality() != columnar.Bad {
			return fail(i, "it has no value and is not bad")
		}
	}
	return nil
}

// batch is the scratch space of one Append.
type batch struct {
	writes []write
	slots  []int64
	record []byte
	edit   int64 // whose marks whole blocks get; 0: none
}

// write is an entry of the log and what goes to the head in its stead.
type write struct {
	series columnar.Series
	entry  wal.Entry
	whole  *wholeBlock
	source *columnar.Block // what is to be encoded, until it is
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// maxScratch bounds the memory that a batch keeps for the next.
const maxScratch = 1 << 20

func (b *batch) free() {
	clear(b.writes)
	b.writes, b.edit = b.writes[:0], 0
	if cap(b.slots) > maxScratch/8 {
		b.slots = nil
	}
	if cap(b.record) > maxScratch {
		b.record = nil
	}
	batches.Put(b)
}

// prepare turns samples into writes: the blocks that are whole, encoded, and the
// rest.
func (b *batch) prepare(ctx context.Context, s *Store, samples []columnar.Samples) error {
	total := 0
	for i := range samples {
		total += samples[i].Len()
	}
	if cap(b.slots) < total {
		b.slots = make([]int64, total)
	}
	slots, blocks := b.slots[:total], 0
	for i := range samples {
		in := &samples[i]
		n := in.Len()
		if n == 0 {
			continue
		}
		run := fillSlots(slots[:n], in)
		from := 0
		if g := in.Series.Grid; run && g.BlockLen >= wholeMin && int64(n) >= g.BlockLen {
			first := g.BlockSlot(g.Block(slots[0]+g.BlockLen-1)) - slots[0] // index of the first block's begin
			for at := int(first); at+int(g.BlockLen) <= n; at += int(g.BlockLen) {
				b.addSamples(in, slots, from, at)
				b.addBlock(in, slots, at)
				blocks++
				from = at + int(g.BlockLen)
			}
		}
		b.addSamples(in, slots, from, n)
		slots = slots[n:]
	}
	if blocks == 0 {
		return nil
	}
	return b.encode(ctx, s, blocks)
}

// fillSlots computes the samples' slots and reports whether they are consecutive.
func fillSlots(slots []int64, in *columnar.Samples) (run bool) {
	g := in.Series.Grid
	run = true
	var slot, end int64 // of the sample before: its slot, and where that ends
	for i, t := range in.Times {
		if i > 0 && t >= end && t-end < g.Period { // as it mostly is; spares a division
			slot, end = slot+1, end+g.Period
		} else if next := g.Slot(t); i > 0 && next == slot+1 { // of a calendar
			slot, end = next, g.Time(next+1)
		} else {
			slot = next
			end = g.Time(slot + 1)
			run = run && i == 0
		}
		slots[i] = slot
	}
	return run
}

// addSamples adds a write of the samples [from, to), if there are any.
func (b *batch) addSamples(in *columnar.Samples, slots []int64, from, to int) {
	if from == to {
		return
	}
	e := wal.Entry{Series: in.Series.ID, Kind: in.Series.Type.Kind(), Slots: slots[from:to]}
	switch e.Kind {
	case columnar.Floats:
		e.Floats = in.Floats[from:to]
	case columnar.Ints:
		e.Ints = in.Ints[from:to]
	default:
		e.Texts = in.Texts[from:to]
	}
	if in.Status != nil {
		e.Status = in.Status[from:to]
	}
	e.Void = in.Void
	if in.Void != nil && (from > 0 || to < in.Len()) {
		e.Void = sliceBits(in.Void, from, to)
	}
	if e.Void != nil {
		e.Floats, e.Ints, e.Texts = zeroed(e.Floats, e.Void), zeroed(e.Ints, e.Void), zeroed(e.Texts, e.Void)
	}
	b.writes = append(b.writes, write{series: in.Series, entry: e})
}

// zeroed returns values with the zero value where there is none, so that what
// callers leave there, such as NaN, goes no further.
func zeroed[T any](values []T, void columnar.Bitmap) []T {
	clean := slices.Clone(values)
	var zero T
	for i := void.Next(0, len(clean)); i < len(clean); i = void.Next(i+1, len(clean)) {
		clean[i] = zero
	}
	return clean
}

// sliceBits returns the bits [from, to), or nil where none is set.
func sliceBits(b columnar.Bitmap, from, to int) columnar.Bitmap {
	if b.CountRange(from, to) == 0 {
		return nil
	}
	part := columnar.NewBitmap(to - from)
	for i := b.Next(from, to); i < to; i = b.Next(i+1, to) {
		part.Set(i - from)
	}
	return part
}

// addBlock adds a write of the whole block whose first sample is number at.
func (b *batch) addBlock(in *columnar.Samples, slots []int64, at int) {
	b.addSamples(in, slots, at, at+int(in.Series.Grid.BlockLen))
	w := &b.writes[len(b.writes)-1]
	e := w.entry
	w.source = &columnar.Block{
		First: e.Slots[0], Len: len(e.Slots), Kind: e.Kind,
		Floats: e.Floats, Ints: e.Ints, Texts: e.Texts, Status: e.Status, Void: e.Void,
	}
	if b.edit != 0 {
		w.source.Marks = slices.Repeat([]columnar.Mark{columnar.Inserted}, w.source.Len)
		w.source.Edits = slices.Repeat([]int64{b.edit}, w.source.Len)
	}
	w.entry = wal.Entry{Series: e.Series, Block: in.Series.Grid.Block(e.Slots[0])}
}

// encode encodes the whole blocks, of which there are so many.
func (b *batch) encode(ctx context.Context, s *Store, blocks int) error {
	codecs := b.codecs(ctx, s)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(1)
	if blocks >= parallelBlocks {
		group.SetLimit(s.workers)
	}
	for i := range b.writes {
		if w := &b.writes[i]; w.source != nil {
			group.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				return w.encode(codecs(w.series.ID))
			})
		}
	}
	return group.Wait()
}

// codecs returns a function that tells the codecs of the series. The catalog is asked only
// about those that are new; while it cannot be reached, samples are taken all the same.
func (b *batch) codecs(ctx context.Context, s *Store) func(id int64) codec.Codec {
	last := s.known.last()
	for i := range b.writes {
		if last[b.writes[i].series.ID] == nil {
			if asked, err := s.codecs(ctx); err == nil {
				return asked
			}
			break
		}
	}
	return codecOf(last)
}

func (w *write) encode(c codec.Codec) error {
	encoded, err := columnar.AppendBlock(nil, w.source, c, w.series)
	if err != nil {
		return err
	}
	w.entry.Encoded = encoded
	w.whole = &wholeBlock{encoded: encoded, summaries: columnar.SummarizeAll(w.source)}
	w.source = nil
	return nil
}

// errFull is the answer to an Append while the head is full and flushing it does
// not succeed.
var errFull = errors.New("too many samples wait to be flushed")

// refusal says why nothing can be written any more, nil if it can.
func (s *Store) refusal() error {
	s.state.RLock()
	defer s.state.RUnlock()
	return s.state.err
}

// waitForRoom returns when the head has room for so many bytes, which it reserves.
func (s *Store) waitForRoom(ctx context.Context, bytes int64) error {
	for {
		s.state.RLock()
		err, changed := s.state.err, s.state.changed
		room := s.state.bytes() < 2*s.headBytes
		flushErr := s.state.flushErr
		s.state.RUnlock()
		switch {
		case err != nil:
			return err
		case room:
			if ok, err := s.reserveHead(bytes); ok || err != nil {
				return err
			}
		}
		if flushErr != nil {
			return fmt.Errorf("%w: %w", errFull, flushErr)
		}
		s.kick()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errFull, ctx.Err())
		}
	}
}
