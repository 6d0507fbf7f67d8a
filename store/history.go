package store

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// History calls f for every version that is still known of every sample of a
// series whose slot begins in a range, in order of time and then of age, until f
// returns false. The version is valid during the call.
//
// Known are the versions that an edit replaced or deleted, for ever, those that a
// kept snapshot has, and the present one. Those that were only written over by
// later samples go with their snapshots.
func (s *Store) History(ctx context.Context, series columnar.Series, span columnar.Range, f func(*columnar.Version) bool) error {
	sel := &columnar.Selection{Series: []columnar.Series{series}, Ranges: [][]columnar.Range{{span}}}
	if err := checkSelection(sel, false); err != nil {
		return err
	}
	v, err := s.pin(ctx, sel)
	if err != nil {
		return err
	}
	defer v.release()
	h := historian{view: v, series: series, edits: make(map[int64]int64)}
	h.from, h.to = series.Grid.SlotAtOrAfter(span.From), series.Grid.SlotAtOrAfter(span.To)
	if h.from >= h.to {
		return nil
	}
	if err := h.gather(ctx, sel); err != nil {
		return err
	}
	defer h.close()
	for _, number := range slices.Sorted(maps.Keys(h.blocks)) {
		more, err := h.block(ctx, number, f)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// historian collects the versions of the blocks of a series.
type historian struct {
	view     *view
	series   columnar.Series
	from, to int64 // slots
	edits    map[int64]int64
	segments []*liveSegment
	blocks   map[int64][]blockVersion
}

// blockVersion is a version of a block: an entry of a segment, or what the heads
// make of the newest one.
type blockVersion struct {
	version int64 // snapshot that made it; 0: in the head
	place   place
	head    *piece
}

// age returns a number that grows from version to version.
func (b blockVersion) age() int64 {
	if b.head != nil {
		return math.MaxInt64
	}
	return b.version
}

func (h *historian) close() {
	for _, g := range h.segments {
		g.release()
	}
}

// gather finds the versions of all blocks.
func (h *historian) gather(ctx context.Context, sel *columnar.Selection) error {
	s := h.view.store
	edits, err := s.catalog.Edits(ctx, meta.EditFilter{Series: []int64{h.series.ID}})
	if err != nil {
		return err
	}
	for _, e := range edits {
		h.edits[e.ID] = e.Snapshot
	}
	all, err := s.catalog.AllSegments(ctx)
	if err != nil {
		return err
	}
	g := h.series.Grid
	first, end := g.Block(h.from), g.Block(h.to-1)+1
	h.blocks = make(map[int64][]blockVersion)
	for _, m := range all {
		if m.From >= g.BlockTime(end) || m.To <= g.BlockTime(first) || !m.History && m.Created > h.view.set.snapshot.ID {
			continue
		}
		if err := h.addSegment(ctx, m, first, end); err != nil {
			return err
		}
	}
	pieces, err := h.view.pieces(ctx, sel, 0)
	if err != nil {
		return err
	}
	for i := range pieces {
		if p := &pieces[i]; p.inHead() {
			h.blocks[p.first] = append(h.blocks[p.first], blockVersion{head: p})
		}
	}
	for _, versions := range h.blocks {
		slices.SortFunc(versions, func(a, b blockVersion) int { return cmp.Compare(a.age(), b.age()) })
	}
	return nil
}

// addSegment adds the blocks [first, end) of a segment.
func (h *historian) addSegment(ctx context.Context, m meta.Segment, first, end int64) error {
	s := h.view.store
	i := slices.IndexFunc(h.view.set.segments, func(g *liveSegment) bool { return g.meta.Name == m.Name })
	var one *liveSegment
	if i >= 0 {
		one = h.view.set.segments[i]
	} else {
		one = s.newLive(m)
	}
	one.refs.Add(1)
	h.segments = append(h.segments, one)
	reader, err := one.openFor(ctx, h.series.ID)
	if err != nil {
		return err
	}
	info, ok := reader.Find(h.series.ID)
	if !ok || info.FirstBlock >= end || info.LastBlock < first {
		return nil
	}
	x, err := s.index(ctx, one, h.series.ID)
	if err != nil {
		return err
	}
	k, _ := x.Find(first)
	for ; k < x.Len() && x.Block(k) < end; k++ {
		at := place{one, x, k, k + 1}
		version := at.version(k)
		versions := h.blocks[x.Block(k)]
		if !slices.ContainsFunc(versions, func(b blockVersion) bool { return b.version == version }) {
			h.blocks[x.Block(k)] = append(versions, blockVersion{version: version, place: at})
		}
	}
	return nil
}

// block tells f of the versions of the samples of a block.
func (h *historian) block(ctx context.Context, number int64, f func(*columnar.Version) bool) (more bool, err error) {
	versions := h.blocks[number]
	decoded := make([]columnar.Block, len(versions))
	for i := range versions {
		l := h.view.newLoader(columnar.AllParts) // each keeps its block
		l.series = h.series
		var b *columnar.Block
		if versions[i].head != nil {
			b, err = l.head(ctx, versions[i].head)
		} else {
			b, err = l.entry(ctx, versions[i].place, versions[i].place.from, versions[i].place.to)
		}
		if err != nil {
			return false, err
		}
		decoded[i] = *b
	}
	first := h.series.Grid.BlockSlot(number)
	from, to := max(h.from-first, 0), min(h.to-first, h.series.Grid.BlockLen)
	for i := int(from); i < int(to); i++ {
		if !h.slot(versions, decoded, i, f) {
			return false, nil
		}
	}
	return true, nil
}

// slot tells f of the versions of one sample.
func (h *historian) slot(versions []blockVersion, decoded []columnar.Block, i int, f func(*columnar.Version) bool) bool {
	var out columnar.Version
	var last *columnar.Block
	begun := false
	for k := range decoded {
		b := &decoded[k]
		if last == nil && !b.Has(i) && markOf(b, i) == columnar.Unedited || last != nil && sameVersion(last, b, i) {
			continue // it was never written to, or it is as before
		}
		from := versions[k].version
		if made := h.edits[editOf(b, i)]; made > 0 && made < from {
			from = made // the block was changed again before it was next kept
		}
		if begun {
			if out.To = from; !f(&out) {
				return false
			}
		}
		out, begun, last = h.version(b, i), true, b
		out.From = from
	}
	out.To = 0
	return !begun || f(&out)
}

func markOf(b *columnar.Block, i int) columnar.Mark {
	if b.Marks == nil {
		return columnar.Unedited
	}
	return b.Marks[i]
}

// editOf returns the edit that marked a slot; 0: none.
func editOf(b *columnar.Block, i int) int64 {
	if markOf(b, i) == columnar.Unedited {
		return 0
	}
	return b.Edits[i]
}

// sameVersion reports whether slot i is in one and the same version.
func sameVersion(a, b *columnar.Block, i int) bool {
	return markOf(a, i) == markOf(b, i) && editOf(a, i) == editOf(b, i) && sameSample(a, b, i)
}

// version returns what a block has in slot i.
func (h *historian) version(b *columnar.Block, i int) columnar.Version {
	v := columnar.Version{Time: h.series.Grid.Time(b.First + int64(i)), Mark: markOf(b, i), Edit: editOf(b, i)}
	if v.Present = b.Has(i); !v.Present {
		return v
	}
	v.Status = b.StatusAt(i)
	if v.Void = !b.HasValue(i); v.Void {
		return v
	}
	switch b.Kind {
	case columnar.Floats:
		v.Float = b.Floats[i]
	case columnar.Ints:
		v.Int = b.Ints[i]
	default:
		v.Text = b.Texts[i]
	}
	return v
}

// errStopped ends a walk whose caller wants no more.
var errStopped = errors.New("stopped")

// Changes calls f for every run of slots in which two kept snapshots differ, series
// after series in order of time, until f returns false. Only blocks that were
// written between the two are looked at.
func (s *Store) Changes(ctx context.Context, series []columnar.Series, from, to int64, f func(columnar.Change) bool) error {
	always := []columnar.Range{{From: columnar.MinTime, To: columnar.MaxTime}}
	sel := &columnar.Selection{Series: series, Ranges: slices.Repeat([][]columnar.Range{always}, len(series))}
	if err := checkSelection(sel, false); err != nil {
		return err
	}
	sides := make([]*view, 2)
	for i, snapshot := range []int64{from, to} {
		sel.Snapshot = snapshot
		v, err := s.pinSnapshot(ctx, sel)
		if err != nil {
			return err
		}
		defer v.release()
		sides[i] = v
	}
	for i := range series {
		c := comparer{series: series[i], index: i, f: f}
		err := c.run(ctx, sel, sides[0], sides[1])
		if errors.Is(err, errStopped) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pinSnapshot is pin of a snapshot alone, also of number 0, which is empty.
func (s *Store) pinSnapshot(ctx context.Context, sel *columnar.Selection) (*view, error) {
	if sel.Snapshot != 0 {
		return s.pin(ctx, sel)
	}
	return &view{store: s, set: s.newSet(meta.Snapshot{}, nil, nil), counters: new(columnar.Counters)}, nil
}

// comparer compares a series in two snapshots.
type comparer struct {
	series  columnar.Series
	index   int
	f       func(columnar.Change) bool
	pending columnar.Change // the run that is being put together; empty: none
}

// run compares block by block.
func (c *comparer) run(ctx context.Context, sel *columnar.Selection, older, newer *view) error {
	a, err := older.entries(ctx, sel, c.index)
	if err != nil {
		return err
	}
	b, err := newer.entries(ctx, sel, c.index)
	if err != nil {
		return err
	}
	before, after := older.newLoader(columnar.AllParts), newer.newLoader(columnar.AllParts)
	before.series, after.series = c.series, c.series
	for len(a)+len(b) > 0 {
		var left, right *columnar.Block
		number := int64(0)
		if len(a) > 0 {
			number = a[0].number()
		}
		if len(b) > 0 && (len(a) == 0 || b[0].number() < number) {
			number = b[0].number()
		}
		inA, inB := len(a) > 0 && a[0].number() == number, len(b) > 0 && b[0].number() == number
		same := inA && inB && a[0].version(a[0].from) == b[0].version(b[0].from)
		if inA {
			if !same {
				if left, err = before.entry(ctx, a[0], a[0].from, a[0].to); err != nil {
					return err
				}
			}
			a = a[1:]
		}
		if inB {
			if !same {
				if right, err = after.entry(ctx, b[0], b[0].from, b[0].to); err != nil {
					return err
				}
			}
			b = b[1:]
		}
		if !same && !c.compare(left, right) {
			return errStopped
		}
	}
	return c.end()
}

// number returns the number of the block of a place of one entry.
func (p place) number() int64 { return p.index.Block(p.from) }

// entries returns the live blocks of series number i in a snapshot, one by one.
func (v *view) entries(ctx context.Context, sel *columnar.Selection, i int) ([]place, error) {
	pieces, err := v.pieces(ctx, sel, i)
	if err != nil {
		return nil, err
	}
	var list []place
	for k := range pieces {
		at := pieces[k].place
		for entry := at.from; entry < at.to; entry++ {
			list = append(list, place{at.segment, at.index, entry, entry + 1})
		}
	}
	return list, nil
}

// compare adds the slots in which two versions of a block, either of which may be
// missing, differ. It returns false where f wants no more.
func (c *comparer) compare(before, after *columnar.Block) bool {
	some := after
	if some == nil {
		some = before
	}
	none := &columnar.Block{First: some.First, Len: some.Len, Kind: some.Kind, Present: columnar.NewBitmap(some.Len)}
	before, after = or(before, none), or(after, none)
	for i := range some.Len {
		if sameSample(before, after, i) {
			continue
		}
		t := c.series.Grid.Time(some.First + int64(i))
		if c.pending.EditCounts == (columnar.EditCounts{}) || c.pending.To != t {
			if c.end() != nil {
				return false
			}
			c.pending = columnar.Change{Series: c.index, From: t}
		}
		c.pending.To = c.series.Grid.Time(some.First + int64(i) + 1)
		switch {
		case !before.Has(i):
			c.pending.Inserted++
		case after.Has(i):
			c.pending.Replaced++
		default:
			c.pending.Deleted++
		}
	}
	return true
}

// end tells f of the run that was put together.
func (c *comparer) end() error {
	if c.pending.EditCounts == (columnar.EditCounts{}) {
		return nil
	}
	done := c.pending
	c.pending = columnar.Change{}
	if !c.f(done) {
		return errStopped
	}
	return nil
}
