package sql

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

// callProcedure lowers CALL.
func (l *lowerer) callProcedure(s *pg.CallStmt) (plan.Node, error) {
	call := s.GetFunccall()
	r, err := l.findRoutine(call, "procedure", plan.Procedures, nil)
	if err != nil {
		return nil, err
	}
	args, err := l.routineArgs(r, call, "CALL")
	if err != nil {
		return nil, err
	}
	return &plan.CallProcedure{Routine: r, Args: args}, nil
}

// tableFunction lowers a table function in FROM.
func (l *lowerer) tableFunction(v *pg.RangeFunction, call *pg.FuncCall) (*from, error) {
	r, err := l.findRoutine(call, "table function", plan.TableFunctions, []string{"generate_series"})
	if err != nil {
		return nil, err
	}
	args, err := l.routineArgs(r, call, "functions in FROM")
	if err != nil {
		return nil, err
	}
	t, err := l.newTable(aliasOr(v.GetAlias(), r.Name), call.GetLocation())
	if err != nil {
		return nil, err
	}
	if r == plan.SamplesAsOf {
		scan := l.scanSamples(t)
		scan.AsOf = args[0]
		return l.single(t, scan, plan.Samples.Cols, v.GetAlias())
	}
	return l.single(t, &plan.TableCall{Routine: r, Args: args, Alias: t.alias}, r.Cols, v.GetAlias())
}

// findRoutine returns the routine that a call names. more are other names that there
// are.
func (l *lowerer) findRoutine(call *pg.FuncCall, kind string, all []*plan.Routine, more []string) (*plan.Routine, error) {
	pos := l.pos(call.GetLocation())
	path := names(call.GetFuncname())
	name := path[len(path)-1]
	known := more
	for _, r := range all {
		known = append(known, r.Name)
		if r.Name == name && (len(path) == 1 || len(path) == 2 && path[0] == "public") {
			if call.GetAggStar() || call.GetAggDistinct() || call.GetAggFilter() != nil || call.GetOver() != nil || len(call.GetAggOrder()) > 0 || call.GetFuncVariadic() {
				return nil, plan.Errorf(pos, plan.CodeTypeMismatch, "%s is not an aggregate function", name)
			}
			return r, nil
		}
	}
	err := plan.Errorf(pos, plan.CodeUndefFunction, "%s %s does not exist", kind, strings.Join(path, "."))
	if near := plan.Nearest(name, known); near != "" {
		return nil, err.WithHint("Did you mean %s?", near)
	}
	return nil, err.WithHint("There are %s.", strings.Join(known, ", "))
}

// routineArgs returns the arguments of a call, one for each parameter: those that are
// named in their places, and NULL for those that are left out.
func (l *lowerer) routineArgs(r *plan.Routine, call *pg.FuncCall, clause string) ([]plan.Expr, error) {
	pos := l.pos(call.GetLocation())
	args := make([]plan.Expr, len(r.Params))
	for i, n := range call.GetArgs() {
		at, name := i, ""
		if named := n.GetNamedArgExpr(); named != nil {
			name, n = named.GetName(), named.GetArg()
			if at = r.Parameter(name); at < 0 {
				return nil, unknownParameter(r, name, l.pos(named.GetLocation()))
			}
			if args[at] != nil {
				return nil, plan.Errorf(l.pos(named.GetLocation()), plan.CodeSyntax, "argument %q of %s is given twice", name, r.Name)
			}
		}
		if at >= len(args) {
			return nil, wrongCount(r, len(call.GetArgs()), pos)
		}
		e, err := l.expr(n, exprScope{from: noColumns, clause: clause})
		if err != nil {
			return nil, err
		}
		if args[at], err = l.routineArg(r, &r.Params[at], name, e); err != nil {
			return nil, err
		}
	}
	for i := range r.Params {
		switch p := &r.Params[i]; {
		case args[i] != nil:
		case p.Optional:
			args[i] = &plan.Literal{T: p.Type, At: pos}
		default:
			return nil, wrongCount(r, len(call.GetArgs()), pos)
		}
	}
	return args, nil
}

// routineArg gives an argument the type of its parameter, or that of the instant that
// will do as well. A text without a type is an instant then, unless it is named
// otherwise; and so is a parameter of the statement.
func (l *lowerer) routineArg(r *plan.Routine, p *plan.Parameter, name string, e plan.Expr) (plan.Expr, error) {
	want, what := p.Type, "argument "+p.Name+" of "+r.Name
	if p.Or != "" && name != p.Name {
		switch lit, ok := e.(*plan.Literal); {
		case ok && lit.IsNull():
		case name == p.Or, e.Type() == plan.Unknown, plan.CanCastImplicitly(e.Type(), plan.Timestamptz):
			want, what = plan.Timestamptz, "argument "+p.Or+" of "+r.Name
		}
	}
	if lit, ok := e.(*plan.Literal); ok && lit.IsNull() && !p.Nullable {
		return nil, plan.Errorf(lit.At, plan.CodeNullNotAllowed, "%s is NULL", what)
	}
	return l.coerce(e, want, what)
}

// unknownParameter is the error for an argument of a name that a routine does not
// have.
func unknownParameter(r *plan.Routine, name string, pos int) error {
	var known []string
	for _, p := range r.Params {
		known = append(known, p.Name)
		if p.Or != "" {
			known = append(known, p.Or)
		}
	}
	err := plan.Errorf(pos, plan.CodeUndefFunction, "%s has no argument named %q", r.Name, name)
	if near := plan.Nearest(name, known); near != "" {
		return err.WithHint("Did you mean %s?", near)
	}
	return err.WithHint("It is %s.", r)
}

// wrongCount is the error for a call with too many arguments or too few.
func wrongCount(r *plan.Routine, given, pos int) error {
	return plan.Errorf(pos, plan.CodeUndefFunction, "%s does not take %d arguments", r.Name, given).WithHint("It is %s.", r)
}
