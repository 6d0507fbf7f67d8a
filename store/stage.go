package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/columnar/segment"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/wal"
)

// stage holds what an edit under way was given. What does not fit in memory is
// spilled to segments in a local directory, whose blocks are overlays; the later a
// spill, the later what it holds was given. It is used by one goroutine.
type stage struct {
	store  *Store
	edit   int64
	head   *head
	hold   *memory.Hold // what head takes
	limit  int64        // memory from which on it spills
	spills []*liveSegment
	bucket object.Bucket // of the spills; nil before the first
}

func (s *Store) newStage(edit int64) *stage {
	return &stage{store: s, edit: edit, head: newHead(), hold: s.memory.Ingest.Hold(), limit: max(s.headBytes/2, 1)}
}

// put takes in what an edit writes.
func (g *stage) put(ctx context.Context, writes []write) error {
	for i := range writes {
		if w := &writes[i]; w.whole != nil {
			g.head.setWhole(w.series, w.entry.Block, w.whole)
		} else {
			g.head.write(w.series, &w.entry)
		}
	}
	return g.spillIfFull(ctx)
}

// operate does the same to the slots of a series, which are in order: opStatus
// with a status each, or opDelete.
func (g *stage) operate(ctx context.Context, s columnar.Series, op slotOp, slots []int64, status []columnar.Status) error {
	hs := g.head.at(s)
	for from := 0; from < len(slots); {
		number := s.Grid.Block(slots[from])
		first := s.Grid.BlockSlot(number)
		to := from + 1
		for to < len(slots) && slots[to]-first < s.Grid.BlockLen {
			to++
		}
		var of []columnar.Status
		if status != nil {
			of = status[from:to]
		}
		g.head.bytes += g.head.block(hs, number).operate(s, first, op, slots[from:to], of)
		from = to
	}
	g.head.samples += int64(len(slots))
	return g.spillIfFull(ctx)
}

// operate adds operations on slots of the block.
func (b *headBlock) operate(s columnar.Series, first int64, op slotOp, slots []int64, status []columnar.Status) (bytes int64) {
	n := len(slots)
	e := wal.Entry{Kind: s.Type.Kind(), Slots: slots, Status: status}
	switch e.Kind {
	case columnar.Floats:
		e.Floats = make([]float64, n)
	case columnar.Ints:
		e.Ints = make([]int64, n)
	default:
		e.Texts = make([]string, n)
	}
	before := len(b.index)
	bytes = b.write(first, &e, 0, n)
	if b.ops == nil {
		b.ops = slices.Repeat([]slotOp{opWrite}, before+n)
	}
	for i := range b.ops[before:] {
		b.ops[before+i] = op
	}
	return bytes + int64(n)
}

// clear takes all samples of a block away.
func (g *stage) clear(s columnar.Series, number int64) {
	b := g.head.block(g.head.at(s), number)
	g.head.bytes -= b.size()
	*b = headBlock{number: number, cleared: true}
}

// spillIfFull spills what is held when it is too much.
func (g *stage) spillIfFull(ctx context.Context) error {
	g.hold.Set(g.head.bytes)
	if g.head.bytes < g.limit {
		return nil
	}
	return g.spill(ctx)
}

// spill writes what is held to a segment of overlays.
func (g *stage) spill(ctx context.Context) (err error) {
	if g.bucket == nil {
		if g.bucket, err = g.store.openStage(g.store.stageDir); err != nil {
			return err
		}
	}
	codecs, err := g.store.codecs(ctx)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("edit-%d-%d", g.edit, len(g.spills))
	var info segment.Info
	_, err = g.bucket.Put(ctx, name, object.Always, func(w io.Writer) error {
		out := segment.NewWriter(w)
		for _, id := range slices.Sorted(maps.Keys(g.head.series)) {
			hs := g.head.series[id]
			for _, b := range hs.blocks {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := g.spillBlock(out, hs.series, b, codecs(id)); err != nil {
					return err
				}
			}
		}
		info, err = out.Finish()
		return err
	})
	if err != nil {
		return fmt.Errorf("edit %d: %w", g.edit, err)
	}
	spilled := &liveSegment{meta: meta.Segment{Name: name, Size: info.Size}, bucket: g.bucket}
	spilled.refs.Store(1)
	g.spills = append(g.spills, spilled)
	g.head = newHead()
	g.hold.Set(0)
	return nil
}

// spillBlock writes the overlay of a block.
func (g *stage) spillBlock(out *segment.Writer, s columnar.Series, b *headBlock, c codec.Codec) error {
	if b.plainWhole() {
		return out.AddEncoded(s, b.number, b.whole.encoded, &b.whole.summaries)
	}
	below, err := b.wholeBlock(s)
	if err != nil {
		return err
	}
	o := b.overlay(s, below, g.edit)
	return out.Add(s, &o.Block, c)
}

// plainWhole reports whether the block is what was written at once and nothing
// else.
func (b *headBlock) plainWhole() bool { return b.whole != nil && len(b.index) == 0 }

// wholeBlock decodes the block that was written at once, nil where none was.
func (b *headBlock) wholeBlock(s columnar.Series) (*columnar.Block, error) {
	if b.whole == nil {
		return nil, nil
	}
	var whole columnar.Block
	err := columnar.DecodeBlock(&whole, b.whole.encoded, s, b.number, columnar.AllParts)
	return &whole, err
}

// series returns the series that are touched, by id.
func (g *stage) series(ctx context.Context) ([]columnar.Series, error) {
	byID := make(map[int64]columnar.Series)
	for _, hs := range g.head.series {
		byID[hs.series.ID] = hs.series
	}
	for _, spilled := range g.spills {
		reader, err := spilled.open(ctx)
		if err != nil {
			return nil, err
		}
		for _, info := range reader.Series() {
			byID[info.ID] = info.Series
		}
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b columnar.Series) int { return cmp.Compare(a.ID, b.ID) }), nil
}

// staged is what a stage holds of one block: its overlays in spills, in the order
// in which they were given, and then what is in memory.
type staged struct {
	number int64
	spills []place
	held   *headBlock
}

// blocks returns what is held of a series, block by block.
func (g *stage) blocks(ctx context.Context, series int64) ([]staged, error) {
	byNumber := make(map[int64]*staged)
	of := func(number int64) *staged {
		b := byNumber[number]
		if b == nil {
			b = &staged{number: number}
			byNumber[number] = b
		}
		return b
	}
	for _, spilled := range g.spills {
		x, err := g.store.index(ctx, spilled, series)
		if err != nil {
			return nil, err
		}
		for i := 0; x != nil && i < x.Len(); i++ {
			b := of(x.Block(i))
			b.spills = append(b.spills, place{spilled, x, i, i + 1})
		}
	}
	if hs := g.head.series[series]; hs != nil {
		for _, held := range hs.blocks {
			of(held.number).held = held
		}
	}
	list := make([]staged, 0, len(byNumber))
	for _, number := range slices.Sorted(maps.Keys(byNumber)) {
		list = append(list, *byNumber[number])
	}
	return list, nil
}

// close removes the spills.
func (g *stage) close(ctx context.Context) error {
	var err error
	for _, spilled := range g.spills {
		spilled.release()
		err = errors.Join(err, g.bucket.Delete(context.WithoutCancel(ctx), spilled.meta.Name))
	}
	g.spills, g.head = nil, newHead()
	g.hold.Close()
	return err
}

// sweepStage removes what edits that were never committed have left.
func (s *Store) sweepStage(ctx context.Context) error {
	if found, err := filepath.Glob(filepath.Join(s.stageDir, "*")); err != nil || len(found) == 0 {
		return err
	}
	bucket, err := object.OpenDir(s.stageDir)
	if err != nil {
		return err
	}
	for info, err := range bucket.List(ctx, "") {
		if err == nil {
			err = bucket.Delete(ctx, info.Key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
