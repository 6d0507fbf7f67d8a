package exec

import (
	"github.com/trellisdb/trellis/columnar/kernel"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// newExtreme returns min (sign -1) or max (sign 1).
func newExtreme(sign int) func(*plan.Aggregation) accumulator {
	return func(a *plan.Aggregation) accumulator {
		if a.Func.Args[0] == plan.Double {
			return &floatExtremes{sign: float64(sign)}
		}
		t := a.Func.Args[0]
		return &picks{sign: sign, by: column{t: t}, payload: column{t: t}}
	}
}

// newPick returns first, last, min_by or max_by: the first argument at the least
// (sign -1) or greatest (sign 1) second one.
func newPick(sign int) func(*plan.Aggregation) accumulator {
	return func(a *plan.Aggregation) accumulator {
		by := plan.Timestamptz
		if len(a.Func.Args) > 1 {
			by = a.Func.Args[1]
		}
		return &picks{sign: sign, byArg: 1, by: column{t: by}, payload: column{t: a.Func.Args[0]}}
	}
}

// picks keeps for each group the row with the least or the greatest value of an
// argument; of several the first.
type picks struct {
	sign    int
	byArg   int // argument by which a row is chosen
	by      column
	payload column
	some    []bool
}

func (p *picks) grow(n int) {
	p.by.grow(n)
	p.payload.grow(n)
	p.some = extend(p.some, n)
}

func (p *picks) update(in *input) error {
	p.pick(in, &in.args[p.byArg], &in.args[0])
	return nil
}

func (p *picks) pick(in *input, by, payload *eval.Vector) {
	state := eval.Vector{T: p.by.t, Bools: p.by.bools, Ints: p.by.ints, Floats: p.by.floats, Strs: p.by.strs, Spans: p.by.spans}
	in.each(in.valid(len(in.args)), func(i int, g int32) {
		if p.some[g] && compareAt(by, i, &state, int(g))*p.sign <= 0 {
			return
		}
		p.some[g] = true
		p.by.set(int(g), by, i)
		p.payload.set(int(g), payload, i)
	})
}

func (p *picks) merge(o accumulator, to []int32) error {
	other := o.(*picks)
	by, payload := other.by.vector(), other.payload.vector()
	in := input{n: by.Len, args: []eval.Vector{by}, ids: to}
	p.pick(&in, &by, &payload)
	return nil
}

func (p *picks) result() (eval.Vector, error) { return p.payload.vector(), nil }

func (p *picks) size() int64 { return p.by.size() + p.payload.size() + int64(cap(p.some)) }

// summarize takes the row that a summary knows: the first or last value and its
// time, the least or greatest value and its time.
func (p *picks) summarize(group int32, row *summaryInput) {
	s := row.values()
	if row.subject == ofTime {
		s = &row.Summary
	}
	if s.Values == 0 {
		return
	}
	var value float64
	var slot int64
	switch byValue := p.by.t == plan.Double; {
	case byValue && p.sign < 0:
		value, slot = s.Min, s.MinSlot
	case byValue:
		value, slot = s.Max, s.MaxSlot
	case p.sign < 0:
		value, slot = s.First, s.FirstSlot
	default:
		value, slot = s.Last, s.LastSlot
	}
	values := eval.Vector{T: plan.Double, Len: 1, Floats: []float64{value}}
	times := eval.Vector{T: plan.Timestamptz, Len: 1, Ints: []int64{row.series.Grid.Time(slot)}}
	by, payload := &times, &values
	if p.by.t == plan.Double {
		by = &values
	}
	if p.payload.t != plan.Double {
		payload = &times
	}
	in := input{n: 1, ids: []int32{group}}
	p.pick(&in, by, payload)
}

// floatExtremes is min (sign -1) and max (sign 1) of doubles.
type floatExtremes struct {
	sign   float64
	values []float64
	some   []bool
}

func (e *floatExtremes) grow(n int) { e.values, e.some = extend(e.values, n), extend(e.some, n) }

func (e *floatExtremes) update(in *input) error {
	valid := in.valid(1)
	v := &in.args[0]
	if !in.inRuns() {
		at := -1
		if v.Const {
			at = 0
		}
		in.each(valid, func(i int, g int32) { e.add(g, v.Floats[i&at]) })
		return nil
	}
	for _, r := range in.runs {
		least, greatest, n := kernel.MinMax(v.Floats[r.from:r.to], from(valid, r.from, r.to))
		switch {
		case n == 0:
		case e.sign < 0:
			e.add(r.group, least)
		default:
			e.add(r.group, greatest)
		}
	}
	return nil
}

// add takes in a value: the first of equal ones stays.
func (e *floatExtremes) add(g int32, x float64) {
	if !e.some[g] || compareFloats(x, e.values[g]) == int(e.sign) {
		e.values[g], e.some[g] = x, true
	}
}

func (e *floatExtremes) summarize(group int32, row *summaryInput) {
	s := row.values()
	switch {
	case s.Values == 0:
	case e.sign < 0:
		e.add(group, s.Min)
	default:
		e.add(group, s.Max)
	}
}

func (e *floatExtremes) merge(o accumulator, to []int32) error {
	other := o.(*floatExtremes)
	for g, some := range other.some {
		if some {
			e.add(to[g], other.values[g])
		}
	}
	return nil
}

func (e *floatExtremes) result() (eval.Vector, error) {
	return optional(eval.Vector{T: plan.Double, Floats: e.values}, len(e.values), func(g int) bool { return e.some[g] }), nil
}

func (e *floatExtremes) size() int64 { return 9 * int64(cap(e.values)) }

// newLogical returns bool_and (all) or bool_or.
func newLogical(all bool) func(*plan.Aggregation) accumulator {
	sign := 1 // true is the greater one
	if all {
		sign = -1
	}
	return func(*plan.Aggregation) accumulator {
		return &picks{sign: sign, by: column{t: plan.Boolean}, payload: column{t: plan.Boolean}}
	}
}
