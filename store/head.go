package store

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/store/wal"
)

// head is the samples that are not in a segment yet. It is guarded by the store's
// lock while it is written to; once frozen it does not change.
type head struct {
	series  map[int64]*headSeries
	bytes   int64       // memory that it takes, about
	samples int64       // samples written to it, those written over included
	log     uint64      // log position up to which it holds everything
	since   int64       // instant of its first write
	latest  *headSeries // what was written to last; nil: nothing

	// Of a frozen head, how far its flush got; they belong to the flush.
	change *change // its segments are in the bucket
}

// headSeries is the blocks of one series in order of their number.
type headSeries struct {
	series columnar.Series
	blocks []*headBlock
	after  *headSeries // what was written to after it the last time; nil: nothing
}

// headBlock is what was written to one block.
//
// What it refers to is only ever appended to, never changed in place: a copy of a
// headBlock is a view of the block as it was (R3).
type headBlock struct {
	number int64
	whole  *wholeBlock // the whole block in encoded form, written before the samples below
	index  []uint16    // slot indexes of samples in the order of writing

	// The values of those samples in the series' kind, and their properties.
	floats []float64
	ints   []int64
	texts  []string
	status []columnar.Status // nil: all good
	void   []bool            // nil: all have a value

	// Of an edit under way:
	cleared bool     // all samples are taken away before those below are written
	ops     []slotOp // what is done to the slots of index; nil: all are written
}

// wholeBlock is a block of which every slot was written at once.
type wholeBlock struct {
	encoded   []byte
	summaries columnar.Summaries
}

// What parts of the head take in memory, about.
const (
	seriesBytes  = 168
	blockBytes   = 240
	summaryBytes = 320
)

func newHead() *head { return &head{series: make(map[int64]*headSeries)} }

func (h *head) empty() bool { return len(h.series) == 0 }

// blocks returns the number of blocks in the head.
func (h *head) blocks() (n int) {
	for _, hs := range h.series {
		n += len(hs.blocks)
	}
	return n
}

// at returns the series' entry, which it makes if need be. Batches of many series
// mostly have them in the same order: what was written to after the series before the
// last time spares a look into the map.
func (h *head) at(s columnar.Series) *headSeries {
	before := h.latest
	if before != nil {
		if before.series.ID == s.ID {
			return before
		}
		if next := before.after; next != nil && next.series.ID == s.ID {
			h.latest = next
			return next
		}
	}
	hs := h.series[s.ID]
	if hs == nil {
		hs = &headSeries{series: s}
		h.series[s.ID] = hs
		h.bytes += seriesBytes
	}
	if before != nil {
		before.after = hs
	}
	h.latest = hs
	return hs
}

// block returns the block of that number, which it makes if need be.
func (h *head) block(hs *headSeries, number int64) *headBlock {
	n := len(hs.blocks)
	if n > 0 && hs.blocks[n-1].number == number {
		return hs.blocks[n-1]
	}
	i := n
	if n > 0 && hs.blocks[n-1].number > number {
		var found bool
		if i, found = hs.find(number); found {
			return hs.blocks[i]
		}
	}
	b := &headBlock{number: number}
	hs.blocks = slices.Insert(hs.blocks, i, b)
	h.bytes += blockBytes
	return b
}

// find returns the position of the block of that number, or of the first after
// it.
func (hs *headSeries) find(number int64) (int, bool) {
	return slices.BinarySearchFunc(hs.blocks, number, func(b *headBlock, n int64) int { return cmp.Compare(b.number, n) })
}

// views appends views of the blocks [from, to) to dst.
func (hs *headSeries) views(dst []headBlock, from, to int64) []headBlock {
	i, _ := hs.find(from)
	for ; i < len(hs.blocks) && hs.blocks[i].number < to; i++ {
		dst = append(dst, *hs.blocks[i])
	}
	return dst
}

// setWhole replaces a block by its encoded form.
func (h *head) setWhole(s columnar.Series, number int64, w *wholeBlock) {
	b := h.block(h.at(s), number)
	h.bytes += int64(len(w.encoded)) + summaryBytes - b.size()
	h.samples += s.Grid.BlockLen
	*b = headBlock{number: number, whole: w}
}

// size returns the memory that the block's contents take, about.
func (b *headBlock) size() int64 {
	n := 10*int64(len(b.index)) + 4*int64(len(b.status)) + int64(len(b.void))
	for _, t := range b.texts {
		n += 8 + int64(len(t))
	}
	if b.whole != nil {
		n += int64(len(b.whole.encoded)) + summaryBytes
	}
	return n
}

// write writes the samples of an entry of the log.
func (h *head) write(s columnar.Series, e *wal.Entry) {
	hs := h.at(s)
	n := len(e.Slots)
	h.samples += int64(n)
	for from := 0; from < n; {
		number := s.Grid.Block(e.Slots[from])
		first := s.Grid.BlockSlot(number)
		to := from + 1
		for to < n && e.Slots[to] >= first && e.Slots[to]-first < s.Grid.BlockLen {
			to++
		}
		h.bytes += h.block(hs, number).write(first, e, from, to)
		from = to
	}
}

// fewSamples is the room that a block is made with.
const fewSamples = 8

// write writes the samples [from, to) of an entry to the block, whose first slot
// is given, and returns the memory that they take.
func (b *headBlock) write(first int64, e *wal.Entry, from, to int) (bytes int64) {
	before, n := len(b.index), to-from
	if before == 0 && n < fewSamples { // more will follow, one by one
		b.index = make([]uint16, 0, fewSamples)
		if e.Kind == columnar.Floats {
			b.floats = make([]float64, 0, fewSamples)
		}
	}
	for _, s := range e.Slots[from:to] {
		b.index = append(b.index, uint16(s-first))
	}
	bytes = 10 * int64(n)
	switch e.Kind {
	case columnar.Floats:
		b.floats = append(b.floats, e.Floats[from:to]...)
	case columnar.Ints:
		b.ints = append(b.ints, e.Ints[from:to]...)
	default:
		for _, t := range e.Texts[from:to] {
			b.texts = append(b.texts, strings.Clone(t)) // the caller's memory may be used again
			bytes += 8 + int64(len(t))
		}
	}
	if b.ops != nil {
		b.ops = append(b.ops, slices.Repeat([]slotOp{opWrite}, n)...)
	}
	switch {
	case e.Status != nil && b.status == nil && before > 0:
		b.status = make([]columnar.Status, before, before+n)
		fallthrough
	case e.Status != nil:
		b.status = append(b.status, e.Status[from:to]...)
		bytes += 4 * int64(n)
	case b.status != nil:
		b.status = append(b.status, make([]columnar.Status, n)...)
	}
	if e.Void != nil || b.void != nil {
		if b.void == nil {
			b.void = make([]bool, before, before+n)
		}
		for i := from; i < to; i++ {
			b.void = append(b.void, e.Void != nil && e.Void.Has(i))
		}
		bytes += int64(n)
	}
	return bytes
}

// covers reports whether the block needs no base.
func (b *headBlock) covers(blockLen int64) bool {
	if b.whole != nil {
		return true
	}
	if int64(len(b.index)) < blockLen {
		return false
	}
	written := columnar.NewBitmap(int(blockLen))
	for _, i := range b.index {
		written.Set(int(i))
	}
	return written.Count() == int(blockLen)
}

// merge returns the block with what was written on top of base, which may be nil.
// It keeps nothing of base that it changes. A write over an edited sample takes
// the edit's mark away.
func (b *headBlock) merge(s columnar.Series, base *columnar.Block) *columnar.Block {
	n := int(s.Grid.BlockLen)
	if len(b.index) == 0 && base != nil {
		return base
	}
	m := &columnar.Block{First: s.Grid.BlockSlot(b.number), Len: n, Kind: s.Type.Kind()}
	if base == nil {
		base = &columnar.Block{Present: columnar.NewBitmap(n)}
	}
	m.Present, m.Void, m.Status = slices.Clone(base.Present), slices.Clone(base.Void), slices.Clone(base.Status)
	m.Marks, m.Edits = slices.Clone(base.Marks), slices.Clone(base.Edits)
	switch m.Kind {
	case columnar.Floats:
		m.Floats = overwrite(base.Floats, n, b.index, b.floats)
	case columnar.Ints:
		m.Ints = overwrite(base.Ints, n, b.index, b.ints)
	default:
		m.Texts = overwrite(base.Texts, n, b.index, b.texts)
	}
	if b.status != nil || m.Status != nil {
		statuses := b.status
		if statuses == nil {
			statuses = make([]columnar.Status, len(b.index))
		}
		m.Status = overwrite(m.Status, n, b.index, statuses)
	}
	if m.Void == nil && b.void != nil {
		m.Void = columnar.NewBitmap(n)
	}
	b.mergeBitmaps(m)
	return m
}

// overwrite returns n values: those of base, or zeros where it is nil, with
// values written over them at index.
func overwrite[T any](base []T, n int, index []uint16, values []T) []T {
	merged := make([]T, n)
	copy(merged, base)
	for k, i := range index {
		merged[i] = values[k]
	}
	return merged
}

// mergeBitmaps writes presence, voids and marks, and leaves out what is trivial.
func (b *headBlock) mergeBitmaps(m *columnar.Block) {
	for k, i := range b.index {
		if m.Present != nil {
			m.Present.Set(int(i))
		}
		if m.Void != nil {
			if m.Void.Clear(int(i)); b.void != nil && b.void[k] {
				m.Void.Set(int(i))
			}
		}
		if m.Marks != nil {
			m.Marks[i], m.Edits[i] = columnar.Unedited, 0
		}
	}
	if m.Present != nil && m.Present.Count() == m.Len {
		m.Present = nil
	}
	if m.Void != nil && m.Void.Count() == 0 {
		m.Void = nil
	}
	if !slices.ContainsFunc(m.Status, func(s columnar.Status) bool { return s != columnar.StatusGood }) {
		m.Status = nil
	}
}

// storable reports whether v is a value that a good sample may have (C2).
func storable(v float64) bool { return math.Abs(v) <= columnar.MaxMagnitude }
