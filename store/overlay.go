package store

import (
	"math"
	"slices"

	"github.com/trellisdb/trellis/columnar"
)

// slotOp says what an edit does to a slot.
type slotOp uint8

// What an edit does to a slot. In an overlay that is a block of a segment the
// marks say it.
const (
	opNone   = slotOp(columnar.Unedited)
	opWrite  = slotOp(columnar.Inserted)
	opStatus = slotOp(columnar.Replaced) // another status, if there is a sample
	opDelete = slotOp(columnar.Deleted)
)

// overlay is what an edit does to one block: a block whose marks are the
// operations and whose values are those that are written. It is dense: no column
// that it needs is left out.
type overlay struct {
	columnar.Block
	any bool // some slot has an operation
}

// newOverlay returns an overlay that does nothing.
func newOverlay(s columnar.Series, number int64) *overlay {
	n := int(s.Grid.BlockLen)
	o := &overlay{Block: columnar.Block{
		First: s.Grid.BlockSlot(number), Len: n, Kind: s.Type.Kind(), Present: columnar.NewBitmap(n), Void: columnar.NewBitmap(n),
		Status: make([]columnar.Status, n), Marks: make([]columnar.Mark, n), Edits: make([]int64, n),
	}}
	makeValues(&o.Block)
	return o
}

// makeValues gives a block its column of values if it has none.
func makeValues(b *columnar.Block) {
	switch {
	case b.Kind == columnar.Floats && b.Floats == nil:
		b.Floats = make([]float64, b.Len)
	case b.Kind == columnar.Ints && b.Ints == nil:
		b.Ints = make([]int64, b.Len)
	case b.Kind == columnar.Texts && b.Texts == nil:
		b.Texts = make([]string, b.Len)
	}
}

// copyValue copies the value of slot i, the zero value where from has no column.
func copyValue(to, from *columnar.Block, i int) {
	switch {
	case to.Kind == columnar.Floats && from.Floats != nil:
		to.Floats[i] = from.Floats[i]
	case to.Kind == columnar.Ints && from.Ints != nil:
		to.Ints[i] = from.Ints[i]
	case to.Kind == columnar.Texts && from.Texts != nil:
		to.Texts[i] = from.Texts[i]
	default:
		clearValue(to, i)
	}
}

func clearValue(b *columnar.Block, i int) {
	switch b.Kind {
	case columnar.Floats:
		b.Floats[i] = 0
	case columnar.Ints:
		b.Ints[i] = 0
	default:
		b.Texts[i] = ""
	}
}

// sameSample reports whether slot i has the same sample in two blocks, or none in
// both.
func sameSample(a, b *columnar.Block, i int) bool {
	if a.Has(i) != b.Has(i) {
		return false
	}
	if !a.Has(i) {
		return true
	}
	if a.StatusAt(i) != b.StatusAt(i) || a.HasValue(i) != b.HasValue(i) {
		return false
	}
	if !a.HasValue(i) {
		return true
	}
	switch a.Kind {
	case columnar.Floats:
		return math.Float64bits(a.Floats[i]) == math.Float64bits(b.Floats[i])
	case columnar.Ints:
		return a.Ints[i] == b.Ints[i]
	}
	return a.Texts[i] == b.Texts[i]
}

// add lays another overlay, a later one, over this one.
func (o *overlay) add(next *columnar.Block, edit int64) {
	for i := range o.Len {
		if next.Marks == nil {
			return
		}
		op := slotOp(next.Marks[i])
		switch {
		case op == opNone:
			continue
		case op == opStatus && slotOp(o.Marks[i]) == opWrite:
			o.setStatus(i, next.StatusAt(i))
			continue
		case op == opStatus && slotOp(o.Marks[i]) == opDelete:
			continue
		}
		o.set(i, op, edit)
		o.Status[i] = next.StatusAt(i)
		if op == opWrite {
			if copyValue(&o.Block, next, i); next.HasValue(i) {
				o.Void.Clear(i)
			}
		}
	}
}

// set gives slot i an operation: good, and without a value where one is written.
func (o *overlay) set(i int, op slotOp, edit int64) {
	o.any = true
	o.Marks[i], o.Edits[i], o.Status[i] = columnar.Mark(op), edit, columnar.StatusGood
	clearValue(&o.Block, i)
	o.Void.Clear(i)
	o.Present.Clear(i)
	if op != opDelete {
		o.Present.Set(i)
	}
	if op == opWrite {
		o.Void.Set(i)
	}
}

// setStatus changes the status of a sample that is written; one without a value
// stays bad (C2).
func (o *overlay) setStatus(i int, status columnar.Status) {
	if !o.Void.Has(i) || status.Quality() == columnar.Bad {
		o.Status[i] = status
	}
}

// overlay returns what the block of a stage does.
func (b *headBlock) overlay(s columnar.Series, below *columnar.Block, edit int64) *overlay {
	o := newOverlay(s, b.number)
	if below != nil {
		o.add(below, edit)
	}
	if b.cleared {
		for i := range o.Len {
			o.set(i, opDelete, edit)
		}
	}
	for k, slot := range b.index {
		i, op := int(slot), opWrite
		if b.ops != nil {
			op = b.ops[k]
		}
		status := columnar.StatusGood
		if b.status != nil {
			status = b.status[k]
		}
		if op == opStatus && slotOp(o.Marks[i]) == opWrite {
			o.setStatus(i, status)
			continue
		}
		if op == opStatus && slotOp(o.Marks[i]) == opDelete {
			continue
		}
		o.set(i, op, edit)
		o.Status[i] = status
		if op != opWrite || b.void != nil && b.void[k] {
			continue
		}
		o.Void.Clear(i)
		switch o.Kind {
		case columnar.Floats:
			o.Floats[i] = b.floats[k]
		case columnar.Ints:
			o.Ints[i] = b.ints[k]
		default:
			o.Texts[i] = b.texts[k]
		}
	}
	return o
}

// touched is what became of a block: how many samples were touched, in which of
// its slots, [from, to).
type touched struct {
	columnar.EditCounts
	from, to int
}

func (t *touched) note(i int) {
	if t.to == 0 {
		t.from = i
	}
	t.to = i + 1
}

// apply returns what the overlay of an edit makes of a block, nil where it was
// never written to, and what it touched. Where unlike is set, slots that have what
// they would get are left alone. Nothing of base is changed.
func (o *overlay) apply(base *columnar.Block, edit int64, unlike bool) (*columnar.Block, touched) {
	var t touched
	m := dense(base, o)
	if base == nil {
		base = &columnar.Block{First: o.First, Len: o.Len, Kind: o.Kind, Present: columnar.NewBitmap(o.Len)}
	}
	for i := range o.Len {
		was := base.Has(i)
		switch slotOp(o.Marks[i]) {
		case opWrite:
			if unlike && sameSample(base, &o.Block, i) {
				continue
			}
			m.Present.Set(i)
			m.Void.Clear(i)
			if o.Void.Has(i) {
				m.Void.Set(i)
			}
			copyValue(m, &o.Block, i)
			m.Status[i] = o.Status[i]
			if m.Marks[i] = columnar.Inserted; was {
				m.Marks[i] = columnar.Replaced
				t.Replaced++
			} else {
				t.Inserted++
			}
		case opStatus:
			status := o.Status[i]
			if !was || status == base.StatusAt(i) || !base.HasValue(i) && status.Quality() != columnar.Bad {
				continue
			}
			m.Status[i], m.Marks[i] = status, columnar.Replaced
			t.Replaced++
		case opDelete:
			if !was {
				continue
			}
			m.Present.Clear(i)
			m.Void.Clear(i)
			clearValue(m, i)
			m.Status[i], m.Marks[i] = columnar.StatusGood, columnar.Deleted
			t.Deleted++
		default:
			continue
		}
		m.Edits[i] = edit
		t.note(i)
	}
	trim(m)
	return m, t
}

// dense returns a copy of a block, or of one without samples, with every column.
func dense(base *columnar.Block, like *overlay) *columnar.Block {
	n := like.Len
	m := &columnar.Block{First: like.First, Len: n, Kind: like.Kind}
	if base == nil {
		base = &columnar.Block{Present: columnar.NewBitmap(n)}
	}
	if m.Present = slices.Clone(base.Present); m.Present == nil {
		m.Present = columnar.FullBitmap(n)
	}
	if m.Void = slices.Clone(base.Void); m.Void == nil {
		m.Void = columnar.NewBitmap(n)
	}
	m.Floats, m.Ints, m.Texts = slices.Clone(base.Floats), slices.Clone(base.Ints), slices.Clone(base.Texts)
	makeValues(m)
	m.Status, m.Marks, m.Edits = make([]columnar.Status, n), make([]columnar.Mark, n), make([]int64, n)
	copy(m.Status, base.Status)
	copy(m.Marks, base.Marks)
	copy(m.Edits, base.Edits)
	return m
}

// trim leaves out the columns of a dense block that say nothing.
func trim(m *columnar.Block) {
	if m.Present.Count() == m.Len {
		m.Present = nil
	}
	if m.Void.Count() == 0 {
		m.Void = nil
	}
	if !slices.ContainsFunc(m.Status, func(s columnar.Status) bool { return s != columnar.StatusGood }) {
		m.Status = nil
	}
	if !slices.ContainsFunc(m.Marks, func(k columnar.Mark) bool { return k != columnar.Unedited }) {
		m.Marks, m.Edits = nil, nil
	}
}
