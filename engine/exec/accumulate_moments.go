package exec

import (
	"math"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/kernel"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// moment says what moments computes.
type moment uint8

const (
	total     moment = iota // the sum
	mean                    // the mean
	variance                // the variance
	deviation               // its square root
)

// moments is sum, avg, stddev and variance of double values: all from an exact sum
// and, for the latter two, an exact sum of squares.
type moments struct {
	want    moment
	sample  bool // variance of a sample, not of a population
	n       []int64
	sums    []kernel.Exact
	squares []kernel.Exact // nil where they are not needed
}

func newMoments(want moment, sample bool) func(*plan.Aggregation) accumulator {
	return func(*plan.Aggregation) accumulator { return &moments{want: want, sample: sample} }
}

func (m *moments) grow(n int) {
	m.n, m.sums = extend(m.n, n), extend(m.sums, n)
	if m.want >= variance {
		m.squares = extend(m.squares, n)
	}
}

func (m *moments) update(in *input) error {
	valid := in.valid(1)
	v := &in.args[0]
	if !in.inRuns() {
		at := -1
		if v.Const {
			at = 0
		}
		in.each(valid, func(i int, g int32) { m.add(g, v.Floats[i&at]) })
		return nil
	}
	for _, r := range in.runs {
		values, bits := v.Floats[r.from:r.to], from(valid, r.from, r.to)
		m.n[r.group] += int64(kernel.Sum(values, bits, &m.sums[r.group]))
		if m.squares != nil {
			kernel.Squares(values, bits, &m.squares[r.group])
		}
	}
	return nil
}

// shortRun is the length of runs below which values are added one by one.
const shortRun = 16

func (m *moments) add(g int32, x float64) {
	m.n[g]++
	m.sums[g].Add(x)
	if m.squares != nil {
		m.squares[g].AddProduct(x, x)
	}
}

// allFinite reports whether no value is infinite or NaN, which the kernels do not
// take.
func allFinite(values []float64) bool {
	sum := 0.0
	for _, x := range values {
		sum += x - x // NaN for all others
	}
	return sum == 0
}

// from returns the bits [from, to) of a bitmap as one that begins at bit 0.
func from(b columnar.Bitmap, from, to int) columnar.Bitmap {
	if b == nil || from == 0 {
		return b
	}
	if from&63 == 0 {
		return b[from>>6:]
	}
	out := columnar.NewBitmap(to - from)
	shift := uint(from) & 63
	for i := range out {
		k := from>>6 + i
		out[i] = b[k] >> shift
		if k+1 < len(b) {
			out[i] |= b[k+1] << (64 - shift)
		}
	}
	return out
}

func (m *moments) summarize(group int32, row *summaryInput) {
	s := row.values()
	m.n[group] += s.Values
	if s.Values == 0 {
		return
	}
	m.sums[group].Merge(&s.Sum)
	if m.squares != nil {
		m.squares[group].Merge(&s.Squares)
	}
}

func (m *moments) merge(o accumulator, to []int32) error {
	other := o.(*moments)
	for g, n := range other.n {
		m.n[to[g]] += n
		m.sums[to[g]].Merge(&other.sums[g])
		if m.squares != nil {
			m.squares[to[g]].Merge(&other.squares[g])
		}
	}
	return nil
}

func (m *moments) result() (eval.Vector, error) {
	out := make([]float64, len(m.n))
	for g, n := range m.n {
		out[g] = m.value(g, n)
	}
	least := int64(1)
	if m.want >= variance && m.sample {
		least = 2
	}
	return optional(eval.Vector{T: plan.Double, Floats: out}, len(out), func(g int) bool { return m.n[g] >= least }), nil
}

func (m *moments) value(g int, n int64) float64 {
	switch m.want {
	case total:
		return m.sums[g].Round()
	case mean:
		return m.sums[g].Round() / float64(n)
	}
	v := kernel.Variance(n, &m.sums[g], &m.squares[g], m.sample)
	if m.want == deviation {
		return math.Sqrt(v)
	}
	return v
}

func (m *moments) size() int64 { return 8*int64(cap(m.n)) + 48*int64(cap(m.sums)+cap(m.squares)) }
