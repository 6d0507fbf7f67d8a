package sql

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

// writable are the columns of samples and series that INSERT takes, those that it
// needs first.
var writable = map[*plan.Table]struct {
	columns []string
	needed  int
}{
	plan.Samples: {[]string{"series", "time", "value", "int_value", "text", "quality", "status"}, 2},
	plan.Series: {[]string{
		"series", "type", "sample_t", "phase", "block_n", "zone", "unit", "interpolation", "low", "high", "label", "codec", "labels", "states", "description",
		"retention", "off_grid",
	}, 1},
}

// changeable are the columns of series that UPDATE takes; the others are fixed when a
// series is made.
var changeable = []string{"series", "zone", "unit", "interpolation", "low", "high", "label", "codec", "labels", "states", "description", "retention", "off_grid"}

// insert lowers INSERT.
func (l *lowerer) insert(s *pg.InsertStmt) (plan.Node, error) {
	pos := l.pos(s.GetRelation().GetLocation())
	switch {
	case s.GetOnConflictClause() != nil:
		return nil, l.refuse(s.GetOnConflictClause().GetLocation(), "ON CONFLICT is").WithHint("Of two samples in one slot the last write wins anyway.")
	case len(s.GetReturningList()) > 0:
		return nil, l.refuse(location(s.GetReturningList()[0]), "RETURNING is")
	case s.GetOverride() != pg.OverridingKind_OVERRIDING_NOT_SET:
		return nil, l.refuse(s.GetRelation().GetLocation(), "OVERRIDING is")
	case s.GetRelation().GetAlias() != nil:
		return nil, l.refuse(s.GetRelation().GetLocation(), "an alias in INSERT is")
	case s.GetSelectStmt() == nil:
		return nil, l.refuse(s.GetRelation().GetLocation(), "DEFAULT VALUES is")
	}
	table, err := l.findTable(s.GetRelation())
	if err != nil {
		return nil, err
	}
	allowed, ok := writable[table]
	if !ok {
		return nil, l.cannotWrite("insert into", s.GetRelation(), table, "INSERT writes samples and series.")
	}
	if err := l.with(s.GetWithClause()); err != nil {
		return nil, err
	}
	q, err := l.insertSource(s.GetSelectStmt().GetSelectStmt())
	if err != nil {
		return nil, err
	}
	columns, err := l.insertColumns(s, table, allowed.columns, q.width)
	if err != nil {
		return nil, err
	}
	for _, name := range allowed.columns[:allowed.needed] {
		if !slices.Contains(columns, name) {
			return nil, plan.Errorf(pos, plan.CodeNotNull, "column %q of %s has no value", name, table.Name).
				WithHint("INSERT INTO %s needs %s.", table.Name, strings.Join(allowed.columns[:allowed.needed], " and "))
		}
	}
	types := make([]plan.Type, len(columns))
	for i, name := range columns {
		types[i] = table.Cols[table.Column(name)].Type
	}
	input, err := l.coerceRows(q.node, types, func(e plan.Expr, to plan.Type, c int) (plan.Expr, error) { return l.assign(e, to, columns[c]) })
	if err != nil {
		return nil, err
	}
	if table == plan.Series {
		return &plan.InsertSeries{Input: input, Columns: columns}, nil
	}
	node := &plan.InsertSamples{Input: input, Columns: columns}
	for _, list := range s.GetSelectStmt().GetSelectStmt().GetValuesLists() {
		node.At = append(node.At, l.pos(location(list)))
	}
	return node, nil
}

// insertSource lowers the query of an INSERT. Of VALUES alone each expression is cast
// to what it is stored as, whatever stands in other rows: the columns are of unknown
// type.
func (l *lowerer) insertSource(s *pg.SelectStmt) (*query, error) {
	if len(s.GetValuesLists()) == 0 || len(s.GetSortClause()) > 0 || s.GetLimitCount() != nil || s.GetLimitOffset() != nil ||
		s.GetWithClause() != nil || len(s.GetLockingClause()) > 0 {
		return l.query(s, nil)
	}
	v, err := l.valuesRows(s.GetValuesLists())
	if err != nil {
		return nil, err
	}
	for c := range v.Rows[0] {
		v.Cols = append(v.Cols, plan.Field{Name: "column" + itoa(c+1), Type: plan.Unknown})
	}
	return &query{node: v, width: len(v.Cols)}, nil
}

// insertColumns returns the columns that an INSERT writes: those listed, else the
// table's first ones.
func (l *lowerer) insertColumns(s *pg.InsertStmt, table *plan.Table, allowed []string, width int) ([]string, error) {
	pos := l.pos(selectLocation(s.GetSelectStmt().GetSelectStmt()))
	if len(s.GetCols()) == 0 {
		if width > len(allowed) {
			return nil, plan.Errorf(pos, plan.CodeSyntax, "INSERT has more expressions than target columns").WithHint("List the columns: INSERT INTO %s (%s, …).", table.Name, allowed[0])
		}
		return allowed[:width], nil
	}
	var columns []string
	for _, n := range s.GetCols() {
		r := n.GetResTarget()
		name := r.GetName()
		at := l.pos(r.GetLocation())
		switch {
		case len(r.GetIndirection()) > 0:
			return nil, l.refuse(r.GetLocation(), "a subscript is")
		case table.Column(name) < 0:
			return nil, unknownOf(table, name, allowed, at)
		case !slices.Contains(allowed, name):
			return nil, plan.Errorf(at, plan.CodePrivilege, "column %q of %s cannot be written", name, table.Name).WithHint("INSERT takes %s.", strings.Join(allowed, ", "))
		case slices.Contains(columns, name):
			return nil, plan.Errorf(at, plan.CodeDuplicateColumn, "column %q specified more than once", name)
		}
		columns = append(columns, name)
	}
	switch {
	case width > len(columns):
		return nil, plan.Errorf(pos, plan.CodeSyntax, "INSERT has more expressions than target columns")
	case width < len(columns):
		return nil, plan.Errorf(l.pos(s.GetCols()[width].GetResTarget().GetLocation()), plan.CodeSyntax, "INSERT has more target columns than expressions")
	}
	return columns, nil
}

// unknownOf is the error for a column that a table does not have.
func unknownOf(table *plan.Table, name string, allowed []string, pos int) error {
	err := plan.Errorf(pos, plan.CodeUndefColumn, "column %q of relation %q does not exist", name, table.Name)
	if near := plan.Nearest(name, allowed); near != "" {
		return err.WithHint("Did you mean %s?", near)
	}
	return err.WithHint("The columns are %s.", strings.Join(allowed, ", "))
}

// assign gives an expression the type of the column that it is stored in.
func (l *lowerer) assign(e plan.Expr, to plan.Type, column string) (plan.Expr, error) {
	if !plan.CanCastOnAssignment(e.Type(), to) {
		return nil, plan.Errorf(e.Pos(), plan.CodeTypeMismatch, "column %q is of type %s but expression is of type %s", column, to, e.Type()).
			WithHint("Cast the expression.")
	}
	return l.cast(e, to, -1, e.Pos())
}

// update lowers UPDATE.
func (l *lowerer) update(s *pg.UpdateStmt) (plan.Node, error) {
	switch {
	case len(s.GetFromClause()) > 0:
		return nil, l.refuse(location(s.GetFromClause()[0]), "FROM in UPDATE is")
	case len(s.GetReturningList()) > 0:
		return nil, l.refuse(location(s.GetReturningList()[0]), "RETURNING is")
	case s.GetWithClause() != nil:
		return nil, l.refuse(s.GetWithClause().GetLocation(), "WITH in UPDATE is")
	}
	table, err := l.findTable(s.GetRelation())
	switch {
	case err != nil:
		return nil, err
	case table == plan.Samples:
		return l.updateSamples(s)
	case table != plan.Series:
		return nil, l.cannotWrite("update", s.GetRelation(), table, "UPDATE changes samples and series.")
	}
	f, err := l.rangeVar(s.GetRelation())
	if err != nil {
		return nil, err
	}
	u := &plan.UpdateSeries{}
	if u.Columns, u.Exprs, err = l.assignments(s.GetTargetList(), plan.Series, exprScope{from: f, clause: "UPDATE"}, seriesTarget); err != nil {
		return nil, err
	}
	if s.GetWhereClause() != nil {
		if u.Where, err = l.condition(s.GetWhereClause(), exprScope{from: f, clause: "WHERE"}, "WHERE"); err != nil {
			return nil, err
		}
	}
	return u, nil
}
