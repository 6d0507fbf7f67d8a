package exec

import (
	"math"
	"strconv"
	"strings"

	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// maxParts is the largest number of parts that a histogram may have.
const maxParts = 100_000

// histograms is histogram(value, low, high, bins): per group, the counts below
// low, in each part of [low, high), and from high on.
type histograms struct{ counts [][]int64 }

func (h *histograms) grow(n int) { h.counts = extend(h.counts, n) }

func (h *histograms) update(in *input) (err error) {
	values := &in.args[0]
	in.each(in.valid(4), func(i int, g int32) {
		low, high := in.args[1].Floats[place(&in.args[1], i)], in.args[2].Floats[place(&in.args[2], i)]
		parts := in.args[3].Ints[place(&in.args[3], i)]
		if parts < 1 || parts > maxParts || !(low < high) || math.IsInf(high-low, 0) {
			err = plan.Errorf(0, plan.CodeInvalidValue, "a histogram has 1 to %d bins and low is less than high", maxParts)
			return
		}
		if h.counts[g] == nil {
			h.counts[g] = make([]int64, parts+2)
		}
		if int64(len(h.counts[g])) != parts+2 {
			err = plan.Errorf(0, plan.CodeInvalidValue, "the number of bins of a histogram must be the same in all rows")
			return
		}
		h.counts[g][part(values.Floats[place(values, i)], low, high, parts)]++
	})
	return err
}

// part returns the index of the count that a value goes to.
func part(x, low, high float64, parts int64) int64 {
	switch {
	case x < low:
		return 0
	case x < high:
		return 1 + min(int64((x-low)/(high-low)*float64(parts)), parts-1)
	}
	return parts + 1 // also NaN, which is the greatest
}

func (h *histograms) merge(o accumulator, to []int32) error {
	for g, counts := range o.(*histograms).counts {
		mine := h.counts[to[g]]
		switch {
		case counts == nil:
		case mine == nil:
			h.counts[to[g]] = counts
		case len(mine) != len(counts):
			return plan.Errorf(0, plan.CodeInvalidValue, "the number of bins of a histogram must be the same in all rows")
		default:
			for i, n := range counts {
				mine[i] += n
			}
		}
	}
	return nil
}

func (h *histograms) result() (eval.Vector, error) {
	out := make([]string, len(h.counts))
	for g, counts := range h.counts {
		texts := make([]string, len(counts))
		for i, n := range counts {
			texts[i] = strconv.FormatInt(n, 10)
		}
		out[g] = "[" + strings.Join(texts, ", ") + "]"
	}
	return optional(eval.Vector{T: plan.JSON, Strs: out}, len(out), func(g int) bool { return h.counts[g] != nil }), nil
}

func (h *histograms) size() int64 {
	size := int64(0)
	for _, c := range h.counts {
		size += 24 + 8*int64(cap(c))
	}
	return size
}
