package plan

import "math"

// Equal reports whether two expressions over the same input are the same,
// wherever they stand in the statement. Subqueries are equal to themselves only.
func Equal(a, b Expr) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil || !sameHead(a, b) {
		return false
	}
	left, right := parts(a), parts(b)
	if len(left) != len(right) {
		return false
	}
	for i := range left {
		if !Equal(left[i], right[i]) {
			return false
		}
	}
	return true
}

// sameHead compares two expressions without what they are made of.
func sameHead(a, b Expr) bool {
	switch a := a.(type) {
	case *Column:
		b, ok := b.(*Column)
		return ok && a.Index == b.Index && a.T == b.T
	case *Literal:
		b, ok := b.(*Literal)
		return ok && a.T == b.T && sameValue(a.Value, b.Value)
	case *Param:
		b, ok := b.(*Param)
		return ok && a.N == b.N && a.T == b.T
	case *Call:
		b, ok := b.(*Call)
		return ok && a.Func == b.Func
	case *Case:
		b, ok := b.(*Case)
		return ok && a.T == b.T && len(a.Whens) == len(b.Whens)
	case *Cast:
		b, ok := b.(*Cast)
		return ok && a.To == b.To && a.Scale == b.Scale && a.Width == b.Width
	case *In:
		b, ok := b.(*In)
		return ok && a.Not == b.Not
	case *Aggregation:
		b, ok := b.(*Aggregation)
		return ok && a.Func == b.Func && a.Distinct == b.Distinct && (a.Filter == nil) == (b.Filter == nil) && sameOrder(a.Order, b.Order)
	}
	return false
}

// sameValue compares values of literals; floating-point numbers bit by bit.
func sameValue(a, b any) bool {
	x, ok := a.(float64)
	y, also := b.(float64)
	if ok && also {
		return math.Float64bits(x) == math.Float64bits(y)
	}
	return a == b
}

// sameOrder compares the directions of sort keys.
func sameOrder(a, b []SortKey) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Descending != b[i].Descending || a[i].NullsFirst != b[i].NullsFirst {
			return false
		}
	}
	return true
}

// Replace returns the expression with the largest parts that f replaces replaced:
// f is asked from the root down, and where it returns true its answer takes the
// part's place and is not entered.
func Replace(e Expr, f func(Expr) (Expr, bool)) Expr {
	if e == nil {
		return nil
	}
	if to, ok := f(e); ok {
		return to
	}
	old := parts(e)
	var changed []Expr
	for i, part := range old {
		next := Replace(part, f)
		if next != part && changed == nil {
			changed = append([]Expr(nil), old...)
		}
		if changed != nil {
			changed[i] = next
		}
	}
	if changed == nil {
		return e
	}
	return withParts(e, changed)
}
