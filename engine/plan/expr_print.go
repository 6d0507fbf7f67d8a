package plan

import (
	"strconv"
	"strings"
)

// String prints the column's name.
func (c *Column) String() string { return printExpr(c, nil) }

// String prints the literal in SQL.
func (l *Literal) String() string { return printExpr(l, nil) }

// String prints the parameter, such as $1.
func (p *Param) String() string { return printExpr(p, nil) }

// String prints the call in SQL.
func (c *Call) String() string { return printExpr(c, nil) }

// String prints the expression in SQL.
func (c *Case) String() string { return printExpr(c, nil) }

// String prints the cast in SQL.
func (c *Cast) String() string { return printExpr(c, nil) }

// String prints the condition in SQL.
func (i *In) String() string { return printExpr(i, nil) }

// String prints the call in SQL, without the implicit arguments.
func (a *Aggregation) String() string { return printExpr(a, nil) }

// String prints (subquery).
func (s *Subquery) String() string { return printExpr(s, nil) }

// The precedences of PostgreSQL's operators, loosest first.
const (
	precNone = iota
	precOr
	precAnd
	precNot
	precIs
	precCompare
	precLike
	precOther
	precAdd
	precMultiply
	precPower
	precZone
	precMinus
	precCast
	precAtom
)

// infix are the precedences of the functions that are written between their two
// arguments.
var infix = map[string]int{
	"=": precCompare, "<>": precCompare, "<": precCompare, "<=": precCompare, ">": precCompare, ">=": precCompare,
	"+": precAdd, "-": precAdd, "*": precMultiply, "/": precMultiply, "%": precMultiply, "^": precPower,
	"||": precOther, "&": precOther, "|": precOther, "#": precOther, "<<": precOther, ">>": precOther,
	"~": precOther, "~*": precOther, "!~": precOther, "!~*": precOther,
	"->": precOther, "->>": precOther, "#>": precOther, "#>>": precOther,
	"like": precLike, "ilike": precLike, "isdistinct": precIs, "isnotdistinct": precIs,
	"and": precAnd, "or": precOr,
}

// spelled are the infix functions that are written otherwise than named.
var spelled = map[string]string{
	"like": "LIKE", "ilike": "ILIKE", "isdistinct": "IS DISTINCT FROM", "isnotdistinct": "IS NOT DISTINCT FROM",
	"and": "AND", "or": "OR",
}

// postfix are the functions that are written after their argument.
var postfix = map[string]string{
	"isnull": "IS NULL", "isnotnull": "IS NOT NULL", "istrue": "IS TRUE", "isnottrue": "IS NOT TRUE",
	"isfalse": "IS FALSE", "isnotfalse": "IS NOT FALSE",
}

// bare are the functions without arguments that are written without parentheses.
var bare = map[string]bool{
	"current_timestamp": true, "localtimestamp": true, "current_date": true, "current_user": true, "current_schema": true,
}

// printExpr prints an expression over columns; those whose name occurs twice in
// fields are qualified.
func printExpr(e Expr, fields []Field) string {
	p := exprPrinter{fields: fields}
	p.expr(e, precNone)
	return p.String()
}

type exprPrinter struct {
	strings.Builder
	fields []Field
}

// expr prints an expression, in parentheses where it binds less tightly than its
// surroundings.
func (p *exprPrinter) expr(e Expr, around int) {
	if precedence(e) < around {
		p.WriteByte('(')
		defer p.WriteByte(')')
	}
	switch e := e.(type) {
	case *Column:
		p.column(e)
	case *Literal:
		p.WriteString(printLiteral(e))
	case *Param:
		p.WriteString("$" + strconv.Itoa(e.N))
	case *Call:
		p.call(e)
	case *Case:
		p.caseWhen(e)
	case *Cast:
		p.expr(e.Arg, precCast)
		name := shortName(e.To)
		if e.Width != Wide {
			name = e.Width.String()
			if e.To == Text {
				name += "::text"
			}
		}
		p.WriteString("::" + name)
		if e.Scale >= 0 && e.To == Double {
			p.WriteString("(" + strconv.Itoa(e.Scale) + ")")
		}
	case *In:
		p.expr(e.X, precLike+1)
		if e.Not {
			p.WriteString(" NOT")
		}
		p.WriteString(" IN (")
		p.list(e.List)
		p.WriteByte(')')
	case *Aggregation:
		p.aggregation(e)
	case *Subquery:
		p.WriteString("(subquery)")
	}
}

func precedence(e Expr) int {
	switch e := e.(type) {
	case *Call:
		name := e.Func.Name
		switch {
		case len(e.Args) == 1 && postfix[name] != "":
			return precIs
		case name == "not":
			return precNot
		case len(e.Args) == 1 && (name == "-" || name == "~"):
			return precMinus
		case len(e.Args) >= 2 && infix[name] > 0 && (len(e.Args) == 2 || e.Func.Rest):
			return infix[name]
		case name == "timezone":
			return precZone
		}
	case *In:
		return precLike
	case *Cast:
		return precCast
	case *Literal:
		if negative(e) {
			return precMinus
		}
	}
	return precAtom
}

func negative(l *Literal) bool {
	switch v := l.Value.(type) {
	case int64:
		return l.T == Bigint && v < 0
	case float64:
		return v < 0
	}
	return false
}

func (p *exprPrinter) column(c *Column) {
	if c.Index < len(p.fields) {
		table := p.fields[c.Index].Table
		for i, f := range p.fields {
			if i != c.Index && f.Name == c.Name && f.Table != table && table != "" {
				p.WriteString(quoteIdent(table) + ".")
				break
			}
		}
	}
	p.WriteString(quoteIdent(c.Name))
}

func (p *exprPrinter) call(c *Call) {
	name := c.Func.Name
	prec := precedence(c)
	switch {
	case prec == precIs && len(c.Args) == 1:
		p.expr(c.Args[0], precIs+1)
		p.WriteString(" " + postfix[name])
	case prec == precNot:
		p.WriteString("NOT ")
		p.expr(c.Args[0], precNot)
	case prec == precMinus:
		p.WriteString(name)
		p.expr(c.Args[0], precMinus+1)
	case prec == precZone:
		p.expr(c.Args[1], precZone)
		p.WriteString(" AT TIME ZONE ")
		p.expr(c.Args[0], precZone+1)
	case prec < precAtom:
		word := name
		if s := spelled[name]; s != "" {
			word = s
		}
		left := prec
		if prec == precCompare || prec == precLike || prec == precIs {
			left++ // these do not associate
		}
		p.expr(c.Args[0], left)
		for _, arg := range c.Args[1:] {
			p.WriteString(" " + word + " ")
			p.expr(arg, prec+1)
		}
	case len(c.Args) == 0 && bare[name]:
		p.WriteString(name)
	default:
		p.WriteString(name + "(")
		p.list(c.Args)
		p.WriteByte(')')
	}
}

func (p *exprPrinter) list(list []Expr) {
	for i, e := range list {
		if i > 0 {
			p.WriteString(", ")
		}
		p.expr(e, precNone)
	}
}

func (p *exprPrinter) caseWhen(c *Case) {
	p.WriteString("CASE")
	for _, w := range c.Whens {
		p.WriteString(" WHEN ")
		p.expr(w.If, precNone)
		p.WriteString(" THEN ")
		p.expr(w.Then, precNone)
	}
	if l, ok := c.Else.(*Literal); !ok || !l.IsNull() {
		p.WriteString(" ELSE ")
		p.expr(c.Else, precNone)
	}
	p.WriteString(" END")
}

func (p *exprPrinter) aggregation(a *Aggregation) {
	p.WriteString(a.Func.Name + "(")
	if a.Distinct {
		p.WriteString("DISTINCT ")
	}
	args := a.Args[:len(a.Func.Args)]
	switch {
	case a.Func.WithinGroup:
		p.list(args[:len(args)-1])
		p.WriteString(") WITHIN GROUP (ORDER BY ")
		p.sortKeys(a.Order)
	case len(args) == 0:
		p.WriteByte('*')
	default:
		p.list(args)
		if len(a.Order) > 0 {
			p.WriteString(" ORDER BY ")
			p.sortKeys(a.Order)
		}
	}
	p.WriteByte(')')
	if a.Filter != nil {
		p.WriteString(" FILTER (WHERE ")
		p.expr(a.Filter, precNone)
		p.WriteByte(')')
	}
}

func (p *exprPrinter) sortKeys(keys []SortKey) {
	for i, k := range keys {
		if i > 0 {
			p.WriteString(", ")
		}
		p.expr(k.Expr, precNone)
		if k.Descending {
			p.WriteString(" DESC")
		}
		switch {
		case k.NullsFirst && !k.Descending:
			p.WriteString(" NULLS FIRST")
		case !k.NullsFirst && k.Descending:
			p.WriteString(" NULLS LAST")
		}
	}
}

// printLiteral prints a literal such that it is read back as the same value and
// type.
func printLiteral(l *Literal) string {
	if l.IsNull() {
		if l.T == Unknown {
			return "NULL"
		}
		return "NULL::" + shortName(l.T)
	}
	text := FormatValue(l.Value, l.T, nil)
	switch l.T {
	case Boolean, Bigint:
		return text
	case Double:
		if strings.ContainsAny(text, "IN") { // Infinity, NaN
			return quoteLiteral(text) + "::double"
		}
		if !strings.ContainsAny(text, ".e") {
			return text + ".0"
		}
		return text
	case Text, Unknown:
		return quoteLiteral(text)
	}
	return quoteLiteral(text) + "::" + shortName(l.T)
}

// shortName returns a type's short SQL name.
func shortName(t Type) string {
	for name, other := range typesByName {
		if t == other {
			return name
		}
	}
	return "unknown"
}

func quoteLiteral(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// quoteIdent quotes an identifier that would not be read back as it is.
func quoteIdent(s string) string {
	plain := s != "" && (s[0] < '0' || s[0] > '9')
	for _, c := range s {
		plain = plain && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c > 127)
	}
	if plain || s == "?column?" || s == "*" {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
