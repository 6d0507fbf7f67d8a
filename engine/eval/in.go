package eval

import (
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// membership is x IN (list). A list of constants is a set; the rest of the list
// is compared item by item.
type membership struct {
	x       node
	ints    map[int64]struct{}  // constants of types that hold int64
	strs    map[string]struct{} // constants of text
	set     map[any]struct{}    // other constants
	hasNull bool                // a constant of the list is NULL
	rest    []node
	not     bool
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
	m := membership{x: x, not: e.Not, ints: map[int64]struct{}{}, strs: map[string]struct{}{}, set: map[any]struct{}{}}
	for _, item := range items {
		l, ok := item.(literal)
		if !ok {
			m.rest = append(m.rest, item)
			continue
		}
		switch v := l.value.Value.(type) {
		case nil:
			m.hasNull = true
		case int64:
			m.ints[v] = struct{}{}
		case string:
			m.strs[v] = struct{}{}
		default:
			m.set[setKey(v)] = struct{}{}
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

// has reports whether value i, which is not NULL, is one of the constants.
func (m membership) has(x *Vector, i int) (found bool) {
	i &= x.mask()
	switch {
	case x.Ints != nil:
		_, found = m.ints[x.Ints[i]]
	case x.Strs != nil:
		_, found = m.strs[x.Strs[i]]
	default:
		_, found = m.set[setKey(x.Literal(i).Value)]
	}
	return found
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
	for i := range out {
		if x.IsNull(i) {
			continue
		}
		found, unknown := m.has(&x, i), m.hasNull
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
