package flight

import (
	"slices"

	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"

	"github.com/trellisdb/trellis/engine/plan"
)

// keywords are the words beside those of SQL-92 that have to be quoted as names, in
// PostgreSQL's grammar.
var keywords = []string{
	"analyse", "analyze", "array", "asymmetric", "binary", "concurrently", "current_catalog", "current_role", "current_schema",
	"do", "freeze", "ilike", "isnull", "lateral", "limit", "localtime", "localtimestamp", "notnull", "offset", "overlaps",
	"placing", "returning", "similar", "symmetric", "tablesample", "variadic", "verbose", "window",
}

// The kinds of functions that SqlInfo asks for.
const (
	numericFunction = iota
	stringFunction
	datetimeFunction
	systemFunction
	otherFunction
)

// functionsByKind returns the names of the scalar functions, in order. Operators are
// left out, and those functions whose calls have a syntax of their own.
func functionsByKind() map[int][]string {
	out := map[int][]string{}
	for _, f := range plan.Functions() {
		kind := kindOf(f)
		if kind != otherFunction && !slices.Contains(out[kind], f.Name) {
			out[kind] = append(out[kind], f.Name)
		}
	}
	for _, names := range out {
		slices.Sort(names)
	}
	return out
}

// notFunctions are operators that package plan spells out, with letters.
var notFunctions = []string{
	"and", "or", "not", "isnull", "isnotnull", "istrue", "isnottrue", "isfalse", "isnotfalse",
	"isdistinct", "isnotdistinct", "like", "ilike", "similar",
}

func kindOf(f *plan.Func) int {
	if c := f.Name[0]; (c < 'a' || c > 'z') || slices.Contains(notFunctions, f.Name) {
		return otherFunction
	}
	switch f.Name {
	case "coalesce", "nullif", "greatest", "least", "version", "current_setting":
		return systemFunction
	}
	types := append([]plan.Type{f.Result}, f.Args...)
	is := func(set ...plan.Type) bool {
		return slices.ContainsFunc(types, func(t plan.Type) bool { return slices.Contains(set, t) })
	}
	switch {
	case is(plan.Timestamp, plan.Timestamptz, plan.Date, plan.Time, plan.Interval) && f.Name != "to_char":
		return datetimeFunction
	case len(f.Args) == 0 && f.Result == plan.Text:
		return systemFunction
	case is(plan.Text, plan.JSON):
		return stringFunction
	case is(plan.Double, plan.Bigint):
		return numericFunction
	}
	return otherFunction
}

// converted are the types of SqlInfo's table of conversions, by the SQL type that
// they are here.
var converted = map[plan.Type][]pb.SqlSupportsConvert{
	plan.Boolean: {pb.SqlSupportsConvert_SQL_CONVERT_BIT},
	plan.Bigint: {
		pb.SqlSupportsConvert_SQL_CONVERT_BIGINT, pb.SqlSupportsConvert_SQL_CONVERT_INTEGER, pb.SqlSupportsConvert_SQL_CONVERT_SMALLINT,
	},
	plan.Double: {
		pb.SqlSupportsConvert_SQL_CONVERT_DECIMAL, pb.SqlSupportsConvert_SQL_CONVERT_FLOAT, pb.SqlSupportsConvert_SQL_CONVERT_NUMERIC,
		pb.SqlSupportsConvert_SQL_CONVERT_REAL,
	},
	plan.Text: {
		pb.SqlSupportsConvert_SQL_CONVERT_CHAR, pb.SqlSupportsConvert_SQL_CONVERT_LONGVARCHAR, pb.SqlSupportsConvert_SQL_CONVERT_VARCHAR,
	},
	plan.Timestamp: {pb.SqlSupportsConvert_SQL_CONVERT_TIMESTAMP},
	plan.Date:      {pb.SqlSupportsConvert_SQL_CONVERT_DATE},
	plan.Time:      {pb.SqlSupportsConvert_SQL_CONVERT_TIME},
	plan.Interval: {
		pb.SqlSupportsConvert_SQL_CONVERT_INTERVAL_DAY_TIME, pb.SqlSupportsConvert_SQL_CONVERT_INTERVAL_YEAR_MONTH,
	},
}

// conversions says which types CAST converts to which.
func conversions() map[int32][]int32 {
	out := map[int32][]int32{}
	for from, names := range converted {
		var targets []int32
		for to, others := range converted {
			if !plan.CanCast(from, to) {
				continue
			}
			for _, name := range others {
				targets = append(targets, int32(name))
			}
		}
		slices.Sort(targets)
		for _, name := range names {
			out[int32(name)] = targets
		}
	}
	return out
}
