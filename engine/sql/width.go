package sql

import (
	"math"
	"strings"

	"github.com/trellisdb/trellis/engine/plan"
)

// width is the number type that PostgreSQL gives an expression, where it is not the
// one that the expression's plan.Type stands for: a bigint for Bigint, a double
// precision for Double. What it decides is worked out when the expression is lowered:
// casts that check a range or round to a real, and how halves are rounded.
type width uint8

const (
	full width = iota
	int2
	int4
	float4
	numeric
	jsonb // of a JSON
)

// widthsByName are the names of types that have a width.
var widthsByName = map[string]width{
	"int2": int2, "smallint": int2, "int4": int4, "integer": int4, "float4": float4, "numeric": numeric, "decimal": numeric,
}

// planned is the width as casts have it.
func (w width) planned() plan.Width {
	return map[width]plan.Width{int2: plan.Int2, int4: plan.Int4, float4: plan.Float4}[w]
}

// widthOf returns the width of an expression.
func (l *lowerer) widthOf(e plan.Expr) width { return l.widths[e] }

// wide notes the width of an expression and returns it.
func (l *lowerer) wide(e plan.Expr, w width) plan.Expr {
	if w != full {
		if l.widths == nil {
			l.widths = map[plan.Expr]width{}
		}
		l.widths[e] = w
	}
	return e
}

// sized casts a number to a type with a width.
func (l *lowerer) sized(e plan.Expr, to plan.Type, w width, pos int) (plan.Expr, error) {
	switch from := l.widthOf(e); {
	case e.Type() == to && from == w:
		return e, nil
	case to == plan.Bigint && e.Type() == plan.Double && from == numeric:
		e = roundedNumeric(e, pos)
	case to == plan.Double && e.Type() == plan.Bigint && w == numeric:
		cast, err := l.cast(e, to, -1, pos)
		return l.wide(cast, w), err
	}
	cast, err := l.cast(e, to, -1, pos)
	if err != nil {
		return nil, err
	}
	return l.fit(cast, w, pos), nil
}

// roundedNumeric rounds halves away from zero, which is how a numeric becomes an
// integer.
func roundedNumeric(e plan.Expr, pos int) plan.Expr {
	return plan.NewCall(pos, "round", e, &plan.Literal{Value: int64(0), T: plan.Bigint, At: pos})
}

// fit makes a number fit a width.
func (l *lowerer) fit(e plan.Expr, w width, pos int) plan.Expr {
	p := w.planned()
	lit, isLiteral := e.(*plan.Literal)
	switch {
	case p == plan.Wide, isLiteral && (lit.IsNull() || fits(lit, w)):
		if isLiteral && l.widthOf(e) != w {
			placed := *lit // a literal may be shared
			e = &placed
		} else if c, ok := e.(*plan.Column); ok && l.widthOf(e) != w {
			placed := *c
			e = &placed
		}
		delete(l.widths, e)
		return l.wide(e, w)
	}
	return l.wide(&plan.Cast{Arg: e, To: e.Type(), Scale: -1, Width: p, At: pos}, w)
}

// keepWidths notes for the columns of a from that was moved what is known of them.
func (l *lowerer) keepWidths(of, moved *from) {
	for i, v := range of.star {
		l.wide(moved.star[i].expr, l.widthOf(v.expr))
	}
	for t, table := range of.tables {
		for i, v := range table.cols {
			l.wide(moved.tables[t].cols[i].expr, l.widthOf(v.expr))
		}
	}
}

// fits reports whether a constant is an integer that fits a width.
func fits(lit *plan.Literal, w width) bool {
	v, ok := lit.Value.(int64)
	return ok && (w == int4 && int64(int32(v)) == v || w == int2 && int64(int16(v)) == v)
}

// literalWidth returns the width of a constant as PostgreSQL reads it.
func literalWidth(lit *plan.Literal) width {
	switch v := lit.Value.(type) {
	case int64:
		if v >= math.MinInt32 && v <= math.MaxInt32 {
			return int4
		}
	case float64:
		return numeric
	}
	return full
}

// commonWidth returns the width that several expressions of a type have together.
// Quoted literals and NULLs take that of the others.
func (l *lowerer) commonWidth(exprs []plan.Expr, t plan.Type) width {
	widths, ints := map[width]bool{}, map[width]bool{}
	for _, e := range exprs {
		if _, ok := e.(*plan.Param); ok {
			return full // it is sent as a bigint or double
		}
		switch e.Type() {
		case plan.Bigint:
			ints[l.widthOf(e)] = true
		case plan.Double:
			widths[l.widthOf(e)] = true
		}
	}
	if t == plan.Bigint {
		for _, w := range []width{full, int4, int2} {
			if ints[w] {
				return w
			}
		}
		return full
	}
	switch {
	case t != plan.Double || widths[full]:
	case len(widths) == 1 && widths[numeric]:
		return numeric
	case len(widths) == 1 && widths[float4]:
		return float4
	}
	return full
}

// integerFunctions are the functions whose integers are of type integer.
var integerFunctions = wordSet(`length char_length character_length octet_length bit_length ascii strpos width_bucket json_array_length
	jsonb_array_length regexp_count regexp_instr`)

// sameWidth are the functions and operators whose result has the width that their
// arguments have together.
var sameWidth = wordSet("+ - * / % & | # ~ mod div gcd lcm abs coalesce nullif greatest least")

// numericOnly are the functions that have a form for numeric, beside that for double
// precision to which a real is cast.
var numericOnly = wordSet("round trunc ceil ceiling floor sign sqrt exp ln log log10 power pow ^")

// sizeCall gives a call the width that PostgreSQL gives it, and checks its range.
func (l *lowerer) sizeCall(c *plan.Call, args []plan.Expr) plan.Expr {
	name, t := c.Func.Name, c.Func.Result
	switch {
	case t == plan.JSON && (name == "jsonb" || name == "jsonb_concat" || l.widthOf(args[0]) == jsonb):
		return l.wide(c, jsonb)
	case name == "to_hex" && l.widthOf(args[0]) != full:
		const low = 1<<32 - 1 // a negative integer has 32 bits
		c.Args[0] = plan.NewCall(c.At, "&", c.Args[0], &plan.Literal{Value: int64(low), T: plan.Bigint, At: c.At})
		return c
	case t == plan.Bigint && integerFunctions[name]:
		return l.wide(c, int4)
	case t == plan.Bigint && name == "-" && len(args) == 2 && c.Func.Args[0] == plan.Date:
		return l.wide(c, int4)
	case t == plan.Double && name == "to_number":
		return l.wide(c, numeric)
	case t == plan.Bigint && (name == "<<" || name == ">>"):
		return l.shift(c, args)
	case t == plan.Double && numericOnly[name]:
		w := l.commonWidth(args, plan.Double)
		if w != numeric {
			return c
		}
		if name == "round" && len(args) == 1 {
			return l.wide(roundedNumeric(c.Args[0], c.At), numeric)
		}
		return l.wide(c, numeric)
	case (t == plan.Bigint || t == plan.Double) && sameWidth[name]:
		return l.sizeSame(c, args, name)
	}
	return c
}

// sizeSame is sizeCall for what has the width of its arguments.
func (l *lowerer) sizeSame(c *plan.Call, args []plan.Expr, name string) plan.Expr {
	w := l.commonWidth(args, c.Func.Result)
	arithmetic := strings.Contains("+ - * /", name) || name == "abs" || name == "lcm" || name == "gcd" || name == "div"
	if w == float4 && l.mixed(args) {
		return c // a real and an integer make a double
	}
	if divisor, ok := c.Args[len(c.Args)-1].(*plan.Literal); ok && name == "/" && divisor.Value != int64(-1) {
		arithmetic = false
	}
	if arithmetic && w != full && w != numeric {
		return l.fit(c, w, c.At)
	}
	return l.wide(c, w)
}

// mixed reports whether there are integers among the arguments.
func (l *lowerer) mixed(args []plan.Expr) bool {
	for _, e := range args {
		if e.Type() == plan.Bigint {
			return true
		}
	}
	return false
}

// shift lowers << and >> of an integer, whose distance counts modulo 32.
func (l *lowerer) shift(c *plan.Call, args []plan.Expr) plan.Expr {
	w := l.widthOf(args[0])
	if w == full {
		return c
	}
	name := map[string]string{"<<": "int4shl", ">>": "int4shr"}[c.Func.Name]
	if w == int2 {
		name = strings.Replace(name, "4", "2", 1)
	}
	return l.wide(plan.NewCall(c.At, name, c.Args...), w)
}

// aggregateWidth returns the width of an aggregate's result.
func (l *lowerer) aggregateWidth(name string, t plan.Type, args []plan.Expr) width {
	if len(args) == 0 || t != plan.Bigint && t != plan.Double {
		return full
	}
	w, integers := l.widthOf(args[0]), args[0].Type() == plan.Bigint
	switch name {
	case "min", "max", "bit_and", "bit_or", "bit_xor", "mode", "first", "last", "min_by", "max_by", "percentile_disc":
		return w
	case "sum":
		if t == plan.Double {
			return w
		}
	case "avg", "stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp":
		if integers || w == numeric {
			return numeric
		}
	}
	return full
}

// outputWidths returns the widths of a node's columns, as far as they can be told
// from the expressions that make them.
func (l *lowerer) outputWidths(n plan.Node) []width {
	out := make([]width, len(n.Fields()))
	switch n := n.(type) {
	case *plan.Project:
		for i, e := range n.Exprs {
			out[i] = l.widthOf(e)
		}
	case *plan.Values:
		for i := range out {
			var column []plan.Expr
			for _, row := range n.Rows {
				column = append(column, row[i])
			}
			out[i] = l.commonWidth(column, n.Cols[i].Type)
		}
	case *plan.SetOp:
		out = l.outputWidths(n.In[0])
		for _, in := range n.In[1:] {
			for i, w := range l.outputWidths(in) {
				if w != out[i] {
					out[i] = full
				}
			}
		}
	default:
		if in := n.Inputs(); len(in) == 1 && len(in[0].Fields()) == len(out) {
			if _, aggregated := n.(*plan.AggregateNode); !aggregated {
				return l.outputWidths(in[0])
			}
		}
	}
	return out
}
