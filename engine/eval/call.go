package eval

import (
	"errors"
	"fmt"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// vectorFunc is a kernel: it computes one overload of a function from its arguments, n rows.
type vectorFunc func(c *callContext, args []Vector, n int) (Vector, error)

// callContext is what a kernel knows besides its arguments.
type callContext struct {
	env    *Env
	result plan.Type
	at     int
	text   int // bytes of text made for the batch at hand
}

// maxTextVector bounds the text that one function makes for a batch, and that the
// columns of a result hold, where the statement's memory allows no less.
const maxTextVector = 256 << 20

// grow counts n bytes of text that the kernel is about to make.
func (c *callContext) grow(n int) error {
	if c.text += n; c.text > c.env.mostText() {
		return c.env.tooMuchText()
	}
	return nil
}

// mostText is how much text a function may make for a batch.
func (e *Env) mostText() int {
	if e == nil || e.Memory <= 0 {
		return maxTextVector
	}
	return int(min(e.Memory, maxTextVector))
}

func (e *Env) tooMuchText() error {
	return plan.Errorf(0, plan.CodeOutOfMemory, "a batch of rows would hold more than %d MiB of text", e.mostText()>>20).
		WithHint("Make shorter texts, or select fewer rows at once.")
}

// kernels holds the functions by signature: name(type,type). Each file of
// functions adds its own in a variable initializer, through register.
var kernels = map[string]vectorFunc{}

// register adds the kernel for a function of these argument types.
func register(name string, k vectorFunc, args ...plan.Type) struct{} {
	key := signature(name, args)
	if _, taken := kernels[key]; taken {
		panic("eval: two kernels for " + key)
	}
	kernels[key] = k
	return struct{}{}
}

func signature(name string, args []plan.Type) string {
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = a.String()
	}
	return name + "(" + strings.Join(parts, ",") + ")"
}

// Implemented reports whether there is a kernel for a function.
func Implemented(f *plan.Func) bool {
	switch f.Name {
	case "and", "or", "coalesce":
		return true
	}
	_, ok := kernels[signature(f.Name, f.Args)]
	return ok
}

// call is a call of a function.
type call struct {
	context callContext
	args    []node
	run     vectorFunc
	lenient bool
}

func compileCall(e *plan.Call, env *Env) (node, error) {
	args, err := compileAll(e.Args, env)
	if err != nil {
		return nil, err
	}
	switch e.Func.Name {
	case "and":
		return connective{args: args, stop: false}, nil
	case "or":
		return connective{args: args, stop: true}, nil
	case "coalesce":
		return coalesce{args: args, t: e.Type()}, nil
	}
	k, ok := kernels[signature(e.Func.Name, e.Func.Args)]
	if !ok {
		return nil, fmt.Errorf("eval: no kernel for %s", signature(e.Func.Name, e.Func.Args))
	}
	c := call{context: callContext{env: env, result: e.Type(), at: e.At}, args: args, run: k, lenient: e.Func.Lenient}
	if constant(args) && !e.Func.Volatile {
		return fold(c)
	}
	if cmp, ok := asComparison(e.Func.Name, c); ok {
		return cmp, nil
	}
	if e.Func.Name == "isnull" || e.Func.Name == "isnotnull" {
		return nullness{c, e.Func.Name == "isnull"}, nil
	}
	return c, nil
}

// constant reports whether all nodes are literals.
func constant(nodes []node) bool {
	for _, n := range nodes {
		if _, ok := n.(literal); !ok {
			return false
		}
	}
	return true
}

// MaxFolded is the longest text that is computed once and kept: no memory counts what
// a plan holds. A longer one is computed where it is needed.
const MaxFolded = 4 << 10

// fold evaluates a node that has no columns; one that fails stays, to fail only
// where it is evaluated (E2).
func fold(n node) (node, error) {
	v, err := n.eval(&batch{n: 1})
	if err != nil || v.TextSize() > MaxFolded {
		return n, nil //nolint:nilerr // the error is raised again where the node is evaluated
	}
	return literal{v.Literal(0)}, nil
}

func (c call) eval(b *batch) (Vector, error) {
	if err := c.context.env.ended(); err != nil {
		return Vector{}, err
	}
	args := make([]Vector, len(c.args))
	allConst, unknown := true, false
	for i, a := range c.args {
		v, err := a.eval(b)
		if err != nil {
			return Vector{}, err
		}
		args[i] = v
		allConst = allConst && v.Const
		unknown = unknown || v.allNull()
	}
	if unknown && !c.lenient {
		return null(c.context.result, b.n), nil
	}
	n := b.n
	if allConst && len(args) > 0 {
		n = min(n, 1)
	}
	context := c.context
	v, err := c.run(&context, args, n)
	if err != nil {
		return Vector{}, c.position(err)
	}
	v.T = c.context.result
	if allConst && len(args) > 0 && n < b.n {
		v.Const, v.Len = true, b.n
	}
	return v, nil
}

// position gives a user's mistake the place of the call, where it has none.
func (c call) position(err error) error {
	var e *plan.Error
	if errors.As(err, &e) && e.Pos == 0 {
		at := *e
		at.Pos = c.context.at
		return &at
	}
	return err
}

// value is a Go type in which vectors hold values.
type value interface {
	bool | int64 | float64 | string | plan.Span
}

// values returns the slice of a vector that holds T.
func values[T value](v *Vector) []T {
	var out any
	switch any(*new(T)).(type) {
	case bool:
		out = v.Bools
	case int64:
		out = v.Ints
	case float64:
		out = v.Floats
	case string:
		out = v.Strs
	default:
		out = v.Spans
	}
	return out.([]T)
}

// of returns a vector over a slice of T; its type is set by the caller.
func of[T value](vals []T, valid columnar.Bitmap) Vector {
	v := Vector{Len: len(vals), Valid: valid}
	switch vals := any(vals).(type) {
	case []bool:
		v.Bools = vals
	case []int64:
		v.Ints = vals
	case []float64:
		v.Floats = vals
	case []string:
		v.Strs = vals
	case []plan.Span:
		v.Spans = vals
	}
	return v
}

// bothValid returns the rows in which no argument is NULL; nil: all.
func bothValid(args []Vector) columnar.Bitmap {
	var out columnar.Bitmap
	shared := false
	for i := range args {
		a := &args[i]
		if a.Valid == nil || a.Const {
			continue // a constant NULL was dealt with before
		}
		switch {
		case out == nil:
			out, shared = a.Valid, true
		default:
			if shared {
				out, shared = append(columnar.Bitmap(nil), out...), false
			}
			for w := range out {
				out[w] &= a.Valid[w]
			}
		}
	}
	return out
}

// unary lifts a function of one value that cannot fail.
func unary[A, R value](f func(A) R) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		a := values[A](&args[0])
		out := make([]R, n)
		for i := range out {
			if i%longPatience == longPatience-1 {
				if err := c.env.ended(); err != nil {
					return Vector{}, err
				}
			}
			out[i] = f(a[i])
		}
		return of(out, bothValid(args)), nil
	}
}

// binary lifts a function of two values that cannot fail.
func binary[A, B, R value](f func(A, B) R) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		a, b := values[A](&args[0]), values[B](&args[1])
		ma, mb := args[0].mask(), args[1].mask()
		out := make([]R, n)
		for i := range out {
			if i%longPatience == longPatience-1 {
				if err := c.env.ended(); err != nil {
					return Vector{}, err
				}
			}
			out[i] = f(a[i&ma], b[i&mb])
		}
		return of(out, bothValid(args)), nil
	}
}

// patience is how many rows a kernel works on before it looks whether the statement has
// ended.
const patience = 64

// longPatience is that of kernels that cannot fail, which are quick.
const longPatience = 1024

// each calls f for every row in which no argument is NULL, until one fails or the
// statement ends.
func (c *callContext) each(args []Vector, n int, f func(i int) error) (columnar.Bitmap, error) {
	valid := bothValid(args)
	for i := range n {
		if i%patience == patience-1 {
			if err := c.env.ended(); err != nil {
				return nil, err
			}
		}
		if valid != nil && !valid.Has(i) {
			continue
		}
		if err := f(i); err != nil {
			return nil, err
		}
	}
	return valid, nil
}

// unaryErr lifts a function of one value that can fail.
func unaryErr[A, R value](f func(*callContext, A) (R, error)) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		a := values[A](&args[0])
		out := make([]R, n)
		valid, err := c.each(args, n, func(i int) (err error) {
			out[i], err = f(c, a[i])
			return err
		})
		return of(out, valid), err
	}
}

// binaryErr lifts a function of two values that can fail.
func binaryErr[A, B, R value](f func(*callContext, A, B) (R, error)) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		a, b := values[A](&args[0]), values[B](&args[1])
		ma, mb := args[0].mask(), args[1].mask()
		out := make([]R, n)
		valid, err := c.each(args, n, func(i int) (err error) {
			out[i], err = f(c, a[i&ma], b[i&mb])
			return err
		})
		return of(out, valid), err
	}
}

// ternaryErr lifts a function of three values that can fail.
func ternaryErr[A, B, C, R value](f func(*callContext, A, B, C) (R, error)) vectorFunc {
	return func(ctx *callContext, args []Vector, n int) (Vector, error) {
		a, b, c := values[A](&args[0]), values[B](&args[1]), values[C](&args[2])
		ma, mb, mc := args[0].mask(), args[1].mask(), args[2].mask()
		out := make([]R, n)
		valid, err := ctx.each(args, n, func(i int) (err error) {
			out[i], err = f(ctx, a[i&ma], b[i&mb], c[i&mc])
			return err
		})
		return of(out, valid), err
	}
}

// nullable lifts a function that sees its arguments row by row and may answer
// NULL: it returns false for that.
func nullable[R value](f func(c *callContext, args []Vector, i int) (R, bool, error)) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		out := make([]R, n)
		valid := columnar.NewBitmap(n)
		strict := bothValid(args)
		for i := range n {
			if i%patience == patience-1 {
				if err := c.env.ended(); err != nil {
					return Vector{}, err
				}
			}
			if strict != nil && !strict.Has(i) {
				continue
			}
			r, ok, err := f(c, args, i)
			if err != nil {
				return Vector{}, err
			}
			if ok {
				out[i] = r
				valid.Set(i)
			}
		}
		return of(out, valid), nil
	}
}
