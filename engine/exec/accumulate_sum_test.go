package exec

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// TestMeansOfIntegersAreRoundedOnce compares avg(bigint), merged from two halves,
// with the quotient of the exact sum.
func TestMeansOfIntegersAreRoundedOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	sets := [][]int64{
		{math.MaxInt64, math.MinInt64},
		{math.MaxInt64, math.MaxInt64, math.MaxInt64},
		{math.MinInt64, math.MinInt64},
		{1<<53 + 1, 0, 0},
		{1, 2},
		{-1},
	}
	for range 200 {
		values := make([]int64, 1+rng.IntN(9))
		for i := range values {
			values[i] = int64(rng.Uint64()) >> rng.IntN(64)
		}
		sets = append(sets, values)
	}
	for _, values := range sets {
		whole, half := meanOf(t, values[:len(values)/2]), meanOf(t, values[len(values)/2:])
		if err := whole.merge(half, []int32{0}); err != nil {
			t.Fatal(err)
		}
		got, err := whole.result()
		if err != nil {
			t.Fatal(err)
		}
		sum := new(big.Int)
		for _, v := range values {
			sum.Add(sum, big.NewInt(v))
		}
		want, _ := new(big.Rat).SetFrac(sum, big.NewInt(int64(len(values)))).Float64()
		if got.Floats[0] != want || got.IsNull(0) {
			t.Errorf("avg of %d is %v, want %v", values, got.Floats[0], want)
		}
	}
	none, err := meanOf(t, nil).result()
	if err != nil || !none.IsNull(0) {
		t.Errorf("avg of nothing is %v (%v), want NULL", none.Floats, err)
	}
}

// meanOf returns avg(bigint) of one group with these values.
func meanOf(t *testing.T, values []int64) accumulator {
	t.Helper()
	f, err := plan.ResolveAggregate("avg", []plan.Type{plan.Bigint}, 0)
	if err != nil {
		t.Fatal(err)
	}
	acc := newAverage(&plan.Aggregation{Func: f})
	acc.grow(1)
	in := input{n: len(values), ids: make([]int32, len(values)), args: []eval.Vector{{T: plan.Bigint, Len: len(values), Ints: values}}}
	in.runs = appendRuns(nil, in.ids)
	if err := acc.update(&in); err != nil {
		t.Fatal(err)
	}
	return acc
}
