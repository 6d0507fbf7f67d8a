package exec_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/plan"
)

// TestJoinsAreThoseOfNestedLoops compares joins of random rows with two loops.
func TestJoinsAreThoseOfNestedLoops(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	o := exec.Options{Env: env(t)}
	for round := range 60 {
		left, right := randomRows(rnd), randomRows(rnd)
		for _, keys := range [][]int{nil, {0}, {1}, {0, 1}} {
			for kind := plan.Inner; kind <= plan.Anti; kind++ {
				j := &plan.Join{Kind: kind, Left: left, Right: right}
				for _, k := range keys {
					j.LeftKeys = append(j.LeftKeys, columnAt(left, k, 0))
					j.RightKeys = append(j.RightKeys, columnAt(right, k, 0))
				}
				if round%2 == 0 {
					j.Where = call("<=", columnAt(left, 2, 0), columnAt(right, 2, 3))
				}
				want, got := nestedLoops(j, keys), values(t, j, o)
				if d := cmp.Diff(printed(want), printed(got)); d != "" {
					t.Fatalf("%s\n(-want +got)\n%s", plan.Sprint(j), d)
				}
			}
		}
	}
}

// columnAt returns column i of a node, whose columns begin at shift.
func columnAt(n plan.Node, i, shift int) plan.Expr {
	f := n.Fields()[i]
	return &plan.Column{Index: i + shift, Name: f.Name, T: f.Type}
}

// randomRows returns a few rows of an integer, a text and a double, with NULLs.
func randomRows(rnd *rand.Rand) *plan.Values {
	v := &plan.Values{Cols: []plan.Field{{Name: "i", Type: plan.Bigint}, {Name: "s", Type: plan.Text}, {Name: "x", Type: plan.Double}}}
	for range rnd.IntN(12) {
		row := []any{int64(rnd.IntN(4)), fmt.Sprint(rnd.IntN(3)), float64(rnd.IntN(5))}
		var exprs []plan.Expr
		for k, value := range row {
			if rnd.IntN(6) == 0 {
				value = nil
			}
			exprs = append(exprs, &plan.Literal{Value: value, T: v.Cols[k].Type})
		}
		v.Rows = append(v.Rows, exprs)
	}
	return v
}

// nestedLoops is a join by definition.
func nestedLoops(j *plan.Join, keys []int) [][]any {
	left, right := rowsOf(j.Left), rowsOf(j.Right)
	nulls := make([]any, 3)
	var out [][]any
	found := make([]bool, len(right))
	for _, l := range left {
		some := false
		for k, r := range right {
			pair := true
			for _, c := range keys {
				pair = pair && l[c] != nil && l[c] == r[c]
			}
			if j.Where != nil {
				pair = pair && l[2] != nil && r[2] != nil && l[2].(float64) <= r[2].(float64)
			}
			if !pair {
				continue
			}
			some, found[k] = true, true
			if j.Kind != plan.Semi && j.Kind != plan.Anti {
				out = append(out, append(append([]any(nil), l...), r...))
			}
		}
		switch {
		case j.Kind == plan.Semi && some, j.Kind == plan.Anti && !some:
			out = append(out, l)
		case (j.Kind == plan.Left || j.Kind == plan.Full) && !some:
			out = append(out, append(append([]any(nil), l...), nulls...))
		}
	}
	for k, r := range right {
		if (j.Kind == plan.Right || j.Kind == plan.Full) && !found[k] {
			out = append(out, append(append([]any(nil), nulls...), r...))
		}
	}
	return out
}

// rowsOf returns the rows of a list of literals.
func rowsOf(n plan.Node) [][]any {
	var out [][]any
	for _, row := range n.(*plan.Values).Rows {
		var values []any
		for _, e := range row {
			values = append(values, e.(*plan.Literal).Value)
		}
		out = append(out, values)
	}
	return out
}
