package eval

import (
	"github.com/trellisdb/trellis/engine/plan"
)

// Conversions from and to text, and between the types of time.
var (
	_ = registerTextCasts()

	_ = registerCast(plan.Timestamptz, plan.Timestamp, inSession(func(e *Env, t int64) int64 { return e.Zone.Local(t) }))
	_ = registerCast(plan.Timestamp, plan.Timestamptz, inSession(func(e *Env, t int64) int64 { return e.Zone.Instant(t) }))
	_ = registerCast(plan.Timestamptz, plan.Date, inSession(func(e *Env, t int64) int64 { return floorDays(e.Zone.Local(t)) }))
	_ = registerCast(plan.Date, plan.Timestamptz, inSession(func(e *Env, d int64) int64 { return e.Zone.Instant(d * microsPerDay) }))
	_ = registerCast(plan.Timestamp, plan.Date, inSession(func(_ *Env, t int64) int64 { return floorDays(t) }))
	_ = registerCast(plan.Date, plan.Timestamp, inSession(func(_ *Env, d int64) int64 { return d * microsPerDay }))
	_ = registerCast(plan.Timestamptz, plan.Time, inSession(func(e *Env, t int64) int64 { return floorMod(e.Zone.Local(t), microsPerDay) }))
	_ = registerCast(plan.Timestamp, plan.Time, inSession(func(_ *Env, t int64) int64 { return floorMod(t, microsPerDay) }))
	_ = registerCast(plan.Time, plan.Interval, unary(func(t int64) plan.Span { return plan.Span{Micros: t} }))
	_ = registerCast(plan.Interval, plan.Time, unary(func(s plan.Span) int64 { return floorMod(s.Micros, microsPerDay) }))
)

// inSession lifts a conversion of times that may depend on the session's zone.
// Infinity stays infinity.
func inSession(f func(e *Env, t int64) int64) kernel {
	return unaryErr(func(c *callContext, t int64) (int64, error) {
		if !finite(t) {
			return t, nil
		}
		return f(c.env, t), nil
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

func fromText(t plan.Type) kernel {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		out := Vector{T: t, Len: n}
		out.alloc(n)
		valid, err := each(args, n, func(i int) error {
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

func toText(t plan.Type) kernel {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		out := make([]string, n)
		valid, err := each(args, n, func(i int) error {
			out[i] = plan.FormatValue(args[0].Literal(i).Value, t, c.env.Zone)
			return nil
		})
		return of(out, valid), err
	}
}
