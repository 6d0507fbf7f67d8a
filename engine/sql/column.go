package sql

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

// column looks up a column by its name, or table and name.
func (l *lowerer) column(ref *pg.ColumnRef, sc exprScope) (plan.Expr, error) {
	pos := l.pos(ref.GetLocation())
	parts := ref.GetFields()
	if parts[len(parts)-1].GetAStar() != nil {
		return nil, plan.Errorf(pos, plan.CodeSyntax, "* is not allowed here").WithHint("Name the columns.")
	}
	path := names(parts)
	found, err := l.lookup(sc.from, path, pos)
	if found != nil || err != nil {
		return found, err
	}
	for i := len(l.outer) - 1; i >= 0; i-- {
		if found, err := l.lookup(l.outer[i], path, pos); found != nil || err != nil {
			return nil, l.refuse(ref.GetLocation(), "a correlated subquery (it refers to %q outside of it) is", strings.Join(path, ".")).
				WithHint("Write it as a JOIN.")
		}
	}
	return nil, l.unknownColumn(sc.from, path, pos)
}

// lookup finds a column; nil where there is none.
func (l *lowerer) lookup(f *from, path []string, pos int) (plan.Expr, error) {
	name := path[len(path)-1]
	if f == nil {
		return nil, nil
	}
	scopes := f.star
	if len(path) > 1 {
		t := f.table(path[len(path)-2])
		if t == nil || !t.inSchema(path[:len(path)-2]) {
			return nil, nil
		}
		scopes = t.cols
	}
	var found plan.Expr
	for _, v := range scopes {
		if v.name != name {
			continue
		}
		if found != nil {
			return nil, plan.Errorf(pos, plan.CodeAmbiguous, "column reference %q is ambiguous", name).
				WithHint("Say which table's: %s.", strings.Join(f.qualified(name), " or "))
		}
		found = v.expr
	}
	if c, ok := found.(*plan.Column); ok {
		placed := *c
		placed.At = pos
		return l.wide(&placed, l.widthOf(found)), nil
	}
	return found, nil
}

// inSchema reports whether a column's path may begin with these names: none, or the
// catalog and schema of a table that has no other alias.
func (t *table) inSchema(path []string) bool {
	switch len(path) {
	case 0:
		return true
	case 1:
		return t.schema != "" && path[0] == t.schema
	}
	return len(path) == 2 && t.schema != "" && path[0] == "trellis" && path[1] == t.schema
}

// table returns the table of an alias; nil where there is none.
func (f *from) table(alias string) *table {
	for _, t := range f.tables {
		if t.alias == alias {
			return t
		}
	}
	return nil
}

// qualified returns a column's name with each table that has it.
func (f *from) qualified(name string) []string {
	var all []string
	for _, t := range f.tables {
		for _, v := range t.cols {
			if v.name == name && t.alias != "" {
				all = append(all, t.alias+"."+name)
			}
		}
	}
	return all
}

// unknownColumn explains why a column was not found.
func (l *lowerer) unknownColumn(f *from, path []string, pos int) error {
	name := path[len(path)-1]
	if len(path) > 1 {
		alias := path[len(path)-2]
		if f.table(alias) == nil {
			err := plan.Errorf(pos, plan.CodeUndefTable, "missing FROM-clause entry for table %q", alias)
			var known []string
			for _, t := range f.tables {
				known = append(known, t.alias)
			}
			if near := plan.Nearest(alias, known); near != "" {
				return err.WithHint("Did you mean %s?", near)
			}
			if len(known) > 0 {
				return err.WithHint("FROM has %s.", strings.Join(known, ", "))
			}
			return err
		}
	}
	err := plan.Errorf(pos, plan.CodeUndefColumn, "column %q does not exist", strings.Join(path, "."))
	if len(path) == 1 && f.table(name) != nil {
		return l.refuseAt(pos, "a whole row as a value is").WithHint("Name a column, such as %s.%s.", name, firstName(f.table(name)))
	}
	var known []string
	for _, v := range f.star {
		known = append(known, v.name)
	}
	switch near := plan.Nearest(name, known); {
	case near != "":
		return err.WithHint("Did you mean %s?", near)
	case len(known) == 0:
		return err.WithHint("There is no FROM. A text stands in single quotes: '%s'.", name)
	case len(known) <= 20:
		return err.WithHint("The columns are %s.", strings.Join(known, ", "))
	}
	return err
}

func firstName(t *table) string {
	if len(t.cols) == 0 {
		return "*"
	}
	return t.cols[0].name
}

// refuseAt is refuse with a position that is a count of characters already.
func (l *lowerer) refuseAt(pos int, what string) *plan.Error {
	return plan.Errorf(pos, plan.CodeNotSupported, "%s not supported", what)
}

// samplesOf returns the table of samples whose implicit columns an expression
// wants: the one that its columns come from, else the only one there is. It is nil
// where there is none, and ambiguous where there are several.
func samplesOf(f *from, e plan.Expr) (t *table, ambiguous bool) {
	if f == nil {
		return nil, false
	}
	for _, c := range f.tables {
		if c.samples && e != nil && within(e, c.first, c.first+c.width) {
			return c, false
		}
	}
	for _, c := range f.tables {
		if !c.samples {
			continue
		}
		if t != nil {
			return nil, true
		}
		t = c
	}
	return t, false
}
