package sql

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/trellisdb/trellis/engine/plan"
)

// groupBy lowers GROUP BY.
func (l *lowerer) groupBy(sel *selection, s *pg.SelectStmt) error {
	list := s.GetGroupClause()
	if len(list) == 0 {
		return nil
	}
	sel.grouped = true
	sets, plain := [][]int{{}}, true
	for _, n := range list {
		if n.GetGroupingSet() != nil {
			plain = false
		}
		of, err := l.groupingSets(sel, n)
		if err != nil {
			return err
		}
		if sets, err = l.crossSets(sets, of, location(n)); err != nil {
			return err
		}
	}
	if plain {
		return nil
	}
	for i := range sets {
		slices.Sort(sets[i])
		sets[i] = slices.Compact(sets[i])
	}
	if s.GetGroupDistinct() {
		var unique [][]int
		for _, set := range sets {
			if !slices.ContainsFunc(unique, func(other []int) bool { return slices.Equal(set, other) }) {
				unique = append(unique, set)
			}
		}
		sets = unique
	}
	sel.sets = sets
	return nil
}

// groupingSets lowers an item of GROUP BY to the list of sets that it stands for: one
// set of one key, for an expression.
func (l *lowerer) groupingSets(sel *selection, n *pg.Node) ([][]int, error) {
	set := n.GetGroupingSet()
	if set == nil {
		keys, err := l.groupKeys(sel, n)
		return [][]int{keys}, err
	}
	if set.GetKind() == pg.GroupingSetKind_GROUPING_SET_EMPTY {
		return [][]int{{}}, nil
	}
	var all [][]int
	if set.GetKind() == pg.GroupingSetKind_GROUPING_SET_SETS {
		for _, item := range set.GetContent() {
			of, err := l.groupingSets(sel, item)
			if err != nil {
				return nil, err
			}
			all = append(all, of...)
		}
		return all, nil
	}
	parts := make([][]int, len(set.GetContent()))
	for i, item := range set.GetContent() {
		var err error
		if parts[i], err = l.groupKeys(sel, item); err != nil {
			return nil, err
		}
	}
	if set.GetKind() == pg.GroupingSetKind_GROUPING_SET_ROLLUP {
		for n := len(parts); n >= 0; n-- {
			all = append(all, slices.Concat(parts[:n]...))
		}
		return all, nil
	}
	const widest = 12 // as in PostgreSQL
	if len(parts) > widest {
		return nil, plan.Errorf(l.pos(set.GetLocation()), plan.CodeTooMany, "CUBE is limited to %d elements", widest)
	}
	for mask := 1<<len(parts) - 1; mask >= 0; mask-- {
		var keys []int
		for i, part := range parts {
			if mask>>(len(parts)-1-i)&1 == 1 {
				keys = append(keys, part...)
			}
		}
		all = append(all, keys)
	}
	return all, nil
}

// crossSets combines the sets of two items of GROUP BY.
func (l *lowerer) crossSets(a, b [][]int, location int32) ([][]int, error) {
	if len(a)*len(b) > maxSets {
		return nil, plan.Errorf(l.pos(location), plan.CodeTooMany, "too many grouping sets present (maximum %d)", maxSets)
	}
	var all [][]int
	for _, x := range a {
		for _, y := range b {
			all = append(all, slices.Concat(x, y))
		}
	}
	return all, nil
}

// groupKeys lowers an expression, or a row of several, to indexes into the keys.
func (l *lowerer) groupKeys(sel *selection, n *pg.Node) ([]int, error) {
	if row := n.GetRowExpr(); row != nil {
		var all []int
		for _, item := range row.GetArgs() {
			keys, err := l.groupKeys(sel, item)
			if err != nil {
				return nil, err
			}
			all = append(all, keys...)
		}
		return all, nil
	}
	e, err := l.groupKey(sel, n)
	if err != nil {
		return nil, err
	}
	if e, err = l.known(e); err != nil {
		return nil, err
	}
	if err := equatable(e.Type(), e.Pos()); err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(sel.keys, func(k plan.Expr) bool { return plan.Equal(k, e) }); i >= 0 {
		return []int{i}, nil
	}
	if len(sel.keys) == maxColumns {
		return nil, plan.Errorf(e.Pos(), plan.CodeTooMany, "GROUP BY can have at most %d expressions", maxColumns)
	}
	sel.keys = append(sel.keys, e)
	return []int{len(sel.keys) - 1}, nil
}

// groupKey lowers a key: a position, a column, the name of an output column, or an
// expression.
func (l *lowerer) groupKey(sel *selection, n *pg.Node) (plan.Expr, error) {
	i, ok, err := l.position(n, "GROUP BY", len(sel.targets))
	if err != nil {
		return nil, err
	}
	if ref := n.GetColumnRef(); ref != nil && len(ref.GetFields()) == 1 && ref.GetFields()[0].GetAStar() == nil {
		found, err := l.lookup(sel.from, names(ref.GetFields()), l.pos(ref.GetLocation()))
		if found != nil || err != nil {
			return found, err
		}
		if i, err = l.named(sel, n, "GROUP BY"); err != nil {
			return nil, err
		}
		ok = i >= 0
	}
	if !ok {
		return l.expr(n, exprScope{from: sel.from, clause: "GROUP BY"})
	}
	if a := firstAggregate(sel.targets[i].expr); a != nil {
		return nil, plan.Errorf(a.At, plan.CodeGrouping, "aggregate functions are not allowed in GROUP BY")
	}
	return sel.targets[i].expr, nil
}

// firstAggregate returns an aggregate in an expression, nil for none.
func firstAggregate(e plan.Expr) *plan.Aggregation {
	var found *plan.Aggregation
	plan.WalkExpr(e, func(e plan.Expr) bool {
		if a, ok := e.(*plan.Aggregation); ok && found == nil {
			found = a
		}
		return found == nil
	})
	return found
}

// isGrouped reports whether a SELECT has groups, and notes it.
func (sel *selection) isGrouped() bool {
	sel.grouped = sel.grouped || sel.having != nil
	for _, e := range sel.exprs() {
		sel.grouped = sel.grouped || firstAggregate(*e) != nil
	}
	return sel.grouped
}

// exprs returns the expressions that come after grouping.
func (sel *selection) exprs() []*plan.Expr {
	var all []*plan.Expr
	for i := range sel.targets {
		all = append(all, &sel.targets[i].expr)
	}
	if sel.having != nil {
		all = append(all, &sel.having)
	}
	for i := range sel.order {
		if sel.order[i].column < 0 {
			all = append(all, &sel.order[i].key.Expr)
		}
	}
	return all
}

// group makes the AggregateNode of a SELECT and lets the expressions above it refer
// to its columns.
func (l *lowerer) group(sel *selection) (plan.Node, error) {
	sel.addDependent()
	agg := &plan.AggregateNode{Input: sel.from.node, Keys: sel.keys, Sets: sel.sets}
	fields := sel.from.node.Fields()
	for _, k := range sel.keys {
		f := plan.Field{Name: "key" + itoa(len(agg.Cols)+1), Type: k.Type()}
		if c, ok := k.(*plan.Column); ok {
			f = fields[c.Index]
		} else if c, ok := k.(*plan.Call); ok {
			f.Name = c.Func.Name
		}
		if i := slices.IndexFunc(sel.targets, func(t target) bool { return plan.Equal(t.expr, k) }); i >= 0 {
			f.Name = sel.targets[i].name
		}
		agg.Cols = append(agg.Cols, f)
	}
	for _, e := range sel.exprs() {
		plan.WalkExpr(*e, func(part plan.Expr) bool {
			if a, ok := part.(*plan.Aggregation); ok && aggregateIndex(agg, a) < 0 {
				agg.Aggs = append(agg.Aggs, a)
				agg.Cols = append(agg.Cols, plan.Field{Name: a.Func.Name, Type: a.Type()})
			}
			return len(agg.Cols) <= maxColumns
		})
	}
	if len(agg.Cols) > maxColumns {
		return nil, plan.Errorf(0, plan.CodeTooMany, "a query can have at most %d aggregates and expressions of GROUP BY", maxColumns)
	}
	if len(agg.Cols) == 0 { // its groups are rows all the same, and operators count rows by columns
		count := countRows()
		agg.Aggs, agg.Cols = append(agg.Aggs, count), append(agg.Cols, plan.Field{Name: count.Func.Name, Type: count.Type()})
	}
	for _, e := range sel.exprs() {
		w := l.widthOf(*e)
		if err := l.regroup(agg, sel.from, e); err != nil {
			return nil, err
		}
		l.wide(*e, w)
	}
	if sel.having == nil {
		return agg, nil
	}
	return &plan.Filter{Input: agg, Where: sel.having}, nil
}

func aggregateIndex(n *plan.AggregateNode, a *plan.Aggregation) int {
	return slices.IndexFunc(n.Aggs, func(other *plan.Aggregation) bool { return plan.Equal(other, a) })
}

// regroup replaces the keys and aggregates in an expression by the columns of the
// AggregateNode. Any other column is a mistake.
func (l *lowerer) regroup(n *plan.AggregateNode, f *from, e *plan.Expr) error {
	var lost *plan.Column
	*e = plan.Replace(*e, func(part plan.Expr) (plan.Expr, bool) {
		if i := slices.IndexFunc(n.Keys, func(k plan.Expr) bool { return plan.Equal(k, part) }); i >= 0 {
			return &plan.Column{Index: i, Name: n.Cols[i].Name, T: part.Type(), At: part.Pos()}, true
		}
		switch part := part.(type) {
		case *plan.Aggregation:
			i := len(n.Keys) + aggregateIndex(n, part)
			return &plan.Column{Index: i, Name: n.Cols[i].Name, T: part.Type(), At: part.At}, true
		case *plan.Column:
			if lost == nil {
				lost = part
			}
		}
		return nil, false
	})
	if lost == nil {
		return nil
	}
	name := lost.Name
	for _, t := range f.tables {
		if lost.Index >= t.first && lost.Index < t.first+t.width && t.alias != "" {
			name = t.alias + "." + name
		}
	}
	return plan.Errorf(lost.At, plan.CodeGrouping, "column %q must appear in the GROUP BY clause or be used in an aggregate function", name).
		WithHint("Add it to GROUP BY, or take first(%s, time), min(%s) or the like.", lost.Name, lost.Name)
}

// addDependent adds to the keys those columns of the table series which the
// expressions use and which depend on a key, the series' name.
func (sel *selection) addDependent() {
	if sel.sets != nil {
		return
	}
	for _, t := range sel.from.tables {
		name := &plan.Column{Index: t.first, T: plan.Text}
		if !t.attributes || !slices.ContainsFunc(sel.keys, func(k plan.Expr) bool { return plan.Equal(k, name) }) {
			continue
		}
		for _, e := range sel.exprs() {
			plan.Replace(*e, func(part plan.Expr) (plan.Expr, bool) {
				if slices.ContainsFunc(sel.keys, func(k plan.Expr) bool { return plan.Equal(k, part) }) {
					return part, true
				}
				switch part := part.(type) {
				case *plan.Aggregation:
					return part, true
				case *plan.Column:
					if part.Index >= t.first && part.Index < t.first+t.width {
						sel.keys = append(sel.keys, part)
					}
				}
				return nil, false
			})
		}
	}
}
