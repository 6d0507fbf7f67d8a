package eval

import (
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// membership is x IN (list). A list of constants is a set; the rest of the list
// is compared item by item.
type membership struct {
	x       node
	set     map[any]struct{}
	hasNull bool // a constant of the list is NULL
	rest    []node
	not     bool
	t       plan.Type
}

func compileIn(e *plan.In, env *Env) (node, error) {
	x, err := compile(e.X, env)
	if err != nil {
		return nil, err
	}
	items, err := compileAll(e.List, env)
	if err != nil {
		return nil, err
	}
	m := membership{x: x, set: map[any]struct{}{}, not: e.Not, t: e.X.Type()}
	for _, item := range items {
		l, ok := item.(literal)
		switch {
		case !ok:
			m.rest = append(m.rest, item)
		case l.value.Value == nil:
			m.hasNull = true
		default:
			m.set[setKey(l.value.Value)] = struct{}{}
		}
	}
	return m, nil
}

// setKey makes equal values equal Go values: intervals are normalised, and NaN
// becomes a value that equals itself.
func setKey(v any) any {
	switch v := v.(type) {
	case plan.Span:
		days, rest := spanMicros(v)
		return [2]int64{days, rest}
	case float64:
		if v != v {
			return "NaN"
		}
	}
	return v
}

func (m membership) eval(b *batch) (Vector, error) {
	x, err := m.x.eval(b)
	if err != nil {
		return Vector{}, err
	}
	rest := make([]Vector, len(m.rest))
	for k, item := range m.rest {
		if rest[k], err = item.eval(b); err != nil {
			return Vector{}, err
		}
	}
	out := make([]bool, b.n)
	valid := columnar.NewBitmap(b.n)
	last, lastFound := any(nil), false // runs of equal values are common
	for i := range out {
		if x.IsNull(i) {
			continue
		}
		v := setKey(x.Literal(i).Value)
		if v != last {
			_, lastFound = m.set[v]
			last = v
		}
		found, unknown := lastFound, m.hasNull
		for k := range rest {
			switch {
			case rest[k].IsNull(i):
				unknown = true
			case Compare(&x, i, &rest[k], i) == 0:
				found = true
			}
		}
		if found || !unknown {
			out[i] = found != m.not
			valid.Set(i)
		}
	}
	return Vector{T: plan.Boolean, Len: b.n, Bools: out, Valid: valid}, nil
}
