package exec

import (
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// counts is count(*) and count(x).
type counts struct {
	rows bool // count(*)
	n    []int64
}

func (c *counts) grow(n int) { c.n = extend(c.n, n) }

func (c *counts) update(in *input) error {
	valid := in.valid(len(in.args))
	if c.rows {
		valid = in.keep
	}
	for _, r := range in.runs {
		if valid == nil {
			c.n[r.group] += int64(r.to - r.from)
			continue
		}
		c.n[r.group] += int64(valid.CountRange(r.from, r.to))
	}
	return nil
}

func (c *counts) summarize(group int32, row *summaryInput) {
	switch {
	case row.subject == ofValue:
		c.n[group] += row.values().Values
	default:
		c.n[group] += row.count()
	}
}

func (c *counts) merge(o accumulator, to []int32) error {
	for g, n := range o.(*counts).n {
		c.n[to[g]] += n
	}
	return nil
}

func (c *counts) result() (eval.Vector, error) {
	return eval.Vector{T: plan.Bigint, Len: len(c.n), Ints: c.n}, nil
}

func (c *counts) size() int64 { return 8 * int64(cap(c.n)) }

// optional returns a vector of values of which those with ok are not NULL.
func optional(v eval.Vector, n int, ok func(g int) bool) eval.Vector {
	v.Len = n
	for g := range n {
		if ok(g) {
			continue
		}
		if v.Valid == nil {
			v.Valid = columnar.FullBitmap(n)
		}
		v.Valid.Clear(g)
	}
	return v
}
