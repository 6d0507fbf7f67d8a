package sqlgen

import (
	"reflect"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/engine/sql"
)

func TestAStatementIsDeterminedByItsSeed(t *testing.T) {
	for seed := range uint64(1000) {
		if a, b := Statement(seed), Statement(seed); a != b {
			t.Fatalf("seed %d: %s\nand then %s", seed, a, b)
		}
	}
}

// TestEveryNodeAndFunctionComesUp lowers statements until each kind of node of a plan has
// come up, and counts how many are valid.
func TestEveryNodeAndFunctionComesUp(t *testing.T) {
	nodes := map[string]bool{}
	var all strings.Builder
	valid := 0
	const count = 6000
	for seed := range uint64(count) {
		text := Statement(seed)
		all.WriteString(text + "\n")
		stmt, err := sql.Parse(text)
		if err != nil {
			continue
		}
		n, _, err := sql.Lower(stmt, sql.Scope{})
		if err != nil {
			continue
		}
		valid++
		plan.Walk(n, func(n plan.Node) bool {
			nodes[reflect.TypeOf(n).Elem().Name()] = true
			return true
		})
	}
	for _, n := range []plan.Node{
		&plan.Scan{}, &plan.Values{}, &plan.Generate{}, &plan.TableCall{}, &plan.Filter{}, &plan.Project{}, &plan.AggregateNode{}, &plan.Sort{}, &plan.Limit{},
		&plan.Join{}, &plan.SetOp{}, &plan.InsertSamples{}, &plan.InsertSeries{}, &plan.UpdateSamples{}, &plan.UpdateSeries{}, &plan.DeleteSamples{},
		&plan.CallProcedure{}, &plan.Explain{}, &plan.SetVariable{}, &plan.ShowVariable{},
	} {
		if name := reflect.TypeOf(n).Elem().Name(); !nodes[name] {
			t.Errorf("no statement has a node %s", name)
		}
	}
	text := all.String()
	for _, f := range plan.Functions() {
		if spelled[f.Name] == "" && !strings.Contains(text, f.Name) {
			t.Errorf("no statement calls %s", f)
		}
	}
	for _, f := range plan.Aggregates() {
		if !strings.Contains(text, f.Name+"(") {
			t.Errorf("no statement calls %s", f)
		}
	}
	if valid < count/3 {
		t.Errorf("%d of %d statements are valid", valid, count)
	}
}
