package exec

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/trellisdb/trellis/columnar/kernel"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// path is what is known of a run of values of one series in order of time: what
// columnar.Summary has for a path, but with instants instead of slots.
type path struct {
	first, last float64
	from, to    int64 // instants of first and last
	resets      kernel.Exact
	area        kernel.Exact // value × microseconds
	transitions int64
	lines       bool // area by straight lines, not steps
}

// step takes in that the last value is followed by x at t.
func (p *path) step(t int64, x float64) {
	if x < p.last {
		p.resets.Add(p.last)
	}
	if x != p.last {
		p.transitions++
	}
	if p.lines {
		p.area.AddMultiple(p.last/2, t-p.to)
		p.area.AddMultiple(x/2, t-p.to)
	} else {
		p.area.AddMultiple(p.last, t-p.to)
	}
	p.last, p.to = x, t
}

// join takes in the path that follows.
func (p *path) join(next *path) {
	p.step(next.from, next.first)
	p.resets.Merge(&next.resets)
	p.area.Merge(&next.area)
	p.transitions += next.transitions
	p.last, p.to = next.last, next.to
}

// pathKey names the samples of one series in one group.
type pathKey struct {
	group  int32
	series string
}

// paths is the aggregates that follow each series through time. Runs of values in
// order of time are reduced as they come; those out of order begin a new run. Runs
// that interleave, which only a query that shuffles samples can produce, are held
// as values and sorted in the end.
type paths struct {
	function string
	args     int // number of arguments before series
	runs     map[pathKey]*seriesPath
	order    []pathKey // in the order in which they came
	groups   int
	unit     string
	shuffled bool // input comes in any order: hold all values
	held     int64
	lastKey  pathKey
	lastRuns *seriesPath
}

// seriesPath is the runs of one series in one group.
type seriesPath struct {
	paths  []path
	points []point // where the input is shuffled
}

// point is one value of a shuffled input.
type point struct {
	at    int64
	value float64
	text  string
}

func newPath(a *plan.Aggregation) accumulator {
	p := &paths{function: a.Func.Name, args: len(a.Func.Args), runs: map[pathKey]*seriesPath{}, shuffled: true}
	if len(a.Func.Args) > 1 { // summaries come without arguments
		if unit, ok := a.Args[1].(*plan.Literal); ok && unit.Value != nil {
			p.unit = unit.Value.(string)
		}
	}
	return p
}

// expectOrder tells the aggregate that the values of each series come in order of
// time, so that they need not be held. Texts are held all the same.
func (p *paths) expectOrder(value plan.Type) { p.shuffled = value == plan.Text }

func (p *paths) grow(n int) { p.groups = max(p.groups, n) }

// of returns the runs of a series in a group.
func (p *paths) of(key pathKey) *seriesPath {
	if p.lastRuns != nil && key == p.lastKey {
		return p.lastRuns
	}
	s, ok := p.runs[key]
	if !ok {
		key.series = strings.Clone(key.series)
		s = &seriesPath{}
		p.runs[key] = s
		p.order = append(p.order, key)
		p.held += 128
	}
	p.lastKey, p.lastRuns = key, s
	return s
}

func (p *paths) update(in *input) error {
	value, names, times := &in.args[0], &in.args[p.args], &in.args[p.args+1]
	var styles *eval.Vector
	if len(in.args) > p.args+2 {
		styles = &in.args[p.args+2]
	}
	if p.args > 1 && p.unit == "" && in.n > 0 && !in.args[1].IsNull(0) {
		p.unit = strings.Clone(in.args[1].Strs[0])
	}
	in.each(in.valid(p.args+2), func(i int, g int32) {
		s := p.of(pathKey{g, names.Strs[place(names, i)]})
		at := point{at: times.Ints[place(times, i)]}
		switch value.T {
		case plan.Double:
			at.value = value.Floats[place(value, i)]
		case plan.Text:
			at.text = value.Strs[place(value, i)]
		default:
			at.value = float64(value.Ints[place(value, i)])
		}
		lines := styles == nil || styles.IsNull(i) || styles.Strs[place(styles, i)] != "step"
		p.add(s, at, lines)
	})
	return nil
}

// place is where row i of a vector stands in its slice.
func place(v *eval.Vector, i int) int {
	if v.Const {
		return 0
	}
	return i
}

// add takes in a value of a series.
func (p *paths) add(s *seriesPath, at point, lines bool) {
	if p.shuffled {
		if len(s.paths) == 0 {
			s.paths = []path{{lines: lines}} // remembers the interpolation
		}
		at.text = strings.Clone(at.text)
		s.points = append(s.points, at)
		p.held += 32 + int64(len(at.text))
		return
	}
	if n := len(s.paths); n > 0 && at.at > s.paths[n-1].to {
		s.paths[n-1].step(at.at, at.value)
		return
	}
	s.paths = append(s.paths, path{first: at.value, last: at.value, from: at.at, to: at.at, lines: lines})
	p.held += 192
}

func (p *paths) summarize(group int32, row *summaryInput) {
	sum := row.values()
	if sum.Values == 0 {
		return
	}
	g := row.series.Grid
	next := path{
		first: sum.First, last: sum.Last, from: g.Time(sum.FirstSlot), to: g.Time(sum.LastSlot),
		resets: sum.Resets, transitions: sum.Transitions, lines: row.lines,
	}
	area := &sum.Steps
	if row.lines {
		area = &sum.Lines
	}
	if g.Calendar != nil { // it is by microseconds already
		next.area = *area
	} else {
		for _, term := range area.Terms() {
			next.area.AddMultiple(term, g.Period)
		}
	}
	s := p.of(pathKey{group, row.name})
	p.shuffled = false
	p.extend(s, &next)
}

// extend adds a run of values.
func (p *paths) extend(s *seriesPath, next *path) {
	if n := len(s.paths); n > 0 && next.from > s.paths[n-1].to {
		s.paths[n-1].join(next)
		return
	}
	s.paths = append(s.paths, *next)
	p.held += 192
}

func (p *paths) merge(o accumulator, to []int32) error {
	other := o.(*paths)
	p.shuffled = other.shuffled
	if p.unit == "" {
		p.unit = other.unit
	}
	for _, key := range other.order {
		from := other.runs[key]
		s := p.of(pathKey{to[key.group], key.series})
		if other.shuffled {
			if len(s.paths) == 0 {
				s.paths = from.paths
			}
			s.points = append(s.points, from.points...)
			p.held += 32 * int64(len(from.points))
			continue
		}
		for i := range from.paths {
			p.extend(s, &from.paths[i])
		}
	}
	return nil
}

// whole returns the one path of a series.
func (s *seriesPath) whole() (path, error) {
	if len(s.points) > 0 {
		return s.walk(), nil
	}
	sort.SliceStable(s.paths, func(i, j int) bool { return s.paths[i].from < s.paths[j].from })
	out := s.paths[0]
	for i := range s.paths[1:] {
		next := &s.paths[1+i]
		if next.from <= out.to {
			return out, fmt.Errorf("exec: samples of a series come in no order of time where the plan promised one")
		}
		out.join(next)
	}
	return out, nil
}

// walk sorts the points and follows them.
func (s *seriesPath) walk() path {
	slices.SortFunc(s.points, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.at, b.at), compareFloats(a.value, b.value), strings.Compare(a.text, b.text))
	})
	first := s.points[0]
	out := path{first: first.value, last: first.value, from: first.at, to: first.at, lines: s.paths[0].lines}
	for i, at := range s.points[1:] {
		if at.text != s.points[i].text {
			out.transitions++
		}
		out.step(at.at, at.value)
	}
	return out
}

func (p *paths) result() (eval.Vector, error) {
	t := pathTotals{
		sums: make([]kernel.Exact, p.groups), firsts: make([]kernel.Exact, p.groups),
		durations: make([]int64, p.groups), transitions: make([]int64, p.groups), n: make([]int64, p.groups),
	}
	for key, s := range p.runs {
		w, err := s.whole()
		if err != nil {
			return eval.Vector{}, err
		}
		t.add(p.function, key.group, &w)
	}
	unit := int64(1_000_000)
	if p.unit != "" {
		var ok bool
		if unit, ok = unitMicros(p.unit); !ok {
			return eval.Vector{}, plan.Errorf(0, plan.CodeInvalidValue, "unit %q not recognized", p.unit).
				WithHint("use microsecond, millisecond, second, minute, hour or day")
		}
	}
	some := func(g int) bool { return t.n[g] > 0 }
	if p.function == "state_changes" {
		return optional(eval.Vector{T: plan.Bigint, Ints: t.transitions}, p.groups, some), nil
	}
	out := make([]float64, p.groups)
	for g := range out {
		out[g] = t.sums[g].Round()
		switch {
		case p.function == "integral":
			out[g] /= float64(unit)
		case p.function != "time_weighted_avg":
		case t.durations[g] > 0:
			out[g] /= float64(t.durations[g])
		case t.n[g] > 0: // each series has one sample: there is no time to weigh by
			out[g] = t.firsts[g].Round() / float64(t.n[g])
		}
	}
	return optional(eval.Vector{T: plan.Double, Floats: out}, p.groups, some), nil
}

// pathTotals adds up, by group, what the paths of the group's series amount to. All
// sums are exact, so that the order of the series does not matter.
type pathTotals struct {
	sums, firsts              []kernel.Exact
	durations, transitions, n []int64
}

func (t *pathTotals) add(function string, g int32, p *path) {
	t.n[g]++
	t.durations[g] += p.to - p.from
	t.transitions[g] += p.transitions
	t.firsts[g].Add(p.first)
	switch function {
	case "delta", "increase":
		t.sums[g].Add(p.last)
		t.sums[g].Add(-p.first)
		if function == "increase" {
			t.sums[g].Merge(&p.resets)
		}
	default:
		t.sums[g].Merge(&p.area)
	}
}

func (p *paths) size() int64 { return p.held }

// unitMicros returns the microseconds of a unit of integral, in any case.
func unitMicros(unit string) (int64, bool) {
	n, ok := map[string]int64{
		"microsecond": 1, "millisecond": 1000, "second": 1_000_000,
		"minute": 60_000_000, "hour": 3_600_000_000, "day": microsPerDay,
	}[strings.TrimSuffix(strings.ToLower(strings.TrimSpace(unit)), "s")]
	return n, ok
}
