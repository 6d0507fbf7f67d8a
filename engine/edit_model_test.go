package engine_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/columnar"
)

// modelSample is a sample as a user thinks of it.
type modelSample struct {
	void   bool
	value  int64
	status columnar.Status
	mark   columnar.Mark
}

// value is what the column value shows; false for NULL.
func (s modelSample) shown() (int64, bool) {
	return s.value, !s.void && s.status.Quality() != columnar.Bad
}

// editModel is a series as edits by SQL have to leave it: by slot.
type editModel struct {
	t       *testing.T
	d       *edited
	rnd     *rand.Rand
	samples map[int]modelSample
	past    map[string]map[int]modelSample // by pin
	done    []string
}

const (
	modelSlots = 200
	modelSeeds = uint64(4)
)

// where is a condition: its text, and which slots it is true for.
func (m *editModel) where() (text string, holds func(i int, s modelSample) bool) {
	from := m.rnd.IntN(modelSlots)
	to := from + 1 + m.rnd.IntN(modelSlots/4)
	text = fmt.Sprintf("time >= to_timestamp(%d) AND time < to_timestamp(%d)", from, to)
	in := func(i int) bool { return i >= from && i < to }
	switch m.rnd.IntN(5) {
	case 0:
		return text + " AND quality = 'good'", func(i int, s modelSample) bool { return in(i) && s.status.Quality() == columnar.Good }
	case 1:
		return text + " AND value > 50", func(i int, s modelSample) bool {
			v, ok := s.shown()
			return in(i) && ok && v > 50
		}
	case 2:
		return text + " AND raw_value IS NOT NULL", func(i int, s modelSample) bool { return in(i) && !s.void }
	}
	return text, func(i int, _ modelSample) bool { return in(i) }
}

// step runs one statement and does the same to the model.
func (m *editModel) step() {
	x := int64(m.rnd.IntN(100))
	status := []columnar.Status{0, columnar.StatusUncertain, 0x4090_0000, columnar.StatusBad, columnar.StatusBadNoData}[m.rnd.IntN(5)]
	switch m.rnd.IntN(12) {
	case 0, 1, 2:
		m.insert(m.rnd.IntN(2) == 0)
	case 3:
		m.update("value = value + 1", func(s *modelSample) bool {
			if _, ok := s.shown(); ok {
				s.value++
				return true
			}
			return false
		})
	case 4:
		m.update(fmt.Sprintf("value = %d", x), func(s *modelSample) bool {
			s.void, s.value = false, x
			return true
		})
	case 5:
		m.update(fmt.Sprintf("value = %d, status = %d", x, status), func(s *modelSample) bool {
			s.void, s.value, s.status = false, x, status
			return true
		})
	case 6:
		m.update("value = nullif(value, 7)", func(s *modelSample) bool {
			v, ok := s.shown()
			if ok && v == 7 {
				*s = modelSample{void: true, status: columnar.StatusBadNoData, mark: s.mark}
			}
			return ok
		})
	case 7:
		m.update("status = CASE WHEN raw_value IS NULL THEN status ELSE "+strconv.FormatInt(int64(status), 10)+" END", func(s *modelSample) bool {
			changes := !s.void && s.status != status
			if changes {
				s.status = status
			}
			return changes
		})
	case 8:
		m.update("quality = 'bad'", func(s *modelSample) bool {
			changes := s.status.Quality() != columnar.Bad
			if changes {
				s.status = columnar.StatusBad
			}
			return changes
		})
	case 9:
		text, holds := m.where()
		n := int64(0)
		for i, s := range m.samples {
			if holds(i, s) {
				delete(m.samples, i)
				n++
			}
		}
		m.run("DELETE FROM samples WHERE series = 'm' AND "+text, n)
	case 10:
		m.run("CALL flush()", 0)
		name := "p" + strconv.Itoa(len(m.past))
		m.run("CALL pin_snapshot('"+name+"')", 0)
		m.past[name] = maps.Clone(m.samples)
	case 11:
		m.restore()
	}
}

// insert writes samples, late or as an edit.
func (m *editModel) insert(edit bool) {
	var rows []string
	before := maps.Clone(m.samples)
	for range 1 + m.rnd.IntN(20) {
		i, x, q := m.rnd.IntN(modelSlots), m.rnd.IntN(100), columnar.Quality(m.rnd.IntN(3))
		s := modelSample{value: int64(x), status: columnar.Status(q) << 30}
		text := strconv.Itoa(x)
		if x < 10 {
			text = "NULL"
			if s.void, s.value = true, 0; q != columnar.Bad {
				s.status = columnar.StatusBadNoData
			}
		}
		if edit {
			if s.mark = columnar.Inserted; hasSample(before, i) {
				s.mark = columnar.Replaced
			}
		}
		m.samples[i] = s
		rows = append(rows, fmt.Sprintf("('m', to_timestamp(%d), %s, '%s')", i, text, q))
	}
	if edit {
		m.run("SET trellis.backfill = on", 0)
		defer m.run("SET trellis.backfill = off", 0)
	}
	m.run("INSERT INTO samples (series, time, value, quality) VALUES "+strings.Join(rows, ", "), int64(len(rows)))
}

func hasSample(samples map[int]modelSample, i int) bool {
	_, ok := samples[i]
	return ok
}

// update runs an UPDATE; change does to a sample what it does, and says whether it is
// touched.
func (m *editModel) update(set string, change func(s *modelSample) bool) {
	text, holds := m.where()
	n := int64(0)
	for i, s := range m.samples {
		if holds(i, s) && change(&s) {
			s.mark = columnar.Replaced
			m.samples[i] = s
			n++
		}
	}
	m.run("UPDATE samples SET "+set+" WHERE series = 'm' AND "+text, n)
}

// restore puts a range back to what a pin has.
func (m *editModel) restore() {
	if len(m.past) == 0 {
		return
	}
	name := "p" + strconv.Itoa(m.rnd.IntN(len(m.past)))
	from := m.rnd.IntN(modelSlots)
	to := from + 1 + m.rnd.IntN(modelSlots/2)
	n := int64(0)
	for i := from; i < to; i++ {
		now, is := m.samples[i]
		then, was := m.past[name][i]
		now.mark, then.mark = 0, 0
		switch {
		case is == was && now == then:
			continue
		case !was:
			delete(m.samples, i)
		default:
			if then.mark = columnar.Inserted; is {
				then.mark = columnar.Replaced
			}
			m.samples[i] = then
		}
		n++
	}
	m.run(fmt.Sprintf("CALL restore_samples('m', to_timestamp(%d), to_timestamp(%d), (SELECT snapshot FROM system.pins WHERE name = '%s'))", from, to, name), n)
}

// run runs a statement and compares how many samples it touched, and what is there
// then.
func (m *editModel) run(text string, want int64) {
	m.t.Helper()
	m.done = append(m.done, text)
	if got := m.d.exec(text); got != want {
		m.t.Fatalf("%s\ntouched %d samples, want %d", strings.Join(m.done, ";\n"), got, want)
	}
	if !strings.HasPrefix(text, "SET") {
		m.compare("samples", m.samples, true)
		m.summarized("samples", m.samples)
	}
}

// compare compares what is read with a state of the model.
func (m *editModel) compare(from string, want map[int]modelSample, marks bool) {
	m.t.Helper()
	edit := "edit"
	if !marks {
		edit = "NULL"
	}
	got, err := query(m.t, m.d.Engine, m.d.s, "SELECT extract(epoch FROM time)::bigint, raw_value, status, "+edit+" FROM "+from+" WHERE series = 'm' ORDER BY time")
	if err != nil {
		m.t.Fatal(err)
	}
	var b strings.Builder
	for i := range modelSlots {
		s, ok := want[i]
		if !ok {
			continue
		}
		value := ""
		if !s.void {
			value = strconv.FormatInt(s.value, 10)
		}
		mark := s.mark.String()
		if !marks {
			mark = ""
		}
		fmt.Fprintf(&b, "%d|%s|%d|%s\n", i, value, s.status, mark)
	}
	if got != b.String() {
		m.t.Fatalf("%s\nleaves in %s what differs (-want +got):\n%s", strings.Join(m.done, ";\n"), from, cmp.Diff(b.String(), got))
	}
}

// summarized compares what the summaries of blocks tell with a state of the model.
func (m *editModel) summarized(from string, want map[int]modelSample) {
	m.t.Helper()
	values, sum := 0, int64(0)
	for _, s := range want {
		if v, ok := s.shown(); ok {
			values++
			sum += v
		}
	}
	total := strconv.FormatInt(sum, 10)
	if values == 0 {
		total = ""
	}
	line := fmt.Sprintf("%d|%d|%s\n", len(want), values, total)
	got, err := query(m.t, m.d.Engine, m.d.s, "SELECT count(*), count(value), sum(value) FROM "+from+" WHERE series = 'm'")
	if err != nil || got != line {
		m.t.Fatalf("%s\nleaves in %s, by summary, %s, %v; want %s", strings.Join(m.done, ";\n"), from, got, err, line)
	}
}

// TestEditsBySQLAgreeWithAModel runs random edits against a map, and reads all pinned
// states at the end.
func TestEditsBySQLAgreeWithAModel(t *testing.T) {
	for seed := range modelSeeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			for _, kind := range []string{"double", "integer"} {
				d := openEmpty(t, nil)
				d.exec("INSERT INTO series (series, type, sample_t, block_n) VALUES ('m', '" + kind + "', '1 s', 32)")
				m := &editModel{t: t, d: d, rnd: rand.New(rand.NewPCG(seed, 1)), samples: map[int]modelSample{}, past: map[string]map[int]modelSample{}}
				m.insert(false)
				for range 60 {
					m.step()
				}
				for name, then := range m.past {
					from := "samples_as_of((SELECT snapshot FROM system.pins WHERE name = '" + name + "'))"
					m.compare(from, then, false)
					m.summarized(from, then)
				}
			}
		})
	}
}
