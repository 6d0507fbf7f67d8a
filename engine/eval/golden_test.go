package eval

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/engine/sql"
)

// goldenNow is the instant of now() in the golden expressions, none of which
// depends on it.
const goldenNow = 1_717_243_200_000_000

// golden is an expression with PostgreSQL's answer, a line of testdata/golden.tsv.
type golden struct{ zone, expr, typ, value string }

func readGolden(t testing.TB) []golden {
	t.Helper()
	var out []golden
	for _, fields := range readTable(t, "testdata/golden.tsv", 4) {
		out = append(out, golden{fields[0], fields[1], fields[2], fields[3]})
	}
	return out
}

// readTable reads lines of fields divided by tabs; those that begin with # and empty
// ones are left out.
func readTable(t testing.TB, file string, columns int) [][]string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) != columns {
			t.Fatalf("%s: %q has %d fields, want %d", file, line, len(fields), columns)
		}
		out = append(out, fields)
	}
	return out
}

// testEnv is the environment of a session in a zone.
func testEnv(t testing.TB, name string) *Env {
	t.Helper()
	z, err := zone.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return &Env{Now: goldenNow, Zone: z, Random: func() float64 { return 0.5 }, User: "tester"}
}

// lowerExpr parses and types an expression.
func lowerExpr(text string, env *Env) (plan.Expr, error) {
	return lowerIn(text, sql.Scope{Zone: env.Zone, Now: env.Now})
}

// lowerWith parses an expression with parameters of the given types.
func lowerWith(text string, params []plan.Type) (plan.Expr, error) {
	return lowerIn(text, sql.Scope{Zone: zone.UTC, Now: goldenNow, Params: params})
}

func lowerIn(text string, scope sql.Scope) (plan.Expr, error) {
	parsed, err := sql.Parse("SELECT " + text)
	if err != nil {
		return nil, err
	}
	node, _, err := sql.Lower(parsed, scope)
	if err != nil {
		return nil, err
	}
	v, ok := node.(*plan.Values)
	if !ok || len(v.Rows) != 1 || len(v.Rows[0]) != 1 {
		return nil, fmt.Errorf("%s is lowered to a %T", text, node)
	}
	return v.Rows[0][0], nil
}

// typeOf returns the SQL type that stands for one of PostgreSQL's.
func typeOf(postgres string) string {
	switch postgres {
	case "smallint", "integer":
		return "bigint"
	case "numeric", "real":
		return "double precision"
	case "jsonb":
		return "json"
	case "character varying", "character", "unknown", "name":
		return "text"
	}
	return postgres
}

// outcome evaluates an expression to the two last fields of a golden line.
func outcome(text string, env *Env) (typ, value string, err error) {
	e, err := lowerExpr(text, env)
	if err == nil {
		var l plan.Literal
		if l, err = Constant(e, env); err == nil {
			return l.T.String(), goldenText(l, env.Zone), nil
		}
	}
	var mistake *plan.Error
	if !errors.As(err, &mistake) {
		return "", "", err
	}
	if mistake.Pos == 0 {
		return "", "", fmt.Errorf("without a position: %w", err)
	}
	return "ERROR", mistake.Code, nil
}

// goldenText writes a value as the golden file does.
func goldenText(l plan.Literal, z *zone.Zone) string {
	if l.Value == nil {
		return `\N`
	}
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(plan.FormatValue(l.Value, l.T, z))
}

// TestExpressionsAnswerAsInPostgreSQL compares with what PostgreSQL answered. The
// differences that are meant stand in testdata/differences.txt with their reasons.
func TestExpressionsAnswerAsInPostgreSQL(t *testing.T) {
	meant := map[[2]string][2]string{}
	for _, d := range readTable(t, "testdata/differences.txt", 4) {
		meant[[2]string{d[0], d[1]}] = [2]string{d[2], d[3]}
	}
	for _, g := range readGolden(t) {
		typ, value, err := outcome(g.expr, testEnv(t, g.zone))
		if err != nil {
			t.Errorf("%s: %s: %v", g.zone, g.expr, err)
			continue
		}
		want, other := [2]string{typeOf(g.typ), g.value}, false
		if d, ok := meant[[2]string{g.zone, g.expr}]; ok {
			delete(meant, [2]string{g.zone, g.expr})
			if want, other = d, true; typ == typeOf(g.typ) && value == g.value {
				t.Errorf("%s: %s no longer differs from PostgreSQL", g.zone, g.expr)
				continue
			}
		}
		if typ != want[0] || !sameText(g.expr, typ, value, want[1]) {
			t.Errorf("%s\t%s\t%s\t%s\twant %s %s (differs on purpose: %v)", g.zone, g.expr, typ, value, want[0], want[1], other)
		}
	}
	for d := range meant {
		t.Errorf("differences.txt has %s: %s, which golden.tsv has not", d[0], d[1])
	}
}

// inexact are the functions whose last digit the C library and Go do not agree on.
var inexact = []string{"sin(", "cos(", "tan(", "cot(", "atan2(", "sinh(", "cosh(", "tanh(", "exp(", "ln(", "log(", "log10(", "pow", "cbrt(", "^", "degrees(", "radians("}

// sameText reports whether two values are the same; the results of functions that
// are inexact may differ in the last digits.
func sameText(expr, typ, got, want string) bool {
	if got == want {
		return true
	}
	a, errA := strconv.ParseFloat(got, 64)
	b, errB := strconv.ParseFloat(want, 64)
	if typ != "double precision" || errA != nil || errB != nil {
		return false
	}
	for _, f := range inexact {
		if strings.Contains(expr, f) {
			return math.Abs(a-b) <= 1e-15*math.Abs(b)
		}
	}
	return false
}

// TestVectorsAgreeWithConstants evaluates each golden expression over columns that
// hold other values and NULLs in place of its constants. Every row must answer as the
// expression of that row's constants does.
func TestVectorsAgreeWithConstants(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pool := literalPool(t)
	const rows = 12
	for _, g := range readGolden(t) {
		env := testEnv(t, g.zone)
		e, err := lowerExpr(g.expr, env)
		if err != nil {
			continue
		}
		test := newRows(e, rows, pool, random)
		test.check(t, g.expr, env)
	}
}

// literalPool returns the constants of all golden expressions by type.
func literalPool(t *testing.T) map[plan.Type][]any {
	pool := map[plan.Type][]any{}
	for _, g := range readGolden(t) {
		e, err := lowerExpr(g.expr, testEnv(t, g.zone))
		if err != nil {
			continue
		}
		for _, l := range constantsOf(e) {
			if l.Value != nil {
				pool[l.T] = append(pool[l.T], l.Value)
			}
		}
	}
	return pool
}

// constantsOf returns the constants in an expression that columns can stand for.
func constantsOf(e plan.Expr) []*plan.Literal {
	var out []*plan.Literal
	plan.Replace(e, func(e plan.Expr) (plan.Expr, bool) {
		if l, ok := e.(*plan.Literal); ok && l.T != plan.Unknown {
			out = append(out, l)
		}
		return nil, false
	})
	return out
}

// rowsTest is an expression with columns for some of its constants.
type rowsTest struct {
	expr    plan.Expr
	columns [][]plan.Literal // per column and row
}

func newRows(e plan.Expr, rows int, pool map[plan.Type][]any, random *rand.Rand) *rowsTest {
	out := &rowsTest{}
	out.expr = plan.Replace(e, func(e plan.Expr) (plan.Expr, bool) {
		l, ok := e.(*plan.Literal)
		if !ok || l.T == plan.Unknown || random.IntN(4) == 0 {
			return nil, false
		}
		values := make([]plan.Literal, rows)
		for i := range values {
			values[i] = plan.Literal{Value: l.Value, T: l.T}
			switch random.IntN(4) {
			case 0:
				values[i].Value = nil
			case 1, 2:
				if of := pool[l.T]; len(of) > 0 {
					values[i].Value = of[random.IntN(len(of))]
				}
			}
		}
		out.columns = append(out.columns, values)
		return &plan.Column{Index: len(out.columns) - 1, T: l.T, At: l.At}, true
	})
	return out
}

// constant returns the expression with the constants of a row.
func (r *rowsTest) constant(row int) plan.Expr {
	return plan.Replace(r.expr, func(e plan.Expr) (plan.Expr, bool) {
		c, ok := e.(*plan.Column)
		if !ok {
			return nil, false
		}
		l := r.columns[c.Index][row]
		return &l, true
	})
}

// batch returns the given rows as a batch whose arrays begin within their buffers.
func (r *rowsTest) batch(rows []int) arrow.RecordBatch {
	const before = 3
	var fields []arrow.Field
	var arrays []arrow.Array
	for _, values := range r.columns {
		b := NewBuilder(values[0].T, len(rows)+before)
		for i := range before {
			b.Append(values[i%len(values)].Value)
		}
		for _, row := range rows {
			b.Append(values[row].Value)
		}
		whole := b.Array()
		arrays = append(arrays, array.NewSlice(whole, before, int64(len(rows)+before)))
		fields = append(fields, arrow.Field{Name: "c", Type: whole.DataType(), Nullable: true})
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, int64(len(rows)))
}

func (r *rowsTest) check(t *testing.T, text string, env *Env) {
	t.Helper()
	if len(r.columns) == 0 {
		return
	}
	program, err := Compile(r.expr, env)
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	var good []int
	var want []plan.Literal
	for row := range r.columns[0] {
		l, err := Constant(r.constant(row), env)
		if err == nil {
			good, want = append(good, row), append(want, l)
			continue
		}
		_, vectorErr := program.Vector(r.batch([]int{row}))
		var a, b *plan.Error
		if !errors.As(err, &a) || !errors.As(vectorErr, &b) || a.Code != b.Code || b.Pos == 0 {
			t.Errorf("%s, row %v: a vector fails with %v, constants with %v", text, r.row(row), vectorErr, err)
		}
	}
	if len(good) == 0 {
		return
	}
	batch := r.batch(good)
	v, err := program.Vector(batch)
	if err != nil {
		t.Errorf("%s: a vector of rows that are good one by one fails: %v", text, err)
		return
	}
	for i, row := range good {
		if got, want := goldenText(v.Literal(i), env.Zone), goldenText(want[i], env.Zone); got != want {
			t.Errorf("%s, row %v: a vector has %s, constants have %s", text, r.row(row), got, want)
		}
	}
	back, err := program.Eval(batch)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := FromArray(back, r.expr.Type()); err != nil || back.Len() != len(good) {
		t.Errorf("%s: array of %d rows, error %v", text, back.Len(), err)
	} else if again.IsNull(0) != v.IsNull(0) || !v.IsNull(0) && Compare(&again, 0, &v, 0) != 0 {
		t.Errorf("%s: an array has %v, its vector %v", text, again.Literal(0), v.Literal(0))
	}
}

// row returns the values of a row, as text.
func (r *rowsTest) row(row int) []string {
	var out []string
	for _, c := range r.columns {
		out = append(out, goldenText(c[row], zone.UTC))
	}
	return out
}
