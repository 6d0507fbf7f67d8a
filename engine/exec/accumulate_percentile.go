package exec

import (
	"math"
	"slices"

	"github.com/DataDog/sketches-go/ddsketch"

	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// percentiles is percentile_cont, percentile_disc and mode, which need all values.
type percentiles struct {
	function   string
	at         int
	descending bool
	values     column
	ids        []int32
	fractions  []float64 // by group; NaN: NULL
	groups     int
}

func newPercentile(a *plan.Aggregation) accumulator {
	p := &percentiles{function: a.Func.Name, at: a.At}
	p.values.t = a.Func.Args[len(a.Func.Args)-1]
	p.descending = len(a.Order) > 0 && a.Order[0].Descending
	return p
}

func (p *percentiles) grow(n int) {
	for len(p.fractions) < n {
		p.fractions = append(p.fractions, math.NaN())
	}
	p.groups = n
}

func (p *percentiles) update(in *input) (err error) {
	v := &in.args[len(in.args)-1]
	in.each(in.valid(len(in.args)), func(i int, g int32) {
		if len(in.args) > 1 {
			f := in.args[0].Floats[place(&in.args[0], i)]
			if !(f >= 0 && f <= 1) {
				err = plan.Errorf(p.at, plan.CodeOutOfRange, "percentile value %g is not between 0 and 1", f)
			}
			p.fractions[g] = f
		}
		p.values.add(v, i)
		p.ids = append(p.ids, g)
	})
	return err
}

func (p *percentiles) merge(o accumulator, to []int32) error {
	other := o.(*percentiles)
	v := other.values.vector()
	p.values.addAll(&v)
	for _, g := range other.ids {
		p.ids = append(p.ids, to[g])
	}
	for g, f := range other.fractions {
		if !math.IsNaN(f) {
			p.fractions[to[g]] = f
		}
	}
	return nil
}

func (p *percentiles) result() (eval.Vector, error) {
	v := p.values.vector()
	byGroup := make([][]int32, p.groups)
	for i, g := range p.ids {
		byGroup[g] = append(byGroup[g], int32(i))
	}
	out := column{t: p.values.t}
	out.grow(p.groups)
	for g, rows := range byGroup {
		if len(rows) == 0 {
			continue
		}
		slices.SortStableFunc(rows, func(a, b int32) int {
			c := compareAt(&v, int(a), &v, int(b))
			if p.descending {
				return -c
			}
			return c
		})
		switch f := p.fractions[g]; p.function {
		case "mode":
			out.set(g, &v, int(mostFrequent(&v, rows)))
		case "percentile_disc":
			k := max(int(math.Ceil(f*float64(len(rows))))-1, 0)
			out.set(g, &v, int(rows[k]))
		default:
			out.nulls[g] = false
			out.floats[g] = between(&v, rows, f)
		}
	}
	return out.vector(), nil
}

// between returns the value at a fraction of sorted rows, on the straight line
// between the two that are nearest.
func between(v *eval.Vector, rows []int32, fraction float64) float64 {
	at := fraction * float64(len(rows)-1)
	k := int(at)
	low := v.Floats[rows[k]]
	if float64(k) == at {
		return low
	}
	return low + (at-float64(k))*(v.Floats[rows[k+1]]-low)
}

// mostFrequent returns the first row of the longest run of equal values.
func mostFrequent(v *eval.Vector, rows []int32) int32 {
	best, longest, from := rows[0], 0, 0
	for i := 1; i <= len(rows); i++ {
		if i < len(rows) && compareAt(v, int(rows[i]), v, int(rows[from])) == 0 {
			continue
		}
		if i-from > longest {
			best, longest = rows[from], i-from
		}
		from = i
	}
	return best
}

func (p *percentiles) size() int64 {
	return p.values.size() + 8*int64(cap(p.ids)) + 8*int64(cap(p.fractions))
}

// sketches is approx_percentile: a DDSketch per group (Masson, Rim and Lee,
// "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
// guarantees", 2019). The order of the values has no influence on it.
type sketches struct {
	by        []*ddsketch.DDSketch
	fractions []float64
}

// sketchError is the relative error of approx_percentile.
const sketchError = 0.01

func (s *sketches) grow(n int) { s.by, s.fractions = extend(s.by, n), extend(s.fractions, n) }

func (s *sketches) update(in *input) (err error) {
	v, fractions := &in.args[0], &in.args[1]
	in.each(in.valid(2), func(i int, g int32) {
		if err == nil {
			err = s.add(g, v.Floats[place(v, i)], fractions.Floats[place(fractions, i)])
		}
	})
	return err
}

func (s *sketches) add(g int32, x, fraction float64) (err error) {
	if !(fraction >= 0 && fraction <= 1) {
		return plan.Errorf(0, plan.CodeOutOfRange, "percentile value %g is not between 0 and 1", fraction)
	}
	s.fractions[g] = fraction
	if s.by[g] == nil {
		if s.by[g], err = ddsketch.NewDefaultDDSketch(sketchError); err != nil {
			return err
		}
	}
	if err := s.by[g].Add(x); err != nil {
		return plan.Errorf(0, plan.CodeOutOfRange, "approx_percentile takes no value such as %g", x)
	}
	return nil
}

func (s *sketches) merge(o accumulator, to []int32) error {
	other := o.(*sketches)
	for g, sketch := range other.by {
		if sketch == nil {
			continue
		}
		s.fractions[to[g]] = other.fractions[g]
		if s.by[to[g]] == nil {
			s.by[to[g]] = sketch
			continue
		}
		if err := s.by[to[g]].MergeWith(sketch); err != nil {
			return err
		}
	}
	return nil
}

func (s *sketches) result() (eval.Vector, error) {
	out := make([]float64, len(s.by))
	for g, sketch := range s.by {
		if sketch == nil {
			continue
		}
		var err error
		if out[g], err = sketch.GetValueAtQuantile(s.fractions[g]); err != nil {
			return eval.Vector{}, err
		}
	}
	return optional(eval.Vector{T: plan.Double, Floats: out}, len(out), func(g int) bool { return s.by[g] != nil }), nil
}

func (s *sketches) size() int64 { return 2048 * int64(len(s.by)) }
