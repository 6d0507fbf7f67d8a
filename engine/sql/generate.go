package sql

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

// rangeFunction lowers a function in FROM: generate_series, or a table function.
func (l *lowerer) rangeFunction(v *pg.RangeFunction) (*from, error) {
	at := location(&pg.Node{Node: &pg.Node_RangeFunction{RangeFunction: v}})
	switch {
	case v.GetLateral():
		return nil, l.refuse(at, "LATERAL is")
	case v.GetOrdinality():
		return nil, l.refuse(at, "WITH ORDINALITY is")
	case v.GetIsRowsfrom():
		return nil, l.refuse(at, "ROWS FROM is")
	case len(v.GetColdeflist()) > 0:
		return nil, l.refuse(at, "a column definition list is")
	}
	item := v.GetFunctions()[0].GetList().GetItems()[0]
	call := item.GetFuncCall()
	if call == nil {
		return nil, l.refuse(location(item), "this function in FROM is")
	}
	path := names(call.GetFuncname())
	name := path[len(path)-1]
	if name != "generate_series" {
		return l.tableFunction(v, call)
	}
	t, err := l.newTable(aliasOr(v.GetAlias(), name), call.GetLocation())
	if err != nil {
		return nil, err
	}
	g, err := l.generate(call, t.alias)
	if err != nil {
		return nil, err
	}
	return l.single(t, g, g.Fields(), v.GetAlias())
}

// generate lowers generate_series(from, to [, step]).
func (l *lowerer) generate(call *pg.FuncCall, alias string) (*plan.Generate, error) {
	pos := l.pos(call.GetLocation())
	if call.GetAggStar() || call.GetAggDistinct() || call.GetAggFilter() != nil || call.GetOver() != nil || len(call.GetAggOrder()) > 0 || call.GetFuncVariadic() {
		return nil, plan.Errorf(pos, plan.CodeTypeMismatch, "generate_series is not an aggregate function")
	}
	args, err := l.exprs(call.GetArgs(), exprScope{from: noColumns, clause: "functions in FROM"})
	if err != nil {
		return nil, err
	}
	const withStep = 3
	if len(args) < withStep-1 || len(args) > withStep {
		return nil, plan.Errorf(pos, plan.CodeUndefFunction, "generate_series takes a first and a last value and a step, not %d arguments", len(args))
	}
	bounds := typesOf(args[:2])
	t, ok := plan.CommonType(bounds)
	switch {
	case ok && (t == plan.Bigint || t == plan.Double):
		if len(args) == withStep {
			t, ok = plan.CommonType(typesOf(args))
		}
	case ok && t == plan.Date:
		t = plan.Timestamptz // as in PostgreSQL
	case ok && t == plan.Text && bounds[0] == plan.Unknown && bounds[1] == plan.Unknown:
		t = plan.Timestamptz
	}
	g := &plan.Generate{Col: plan.Field{Table: alias, Name: alias, Type: t}}
	stepType := t
	switch {
	case ok && (t == plan.Bigint || t == plan.Double):
		if len(args) < withStep {
			args = append(args, &plan.Literal{Value: int64(1), T: plan.Bigint, At: pos})
		}
	case ok && (t == plan.Timestamp || t == plan.Timestamptz) && len(args) == withStep:
		stepType = plan.Interval
	default:
		return nil, plan.Errorf(pos, plan.CodeUndefFunction, "generate_series of %s and %s does not exist", bounds[0], bounds[1]).
			WithHint("It takes two numbers and perhaps a step, or two timestamps and an interval.")
	}
	for i, to := range []*plan.Expr{&g.From, &g.To, &g.Step} {
		want := t
		if i == 2 {
			want = stepType
		}
		if *to, err = l.coerce(args[i], want, "argument of generate_series"); err != nil {
			return nil, err
		}
	}
	return g, nil
}
