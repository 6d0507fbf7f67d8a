package sql

import (
	"errors"

	"github.com/trellisdb/trellis/engine/plan"
)

// coerce gives an expression a type by an implicit cast. It reads literals, and
// settles the type of a parameter of which nothing was known. what names the place
// for the error.
func (l *lowerer) coerce(e plan.Expr, to plan.Type, what string) (plan.Expr, error) {
	if !plan.CanCastImplicitly(e.Type(), to) {
		return nil, plan.Errorf(e.Pos(), plan.CodeTypeMismatch, "%s must be of type %s, not %s", what, to, e.Type())
	}
	return l.cast(e, to, -1, e.Pos())
}

// cast converts an expression to a type; it folds casts of literals that do not
// depend on anything but the session's zone.
func (l *lowerer) cast(e plan.Expr, to plan.Type, scale, pos int) (plan.Expr, error) {
	from := e.Type()
	if from == to && scale < 0 {
		return e, nil
	}
	switch e := e.(type) {
	case *plan.Literal:
		switch {
		case e.IsNull():
			return &plan.Literal{T: to, At: e.At}, nil
		case from == plan.Unknown:
			lit, err := l.literal(e.Value.(string), to, e.At)
			if err != nil || scale < 0 {
				return lit, err
			}
			return &plan.Cast{Arg: lit, To: to, Scale: scale, At: pos}, nil
		case from == plan.Bigint && to == plan.Double && scale < 0:
			return &plan.Literal{Value: float64(e.Value.(int64)), T: to, At: e.At}, nil
		}
	case *plan.Param:
		if from == plan.Unknown {
			if l.params[e.N-1] == plan.Unknown {
				l.params[e.N-1] = to
			}
			return l.cast(&plan.Param{N: e.N, T: l.params[e.N-1], At: e.At}, to, scale, pos)
		}
	}
	if !plan.CanCast(from, to) {
		return nil, plan.Errorf(pos, plan.CodeCannotCoerce, "cannot cast type %s to %s", from, to)
	}
	c := &plan.Cast{Arg: e, To: to, Scale: scale, At: pos}
	if to == plan.Text && l.widthOf(e) == float4 {
		c.Width = plan.Float4
	}
	return c, nil
}

// literal reads a quoted literal as a value of a type.
func (l *lowerer) literal(text string, t plan.Type, pos int) (*plan.Literal, error) {
	v, err := plan.ParseLiteral(text, t, l.scope.Zone, l.scope.Now)
	if err != nil {
		return nil, at(err, pos)
	}
	return &plan.Literal{Value: v, T: t, At: pos}, nil
}

// at gives an error of package plan a position.
func at(err error, pos int) error {
	var mistake *plan.Error
	if errors.As(err, &mistake) && mistake.Pos == 0 {
		placed := *mistake
		placed.Pos = pos
		return &placed
	}
	return err
}

// coerceAll gives expressions types.
func (l *lowerer) coerceAll(exprs []plan.Expr, types func(int) plan.Type, explicit bool) ([]plan.Expr, error) {
	out := make([]plan.Expr, len(exprs))
	for i, e := range exprs {
		var err error
		if explicit {
			out[i], err = l.cast(e, types(i), -1, e.Pos())
		} else {
			out[i], err = l.coerce(e, types(i), "argument")
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// common gives expressions their common type. what names the construct for the
// error.
func (l *lowerer) common(exprs []plan.Expr, what string) ([]plan.Expr, plan.Type, error) {
	types := typesOf(exprs)
	t, ok := plan.CommonType(types)
	if !ok {
		for i := range types {
			if _, ok := plan.CommonType(types[:i+1]); !ok {
				before, _ := plan.CommonType(types[:i])
				return nil, t, plan.Errorf(exprs[i].Pos(), plan.CodeTypeMismatch, "%s types %s and %s cannot be matched", what, before, types[i])
			}
		}
	}
	w := l.commonWidth(exprs, t)
	out, err := l.coerceAll(exprs, func(int) plan.Type { return t }, false)
	for i := range out {
		l.wide(out[i], w)
	}
	return out, t, err
}

func typesOf(exprs []plan.Expr) []plan.Type {
	types := make([]plan.Type, len(exprs))
	for i, e := range exprs {
		types[i] = e.Type()
	}
	return types
}

// settle gives the columns of a query whose type is still unknown the type text.
func (l *lowerer) settle(n plan.Node) (plan.Node, error) {
	types := fieldTypes(n)
	for i, t := range types {
		if t == plan.Unknown {
			types[i] = plan.Text
		}
	}
	return l.coerceRows(n, types, func(e plan.Expr, to plan.Type, _ int) (plan.Expr, error) { return l.coerce(e, to, "column") })
}

func fieldTypes(n plan.Node) []plan.Type {
	fields := n.Fields()
	types := make([]plan.Type, len(fields))
	for i, f := range fields {
		types[i] = f.Type
	}
	return types
}

// coerceRows gives the columns of a node types: in its expressions where it is a
// Project or Values, whose literals are then read as what they are to be, else in a
// Project above it. cast is told the number of the column.
func (l *lowerer) coerceRows(n plan.Node, types []plan.Type, cast func(plan.Expr, plan.Type, int) (plan.Expr, error)) (plan.Node, error) {
	same := true
	for i, t := range fieldTypes(n) {
		same = same && t == types[i]
	}
	if same {
		return n, nil
	}
	row := func(exprs []plan.Expr) ([]plan.Expr, error) {
		out := make([]plan.Expr, len(exprs))
		for i, e := range exprs {
			var err error
			if out[i], err = cast(e, types[i], i); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	cols := append([]plan.Field(nil), n.Fields()...)
	for i := range cols {
		cols[i].Type = types[i]
	}
	switch n := n.(type) {
	case *plan.Project:
		exprs, err := row(n.Exprs)
		return &plan.Project{Input: n.Input, Exprs: exprs, Cols: cols}, err
	case *plan.Values:
		v := &plan.Values{Cols: cols}
		for _, r := range n.Rows {
			cast, err := row(r)
			if err != nil {
				return nil, err
			}
			v.Rows = append(v.Rows, cast)
		}
		return v, nil
	}
	exprs, err := row(columnsOf(n))
	return &plan.Project{Input: n, Exprs: exprs, Cols: cols}, err
}

// columnsOf returns all columns of a node as expressions over it.
func columnsOf(n plan.Node) []plan.Expr {
	fields := n.Fields()
	exprs := make([]plan.Expr, len(fields))
	for i, f := range fields {
		exprs[i] = &plan.Column{Index: i, Name: f.Name, T: f.Type}
	}
	return exprs
}

// equatable refuses types whose values cannot be compared.
func equatable(t plan.Type, pos int) error {
	if t != plan.JSON {
		return nil
	}
	return plan.Errorf(pos, plan.CodeUndefFunction, "could not identify an equality operator for type json").
		WithHint("Compare a member, such as labels->>'site', or the text: labels::text.")
}

// checkZone refuses a name that is no time zone.
func (l *lowerer) checkZone(name string, pos int) error {
	_, err := plan.LoadZone(pos, name)
	return err
}
