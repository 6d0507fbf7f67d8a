package sql

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

// query is a lowered query. The types of its columns may still be unknown where its
// node is a Project or Values; see settle.
type query struct {
	node  plan.Node
	width int // the number of its columns; implicit ones come after them

	samples bool           // its rows are samples, so that it can carry implicit columns
	carried map[string]int // those that it has, by index
}

// cte is a query in WITH, lowered anew for each use.
type cte struct {
	name    string
	columns []*pg.Node // names for its columns
	query   *pg.SelectStmt
	depth   int // how many CTEs were in scope where it stands
	used    bool
}

// noColumns is the scope of expressions that cannot refer to columns.
var noColumns = &from{}

// query lowers a query; carry are names of implicit columns that it must have.
func (l *lowerer) query(s *pg.SelectStmt, carry []string) (*query, error) {
	switch {
	case s.GetIntoClause() != nil:
		return nil, l.refuse(s.GetIntoClause().GetRel().GetLocation(), "SELECT INTO is")
	case len(s.GetLockingClause()) > 0:
		return nil, l.refuse(selectLocation(s), "FOR UPDATE and the like are").WithHint("Every statement reads one snapshot.")
	case len(s.GetWindowClause()) > 0:
		return nil, l.refuse(location(s.GetWindowClause()[0]), "WINDOW is")
	case s.GetLimitOption() == pg.LimitOption_LIMIT_OPTION_WITH_TIES:
		return nil, l.refuse(location(s.GetLimitCount()), "WITH TIES is")
	}
	outside := len(l.ctes)
	if err := l.with(s.GetWithClause()); err != nil {
		return nil, err
	}
	q, err := l.body(s, carry)
	if err != nil {
		return nil, err
	}
	for _, c := range l.ctes[outside:] {
		if !c.used { // its mistakes are mistakes of the statement all the same
			if _, err := l.useCTE(c, &pg.RangeVar{Relname: c.name, Location: selectLocation(c.query)}); err != nil {
				return nil, err
			}
		}
	}
	l.ctes = slices.Clip(l.ctes[:outside])
	return q, nil
}

func (l *lowerer) body(s *pg.SelectStmt, carry []string) (*query, error) {
	switch {
	case s.GetOp() != pg.SetOperation_SETOP_NONE:
		n, err := l.setOp(s)
		if err != nil {
			return nil, err
		}
		return l.orderOutput(n, s)
	case len(s.GetValuesLists()) > 0:
		n, err := l.values(s.GetValuesLists())
		if err != nil {
			return nil, err
		}
		return l.orderOutput(n, s)
	}
	return l.selectRows(s, carry)
}

// with brings the CTEs of a WITH into scope.
func (l *lowerer) with(w *pg.WithClause) error {
	if w.GetRecursive() {
		return l.refuse(w.GetLocation(), "WITH RECURSIVE is")
	}
	first := len(l.ctes)
	for _, n := range w.GetCtes() {
		c := n.GetCommonTableExpr()
		switch {
		case c.GetCtequery().GetSelectStmt() == nil:
			return l.refuse(c.GetLocation(), "a statement that writes in WITH is")
		case c.GetSearchClause() != nil || c.GetCycleClause() != nil:
			return l.refuse(c.GetLocation(), "SEARCH and CYCLE are")
		case slices.ContainsFunc(l.ctes[first:], func(other *cte) bool { return other.name == c.GetCtename() }):
			return plan.Errorf(l.pos(c.GetLocation()), plan.CodeDuplicateAlias, "WITH query name %q specified more than once", c.GetCtename())
		}
		l.ctes = append(l.ctes, &cte{name: c.GetCtename(), columns: c.GetAliascolnames(), query: c.GetCtequery().GetSelectStmt(), depth: len(l.ctes)})
	}
	return nil
}

// findCTE returns the innermost CTE of a name; nil for none.
func (l *lowerer) findCTE(name string) *cte {
	for i := len(l.ctes) - 1; i >= 0; i-- {
		if l.ctes[i].name == name {
			return l.ctes[i]
		}
	}
	return nil
}

// useCTE lowers a CTE where it is referred to, in the scope where it stands.
func (l *lowerer) useCTE(c *cte, v *pg.RangeVar) (*from, error) {
	c.used = true
	t, err := l.newTable(aliasOr(v.GetAlias(), c.name), v.GetLocation())
	if err != nil {
		return nil, err
	}
	ctes, outer := l.ctes, l.outer
	l.ctes, l.outer = slices.Clip(l.ctes[:c.depth]), nil
	defer func() { l.ctes, l.outer = ctes, outer }()
	alias := &pg.Alias{Aliasname: t.alias, Colnames: c.columns}
	if renamed := v.GetAlias().GetColnames(); len(renamed) > 0 {
		alias.Colnames = append(slices.Clone(renamed), c.columns[min(len(renamed), len(c.columns)):]...)
	}
	return l.derived(t, c.query, alias)
}

// values lowers VALUES lists. A column of which nothing is known stays unknown.
func (l *lowerer) values(lists []*pg.Node) (plan.Node, error) {
	v, err := l.valuesRows(lists)
	if err != nil {
		return nil, err
	}
	for c := range v.Rows[0] {
		t, err := l.valuesColumn(v, c)
		if err != nil {
			return nil, err
		}
		v.Cols = append(v.Cols, plan.Field{Name: "column" + itoa(c+1), Type: t})
	}
	return v, nil
}

// valuesRows lowers the rows of VALUES, as yet without columns.
func (l *lowerer) valuesRows(lists []*pg.Node) (*plan.Values, error) {
	v := &plan.Values{}
	for _, list := range lists {
		items := list.GetList().GetItems()
		row, err := l.exprs(items, exprScope{from: noColumns, clause: "VALUES"})
		if err != nil {
			return nil, err
		}
		if len(v.Rows) > 0 && len(row) != len(v.Rows[0]) {
			return nil, plan.Errorf(l.pos(location(items[0])), plan.CodeSyntax, "VALUES lists must all be the same length")
		}
		v.Rows = append(v.Rows, row)
	}
	return v, nil
}

// valuesColumn gives a column of VALUES its common type.
func (l *lowerer) valuesColumn(v *plan.Values, c int) (plan.Type, error) {
	column := make([]plan.Expr, len(v.Rows))
	known := false
	for r, row := range v.Rows {
		column[r] = row[c]
		known = known || row[c].Type() != plan.Unknown
	}
	if !known {
		return plan.Unknown, nil
	}
	column, t, err := l.common(column, "VALUES")
	if err != nil {
		return t, err
	}
	for r := range v.Rows {
		v.Rows[r][c] = column[r]
	}
	return t, nil
}

// setOperations are the set operations, and their names.
var setOperations = map[pg.SetOperation]struct {
	kind plan.SetOpKind
	name string
}{
	pg.SetOperation_SETOP_UNION:     {plan.Union, "UNION"},
	pg.SetOperation_SETOP_INTERSECT: {plan.Intersect, "INTERSECT"},
	pg.SetOperation_SETOP_EXCEPT:    {plan.Except, "EXCEPT"},
}

// setOp lowers UNION, INTERSECT and EXCEPT.
func (l *lowerer) setOp(s *pg.SelectStmt) (plan.Node, error) {
	op := setOperations[s.GetOp()]
	operands := []*pg.SelectStmt{s.GetLarg(), s.GetRarg()}
	for op.kind == plan.Union && isPlainOperation(operands[0], s) { // a UNION b UNION c is one node
		operands = append([]*pg.SelectStmt{operands[0].GetLarg(), operands[0].GetRarg()}, operands[1:]...)
	}
	node := &plan.SetOp{Kind: op.kind, All: s.GetAll()}
	columns := make([][]plan.Type, 0, len(operands))
	for _, operand := range operands {
		q, err := l.query(operand, nil)
		if err != nil {
			return nil, err
		}
		types := fieldTypes(q.node)
		if len(columns) > 0 && len(types) != len(columns[0]) {
			return nil, plan.Errorf(l.pos(selectLocation(operand)), plan.CodeSyntax, "each %s query must have the same number of columns", op.name)
		}
		columns = append(columns, types)
		node.In = append(node.In, q.node)
	}
	common := make([]plan.Type, len(columns[0]))
	for c := range common {
		types := make([]plan.Type, len(columns))
		for i := range columns {
			types[i] = columns[i][c]
			t, ok := plan.CommonType(types[:i+1])
			if !ok {
				return nil, plan.Errorf(l.pos(selectLocation(operands[i])), plan.CodeTypeMismatch, "%s types %s and %s cannot be matched", op.name, common[c], types[i])
			}
			common[c] = t
		}
		if !node.All {
			if err := equatable(common[c], l.pos(selectLocation(operands[0]))); err != nil {
				return nil, err
			}
		}
	}
	for i, in := range node.In {
		var err error
		node.In[i], err = l.coerceRows(in, common, func(e plan.Expr, to plan.Type, _ int) (plan.Expr, error) { return l.coerce(e, to, op.name) })
		if err != nil {
			return nil, err
		}
	}
	return node, nil
}

// isPlainOperation reports whether a query is the same set operation as another,
// without a clause of its own.
func isPlainOperation(s, like *pg.SelectStmt) bool {
	return s.GetOp() == like.GetOp() && s.GetAll() == like.GetAll() && len(s.GetSortClause()) == 0 && s.GetWithClause() == nil &&
		s.GetLimitCount() == nil && s.GetLimitOffset() == nil
}

// orderOutput orders and limits rows of which only the output columns are known.
func (l *lowerer) orderOutput(n plan.Node, s *pg.SelectStmt) (*query, error) {
	q := &query{node: n, width: len(n.Fields())}
	var err error
	if len(s.GetSortClause()) > 0 || s.GetLimitCount() != nil || s.GetLimitOffset() != nil {
		if q.node, err = l.settle(n); err != nil {
			return nil, err
		}
	}
	output := &from{node: q.node}
	for i, e := range columnsOf(q.node) {
		output.star = append(output.star, visible{name: q.node.Fields()[i].Name, expr: e})
	}
	var keys []plan.SortKey
	for _, item := range s.GetSortClause() {
		sortBy := item.GetSortBy()
		i, positional, err := l.position(sortBy.GetNode(), "ORDER BY", q.width)
		if err != nil {
			return nil, err
		}
		var e plan.Expr
		if positional {
			e = output.star[i].expr
		} else if sortBy.GetNode().GetColumnRef() == nil {
			return nil, l.refuse(location(sortBy.GetNode()), "ordering a UNION, INTERSECT, EXCEPT or VALUES by an expression is").
				WithHint("Order by a column's name or position, or put the query into FROM.")
		} else if e, err = l.expr(sortBy.GetNode(), exprScope{from: output, clause: "ORDER BY"}); err != nil {
			return nil, err
		}
		key, err := l.sortKey(sortBy, e)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) > 0 {
		q.node = &plan.Sort{Input: q.node, Keys: keys}
	}
	q.node, err = l.limit(q.node, s)
	return q, err
}

// limit adds LIMIT and OFFSET.
func (l *lowerer) limit(n plan.Node, s *pg.SelectStmt) (plan.Node, error) {
	count, err := l.rowCount(s.GetLimitCount(), "LIMIT")
	if err != nil {
		return nil, err
	}
	offset, err := l.rowCount(s.GetLimitOffset(), "OFFSET")
	if err != nil {
		return nil, err
	}
	if count == nil && offset == nil {
		return n, nil
	}
	return &plan.Limit{Input: n, Count: count, Offset: offset}, nil
}

// rowCount lowers a number of rows; nil where there is none, or NULL.
func (l *lowerer) rowCount(n *pg.Node, what string) (plan.Expr, error) {
	if n == nil || n.GetAConst().GetIsnull() {
		return nil, nil
	}
	e, err := l.expr(n, exprScope{from: noColumns, clause: what})
	if err != nil {
		return nil, err
	}
	if e, err = l.coerce(e, plan.Bigint, "argument of "+what); err != nil {
		return nil, err
	}
	if lit, ok := e.(*plan.Literal); ok && !lit.IsNull() && lit.Value.(int64) < 0 {
		return nil, plan.Errorf(lit.At, plan.CodeInvalidLimit, "%s must not be negative", what)
	}
	return e, nil
}

// sortKey lowers the direction of an item of ORDER BY.
func (l *lowerer) sortKey(s *pg.SortBy, e plan.Expr) (plan.SortKey, error) {
	if len(s.GetUseOp()) > 0 || s.GetSortbyDir() == pg.SortByDir_SORTBY_USING {
		return plan.SortKey{}, l.refuse(s.GetLocation(), "ORDER BY … USING is")
	}
	if e.Type() == plan.JSON {
		return plan.SortKey{}, plan.Errorf(e.Pos(), plan.CodeUndefFunction, "could not identify an ordering operator for type json").
			WithHint("Order by a member: labels->>'site'.")
	}
	key := plan.SortKey{Expr: e, Descending: s.GetSortbyDir() == pg.SortByDir_SORTBY_DESC}
	switch s.GetSortbyNulls() {
	case pg.SortByNulls_SORTBY_NULLS_FIRST:
		key.NullsFirst = true
	case pg.SortByNulls_SORTBY_NULLS_LAST:
	default:
		key.NullsFirst = key.Descending
	}
	return key, nil
}
