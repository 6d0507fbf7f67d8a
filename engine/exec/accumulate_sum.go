package exec

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

func newSum(a *plan.Aggregation) accumulator {
	switch a.Func.Result {
	case plan.Bigint:
		return &intSums{at: a.At}
	case plan.Interval:
		return &spanSums{at: a.At}
	}
	return &moments{want: total}
}

func newAverage(a *plan.Aggregation) accumulator {
	switch {
	case a.Func.Result == plan.Interval:
		return &spanSums{at: a.At, mean: true}
	case a.Func.Args[0] == plan.Bigint:
		return &intMeans{}
	}
	return &moments{want: mean}
}

// wide is an integer of 128 bits.
type wide struct {
	high int64
	low  uint64
}

func (w *wide) add(x int64) { w.addWide(wide{high: x >> 63, low: uint64(x)}) }

func (w *wide) addWide(o wide) {
	var carry uint64
	w.low, carry = bits.Add64(w.low, o.low, 0)
	w.high += o.high + int64(carry)
}

// int64 returns the integer, or false where it does not fit.
func (w wide) int64() (int64, bool) { return int64(w.low), w.high == int64(w.low)>>63 }

// float returns about the integer.
func (w wide) float() float64 {
	if x, ok := w.int64(); ok {
		return float64(x) // the two halves of a small negative one would round to zero
	}
	return math.Ldexp(float64(w.high), 64) + float64(w.low)
}

// over returns the integer divided by a positive one, rounded once.
func (w wide) over(n int64) float64 {
	const exact = 1 << 53 // doubles hold every integer up to here
	if x, ok := w.int64(); ok && -exact <= x && x <= exact && n <= exact {
		return float64(x) / float64(n)
	}
	sum := new(big.Int).Lsh(big.NewInt(w.high), 64)
	sum.Add(sum, new(big.Int).SetUint64(w.low))
	quotient, _ := new(big.Rat).SetFrac(sum, big.NewInt(n)).Float64()
	return quotient
}

// intSums is sum(bigint). Sums that leave the range on the way are no error.
type intSums struct {
	at   int
	sums []wide
	some []bool // the group has a value
}

func (s *intSums) grow(n int) { s.sums, s.some = extend(s.sums, n), extend(s.some, n) }

func (s *intSums) update(in *input) error {
	v := &in.args[0]
	at := -1
	if v.Const {
		at = 0
	}
	in.each(in.valid(1), func(i int, g int32) {
		s.sums[g].add(v.Ints[i&at])
		s.some[g] = true
	})
	return nil
}

func (s *intSums) merge(o accumulator, to []int32) error {
	other := o.(*intSums)
	for g := range other.sums {
		s.sums[to[g]].addWide(other.sums[g])
		s.some[to[g]] = s.some[to[g]] || other.some[g]
	}
	return nil
}

func (s *intSums) result() (eval.Vector, error) {
	out := make([]int64, len(s.sums))
	for g, sum := range s.sums {
		var ok bool
		if out[g], ok = sum.int64(); !ok {
			return eval.Vector{}, plan.Errorf(s.at, plan.CodeOutOfRange, "the sum is out of range for type bigint").
				WithHint("sum a double: sum(x::double precision)")
		}
	}
	return optional(eval.Vector{T: plan.Bigint, Ints: out}, len(out), func(g int) bool { return s.some[g] }), nil
}

func (s *intSums) size() int64 { return 17 * int64(cap(s.sums)) }

// intMeans is avg(bigint): the exact sum divided by the count, rounded once.
type intMeans struct {
	n    []int64
	sums []wide
}

func (m *intMeans) grow(n int) { m.n, m.sums = extend(m.n, n), extend(m.sums, n) }

func (m *intMeans) update(in *input) error {
	v := &in.args[0]
	at := -1
	if v.Const {
		at = 0
	}
	in.each(in.valid(1), func(i int, g int32) {
		m.sums[g].add(v.Ints[i&at])
		m.n[g]++
	})
	return nil
}

func (m *intMeans) merge(o accumulator, to []int32) error {
	other := o.(*intMeans)
	for g, n := range other.n {
		m.n[to[g]] += n
		m.sums[to[g]].addWide(other.sums[g])
	}
	return nil
}

func (m *intMeans) result() (eval.Vector, error) {
	out := make([]float64, len(m.n))
	for g, n := range m.n {
		if n > 0 {
			out[g] = m.sums[g].over(n)
		}
	}
	return optional(eval.Vector{T: plan.Double, Floats: out}, len(out), func(g int) bool { return m.n[g] > 0 }), nil
}

func (m *intMeans) size() int64 { return 24 * int64(cap(m.n)) }

// spanSums is sum and avg of intervals, field by field.
type spanSums struct {
	at                   int
	mean                 bool
	n                    []int64
	months, days, micros []wide
}

func (s *spanSums) grow(n int) {
	s.n = extend(s.n, n)
	s.months, s.days, s.micros = extend(s.months, n), extend(s.days, n), extend(s.micros, n)
}

func (s *spanSums) update(in *input) error {
	v := &in.args[0]
	at := -1
	if v.Const {
		at = 0
	}
	in.each(in.valid(1), func(i int, g int32) {
		x := v.Spans[i&at]
		s.n[g]++
		s.months[g].add(int64(x.Months))
		s.days[g].add(int64(x.Days))
		s.micros[g].add(x.Micros)
	})
	return nil
}

func (s *spanSums) merge(o accumulator, to []int32) error {
	other := o.(*spanSums)
	for g, n := range other.n {
		s.n[to[g]] += n
		s.months[to[g]].addWide(other.months[g])
		s.days[to[g]].addWide(other.days[g])
		s.micros[to[g]].addWide(other.micros[g])
	}
	return nil
}

func (s *spanSums) result() (eval.Vector, error) {
	out := make([]plan.Span, len(s.n))
	for g, n := range s.n {
		months, days, micros := s.months[g].float(), s.days[g].float(), s.micros[g].float()
		if math.Abs(months) > math.MaxInt32 || math.Abs(days) > math.MaxInt32 || math.Abs(micros) >= 1<<63 {
			return eval.Vector{}, plan.Errorf(s.at, plan.CodeDatetimeRange, "interval out of range")
		}
		out[g] = plan.Span{Months: int32(months), Days: int32(days), Micros: int64(math.RoundToEven(micros))}
		if exact, ok := s.micros[g].int64(); ok {
			out[g].Micros = exact
		}
		if s.mean && n > 0 {
			var err error
			if out[g], err = eval.DivideSpan(out[g], n); err != nil {
				return eval.Vector{}, plan.Errorf(s.at, plan.CodeDatetimeRange, "interval out of range")
			}
		}
	}
	return optional(eval.Vector{T: plan.Interval, Spans: out}, len(out), func(g int) bool { return s.n[g] > 0 }), nil
}

func (s *spanSums) size() int64 { return 56 * int64(cap(s.n)) }
