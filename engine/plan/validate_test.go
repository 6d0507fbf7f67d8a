package plan

import (
	"strings"
	"testing"
)

// scanOf scans the whole of a table.
func scanOf(t *Table) *Scan {
	s := &Scan{Table: t}
	for _, c := range t.Cols {
		s.Columns = append(s.Columns, ScanColumn{Name: c.Name, T: c.Type})
	}
	return s
}

func TestValidateFindsBrokenPlans(t *testing.T) {
	scan := scanOf(Samples)
	value := col(2, "value", Double)
	one := &Literal{Value: 1.0, T: Double}
	sum := &Aggregation{Func: MustAggregate("sum", Double), Args: []Expr{value}}
	tests := []struct {
		name string
		n    Node
		want string // part of the error, empty for none
	}{
		{"a filter", &Filter{Input: scan, Where: NewCall(0, ">", value, one)}, ""},
		{"a condition that is no boolean", &Filter{Input: scan, Where: value}, "condition value is of type double"},
		{"a column out of range", &Filter{Input: scan, Where: NewCall(0, "isnull", col(11, "x", Double))}, "index 11 of 11"},
		{"a column of another type", &Filter{Input: scan, Where: NewCall(0, "isnull", col(0, "series", Double))}, "is of type double"},
		{"a call with other types than its overload's", &Filter{Input: scan, Where: &Call{Func: MustFunc(">", Double, Double), Args: []Expr{value, num(1)}}}, "is called with"},
		{"a projection that says another type", &Project{Input: scan, Exprs: []Expr{value}, Cols: []Field{{Name: "v", Type: Text}}}, "its column v of text"},
		{"an aggregate", &AggregateNode{Input: scan, Aggs: []*Aggregation{sum}, Cols: []Field{{Name: "sum", Type: Double}}}, ""},
		{"an aggregate without its implicit arguments", &AggregateNode{
			Input: scan, Cols: []Field{{Name: "d", Type: Double}},
			Aggs: []*Aggregation{{Func: MustAggregate("delta", Double), Args: []Expr{value}}},
		}, "has 1 arguments"},
		{"a grouping set of no key", &AggregateNode{Input: scan, Sets: [][]int{{0}}}, "key 0 of 0"},
		{"keys of a join that differ", &Join{Left: scan, Right: scan, LeftKeys: []Expr{value}, RightKeys: []Expr{col(0, "series", Text)}}, "differ in type"},
		{"a join's condition over both sides", &Join{Left: scan, Right: scan, Where: NewCall(0, ">", value, col(13, "value", Double))}, ""},
		{"inputs of a union that differ", &SetOp{In: []Node{scan, scanOf(Edits)}}, "inputs have 11 and 13 columns"},
		{"a limit that is no integer", &Limit{Input: scan, Count: one}, "limit of type double"},
		{"an attribute in a scan of series", &Scan{Table: Series, Columns: []ScanColumn{{Name: "zone", T: Text, Series: true}}}, "in a scan of series"},
		{"an attribute in a scan of samples", &Scan{Table: Samples, Columns: []ScanColumn{{Name: "zone", T: Text, Series: true}}}, ""},
		{"samples as of a snapshot", &Scan{Table: Samples, AsOf: num(3)}, ""},
		{"series as of a snapshot", &Scan{Table: Series, AsOf: num(3)}, "series as of 3"},
		{"samples as of a number with a fraction", &Scan{Table: Samples, AsOf: one}, "is of type double"},
		{"a table function with too few arguments", &TableCall{Routine: Changes, Args: []Expr{num(1)}}, "1 arguments for changes"},
		{"a table function of two instants", &TableCall{Routine: Changes, Args: []Expr{Null(Timestamptz), Null(Timestamptz)}}, ""},
		{"an argument that is a column", &TableCall{Routine: Changes, Args: []Expr{num(1), col(0, "x", Bigint)}}, "index 0 of 0"},
		{"a procedure with an argument of another type", &CallProcedure{Routine: FindRoutine(Procedures, "unpin_snapshot"), Args: []Expr{num(1)}}, "argument name of unpin_snapshot is of type bigint"},
		{"an update without its columns", &UpdateSamples{Input: scan, Keys: []string{"series", "time"}, Columns: []string{"value"}}, "3 columns of the table and 11 of the input"},
		{"a mistake below", &Limit{Input: &Filter{Input: scan, Where: value}, Count: num(1)}, "node Filter"},
		{"a mistake in a subquery", &Filter{Input: scan, Where: NewCall(0, "isnull", &Subquery{Plan: scan})}, "scalar subquery of 11 columns"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Validate(tt.n)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestRewriteSharesWhatDoesNotChange(t *testing.T) {
	scan := scanOf(Samples)
	limit := &Limit{Input: scan, Count: num(1)}
	union := &SetOp{Kind: Union, All: true, In: []Node{limit, scan}}
	got, err := Rewrite(union, func(n Node) (Node, error) {
		if l, ok := n.(*Limit); ok {
			return &Sort{Input: l.Input}, nil
		}
		return n, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	next := got.(*SetOp)
	if _, ok := next.In[0].(*Sort); !ok || next.In[1] != Node(scan) || union.In[0] != Node(limit) {
		t.Errorf("rewritten to\n%sfrom\n%s", Sprint(got), Sprint(union))
	}
	if same, _ := Rewrite(union, func(n Node) (Node, error) { return n, nil }); same != Node(union) {
		t.Error("a plan that does not change is copied")
	}
	n := 0
	Walk(union, func(Node) bool { n++; return true })
	if n != 4 {
		t.Errorf("walked %d nodes, want 4", n)
	}
}
