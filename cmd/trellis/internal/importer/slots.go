package importer

import (
	"fmt"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// Collide says which of two samples of one import in one slot is kept.
type Collide uint8

// Which of two samples is kept.
const (
	// CollideLast keeps the last that has a value, or else the last.
	CollideLast Collide = iota
	// CollideLastAny keeps the last, also where it has no value and one before it has.
	CollideLastAny
	// CollideFirst keeps the first.
	CollideFirst
	// CollideRefuse keeps the first and refuses the others.
	CollideRefuse
)

// ParseCollide reads last, last-any, first or refuse.
func ParseCollide(text string) (Collide, error) {
	for i, name := range []string{"last", "last-any", "first", "refuse"} {
		if text == name {
			return Collide(i), nil
		}
	}
	return 0, fmt.Errorf("--collide %q: use last, last-any, first or refuse", text)
}

// Collision is a sample that found another of the same import in its slot.
type Collision struct {
	Series string `json:"series"`
	File   string `json:"file"`
	Line   int64  `json:"line"`
	// OtherFile and OtherLine are those of the sample that was there; OtherLine is 0
	// where the import is so long that they were not kept.
	OtherFile string `json:"other_file,omitempty"`
	OtherLine int64  `json:"other_line,omitempty"`
	Slot      int64  `json:"slot_us"` // the instant at which it begins
	Kept      string `json:"kept"`    // first or last
}

// maxLines is how many samples an import remembers the lines of.
const maxLines = 1 << 20

// seat is where a sample was read and where it goes.
type seat struct {
	file  int32 // of the import's files
	line  int64
	slot  int64
	begin int64 // instant at which the slot begins
	shift int64 // µs from there to the sample's time; 0: it is on the grid
}

// seat finds the slot of a sample.
func (t *target) seat(instant int64) seat {
	if t.meta.LabelEnd {
		instant = t.meta.Grid.Back(instant)
	}
	slot := t.meta.Grid.Slot(instant)
	begin := t.meta.Grid.Time(slot)
	return seat{slot: slot, begin: begin, shift: instant - begin}
}

// store stores a sample, or says why it does not.
func (f *fileRun) store(t *target, c *chunk, row int, column string, instant int64, o outcome, x value) {
	at := t.seat(instant)
	at.file, at.line = f.file, c.line(row)
	if at.shift != 0 {
		t.report.OffGrid++
		t.report.MaxShift = max(t.report.MaxShift, at.shift)
		if !f.opts.Snap {
			f.refuseValue(c, row, column, fmt.Sprintf("%s is not on the grid of the series: its slot began %s earlier, at %s; --snap stores it there, or give the series another --sample-t",
				f.binding.quoteStamp(c, row), plan.FormatInterval(plan.Span{Micros: at.shift}), plan.FormatTimestamptz(at.begin, nil)))
			return
		}
	}
	if o.void && o.status.Quality() != columnar.Bad {
		o.status = columnar.StatusBadNoData
	}
	if o.state != "" {
		f.countState(o.state, o.status)
	}
	before, taken := t.slots.state(at.slot)
	if taken && !f.collide(t, at, c, row, column, before, o) {
		return
	}
	t.slots.set(at.slot, o)
	f.remember(t, at)
	if taken {
		t.report.uncount(before)
		t.report.Replaced++
	}
	t.report.count(at.begin, o)
	if f.opts.DryRun && len(t.report.Head) < headSamples {
		t.report.show(t, at, o, x)
	}
	t.add(instant, o, x)
	f.out.added(len(x.text))
}

// collide notes that a sample finds its slot taken and reports whether it takes the
// other's place.
func (f *fileRun) collide(t *target, at seat, c *chunk, row int, column string, before, o outcome) bool {
	other := t.lines[at.slot]
	if f.opts.Collide == CollideRefuse {
		where := "an earlier row"
		if other != (origin{}) {
			where = fmt.Sprintf("%s:%d", f.opts.Files[other.file], other.line)
		}
		f.refuseValue(c, row, column, fmt.Sprintf("the slot that begins at %s has the sample of %s already", plan.FormatTimestamptz(at.begin, nil), where))
		return false
	}
	replaces := f.opts.Collide == CollideLastAny || f.opts.Collide == CollideLast && (!o.void || before.void)
	t.report.Duplicates++
	if len(f.report.Collisions) < maxRefusals {
		x := Collision{Series: t.meta.Name, File: f.name, Line: at.line, Slot: at.begin, Kept: "first"}
		if replaces {
			x.Kept = "last"
		}
		if other != (origin{}) {
			x.OtherFile, x.OtherLine = f.opts.Files[other.file], other.line
		}
		f.report.Collisions = append(f.report.Collisions, x)
	}
	return replaces
}

// origin is the line of a sample.
type origin struct {
	file int32
	line int64
}

// remember keeps the line of a sample, of the first million.
func (f *fileRun) remember(t *target, at seat) {
	if _, known := t.lines[at.slot]; !known {
		if f.lines >= maxLines {
			return
		}
		f.lines++
	}
	if t.lines == nil {
		t.lines = map[int64]origin{}
	}
	t.lines[at.slot] = origin{at.file, at.line}
}

// slotBits are a bit for each of 4,096 slots.
type slotBits [64]uint64

func (b *slotBits) has(slot int64) bool {
	return b != nil && b[slot>>6&63]>>(slot&63)&1 != 0
}

// put sets a bit, or takes it away; a bit that is away needs no page.
func (b *slotBits) put(slot int64, on bool) *slotBits {
	if b == nil {
		if !on {
			return nil
		}
		b = new(slotBits)
	}
	word, bit := slot>>6&63, uint64(1)<<(slot&63)
	if b[word] &^= bit; on {
		b[word] |= bit
	}
	return b
}

// slotPage says of 4,096 slots what an import has put into them.
type slotPage struct {
	taken                slotBits
	void, uncertain, bad *slotBits
}

// slotSet is what an import has put into the slots of a series, in pages.
type slotSet struct {
	pages map[int64]*slotPage
	last  int64 // number of the page at hand
	page  *slotPage
}

// find turns to the page of a slot.
func (s *slotSet) find(slot int64) *slotPage {
	n := slot >> 12
	if s.page != nil && n == s.last {
		return s.page
	}
	if s.pages == nil {
		s.pages = map[int64]*slotPage{}
	}
	p, ok := s.pages[n]
	if !ok {
		p = new(slotPage)
		s.pages[n] = p
	}
	s.last, s.page = n, p
	return p
}

// state returns what is in a slot, as far as a report counts it; false: nothing.
func (s *slotSet) state(slot int64) (outcome, bool) {
	p := s.find(slot)
	if !p.taken.has(slot) {
		return outcome{}, false
	}
	o := outcome{void: p.void.has(slot)}
	switch {
	case p.bad.has(slot):
		o.status = columnar.StatusBad
	case p.uncertain.has(slot):
		o.status = columnar.StatusUncertain
	}
	return o, true
}

// set puts a sample into a slot.
func (s *slotSet) set(slot int64, o outcome) {
	p := s.find(slot)
	p.taken.put(slot, true)
	p.void = p.void.put(slot, o.void)
	p.uncertain = p.uncertain.put(slot, o.status.Quality() == columnar.Uncertain)
	p.bad = p.bad.put(slot, o.status.Quality() == columnar.Bad)
}
