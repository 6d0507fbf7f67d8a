package store

import (
	"context"
	"slices"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/store/wal"
)

// Restore implements [columnar.Editor]. Blocks that were not changed since the
// snapshot are not read.
func (e *edit) Restore(ctx context.Context, s columnar.Series, ranges []columnar.Range, snapshot int64) error {
	if err := e.check(); err != nil {
		return err
	}
	sel := &columnar.Selection{Series: []columnar.Series{s}, Ranges: [][]columnar.Range{ranges}, Snapshot: snapshot}
	if err := checkSelection(sel, false); err != nil {
		return err
	}
	v, err := e.store.pinSnapshot(ctx, sel)
	if err != nil {
		return err
	}
	defer v.release()
	then, err := v.entries(ctx, sel, 0)
	if err != nil {
		return err
	}
	versions, err := e.versions(ctx, s, ranges)
	if err != nil {
		return err
	}
	numbers, release, err := e.existing(ctx, s, ranges, 0)
	if err != nil {
		return err
	}
	defer release()
	l := v.newLoader(columnar.AllParts)
	l.series = s
	for _, at := range then {
		numbers = append(numbers, at.number())
	}
	slices.Sort(numbers)
	for _, number := range slices.Compact(numbers) {
		var old *columnar.Block
		if len(then) > 0 && then[0].number() == number {
			at := then[0]
			if then = then[1:]; versions[number] == at.version(at.from) {
				continue
			}
			if old, err = l.entry(ctx, at, at.from, at.to); err != nil {
				return err
			}
		}
		for _, r := range ranges {
			if err := e.restoreBlock(ctx, s, number, r, old); err != nil {
				return err
			}
		}
	}
	return nil
}

// versions returns the present versions of the blocks of a series that are as a
// segment has them: not those that the heads or the edit itself have written to.
func (e *edit) versions(ctx context.Context, s columnar.Series, ranges []columnar.Range) (map[int64]int64, error) {
	sel := &columnar.Selection{Series: []columnar.Series{s}, Ranges: [][]columnar.Range{ranges}}
	v, err := e.store.pin(ctx, sel)
	if err != nil {
		return nil, err
	}
	defer v.release()
	pieces, err := v.pieces(ctx, sel, 0)
	if err != nil {
		return nil, err
	}
	versions := make(map[int64]int64)
	for i := range pieces {
		if p := &pieces[i]; !p.inHead() {
			for k := p.place.from; k < p.place.to; k++ {
				versions[p.place.index.Block(k)] = p.place.version(k)
			}
		}
	}
	held, err := e.stage.blocks(ctx, s.ID)
	for _, b := range held {
		delete(versions, b.number)
	}
	return versions, err
}

// restoreBlock puts the slots of a block that lie in a range to what they were;
// old is nil where there was nothing.
func (e *edit) restoreBlock(ctx context.Context, s columnar.Series, number int64, r columnar.Range, old *columnar.Block) error {
	first := s.Grid.BlockSlot(number)
	from := int(max(s.Grid.SlotAtOrAfter(r.From)-first, 0))
	to := int(min(s.Grid.SlotAtOrAfter(r.To)-first, s.Grid.BlockLen))
	entry := wal.Entry{Series: s.ID, Kind: s.Type.Kind()}
	var gone, void []int64
	for i := from; i < to; i++ {
		if old == nil || !old.Has(i) {
			gone = append(gone, first+int64(i))
			continue
		}
		if !old.HasValue(i) {
			void = append(void, int64(len(entry.Slots)))
		}
		entry.Slots = append(entry.Slots, first+int64(i))
		entry.Status = append(entry.Status, old.StatusAt(i))
		appendValue(&entry, old, i)
	}
	if len(entry.Slots) > 0 {
		if len(void) > 0 {
			entry.Void = columnar.NewBitmap(len(entry.Slots))
			for _, k := range void {
				entry.Void.Set(int(k))
			}
		}
		if err := e.stage.put(ctx, []write{{series: s, entry: entry}}); err != nil {
			return err
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return e.stage.operate(ctx, s, opDelete, gone, nil)
}

// appendValue appends the value of slot i of a block, the zero value where it has
// none.
func appendValue(e *wal.Entry, b *columnar.Block, i int) {
	switch e.Kind {
	case columnar.Floats:
		v := 0.0
		if b.Floats != nil {
			v = b.Floats[i]
		}
		e.Floats = append(e.Floats, v)
	case columnar.Ints:
		v := int64(0)
		if b.Ints != nil {
			v = b.Ints[i]
		}
		e.Ints = append(e.Ints, v)
	default:
		v := ""
		if b.Texts != nil {
			v = b.Texts[i]
		}
		e.Texts = append(e.Texts, v)
	}
}
