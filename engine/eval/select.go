package eval

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/kernel"
	"github.com/trellisdb/trellis/engine/plan"
)

// Select evaluates a condition over a batch and returns the rows in which it is
// true, and how many there are.
func (p *Program) Select(in arrow.RecordBatch) (columnar.Bitmap, int, error) {
	b := newBatch(in)
	keep, err := choose(p.root, b)
	if err != nil {
		return nil, 0, err
	}
	return keep, keep.Count(), nil
}

// selector is a condition that finds the rows in which it is true faster than by
// evaluating it to a vector.
type selector interface {
	node
	// choose returns the rows in which the condition is true. The caller may change
	// the bitmap.
	choose(b *batch) (columnar.Bitmap, error)
	// total reports whether the condition has a value in every row, so that it may be
	// evaluated where that is not necessary.
	total() bool
}

// choose returns the rows of a batch in which a condition is true.
func choose(n node, b *batch) (columnar.Bitmap, error) {
	if s, ok := n.(selector); ok {
		return s.choose(b)
	}
	v, err := n.eval(b)
	if err != nil {
		return nil, err
	}
	return v.trueRows(), nil
}

// trueRows returns the rows in which a vector of booleans is true.
func (v *Vector) trueRows() columnar.Bitmap {
	n := v.Len
	if v.Const {
		if n > 0 && !v.IsNull(0) && v.Bools[0] {
			return columnar.FullBitmap(n)
		}
		return columnar.NewBitmap(n)
	}
	out := columnar.NewBitmap(n)
	for w := range out {
		word := uint64(0)
		for i, b := range v.Bools[w*64 : min(w*64+64, n)] {
			if b {
				word |= 1 << uint(i)
			}
		}
		out[w] = word
	}
	if v.Valid != nil {
		kernel.And(out, out, v.Valid)
	}
	return out
}

// comparison is a comparison of anything with a constant that is not NULL.
type comparison struct {
	call
	x     node
	op    kernel.Op
	value plan.Literal
}

// comparisonOps are the comparisons, and those that say the same with the operands
// exchanged.
var comparisonOps = map[string][2]kernel.Op{
	"=": {kernel.Eq, kernel.Eq}, "<>": {kernel.Ne, kernel.Ne}, "<": {kernel.Lt, kernel.Gt}, "<=": {kernel.Le, kernel.Ge}, ">": {kernel.Gt, kernel.Lt}, ">=": {kernel.Ge, kernel.Le},
}

// asComparison returns a call as a comparison with a constant, where it is one that
// bitmaps can be made of: of doubles, integers and times.
func asComparison(name string, c call) (comparison, bool) {
	ops, ok := comparisonOps[name]
	if !ok {
		return comparison{}, false
	}
	out := comparison{call: c, x: c.args[0], op: ops[0]}
	l, ok := c.args[1].(literal)
	if !ok {
		if l, ok = c.args[0].(literal); !ok {
			return comparison{}, false
		}
		out.x, out.op = c.args[1], ops[1]
	}
	out.value = l.value
	switch v := l.value.Value.(type) {
	case int64:
		return out, true
	case float64:
		return out, !infinite(v)
	}
	return comparison{}, false
}

func (c comparison) total() bool {
	_, ok := c.x.(column)
	return ok
}

func (c comparison) choose(b *batch) (columnar.Bitmap, error) {
	x, err := c.x.eval(b)
	if err != nil {
		return nil, err
	}
	if x.Const {
		v, err := c.eval(b)
		return v.trueRows(), err
	}
	out := columnar.NewBitmap(x.Len)
	switch value := c.value.Value.(type) {
	case float64:
		op, bound := nanIsGreatest(c.op, value)
		kernel.CompareFloats(out, op, x.Floats[:x.Len], bound)
	case int64:
		kernel.CompareInts(out, c.op, x.Ints[:x.Len], value)
	}
	if x.Valid != nil {
		kernel.And(out, out, x.Valid)
	}
	return out, nil
}

// nanIsGreatest turns a comparison with a finite number into one that holds for NaN
// where NaN is greater than every number. The kernel makes its comparisons of =, <
// and >, of which all are false for NaN, and the opposites: so > becomes the opposite
// of < with the next number, and <= becomes < with it.
func nanIsGreatest(op kernel.Op, x float64) (kernel.Op, float64) {
	switch op {
	case kernel.Gt:
		return kernel.Ge, math.Nextafter(x, math.Inf(1))
	case kernel.Le:
		return kernel.Lt, math.Nextafter(x, math.Inf(1))
	}
	return op, x
}

// total reports whether every condition has a value in every row.
func (c connective) total() bool {
	for _, arg := range c.args {
		if s, ok := arg.(selector); !ok || !s.total() {
			return false
		}
	}
	return true
}

// choose combines the bitmaps of the conditions. One that may fail is evaluated for
// the rows that are still open (E2): for AND those that all others so far are true
// of, for OR those that none is true of.
func (c connective) choose(b *batch) (columnar.Bitmap, error) {
	var out columnar.Bitmap
	for k, arg := range c.args {
		if k == 0 {
			var err error
			if out, err = choose(arg, b); err != nil {
				return nil, err
			}
			continue
		}
		if s, ok := arg.(selector); ok && s.total() {
			more, err := s.choose(b)
			if err != nil {
				return nil, err
			}
			if c.stop {
				kernel.Or(out, out, more)
			} else {
				kernel.And(out, out, more)
			}
			continue
		}
		if err := c.narrow(b, out, arg); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// narrow evaluates a condition for the rows that are open, and takes those out of
// the result, or into it, that it decides.
func (c connective) narrow(b *batch, out columnar.Bitmap, arg node) error {
	open := out
	if c.stop {
		open = columnar.NewBitmap(b.n)
		kernel.Not(open, out, b.n)
	}
	rows := rowsOf(open, b.n)
	if len(rows) == 0 {
		return nil
	}
	in := b
	if len(rows) < b.n {
		in = b.at(rows)
	}
	chosen, err := choose(arg, in)
	if err != nil {
		return err
	}
	for j, row := range rows {
		if chosen.Has(j) == c.stop {
			if c.stop {
				out.Set(int(row))
			} else {
				out.Clear(int(row))
			}
		}
	}
	return nil
}

// rowsOf returns the numbers of the bits that are set, of n.
func rowsOf(set columnar.Bitmap, n int) []int32 {
	rows := make([]int32, 0, set.Count())
	for i := set.Next(0, n); i < n; i = set.Next(i+1, n) {
		rows = append(rows, int32(i))
	}
	return rows
}

// nullness is IS NULL or IS NOT NULL of a column.
type nullness struct {
	call
	null bool
}

func (s nullness) total() bool {
	_, ok := s.args[0].(column)
	return ok
}

func (s nullness) choose(b *batch) (columnar.Bitmap, error) {
	x, err := s.args[0].eval(b)
	if err != nil {
		return nil, err
	}
	switch {
	case x.Const:
		v, err := s.eval(b)
		return v.trueRows(), err
	case x.Valid == nil && s.null:
		return columnar.NewBitmap(b.n), nil
	case x.Valid == nil:
		return columnar.FullBitmap(b.n), nil
	}
	out := columnar.NewBitmap(b.n)
	if s.null {
		kernel.Not(out, x.Valid, b.n)
	} else {
		copy(out, x.Valid)
	}
	return out, nil
}
