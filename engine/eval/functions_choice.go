package eval

import (
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// Choices between values of any ordered type, and what the session knows of itself.
var (
	_ = registerChoices()

	_ = register("version", told(func(e *Env) string { return "Trellis " + setting(e, "server_version") }))
	_ = register("current_schema", told(func(*Env) string { return "public" }))
	_ = register("current_database", told(func(*Env) string { return "trellis" }))
	_ = register("current_user", told(func(e *Env) string { return e.User }))
	_ = register("current_setting", unaryErr(func(c *callContext, name string) (string, error) {
		if c.env.Setting != nil {
			if v, ok := c.env.Setting(name); ok {
				return v, nil
			}
		}
		return "", plan.Errorf(0, plan.CodeUndefObject, "unrecognized configuration parameter %q", name)
	}), plan.Text)
)

func setting(e *Env, name string) string {
	if e.Setting == nil {
		return ""
	}
	v, _ := e.Setting(name)
	return v
}

// told lifts a text that the environment knows.
func told(f func(*Env) string) vectorFunc {
	return func(c *callContext, _ []Vector, n int) (Vector, error) { return of(repeat(f(c.env), n), nil), nil }
}

func registerChoices() struct{} {
	for t := plan.Boolean; t < plan.JSON; t++ {
		register("nullif", nullIf, t, t)
		register("greatest", extreme(1), t)
		register("least", extreme(-1), t)
	}
	return struct{}{}
}

// nullIf is the first argument, or NULL where it equals the second.
func nullIf(_ *callContext, args []Vector, n int) (Vector, error) {
	out := newMerge(args[0].T, n)
	for i := range n {
		if args[0].IsNull(i) || !args[1].IsNull(i) && Compare(&args[0], i, &args[1], i) == 0 {
			continue
		}
		out.v.copyFrom(i, &args[0], i)
		out.v.Valid.Set(i)
	}
	return out.v, nil
}

// extreme is GREATEST (sign 1) or LEAST (sign -1) of the arguments that are not NULL.
func extreme(sign int) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		out := newMerge(c.result, n)
		out.v.Valid = columnar.NewBitmap(n)
		for i := range n {
			best := -1
			for k := range args {
				if !args[k].IsNull(i) && (best < 0 || sign*Compare(&args[k], i, &args[best], i) > 0) {
					best = k
				}
			}
			if best >= 0 {
				out.v.copyFrom(i, &args[best], i)
				out.v.Valid.Set(i)
			}
		}
		return out.v, nil
	}
}
