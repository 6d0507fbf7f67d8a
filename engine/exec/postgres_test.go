package exec_test

import (
	"errors"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/optimize"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/engine/sql"
)

// TestGeneratedExpressionsAnswerAsInPostgreSQL compares with what PostgreSQL answered to
// expressions that testdata/postgres.py generated: every kind of function, cast and
// aggregate over values at the edges. A line holds the zone, the expression, the type
// and the value. TRELLIS_POSTGRES names another file of them, of any length. An
// expression that is refused as not supported is no difference.
func TestGeneratedExpressionsAnswerAsInPostgreSQL(t *testing.T) {
	file := "testdata/postgres.tsv"
	if other := os.Getenv("TRELLIS_POSTGRES"); other != "" {
		file = other
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	refused, compared := 0, 0
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 4 {
			t.Fatalf("%q has %d fields", line, len(fields))
		}
		typ, value := generated(t, fields[0], fields[1])
		switch {
		case typ == "ERROR" && (value == plan.CodeNotSupported || value == plan.CodeUndefFunction):
			refused++
			continue
		case !sameAnswer(typ, value, fields[2], fields[3]):
			t.Errorf("%s\t%s\t%s\t%s\twant %s %s", fields[0], fields[1], typ, value, fields[2], fields[3])
		}
		compared++
	}
	t.Logf("%d compared, %d refused", compared, refused)
}

// generated evaluates an expression: the type and text of its value, or ERROR and the
// SQLSTATE.
func generated(t *testing.T, in, expr string) (typ, value string) {
	t.Helper()
	e := env(t)
	z, err := zone.Load(in)
	if err != nil {
		t.Fatal(err)
	}
	e.Zone = z
	o := exec.Options{Env: e}
	var mistake *plan.Error
	parsed, err := sql.Parse("SELECT " + expr)
	if err == nil {
		var n plan.Node
		if n, _, err = sql.Lower(parsed, sql.Scope{Zone: z, Now: e.Now}); err == nil {
			if n, err = optimize.Optimize(n, optimize.Context{Env: e}); err == nil {
				var text string
				if text, err = shown(n, o); err == nil {
					return n.Fields()[0].Type.String(), text
				}
			}
		}
	}
	if !errors.As(err, &mistake) {
		t.Errorf("%s: %v", expr, err)
		return "ERROR", ""
	}
	return "ERROR", mistake.Code
}

// sameAnswer compares an answer with PostgreSQL's. The last digits of doubles may
// differ, as those of its numeric, and of functions of the C library, do.
func sameAnswer(typ, value, wantType, want string) bool {
	want = strings.ReplaceAll(want, `\\`, `\`)
	if want == `\N` {
		want = "NULL"
	}
	switch wantType {
	case "smallint", "integer":
		wantType = "bigint"
	case "numeric", "real":
		wantType = "double precision"
	case "character varying", "character", "unknown":
		wantType = "text"
	case "jsonb":
		wantType = "json"
	}
	if typ != wantType {
		return false
	}
	if value == want {
		return true
	}
	a, errA := strconv.ParseFloat(value, 64)
	b, errB := strconv.ParseFloat(want, 64)
	return typ == "double precision" && errA == nil && errB == nil && math.Abs(a-b) <= 1e-14*math.Abs(b)
}
