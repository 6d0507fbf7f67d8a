package sql

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

// operators are PostgreSQL's operators that have other names in package plan.
var operators = map[string]string{"~~": "like", "~~*": "ilike", "!~~": "like", "!~~*": "ilike", "!=": "<>"}

// operator lowers a call of a function or operator, with the width of its result.
func (l *lowerer) operator(name string, args []plan.Expr, pos int) (plan.Expr, error) {
	if name == "||" && len(args) == 2 && (l.widthOf(args[0]) == jsonb || l.widthOf(args[1]) == jsonb) {
		name = "jsonb_concat"
	}
	c, err := l.resolved(name, args, pos)
	if err != nil {
		return nil, err // and no typed nil
	}
	return l.sizeCall(c, args), nil
}

// resolved resolves a call of a function or operator and casts its arguments.
func (l *lowerer) resolved(name string, args []plan.Expr, pos int) (*plan.Call, error) {
	f, err := plan.ResolveFunc(name, typesOf(args), pos)
	if err != nil {
		return nil, err
	}
	cast, err := l.coerceAll(args, f.Arg, true)
	if err != nil {
		return nil, err
	}
	if printing[name] {
		for i, e := range args {
			if e.Type() == plan.Boolean {
				cast[i] = plan.NewCall(e.Pos(), "left", cast[i], &plan.Literal{Value: int64(1), T: plan.Bigint, At: e.Pos()})
			}
		}
	}
	return &plan.Call{Func: f, Args: cast, At: pos}, nil
}

// printing are the functions that take a boolean as the t or f that PostgreSQL
// prints, where a cast to text, also that of ||, makes it true or false.
var printing = map[string]bool{"concat": true, "concat_ws": true}

// call lowers the arguments of a function and calls it.
func (l *lowerer) call(name string, list []*pg.Node, pos int, sc exprScope) (plan.Expr, error) {
	args, err := l.exprs(list, sc)
	if err != nil {
		return nil, err
	}
	return l.operator(name, args, pos)
}

// aExpr lowers an operator and what the grammar treats alike.
func (l *lowerer) aExpr(v *pg.A_Expr, sc exprScope) (plan.Expr, error) {
	pos := l.pos(v.GetLocation())
	switch v.GetKind() {
	case pg.A_Expr_Kind_AEXPR_OP:
		return l.binary(v, sc)
	case pg.A_Expr_Kind_AEXPR_OP_ANY, pg.A_Expr_Kind_AEXPR_OP_ALL:
		return l.anyAll(v, sc)
	case pg.A_Expr_Kind_AEXPR_DISTINCT:
		return l.call("isdistinct", []*pg.Node{v.GetLexpr(), v.GetRexpr()}, pos, sc)
	case pg.A_Expr_Kind_AEXPR_NOT_DISTINCT:
		return l.call("isnotdistinct", []*pg.Node{v.GetLexpr(), v.GetRexpr()}, pos, sc)
	case pg.A_Expr_Kind_AEXPR_NULLIF:
		return l.call("nullif", []*pg.Node{v.GetLexpr(), v.GetRexpr()}, pos, sc)
	case pg.A_Expr_Kind_AEXPR_IN:
		return l.in(v, sc)
	case pg.A_Expr_Kind_AEXPR_LIKE, pg.A_Expr_Kind_AEXPR_ILIKE:
		return l.like(v, sc)
	case pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN,
		pg.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		return l.between(v, sc)
	case pg.A_Expr_Kind_AEXPR_SIMILAR:
		return nil, l.refuse(v.GetLocation(), "SIMILAR TO is").WithHint("Use LIKE, or ~ with a regular expression.")
	}
	return nil, l.refuse(v.GetLocation(), "this operator is")
}

// operatorName returns the name of an operator in package plan.
func (l *lowerer) operatorName(list []*pg.Node, location int32) (string, error) {
	path := names(list)
	if len(path) > 1 && path[0] != "pg_catalog" {
		return "", plan.Errorf(l.pos(location), plan.CodeUndefFunction, "operator %s does not exist", strings.Join(path, "."))
	}
	name := path[len(path)-1]
	if other := operators[name]; other != "" && !strings.HasPrefix(name, "!~") {
		name = other
	}
	return name, nil
}

// binary lowers an operator with one or two operands.
func (l *lowerer) binary(v *pg.A_Expr, sc exprScope) (plan.Expr, error) {
	pos := l.pos(v.GetLocation())
	name, err := l.operatorName(v.GetName(), v.GetLocation())
	if err != nil {
		return nil, err
	}
	if left, right := v.GetLexpr().GetRowExpr(), v.GetRexpr().GetRowExpr(); left != nil && right != nil {
		return l.compareRows(name, left.GetArgs(), right.GetArgs(), v.GetLocation(), sc)
	}
	if v.GetLexpr() == nil {
		arg, err := l.expr(v.GetRexpr(), sc)
		if err != nil {
			return nil, err
		}
		if name == "+" {
			if t := arg.Type(); t != plan.Bigint && t != plan.Interval {
				return l.coerce(arg, plan.Double, "argument of unary +")
			}
			return arg, nil
		}
		return l.operator(name, []plan.Expr{arg}, pos)
	}
	args, err := l.exprs([]*pg.Node{v.GetLexpr(), v.GetRexpr()}, sc)
	if err != nil {
		return nil, err
	}
	if name == "!~~" || name == "!~~*" {
		e, err := l.operator(operators[name], args, pos)
		if err != nil {
			return nil, err
		}
		return plan.NewCall(pos, "not", e), nil
	}
	return l.operator(name, args, pos)
}

// compareRows lowers (a, b) = (c, d) to a = c AND b = d, and <> to its opposite.
func (l *lowerer) compareRows(name string, left, right []*pg.Node, location int32, sc exprScope) (plan.Expr, error) {
	if name != "=" && name != "<>" {
		return nil, l.refuse(location, "comparing rows by %s is", name)
	}
	lower, err := l.exprs(slices.Concat(left, right), sc)
	if err != nil {
		return nil, err
	}
	all, err := l.equalRows(lower[:len(left)], lower[len(left):], location)
	if err != nil || name == "=" {
		return all, err
	}
	return plan.NewCall(l.pos(location), "not", all), nil
}

// equalRows compares two rows, item by item.
func (l *lowerer) equalRows(left, right []plan.Expr, location int32) (plan.Expr, error) {
	if len(left) != len(right) {
		return nil, plan.Errorf(l.pos(location), plan.CodeSyntax, "unequal number of entries in row expressions")
	}
	pairs := make([]plan.Expr, len(left))
	for i := range left {
		var err error
		if pairs[i], err = l.operator("=", []plan.Expr{left[i], right[i]}, l.pos(location)); err != nil {
			return nil, err
		}
	}
	return plan.And(pairs...), nil
}

// in lowers x IN (list) and x NOT IN (list).
func (l *lowerer) in(v *pg.A_Expr, sc exprScope) (plan.Expr, error) {
	not := names(v.GetName())[0] == "<>"
	items := v.GetRexpr().GetList().GetItems()
	if row := v.GetLexpr().GetRowExpr(); row != nil {
		return l.rowIn(row, items, not, v.GetLocation(), sc)
	}
	return l.inList(v.GetLexpr(), items, not, v.GetLocation(), sc)
}

// inList lowers a test whether x is one of several items.
func (l *lowerer) inList(x *pg.Node, items []*pg.Node, not bool, location int32, sc exprScope) (plan.Expr, error) {
	all, err := l.exprs(append([]*pg.Node{x}, items...), sc)
	if err != nil {
		return nil, err
	}
	if _, ok := plan.CommonType(typesOf(all)); !ok {
		for _, item := range all[1:] { // name the first pair that does not fit
			if _, err := l.operator("=", []plan.Expr{all[0], item}, item.Pos()); err != nil {
				return nil, err
			}
		}
	}
	if all, _, err = l.common(all, "IN"); err != nil {
		return nil, err
	}
	if err := equatable(all[0].Type(), all[0].Pos()); err != nil {
		return nil, err
	}
	return &plan.In{X: all[0], List: all[1:], Not: not, At: l.pos(location)}, nil
}

// rowIn lowers (a, b) IN ((1, 2), …) to an OR of comparisons.
func (l *lowerer) rowIn(x *pg.RowExpr, items []*pg.Node, not bool, location int32, sc exprScope) (plan.Expr, error) {
	var options []plan.Expr
	left, err := l.exprs(x.GetArgs(), sc)
	if err != nil {
		return nil, err
	}
	for _, e := range left {
		if err := l.repeat(e, len(items)); err != nil {
			return nil, err
		}
	}
	for _, item := range items {
		row := item.GetRowExpr()
		if row == nil {
			return nil, l.refuse(location, "comparing a row with what is none is")
		}
		right, err := l.exprs(row.GetArgs(), sc)
		if err != nil {
			return nil, err
		}
		e, err := l.equalRows(left, right, location)
		if err != nil {
			return nil, err
		}
		options = append(options, e)
	}
	e := plan.Expr(plan.NewCall(l.pos(location), "or", options...))
	if not {
		e = plan.NewCall(l.pos(location), "not", e)
	}
	return e, nil
}

// anyAll lowers x = ANY (ARRAY[…]) and x <> ALL (ARRAY[…]).
func (l *lowerer) anyAll(v *pg.A_Expr, sc exprScope) (plan.Expr, error) {
	name := names(v.GetName())[0]
	all := v.GetKind() == pg.A_Expr_Kind_AEXPR_OP_ALL
	array := v.GetRexpr().GetAArrayExpr()
	if array == nil || len(array.GetElements()) == 0 || (name != "=" || all) && (name != "<>" || !all) {
		return nil, l.refuse(v.GetLocation(), "this form of ANY and ALL is").WithHint("There are x = ANY (ARRAY[…]) and x <> ALL (ARRAY[…]).")
	}
	return l.inList(v.GetLexpr(), array.GetElements(), all, v.GetLocation(), sc)
}

// like lowers [NOT] LIKE and ILIKE, with or without ESCAPE.
func (l *lowerer) like(v *pg.A_Expr, sc exprScope) (plan.Expr, error) {
	symbol := names(v.GetName())[0]
	args := []*pg.Node{v.GetLexpr(), v.GetRexpr()}
	if escape := v.GetRexpr().GetFuncCall(); escape != nil {
		if path := names(escape.GetFuncname()); path[len(path)-1] == "like_escape" {
			args = append(args[:1], escape.GetArgs()...)
		}
	}
	e, err := l.call(operators[symbol], args, l.pos(v.GetLocation()), sc)
	if err != nil || !strings.HasPrefix(symbol, "!") {
		return e, err
	}
	return plan.NewCall(l.pos(v.GetLocation()), "not", e), nil
}

// between lowers [NOT] BETWEEN [SYMMETRIC] to comparisons.
func (l *lowerer) between(v *pg.A_Expr, sc exprScope) (plan.Expr, error) {
	pos := l.pos(v.GetLocation())
	bounds := v.GetRexpr().GetList().GetItems()
	args, err := l.exprs([]*pg.Node{v.GetLexpr(), bounds[0], bounds[1]}, sc)
	if err != nil {
		return nil, err
	}
	for _, e := range args {
		if err := l.repeat(e, 4); err != nil { // SYMMETRIC compares all of them twice
			return nil, err
		}
	}
	both := func(low, high plan.Expr) (plan.Expr, error) {
		from, err := l.operator(">=", []plan.Expr{args[0], low}, pos)
		if err != nil {
			return nil, err
		}
		to, err := l.operator("<=", []plan.Expr{args[0], high}, pos)
		if err != nil {
			return nil, err
		}
		return plan.And(from, to), nil
	}
	e, err := both(args[1], args[2])
	if err != nil {
		return nil, err
	}
	kind := v.GetKind()
	if kind == pg.A_Expr_Kind_AEXPR_BETWEEN_SYM || kind == pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM {
		swapped, err := both(args[2], args[1])
		if err != nil {
			return nil, err
		}
		e = plan.NewCall(pos, "or", e, swapped)
	}
	if kind == pg.A_Expr_Kind_AEXPR_NOT_BETWEEN || kind == pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM {
		e = plan.NewCall(pos, "not", e)
	}
	return e, nil
}
