package sql

import (
	"math"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

// exprScope is where an expression stands.
type exprScope struct {
	from *from
	// clause names the place where aggregate functions are not allowed; empty where
	// they are.
	clause string
}

// expr lowers an expression. Its type is Unknown for a bare NULL, a quoted literal
// and a parameter of which nothing is known yet.
func (l *lowerer) expr(n *pg.Node, sc exprScope) (plan.Expr, error) {
	switch v := n.GetNode().(type) {
	case *pg.Node_AConst:
		lit, err := l.constant(v.AConst)
		if err != nil {
			return nil, err
		}
		return l.wide(lit, literalWidth(lit)), nil
	case *pg.Node_ColumnRef:
		return l.column(v.ColumnRef, sc)
	case *pg.Node_ParamRef:
		return l.param(v.ParamRef)
	case *pg.Node_AExpr:
		return l.aExpr(v.AExpr, sc)
	case *pg.Node_BoolExpr:
		return l.boolExpr(v.BoolExpr, sc)
	case *pg.Node_FuncCall:
		return l.funcCall(v.FuncCall, sc)
	case *pg.Node_TypeCast:
		return l.typeCast(v.TypeCast, sc)
	case *pg.Node_CaseExpr:
		return l.caseExpr(v.CaseExpr, sc)
	case *pg.Node_CoalesceExpr:
		return l.call("coalesce", v.CoalesceExpr.GetArgs(), l.pos(v.CoalesceExpr.GetLocation()), sc)
	case *pg.Node_MinMaxExpr:
		name := "greatest"
		if v.MinMaxExpr.GetOp() == pg.MinMaxOp_IS_LEAST {
			name = "least"
		}
		return l.call(name, v.MinMaxExpr.GetArgs(), l.pos(v.MinMaxExpr.GetLocation()), sc)
	case *pg.Node_NullTest:
		return l.nullTest(v.NullTest, sc)
	case *pg.Node_BooleanTest:
		return l.booleanTest(v.BooleanTest, sc)
	case *pg.Node_SqlvalueFunction:
		return l.valueFunction(v.SqlvalueFunction)
	case *pg.Node_SubLink:
		return l.subLink(v.SubLink, sc)
	case *pg.Node_CollateClause:
		return l.collate(v.CollateClause, sc)
	case *pg.Node_RowExpr:
		return nil, l.refuse(v.RowExpr.GetLocation(), "a row as a value is").WithHint("Rows can be compared with = and IN.")
	case *pg.Node_AArrayExpr:
		return nil, l.refuse(v.AArrayExpr.GetLocation(), "an array as a value is").WithHint("Use x = ANY (ARRAY[…]) or x IN (…).")
	case *pg.Node_AIndirection:
		return nil, l.refuse(location(n), "a subscript is").WithHint("Members of JSON are labels->>'site' and states->0.")
	case *pg.Node_SetToDefault:
		return nil, l.refuse(v.SetToDefault.GetLocation(), "DEFAULT is").WithHint("Leave the column out.")
	case *pg.Node_NamedArgExpr:
		return nil, l.refuse(v.NamedArgExpr.GetLocation(), "a named argument here is")
	case *pg.Node_GroupingFunc:
		return nil, l.refuse(v.GroupingFunc.GetLocation(), "GROUPING is")
	}
	return nil, l.refuse(location(n), "%s is", statementWords(n))
}

// exprs lowers several expressions.
func (l *lowerer) exprs(list []*pg.Node, sc exprScope) ([]plan.Expr, error) {
	out := make([]plan.Expr, len(list))
	for i, n := range list {
		var err error
		if out[i], err = l.expr(n, sc); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// condition lowers a boolean expression; what names the place for the error.
func (l *lowerer) condition(n *pg.Node, sc exprScope, what string) (plan.Expr, error) {
	e, err := l.expr(n, sc)
	if err != nil {
		return nil, err
	}
	return l.coerce(e, plan.Boolean, "argument of "+what)
}

// constant lowers a constant.
func (l *lowerer) constant(c *pg.A_Const) (*plan.Literal, error) {
	lit := &plan.Literal{At: l.pos(c.GetLocation())}
	switch v := c.GetVal().(type) {
	case *pg.A_Const_Ival:
		lit.Value, lit.T = int64(v.Ival.GetIval()), plan.Bigint
	case *pg.A_Const_Fval:
		if n, err := strconv.ParseInt(v.Fval.GetFval(), 0, 64); err == nil {
			lit.Value, lit.T = n, plan.Bigint
			return lit, nil
		}
		f, err := strconv.ParseFloat(v.Fval.GetFval(), 64)
		if err != nil || math.IsInf(f, 0) {
			return nil, plan.Errorf(lit.At, plan.CodeOutOfRange, "%s is out of range for type %s", v.Fval.GetFval(), plan.Double)
		}
		lit.Value, lit.T = f, plan.Double
	case *pg.A_Const_Boolval:
		lit.Value, lit.T = v.Boolval.GetBoolval(), plan.Boolean
	case *pg.A_Const_Sval:
		lit.Value, lit.T = v.Sval.GetSval(), plan.Unknown
	case *pg.A_Const_Bsval:
		return nil, l.refuse(c.GetLocation(), "a bit string is")
	default:
		if !c.GetIsnull() {
			lit.Value, lit.T = int64(0), plan.Bigint // the parser leaves out a zero
		}
	}
	return lit, nil
}

// param lowers a parameter.
func (l *lowerer) param(p *pg.ParamRef) (plan.Expr, error) {
	n := int(p.GetNumber())
	if n < 1 || n > maxParams {
		return nil, plan.Errorf(l.pos(p.GetLocation()), plan.CodeUndefParameter, "there is no parameter $%d", n).
			WithHint("Parameters are $1 to $%d.", maxParams)
	}
	for len(l.params) < n {
		l.params = append(l.params, plan.Unknown)
	}
	return &plan.Param{N: n, T: l.params[n-1], At: l.pos(p.GetLocation())}, nil
}

// boolExpr lowers AND, OR and NOT.
func (l *lowerer) boolExpr(v *pg.BoolExpr, sc exprScope) (plan.Expr, error) {
	name := map[pg.BoolExprType]string{
		pg.BoolExprType_AND_EXPR: "AND", pg.BoolExprType_OR_EXPR: "OR", pg.BoolExprType_NOT_EXPR: "NOT",
	}[v.GetBoolop()]
	args := make([]plan.Expr, len(v.GetArgs()))
	for i, n := range v.GetArgs() {
		var err error
		if args[i], err = l.condition(n, sc, name); err != nil {
			return nil, err
		}
	}
	pos := l.pos(v.GetLocation())
	switch name {
	case "AND":
		return plan.And(args...), nil
	case "OR":
		return plan.NewCall(pos, "or", args...), nil
	}
	return plan.NewCall(pos, "not", args...), nil
}

// nullTest lowers IS NULL and IS NOT NULL.
func (l *lowerer) nullTest(v *pg.NullTest, sc exprScope) (plan.Expr, error) {
	name := "isnull"
	if v.GetNulltesttype() == pg.NullTestType_IS_NOT_NULL {
		name = "isnotnull"
	}
	arg, err := l.expr(v.GetArg(), sc)
	if err != nil {
		return nil, err
	}
	if p, ok := arg.(*plan.Param); ok && p.T == plan.Unknown {
		l.untyped = append(l.untyped, p.N)
		arg = &plan.Param{N: p.N, T: plan.Text, At: p.At}
	}
	return l.operator(name, []plan.Expr{arg}, l.pos(v.GetLocation()))
}

// booleanTests are the names of IS TRUE and the like.
var booleanTests = map[pg.BoolTestType]string{
	pg.BoolTestType_IS_TRUE: "istrue", pg.BoolTestType_IS_NOT_TRUE: "isnottrue",
	pg.BoolTestType_IS_FALSE: "isfalse", pg.BoolTestType_IS_NOT_FALSE: "isnotfalse",
	pg.BoolTestType_IS_UNKNOWN: "isnull", pg.BoolTestType_IS_NOT_UNKNOWN: "isnotnull",
}

func (l *lowerer) booleanTest(v *pg.BooleanTest, sc exprScope) (plan.Expr, error) {
	arg, err := l.condition(v.GetArg(), sc, "IS TRUE")
	if err != nil {
		return nil, err
	}
	return plan.NewCall(l.pos(v.GetLocation()), booleanTests[v.GetBooltesttype()], arg), nil
}

// valueFunctions are the functions that are written without parentheses.
var valueFunctions = map[pg.SQLValueFunctionOp]string{
	pg.SQLValueFunctionOp_SVFOP_CURRENT_DATE:      "current_date",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP: "current_timestamp",
	pg.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP:    "localtimestamp",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_USER:      "current_user",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_ROLE:      "current_user",
	pg.SQLValueFunctionOp_SVFOP_SESSION_USER:      "current_user",
	pg.SQLValueFunctionOp_SVFOP_USER:              "current_user",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_CATALOG:   "current_database",
	pg.SQLValueFunctionOp_SVFOP_CURRENT_SCHEMA:    "current_schema",
}

func (l *lowerer) valueFunction(v *pg.SQLValueFunction) (plan.Expr, error) {
	name, ok := valueFunctions[v.GetOp()]
	if !ok {
		return nil, l.refuse(v.GetLocation(), "%s is", columnName(&pg.Node{Node: &pg.Node_SqlvalueFunction{SqlvalueFunction: v}}))
	}
	return plan.NewCall(l.pos(v.GetLocation()), name), nil
}

// collate accepts the one collation there is.
func (l *lowerer) collate(v *pg.CollateClause, sc exprScope) (plan.Expr, error) {
	parts := names(v.GetCollname())
	if name := parts[len(parts)-1]; name != "C" && name != "POSIX" && name != "default" {
		return nil, l.refuse(v.GetLocation(), "collation %q is", name).WithHint(`Text is compared byte by byte, as in the collation "C".`)
	}
	e, err := l.expr(v.GetArg(), sc)
	if err != nil {
		return nil, err
	}
	return l.coerce(e, plan.Text, "argument of COLLATE")
}

// caseExpr lowers CASE; the simple form compares its argument with each value.
func (l *lowerer) caseExpr(v *pg.CaseExpr, sc exprScope) (plan.Expr, error) {
	pos := l.pos(v.GetLocation())
	var subject plan.Expr
	var err error
	if v.GetArg() != nil {
		if subject, err = l.expr(v.GetArg(), sc); err != nil {
			return nil, err
		}
		if err := l.repeat(subject, len(v.GetArgs())); err != nil {
			return nil, err
		}
	}
	c := &plan.Case{At: pos}
	var results []plan.Expr
	for _, n := range v.GetArgs() {
		when := n.GetCaseWhen()
		var cond plan.Expr
		if subject == nil {
			cond, err = l.condition(when.GetExpr(), sc, "CASE/WHEN")
		} else if cond, err = l.expr(when.GetExpr(), sc); err == nil {
			cond, err = l.operator("=", []plan.Expr{subject, cond}, l.pos(location(when.GetExpr())))
		}
		if err != nil {
			return nil, err
		}
		result, err := l.expr(when.GetResult(), sc)
		if err != nil {
			return nil, err
		}
		c.Whens = append(c.Whens, plan.When{If: cond})
		results = append(results, result)
	}
	if v.GetDefresult() == nil {
		results = append(results, &plan.Literal{At: pos})
	} else {
		result, err := l.expr(v.GetDefresult(), sc)
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	if results, c.T, err = l.common(results, "CASE"); err != nil {
		return nil, err
	}
	for i := range c.Whens {
		c.Whens[i].Then = results[i]
	}
	c.Else = results[len(results)-1]
	return l.wide(c, l.commonWidth(results, c.T)), nil
}
