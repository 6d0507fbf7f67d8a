package eval

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

func TestEveryFunctionHasAKernel(t *testing.T) {
	for _, f := range plan.Functions() {
		if !Implemented(f) {
			t.Errorf("%s has no kernel", f)
		}
	}
	for key := range kernels {
		declared := false
		for _, f := range plan.Functions() {
			declared = declared || signature(f.Name, f.Args) == key
		}
		if !declared {
			t.Errorf("there is a vectorFunc for %s, which plan does not declare", key)
		}
	}
}

func TestEveryCastHasAKernel(t *testing.T) {
	for from := plan.Unknown; from <= plan.JSON; from++ {
		for to := plan.Boolean; to <= plan.JSON; to++ {
			if plan.CanCast(from, to) != Castable(from, to) {
				t.Errorf("cast of %s to %s: plan says %v, eval %v", from, to, plan.CanCast(from, to), Castable(from, to))
			}
		}
	}
}

// someValues returns a value of each kind that a type has, and NULL.
func someValues(t plan.Type) []any {
	switch t {
	case plan.Boolean:
		return []any{true, false, nil}
	case plan.Double:
		return []any{0.0, math.Copysign(0, -1), 1.5, -2.5e300, math.Inf(1), math.NaN(), nil}
	case plan.Text:
		return []any{"", "a", "grün", "a long text of more than twelve bytes", nil}
	case plan.JSON:
		return []any{`{"a": 1}`, `[]`, nil}
	case plan.Interval:
		return []any{plan.Span{}, plan.Span{Months: -1, Days: 2, Micros: -3}, plan.Span{Micros: 1 << 50}, nil}
	case plan.Unknown:
		return []any{nil}
	case plan.Date:
		return []any{int64(0), int64(-719162), int64(plan.InfiniteDate), nil}
	default:
		return []any{int64(0), int64(-1), int64(math.MaxInt64), int64(math.MinInt64), nil}
	}
}

// randomColumn returns n values of a type.
func randomColumn(r *rand.Rand, t plan.Type, n int) []any {
	from := someValues(t)
	out := make([]any, n)
	for i := range out {
		out[i] = from[r.IntN(len(from))]
	}
	return out
}

func build(t plan.Type, values []any) arrow.Array {
	b := NewBuilder(t, 0)
	for _, v := range values {
		b.Append(v)
	}
	return b.Array()
}

// sameValues fails unless a vector holds the values.
func sameValues(t *testing.T, what string, v *Vector, want []any) {
	t.Helper()
	if v.Len != len(want) {
		t.Fatalf("%s: %d rows, want %d", what, v.Len, len(want))
	}
	for i, w := range want {
		got := v.Literal(i).Value
		if f, ok := got.(float64); ok {
			x, isFloat := w.(float64)
			if !isFloat || math.Float64bits(f) != math.Float64bits(x) {
				t.Errorf("%s, row %d: %v, want %v", what, i, got, w)
			}
		} else if got != w {
			t.Errorf("%s, row %d: %v, want %v", what, i, got, w)
		}
	}
}

func TestArraysHoldWhatWasBuilt(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for typ := plan.Unknown; typ <= plan.JSON; typ++ {
		for _, n := range []int{0, 1, 2, 63, 64, 65, 200} {
			want := randomColumn(r, typ, n)
			whole := build(typ, want)
			if n > 0 && !arrow.TypeEqual(whole.DataType(), typ.Arrow()) {
				t.Errorf("array of %s is of Arrow type %s", typ, whole.DataType())
			}
			for range 4 { // whole, and slices that begin within bytes and words
				from := r.IntN(n + 1)
				to := from + r.IntN(n-from+1)
				part := array.NewSlice(whole, int64(from), int64(to))
				v, err := FromArray(part, typ)
				if err != nil {
					t.Fatal(err)
				}
				sameValues(t, typ.String(), &v, want[from:to])
				again, err := FromArray(v.Array(), typ)
				if err != nil {
					t.Fatal(err)
				}
				sameValues(t, typ.String()+" written again", &again, want[from:to])
			}
		}
	}
}

func TestConstantsStandForAllRows(t *testing.T) {
	for typ := plan.Boolean; typ <= plan.JSON; typ++ {
		for _, value := range someValues(typ) {
			for _, n := range []int{0, 1, 3, 100} {
				v := FromLiteral(plan.Literal{Value: value, T: typ}, n)
				want := make([]any, n)
				for i := range want {
					want[i] = value
				}
				sameValues(t, typ.String(), &v, want)
				back, err := FromArray(v.Array(), typ)
				if err != nil {
					t.Fatal(err)
				}
				sameValues(t, typ.String()+" as an array", &back, want)
				if n > 2 {
					picked := v.gather([]int32{2, 0})
					sameValues(t, typ.String()+" picked", &picked, want[:2])
				}
			}
		}
	}
}

func TestTakeAndCompactPickRows(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var types []plan.Type
	var fields []plan.Field
	var arrays []arrow.Array
	var columns [][]any
	const n = 150
	for typ := plan.Boolean; typ <= plan.JSON; typ++ {
		values := randomColumn(r, typ, n+5)
		types, fields = append(types, typ), append(fields, plan.Field{Name: typ.String(), Type: typ})
		arrays = append(arrays, array.NewSlice(build(typ, values), 5, n+5))
		columns = append(columns, values[5:])
	}
	batch := array.NewRecordBatch(Schema(fields), arrays, n)
	keep := columnar.NewBitmap(n)
	var rows []int32
	for i := range n {
		if r.IntN(3) == 0 {
			keep.Set(i)
			rows = append(rows, int32(i))
		}
	}
	taken, err := Take(batch, types, rows)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := Compact(batch, types, keep, keep.Count())
	if err != nil {
		t.Fatal(err)
	}
	for k, typ := range types {
		want := make([]any, len(rows))
		for i, row := range rows {
			want[i] = columns[k][row]
		}
		for _, got := range []arrow.RecordBatch{taken, kept} {
			v, err := FromArray(got.Column(k), typ)
			if err != nil {
				t.Fatal(err)
			}
			sameValues(t, typ.String(), &v, want)
		}
	}
	if all, err := Compact(batch, types, columnar.FullBitmap(n), n); err != nil || all != batch {
		t.Errorf("a batch of which all rows are kept is another: %v", err)
	}
}

func TestWrongColumnsAreRefused(t *testing.T) {
	b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	defer b.Release()
	if _, err := FromArray(b.NewArray(), plan.Text); err == nil {
		t.Error("an array of bytes passes as text")
	}
}

// batchOf returns a batch of doubles in columns named a, b, c, …
func batchOf(columns ...[]any) arrow.RecordBatch {
	var fields []plan.Field
	var arrays []arrow.Array
	for i, c := range columns {
		fields = append(fields, plan.Field{Name: string(rune('a' + i)), Type: plan.Double})
		arrays = append(arrays, build(plan.Double, c))
	}
	return array.NewRecordBatch(Schema(fields), arrays, int64(len(columns[0])))
}

// overColumns parses an expression in which $1, $2, … stand for columns of doubles.
func overColumns(t testing.TB, text string, types ...plan.Type) plan.Expr {
	t.Helper()
	e, err := lowerWith(text, types)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Replace(e, func(e plan.Expr) (plan.Expr, bool) {
		if p, ok := e.(*plan.Param); ok {
			return &plan.Column{Index: p.N - 1, T: p.T, At: p.At}, true
		}
		return nil, false
	})
}

// TestWhatIsNotNeededIsNotEvaluated is invariant E2.
func TestWhatIsNotNeededIsNotEvaluated(t *testing.T) {
	x := []any{0.0, 2.0, nil, 0.25, 0.0}
	tests := []struct {
		expr string
		want []any
	}{
		{"CASE WHEN $1 <> 0 THEN 1 / $1 END", []any{nil, 0.5, nil, 4.0, nil}},
		{"CASE WHEN $1 = 0 THEN -1 ELSE 1 / $1 END", []any{-1.0, 0.5, nil, 4.0, -1.0}},
		{"CASE $1 WHEN 0 THEN 7 WHEN 2 THEN 1 / ($1 - 2 + 1) ELSE 1 / $1 END", []any{7.0, 1.0, nil, 4.0, 7.0}},
		{"$1 <> 0 AND 1 / $1 > 2", []any{false, false, nil, true, false}},
		{"$1 = 0 OR 1 / $1 > 2", []any{true, false, nil, true, true}},
		{"$1 IS NOT NULL AND $1 <> 0 AND 1 / $1 > 2", []any{false, false, false, true, false}},
		{"NOT ($1 = 0 OR 1 / $1 < 2)", []any{false, false, nil, true, false}},
		{"coalesce(nullif($1, 0), 1 / ($1 + 1))", []any{1.0, 2.0, nil, 0.25, 1.0}},
		{"coalesce($1, 1 / 0)", []any{0.0, 2.0}},
		{"coalesce($1 + 1, 5, 1 / 0)", []any{1.0, 3.0, 5.0, 1.25, 1.0}},
	}
	for _, tt := range tests {
		p, err := Compile(overColumns(t, tt.expr, plan.Double), testEnv(t, "UTC"))
		if err != nil {
			t.Fatal(err)
		}
		v, err := p.Vector(batchOf(x[:len(tt.want)]))
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		sameValues(t, tt.expr, &v, tt.want)
	}
}

func TestErrorsSayWhere(t *testing.T) {
	tests := []struct {
		expr string
		code string
		pos  int
	}{
		{"2 + 1 / ($1 - $1)", plan.CodeDivisionByZero, len("SELECT 2 + 1 /")},
		{"1 + ('9223372036854775807'::bigint + $1::bigint)", plan.CodeOutOfRange, len("SELECT 1 + ('9223372036854775807'::bigint +")},
		{"$1 + sqrt(-$1)", "2201F", len("SELECT $1 + s")},
		{"extract(minute FROM date '2024-01-01' + $1::bigint)", plan.CodeNotSupported, len("SELECT e")},
		{"extract(timezone FROM date '2024-01-01' + $1::bigint)", plan.CodeNotSupported, len("SELECT e")},
		{"date_part('milliseconds', date '2024-01-01' + $1::bigint)", plan.CodeNotSupported, len("SELECT d")},
		{"($1::text || 'x')::bigint", plan.CodeInvalidText, len("SELECT ($1::text || 'x'):")},
		{"CASE WHEN true THEN 1 / ($1 - 1) END", plan.CodeDivisionByZero, len("SELECT CASE WHEN true THEN 1 /")},
	}
	for _, tt := range tests {
		p, err := Compile(overColumns(t, tt.expr, plan.Double), testEnv(t, "UTC"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Vector(batchOf([]any{1.0, 1.0}))
		var mistake *plan.Error
		if !errors.As(err, &mistake) || mistake.Code != tt.code || mistake.Pos != tt.pos {
			t.Errorf("%s: %v, want code %s at %d", tt.expr, err, tt.code, tt.pos)
		}
	}
}

func TestSelectKeepsTheRowsThatAreTrue(t *testing.T) {
	a := []any{1.0, nil, 3.0, math.NaN(), -1.0, 0.0, math.Inf(1), math.Copysign(0, -1)}
	b := []any{1.0, 1.0, nil, 4.0, 5.0, -1.0, 0.0, 0.0}
	tests := []struct {
		expr string
		want []int
	}{
		{"$1 > 0.5", []int{0, 2, 3, 6}},
		{"$1 >= 0", []int{0, 2, 3, 5, 6, 7}},
		{"$1 < 0.5", []int{4, 5, 7}},
		{"$1 <= 1", []int{0, 4, 5, 7}},
		{"$1 = 0", []int{5, 7}},
		{"$1 <> 0", []int{0, 2, 3, 4, 6}},
		{"0.5 < $1", []int{0, 2, 3, 6}},
		{"1 >= $1", []int{0, 4, 5, 7}},
		{"$1 = 'NaN'", []int{3}},
		{"$1 <> 'NaN'", []int{0, 2, 4, 5, 6, 7}},
		{"$1 < 'NaN'", []int{0, 2, 4, 5, 6, 7}},
		{"$1 >= 'NaN'", []int{3}},
		{"$1 > $2", []int{3, 5, 6}},
		{"$1 > 0 AND $2 > 0", []int{0, 3}},
		{"$1 > 0 AND $2 > 0 AND $1 < 2", []int{0}},
		{"$1 > 0 OR $2 > 4", []int{0, 2, 3, 4, 6}},
		{"NOT ($1 > 0)", []int{4, 5, 7}},
		{"$1 > 0 AND 6 / $1 > 3", []int{0, 3}},
		{"$1 IS NULL", []int{1}},
		{"$1 > NULL", nil},
		{"true", []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{"false", nil},
		{"NULL::boolean", nil},
		{"$1 IN (1, 3, NULL)", []int{0, 2}},
		{"$1 BETWEEN 0 AND 2", []int{0, 5, 7}},
	}
	for _, tt := range tests {
		p, err := Compile(overColumns(t, tt.expr, plan.Double, plan.Double), testEnv(t, "UTC"))
		if err != nil {
			t.Fatal(err)
		}
		keep, n, err := p.Select(batchOf(a, b))
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		var got []int
		for i := keep.Next(0, len(a)); i < len(a); i = keep.Next(i+1, len(a)) {
			got = append(got, i)
		}
		if d := cmp.Diff(tt.want, got); d != "" || n != len(got) {
			t.Errorf("%s: %d rows (-want +got):\n%s", tt.expr, n, d)
		}
	}
}
