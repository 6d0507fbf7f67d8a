package eval

import (
	"math"
	"math/bits"

	"github.com/trellisdb/trellis/engine/plan"
)

// Arithmetic of numbers. Integers that overflow and finite doubles whose result
// is not finite are errors, as in PostgreSQL; a result too small for a double is 0.
var (
	_ = register("+", binaryErr(addInts), plan.Bigint, plan.Bigint)
	_ = register("-", binaryErr(subInts), plan.Bigint, plan.Bigint)
	_ = register("*", binaryErr(mulInts), plan.Bigint, plan.Bigint)
	_ = register("/", binaryErr(divInts), plan.Bigint, plan.Bigint)
	_ = register("%", binaryErr(modInts), plan.Bigint, plan.Bigint)
	_ = register("-", unaryErr(negInt), plan.Bigint)

	_ = register("+", floats(func(a, b float64) float64 { return a + b }), plan.Double, plan.Double)
	_ = register("-", floats(func(a, b float64) float64 { return a - b }), plan.Double, plan.Double)
	_ = register("*", floats(func(a, b float64) float64 { return a * b }), plan.Double, plan.Double)
	_ = register("/", binaryErr(divFloats), plan.Double, plan.Double)
	_ = register("%", binaryErr(modFloats), plan.Double, plan.Double)
	_ = register("^", binaryErr(power), plan.Double, plan.Double)
	_ = register("-", unary(func(a float64) float64 { return -a }), plan.Double)
)

var (
	errIntRange   = plan.Errorf(0, plan.CodeOutOfRange, "bigint out of range")
	errFloatRange = plan.Errorf(0, plan.CodeOutOfRange, "value out of range: overflow")
	errDivZero    = plan.Errorf(0, plan.CodeDivisionByZero, "division by zero")
)

func addInts(_ *callContext, a, b int64) (int64, error) {
	sum := a + b
	if (a^sum)&(b^sum) < 0 {
		return 0, errIntRange
	}
	return sum, nil
}

func subInts(_ *callContext, a, b int64) (int64, error) {
	diff := a - b
	if (a^b)&(a^diff) < 0 {
		return 0, errIntRange
	}
	return diff, nil
}

func mulInts(_ *callContext, a, b int64) (int64, error) {
	hi, lo := bits.Mul64(abs64(a), abs64(b))
	negative := (a < 0) != (b < 0)
	switch {
	case hi != 0 || lo > 1<<63 || lo == 1<<63 && !negative:
		return 0, errIntRange
	case negative:
		return -int64(lo), nil
	default:
		return int64(lo), nil
	}
}

// abs64 returns the size of a, also that of the least integer.
func abs64(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

func divInts(_ *callContext, a, b int64) (int64, error) {
	switch {
	case b == 0:
		return 0, errDivZero
	case a == math.MinInt64 && b == -1:
		return 0, errIntRange
	}
	return a / b, nil
}

func modInts(_ *callContext, a, b int64) (int64, error) {
	switch b {
	case 0:
		return 0, errDivZero
	case -1:
		return 0, nil
	}
	return a % b, nil
}

func negInt(_ *callContext, a int64) (int64, error) {
	if a == math.MinInt64 {
		return 0, errIntRange
	}
	return -a, nil
}

// floats lifts an operation whose result must be finite when its operands are.
// The check is made once per vector: x − x is zero for every finite x.
func floats(f func(a, b float64) float64) vectorFunc {
	return func(_ *callContext, args []Vector, n int) (Vector, error) {
		a, b := args[0].Floats, args[1].Floats
		ma, mb := args[0].mask(), args[1].mask()
		out := make([]float64, n)
		check := 0.0
		for i := range out {
			x := f(a[i&ma], b[i&mb])
			out[i] = x
			check += x - x
		}
		valid := bothValid(args)
		if check != 0 || check != check {
			for i, x := range out {
				if (valid == nil || valid.Has(i)) && infinite(x) && !infinite(a[i&ma]) && !infinite(b[i&mb]) {
					return Vector{}, errFloatRange
				}
			}
		}
		return of(out, valid), nil
	}
}

func infinite(x float64) bool { return math.IsInf(x, 0) || math.IsNaN(x) }

func divFloats(_ *callContext, a, b float64) (float64, error) {
	if b == 0 && a == a { // NaN / 0 is NaN
		return 0, errDivZero
	}
	q := a / b
	if math.IsInf(q, 0) && !math.IsInf(a, 0) {
		return 0, errFloatRange
	}
	return q, nil
}

func modFloats(_ *callContext, a, b float64) (float64, error) {
	if b == 0 && a == a {
		return 0, errDivZero
	}
	return math.Mod(a, b), nil
}

// power is a to the b. Zero to a negative power and a negative number to a power
// that is not whole are errors, as in PostgreSQL.
func power(_ *callContext, a, b float64) (float64, error) {
	switch {
	case a == 0 && b < 0:
		return 0, plan.Errorf(0, "2201F", "zero raised to a negative power is undefined")
	case a < 0 && b == b && b != math.Trunc(b):
		return 0, plan.Errorf(0, "2201F", "a negative number raised to a non-integer power yields a complex result")
	}
	x := math.Pow(a, b)
	if math.IsInf(x, 0) && !math.IsInf(a, 0) && !math.IsInf(b, 0) {
		return 0, errFloatRange
	}
	return x, nil
}
