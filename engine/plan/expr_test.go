package plan

import (
	"strings"
	"testing"
)

// col and num build expressions for tests.
func col(i int, name string, t Type) *Column { return &Column{Index: i, Name: name, T: t} }

func num(v int64) *Literal { return &Literal{Value: v, T: Bigint} }

func TestExpressionsPrintAsSQL(t *testing.T) {
	a, b := col(0, "a", Bigint), col(1, "B", Bigint)
	p := col(2, "p", Boolean)
	tests := []struct {
		name string
		e    Expr
		want string
	}{
		{"a sum under a product is in parentheses", NewCall(0, "*", NewCall(0, "+", a, b), num(2)), `(a + "B") * 2`},
		{"a product under a sum is not", NewCall(0, "+", NewCall(0, "*", a, b), num(2)), `a * "B" + 2`},
		{"subtraction groups to the left", NewCall(0, "-", a, NewCall(0, "-", b, num(1))), `a - ("B" - 1)`},
		{"a negative literal as an operand of minus", NewCall(0, "-", NewCall(0, "-", num(-3))), `-(-(-3))`},
		{"comparisons do not chain", NewCall(0, "=", NewCall(0, "<", a, b), True()), `(a < "B") = true`},
		{"OR under AND", And(p, NewCall(0, "or", p, NewCall(0, "not", p))), `p AND (p OR NOT p)`},
		{"NOT of AND", NewCall(0, "not", NewCall(0, "and", p, p)), `NOT (p AND p)`},
		{"IS NULL of a comparison", NewCall(0, "isnull", NewCall(0, "=", a, b)), `a = "B" IS NULL`},
		{"IN under NOT", NewCall(0, "not", &In{X: a, List: []Expr{num(1), num(2)}}), `NOT a IN (1, 2)`},
		{"a cast of a sum", &Cast{Arg: NewCall(0, "+", a, b), To: Text, Scale: -1}, `(a + "B")::text`},
		{"a cast to a scale", &Cast{Arg: a, To: Double, Scale: 2}, `a::double(2)`},
		{"a text with a quote", &Literal{Value: "it's", T: Text}, `'it''s'`},
		{"an instant", &Literal{Value: int64(0), T: Timestamptz}, `'1970-01-01 00:00:00+00'::timestamptz`},
		{"a whole double", &Literal{Value: 3.0, T: Double}, `3.0`},
		{"a null", Null(Date), `NULL::date`},
		{"a parameter", &Param{N: 2, T: Text}, `$2`},
		{"a CASE", &Case{Whens: []When{{If: p, Then: num(1)}}, Else: Null(Bigint), T: Bigint}, `CASE WHEN p THEN 1 END`},
		{"an aggregate", &Aggregation{Func: MustAggregate("sum", Bigint), Args: []Expr{a}, Distinct: true, Filter: p}, `sum(DISTINCT a) FILTER (WHERE p)`},
		{"an ordered-set aggregate", &Aggregation{
			Func: MustAggregate("percentile_disc", Double, Bigint), Args: []Expr{&Literal{Value: 0.5, T: Double}, a},
			Order: []SortKey{{Expr: a, Descending: true, NullsFirst: true}},
		}, `percentile_disc(0.5) WITHIN GROUP (ORDER BY a DESC)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.e.String(); got != tt.want {
				t.Errorf("prints as %s, want %s", got, tt.want)
			}
		})
	}
}

func TestConjuncts(t *testing.T) {
	p, q, r := col(0, "p", Boolean), col(1, "q", Boolean), col(2, "r", Boolean)
	if And() != nil || len(Conjuncts(nil)) != 0 {
		t.Error("no conditions are not none")
	}
	if And(p) != Expr(p) {
		t.Error("an AND of one condition is not that condition")
	}
	all := Conjuncts(And(And(p, q), NewCall(0, "and", r)))
	if len(all) != 3 || all[0] != Expr(p) || all[1] != Expr(q) || all[2] != Expr(r) {
		t.Errorf("an AND of ANDs comes apart as %v", all)
	}
}

func TestEqualIgnoresPositions(t *testing.T) {
	sum := func(at int, v int64, name string) Expr {
		return NewCall(at, "+", &Column{Index: 3, Name: name, T: Bigint, At: at}, &Literal{Value: v, T: Bigint, At: at})
	}
	if !Equal(sum(1, 5, "a"), sum(9, 5, "b")) {
		t.Error("the same expressions at other places differ")
	}
	if Equal(sum(1, 5, "a"), sum(1, 6, "a")) {
		t.Error("expressions with other literals are equal")
	}
	if Equal(&In{X: num(1), List: []Expr{num(2)}}, &In{X: num(1), List: []Expr{num(2)}, Not: true}) {
		t.Error("IN and NOT IN are equal")
	}
	if Equal(num(1), &Literal{Value: 1.0, T: Double}) {
		t.Error("literals of other types are equal")
	}
}

func TestMapExprSharesWhatDoesNotChange(t *testing.T) {
	left, right := NewCall(0, "+", col(0, "a", Bigint), num(1)), NewCall(0, "+", col(1, "b", Bigint), num(2))
	e := NewCall(0, "*", left, right)
	same := MapExpr(e, func(e Expr) Expr { return e })
	if same != Expr(e) {
		t.Error("an expression that does not change is copied")
	}
	moved := MapExpr(e, func(e Expr) Expr {
		if c, ok := e.(*Column); ok && c.Index == 1 {
			return col(7, "c", Bigint)
		}
		return e
	}).(*Call)
	if moved.Args[0] != Expr(left) || moved.Args[1] == Expr(right) || moved.String() != "(a + 1) * (c + 2)" {
		t.Errorf("the rewritten expression is %s", moved)
	}
	if e.String() != "(a + 1) * (b + 2)" {
		t.Errorf("the original has become %s", e)
	}
	whole := Replace(e, func(e Expr) (Expr, bool) { return num(9), Equal(e, right) })
	if whole.String() != "(a + 1) * 9" {
		t.Errorf("replacing the right side gives %s", whole)
	}
}

func TestMapExprReachesEveryPart(t *testing.T) {
	a := col(0, "a", Bigint)
	p := col(1, "p", Boolean)
	e := &Aggregation{
		Func: MustAggregate("sum", Bigint), Order: []SortKey{{Expr: a}}, Filter: p,
		Args: []Expr{&Case{Whens: []When{{If: &In{X: a, List: []Expr{a}}, Then: &Cast{Arg: a, To: Bigint, Scale: -1}}}, Else: a, T: Bigint}},
	}
	n := 0
	got := MapExpr(e, func(e Expr) Expr {
		if c, ok := e.(*Column); ok {
			n++
			return col(c.Index+5, strings.ToUpper(c.Name), c.T)
		}
		return e
	})
	const want = `sum(CASE WHEN "A" IN ("A") THEN "A"::bigint ELSE "A" END ORDER BY "A" NULLS LAST) FILTER (WHERE "P")`
	if s := strings.Replace(got.String(), `ORDER BY "A")`, `ORDER BY "A" NULLS LAST)`, 1); n != 6 || s != want {
		t.Errorf("after %d columns it is %s", n, got)
	}
}
