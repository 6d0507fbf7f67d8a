package sql

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

// editable are the columns of samples that UPDATE takes.
var editable = []string{"value", "int_value", "text", "quality", "status"}

// fixed are the columns of samples that UPDATE does not take, with why.
var fixed = map[string]string{
	"series":     "A sample stays with its series: INSERT it into the other one and DELETE it here.",
	"time":       "A sample stays in its slot: INSERT it at the other time and DELETE it here.",
	"local_time": "It is what the clock of the series showed at the sample's time.",
	"raw_value":  "It is what was written: SET value writes it.",
	"edit":       "The server keeps the trail of edits.",
	"edit_id":    "The server keeps the trail of edits.",
}

// trailHint says what to do instead of writing a table.
func trailHint(table *plan.Table) string {
	switch table.Name {
	case "edits", "edit_ranges":
		return "The trail of edits cannot be edited. An edit is undone by another one: CALL restore_samples(...)."
	case "pins":
		return "Use CALL pin_snapshot(...) and CALL unpin_snapshot(...)."
	case "snapshots":
		return "Use CALL keep_snapshots(...) to say for how long they are kept."
	case "series":
		return "A series stays as long as its samples; DELETE FROM samples takes those away."
	}
	return ""
}

// cannotWrite is the error of a statement that writes a table that it may not.
func (l *lowerer) cannotWrite(verb string, r *pg.RangeVar, table *plan.Table, usual string) error {
	hint := trailHint(table)
	if hint == "" || table == plan.Series && verb != "delete from" {
		hint = usual
	}
	return plan.Errorf(l.pos(r.GetLocation()), plan.CodePrivilege, "cannot %s %s", verb, table.Name).WithHint("%s", hint)
}

// delete lowers DELETE FROM samples.
func (l *lowerer) delete(s *pg.DeleteStmt) (plan.Node, error) {
	switch {
	case len(s.GetUsingClause()) > 0:
		return nil, l.refuse(location(s.GetUsingClause()[0]), "USING in DELETE is").WithHint("Write WHERE series IN (SELECT ...).")
	case len(s.GetReturningList()) > 0:
		return nil, l.refuse(location(s.GetReturningList()[0]), "RETURNING is")
	case s.GetWithClause() != nil:
		return nil, l.refuse(s.GetWithClause().GetLocation(), "WITH in DELETE is")
	}
	table, err := l.findTable(s.GetRelation())
	if err != nil {
		return nil, err
	}
	if table != plan.Samples {
		return nil, l.cannotWrite("delete from", s.GetRelation(), table, "DELETE takes samples away.")
	}
	f, err := l.rangeVar(s.GetRelation())
	if err != nil {
		return nil, err
	}
	if err := l.where(f, s.GetWhereClause()); err != nil {
		return nil, err
	}
	return &plan.DeleteSamples{Input: projectColumns(f, []string{"series", "time"})}, nil
}

// updateSamples lowers UPDATE samples, whose targets are those of SET.
func (l *lowerer) updateSamples(s *pg.UpdateStmt) (plan.Node, error) {
	f, err := l.rangeVar(s.GetRelation())
	if err != nil {
		return nil, err
	}
	columns, exprs, err := l.assignments(s.GetTargetList(), plan.Samples, exprScope{from: f, clause: "UPDATE"}, sampleTarget)
	if err != nil {
		return nil, err
	}
	if i := slices.Index(columns, "quality"); i >= 0 && slices.Contains(columns, "status") {
		return nil, plan.Errorf(l.pos(s.GetTargetList()[i].GetResTarget().GetLocation()), plan.CodeDuplicateColumn, "quality is the class of status: SET one of them").
			WithHint("SET status = %d is a quality of uncertain, for example.", 0x4000_0000)
	}
	if err := l.where(f, s.GetWhereClause()); err != nil {
		return nil, err
	}
	// What a sample is now, as far as it matters: its status, what reads NULL where a
	// value is set, and whether there is a value where its status is.
	keys := []string{"series", "time", "status"}
	for _, name := range columns {
		switch name {
		case "value", "int_value", "text":
			keys = append(keys, name)
		default: // quality or status
			keys = append(keys, "raw_value")
		}
	}
	u := &plan.UpdateSamples{Keys: keys, Columns: columns}
	p := projectColumns(f, keys)
	p.Exprs = append(p.Exprs, exprs...)
	for i, name := range columns {
		p.Cols = append(p.Cols, plan.Field{Name: name, Type: exprs[i].Type()})
	}
	u.Input = p
	return u, nil
}

// projectColumns returns a projection of columns of samples.
func projectColumns(f *from, columns []string) *plan.Project {
	p := &plan.Project{Input: f.node}
	for _, name := range columns {
		i := plan.Samples.Column(name)
		t := plan.Samples.Cols[i].Type
		p.Exprs = append(p.Exprs, &plan.Column{Index: i, Name: name, T: t})
		p.Cols = append(p.Cols, plan.Field{Name: name, Type: t})
	}
	return p
}

// sampleTarget says what is wrong with setting a column of samples; nil for nothing.
func sampleTarget(name string, pos int) error {
	switch {
	case plan.Samples.Column(name) < 0:
		return unknownOf(plan.Samples, name, editable, pos)
	case fixed[name] != "":
		return plan.Errorf(pos, plan.CodePrivilege, "column %q of samples cannot be set", name).WithHint("%s", fixed[name])
	}
	return nil
}

// seriesTarget says what is wrong with setting an attribute of series; nil for
// nothing.
func seriesTarget(name string, pos int) error {
	switch {
	case plan.Series.Column(name) < 0:
		return unknownOf(plan.Series, name, changeable, pos)
	case !slices.Contains(changeable, name):
		return plan.Errorf(pos, plan.CodePrivilege, "column %q of series cannot be changed", name).
			WithHint("A series' type, sample_t, phase and block_n are fixed when it is made; make another series.")
	}
	return nil
}

// assignments lowers the list of SET; check says what is wrong with a target.
func (l *lowerer) assignments(list []*pg.Node, table *plan.Table, sc exprScope, check func(name string, pos int) error) (columns []string, exprs []plan.Expr, err error) {
	for _, n := range list {
		r := n.GetResTarget()
		name, at := r.GetName(), l.pos(r.GetLocation())
		if len(r.GetIndirection()) > 0 || r.GetVal().GetMultiAssignRef() != nil {
			return nil, nil, l.refuse(r.GetLocation(), "this form of SET is").WithHint("Write SET column = value, other = value.")
		}
		if err := check(name, at); err != nil {
			return nil, nil, err
		}
		if slices.Contains(columns, name) {
			return nil, nil, plan.Errorf(at, plan.CodeDuplicateColumn, "column %q specified more than once", name)
		}
		e, err := l.expr(r.GetVal(), sc)
		if err != nil {
			return nil, nil, err
		}
		if e, err = l.assign(e, table.Cols[table.Column(name)].Type, name); err != nil {
			return nil, nil, err
		}
		columns, exprs = append(columns, name), append(exprs, e)
	}
	return columns, exprs, nil
}
