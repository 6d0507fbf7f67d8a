package eval

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/trellisdb/trellis/engine/plan"
)

// casts holds the conversions between types; those of a type to itself and of
// Unknown, which is only ever NULL, need none.
var casts = map[[2]plan.Type]vectorFunc{}

func registerCast(from, to plan.Type, k vectorFunc) struct{} {
	casts[[2]plan.Type{from, to}] = k
	return struct{}{}
}

// Castable reports whether a value of one type can be converted to another.
func Castable(from, to plan.Type) bool {
	_, ok := casts[[2]plan.Type{from, to}]
	return ok || from == to || from == plan.Unknown
}

// nothing is a NULL of some type, whatever its argument.
type nothing struct {
	arg node
	t   plan.Type
}

func (n nothing) eval(b *batch) (Vector, error) { return null(n.t, b.n), nil }

func compileCast(e *plan.Cast, env *Env) (node, error) {
	arg, err := compile(e.Arg, env)
	if err != nil {
		return nil, err
	}
	from := e.Arg.Type()
	if from == plan.Unknown {
		return nothing{arg, e.To}, nil
	}
	if e.Width == plan.Wide || e.To == plan.Text && from == plan.Double {
		return convert(arg, e, env)
	}
	if _, ok := casts[[2]plan.Type{from, e.To}]; ok || from != e.To {
		if arg, err = convert(arg, &plan.Cast{Arg: e.Arg, To: e.To, Scale: e.Scale, At: e.At}, env); err != nil {
			return nil, err
		}
	}
	c := call{context: callContext{env: env, result: e.To, at: e.At}, args: []node{arg}, run: narrow(e.Width)}
	if constant(c.args) {
		return fold(c)
	}
	return c, nil
}

// convert is a cast to a type of any width; arg is the cast's argument, compiled: once,
// or casts in casts would double with each.
func convert(arg node, e *plan.Cast, env *Env) (node, error) {
	from := e.Arg.Type()
	k, ok := casts[[2]plan.Type{from, e.To}]
	switch {
	case from == plan.Double && e.To == plan.Text && e.Width == plan.Float4:
		k = unary(func(x float64) string { return plan.FormatReal(x) })
	case from == e.To && e.To == plan.Double && e.Scale >= 0:
		k = unary(func(x float64) float64 { return roundTo(x, int64(e.Scale)) })
	case from == e.To:
		return arg, nil
	case !ok:
		return nil, plan.Errorf(e.At, plan.CodeCannotCoerce, "cannot cast type %s to %s", from, e.To)
	case e.To == plan.Double && e.Scale >= 0:
		k = thenRound(k, int64(e.Scale))
	}
	c := call{context: callContext{env: env, result: e.To, at: e.At}, args: []node{arg}, run: k}
	if constant(c.args) {
		return fold(c)
	}
	return c, nil
}

// thenRound rounds what a conversion to Double yields.
func thenRound(k vectorFunc, digits int64) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		v, err := k(c, args, n)
		if err != nil {
			return Vector{}, err
		}
		out := make([]float64, len(v.Floats))
		for i, x := range v.Floats {
			out[i] = roundTo(x, digits)
		}
		return of(out, v.Valid), nil
	}
}

// roundTo rounds to a number of digits after the point (before it where
// negative), halves away from zero as PostgreSQL does for numeric: it rounds the
// shortest decimal that stands for x, so that 1.005 becomes 1.01.
func roundTo(x float64, digits int64) float64 {
	if digits > 30 || infinite(x) || x == math.Trunc(x) && digits >= 0 {
		return x
	}
	if r, ok := roundFast(x, digits); ok {
		return r
	}
	if digits < -308 {
		return 0
	}
	out, err := strconv.ParseFloat(roundDecimal(strconv.FormatFloat(math.Abs(x), 'f', -1, 64), int(digits)), 64)
	if err != nil {
		return x
	}
	return math.Copysign(out, x)
}

// powersOfTen are those that a double and an int64 hold exactly.
var powersOfTen = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// roundFast is roundTo where the nearest decimal is beyond doubt: the scaled number
// is small enough to be exact to a millionth, and not near a half. Its quotient by a
// power of ten is then the double next to that decimal.
func roundFast(x float64, digits int64) (float64, bool) {
	if digits < 0 || digits >= int64(len(powersOfTen)) {
		return 0, false
	}
	p := powersOfTen[digits]
	scaled := math.Abs(x) * p
	whole := math.Floor(scaled)
	rest := scaled - whole
	if scaled > 1<<30 || math.Abs(rest-0.5) < 1e-6 {
		return 0, false
	}
	if rest > 0.5 {
		whole++
	}
	return math.Copysign(whole/p, x), true
}

// roundDecimal rounds a plain decimal without sign, halves up.
func roundDecimal(s string, digits int) string {
	whole, fraction, _ := strings.Cut(s, ".")
	all := []byte("0" + whole + fraction)
	keep := 1 + len(whole) + digits // digits of all to keep
	if keep >= len(all) {
		return s
	}
	if keep < 1 {
		return "0"
	}
	up := all[keep] >= '5'
	for i := keep; i < len(all); i++ {
		all[i] = '0'
	}
	for i := keep - 1; up && i >= 0; i-- {
		if all[i]++; all[i] <= '9' {
			break
		}
		all[i] = '0'
	}
	return string(all[:1+len(whole)]) + "." + string(all[1+len(whole):])
}

// Conversions between numbers and booleans.
var (
	_ = registerCast(plan.Bigint, plan.Double, unary(func(x int64) float64 { return float64(x) }))
	_ = registerCast(plan.Double, plan.Bigint, unaryErr(floatToInt))
	_ = registerCast(plan.Bigint, plan.Boolean, unary(func(x int64) bool { return x != 0 }))
	_ = registerCast(plan.Boolean, plan.Bigint, unary(boolToInt))
)

func boolToInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// floatToInt rounds to the nearest integer, halves to even, as PostgreSQL does.
func floatToInt(_ *callContext, x float64) (int64, error) {
	r := math.RoundToEven(x)
	if !(r >= -1<<63 && r < 1<<63) {
		return 0, errIntRange
	}
	return int64(r), nil
}

// Convert returns a value as one of another type, for the places outside of
// expressions where that is needed (parameters, settings); a plan.Error where it
// has no such value.
func Convert(l plan.Literal, to plan.Type, env *Env) (plan.Literal, error) {
	if l.Value == nil || l.T == to {
		return plan.Literal{Value: l.Value, T: to}, nil
	}
	out, err := Constant(&plan.Cast{Arg: &l, To: to, Scale: -1}, env)
	if err != nil {
		return plan.Literal{}, fmt.Errorf("value of type %s: %w", l.T, err)
	}
	return out, nil
}
