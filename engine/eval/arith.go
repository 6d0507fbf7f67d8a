package eval

import (
	"math"
	"math/bits"

	"github.com/trellisdb/trellis/engine/plan"
)

// Arithmetic of numbers. Integers that overflow and finite doubles whose result
// is not finite are errors, as in PostgreSQL; a result too small for a double is 0.
var (
	_ = register("+", checked(sumInts, addInts), plan.Bigint, plan.Bigint)
	_ = register("-", checked(diffInts, subInts), plan.Bigint, plan.Bigint)
	_ = register("*", binaryErr(mulInts), plan.Bigint, plan.Bigint)
	_ = register("/", binaryErr(divInts), plan.Bigint, plan.Bigint)
	_ = register("%", binaryErr(modInts), plan.Bigint, plan.Bigint)
	_ = register("-", unaryErr(negInt), plan.Bigint)

	_ = register("+", checked(sumFloats, finiteOf(func(a, b float64) float64 { return a + b })), plan.Double, plan.Double)
	_ = register("-", checked(diffFloats, finiteOf(func(a, b float64) float64 { return a - b })), plan.Double, plan.Double)
	_ = register("*", checked(productFloats, finiteOf(func(a, b float64) float64 { return a * b })), plan.Double, plan.Double)
	_ = register("/", checked(quotientFloats, divFloats), plan.Double, plan.Double)
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

// checked lifts an operation for which there are two forms: a loop that computes all
// rows and reports whether one of them may have failed, and, for then, the operation
// itself, which knows.
func checked[T value](loop func(out, a, b []T, ma, mb int) (suspect bool), op func(*callContext, T, T) (T, error)) vectorFunc {
	careful := binaryErr(op)
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		out := make([]T, n)
		if n > 0 && loop(out, values[T](&args[0]), values[T](&args[1]), args[0].mask(), args[1].mask()) {
			return careful(c, args, n)
		}
		return of(out, bothValid(args)), nil
	}
}

func sumInts(out, a, b []int64, ma, mb int) bool {
	over := int64(0)
	for i := range out {
		x, y := a[i&ma], b[i&mb]
		sum := x + y
		out[i] = sum
		over |= (x ^ sum) & (y ^ sum)
	}
	return over < 0
}

func diffInts(out, a, b []int64, ma, mb int) bool {
	over := int64(0)
	for i := range out {
		x, y := a[i&ma], b[i&mb]
		diff := x - y
		out[i] = diff
		over |= (x ^ y) & (x ^ diff)
	}
	return over < 0
}

// The loops over doubles suspect a result that is not finite: x − x is then NaN, and
// zero for every finite x.

func sumFloats(out, a, b []float64, ma, mb int) bool {
	check := 0.0
	for i := range out {
		x := a[i&ma] + b[i&mb]
		out[i] = x
		check += x - x
	}
	return check != 0
}

func diffFloats(out, a, b []float64, ma, mb int) bool {
	check := 0.0
	for i := range out {
		x := a[i&ma] - b[i&mb]
		out[i] = x
		check += x - x
	}
	return check != 0
}

func productFloats(out, a, b []float64, ma, mb int) bool {
	check := 0.0
	for i := range out {
		x := a[i&ma] * b[i&mb]
		out[i] = x
		check += x - x
	}
	return check != 0
}

func quotientFloats(out, a, b []float64, ma, mb int) bool {
	check := 0.0
	for i := range out {
		x := a[i&ma] / b[i&mb]
		out[i] = x
		check += x - x
	}
	return check != 0
}

// finiteOf is an operation whose result must be finite when its operands are.
func finiteOf(f func(a, b float64) float64) func(*callContext, float64, float64) (float64, error) {
	return func(_ *callContext, a, b float64) (float64, error) {
		x := f(a, b)
		if infinite(x) && !infinite(a) && !infinite(b) {
			return 0, errFloatRange
		}
		return x, nil
	}
}

// infinite reports whether x is infinite or NaN.
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
