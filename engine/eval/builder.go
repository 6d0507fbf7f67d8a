package eval

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// Builder makes an Arrow array of values one by one, for tables that are made up on
// the fly.
type Builder struct{ v Vector }

// NewBuilder returns a builder of an array of a type, with room for n values.
func NewBuilder(t plan.Type, n int) *Builder {
	b := &Builder{v: Vector{T: t, Valid: columnar.NewBitmap(n)}}
	switch t {
	case plan.Boolean, plan.Unknown:
		b.v.Bools = make([]bool, 0, n)
	case plan.Double:
		b.v.Floats = make([]float64, 0, n)
	case plan.Text, plan.JSON:
		b.v.Strs = make([]string, 0, n)
	case plan.Interval:
		b.v.Spans = make([]plan.Span, 0, n)
	default:
		b.v.Ints = make([]int64, 0, n)
	}
	return b
}

// Append adds a value, as plan.Literal holds it; nil is NULL.
func (b *Builder) Append(value any) {
	i := b.v.Len
	b.v.Len++
	if i>>6 == len(b.v.Valid) {
		b.v.Valid = append(b.v.Valid, 0)
	}
	if value != nil {
		b.v.Valid.Set(i)
	}
	switch b.v.T {
	case plan.Boolean, plan.Unknown:
		x, _ := value.(bool)
		b.v.Bools = append(b.v.Bools, x)
	case plan.Double:
		x, _ := value.(float64)
		b.v.Floats = append(b.v.Floats, x)
	case plan.Text, plan.JSON:
		x, _ := value.(string)
		b.v.Strs = append(b.v.Strs, x)
	case plan.Interval:
		x, _ := value.(plan.Span)
		b.v.Spans = append(b.v.Spans, x)
	default:
		x, _ := value.(int64)
		b.v.Ints = append(b.v.Ints, x)
	}
}

// Len returns the number of values appended.
func (b *Builder) Len() int { return b.v.Len }

// Array returns the values as an array; the builder must not be used afterwards.
func (b *Builder) Array() arrow.Array { return b.v.Array() }
