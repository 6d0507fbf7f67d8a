package store_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// life is the slow reference of a store whose history is edited: what every slot
// holds, which edit said so, and all that it ever held.
type life struct {
	*model
	marks []map[int64]lifeMark      // by series
	past  []map[int64][]lifeVersion // what edits took away, which stays
	ever  []map[int64][]lifeVersion // all versions that there ever were
	then  map[int64]*life           // earlier states, by snapshot
	purge []lifePurge
}

// lifeMark is what an edit did to a slot.
type lifeMark struct {
	mark columnar.Mark
	edit int64
}

// lifeVersion is a version of a slot; of a slot without a sample, that of a
// deletion.
type lifeVersion struct {
	present bool
	sample  modelSample
	lifeMark
}

type lifePurge struct {
	snapshot int64
	series   int
	ranges   []columnar.Range
}

func newLife(t testing.TB, d *database) *life {
	m := &life{model: newModel(t, d), then: map[int64]*life{}}
	for range m.series {
		m.marks = append(m.marks, map[int64]lifeMark{})
		m.past = append(m.past, map[int64][]lifeVersion{})
		m.ever = append(m.ever, map[int64][]lifeVersion{})
	}
	return m
}

// clone returns a copy; earlier states are shared.
func (m *life) clone() *life {
	c := &life{model: m.model.clone(), then: maps.Clone(m.then), purge: slices.Clone(m.purge)}
	for i := range m.series {
		c.marks = append(c.marks, maps.Clone(m.marks[i]))
		c.past = append(c.past, maps.Clone(m.past[i]))
		c.ever = append(c.ever, maps.Clone(m.ever[i]))
	}
	return c
}

// version returns the present version of a slot; ok is false where there never was
// one.
func (m *life) version(i int, slot int64) (lifeVersion, bool) {
	s, present := m.slots[i][slot]
	mark, marked := m.marks[i][slot]
	return lifeVersion{present, s, mark}, present || marked
}

// note takes the present version of a slot into all that there ever were.
func (m *life) note(i int, slot int64) {
	v, ok := m.version(i, slot)
	if ok && !slices.Contains(m.ever[i][slot], v) {
		m.ever[i][slot] = append(slices.Clone(m.ever[i][slot]), v)
	}
}

// batch is a batch of the model, of which the marks of edits go.
func (m *life) batch(r *rand.Rand) []columnar.Samples {
	batch := m.model.batch(r)
	for k := range batch {
		i := m.index(batch[k].Series)
		for _, t := range batch[k].Times {
			slot := m.series[i].Grid.Slot(t)
			delete(m.marks[i], slot)
			m.note(i, slot)
		}
	}
	return batch
}

func (m *life) index(s columnar.Series) int { return slices.Index(m.series, s) }

// lifeEdit is an edit in the making: what it does to each slot.
type lifeEdit struct {
	ops    []map[int64]lifeOp
	unlike bool
}

type lifeOp struct {
	kind   byte // 'w'rite, 's'tatus, 'd'elete
	sample modelSample
}

func (m *life) newEdit() *lifeEdit {
	e := &lifeEdit{}
	for range m.series {
		e.ops = append(e.ops, map[int64]lifeOp{})
	}
	return e
}

// random gives an edit a random operation, and the editor too.
func (m *life) random(t testing.TB, r *rand.Rand, e *lifeEdit, to columnar.Editor) error {
	t.Helper()
	i := r.IntN(len(m.series))
	s := m.series[i]
	ctx := context.Background()
	switch r.IntN(4) {
	case 0, 1:
		scratch := m.model.clone()
		scratch.slots[i] = map[int64]modelSample{}
		in := scratch.samples(r, i)
		for slot, sample := range scratch.slots[i] {
			e.ops[i][slot] = lifeOp{'w', sample}
		}
		return to.Write(ctx, []columnar.Samples{in})
	case 2:
		ranges := someRanges(r, s)
		for _, slot := range e.slots(m, i, ranges) {
			e.ops[i][slot] = lifeOp{kind: 'd'}
		}
		return to.Delete(ctx, s, ranges)
	}
	var times []int64
	var status []columnar.Status
	for _, slot := range e.slots(m, i, someRanges(r, s)) {
		st := statuses[r.IntN(len(statuses))]
		times, status = append(times, s.Grid.Time(slot)), append(status, st)
		switch op, given := e.ops[i][slot]; {
		case !given:
			e.ops[i][slot] = lifeOp{'s', modelSample{status: st}}
		case op.kind == 'w' && (op.sample.value != nil || st.Quality() == columnar.Bad):
			op.sample.status = st
			e.ops[i][slot] = op
		case op.kind == 's':
			e.ops[i][slot] = lifeOp{'s', modelSample{status: st}}
		}
	}
	return to.Reclassify(ctx, s, times, status)
}

// someRanges returns one or two ranges of a series.
func someRanges(r *rand.Rand, s columnar.Series) (ranges []columnar.Range) {
	at := s.Grid.Time(int64(r.IntN(600) - 350))
	for range 1 + r.IntN(2) {
		from := at + r.Int64N(40*s.Grid.Period)
		at = from + r.Int64N(150*s.Grid.Period)
		ranges = append(ranges, columnar.Range{From: from, To: at})
	}
	return ranges
}

// slots returns the slots in the ranges that have a sample or an operation.
func (e *lifeEdit) slots(m *life, i int, ranges []columnar.Range) []int64 {
	var all []int64
	g := m.series[i].Grid
	within := func(slot int64) bool {
		t := g.Time(slot)
		return slices.ContainsFunc(ranges, func(r columnar.Range) bool { return t >= r.From && t < r.To })
	}
	for slot := range m.slots[i] {
		if within(slot) {
			all = append(all, slot)
		}
	}
	for slot := range e.ops[i] {
		if within(slot) {
			all = append(all, slot)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// restore makes an edit put a range back to what an earlier state has.
func (e *lifeEdit) restore(m, then *life, i int, ranges []columnar.Range) {
	e.unlike = true
	for _, slot := range append(e.slots(m, i, ranges), e.slots(then, i, ranges)...) {
		if old, ok := then.slots[i][slot]; ok {
			e.ops[i][slot] = lifeOp{'w', old}
		} else {
			e.ops[i][slot] = lifeOp{kind: 'd'}
		}
	}
}

// apply makes the edit of that id happen and counts what it touches.
func (m *life) apply(e *lifeEdit, id int64) (counts columnar.EditCounts) {
	for i, ops := range e.ops {
		for slot, op := range ops {
			was, present := m.slots[i][slot]
			before, _ := m.version(i, slot)
			mark := columnar.Replaced
			switch {
			case op.kind == 'w' && e.unlike && present && was == op.sample:
				continue
			case op.kind == 'w' && !present:
				mark = columnar.Inserted
				counts.Inserted++
			case op.kind == 'w':
				counts.Replaced++
			case !present:
				continue
			case op.kind == 's':
				status := op.sample.status
				if status == was.status || was.value == nil && status.Quality() != columnar.Bad {
					continue
				}
				op.sample = modelSample{was.value, status}
				counts.Replaced++
			default:
				mark = columnar.Deleted
				counts.Deleted++
			}
			if present {
				m.past[i][slot] = append(slices.Clone(m.past[i][slot]), before)
			}
			if mark == columnar.Deleted {
				delete(m.slots[i], slot)
			} else {
				m.slots[i][slot] = op.sample
			}
			m.marks[i][slot] = lifeMark{mark, id}
			m.note(i, slot)
		}
	}
	return counts
}

// checkHistory compares the history of a range with what edits took away: all of
// that is there, in order, nothing is there that never was, and the last version is
// the present one.
func (m *life) checkHistory(t testing.TB, d *database, r *rand.Rand) {
	t.Helper()
	i := r.IntN(len(m.series))
	s := m.series[i]
	span := someRanges(r, s)[0]
	got := map[int64][]lifeVersion{}
	snapshots := map[int64][][2]int64{}
	err := d.History(context.Background(), s, span, func(v *columnar.Version) bool {
		one := lifeVersion{present: v.Present, lifeMark: lifeMark{v.Mark, v.Edit}}
		if v.Present {
			one.sample.status = v.Status
			switch {
			case v.Void:
			case s.Type.Kind() == columnar.Floats:
				one.sample.value = v.Float
			case s.Type.Kind() == columnar.Ints:
				one.sample.value = v.Int
			default:
				one.sample.value = v.Text
			}
		}
		slot := s.Grid.Slot(v.Time)
		got[slot] = append(got[slot], one)
		snapshots[slot] = append(snapshots[slot], [2]int64{v.From, v.To})
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	for slot := s.Grid.SlotAtOrAfter(span.From); slot < s.Grid.SlotAtOrAfter(span.To); slot++ {
		versions := got[slot]
		at := 0
		for n, want := range m.past[i][slot] {
			if n > 0 && want == m.past[i][slot][n-1] {
				at-- // what was in between may have gone
			}
			k := slices.Index(versions[min(at, len(versions)):], want)
			if k < 0 {
				t.Fatalf("series %d: slot %d: version %+v is not in the history %+v, after %+v", i, slot, want, versions, m.past[i][slot][:n])
			}
			at += k + 1
		}
		for k, v := range versions {
			if !slices.Contains(m.ever[i][slot], v) {
				t.Fatalf("series %d: slot %d: version %+v never was; there were %+v", i, slot, v, m.ever[i][slot])
			}
			if k > 0 && snapshots[slot][k-1][1] != snapshots[slot][k][0] {
				t.Fatalf("series %d: slot %d: snapshots of the versions %v do not follow each other", i, slot, snapshots[slot])
			}
		}
		now, ok := m.version(i, slot)
		if ok != (len(versions) > 0) || ok && versions[len(versions)-1] != now {
			t.Fatalf("series %d: slot %d: the history %+v does not end with %+v, %v", i, slot, versions, now, ok)
		}
	}
}

// checkPast compares the answer of an earlier snapshot with what was there then.
func (m *life) checkPast(t testing.TB, d *database, r *rand.Rand) {
	t.Helper()
	snapshots := slices.Sorted(maps.Keys(m.then))
	if len(snapshots) == 0 {
		return
	}
	snapshot := snapshots[r.IntN(len(snapshots))]
	then := m.then[snapshot]
	sel := then.selection(r)
	sel.Snapshot = snapshot
	got, err := collectSamples(d.Store, sel)
	if m.purged(sel) {
		if !errors.Is(err, meta.ErrNotFound) {
			t.Fatalf("snapshot %d: what was purged is answered: %v", snapshot, err)
		}
		return
	}
	if errors.Is(err, meta.ErrNotFound) && !kept(t, d, snapshot) {
		delete(m.then, snapshot)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for k := range got {
		if sel.Series[got[k].series].Type == columnar.Text {
			got[k].value = nil
		}
	}
	if want := then.wantSamples(sel); !slices.Equal(got, want) {
		t.Fatalf("snapshot %d: %d samples, want %d", snapshot, len(got), len(want))
	}
	rows, want := readSummaries(t, d.Store, sel), then.wantSummaries(sel)
	if len(rows) != len(want) {
		t.Fatalf("snapshot %d: %d summaries, want %d", snapshot, len(rows), len(want))
	}
	for k := range rows {
		isText := sel.Series[rows[k].Series].Type == columnar.Text
		if g, w := textOf(&rows[k], sel.Stats, isText), textOf(&want[k], sel.Stats, isText); g != w {
			t.Fatalf("snapshot %d: row %d of summaries:\n%s, want\n%s", snapshot, k, g, w)
		}
	}
}

// purged reports whether a selection of an earlier snapshot touches what was
// purged later.
func (m *life) purged(sel columnar.Selection) bool {
	for _, p := range m.purge {
		k := slices.Index(sel.Series, m.series[p.series])
		if p.snapshot <= sel.Snapshot || k < 0 {
			continue
		}
		for _, a := range p.ranges {
			for _, b := range sel.Ranges[k] {
				if a.From < b.To && a.To > b.From {
					return true
				}
			}
		}
	}
	return false
}

func kept(t testing.TB, d *database, snapshot int64) bool {
	t.Helper()
	all, err := d.catalog.Snapshots(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(all, func(s meta.Snapshot) bool { return s.ID == snapshot && s.Kept })
}

// checkChanges compares the changes between two states with what differs.
func (m *life) checkChanges(t testing.TB, d *database, r *rand.Rand) {
	t.Helper()
	snapshots := slices.Sorted(maps.Keys(m.then))
	snapshots = slices.DeleteFunc(snapshots, func(s int64) bool { return !kept(t, d, s) })
	if len(snapshots) < 2 || len(m.purge) > 0 {
		return
	}
	from := r.IntN(len(snapshots) - 1)
	to := from + 1 + r.IntN(len(snapshots)-from-1)
	a, b := m.then[snapshots[from]], m.then[snapshots[to]]
	got := make([]map[int64]bool, len(m.series))
	var counts, want columnar.EditCounts
	for i := range got {
		got[i] = map[int64]bool{}
	}
	err := d.Changes(context.Background(), m.series, snapshots[from], snapshots[to], func(c columnar.Change) bool {
		g := m.series[c.Series].Grid
		for slot := g.Slot(c.From); slot < g.Slot(c.To); slot++ {
			got[c.Series][slot] = true
		}
		counts.Add(c.EditCounts)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range m.series {
		differ := map[int64]bool{}
		for slot, was := range a.slots[i] {
			if now, ok := b.slots[i][slot]; !ok {
				differ[slot] = true
				want.Deleted++
			} else if now != was {
				differ[slot] = true
				want.Replaced++
			}
		}
		for slot := range b.slots[i] {
			if _, ok := a.slots[i][slot]; !ok {
				differ[slot] = true
				want.Inserted++
			}
		}
		if !maps.Equal(got[i], differ) {
			t.Fatalf("series %d: snapshots %d and %d differ in %d slots, not in %d", i, snapshots[from], snapshots[to], len(differ), len(got[i]))
		}
	}
	if counts != want {
		t.Fatalf("the changes are %+v, want %+v", counts, want)
	}
}
