package sql

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

// typeNames are the types by the names that the grammar gives them or users write.
var typeNames = map[string]plan.Type{
	"bool": plan.Boolean, "boolean": plan.Boolean,
	"int2": plan.Bigint, "int4": plan.Bigint, "int8": plan.Bigint, "smallint": plan.Bigint, "integer": plan.Bigint, "bigint": plan.Bigint, "oid": plan.Bigint,
	"float4": plan.Double, "float8": plan.Double, "numeric": plan.Double, "decimal": plan.Double, "double": plan.Double,
	"text": plan.Text, "varchar": plan.Text, "bpchar": plan.Text, "char": plan.Text, "name": plan.Text, "string": plan.Text,
	"timestamp": plan.Timestamp, "timestamptz": plan.Timestamptz, "date": plan.Date, "time": plan.Time, "interval": plan.Interval,
	"json": plan.JSON, "jsonb": plan.JSON,
}

// typeCast lowers CAST(x AS type), x::type and type 'literal'.
func (l *lowerer) typeCast(v *pg.TypeCast, sc exprScope) (plan.Expr, error) {
	t := v.GetTypeName()
	pos := l.pos(v.GetLocation())
	if pos == 0 {
		pos = l.pos(t.GetLocation())
	}
	to, err := l.typeName(t)
	if err != nil {
		return nil, err
	}
	arg, err := l.expr(v.GetArg(), sc)
	if err != nil {
		return nil, err
	}
	mods := make([]int, len(t.GetTypmods()))
	for i, m := range t.GetTypmods() {
		c := m.GetAConst()
		if c == nil || c.GetIval() == nil && c.GetIsnull() {
			return nil, plan.Errorf(l.pos(t.GetLocation()), plan.CodeInvalidValue, "type modifiers must be simple constants")
		}
		mods[i] = int(c.GetIval().GetIval())
	}
	path := names(t.GetNames())
	name := path[len(path)-1]
	if len(mods) == 0 && (to == plan.Bigint || to == plan.Double) {
		return l.sized(arg, to, widthsByName[name], pos)
	}
	if name == "jsonb" && len(mods) == 0 {
		doc, err := l.cast(arg, to, -1, pos)
		if err != nil || l.widthOf(arg) == jsonb {
			return doc, err
		}
		return l.operator("jsonb", []plan.Expr{doc}, pos)
	}
	if name == "bpchar" {
		return l.castPadded(arg, mods, pos)
	}
	if len(mods) == 0 {
		return l.cast(arg, to, -1, pos)
	}
	return l.castModified(arg, t, to, mods, pos)
}

// typeName returns the type of a name.
func (l *lowerer) typeName(t *pg.TypeName) (plan.Type, error) {
	path := names(t.GetNames())
	name := path[len(path)-1]
	switch {
	case len(t.GetArrayBounds()) > 0:
		return 0, l.refuse(t.GetLocation(), "type %s[] is", name)
	case t.GetSetof() || t.GetPctType():
		return 0, l.refuse(t.GetLocation(), "this form of a type is")
	}
	to, ok := typeNames[name]
	if !ok || len(path) > 2 || len(path) == 2 && path[0] != "pg_catalog" {
		return 0, plan.Errorf(l.pos(t.GetLocation()), plan.CodeUndefObject, "type %q does not exist", strings.Join(path, ".")).
			WithHint("There are boolean, bigint, double precision, text, timestamp, timestamptz, date, time, interval and json.")
	}
	return to, nil
}

// castPadded casts to char(n). Its blanks at the end mean nothing, neither where it is
// compared nor where it becomes a text, so they are not kept.
func (l *lowerer) castPadded(arg plan.Expr, mods []int, pos int) (plan.Expr, error) {
	text, err := l.cast(arg, plan.Text, -1, pos)
	if err != nil {
		return nil, err
	}
	if len(mods) > 0 {
		if mods[0] < 1 {
			return nil, plan.Errorf(pos, plan.CodeInvalidValue, "length for type char must be at least 1")
		}
		text = plan.NewCall(pos, "left", text, &plan.Literal{Value: int64(mods[0]), T: plan.Bigint, At: pos})
	}
	return plan.NewCall(pos, "rtrim", text, &plan.Literal{Value: " ", T: plan.Text, At: pos}), nil
}

// castModified casts to a type with modifiers, such as numeric(10, 2).
func (l *lowerer) castModified(arg plan.Expr, t *pg.TypeName, to plan.Type, mods []int, pos int) (plan.Expr, error) {
	switch to {
	case plan.Double:
		scale := 0
		if len(mods) > 1 {
			scale = mods[1]
		}
		const largest = 300
		if scale < 0 || scale > largest || len(mods) > 2 {
			return nil, plan.Errorf(l.pos(t.GetLocation()), plan.CodeInvalidValue, "numeric scale %d must be between 0 and %d", scale, largest)
		}
		cast, err := l.cast(arg, to, scale, pos)
		return l.wide(cast, numeric), err
	case plan.Text: // an explicit cast cuts
		text, err := l.cast(arg, to, -1, pos)
		if err != nil {
			return nil, err
		}
		return plan.NewCall(pos, "left", text, &plan.Literal{Value: int64(mods[0]), T: plan.Bigint, At: pos}), nil
	case plan.Interval:
		return l.castInterval(arg, t, mods, pos)
	case plan.Timestamp, plan.Timestamptz, plan.Time:
		const micros = 6
		if mods[0] == micros {
			return l.cast(arg, to, -1, pos)
		}
	}
	return nil, l.refuse(t.GetLocation(), "a modifier of type %s is", to)
}

// intervalFields are the units of interval 'n' unit, by the parser's bit masks
// (INTERVAL_MASK in PostgreSQL's utils/timestamp.h).
var intervalFields = map[int]string{
	1 << 2: "year", 1 << 1: "month", 1 << 3: "day", 1 << 10: "hour", 1 << 11: "minute", 1 << 12: "second",
	1<<2 | 1<<1: "month", 1<<3 | 1<<10: "hour", 1<<3 | 1<<10 | 1<<11: "minute", 1<<3 | 1<<10 | 1<<11 | 1<<12: "second",
	1<<10 | 1<<11: "minute", 1<<10 | 1<<11 | 1<<12: "second", 1<<11 | 1<<12: "second",
}

// castInterval lowers interval '2' day and the like: the unit is that of a number
// without one.
func (l *lowerer) castInterval(arg plan.Expr, t *pg.TypeName, mods []int, pos int) (plan.Expr, error) {
	unit, ok := intervalFields[mods[0]]
	lit, isLiteral := arg.(*plan.Literal)
	if !ok || len(mods) > 1 || !isLiteral || lit.T != plan.Unknown || lit.IsNull() {
		return nil, l.refuse(t.GetLocation(), "this form of interval is").WithHint("Write interval '2 days'.")
	}
	v, err := plan.ParseInterval(lit.Value.(string), unit)
	if err != nil {
		return nil, at(err, lit.At)
	}
	if s := v.(plan.Span); coarserThan(s, unit) {
		return nil, l.refuse(t.GetLocation(), "cutting an interval to a field is")
	}
	return &plan.Literal{Value: v, T: plan.Interval, At: pos}, nil
}

// coarserThan reports whether an interval has parts smaller than a unit, which the
// unit would cut off.
func coarserThan(s plan.Span, unit string) bool {
	const minute, hour = 60_000_000, 3_600_000_000
	switch unit {
	case "year":
		return s.Months%12 != 0 || s.Days != 0 || s.Micros != 0
	case "month":
		return s.Days != 0 || s.Micros != 0
	case "day":
		return s.Micros != 0
	case "hour":
		return s.Micros%hour != 0
	case "minute":
		return s.Micros%minute != 0
	}
	return false
}
