package eval

import (
	"math"

	"github.com/trellisdb/trellis/engine/plan"
)

var (
	errIntegerRange  = plan.Errorf(0, plan.CodeOutOfRange, "integer out of range")
	errSmallintRange = plan.Errorf(0, plan.CodeOutOfRange, "smallint out of range")
	errUnderflow     = plan.Errorf(0, plan.CodeOutOfRange, "value out of range: underflow")
)

// narrow returns what makes a value fit a width.
func narrow(w plan.Width) vectorFunc {
	switch w {
	case plan.Int2:
		return inRange(math.MinInt16, math.MaxInt16, errSmallintRange)
	case plan.Int4:
		return inRange(math.MinInt32, math.MaxInt32, errIntegerRange)
	}
	return unaryErr(toReal)
}

// inRange refuses integers outside of a range.
func inRange(low, high int64, err error) vectorFunc {
	return unaryErr(func(_ *callContext, x int64) (int64, error) {
		if x < low || x > high {
			return 0, err
		}
		return x, nil
	})
}

// toReal rounds to the 24 bits of a real.
func toReal(_ *callContext, x float64) (float64, error) {
	r := float64(float32(x))
	switch {
	case math.IsInf(r, 0) && !math.IsInf(x, 0):
		return 0, errFloatRange
	case r == 0 && x != 0:
		return 0, errUnderflow
	}
	return r, nil
}
