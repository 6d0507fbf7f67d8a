package eval

import (
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

func TestFastRoundingAgreesWithDecimals(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 200_000 {
		digits := int64(r.IntN(7))
		x := math.Round(r.NormFloat64()*1e7) / math.Pow10(r.IntN(9))
		fast, ok := roundFast(x, digits)
		if !ok {
			continue
		}
		if slow := roundSlow(x, digits); fast != slow {
			t.Fatalf("round(%v, %d) is %v, by its decimals %v", x, digits, fast, slow)
		}
	}
}

// roundSlow is roundTo by the decimals of x.
func roundSlow(x float64, digits int64) float64 {
	out, err := strconv.ParseFloat(roundDecimal(strconv.FormatFloat(math.Abs(x), 'f', -1, 64), int(digits)), 64)
	if err != nil {
		return math.NaN()
	}
	return math.Copysign(out, x)
}

// TestLikeIsARegularExpression compares with the regular expression that a pattern
// stands for.
func TestLikeIsARegularExpression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ß", "%", "_", "aa", "Ω"}), 0, 8).Draw(t, "pattern"), "")
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ß", "Ω", "ab", "\n"}), 0, 10).Draw(t, "text"), "")
		re := regexp.MustCompile("(?s)^" + strings.NewReplacer("%", ".*", "_", ".").Replace(pattern) + "$")
		p, err := compileLike(pattern, `\`, false)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.match(s), re.MatchString(s); got != want {
			t.Fatalf("%q LIKE %q is %v, want %v", s, pattern, got, want)
		}
	})
}

// TestConditionsAgreeWithTheirVectors compares what Select finds with the rows in
// which the condition's vector is true, for conditions put together at random.
func TestConditionsAgreeWithTheirVectors(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	env := testEnv(t, "UTC")
	values := []any{0.0, math.Copysign(0, -1), 1.0, 2.0, math.NaN(), math.Inf(1), math.Inf(-1), 1.5, -3.0, nil}
	for range 400 {
		n := 1 + r.IntN(200)
		columns := make([][]any, 2)
		for c := range columns {
			for range n {
				columns[c] = append(columns[c], values[r.IntN(len(values)-r.IntN(2))])
			}
		}
		batch := batchOf(columns...)
		text := randomCondition(r, 3)
		e := overColumns(t, text, plan.Double, plan.Double)
		p, err := Compile(e, env)
		if err != nil {
			t.Fatal(err)
		}
		keep, count, err := p.Select(batch)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		v, err := p.Vector(batch)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		want := columnar.NewBitmap(n)
		for i := range n {
			row := &rowsTest{expr: e, columns: [][]plan.Literal{{{Value: columns[0][i], T: plan.Double}}, {{Value: columns[1][i], T: plan.Double}}}}
			l, err := Constant(row.constant(0), env)
			if err != nil {
				t.Fatal(err)
			}
			if l.Value == true {
				want.Set(i)
			}
			if got := v.Literal(i); got.Value != l.Value {
				t.Fatalf("%s of %v: a vector has %v, constants have %v", text, row.row(0), got.Value, l.Value)
			}
			if keep.Has(i) != want.Has(i) {
				t.Fatalf("%s of %v: kept is %v, want %v", text, row.row(0), keep.Has(i), want.Has(i))
			}
		}
		if count != want.Count() {
			t.Fatalf("%s: %d rows, want %d", text, count, want.Count())
		}
	}
}

// randomCondition writes a condition over $1 and $2 that never fails.
func randomCondition(r *rand.Rand, depth int) string {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	if depth == 0 || r.IntN(4) == 0 {
		switch r.IntN(5) {
		case 0:
			return pick("$1", "$2", "($1 + $2)") + pick(" IS NULL", " IS NOT NULL")
		case 1:
			return "$1 " + pick("=", "<>", "<", "<=", ">", ">=") + " $2"
		case 2:
			return "$1 <> 0 AND abs($1) < 1e9 AND 1 / $1 " + pick("<", ">") + " 0.6"
		}
		a, op, b := pick("$1", "$2", "$1 * 2"), pick("=", "<>", "<", "<=", ">", ">="), pick("0", "1", "1.5", "'NaN'::float8", "'Infinity'::float8", "NULL::float8")
		if r.IntN(2) == 0 {
			a, b = b, a
		}
		return a + " " + op + " " + b
	}
	a, b := randomCondition(r, depth-1), randomCondition(r, depth-1)
	switch r.IntN(4) {
	case 0:
		return "NOT (" + a + ")"
	case 1:
		return "(" + a + ") OR (" + b + ")"
	}
	return "(" + a + ") AND (" + b + ")"
}
