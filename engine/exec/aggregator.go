package exec

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// aggregator is the state of an AggregateNode, or of a part of its input. It is
// used by one goroutine at a time.
type aggregator struct {
	node    *plan.AggregateNode
	ordered bool // samples come series by series, each in order of time

	where  *eval.Program // rows to leave out; nil: none
	passed func(n int)   // called with the number of those that were not; nil: nobody asks

	keys     []*eval.Program
	args     []*eval.Program // distinct arguments and sort keys of all calls
	argExprs []plan.Expr
	finite   []bool // by argument: it is samples.value, which is never infinite or NaN
	calls    []call
	sets     []groupingSet
	held     account
	runs     []run
}

// call is a call of an aggregate function.
type call struct {
	args    []int         // indexes into aggregator.args
	filter  *eval.Program // nil: none
	subject subject       // what it wants of a summary
}

// groupingSet is the groups by some of the keys, and the state of all calls.
type groupingSet struct {
	keys   []int
	groups *groups
	accs   []accumulator
	mine   []eval.Vector // of pick
}

func (q *query) newAggregator(n *plan.AggregateNode, ordered bool) (*aggregator, error) {
	a := &aggregator{node: n, ordered: ordered, held: account{memory: q.memory}}
	var err error
	if a.keys, err = q.compile(n.Keys...); err != nil {
		return nil, err
	}
	for _, agg := range n.Aggs {
		var c call
		if n.Merge {
			c.subject = subjectOf(agg, n.Input)
		} else {
			if c.args, c.filter, err = q.compileCall(a, agg); err != nil {
				return nil, err
			}
		}
		a.calls = append(a.calls, c)
	}
	sets := n.Sets
	if sets == nil {
		all := make([]int, len(n.Keys))
		for i := range all {
			all[i] = i
		}
		sets = [][]int{all}
	}
	for _, keys := range sets {
		s := groupingSet{keys: keys}
		types := make([]plan.Type, len(keys))
		for i, k := range keys {
			types[i] = n.Keys[k].Type()
		}
		s.groups = newGroups(types)
		for _, agg := range n.Aggs {
			acc, err := newAccumulator(agg)
			if err != nil {
				return nil, err
			}
			if p, ok := acc.(*paths); ok && ordered {
				p.expectOrder(agg.Func.Args[0])
			}
			s.accs = append(s.accs, acc)
		}
		a.sets = append(a.sets, s)
	}
	return a, nil
}

// compileCall compiles a call's filter and those of its arguments that no call
// before it has.
func (q *query) compileCall(a *aggregator, agg *plan.Aggregation) (args []int, filter *eval.Program, err error) {
	exprs := agg.Args
	if !agg.Func.WithinGroup && !agg.Distinct {
		for _, k := range agg.Order {
			exprs = append(exprs[:len(exprs):len(exprs)], k.Expr)
		}
	}
	for _, e := range exprs {
		at := slices.IndexFunc(a.argExprs, func(known plan.Expr) bool { return plan.Equal(known, e) })
		if at < 0 || volatile(e) {
			p, err := eval.Compile(e, q.Env)
			if err != nil {
				return nil, nil, err
			}
			at = len(a.args)
			a.args, a.argExprs = append(a.args, p), append(a.argExprs, e)
			a.finite = append(a.finite, isValue(e, a.node.Input))
		}
		args = append(args, at)
	}
	if agg.Filter != nil {
		filter, err = eval.Compile(agg.Filter, q.Env)
	}
	return args, filter, err
}

// isValue reports whether an expression is the column value of a scan of samples,
// filtered or not.
func isValue(e plan.Expr, in plan.Node) bool {
	for {
		f, ok := in.(*plan.Filter)
		if !ok {
			break
		}
		in = f.Input
	}
	scan, ok := in.(*plan.Scan)
	c, isColumn := e.(*plan.Column)
	return ok && isColumn && scan.Table == plan.Samples && !scan.Columns[c.Index].Series && scan.Columns[c.Index].Name == "value"
}

// volatile reports whether two evaluations of an expression may differ.
func volatile(e plan.Expr) bool {
	found := false
	plan.WalkExpr(e, func(e plan.Expr) bool {
		c, ok := e.(*plan.Call)
		found = found || ok && c.Func.Volatile
		return !found
	})
	return found
}

// takeFilter makes the aggregator filter its rows itself, without copying those that
// are kept, and reports whether it can: where no expression is evaluated that the
// filter may guard against a row, and no row makes a group.
func (q *query) takeFilter(a *aggregator, n *plan.Filter) (bool, error) {
	if len(a.keys) > 0 {
		return false, nil
	}
	for _, e := range a.argExprs {
		switch e.(type) {
		case *plan.Column, *plan.Literal:
		default:
			return false, nil
		}
	}
	for _, c := range a.calls {
		if c.filter != nil {
			return false, nil
		}
	}
	var err error
	a.where, err = eval.Compile(n.Where, q.Env)
	if q.Profile != nil {
		rows := &q.Profile.of(n).Rows
		a.passed = func(n int) { rows.Add(int64(n)) }
	}
	return true, err
}

// vectors evaluates programs over a batch.
func vectors(programs []*eval.Program, b arrow.RecordBatch) ([]eval.Vector, error) {
	out := make([]eval.Vector, len(programs))
	for i, p := range programs {
		var err error
		if out[i], err = p.Vector(b); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// update takes in a batch of rows.
func (a *aggregator) update(b arrow.RecordBatch) error {
	return inParts(b, func(b arrow.RecordBatch, v [][]eval.Vector) error { return a.updatePart(b, v[0], v[1]) }, a.keys, a.args)
}

// updatePart takes in a part of a batch, of whose keys and arguments there are vectors.
func (a *aggregator) updatePart(b arrow.RecordBatch, keys, args []eval.Vector) (err error) {
	n := int(b.NumRows())
	var keep columnar.Bitmap
	if a.where != nil {
		var kept int
		if keep, kept, err = a.where.Select(b); err != nil {
			return err
		}
		if a.passed != nil {
			a.passed(kept)
		}
	}
	in := make([]input, len(a.calls))
	for i, c := range a.calls {
		in[i].n, in[i].keep = n, keep
		for _, arg := range c.args {
			in[i].args = append(in[i].args, args[arg])
		}
		in[i].finite = len(c.args) > 0 && a.finite[c.args[0]]
		if c.filter != nil {
			if in[i].keep, _, err = c.filter.Select(b); err != nil {
				return err
			}
		}
	}
	for i := range a.sets {
		if err := a.updateSet(&a.sets[i], keys, in, n); err != nil {
			return err
		}
	}
	return a.account()
}

func (a *aggregator) updateSet(s *groupingSet, keys []eval.Vector, in []input, n int) error {
	ids := s.assign(keys, n)
	if s.groups.len() == 1 {
		a.runs = append(a.runs[:0], run{to: n})
	} else {
		a.runs = appendRuns(a.runs[:0], ids)
	}
	for k, acc := range s.accs {
		in[k].ids, in[k].runs = ids, a.runs
		acc.grow(s.groups.len())
		if err := acc.update(&in[k]); err != nil {
			return err
		}
	}
	return nil
}

// assign returns the groups of rows, of all of whose keys there are vectors.
func (s *groupingSet) assign(keys []eval.Vector, n int) []int32 {
	return s.groups.assign(s.pick(keys), n)
}

// pick returns the set's own keys among those of the node.
func (s *groupingSet) pick(keys []eval.Vector) []eval.Vector {
	s.mine = s.mine[:0]
	for _, k := range s.keys {
		s.mine = append(s.mine, keys[k])
	}
	return s.mine
}

// merge takes in the state of b, which saw the rows after those seen here.
func (a *aggregator) merge(b *aggregator) error {
	for i := range a.sets {
		mine, other := &a.sets[i], &b.sets[i]
		keys := make([]eval.Vector, len(mine.keys))
		for k := range keys {
			keys[k] = other.groups.keys[k].vector()
		}
		to := slices.Clone(mine.groups.assign(keys, other.groups.len()))
		for k, acc := range mine.accs {
			acc.grow(mine.groups.len())
			other.accs[k].grow(other.groups.len())
			if err := acc.merge(other.accs[k], to); err != nil {
				return err
			}
		}
	}
	b.held.close()
	return a.account()
}

// account makes the query's memory count what the aggregator holds.
func (a *aggregator) account() error {
	size := int64(0)
	for i := range a.sets {
		size += a.sets[i].groups.size()
		for _, acc := range a.sets[i].accs {
			size += acc.size()
		}
	}
	return a.held.set(size)
}

// result returns the node's columns: the groups of each set, one set after the
// other.
func (a *aggregator) result() ([]column, error) {
	out := columnsOf(typesOf(a.node.Cols))
	for i := range a.sets {
		s := &a.sets[i]
		n := s.groups.len()
		for k := range a.node.Keys {
			if at := slices.Index(s.keys, k); at >= 0 {
				if len(a.sets) == 1 {
					out[k] = s.groups.keys[at]
					continue
				}
				v := s.groups.keys[at].vector()
				out[k].addAll(&v)
				continue
			}
			out[k].grow(out[k].len() + n)
		}
		for k, acc := range s.accs {
			acc.grow(n)
			v, err := acc.result()
			if err != nil {
				return nil, err
			}
			v.Len = n
			out[len(a.node.Keys)+k].addAll(&v)
		}
	}
	return out, nil
}

// subject is the column of samples that a call is about.
type subject uint8

const (
	ofRows subject = iota
	ofValue
	ofQuality
	ofTime
)

// subjectOf returns what a call over a scan of samples is about; value goes before
// the others.
func subjectOf(a *plan.Aggregation, in plan.Node) subject {
	scan, ok := in.(*plan.Scan)
	if !ok {
		return ofRows
	}
	found := ofRows
	for _, arg := range a.Args[:min(len(a.Func.Args), len(a.Args))] {
		c, ok := arg.(*plan.Column)
		if !ok || scan.Columns[c.Index].Series {
			continue
		}
		switch scan.Columns[c.Index].Name {
		case "value":
			return ofValue
		case "quality":
			found = ofQuality
		case "time":
			found = ofTime
		}
	}
	return found
}

// summaryInput is a row of summaries on its way into an accumulator.
type summaryInput struct {
	columnar.SummaryRow
	series    columnar.Series
	name      string
	lines     bool // the series' interpolation is linear
	qualities columnar.QualitySet
	subject   subject
}

// noValues is the summary of samples without values.
var noValues columnar.Summary

// values returns the summary of the column value: bad samples and texts have none.
func (s *summaryInput) values() *columnar.Summary {
	if s.series.Type == columnar.Text || s.qualities&columnar.Usable == 0 {
		return &noValues
	}
	return &s.Summary
}

// count returns the number of samples of the qualities that are wanted.
func (s *summaryInput) count() (n int64) {
	for q := columnar.Good; q <= columnar.Bad; q++ {
		if s.qualities.Has(q) {
			n += s.Counts[q]
		}
	}
	return n
}
