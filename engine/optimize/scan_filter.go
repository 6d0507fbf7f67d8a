package optimize

import (
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// scanFilter takes what a filter over a scan of samples says of series, time, local
// time, quality and value into the scan.
func scanFilter(c *Context, n plan.Node) (plan.Node, error) {
	if s, ok := n.(*plan.Scan); ok && s.Table == plan.Samples && s.Samples == nil {
		out := *s
		out.Samples = &plan.SampleScan{Qualities: columnar.AnyQuality}
		return &out, nil
	}
	f, ok := n.(*plan.Filter)
	if !ok {
		return n, nil
	}
	if call, ok := f.Input.(*plan.TableCall); ok && call.Routine == plan.Changes {
		return changesFilter(f, call), nil
	}
	s, ok := f.Input.(*plan.Scan)
	if !ok || s.Samples == nil {
		return n, nil
	}
	into := &narrowing{context: c, scan: s, samples: *s.Samples}
	var stay []plan.Expr
	for _, e := range plan.Conjuncts(f.Where) {
		if volatile(e) || !into.take(e) {
			stay = append(stay, e)
		}
	}
	out := *s
	out.Samples = &into.samples
	return where(&out, stay...), nil
}

// changesFilter takes what a filter over changes(...) says of the series alone into
// the call. Its first column is that of the table series, too.
func changesFilter(f *plan.Filter, call *plan.TableCall) plan.Node {
	out := *call
	var stay []plan.Expr
	for _, e := range plan.Conjuncts(f.Where) {
		used := columnsUsed(e)
		if _, ofSeries := used[0]; ofSeries && len(used) == 1 && !volatile(e) {
			out.SeriesWhere = plan.And(out.SeriesWhere, e)
		} else {
			stay = append(stay, e)
		}
	}
	return where(&out, stay...)
}

// narrowing is a scan that takes in conditions.
type narrowing struct {
	context *Context
	scan    *plan.Scan
	samples plan.SampleScan
}

// take takes in a condition and reports whether it need not be checked any more.
func (n *narrowing) take(e plan.Expr) bool {
	used := columnsUsed(e)
	if len(used) == 0 {
		return false
	}
	if where, ok := overSeries(n.scan, e); ok {
		n.samples.SeriesWhere = plan.And(n.samples.SeriesWhere, where)
		return true
	}
	if len(used) != 1 {
		return false
	}
	column := ""
	for i := range used {
		column = n.scan.Columns[i].Name
	}
	switch column {
	case "time":
		return n.takeTime(e)
	case "quality":
		return n.takeQuality(e)
	case "local_time":
		return n.takeLocal(e)
	case "value":
		n.takeValue(e)
	}
	return false
}

// overSeries returns an expression about the sample's series alone as one over the
// columns of the table series.
func overSeries(s *plan.Scan, e plan.Expr) (plan.Expr, bool) {
	for i := range columnsUsed(e) {
		if c := s.Columns[i]; !c.Series && c.Name != "series" {
			return nil, false
		}
	}
	if volatile(e) {
		return nil, false
	}
	return plan.MapExpr(e, func(e plan.Expr) plan.Expr {
		c, ok := e.(*plan.Column)
		if !ok {
			return e
		}
		name := s.Columns[c.Index].Name
		return &plan.Column{Index: plan.Series.Column(name), Name: name, T: c.T, At: c.At}
	}), true
}

// comparison takes a comparison of a column with a constant apart, with the column
// on the left.
func comparison(e plan.Expr) (op string, constantSide plan.Expr, ok bool) {
	c, isCall := e.(*plan.Call)
	if !isCall || len(c.Args) != 2 {
		return "", nil, false
	}
	mirrored := map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
	if mirrored[c.Func.Name] == "" {
		return "", nil, false
	}
	if _, isColumn := c.Args[0].(*plan.Column); isColumn && constant(c.Args[1]) {
		return c.Func.Name, c.Args[1], true
	}
	if _, isColumn := c.Args[1].(*plan.Column); isColumn && constant(c.Args[0]) {
		return mirrored[c.Func.Name], c.Args[0], true
	}
	return "", nil, false
}

// takeTime takes in a comparison of time with an instant.
func (n *narrowing) takeTime(e plan.Expr) bool {
	op, at, ok := comparison(e)
	if !ok || at.Type() != plan.Timestamptz {
		return false
	}
	s := &n.samples
	switch op {
	case ">=":
		s.From = with(s.From, at)
	case ">":
		s.From = with(s.From, justAfter(at))
	case "<":
		s.To = with(s.To, at)
	case "<=":
		s.To = with(s.To, justAfter(at))
	default:
		s.From = with(s.From, at)
		s.To = with(s.To, justAfter(at))
	}
	return true
}

// with returns the bounds and another one, unless it is among them.
func with(bounds []plan.Expr, bound plan.Expr) []plan.Expr {
	if slices.ContainsFunc(bounds, func(b plan.Expr) bool { return plan.Equal(b, bound) }) {
		return bounds
	}
	return append(bounds[:len(bounds):len(bounds)], bound)
}

// justAfter returns the instant after another.
func justAfter(e plan.Expr) plan.Expr {
	if l, ok := e.(*plan.Literal); ok {
		t, ok := l.Value.(int64)
		if !ok {
			return l
		}
		if t < math.MaxInt64 {
			t++
		}
		return &plan.Literal{Value: t, T: l.T, At: l.At}
	}
	return plan.NewCall(e.Pos(), "+", e, &plan.Literal{Value: plan.Span{Micros: 1}, T: plan.Interval})
}

// takeQuality finds out for which qualities a condition on quality alone holds, by
// trying.
func (n *narrowing) takeQuality(e plan.Expr) bool {
	if n.context.Env == nil {
		return false
	}
	p, err := eval.Compile(remap(e, func(int) int { return 0 }), n.context.Env)
	if err != nil {
		return false
	}
	names := eval.Vector{T: plan.Text, Len: 3, Strs: []string{columnar.Good.String(), columnar.Uncertain.String(), columnar.Bad.String()}}
	batch := batchOf("quality", names)
	defer batch.Release()
	keep, _, err := p.Select(batch)
	if err != nil {
		return false
	}
	n.samples.Qualities &= columnar.QualitySet(keep[0])
	if n.samples.Qualities == 0 {
		n.samples.SeriesWhere = plan.False() // a set of no quality would mean all
		n.samples.Qualities = columnar.AnyQuality
	}
	return true
}

// batchOf returns a batch of one column.
func batchOf(name string, v eval.Vector) arrow.RecordBatch {
	col := v.Array()
	defer col.Release()
	schema := eval.Schema([]plan.Field{{Name: name, Type: v.T}})
	return array.NewRecordBatch(schema, []arrow.Array{col}, int64(v.Len))
}

// takeValue takes in bounds on value. The condition itself stays, but since value is
// NULL for bad samples, those are not wanted.
func (n *narrowing) takeValue(e plan.Expr) {
	op, x, ok := comparison(e)
	if !ok || x.Type() != plan.Double {
		return
	}
	s := &n.samples
	if op == "=" || op[0] == '>' {
		s.AtLeast = with(s.AtLeast, x)
	}
	if op == "=" || op[0] == '<' {
		s.AtMost = with(s.AtMost, x)
	}
	if usable := s.Qualities & columnar.Usable; usable != 0 {
		s.Qualities = usable
	}
}
