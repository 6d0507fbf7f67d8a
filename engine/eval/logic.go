package eval

import (
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// connective is AND (stop false) or OR (stop true) of any number of conditions,
// by Kleene's logic. A condition is not evaluated for rows that an earlier one
// has decided.
type connective struct {
	args []node
	stop bool // the value that decides
}

func (c connective) eval(b *batch) (Vector, error) {
	out := repeat(!c.stop, b.n)
	var unknown columnar.Bitmap // rows of which a condition so far was NULL
	rows := []int32(nil)        // rows not decided yet; nil: all
	for k, arg := range c.args {
		in := b
		if rows != nil {
			in = b.at(rows)
		}
		v, err := arg.eval(in)
		if err != nil {
			return Vector{}, err
		}
		m := v.mask()
		for j := range in.n {
			i := j
			if rows != nil {
				i = int(rows[j])
			}
			switch {
			case v.IsNull(j):
				if unknown == nil {
					unknown = columnar.NewBitmap(b.n)
				}
				unknown.Set(i)
			case v.Bools[j&m] == c.stop:
				out[i] = c.stop
			}
		}
		if k == len(c.args)-1 {
			break
		}
		if rows = undecided(out, c.stop); len(rows) == 0 {
			break
		}
		if len(rows) == b.n {
			rows = nil
		}
	}
	return Vector{T: plan.Boolean, Len: b.n, Bools: out, Valid: c.validity(out, unknown)}, nil
}

// undecided returns the rows whose value is not stop.
func undecided(out []bool, stop bool) []int32 {
	rows := make([]int32, 0, len(out))
	for i, x := range out {
		if x != stop {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

// validity returns the rows that are not NULL: those decided, or never unknown.
func (c connective) validity(out []bool, unknown columnar.Bitmap) columnar.Bitmap {
	if unknown == nil {
		return nil
	}
	valid := columnar.FullBitmap(len(out))
	for i := unknown.Next(0, len(out)); i < len(out); i = unknown.Next(i+1, len(out)) {
		if out[i] != c.stop {
			valid.Clear(i)
		}
	}
	return valid
}

// coalesce is the first argument that is not NULL.
type coalesce struct {
	args []node
	t    plan.Type
}

func (c coalesce) eval(b *batch) (Vector, error) {
	first, err := c.args[0].eval(b)
	if err != nil || first.Valid == nil {
		return first, err
	}
	out := newMerge(c.t, b.n)
	rest := out.fill(&first, nil)
	for _, arg := range c.args[1:] {
		if len(rest) == 0 {
			break
		}
		v, err := arg.eval(b.at(rest))
		if err != nil {
			return Vector{}, err
		}
		rest = out.fill(&v, rest)
	}
	return out.v, nil
}

// merge puts a vector together from pieces that belong to some of its rows.
type merge struct{ v Vector }

func newMerge(t plan.Type, n int) *merge {
	m := &merge{v: Vector{T: t, Len: n, Valid: columnar.NewBitmap(n)}}
	m.v.alloc(n)
	return m
}

// fill copies the values of src, whose row j is row rows[j] of the result (nil:
// row j), and returns the rows in which src is NULL.
func (m *merge) fill(src *Vector, rows []int32) (missing []int32) {
	for j := range src.Len {
		i := j
		if rows != nil {
			i = int(rows[j])
		}
		if src.IsNull(j) {
			missing = append(missing, int32(i))
			continue
		}
		m.v.copyFrom(i, src, j)
		m.v.Valid.Set(i)
	}
	return missing
}

// choice is CASE.
type choice struct {
	ifs, thens []node
	other      node
	t          plan.Type
}

func compileCase(e *plan.Case, env *Env) (node, error) {
	c := choice{t: e.T}
	for _, w := range e.Whens {
		pair, err := compileAll([]plan.Expr{w.If, w.Then}, env)
		if err != nil {
			return nil, err
		}
		c.ifs, c.thens = append(c.ifs, pair[0]), append(c.thens, pair[1])
	}
	var err error
	c.other, err = compile(e.Else, env)
	return c, err
}

func (c choice) eval(b *batch) (Vector, error) {
	out := newMerge(c.t, b.n)
	rest := make([]int32, b.n)
	for i := range rest {
		rest[i] = int32(i)
	}
	for k := range c.ifs {
		if len(rest) == 0 {
			break
		}
		v, err := c.ifs[k].eval(b.at(rest))
		if err != nil {
			return Vector{}, err
		}
		var yes, no []int32
		m := v.mask()
		for j, row := range rest {
			if !v.IsNull(j) && v.Bools[j&m] {
				yes = append(yes, row)
			} else {
				no = append(no, row)
			}
		}
		if err := c.put(out, c.thens[k], b, yes); err != nil {
			return Vector{}, err
		}
		rest = no
	}
	return out.v, c.put(out, c.other, b, rest)
}

// put evaluates n for some rows and puts its values into the result.
func (c choice) put(out *merge, n node, b *batch, rows []int32) error {
	if len(rows) == 0 {
		return nil
	}
	v, err := n.eval(b.at(rows))
	if err != nil {
		return err
	}
	if v.T == plan.Unknown { // a bare NULL
		return nil
	}
	out.fill(&v, rows)
	return nil
}

// Functions of logic that see NULL.
var (
	_ = register("not", unary(func(a bool) bool { return !a }), plan.Boolean)
	_ = register("istrue", isTruth(true, true), plan.Boolean)
	_ = register("isnottrue", isTruth(true, false), plan.Boolean)
	_ = register("isfalse", isTruth(false, true), plan.Boolean)
	_ = register("isnotfalse", isTruth(false, false), plan.Boolean)
	_ = registerNullTests()
)

// isTruth tests for a truth value: NULL is neither.
func isTruth(want, answer bool) vectorFunc {
	return func(_ *callContext, args []Vector, n int) (Vector, error) {
		out := make([]bool, n)
		m := args[0].mask()
		for i := range out {
			is := !args[0].IsNull(i) && args[0].Bools[i&m] == want
			out[i] = is == answer
		}
		return of(out, nil), nil
	}
}

// nullTest is IS NULL (answer true) or IS NOT NULL.
func nullTest(answer bool) vectorFunc {
	return func(_ *callContext, args []Vector, n int) (Vector, error) {
		out := make([]bool, n)
		for i := range out {
			out[i] = args[0].IsNull(i) == answer
		}
		return of(out, nil), nil
	}
}

func registerNullTests() struct{} {
	for t := plan.Boolean; t <= plan.JSON; t++ {
		register("isnull", nullTest(true), t)
		register("isnotnull", nullTest(false), t)
	}
	return struct{}{}
}
