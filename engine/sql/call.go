package sql

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

// functionNames are PostgreSQL's functions that have other names in package plan.
var functionNames = map[string]string{"extract": "date_part", "position": "strpos"}

// funcCall lowers a call of a function.
func (l *lowerer) funcCall(v *pg.FuncCall, sc exprScope) (plan.Expr, error) {
	pos := l.pos(v.GetLocation())
	path := names(v.GetFuncname())
	name := path[len(path)-1]
	if len(path) > 2 || len(path) == 2 && path[0] != "pg_catalog" && path[0] != "public" {
		return nil, plan.Errorf(pos, plan.CodeUndefFunction, "function %s does not exist", strings.Join(path, ".")).
			WithHint("Functions have no schema; leave it out.")
	}
	switch {
	case v.GetOver() != nil:
		return nil, l.refuse(v.GetLocation(), "a window function is")
	case v.GetFuncVariadic():
		return nil, l.refuse(v.GetLocation(), "VARIADIC is")
	case plan.IsAggregate(name):
		return l.aggregate(name, v, sc)
	case v.GetAggStar() || v.GetAggDistinct() || v.GetAggFilter() != nil || v.GetAggWithinGroup() || len(v.GetAggOrder()) > 0:
		return nil, plan.Errorf(pos, plan.CodeTypeMismatch, "%s is not an aggregate function", name).
			WithHint("*, DISTINCT, FILTER, ORDER BY and WITHIN GROUP belong to aggregate functions.")
	case refusedFunctions[name] != "":
		return nil, l.refuse(v.GetLocation(), "function %s is", name).WithHint("%s", refusedFunctions[name])
	}
	switch {
	case plan.FindRoutine(plan.Procedures, name) != nil:
		return nil, plan.Errorf(pos, plan.CodeTypeMismatch, "%s is a procedure", name).WithHint("CALL %s", plan.FindRoutine(plan.Procedures, name))
	case plan.FindRoutine(plan.TableFunctions, name) != nil:
		return nil, plan.Errorf(pos, plan.CodeTypeMismatch, "%s yields rows", name).WithHint("It stands in FROM: SELECT * FROM %s(...)", name)
	case functionNames[name] != "":
		name = functionNames[name]
	}
	args, err := l.arguments(name, v, sc)
	if err != nil {
		return nil, err
	}
	if err := l.checkWords(name, args); err != nil {
		return nil, err
	}
	if path[len(path)-1] == "extract" {
		e, err := l.operator(name, args, pos)
		return l.wide(e, numeric), err
	}
	return l.operator(name, args, pos)
}

// refusedFunctions are functions that users look for, with what to use instead.
var refusedFunctions = map[string]string{
	"similar_to_escape":   "Use LIKE, or ~ with a regular expression.",
	"array_agg":           "Use string_agg, or fetch the rows.",
	"generate_series":     "It stands in FROM: SELECT * FROM generate_series(1, 10).",
	"time_bucket_gapfill": "Join with generate_series to fill gaps.",
	"clock_timestamp":     "Use now(): a statement has one instant.",
	"row_number":          "Window functions are not there yet.",
	"unnest":              "There are no arrays.",
	"format":              "Use || or concat.",
	"set_config":          "Use SET name = 'value'.",
}

// arguments lowers the arguments of a call, puts those that are named in their
// places, and adds those that have defaults.
func (l *lowerer) arguments(name string, v *pg.FuncCall, sc exprScope) ([]plan.Expr, error) {
	var args []plan.Expr
	byName := map[string]plan.Expr{}
	for _, n := range v.GetArgs() {
		named := n.GetNamedArgExpr()
		if named == nil {
			e, err := l.expr(n, sc)
			if err != nil {
				return nil, err
			}
			args = append(args, e)
			continue
		}
		e, err := l.expr(named.GetArg(), sc)
		if err != nil {
			return nil, err
		}
		if byName[named.GetName()] != nil {
			return nil, plan.Errorf(l.pos(named.GetLocation()), plan.CodeSyntax, "argument name %q used more than once", named.GetName())
		}
		byName[named.GetName()] = e
	}
	pos := l.pos(v.GetLocation())
	if len(byName) > 0 || name == "make_interval" {
		var err error
		if args, err = l.placeNamed(name, args, byName, sc, pos); err != nil {
			return nil, err
		}
	}
	switch name {
	case "time_bucket", "local_bucket":
		const withoutZone = 2
		if len(args) == withoutZone && args[1].Type() != plan.Timestamp {
			z, err := l.defaultZone(args[1], sc, pos)
			if z != nil || err != nil {
				return append(args, z), err
			}
		}
	case "timezone":
		if len(args) == 1 { // AT LOCAL
			return []plan.Expr{l.sessionZone(pos), args[0]}, nil
		}
	}
	return args, nil
}

// sessionZone returns the session's zone as a literal.
func (l *lowerer) sessionZone(pos int) plan.Expr {
	return &plan.Literal{Value: l.scope.Zone.Name(), T: plan.Text, At: pos}
}

// defaultZone returns the zone for a bin over time: that of the sample's series
// where samples are in scope, nil for the session's.
func (l *lowerer) defaultZone(time plan.Expr, sc exprScope, pos int) (plan.Expr, error) {
	t, ambiguous := samplesOf(sc.from, time)
	if ambiguous {
		return nil, plan.Errorf(pos, plan.CodeAmbiguous, "it is not clear whose zone is meant: there are several tables of samples").
			WithHint("Give the zone as the third argument.")
	}
	if t == nil {
		return nil, nil
	}
	return l.implicit(t, "zone"), nil
}

// placeNamed puts arguments in the order of the overload that has all their names
// and the fewest others.
func (l *lowerer) placeNamed(name string, args []plan.Expr, byName map[string]plan.Expr, sc exprScope, pos int) ([]plan.Expr, error) {
	params := parameterNames(name, len(args), byName)
	if params == nil {
		return nil, plan.Errorf(pos, plan.CodeUndefFunction, "function %s does not have these named arguments", name).
			WithHint("SELECT * FROM system.functions WHERE name = '%s' lists them.", name)
	}
	for i := len(args); i < len(params); i++ {
		e := byName[params[i]]
		switch {
		case e != nil:
		case name == "make_interval":
			e = &plan.Literal{Value: int64(0), T: plan.Bigint, At: pos}
		case params[i] == "zone":
			var err error
			if e, err = l.defaultZone(args[1], sc, pos); err != nil {
				return nil, err
			}
			if e == nil {
				e = l.sessionZone(pos)
			}
		default:
			return nil, plan.Errorf(pos, plan.CodeUndefFunction, "argument %q of %s is missing", params[i], name)
		}
		args = append(args, e)
	}
	return args, nil
}

// parameterNames returns the parameters of the shortest overload that takes so many
// arguments by place and all others by name; nil for none.
func parameterNames(name string, placed int, byName map[string]plan.Expr) []string {
	var best []string
	for _, f := range plan.Overloads(name) {
		if len(f.Names) < placed || best != nil && len(best) <= len(f.Names) {
			continue
		}
		found := 0
		for _, p := range f.Names[placed:] {
			if byName[p] != nil {
				found++
			}
		}
		if found == len(byName) {
			best = f.Names
		}
	}
	return best
}

// zoneArgs are the functions that take a zone, and at which place.
var zoneArgs = map[string]int{"time_bucket": 2, "local_bucket": 2, "date_trunc": 2, "timezone": 0, "make_timestamptz": 6}

// fieldArgs are the functions whose first argument is a field of time, and the
// fields.
var fieldArgs = map[string]map[string]bool{
	"date_trunc": wordSet("microseconds milliseconds second minute hour day week month quarter year decade century millennium"),
	"date_part": wordSet(`microseconds milliseconds second minute hour day week month quarter year decade century millennium
		epoch dow isodow doy isoyear julian timezone timezone_hour timezone_minute`),
}

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// checkWords refuses literals that are no zone, or no field of time.
func (l *lowerer) checkWords(name string, args []plan.Expr) error {
	if i, ok := zoneArgs[name]; ok && i < len(args) {
		if lit, ok := args[i].(*plan.Literal); ok {
			if text, ok := lit.Value.(string); ok {
				if err := l.checkZone(text, lit.At); err != nil {
					return err
				}
			}
		}
	}
	known, ok := fieldArgs[name]
	if !ok || len(args) == 0 {
		return nil
	}
	lit, ok := args[0].(*plan.Literal)
	if !ok {
		return nil
	}
	text, ok := lit.Value.(string)
	lower := strings.ToLower(text)
	if !ok || known[lower] || known[strings.TrimSuffix(lower, "s")] || known[lower+"s"] {
		return nil
	}
	var all []string
	for w := range known {
		all = append(all, w)
	}
	err := plan.Errorf(lit.At, plan.CodeInvalidValue, "unit %q not recognized", text)
	if near := plan.Nearest(lower, all); near != "" {
		return err.WithHint("Did you mean %s?", near)
	}
	return err.WithHint("There are second, minute, hour, day, week, month, quarter, year and others.")
}
