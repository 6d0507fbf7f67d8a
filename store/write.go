package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/wal"
)

// encodedBlock is a block on its way into a segment.
type encodedBlock struct {
	series    columnar.Series
	number    int64
	version   int64 // 0: that of the segment
	bytes     []byte
	summaries columnar.Summaries

	// Where the base of the block is damaged there are no bytes.
	stuck error
	head  *headBlock
}

// writeSegments writes the frozen head to the bucket. Blocks are merged with their
// bases and encoded on several cores. Those whose base is damaged are left out and
// returned; where there are no others, the damage is the error.
func (s *Store) writeSegments(ctx context.Context, frozen *head, set *segmentSet) (added []meta.Segment, stuck []encodedBlock, err error) {
	codecs, err := s.codecs(ctx)
	if err != nil {
		return nil, nil, err
	}
	blocks := newPipeline(ctx, s.workers, func([]encodedBlock) {}, func(ctx context.Context, emit func(task[[]encodedBlock]) error) error {
		return s.planFlush(ctx, frozen, set, codecs, emit)
	})
	defer blocks.close()
	out := s.newSink(false, false)
	if stuck, err = drain(ctx, blocks, out); err == nil {
		added, err = out.finish()
	}
	if err != nil {
		out.abort(ctx)
		return nil, nil, err
	}
	if len(added) == 0 {
		return nil, stuck, stuck[0].stuck
	}
	return added, stuck, nil
}

// drain adds the blocks to a sink and returns those that it could not have.
func drain(ctx context.Context, blocks *pipeline[[]encodedBlock], out *sink) (stuck []encodedBlock, err error) {
	for {
		encoded, err := blocks.next(ctx)
		if errors.Is(err, io.EOF) {
			return stuck, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range encoded {
			b := &encoded[i]
			if b.stuck != nil {
				stuck = append(stuck, *b)
			} else if err := out.add(ctx, b); err != nil {
				return nil, err
			}
		}
	}
}

// blocksPerFlushTask is the number of blocks that one task of a flush encodes.
const blocksPerFlushTask = 16

// planFlush emits tasks that encode the blocks of the frozen head, in the order
// of a segment.
func (s *Store) planFlush(ctx context.Context, frozen *head, set *segmentSet, codecs func(int64) codec.Codec, emit func(task[[]encodedBlock]) error) error {
	v := &view{store: s, set: set, counters: new(columnar.Counters)}
	var jobs []flushJob
	var bytes int64 // of their values
	cut := func() error {
		todo := jobs
		jobs, bytes = nil, 0
		return emit(func(ctx context.Context) ([]encodedBlock, error) { return v.encode(ctx, todo) })
	}
	for _, id := range slices.Sorted(maps.Keys(frozen.series)) {
		hs := frozen.series[id]
		pieces, err := v.flushPieces(ctx, hs)
		if err != nil {
			return err
		}
		for i := range pieces {
			jobs = append(jobs, flushJob{hs.series, codecs(id), &pieces[i]})
			if bytes += 8 * hs.series.Grid.BlockLen; len(jobs) == blocksPerFlushTask || bytes >= bytesPerFlushTask {
				if err := cut(); err != nil {
					return err
				}
			}
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	return cut()
}

// flushJob is a block that is to be encoded.
type flushJob struct {
	series columnar.Series
	codec  codec.Codec
	piece  *piece
}

// flushPieces returns the blocks of a series of the frozen head with their bases.
func (v *view) flushPieces(ctx context.Context, hs *headSeries) ([]piece, error) {
	first, last := hs.blocks[0].number, hs.blocks[len(hs.blocks)-1].number
	g := hs.series.Grid
	span := []columnar.Range{{From: g.BlockTime(first), To: g.BlockTime(last + 1)}}
	sel := &columnar.Selection{Series: []columnar.Series{hs.series}, Ranges: [][]columnar.Range{span}}
	v.heads = []headView{{frozen: hs.views(nil, first, last+1)}}
	pieces, err := v.pieces(ctx, sel, 0)
	if errors.Is(err, columnar.ErrCorrupt) {
		pieces = nil
		for _, b := range hs.blocks {
			pieces = append(pieces, piece{first: b.number, last: b.number, frozen: b, damage: err})
		}
		return pieces, nil
	}
	return slices.DeleteFunc(pieces, func(p piece) bool { return !p.inHead() }), err
}

// encode encodes blocks of the frozen head; those that came encoded are passed on.
func (v *view) encode(ctx context.Context, jobs []flushJob) ([]encodedBlock, error) {
	l := v.newLoader(columnar.AllParts)
	var encoded []encodedBlock
	for _, j := range jobs {
		e := encodedBlock{series: j.series, number: j.piece.first, head: j.piece.frozen}
		if stored := j.piece.stored(); stored != nil {
			e.bytes, e.summaries = j.piece.frozen.whole.encoded, *stored
			encoded = append(encoded, e)
			continue
		}
		l.series = j.series
		b, err := l.head(ctx, j.piece)
		switch {
		case errors.Is(err, columnar.ErrCorrupt):
			e.stuck = err
		case err != nil:
			return nil, err
		default:
			if e.bytes, err = columnar.AppendBlock(nil, b, j.codec, j.series); err != nil {
				return nil, err
			}
			e.summaries = columnar.SummarizeAll(b)
		}
		encoded = append(encoded, e)
	}
	return encoded, nil
}

// carry moves blocks that cannot be flushed, because their base is damaged, from
// the frozen head to the active one, so that they hold up nothing else. They are
// logged again with what the active head has of them, for the log will be trimmed
// of their first record. Appends wait meanwhile, so that nothing comes in between.
// Where they are all that the frozen head has, it is given up.
func (s *Store) carry(stuck []encodedBlock, isAll bool) error {
	if len(stuck) == 0 {
		return nil
	}
	s.appending.Lock()
	defer s.appending.Unlock()
	record := wal.AppendRecord(nil)
	var carried []encodedBlock
	for _, b := range stuck {
		s.logger.Error("samples wait in the log and in memory for their block to be repaired",
			"series", b.series.ID, "block", b.number, "error", b.stuck)
		if b.head = s.joined(b); b.head != nil {
			e := b.head.entry(b.series)
			record = wal.AppendEntry(record, &e)
			carried = append(carried, b)
		}
	}
	move := func(end uint64) {
		s.state.Lock()
		defer s.state.Unlock()
		h := s.state.active
		if h.empty() {
			h.since = s.clock()
		}
		for _, b := range carried {
			at := h.block(h.at(b.series), b.number)
			h.bytes += b.head.size() - at.size()
			h.samples += int64(len(b.head.index) - len(at.index))
			*at = *b.head
		}
		h.log = end
		if isAll {
			s.state.frozen = nil
		}
	}
	if len(carried) == 0 {
		move(s.log.End())
		return nil
	}
	if err := s.log.Append(record, move); err != nil {
		return fmt.Errorf("%d blocks of damaged segments: %w", len(carried), err)
	}
	return nil
}

// joined returns a block of the frozen head with what the active head has of it on
// top, nil where the active head needs no base.
func (s *Store) joined(b encodedBlock) *headBlock {
	s.state.RLock()
	defer s.state.RUnlock()
	joined := &headBlock{number: b.number}
	e := b.head.entry(b.series)
	first := b.series.Grid.BlockSlot(b.number)
	joined.write(first, &e, 0, len(e.Slots))
	hs := s.state.active.series[b.series.ID]
	if hs == nil {
		return joined
	}
	i, found := hs.find(b.number)
	if !found {
		return joined
	}
	if hs.blocks[i].covers(b.series.Grid.BlockLen) {
		return nil
	}
	e = hs.blocks[i].entry(b.series)
	joined.write(first, &e, 0, len(e.Slots))
	return joined
}

// entry returns the block's samples, which are not a whole block, as an entry of
// the log.
func (b *headBlock) entry(s columnar.Series) wal.Entry {
	e := wal.Entry{Series: s.ID, Kind: s.Type.Kind(), Floats: b.floats, Ints: b.ints, Texts: b.texts, Status: b.status}
	first := s.Grid.BlockSlot(b.number)
	for _, i := range b.index {
		e.Slots = append(e.Slots, first+int64(i))
	}
	if b.void != nil {
		e.Void = columnar.NewBitmap(len(b.void))
		for i, void := range b.void {
			if void {
				e.Void.Set(i)
			}
		}
	}
	return e
}
