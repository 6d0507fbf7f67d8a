package eval

import (
	"github.com/trellisdb/trellis/engine/plan"
)

// Conversions from and to text, and between the types of time.
var (
	_ = registerTextCasts()

	_ = registerCast(plan.Timestamptz, plan.Timestamp, inSession(func(e *Env, t int64) int64 { return e.Zone.Local(t) }))
	_ = registerCast(plan.Timestamp, plan.Timestamptz, inSession(func(e *Env, t int64) int64 { return e.Zone.Chosen(t) }))
	_ = registerCast(plan.Timestamptz, plan.Date, unaryErr(func(c *callContext, t int64) (int64, error) {
		if !finite(t) {
			return dateOf(t), nil
		}
		return dateOf(c.env.Zone.Local(t)), nil
	}))
	_ = registerCast(plan.Date, plan.Timestamptz, unaryErr(func(c *callContext, d int64) (int64, error) {
		t, err := midnightOf(d)
		if err != nil || !finite(t) {
			return t, err
		}
		return c.env.Zone.Chosen(t), nil
	}))
	_ = registerCast(plan.Timestamp, plan.Date, unary(dateOf))
	_ = registerCast(plan.Date, plan.Timestamp, unaryErr(func(_ *callContext, d int64) (int64, error) { return midnightOf(d) }))
	_ = registerCast(plan.Timestamptz, plan.Time, timeOfDay(func(e *Env, t int64) int64 { return e.Zone.Local(t) }))
	_ = registerCast(plan.Timestamp, plan.Time, timeOfDay(func(_ *Env, t int64) int64 { return t }))
	_ = registerCast(plan.Time, plan.Interval, unary(func(t int64) plan.Span { return plan.Span{Micros: t} }))
	_ = registerCast(plan.Interval, plan.Time, unary(func(s plan.Span) int64 { return floorMod(s.Micros, microsPerDay) }))
)

// inSession lifts a conversion of times that may depend on the session's zone.
// Infinity stays infinity.
func inSession(f func(e *Env, t int64) int64) vectorFunc {
	return unaryErr(func(c *callContext, t int64) (int64, error) {
		if !finite(t) {
			return t, nil
		}
		return f(c.env, t), nil
	})
}

// timeOfDay is the time of day of what local makes of a time; that of infinity is
// NULL.
func timeOfDay(local func(e *Env, t int64) int64) vectorFunc {
	return nullable(func(c *callContext, args []Vector, i int) (int64, bool, error) {
		t := args[0].Ints[i&args[0].mask()]
		if !finite(t) {
			return 0, false, nil
		}
		return floorMod(local(c.env, t), microsPerDay), true, nil
	})
}

// registerTextCasts registers the conversions of every type from and to text: the
// forms that literals have, and those in which values are printed.
func registerTextCasts() struct{} {
	for t := plan.Boolean; t <= plan.JSON; t++ {
		if t == plan.Text {
			continue
		}
		registerCast(plan.Text, t, fromText(t))
		registerCast(t, plan.Text, toText(t))
	}
	return struct{}{}
}

func fromText(t plan.Type) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		out := Vector{T: t, Len: n}
		out.alloc(n)
		valid, err := c.each(args, n, func(i int) error {
			x, err := plan.ParseLiteral(args[0].Strs[i&args[0].mask()], t, c.env.Zone, c.env.Now)
			if err != nil {
				return err
			}
			one := FromLiteral(plan.Literal{Value: x, T: t}, 1)
			out.copyFrom(i, &one, 0)
			return nil
		})
		out.Valid = valid
		return out, err
	}
}

func toText(t plan.Type) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		out := make([]string, n)
		valid, err := c.each(args, n, func(i int) error {
			out[i] = plan.FormatValue(args[0].Literal(i).Value, t, c.env.Zone)
			return nil
		})
		return of(out, valid), err
	}
}
