package exec

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// Source is where samples come from. Both streams are as columnar.Selection asks
// for them; they must be closed, and end with an error soon after ctx is done.
type Source interface {
	// Samples returns a stream of columnar.SampleSchema.
	Samples(ctx context.Context, sel columnar.Selection) (columnar.Stream, error)
	// Summaries returns a stream of columnar.SummarySchema, with a row for every
	// series and bin that has samples, of whatever quality, in the wanted ranges.
	Summaries(ctx context.Context, sel columnar.Selection) (columnar.Stream, error)
}

// SeriesTable is what exec knows of the catalog: row i of Batch and entry i of the
// slices are one series. The rows are in order of name.
type SeriesTable struct {
	Batch  arrow.RecordBatch // the columns of plan.Series
	Series []columnar.Series
	Zones  []*zone.Zone
	States [][]string // names of an enum's or a boolean's ordinals; nil: none

	// Find, where not nil, returns the row of the series of a name.
	Find func(name string) (row int, ok bool)
}

// Table opens a table for reading: a stream of all its columns.
type Table func(ctx context.Context) (columnar.Stream, error)

// TableFunction opens the rows of a table function for its arguments, which are not
// NULL unless their parameters allow it. series are the rows of the series table that
// are wanted, in order.
type TableFunction func(ctx context.Context, args []plan.Literal, series []int32) (columnar.Stream, error)

// Options are what a query runs with.
type Options struct {
	Source    Source
	Series    *SeriesTable
	Tables    map[string]Table         // all tables but samples and series, as schema.name
	Functions map[string]TableFunction // by name
	// AsOf returns the snapshot that a Bigint names, or the one that was there at a
	// Timestamptz; nil: there are none.
	AsOf func(ctx context.Context, at plan.Literal) (snapshot int64, err error)
	Env  *eval.Env

	Memory   int64        // bytes that the query may hold; 0: no limit
	Shared   *memory.Part // what all queries may hold together; nil: no limit
	Small    *memory.Part // what is kept for queries that need little; nil: nothing
	Workers  int          // goroutines for aggregates; below 2: none but the caller's
	Snapshot int64        // to read where a scan says nothing else; 0: the newest
	Decode   bool         // compute summaries from samples, as if blocks had none

	Profile *Profile // receives what the operators did; nil: nobody asks
}

// query is what the operators of one query share.
type query struct {
	Options
	memory *ledger
}

// Run returns the rows of a plan, which has none of the nodes that write, explain
// or set. Its scalar subqueries are run at once, the rest as the stream is read.
// The stream's columns are the plan's; it must be closed.
func Run(ctx context.Context, n plan.Node, o Options) (columnar.Stream, error) {
	q, err := begin(ctx, n, o)
	if err != nil {
		return nil, err
	}
	s, err := q.run(ctx, n)
	if err != nil {
		q.memory.close()
		return nil, err
	}
	return &holding{s, q.memory}, nil
}

// Scalars returns a node with the value of each of its scalar subqueries, which it runs,
// in their place: one that Run does not take.
func Scalars(ctx context.Context, n plan.Node, o Options) (plan.Node, error) {
	q, err := begin(ctx, n, o)
	if err != nil {
		return nil, err
	}
	defer q.memory.close()
	return q.resolveSubqueries(ctx, n)
}

// begin takes the memory that a query needs to begin.
func begin(ctx context.Context, n plan.Node, o Options) (*query, error) {
	q := &query{Options: o, memory: &ledger{limit: o.Memory, part: o.Shared, stream: onlyPasses(n)}}
	if !readsSamples(n) {
		q.memory.small = o.Small
		return q, nil
	}
	return q, q.memory.admit(ctx)
}

// run returns the rows of a plan, or of a subquery, whose memory is the query's too.
func (q *query) run(ctx context.Context, n plan.Node) (columnar.Stream, error) {
	n, err := q.resolveSubqueries(ctx, n)
	if err != nil {
		return nil, err
	}
	return q.build(n)
}

// build returns the operator of a node. Operators do nothing before they are read,
// so there is nothing to close when building fails.
func (q *query) build(n plan.Node) (columnar.Stream, error) {
	s, err := q.operator(n)
	if err != nil {
		return nil, err
	}
	return q.Profile.watch(n, s), nil
}

func (q *query) operator(n plan.Node) (columnar.Stream, error) {
	switch n := n.(type) {
	case *plan.Scan:
		return q.buildScan(n)
	case *plan.Values:
		return q.buildValues(n)
	case *plan.Generate:
		return q.buildGenerate(n)
	case *plan.TableCall:
		return q.buildTableCall(n)
	case *plan.AggregateNode:
		return q.buildAggregate(n)
	case *plan.Limit:
		return q.buildLimit(n)
	case *plan.Join:
		return q.buildJoin(n)
	case *plan.SetOp:
		return q.buildSetOp(n)
	case *plan.Filter, *plan.Project, *plan.Sort:
		in, err := q.build(n.Inputs()[0])
		if err != nil {
			return nil, err
		}
		if sort, ok := n.(*plan.Sort); ok {
			return q.buildSort(sort, in, -1)
		}
		return q.transform(n, in)
	}
	return nil, fmt.Errorf("exec: no operator for a %T", n)
}

// transform returns the operator of a Filter or Project over a stream of its
// input's rows.
func (q *query) transform(n plan.Node, in columnar.Stream) (columnar.Stream, error) {
	switch n := n.(type) {
	case *plan.Filter:
		return q.buildFilter(n, in)
	case *plan.Project:
		return q.buildProject(n, in)
	}
	return nil, fmt.Errorf("exec: a %T does not work row by row", n)
}

// compile compiles expressions.
func (q *query) compile(exprs ...plan.Expr) ([]*eval.Program, error) {
	programs := make([]*eval.Program, len(exprs))
	for i, e := range exprs {
		var err error
		if programs[i], err = eval.Compile(e, q.Env); err != nil {
			return nil, err
		}
	}
	return programs, nil
}

// typesOf returns the types of a node's columns.
func typesOf(fields []plan.Field) []plan.Type {
	types := make([]plan.Type, len(fields))
	for i, f := range fields {
		types[i] = f.Type
	}
	return types
}
