package plan

// Expr is an expression over the columns of a node's input. The set of
// implementations is closed: Column, Literal, Param, Call, Case, Cast, In,
// Aggregation (only in an Aggregate node) and Subquery.
type Expr interface {
	// Type returns the type of the expression's value.
	Type() Type
	// Pos returns the 1-based character position in the statement, 0 for none.
	Pos() int
	// String prints the expression in SQL.
	String() string
}

// Column is a column of the input.
type Column struct {
	Index int
	Name  string
	T     Type
	At    int
}

// Literal is a constant. Value is nil for NULL, else bool, int64 (Bigint, and
// Timestamp, Timestamptz, Time in microseconds, Date in days), float64, string
// (Text and JSON) or Span.
type Literal struct {
	Value any
	T     Type
	At    int
}

// Param is a parameter of the statement, counted from 1.
type Param struct {
	N  int
	T  Type
	At int
}

// Call is a call of a function or an operator. AND and OR take any number of
// arguments.
type Call struct {
	Func *Func
	Args []Expr
	At   int
}

// Case is a searched CASE; the simple form is lowered to comparisons.
type Case struct {
	Whens []When
	Else  Expr // never nil: a NULL literal where the statement has none
	T     Type
	At    int
}

// When is one branch of a Case.
type When struct{ If, Then Expr }

// Cast converts a value, or fails where it cannot be converted.
type Cast struct {
	Arg Expr
	To  Type
	// Scale is the number of digits after the point to round to, for casts to
	// numeric(p, s); negative for none.
	Scale int
	// Width is the narrower type of PostgreSQL's that the value must fit: a value that
	// does not is an error (22003), and one of a real is rounded to 24 bits.
	Width Width
	At    int
}

// In is x IN (list): true, false, or NULL by SQL's rules. All items have x's type.
type In struct {
	X    Expr
	List []Expr
	Not  bool
	At   int
}

// Aggregation is a call of an aggregate function in an Aggregate node.
type Aggregation struct {
	Func     *AggregateFunc
	Args     []Expr
	Distinct bool
	Filter   Expr // nil: none
	Order    []SortKey
	At       int
}

// Subquery is an uncorrelated scalar subquery: its plan has one column, and
// yields at most one row (none: NULL).
type Subquery struct {
	Plan Node
	At   int
}

// SortKey is an item of ORDER BY.
type SortKey struct {
	Expr       Expr
	Descending bool
	NullsFirst bool
}
