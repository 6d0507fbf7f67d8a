package exec

import (
	"math"

	"github.com/trellisdb/trellis/columnar/kernel"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// pairs is what corr, covar_* and regr_* need of a group: exact sums over its
// pairs (y, x).
type pairs struct {
	n                int64
	y, x, yy, xx, yx kernel.Exact
}

// Sums of products of deviations from the mean.
func (p *pairs) sxx() float64 { return deviations(p.n, &p.x, &p.x, &p.xx) }
func (p *pairs) syy() float64 { return deviations(p.n, &p.y, &p.y, &p.yy) }
func (p *pairs) sxy() float64 { return deviations(p.n, &p.y, &p.x, &p.yx) }

// corr returns the coefficient of correlation.
func (p *pairs) corr() float64 {
	sxx, syy := p.sxx(), p.syy()
	scale := math.Sqrt(sxx * syy)
	if scale == 0 || math.IsInf(scale, 0) { // the product has left the range
		scale = math.Sqrt(sxx) * math.Sqrt(syy)
	}
	return math.Max(-1, math.Min(1, p.sxy()/scale))
}

// deviations returns Σ(a−ā)(b−b̄) = (n·Σab − Σa·Σb) / n of n pairs; the difference
// is exact before it is rounded.
func deviations(n int64, a, b, products *kernel.Exact) float64 {
	var d kernel.Exact
	for _, t := range products.Terms() {
		d.AddMultiple(t, n)
	}
	other := b.Terms()
	for _, s := range a.Terms() {
		for _, t := range other {
			d.AddProduct(-s, t)
		}
	}
	return d.Round() / float64(n)
}

// regressions are the functions of pairs; ok is false for NULL.
var regressions = map[string]func(p *pairs) (v float64, ok bool){
	"regr_count": func(p *pairs) (float64, bool) { return float64(p.n), true },
	"regr_avgx":  func(p *pairs) (float64, bool) { return p.x.Round() / float64(p.n), p.n > 0 },
	"regr_avgy":  func(p *pairs) (float64, bool) { return p.y.Round() / float64(p.n), p.n > 0 },
	"regr_sxx":   func(p *pairs) (float64, bool) { return p.sxx(), p.n > 0 },
	"regr_syy":   func(p *pairs) (float64, bool) { return p.syy(), p.n > 0 },
	"regr_sxy":   func(p *pairs) (float64, bool) { return p.sxy(), p.n > 0 },
	"covar_pop":  func(p *pairs) (float64, bool) { return p.sxy() / float64(p.n), p.n > 0 },
	"covar_samp": func(p *pairs) (float64, bool) { return p.sxy() / float64(p.n-1), p.n > 1 },
	"regr_slope": func(p *pairs) (float64, bool) { return p.sxy() / p.sxx(), p.n > 0 && p.sxx() != 0 },
	"regr_intercept": func(p *pairs) (float64, bool) {
		n := float64(p.n)
		return p.y.Round()/n - p.sxy()/p.sxx()*(p.x.Round()/n), p.n > 0 && p.sxx() != 0
	},
	"corr": func(p *pairs) (float64, bool) {
		return p.corr(), p.n > 0 && p.sxx() != 0 && p.syy() != 0
	},
	"regr_r2": func(p *pairs) (float64, bool) {
		if p.n > 0 && p.sxx() != 0 && p.syy() == 0 {
			return 1, true
		}
		r := p.corr()
		return r * r, p.n > 0 && p.sxx() != 0
	},
}

// regression is a function of pairs for every group.
type regression struct {
	function string
	by       []pairs
}

func newRegression(a *plan.Aggregation) accumulator { return &regression{function: a.Func.Name} }

func (r *regression) grow(n int) { r.by = extend(r.by, n) }

func (r *regression) update(in *input) error {
	ys, xs := &in.args[0], &in.args[1]
	in.each(in.valid(2), func(i int, g int32) {
		y, x, p := ys.Floats[place(ys, i)], xs.Floats[place(xs, i)], &r.by[g]
		p.n++
		p.y.Add(y)
		p.x.Add(x)
		p.yy.AddProduct(y, y)
		p.xx.AddProduct(x, x)
		p.yx.AddProduct(y, x)
	})
	return nil
}

func (r *regression) merge(o accumulator, to []int32) error {
	from := o.(*regression).by
	for g := range from {
		p, q := &r.by[to[g]], &from[g]
		p.n += q.n
		p.y.Merge(&q.y)
		p.x.Merge(&q.x)
		p.yy.Merge(&q.yy)
		p.xx.Merge(&q.xx)
		p.yx.Merge(&q.yx)
	}
	return nil
}

func (r *regression) result() (eval.Vector, error) {
	f := regressions[r.function]
	out, some := make([]float64, len(r.by)), make([]bool, len(r.by))
	for g := range out {
		out[g], some[g] = f(&r.by[g])
	}
	if r.function == "regr_count" {
		counts := make([]int64, len(out))
		for g := range counts {
			counts[g] = r.by[g].n
		}
		return eval.Vector{T: plan.Bigint, Len: len(counts), Ints: counts}, nil
	}
	return optional(eval.Vector{T: plan.Double, Floats: out}, len(out), func(g int) bool { return some[g] }), nil
}

func (r *regression) size() int64 { return 248 * int64(cap(r.by)) }
