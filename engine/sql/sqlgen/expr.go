package sqlgen

import (
	"fmt"
	"strings"

	"github.com/trellisdb/trellis/engine/plan"
)

// types are those that expressions have.
var types = []plan.Type{plan.Boolean, plan.Bigint, plan.Double, plan.Text, plan.Timestamp, plan.Timestamptz, plan.Date, plan.Time, plan.Interval, plan.JSON}

// literals are constants by type, ordinary ones and absurd ones.
var literals = map[plan.Type][]string{
	plan.Boolean: {"true", "false", "NULL", "'yes'"},
	plan.Bigint: {
		"0", "1", "2", "7", "-1", "100", "65536", "2147483647", "2147483648", "-2147483648", "9223372036854775807", "-9223372036854775808",
		"1000000000000000000", "NULL", "'12'", "3::smallint", "4::int",
	},
	plan.Double: {
		"0.0", "1.5", "-2.25", "1e300", "-1e308", "1e-320", "'NaN'::float8", "'Infinity'::float8", "'-Infinity'::float8", "NULL", "1.1::real",
		"12345678901234567890", "0.1::numeric", "99999999999999999999999999999999999999.5",
	},
	plan.Text: {
		"''", "'a'", "'ab%_'", "'plant/temp'", "'good'", "'bad'", "'UTC'", "'Europe/Berlin'", "'1 day'", "'{a,0}'", "'\u00e4\U0001F600'", "E'\\n'", "'(((['",
		"'^a*(b|c)+$'", "'YYYY-MM-DD HH24:MI:SS.US TZ'", "'FM999,999.00'", "repeat('x', 70000)", "NULL", "'9999999999999999999'", "'month'", "'century'", "'g'", "'\\'",
	},
	plan.Timestamp: {
		"timestamp '2024-03-31 02:30'", "'-infinity'::timestamp", "'infinity'::timestamp", "timestamp '4713-01-01 BC'", "timestamp '294276-12-31 23:59:59.999999'",
		"NULL::timestamp", "timestamp '1970-01-01'", "timestamp '0001-01-01'",
	},
	plan.Timestamptz: {
		"now()", "timestamptz '2024-10-27 02:30 Europe/Berlin'", "'infinity'::timestamptz", "'-infinity'::timestamptz", "timestamptz '2024-01-01 00:00+14'",
		"NULL::timestamptz", "timestamptz '0001-01-01 BC'", "timestamptz '200000-01-01'", "'epoch'::timestamptz", "'2024-01-01'",
	},
	plan.Date: {"date '2024-02-29'", "'infinity'::date", "date '9999-12-31'", "date '4713-01-01 BC'", "NULL::date", "current_date"},
	plan.Time: {"time '00:00'", "time '24:00'", "time '23:59:59.999999'", "NULL::time"},
	plan.Interval: {
		"interval '1 day'", "interval '-1 month'", "interval '0'", "interval '178000000 years'", "interval '1 microsecond'", "interval '2147483647 days'", "interval '-2147483648 months'",
		"NULL::interval", "interval '1 mon -1 day 00:00:01'", "'1 hour'", "interval '9223372036854 seconds'",
	},
	plan.JSON: {`'{"a":[1,2,{"b":null}],"a":2}'::json`, "'[]'::json", "'null'::jsonb", `'{"x":1e400}'::json`, "NULL::json", `'"\u0000"'::json`, `'[1,2]'::jsonb`},
}

// mistakes are constants that are wrong, for some types at least.
var mistakes = []string{"'maybe'", "'25:00'", "'{'", "'2024-13-01'", "''", "'1e999'", "99999999999999999999", "1e999", "x'12'", "ARRAY[1]", "ROW(1, 2)", "DEFAULT", "nothing", "nothing()"}

// typeNames are the names that a cast may use.
var typeNames = map[plan.Type][]string{
	plan.Boolean: {"boolean", "bool"}, plan.Bigint: {"bigint", "int", "smallint", "int8", "oid"},
	plan.Double: {"float8", "real", "numeric", "numeric(10, 2)", "double precision"},
	plan.Text:   {"text", "varchar", "varchar(3)", "char(5)", "char", "name"}, plan.Timestamp: {"timestamp", "timestamp(6)"},
	plan.Timestamptz: {"timestamptz", "timestamp with time zone"}, plan.Date: {"date"}, plan.Time: {"time"},
	plan.Interval: {"interval"}, plan.JSON: {"json", "jsonb"},
}

// byResult are the functions by what they yield.
var byResult, aggregatesByResult = functionsByResult()

func functionsByResult() (map[plan.Type][]*plan.Func, map[plan.Type][]*plan.AggregateFunc) {
	funcs, aggs := map[plan.Type][]*plan.Func{}, map[plan.Type][]*plan.AggregateFunc{}
	for _, f := range plan.Functions() {
		funcs[f.Result] = append(funcs[f.Result], f)
	}
	for _, f := range plan.Aggregates() {
		aggs[f.Result] = append(aggs[f.Result], f)
	}
	return funcs, aggs
}

func (g *generator) anyType() plan.Type { return some(g, types...) }

// literal is a constant.
func (g *generator) literal(t plan.Type) string {
	if g.params && g.one(4) {
		return some(g, "$1", "$2", "$1::"+typeNames[t][0])
	}
	if g.odd(8) {
		return some(g, mistakes...)
	}
	return some(g, literals[t]...)
}

// column is a column of a type, where there is one in scope; else a constant.
func (g *generator) column(t plan.Type) string {
	var fit []string
	for _, c := range g.cols {
		if c.t == t {
			fit = append(fit, c.name)
		}
	}
	if len(fit) == 0 {
		return g.literal(t)
	}
	return some(g, fit...)
}

// expr is an expression of a type, now and then of another.
func (g *generator) expr(t plan.Type) string {
	if g.odd(8) {
		t = g.anyType()
	}
	if !g.spend() || g.one(3) {
		return g.column(t)
	}
	if g.aggs && g.one(2) {
		return g.aggregate(t)
	}
	switch g.rand.IntN(12) {
	case 0:
		return g.literal(t)
	case 1:
		return g.cast(t)
	case 2:
		return g.caseOf(t)
	case 3:
		if g.one(3) {
			return "(" + g.subquery([]plan.Type{t}) + ")"
		}
	case 4:
		if t == plan.JSON && !g.wild {
			break
		}
		return some(g, "coalesce(", "nullif(", "greatest(", "least(") + list(2, func() string { return g.expr(t) }) + ")"
	case 5:
		return "(" + g.expr(t) + ")"
	case 6:
		if t == plan.Text {
			return g.textForm()
		}
		if t == plan.Double {
			return "extract(" + some(g, "year", "epoch", "isodow", "milliseconds", "timezone", "julian") + " FROM " + g.expr(some(g, types[4:9]...)) + ")"
		}
	}
	if t == plan.Boolean && !g.one(3) {
		return g.condition()
	}
	return g.function(t)
}

func (g *generator) cast(t plan.Type) string {
	from, to := g.anyType(), some(g, typeNames[t]...)
	for !g.wild && !plan.CanCast(from, t) {
		from = g.anyType()
	}
	if g.odd(10) {
		to = some(g, "numeric(1000, 400)", "timestamp(3)", "interval day", "int[]", "nothing", "char(0)", "a.b.c", "record")
	}
	if g.one(2) {
		return "CAST(" + g.expr(from) + " AS " + to + ")"
	}
	return "(" + g.expr(from) + ")::" + to
}

func (g *generator) caseOf(t plan.Type) string {
	var b strings.Builder
	b.WriteString("CASE")
	when := plan.Boolean
	if g.one(2) {
		when = some(g, types[:9]...)
		b.WriteString(" " + g.expr(when))
	}
	for range 1 + g.rand.IntN(3) {
		b.WriteString(" WHEN " + g.expr(when) + " THEN " + g.expr(t))
	}
	return b.String() + g.maybe(2, func() string { return " ELSE " + g.expr(t) }) + " END"
}

// textForm is one of the forms of text functions that have a grammar of their own.
func (g *generator) textForm() string {
	switch g.rand.IntN(5) {
	case 0:
		return "substring(" + g.expr(plan.Text) + " FROM " + g.expr(some(g, plan.Bigint, plan.Text)) + " FOR " + g.expr(plan.Bigint) + ")"
	case 1:
		return "trim(" + some(g, "BOTH ", "LEADING ", "TRAILING ") + g.expr(plan.Text) + " FROM " + g.expr(plan.Text) + ")"
	case 2:
		if !g.wild {
			break
		}
		return "overlay(" + g.expr(plan.Text) + " PLACING " + g.expr(plan.Text) + " FROM " + g.expr(plan.Bigint) + ")"
	case 3:
		return some(g, "current_user", "session_user", "current_schema", "current_catalog", "current_setting('timezone')", "current_setting("+g.expr(plan.Text)+")")
	}
	return g.expr(plan.Text) + " || " + g.expr(g.anyType())
}

// condition is a boolean expression.
func (g *generator) condition() string {
	t := g.anyType()
	for t == plan.JSON && !g.wild {
		t = g.anyType()
	}
	not := g.maybe(3, func() string { return "NOT " })
	switch g.rand.IntN(12) {
	case 0:
		return "(" + g.expr(plan.Boolean) + some(g, " AND ", " OR ") + g.expr(plan.Boolean) + ")"
	case 1:
		return "NOT (" + g.expr(plan.Boolean) + ")"
	case 2:
		return g.expr(t) + " " + not + "IN (" + list(1+g.rand.IntN(4), func() string { return g.expr(t) }) + ")"
	case 3:
		return g.expr(t) + " " + not + "BETWEEN " + g.maybe(3, func() string { return "SYMMETRIC " }) + g.expr(t) + " AND " + g.expr(t)
	case 4:
		return g.expr(t) + " IS " + not + some(g, "NULL", "DISTINCT FROM "+g.expr(t))
	case 5:
		return g.expr(plan.Boolean) + " IS " + not + some(g, "TRUE", "FALSE", "UNKNOWN")
	case 6:
		return g.expr(plan.Text) + " " + not + some(g, "LIKE ", "ILIKE ", "LIKE ") + g.expr(plan.Text) + g.maybe(4, func() string { return " ESCAPE " + g.expr(plan.Text) })
	case 7:
		return not + "EXISTS (" + g.subquery([]plan.Type{t}) + ")"
	case 8:
		return g.expr(t) + " " + not + "IN (" + g.subquery([]plan.Type{t}) + ")"
	case 9:
		return "(" + g.expr(t) + ", " + g.expr(plan.Text) + ") " + some(g, "=", "<>") + " (" + g.expr(t) + ", " + g.expr(plan.Text) + ")"
	case 10:
		return g.expr(t) + some(g, " = ANY (ARRAY[", " <> ALL (ARRAY[") + list(1+g.rand.IntN(3), func() string { return g.expr(t) }) + "])"
	}
	return g.expr(t) + some(g, " = ", " <> ", " < ", " <= ", " > ", " >= ") + g.expr(t)
}

// spelled are functions of the table that are written otherwise.
var spelled = map[string]string{
	"and": "(%s AND %s)", "or": "(%s OR %s)", "not": "(NOT %s)", "isnull": "(%s IS NULL)", "isnotnull": "(%s IS NOT NULL)",
	"istrue": "(%s IS TRUE)", "isnottrue": "(%s IS NOT TRUE)", "isfalse": "(%s IS FALSE)", "isnotfalse": "(%s IS NOT FALSE)",
	"isdistinct": "(%s IS DISTINCT FROM %s)", "isnotdistinct": "(%s IS NOT DISTINCT FROM %s)",
}

// bare are functions that are called without parentheses.
var bare = map[string]bool{"current_date": true, "current_timestamp": true, "localtimestamp": true, "current_user": true}

// function is a call of a function that yields a type.
func (g *generator) function(t plan.Type) string {
	if len(byResult[t]) == 0 {
		return g.literal(t)
	}
	f := some(g, byResult[t]...)
	args := make([]any, len(f.Args))
	for i, a := range f.Args {
		args[i] = g.expr(a)
	}
	if form, ok := spelled[f.Name]; ok && len(args) <= strings.Count(form, "%s") {
		for len(args) < strings.Count(form, "%s") {
			args = append(args, g.expr(plan.Boolean))
		}
		return fmt.Sprintf(form, args...)
	}
	if !isWord(f.Name) {
		if len(args) == 1 {
			return "(" + f.Name + " " + args[0].(string) + ")"
		}
		return fmt.Sprintf("(%s %s %s)", args[0], f.Name, args[1])
	}
	if bare[f.Name] {
		return f.Name
	}
	if f.Rest {
		args = append(args, g.expr(f.Args[len(f.Args)-1]))
	}
	return g.called(f.Name, args, f.Names)
}

// called is a call with its arguments, now and then by name, one too few or too many.
func (g *generator) called(name string, args []any, names []string) string {
	switch {
	case g.odd(10):
		args = append(args, g.expr(g.anyType()))
	case g.odd(10) && len(args) > 0:
		args = args[:len(args)-1]
	}
	parts := make([]string, len(args))
	named := len(names) // from which argument on they have names
	if g.one(10) {
		named = g.rand.IntN(len(names) + 1)
	}
	for i, a := range args {
		parts[i] = a.(string)
		if i < len(names) && names[i] != "" && i >= named {
			parts[i] = names[i] + " => " + parts[i]
		}
	}
	return name + "(" + strings.Join(parts, ", ") + ")"
}

// inScope reports whether there is a column of a name.
func (g *generator) inScope(name string) bool {
	for _, c := range g.cols {
		if c.name == name || strings.HasSuffix(c.name, "."+name) {
			return true
		}
	}
	return false
}

func isWord(name string) bool {
	return name != "" && (name[0] == '_' || name[0] >= 'a' && name[0] <= 'z')
}

// aggregate is a call of an aggregate function.
func (g *generator) aggregate(t plan.Type) string {
	g.aggs = false
	defer func() { g.aggs = true }()
	if len(aggregatesByResult[t]) == 0 {
		return "(" + g.aggregateOf(some(g, aggregatesByResult[plan.Double]...)) + ")::" + typeNames[t][0]
	}
	f := some(g, aggregatesByResult[t]...)
	if len(f.Implicit) > 0 && !g.wild && !g.inScope("time") {
		return "(" + g.aggregateOf(plan.MustAggregate("max", plan.Text)) + ")::" + typeNames[t][0]
	}
	return g.aggregateOf(f)
}

func (g *generator) aggregateOf(f *plan.AggregateFunc) string {
	args := make([]string, len(f.Args))
	for i, a := range f.Args {
		args[i] = g.expr(a)
	}
	var text string
	switch {
	case f.WithinGroup:
		last := len(args) - 1
		text = f.Name + "(" + strings.Join(args[:last], ", ") + ") WITHIN GROUP (ORDER BY " + args[last] + some(g, "", " DESC") + ")"
	case len(args) == 0:
		text = f.Name + "(" + some(g, "*", "*", "") + ")"
	default:
		text = f.Name + "(" + g.maybe(6, func() string { return "DISTINCT " }) + strings.Join(args, ", ") +
			g.maybe(8, func() string { return " ORDER BY " + g.expr(g.anyType()) + some(g, "", " DESC", " NULLS FIRST") }) + ")"
	}
	return text + g.maybe(6, func() string { return " FILTER (WHERE " + g.expr(plan.Boolean) + ")" }) + g.oddly(20, func() string { return " OVER ()" })
}
