package exec

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// column is a column of values that grows: the keys of groups, the rows of a sort,
// the state of an accumulator. As in a vector, one of the slices is in use.
type column struct {
	t      plan.Type
	bools  []bool
	ints   []int64
	floats []float64
	strs   []string
	spans  []plan.Span
	nulls  []bool // by row
	bytes  int64  // of the strings
}

func (c *column) len() int { return len(c.nulls) }

// size returns the bytes that the column holds.
func (c *column) size() int64 {
	return int64(cap(c.nulls)+cap(c.bools)) + 8*int64(cap(c.ints)+cap(c.floats)) + 16*int64(cap(c.strs)+cap(c.spans)) + c.bytes
}

// grow appends NULLs until there are n rows.
func (c *column) grow(n int) {
	more := n - len(c.nulls)
	if more <= 0 {
		return
	}
	for range more {
		c.nulls = append(c.nulls, true)
	}
	switch c.t {
	case plan.Boolean, plan.Unknown:
		c.bools = append(c.bools, make([]bool, more)...)
	case plan.Double:
		c.floats = append(c.floats, make([]float64, more)...)
	case plan.Text, plan.JSON:
		c.strs = append(c.strs, make([]string, more)...)
	case plan.Interval:
		c.spans = append(c.spans, make([]plan.Span, more)...)
	default:
		c.ints = append(c.ints, make([]int64, more)...)
	}
}

// set makes row g the value of row i of a vector of the same type.
func (c *column) set(g int, v *eval.Vector, i int) {
	c.nulls[g] = v.IsNull(i)
	if c.nulls[g] {
		return
	}
	if v.Const {
		i = 0
	}
	switch c.t {
	case plan.Boolean, plan.Unknown:
		c.bools[g] = v.Bools[i]
	case plan.Double:
		c.floats[g] = v.Floats[i]
	case plan.Text, plan.JSON:
		c.bytes += int64(len(v.Strs[i]) - len(c.strs[g]))
		c.strs[g] = strings.Clone(v.Strs[i]) // the vector's memory is the batch's
	case plan.Interval:
		c.spans[g] = v.Spans[i]
	default:
		c.ints[g] = v.Ints[i]
	}
}

// add appends row i of a vector.
func (c *column) add(v *eval.Vector, i int) {
	n := c.len()
	c.grow(n + 1)
	c.set(n, v, i)
}

// addAll appends a whole vector.
func (c *column) addAll(v *eval.Vector) {
	n := c.len()
	c.grow(n + v.Len)
	if v.Const || v.T == plan.Text || v.T == plan.JSON {
		for i := range v.Len {
			c.set(n+i, v, i)
		}
		return
	}
	for i := range v.Len {
		c.nulls[n+i] = v.IsNull(i)
	}
	switch c.t {
	case plan.Boolean, plan.Unknown:
		copy(c.bools[n:], v.Bools)
	case plan.Double:
		copy(c.floats[n:], v.Floats)
	case plan.Interval:
		copy(c.spans[n:], v.Spans)
	default:
		copy(c.ints[n:], v.Ints)
	}
}

// vector returns all rows as a vector, which shares the column's memory.
func (c *column) vector() eval.Vector { return c.slice(0, c.len()) }

// slice returns rows [from, to) as a vector, which shares the column's memory.
func (c *column) slice(from, to int) eval.Vector {
	v := eval.Vector{T: c.t, Len: to - from}
	if slices.Contains(c.nulls[from:to], true) {
		v.Valid = columnar.NewBitmap(v.Len)
		for i, null := range c.nulls[from:to] {
			if !null {
				v.Valid.Set(i)
			}
		}
	}
	switch c.t {
	case plan.Boolean, plan.Unknown:
		v.Bools = c.bools[from:to]
	case plan.Double:
		v.Floats = c.floats[from:to]
	case plan.Text, plan.JSON:
		v.Strs = c.strs[from:to]
	case plan.Interval:
		v.Spans = c.spans[from:to]
	default:
		v.Ints = c.ints[from:to]
	}
	return v
}

// at returns the column's rows at places, -1 standing for NULL.
func (c *column) at(places []int32) column {
	out := column{t: c.t}
	out.grow(len(places))
	v := c.vector()
	for i, p := range places {
		if p >= 0 {
			out.set(i, &v, int(p))
		}
	}
	return out
}

// columnsOf returns an empty column for each type.
func columnsOf(types []plan.Type) []column {
	cols := make([]column, len(types))
	for i, t := range types {
		cols[i].t = t
	}
	return cols
}

// compareFloats orders as PostgreSQL does: NaN is the greatest and equal to itself.
func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	}
	return cmp.Compare(boolInt(math.IsNaN(a)), boolInt(math.IsNaN(b)))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// The length of a month and of a day where intervals are compared, as in
// PostgreSQL.
const (
	daysPerMonth = 30
	microsPerDay = 24 * 3600 * 1_000_000
)

// normalSpan returns the days and microseconds by which an interval is compared.
func normalSpan(s plan.Span) (days, micros int64) {
	days = int64(s.Months)*daysPerMonth + int64(s.Days) + s.Micros/microsPerDay
	micros = s.Micros % microsPerDay
	if micros < 0 {
		days, micros = days-1, micros+microsPerDay
	}
	return days, micros
}

func compareSpans(a, b plan.Span) int {
	days, micros := normalSpan(a)
	otherDays, otherMicros := normalSpan(b)
	return cmp.Or(cmp.Compare(days, otherDays), cmp.Compare(micros, otherMicros))
}

// compareAt orders row i of a and row j of b, neither of them NULL; texts by their
// bytes.
func compareAt(a *eval.Vector, i int, b *eval.Vector, j int) int {
	if a.Const {
		i = 0
	}
	if b.Const {
		j = 0
	}
	switch a.T {
	case plan.Boolean, plan.Unknown:
		return cmp.Compare(boolInt(a.Bools[i]), boolInt(b.Bools[j]))
	case plan.Double:
		return compareFloats(a.Floats[i], b.Floats[j])
	case plan.Text, plan.JSON:
		return strings.Compare(a.Strs[i], b.Strs[j])
	case plan.Interval:
		return compareSpans(a.Spans[i], b.Spans[j])
	default:
		return cmp.Compare(a.Ints[i], b.Ints[j])
	}
}
