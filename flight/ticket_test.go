package flight

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trellisdb/trellis/engine/plan"
)

// literals draws parameters of all types.
func literals(t *rapid.T) plan.Literal {
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return plan.Literal{T: plan.Unknown}
	case 1:
		return plan.Literal{Value: rapid.Bool().Draw(t, "bool"), T: plan.Boolean}
	case 2:
		typ := rapid.SampledFrom([]plan.Type{plan.Bigint, plan.Timestamp, plan.Timestamptz, plan.Date, plan.Time}).Draw(t, "type")
		return plan.Literal{Value: rapid.Int64().Draw(t, "int"), T: typ}
	case 3:
		return plan.Literal{Value: rapid.Float64().Draw(t, "float"), T: plan.Double}
	case 4:
		return plan.Literal{Value: rapid.String().Draw(t, "text"), T: plan.Text}
	}
	return plan.Literal{Value: plan.Span{
		Months: rapid.Int32().Draw(t, "months"), Days: rapid.Int32().Draw(t, "days"), Micros: rapid.Int64().Draw(t, "micros"),
	}, T: plan.Interval}
}

func TestTicketsHoldAllOfAStatement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := &statement{
			user:     rapid.String().Draw(t, "user"),
			text:     rapid.String().Draw(t, "statement"),
			settings: rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "settings"),
			id:       rapid.StringN(0, 16, 16).Draw(t, "id"),
			now:      rapid.Int64().Draw(t, "now"),
			expires:  rapid.Int64().Draw(t, "expires"),
		}
		if rapid.Bool().Draw(t, "bound") {
			want.rows = make([][]plan.Literal, rapid.IntRange(0, 4).Draw(t, "rows"))
			for i := range want.rows {
				want.rows[i] = rapid.SliceOfN(rapid.Custom(literals), 0, 3).Draw(t, "row")
			}
		}
		payload, err := want.pack()
		if err != nil {
			t.Fatal(err)
		}
		s := sealer{key: []byte("key")}
		opened, err := s.open(sealTicket, s.seal(sealTicket, payload))
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpackStatement(opened)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(statement{}), cmp.Comparer(sameFloats)); diff != "" {
			t.Error(diff)
		}
		if got.rows == nil != (want.rows == nil) {
			t.Error("no parameters and parameters that are not bound are taken for one another")
		}
	})
}

func sameFloats(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }

func TestParametersOfUnknownTypesAreRefused(t *testing.T) {
	st := &statement{rows: [][]plan.Literal{{{Value: struct{}{}}}}}
	if _, err := st.pack(); err == nil {
		t.Error("a parameter that no type has was packed")
	}
}

// FuzzUnpackStatement reads payloads that nobody has packed.
func FuzzUnpackStatement(f *testing.F) {
	st := &statement{user: "ann", text: "SELECT $1", settings: settings{"timezone": "UTC"}, id: "0123", now: 5, expires: 6, rows: [][]plan.Literal{
		{{Value: int64(1), T: plan.Bigint}, {Value: 1.5, T: plan.Double}, {Value: "x", T: plan.Text}},
		{{Value: true, T: plan.Boolean}, {T: plan.Unknown}, {Value: plan.Span{Months: 1}, T: plan.Interval}},
	}}
	payload, err := st.pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		st, err := unpackStatement(payload)
		if err != nil {
			return
		}
		again, err := st.pack()
		if err != nil {
			t.Fatal(err)
		}
		if second, err := unpackStatement(again); err != nil || !cmp.Equal(st, second, cmp.AllowUnexported(statement{}), cmp.Comparer(sameFloats)) {
			t.Errorf("packed again it reads otherwise: %v, %v, %v", st, second, err)
		}
	})
}

// FuzzOpen opens what nobody has sealed.
func FuzzOpen(f *testing.F) {
	s := sealer{key: []byte("key")}
	f.Add(s.seal(sealTicket, []byte("payload")))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		payload, err := sealer{key: []byte("another key")}.open(sealTicket, sealed)
		if err == nil {
			t.Errorf("%q was opened, with the payload %q", sealed, payload)
		}
	})
}
