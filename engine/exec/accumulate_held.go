package exec

import (
	"slices"

	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// distinct is an aggregate with DISTINCT: it holds the distinct arguments of each
// group and passes them on in the end.
type distinct struct {
	inner accumulator
	rows  *groups // of the group's number and the arguments
	order []plan.SortKey
	n     int
}

func newDistinct(a *plan.Aggregation) (accumulator, error) {
	plain := *a
	plain.Distinct, plain.Order = false, nil
	if a.Func.WithinGroup {
		plain.Order = a.Order
	}
	inner, err := newAccumulator(&plain)
	if err != nil {
		return nil, err
	}
	types := []plan.Type{plan.Bigint}
	for _, arg := range a.Args {
		types = append(types, arg.Type())
	}
	d := &distinct{inner: inner, rows: newGroups(types)}
	// With DISTINCT, PostgreSQL sorts by the arguments; ORDER BY may only name them.
	d.order = []plan.SortKey{{Expr: a.Args[0]}}
	if len(a.Order) > 0 {
		d.order[0].Descending, d.order[0].NullsFirst = a.Order[0].Descending, a.Order[0].NullsFirst
	}
	return d, nil
}

func (d *distinct) grow(n int) { d.n = max(d.n, n) }

func (d *distinct) update(in *input) error {
	row := append([]eval.Vector{{T: plan.Bigint, Len: in.n, Ints: widen(in.ids[:in.n])}}, in.args...)
	in.each(in.keep, func(i int, _ int32) { d.rows.find(row, i) })
	return nil
}

func widen(ids []int32) []int64 {
	out := make([]int64, len(ids))
	for i, id := range ids {
		out[i] = int64(id)
	}
	return out
}

func (d *distinct) merge(o accumulator, to []int32) error {
	from := o.(*distinct).rows
	row := make([]eval.Vector, len(from.keys))
	for i := range row {
		row[i] = from.keys[i].vector()
	}
	renamed := make([]int64, row[0].Len)
	for i, g := range row[0].Ints {
		renamed[i] = int64(to[g])
	}
	row[0].Ints = renamed
	for i := range renamed {
		d.rows.find(row, i)
	}
	return nil
}

func (d *distinct) result() (eval.Vector, error) {
	return replay(d.inner, d.rows.keys[0].ints, d.rows.keys[1:], d.order, d.rows.keys[1:2], d.n)
}

func (d *distinct) size() int64 { return 2 * d.rows.size() }

// ordered is an aggregate with ORDER BY: it holds its rows and passes them on in
// order in the end.
type ordered struct {
	inner accumulator
	ids   []int64
	cols  []column // the arguments, then the sort keys
	args  int
	order []plan.SortKey
	n     int
}

func newOrdered(a *plan.Aggregation) (accumulator, error) {
	plain := *a
	plain.Order = nil
	inner, err := newAccumulator(&plain)
	if err != nil {
		return nil, err
	}
	o := &ordered{inner: inner, args: len(a.Args), order: a.Order}
	for _, e := range a.Args {
		o.cols = append(o.cols, column{t: e.Type()})
	}
	for _, k := range a.Order {
		o.cols = append(o.cols, column{t: k.Expr.Type()})
	}
	return o, nil
}

func (o *ordered) grow(n int) { o.n = max(o.n, n) }

func (o *ordered) update(in *input) error {
	in.each(in.keep, func(i int, g int32) {
		o.ids = append(o.ids, int64(g))
		for k := range o.cols {
			o.cols[k].add(&in.args[k], i)
		}
	})
	return nil
}

func (o *ordered) merge(other accumulator, to []int32) error {
	from := other.(*ordered)
	for _, g := range from.ids {
		o.ids = append(o.ids, int64(to[g]))
	}
	for k := range o.cols {
		v := from.cols[k].vector()
		o.cols[k].addAll(&v)
	}
	return nil
}

func (o *ordered) result() (eval.Vector, error) {
	return replay(o.inner, o.ids, o.cols[:o.args], o.order, o.cols[o.args:], o.n)
}

func (o *ordered) size() int64 {
	size := 8 * int64(cap(o.ids))
	for i := range o.cols {
		size += 2 * o.cols[i].size()
	}
	return size
}

// replay updates an accumulator with rows that were held, in the order of sort
// keys, and returns its result for n groups.
func replay(into accumulator, ids []int64, args []column, order []plan.SortKey, keys []column, n int) (eval.Vector, error) {
	rows := make([]int32, len(ids))
	for i := range rows {
		rows[i] = int32(i)
	}
	by := make([]eval.Vector, len(keys))
	for i := range by {
		by[i] = keys[i].vector()
	}
	slices.SortStableFunc(rows, func(a, b int32) int { return compareRows(order, by, int(a), int(b)) })
	in := input{n: len(rows), ids: make([]int32, len(rows))}
	for i, r := range rows {
		in.ids[i] = int32(ids[r])
	}
	in.runs = appendRuns(nil, in.ids)
	for i := range args {
		sorted := args[i].at(rows)
		in.args = append(in.args, sorted.vector())
	}
	into.grow(n)
	if err := into.update(&in); err != nil {
		return eval.Vector{}, err
	}
	return into.result()
}
