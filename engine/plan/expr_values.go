package plan

// Type returns the column's type.
func (c *Column) Type() Type { return c.T }

// Type returns the literal's type.
func (l *Literal) Type() Type { return l.T }

// Type returns the type that was inferred for the parameter.
func (p *Param) Type() Type { return p.T }

// Type returns the function's result type.
func (c *Call) Type() Type { return c.Func.Result }

// Type returns the common type of the branches.
func (c *Case) Type() Type { return c.T }

// Type returns the type that is cast to.
func (c *Cast) Type() Type { return c.To }

// Type returns Boolean.
func (i *In) Type() Type { return Boolean }

// Type returns the aggregate's result type.
func (a *Aggregation) Type() Type { return a.Func.Result }

// Type returns the type of the plan's only column.
func (s *Subquery) Type() Type { return s.Plan.Fields()[0].Type }

// Pos returns the column's position.
func (c *Column) Pos() int { return c.At }

// Pos returns the literal's position.
func (l *Literal) Pos() int { return l.At }

// Pos returns the parameter's position.
func (p *Param) Pos() int { return p.At }

// Pos returns the position of the function's name or of the operator.
func (c *Call) Pos() int { return c.At }

// Pos returns the position of CASE.
func (c *Case) Pos() int { return c.At }

// Pos returns the position of the cast, that of its argument where it was added
// by lowering.
func (c *Cast) Pos() int { return c.At }

// Pos returns the position of IN.
func (i *In) Pos() int { return i.At }

// Pos returns the position of the aggregate's name.
func (a *Aggregation) Pos() int { return a.At }

// Pos returns the position of the subquery.
func (s *Subquery) Pos() int { return s.At }

// True is the constant true.
func True() *Literal { return &Literal{Value: true, T: Boolean} }

// False is the constant false.
func False() *Literal { return &Literal{Value: false, T: Boolean} }

// Null returns NULL of a type.
func Null(t Type) *Literal { return &Literal{T: t} }

// IsNull reports whether the literal is NULL.
func (l *Literal) IsNull() bool { return l.Value == nil }

// And joins conditions; it returns nil for none, and takes apart those that are
// an AND already.
func And(conditions ...Expr) Expr {
	var all []Expr
	for _, c := range conditions {
		all = append(all, Conjuncts(c)...)
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return &Call{Func: andFunc, Args: all, At: all[0].Pos()}
}

// Conjuncts takes an AND apart, however deep; nil gives none.
func Conjuncts(e Expr) []Expr {
	if e == nil {
		return nil
	}
	if c, ok := e.(*Call); ok && c.Func == andFunc {
		var all []Expr
		for _, arg := range c.Args {
			all = append(all, Conjuncts(arg)...)
		}
		return all
	}
	return []Expr{e}
}

// NewCall returns a call of the overload that takes exactly the arguments' types.
// It panics where there is none: for rewrites, which know what they build.
func NewCall(pos int, name string, args ...Expr) *Call {
	types := make([]Type, len(args))
	for i, a := range args {
		types[i] = a.Type()
	}
	return &Call{Func: MustFunc(name, types...), Args: args, At: pos}
}
