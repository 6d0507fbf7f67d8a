package sql

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

// aggregate lowers a call of an aggregate function. It stands in the expression
// until the query's grouping replaces it by a column of the AggregateNode.
func (l *lowerer) aggregate(name string, v *pg.FuncCall, sc exprScope) (plan.Expr, error) {
	pos := l.pos(v.GetLocation())
	if sc.clause != "" {
		return nil, plan.Errorf(pos, plan.CodeGrouping, "aggregate functions are not allowed in %s", sc.clause)
	}
	inner := exprScope{from: sc.from, clause: "the arguments of aggregate functions"}
	a := &plan.Aggregation{Distinct: v.GetAggDistinct(), At: pos}
	args, err := l.positional(name, v.GetArgs(), inner)
	if err != nil {
		return nil, err
	}
	if err := checkWithinGroup(name, v.GetAggWithinGroup(), pos); err != nil {
		return nil, err
	}
	if v.GetAggStar() && name != "count" {
		return nil, plan.Errorf(pos, plan.CodeUndefFunction, "%s(*) does not exist", name).WithHint("Name what to aggregate: %s(value).", name)
	}
	if len(args) == 0 && name == "count" && !v.GetAggStar() {
		return nil, plan.Errorf(pos, plan.CodeSyntax, "count(*) must be used to call a parameterless aggregate function")
	}
	if a.Order, err = l.aggregateOrder(v.GetAggOrder(), inner); err != nil {
		return nil, err
	}
	if v.GetAggWithinGroup() {
		if len(a.Order) != 1 {
			return nil, l.refuse(v.GetLocation(), "WITHIN GROUP with several keys is")
		}
		args = append(args, a.Order[0].Expr)
	}
	if a.Func, err = plan.ResolveAggregate(name, typesOf(args), pos); err != nil {
		return nil, err
	}
	if a.Args, err = l.coerceAll(args, func(i int) plan.Type { return a.Func.Args[i] }, false); err != nil {
		return nil, err
	}
	if a.Distinct && (len(a.Func.Implicit) > 0 || a.Func.WithinGroup) {
		return nil, l.refuse(v.GetLocation(), "DISTINCT in %s is", name)
	}
	if a.Distinct && len(a.Args) > 0 {
		if err := equatable(a.Args[0].Type(), a.Args[0].Pos()); err != nil {
			return nil, err
		}
	}
	if err := l.distinctOrder(a, args, v.GetLocation()); err != nil {
		return nil, err
	}
	if a.Func.WithinGroup {
		a.Order[0].Expr = a.Args[len(a.Args)-1]
	}
	if err := checkConstants(a); err != nil {
		return nil, err
	}
	if v.GetAggFilter() != nil {
		filter := exprScope{from: sc.from, clause: "FILTER"}
		if a.Filter, err = l.condition(v.GetAggFilter(), filter, "FILTER"); err != nil {
			return nil, err
		}
	}
	return l.wide(a, l.aggregateWidth(name, a.Func.Result, args)), l.addImplicit(a, sc)
}

// distinctOrder checks the ORDER BY of a call with DISTINCT: it may only be by what is
// distinct. The arguments are those before they were cast.
func (l *lowerer) distinctOrder(a *plan.Aggregation, args []plan.Expr, location int32) error {
	if !a.Distinct {
		return nil
	}
	for _, k := range a.Order {
		if !slices.ContainsFunc(args, func(e plan.Expr) bool { return plan.Equal(e, k.Expr) }) {
			return plan.Errorf(k.Expr.Pos(), plan.CodeBadReference, "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list")
		}
	}
	if len(a.Order) == 0 {
		return nil
	}
	if len(a.Order) > 1 || !plan.Equal(args[0], a.Order[0].Expr) {
		return l.refuse(location, "DISTINCT with ORDER BY other than of the first argument is")
	}
	a.Order[0].Expr = a.Args[0]
	return nil
}

// checkWithinGroup refuses WITHIN GROUP where it does not belong, and its absence
// where it does.
func checkWithinGroup(name string, written bool, pos int) error {
	switch ordered := plan.IsOrderedSet(name); {
	case ordered && !written:
		return plan.Errorf(pos, plan.CodeUndefFunction, "WITHIN GROUP is required for ordered-set aggregate %s", name).
			WithHint("Write %s(…) WITHIN GROUP (ORDER BY value).", name)
	case written && !ordered:
		return plan.Errorf(pos, plan.CodeUndefFunction, "%s is not an ordered-set aggregate, so it cannot have WITHIN GROUP", name)
	}
	return nil
}

// positional lowers arguments none of which may be named.
func (l *lowerer) positional(name string, list []*pg.Node, sc exprScope) ([]plan.Expr, error) {
	for _, n := range list {
		if named := n.GetNamedArgExpr(); named != nil {
			return nil, l.refuse(named.GetLocation(), "a named argument of the aggregate function %s is", name)
		}
	}
	return l.exprs(list, sc)
}

// aggregateOrder lowers the ORDER BY of an aggregate's call.
func (l *lowerer) aggregateOrder(list []*pg.Node, sc exprScope) ([]plan.SortKey, error) {
	var keys []plan.SortKey
	for _, n := range list {
		s := n.GetSortBy()
		e, err := l.expr(s.GetNode(), sc)
		if err != nil {
			return nil, err
		}
		if e, err = l.known(e); err != nil {
			return nil, err
		}
		key, err := l.sortKey(s, e)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// constantArgs are the arguments of aggregates, by place, that must not depend on
// the row.
var constantArgs = map[string][]int{
	"percentile_cont": {0}, "percentile_disc": {0}, "approx_percentile": {1}, "histogram": {1, 2, 3}, "integral": {1},
	"duration_in": {1},
}

func checkConstants(a *plan.Aggregation) error {
	for _, i := range constantArgs[a.Func.Name] {
		if i >= len(a.Func.Args) {
			continue
		}
		var column plan.Expr
		plan.WalkExpr(a.Args[i], func(e plan.Expr) bool {
			if c, ok := e.(*plan.Column); ok {
				column = c
			}
			return true
		})
		if column != nil {
			return plan.Errorf(column.Pos(), plan.CodeGrouping, "argument %d of %s must be a constant", i+1, a.Func.Name)
		}
	}
	return nil
}

// addImplicit appends the implicit columns that an aggregate asks for.
func (l *lowerer) addImplicit(a *plan.Aggregation, sc exprScope) error {
	if len(a.Func.Implicit) == 0 {
		return nil
	}
	var value plan.Expr
	if len(a.Args) > 0 {
		value = a.Args[0]
	}
	t, ambiguous := samplesOf(sc.from, value)
	switch {
	case ambiguous:
		return plan.Errorf(a.At, plan.CodeAmbiguous, "it is not clear which samples %s is over: there are several tables of samples", a.Func.Name).
			WithHint("Aggregate each of them in a subquery of its own.")
	case t == nil:
		err := plan.Errorf(a.At, plan.CodeGrouping, "%s is over samples, and none are in scope", a.Func.Name)
		if slices.Equal(a.Func.Implicit, []string{"time"}) {
			return err.WithHint("Say when each value was: %s(value, time).", a.Func.Name)
		}
		return err.WithHint("Use it in a query FROM samples, or FROM a subquery of samples without GROUP BY, DISTINCT and UNION.")
	}
	a.Args = slices.Clone(a.Args)
	for _, name := range a.Func.Implicit {
		a.Args = append(a.Args, l.implicit(t, name))
	}
	return nil
}
