package sql

import (
	"fmt"
	"testing"
)

// TestParametersAreLoweredAsTheyAreRun lowers statements whose parameters have their type
// told after the place where they are first met: once without types, and once with those
// that were learned, as a statement is run. The columns are the same.
func TestParametersAreLoweredAsTheyAreRun(t *testing.T) {
	for _, text := range []string{
		"SELECT $1, $1::json",
		"SELECT $1, $1 + 1",
		"SELECT coalesce($1, 'yes'), $1::boolean",
		"SELECT a FROM (SELECT $1 AS a, $1::date) s",
		"VALUES ($1), ($2), ($1 + interval '1 day'), ($2::timestamptz)",
	} {
		stmt, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		n, params, err := Lower(stmt, Scope{})
		if err != nil {
			continue // refused when it is prepared, not later
		}
		again, _, err := Lower(stmt, Scope{Params: params})
		if err != nil {
			t.Errorf("%s: %v with the types %v", text, err, params)
			continue
		}
		if got, want := fmt.Sprint(again.Fields()), fmt.Sprint(n.Fields()); got != want {
			t.Errorf("%s: columns %s when it is run, %s when it is prepared", text, got, want)
		}
	}
}
