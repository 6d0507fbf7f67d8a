package exec_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/plan"
)

// scanOf returns a scan of columns of a table; those of the series of samples are
// written series.name.
func scanOf(t *plan.Table, names ...string) *plan.Scan {
	s := &plan.Scan{Table: t}
	for _, name := range names {
		c := plan.ScanColumn{Name: name}
		from := t
		if len(name) > 7 && name[:7] == "series." {
			c.Name, c.Series, from = name[7:], true, plan.Series
		}
		c.T = from.Cols[from.Column(c.Name)].Type
		s.Columns = append(s.Columns, c)
	}
	return s
}

// allSamples is a scan of what the tests of aggregates need.
func allSamples() *plan.Scan {
	return scanOf(plan.Samples, "series", "time", "value", "int_value", "text", "quality", "local_time",
		"series.interpolation", "series.sample_t", "series.zone", "series.phase", "series.labels")
}

// col returns a column of a node by name.
func col(n plan.Node, name string) plan.Expr {
	for i, f := range n.Fields() {
		if f.Name == name {
			return &plan.Column{Index: i, Name: name, T: f.Type}
		}
	}
	panic("no column " + name)
}

func text(s string) plan.Expr    { return &plan.Literal{Value: s, T: plan.Text} }
func number(x float64) plan.Expr { return &plan.Literal{Value: x, T: plan.Double} }

func instant(t int64) plan.Expr { return &plan.Literal{Value: t, T: plan.Timestamptz} }

func span(s plan.Span) plan.Expr                    { return &plan.Literal{Value: s, T: plan.Interval} }
func call(name string, args ...plan.Expr) plan.Expr { return plan.NewCall(0, name, args...) }

// agg returns a call of an aggregate over a node's columns, with what lowering
// appends.
func agg(n plan.Node, name string, args ...plan.Expr) *plan.Aggregation {
	types := make([]plan.Type, len(args))
	for i, a := range args {
		types[i] = a.Type()
	}
	a := &plan.Aggregation{Func: plan.MustAggregate(name, types...), Args: args}
	for _, implicit := range a.Func.Implicit {
		a.Args = append(a.Args, col(n, implicit))
	}
	return a
}

// group returns an aggregate node.
func group(in plan.Node, keys []plan.Expr, aggs ...*plan.Aggregation) *plan.AggregateNode {
	n := &plan.AggregateNode{Input: in, Keys: keys, Aggs: aggs}
	for _, k := range keys {
		n.Cols = append(n.Cols, plan.Field{Name: "k", Type: k.Type()})
	}
	for _, a := range aggs {
		n.Cols = append(n.Cols, plan.Field{Name: a.Func.Name, Type: a.Type()})
	}
	return n
}

// env is the environment of the tests.
func env(t testing.TB) *eval.Env {
	t.Helper()
	z, err := zone.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return &eval.Env{Zone: z, Now: fall2023 + 10*day}
}

// values runs a plan and returns its rows.
func values(t testing.TB, n plan.Node, o exec.Options) [][]any {
	t.Helper()
	rows, err := tryValues(n, o)
	if err != nil {
		t.Fatalf("%v\n%s", err, plan.Sprint(n))
	}
	return rows
}

func tryValues(n plan.Node, o exec.Options) (rows [][]any, err error) {
	ctx := context.Background()
	s, err := exec.Run(ctx, n, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for {
		b, err := s.Next(ctx)
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		rows, err = appendRows(rows, b, n.Fields())
		b.Release()
		if err != nil {
			return nil, err
		}
	}
}

func appendRows(rows [][]any, b arrow.RecordBatch, fields []plan.Field) ([][]any, error) {
	from := len(rows)
	for range b.NumRows() {
		rows = append(rows, make([]any, len(fields)))
	}
	for k, f := range fields {
		v, err := eval.FromArray(b.Column(k), f.Type)
		if err != nil {
			return nil, err
		}
		for i := range int(b.NumRows()) {
			value := v.Literal(i).Value
			if s, ok := value.(string); ok {
				value = string(append([]byte(nil), s...)) // the batch is released
			}
			rows[from+i][k] = value
		}
	}
	return rows, nil
}
