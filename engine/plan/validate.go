package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Validate checks a plan against the invariants P1 and P2: column indexes are in
// range, every column has the type that its expression has, functions get exactly
// the types of their overload, conditions are boolean, and inputs of a set
// operation agree. What it finds is a bug in whatever built the plan.
func Validate(n Node) error {
	for _, in := range n.Inputs() {
		if err := Validate(in); err != nil {
			return err
		}
	}
	if err := validateNode(n); err != nil {
		return fmt.Errorf("plan node %s: %w", strings.TrimPrefix(fmt.Sprintf("%T", n), "*plan."), err)
	}
	return nil
}

func validateNode(n Node) error {
	switch n := n.(type) {
	case *Scan:
		return validateScan(n)
	case *Values:
		for _, row := range n.Rows {
			if err := sameTypes(row, n.Cols); err != nil {
				return err
			}
		}
	case *Generate:
		if n.From.Type() != n.Col.Type || n.To.Type() != n.Col.Type {
			return fmt.Errorf("range of %s and %s for a column of %s", n.From.Type(), n.To.Type(), n.Col.Type)
		}
	case *TableCall:
		if n.SeriesWhere != nil {
			if err := validateCondition(n.SeriesWhere, Series.Cols); err != nil {
				return err
			}
		}
		return validateArguments(n.Routine, n.Args)
	case *CallProcedure:
		return validateArguments(n.Routine, n.Args)
	case *Filter:
		return validateCondition(n.Where, n.Input.Fields())
	case *Project:
		if err := sameTypes(n.Exprs, n.Cols); err != nil {
			return err
		}
		return validateExprs(n.Exprs, n.Input.Fields())
	case *AggregateNode:
		return validateAggregate(n)
	case *Sort:
		for _, k := range n.Keys {
			if err := validateExpr(k.Expr, n.Input.Fields()); err != nil {
				return err
			}
		}
	case *Limit:
		for _, e := range Exprs(n) {
			if e.Type() != Bigint {
				return fmt.Errorf("limit of type %s", e.Type())
			}
			if err := validateExpr(e, nil); err != nil {
				return err
			}
		}
	case *Join:
		return validateJoin(n)
	case *SetOp:
		return validateSetOp(n)
	case *InsertSamples:
		return sameCount(n.Columns, n.Input.Fields())
	case *InsertSeries:
		return sameCount(n.Columns, n.Input.Fields())
	case *UpdateSamples:
		return sameCount(slices.Concat(n.Keys, n.Columns), n.Input.Fields())
	case *DeleteSamples:
		return sameCount([]string{"series", "time"}, n.Input.Fields())
	case *UpdateSeries:
		if len(n.Columns) != len(n.Exprs) {
			return fmt.Errorf("%d columns and %d values", len(n.Columns), len(n.Exprs))
		}
		if n.Where != nil {
			if err := validateCondition(n.Where, Series.Cols); err != nil {
				return err
			}
		}
		return validateExprs(n.Exprs, Series.Cols)
	}
	return nil
}

// validateArguments checks the arguments of a routine: NULL stands for those that are
// left out.
func validateArguments(r *Routine, args []Expr) error {
	if len(args) != len(r.Params) {
		return fmt.Errorf("%d arguments for %s", len(args), r)
	}
	for i, e := range args {
		if t := e.Type(); t != r.Params[i].Type && (r.Params[i].Or == "" || t != Timestamptz) {
			return fmt.Errorf("argument %s of %s is of type %s", r.Params[i].Name, r.Name, t)
		}
	}
	return validateExprs(args, nil)
}

func validateScan(n *Scan) error {
	if n.AsOf != nil {
		if n.Table != Samples {
			return fmt.Errorf("%s as of %s", n.Table.Name, n.AsOf)
		}
		if err := validateArguments(SamplesAsOf, []Expr{n.AsOf}); err != nil {
			return err
		}
	}
	for _, c := range n.Columns {
		table := n.Table
		if c.Series {
			if n.Table != Samples {
				return fmt.Errorf("attribute %s of a series in a scan of %s", c.Name, n.Table.Name)
			}
			table = Series
		}
		i := table.Column(c.Name)
		if i < 0 {
			return fmt.Errorf("no column %s in %s", c.Name, table.Name)
		}
		if table.Cols[i].Type != c.T {
			return fmt.Errorf("column %s is of type %s, not %s", c.Name, table.Cols[i].Type, c.T)
		}
	}
	if n.Samples != nil && n.Samples.SeriesWhere != nil {
		return validateCondition(n.Samples.SeriesWhere, Series.Cols)
	}
	return nil
}

func validateAggregate(n *AggregateNode) error {
	if len(n.Cols) != len(n.Keys)+len(n.Aggs) {
		return fmt.Errorf("%d columns for %d keys and %d aggregates", len(n.Cols), len(n.Keys), len(n.Aggs))
	}
	if err := sameTypes(n.Keys, n.Cols[:len(n.Keys)]); err != nil {
		return err
	}
	for i, a := range n.Aggs {
		if a.Type() != n.Cols[len(n.Keys)+i].Type {
			return fmt.Errorf("%s is of type %s, its column of %s", a, a.Type(), n.Cols[len(n.Keys)+i].Type)
		}
		if a.Filter != nil && a.Filter.Type() != Boolean {
			return fmt.Errorf("%s: condition of type %s", a, a.Filter.Type())
		}
	}
	for _, set := range n.Sets {
		for _, k := range set {
			if k < 0 || k >= len(n.Keys) {
				return fmt.Errorf("grouping set refers to key %d of %d", k, len(n.Keys))
			}
		}
	}
	if n.Merge {
		return validateExprs(n.Keys, n.Input.Fields()) // arguments are not evaluated
	}
	return validateExprs(Exprs(n), n.Input.Fields())
}

func validateJoin(n *Join) error {
	left, right := n.Left.Fields(), n.Right.Fields()
	if len(n.LeftKeys) != len(n.RightKeys) {
		return fmt.Errorf("%d keys on the left, %d on the right", len(n.LeftKeys), len(n.RightKeys))
	}
	for i, k := range n.LeftKeys {
		if k.Type() != n.RightKeys[i].Type() {
			return fmt.Errorf("keys %s and %s differ in type", k, n.RightKeys[i])
		}
	}
	if err := validateExprs(n.LeftKeys, left); err != nil {
		return err
	}
	if err := validateExprs(n.RightKeys, right); err != nil {
		return err
	}
	if n.Where == nil {
		return nil
	}
	return validateCondition(n.Where, slices.Concat(left, right))
}

func validateSetOp(n *SetOp) error {
	first := n.In[0].Fields()
	for _, in := range n.In[1:] {
		fields := in.Fields()
		if len(fields) != len(first) {
			return fmt.Errorf("inputs have %d and %d columns", len(first), len(fields))
		}
		for i, f := range fields {
			if f.Type != first[i].Type {
				return fmt.Errorf("column %d is of type %s and %s", i+1, first[i].Type, f.Type)
			}
		}
	}
	return nil
}

func sameCount(columns []string, fields []Field) error {
	if len(columns) != len(fields) {
		return fmt.Errorf("%d columns of the table and %d of the input", len(columns), len(fields))
	}
	return nil
}

// sameTypes checks that expressions have the types of the columns they make.
func sameTypes(exprs []Expr, cols []Field) error {
	if len(exprs) != len(cols) {
		return fmt.Errorf("%d expressions for %d columns", len(exprs), len(cols))
	}
	for i, e := range exprs {
		if e.Type() != cols[i].Type {
			return fmt.Errorf("%s is of type %s, its column %s of %s", e, e.Type(), cols[i].Name, cols[i].Type)
		}
	}
	return nil
}

func validateCondition(e Expr, fields []Field) error {
	if e.Type() != Boolean {
		return fmt.Errorf("condition %s is of type %s", e, e.Type())
	}
	return validateExpr(e, fields)
}

func validateExprs(exprs []Expr, fields []Field) error {
	for _, e := range exprs {
		if err := validateExpr(e, fields); err != nil {
			return err
		}
	}
	return nil
}

// validateExpr checks an expression over columns.
func validateExpr(e Expr, fields []Field) (err error) {
	WalkExpr(e, func(e Expr) bool {
		if err == nil {
			err = validatePart(e, fields)
		}
		return err == nil
	})
	return err
}

func validatePart(e Expr, fields []Field) error {
	switch e := e.(type) {
	case *Column:
		if e.Index < 0 || e.Index >= len(fields) {
			return fmt.Errorf("column %s has index %d of %d", e, e.Index, len(fields))
		}
		if f := fields[e.Index]; f.Type != e.T {
			return fmt.Errorf("column %s is of type %s, the input's %s of %s", e, e.T, f.Name, f.Type)
		}
	case *Call:
		if !e.Func.takes(typesOf(e.Args)) {
			return fmt.Errorf("%s is called with %s", e.Func, signatureOf("", typesOf(e.Args), false))
		}
	case *Aggregation:
		return validateCall(e)
	case *Case:
		for _, w := range e.Whens {
			if w.If.Type() != Boolean || w.Then.Type() != e.T {
				return fmt.Errorf("branch of %s has types %s and %s", e, w.If.Type(), w.Then.Type())
			}
		}
		if e.Else.Type() != e.T {
			return fmt.Errorf("ELSE of %s is of type %s", e, e.Else.Type())
		}
	case *In:
		for _, item := range e.List {
			if item.Type() != e.X.Type() {
				return fmt.Errorf("item of %s is of type %s", e, item.Type())
			}
		}
	case *Cast:
		if !CanCast(e.Arg.Type(), e.To) {
			return fmt.Errorf("no cast from %s to %s", e.Arg.Type(), e.To)
		}
	case *Subquery:
		if len(e.Plan.Fields()) != 1 {
			return fmt.Errorf("scalar subquery of %d columns", len(e.Plan.Fields()))
		}
		return Validate(e.Plan)
	}
	return nil
}

// validateCall checks the arguments of an aggregate, implicit ones included.
func validateCall(a *Aggregation) error {
	if len(a.Args) != len(a.Func.Args)+len(a.Func.Implicit) {
		return fmt.Errorf("%s has %d arguments, wants %d and %v", a.Func, len(a.Args), len(a.Func.Args), a.Func.Implicit)
	}
	for i, want := range a.Func.Args {
		if got := a.Args[i].Type(); got != want {
			return fmt.Errorf("argument %d of %s is of type %s", i+1, a.Func, got)
		}
	}
	return nil
}

func typesOf(exprs []Expr) []Type {
	types := make([]Type, len(exprs))
	for i, e := range exprs {
		types[i] = e.Type()
	}
	return types
}
