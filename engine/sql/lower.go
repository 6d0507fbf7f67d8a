package sql

import (
	"fmt"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
)

// Scope is what a statement is lowered in.
type Scope struct {
	// Zone is the session's zone, in which literals without an offset are read; nil
	// stands for UTC.
	Zone *zone.Zone
	// Now is the instant for which 'now' and 'today' stand in literals.
	Now int64
	// Params are the types of the parameters as far as they are known; Unknown, and
	// those that are missing, are inferred.
	Params []plan.Type
}

// Limits of what is lowered.
const (
	maxColumns = 1664    // of a select list, as in PostgreSQL
	maxParams  = 65_535  // as in PostgreSQL's protocol
	maxSets    = 4096    // grouping sets, as in PostgreSQL
	maxWidth   = 4096    // columns of a FROM
	maxTables  = 1000    // references to tables, those in CTEs counted for each use
	maxCopies  = 1 << 18 // expressions that stand in a plan more often than in the statement
)

// Lower gives a statement its meaning: a valid plan (plan.Validate), and the types
// of its parameters, $1 first. Errors are *plan.Error. A statement may be lowered
// any number of times, also concurrently.
func Lower(stmt *Statement, scope Scope) (plan.Node, []plan.Type, error) {
	if scope.Zone == nil {
		scope.Zone = zone.UTC
	}
	wanted := map[implicitColumn]bool{}
	params := scope.Params
	for known := -1; ; {
		l := &lowerer{stmt: stmt, scope: scope, params: slices.Clone(params), wanted: wanted}
		n, err := l.statement(stmt.node)
		if err != nil {
			return nil, nil, err
		}
		if l.again {
			if known == len(wanted) { // every round must have learned something
				return nil, nil, plan.Errorf(0, plan.CodeInternal, "lowering makes no progress")
			}
			known = len(wanted)
			continue
		}
		if l.learnParams() || !slices.Equal(l.params, params) {
			// What came before the place that told a parameter's type was lowered without
			// it, and may mean something else now: the statement is run with the types known.
			params = l.params
			continue // ends: those parameters are known now
		}
		if err := l.checkParams(); err != nil {
			return nil, nil, err
		}
		return n, l.params, nil
	}
}

// lowerer lowers one statement.
type lowerer struct {
	stmt   *Statement
	scope  Scope
	params []plan.Type
	// untyped are the parameters that IS NULL took for text, before anything was known
	// of them.
	untyped []int

	widths map[plan.Expr]width // of the expressions that have one

	ctes   []*cte // in scope, innermost last
	outer  []*from
	tables int                     // references to tables so far, which numbers them
	copies int                     // see repeat
	wanted map[implicitColumn]bool // that tables must carry
	again  bool                    // a table was wanted to carry what it does not carry yet
}

// pos returns the position of a parse node's location.
func (l *lowerer) pos(location int32) int { return l.stmt.pos(location) }

// refuse returns the error for what is valid SQL but not supported.
func (l *lowerer) refuse(location int32, format string, args ...any) *plan.Error {
	return plan.Errorf(l.pos(location), plan.CodeNotSupported, "%s not supported", fmt.Sprintf(format, args...))
}

// repeat counts an expression that stands in the plan several times, as the subject of
// CASE does, once for each WHEN. Every walk over the plan meets each of them, so that
// subjects in subjects would take forever; too many of them are refused.
func (l *lowerer) repeat(e plan.Expr, times int) error {
	if times < 2 {
		return nil
	}
	l.copies += (times - 1) * plan.Size(e, maxCopies)
	if l.copies > maxCopies {
		return plan.Errorf(e.Pos(), plan.CodeTooComplex, "expression is repeated too often by CASE or BETWEEN").
			WithHint("Compute it in a subquery and refer to its column.")
	}
	return nil
}

// learnParams settles the types of the parameters of which IS NULL said nothing. It
// reports whether what came after it said that one is no text, as in
// $1 IS NULL OR time > $1.
func (l *lowerer) learnParams() bool {
	learned := false
	for _, n := range l.untyped {
		if l.params[n-1] == plan.Unknown {
			l.params[n-1] = plan.Text
		}
		learned = learned || l.params[n-1] != plan.Text
	}
	return learned
}

// checkParams refuses parameters of which nothing is known.
func (l *lowerer) checkParams() error {
	for i, t := range l.params {
		if t == plan.Unknown {
			return plan.Errorf(0, plan.CodeIndeterminate, "could not determine data type of parameter $%d", i+1).
				WithHint("Parameters are numbered from $1 without gaps; a cast such as $%d::text says the type.", i+1)
		}
	}
	return nil
}

// statement lowers the statement at the root.
func (l *lowerer) statement(n *pg.Node) (plan.Node, error) {
	switch s := n.GetNode().(type) {
	case *pg.Node_SelectStmt:
		return l.rows(s.SelectStmt)
	case *pg.Node_InsertStmt:
		return l.insert(s.InsertStmt)
	case *pg.Node_UpdateStmt:
		return l.update(s.UpdateStmt)
	case *pg.Node_DeleteStmt:
		return l.delete(s.DeleteStmt)
	case *pg.Node_CallStmt:
		return l.callProcedure(s.CallStmt)
	case *pg.Node_ExplainStmt:
		return l.explain(s.ExplainStmt)
	case *pg.Node_VariableSetStmt:
		return l.setVariable(s.VariableSetStmt)
	case *pg.Node_VariableShowStmt:
		return &plan.ShowVariable{Name: s.VariableShowStmt.GetName()}, nil
	case *pg.Node_TransactionStmt:
		return nil, l.refuse(0, "transactions are").
			WithHint("Every statement reads one snapshot and commits by itself; leave out BEGIN, COMMIT and ROLLBACK.")
	}
	return nil, l.refuse(0, "%s statements are", statementWords(n))
}

// rows lowers a query whose rows are the answer, or part of a statement: the types
// of its columns are all known.
func (l *lowerer) rows(s *pg.SelectStmt) (plan.Node, error) {
	q, err := l.query(s, nil)
	if err != nil {
		return nil, err
	}
	return l.settle(q.node)
}

// explain lowers EXPLAIN.
func (l *lowerer) explain(s *pg.ExplainStmt) (plan.Node, error) {
	e := &plan.Explain{}
	for _, option := range s.GetOptions() {
		d := option.GetDefElem()
		switch value := optionValue(d); {
		case d.GetDefname() == "analyze" && boolOption(value) != nil:
			e.Analyze = *boolOption(value)
		case d.GetDefname() == "format" && value == "text":
		default:
			return nil, l.refuse(d.GetLocation(), "EXPLAIN option %s is", d.GetDefname()).WithHint("There are EXPLAIN and EXPLAIN ANALYZE.")
		}
	}
	if s.GetQuery().GetVariableSetStmt() != nil || s.GetQuery().GetExplainStmt() != nil || s.GetQuery().GetCallStmt() != nil {
		return nil, l.refuse(0, "EXPLAIN of this statement is")
	}
	var err error
	e.Input, err = l.statement(s.GetQuery())
	return e, err
}

// optionValue returns the value of an option as text, empty for none.
func optionValue(d *pg.DefElem) string {
	switch v := d.GetArg().GetNode().(type) {
	case *pg.Node_String_:
		return v.String_.GetSval()
	case *pg.Node_Integer:
		return fmt.Sprint(v.Integer.GetIval())
	case *pg.Node_Boolean:
		return fmt.Sprint(v.Boolean.GetBoolval())
	}
	return ""
}

// boolOption reads the value of a boolean option; nil for none.
func boolOption(value string) *bool {
	yes, no := true, false
	switch value {
	case "", "true", "on", "1":
		return &yes
	case "false", "off", "0":
		return &no
	}
	return nil
}

// setVariable lowers SET and RESET.
func (l *lowerer) setVariable(s *pg.VariableSetStmt) (plan.Node, error) {
	if s.GetIsLocal() {
		return nil, l.refuse(0, "SET LOCAL is").WithHint("There are no transactions; SET changes the session.")
	}
	set := &plan.SetVariable{Name: s.GetName()}
	switch s.GetKind() {
	case pg.VariableSetKind_VAR_RESET, pg.VariableSetKind_VAR_SET_DEFAULT:
		return set, nil
	case pg.VariableSetKind_VAR_RESET_ALL:
		set.Name = "all"
		return set, nil
	case pg.VariableSetKind_VAR_SET_VALUE:
	default:
		return nil, l.refuse(0, "this form of SET is").WithHint("Write SET name = 'value'.")
	}
	value := ""
	for i, arg := range s.GetArgs() {
		c := arg.GetAConst()
		if c == nil || c.GetIsnull() {
			return nil, plan.Errorf(l.pos(location(arg)), plan.CodeSyntax, "value of %s must be a constant", set.Name)
		}
		if i > 0 {
			value += ", "
		}
		value += constText(c)
		if set.Name == "timezone" {
			if err := l.checkZone(constText(c), l.pos(c.GetLocation())); err != nil {
				return nil, err
			}
		}
	}
	set.Value = &value
	return set, nil
}

// constText returns a constant as text.
func constText(c *pg.A_Const) string {
	switch v := c.GetVal().(type) {
	case *pg.A_Const_Ival:
		return fmt.Sprint(v.Ival.GetIval())
	case *pg.A_Const_Fval:
		return v.Fval.GetFval()
	case *pg.A_Const_Boolval:
		return fmt.Sprint(v.Boolval.GetBoolval())
	case *pg.A_Const_Sval:
		return v.Sval.GetSval()
	}
	return ""
}
