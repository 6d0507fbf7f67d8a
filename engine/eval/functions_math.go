package eval

import (
	"math"
	"strconv"
	"strings"

	"github.com/trellisdb/trellis/engine/plan"
)

// Bitwise operators and integer functions.
var (
	_ = register("&", binary(func(a, b int64) int64 { return a & b }), plan.Bigint, plan.Bigint)
	_ = register("|", binary(func(a, b int64) int64 { return a | b }), plan.Bigint, plan.Bigint)
	_ = register("#", binary(func(a, b int64) int64 { return a ^ b }), plan.Bigint, plan.Bigint)
	_ = register("~", unary(func(a int64) int64 { return ^a }), plan.Bigint)
	_ = register("<<", binary(func(a, b int64) int64 { return a << (uint64(b) & 63) }), plan.Bigint, plan.Bigint)
	_ = register(">>", binary(func(a, b int64) int64 { return a >> (uint64(b) & 63) }), plan.Bigint, plan.Bigint)
	_ = register("int4shl", binary(func(a, b int64) int64 { return int64(int32(a) << (uint64(b) & 31)) }), plan.Bigint, plan.Bigint)
	_ = register("int4shr", binary(func(a, b int64) int64 { return int64(int32(a) >> (uint64(b) & 31)) }), plan.Bigint, plan.Bigint)
	_ = register("int2shl", binary(func(a, b int64) int64 { return int64(int16(int32(a) << (uint64(b) & 31))) }), plan.Bigint, plan.Bigint)
	_ = register("int2shr", binary(func(a, b int64) int64 { return int64(int16(int32(a) >> (uint64(b) & 31))) }), plan.Bigint, plan.Bigint)
	_ = register("mod", binaryErr(modInts), plan.Bigint, plan.Bigint)
	_ = register("div", binaryErr(divInts), plan.Bigint, plan.Bigint)
	_ = register("gcd", binaryErr(gcd), plan.Bigint, plan.Bigint)
	_ = register("lcm", binaryErr(lcm), plan.Bigint, plan.Bigint)
	_ = register("abs", unaryErr(absInt), plan.Bigint)
)

// Functions of doubles.
var (
	_ = register("abs", unary(math.Abs), plan.Double)
	_ = register("ceil", unary(math.Ceil), plan.Double)
	_ = register("ceiling", unary(math.Ceil), plan.Double)
	_ = register("floor", unary(math.Floor), plan.Double)
	_ = register("round", unary(math.RoundToEven), plan.Double)
	_ = register("round", binary(func(x float64, digits int64) float64 { return unsignedZero(roundTo(x, digits)) }), plan.Double, plan.Bigint)
	_ = register("trunc", unary(math.Trunc), plan.Double)
	_ = register("trunc", binary(func(x float64, digits int64) float64 { return unsignedZero(truncTo(x, digits)) }), plan.Double, plan.Bigint)
	_ = register("sign", unary(sign), plan.Double)
	_ = register("sqrt", within(math.Sqrt, func(x float64) bool { return !(x < 0) }, "2201F", "cannot take square root of a negative number"), plan.Double)
	_ = register("cbrt", unary(math.Cbrt), plan.Double)
	_ = register("exp", unaryErr(exp), plan.Double)
	_ = register("ln", logarithm(math.Log), plan.Double)
	_ = register("log", logarithm(math.Log10), plan.Double)
	_ = register("log10", logarithm(math.Log10), plan.Double)
	_ = register("log", binaryErr(logTo), plan.Double, plan.Double)
	_ = register("power", binaryErr(power), plan.Double, plan.Double)
	_ = register("pow", binaryErr(power), plan.Double, plan.Double)
	_ = register("mod", binaryErr(modFloats), plan.Double, plan.Double)
	_ = register("div", binaryErr(divTrunc), plan.Double, plan.Double)
	_ = register("sin", angle(math.Sin), plan.Double)
	_ = register("cos", angle(math.Cos), plan.Double)
	_ = register("tan", angle(math.Tan), plan.Double)
	_ = register("cot", angle(func(x float64) float64 { return 1 / math.Tan(x) }), plan.Double)
	_ = register("asin", within(math.Asin, unit, plan.CodeOutOfRange, "input is out of range"), plan.Double)
	_ = register("acos", within(math.Acos, unit, plan.CodeOutOfRange, "input is out of range"), plan.Double)
	_ = register("atan", unary(math.Atan), plan.Double)
	_ = register("atan2", binary(math.Atan2), plan.Double, plan.Double)
	_ = register("sinh", unary(math.Sinh), plan.Double)
	_ = register("cosh", unary(math.Cosh), plan.Double)
	_ = register("tanh", unary(math.Tanh), plan.Double)
	_ = register("degrees", unaryErr(degrees), plan.Double)
	_ = register("radians", unary(func(x float64) float64 { return x * (math.Pi / 180) }), plan.Double)
	_ = register("pi", func(_ *callContext, _ []Vector, n int) (Vector, error) { return of(repeat(math.Pi, n), nil), nil })
	_ = register("random", random)
	_ = register("width_bucket", widthBucket, plan.Double, plan.Double, plan.Double, plan.Bigint)
	_ = register("isnan", unary(func(x float64) bool { return math.IsNaN(x) }), plan.Double)
)

func absInt(_ *callContext, a int64) (int64, error) {
	if a == math.MinInt64 {
		return 0, errIntRange
	}
	return max(a, -a), nil
}

func gcd(_ *callContext, a, b int64) (int64, error) {
	x, y := abs64(a), abs64(b)
	for y != 0 {
		x, y = y, x%y
	}
	if x > math.MaxInt64 {
		return 0, errIntRange
	}
	return int64(x), nil
}

func lcm(c *callContext, a, b int64) (int64, error) {
	if a == 0 || b == 0 {
		return 0, nil
	}
	g, err := gcd(c, a, b)
	if err != nil {
		return 0, err
	}
	x, err := mulInts(c, a/g, b)
	if err != nil {
		return 0, err
	}
	return absInt(c, x)
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// unsignedZero makes a negative zero one without a sign, which is what rounding
// yields.
func unsignedZero(x float64) float64 {
	if x == 0 {
		return 0
	}
	return x
}

// unit reports whether x is in [-1, 1], or NaN.
func unit(x float64) bool { return !(x < -1 || x > 1) }

// angle lifts a function of an angle, which must not be infinite.
func angle(f func(float64) float64) vectorFunc {
	return within(f, func(x float64) bool { return !math.IsInf(x, 0) }, plan.CodeOutOfRange, "input is out of range")
}

func degrees(_ *callContext, x float64) (float64, error) {
	out := x * (180 / math.Pi)
	if math.IsInf(out, 0) && !math.IsInf(x, 0) {
		return 0, errFloatRange
	}
	return out, nil
}

// within lifts a function that is defined for some numbers only.
func within(f func(float64) float64, ok func(float64) bool, code, msg string) vectorFunc {
	return unaryErr(func(_ *callContext, x float64) (float64, error) {
		if !ok(x) {
			return 0, plan.Errorf(0, code, "%s", msg)
		}
		return f(x), nil
	})
}

// logarithm lifts a logarithm, with PostgreSQL's errors.
func logarithm(f func(float64) float64) vectorFunc {
	return unaryErr(func(_ *callContext, x float64) (float64, error) {
		if err := checkLog(x); err != nil {
			return 0, err
		}
		return f(x), nil
	})
}

func checkLog(x float64) error {
	switch {
	case x == 0:
		return plan.Errorf(0, "2201E", "cannot take logarithm of zero")
	case x < 0:
		return plan.Errorf(0, "2201E", "cannot take logarithm of a negative number")
	}
	return nil
}

func logTo(_ *callContext, base, x float64) (float64, error) {
	for _, v := range []float64{base, x} {
		if err := checkLog(v); err != nil {
			return 0, err
		}
	}
	if base == 1 {
		return 0, errDivZero
	}
	return math.Log(x) / math.Log(base), nil
}

func exp(_ *callContext, x float64) (float64, error) {
	y := math.Exp(x)
	if math.IsInf(y, 0) && !math.IsInf(x, 0) {
		return 0, errFloatRange
	}
	return y, nil
}

func divTrunc(c *callContext, a, b float64) (float64, error) {
	q, err := divFloats(c, a, b)
	return math.Trunc(q), err
}

// truncTo cuts the shortest decimal that stands for x after a number of digits.
func truncTo(x float64, digits int64) float64 {
	if infinite(x) || digits > 30 || x == math.Trunc(x) && digits >= 0 {
		return x
	}
	if digits < 0 {
		if digits < -308 {
			return 0
		}
		p := math.Pow(10, float64(-digits))
		return math.Trunc(x/p) * p
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(x, 'f', -1, 64), ".")
	if int64(len(fraction)) <= digits {
		return x
	}
	out, err := strconv.ParseFloat(whole+"."+fraction[:digits]+"0", 64)
	if err != nil {
		return x
	}
	return out
}

func random(c *callContext, _ []Vector, n int) (Vector, error) {
	out := make([]float64, n)
	for i := range out {
		out[i] = c.env.Random()
	}
	return of(out, nil), nil
}

// widthBucket numbers the equal parts of [low, high): 0 below, count + 1 at or above
// high. With low above high the parts are counted downwards.
func widthBucket(c *callContext, args []Vector, n int) (Vector, error) {
	out := make([]int64, n)
	valid, err := c.each(args, n, func(i int) error {
		x, low, high := args[0].Floats[i&args[0].mask()], args[1].Floats[i&args[1].mask()], args[2].Floats[i&args[2].mask()]
		count := args[3].Ints[i&args[3].mask()]
		switch {
		case count <= 0:
			return plan.Errorf(0, "2201G", "count must be greater than zero")
		case low == high:
			return plan.Errorf(0, "2201G", "lower bound cannot equal upper bound")
		case infinite(low), infinite(high), math.IsNaN(x):
			return plan.Errorf(0, "2201G", "operand, lower bound, and upper bound cannot be NaN or infinite")
		}
		if low > high {
			x, low, high = -x, -low, -high
		}
		switch {
		case x < low:
			out[i] = 0
		case x >= high:
			out[i] = count + 1
		default:
			out[i] = min(int64((x-low)/(high-low)*float64(count))+1, count)
		}
		return nil
	})
	return of(out, valid), err
}
