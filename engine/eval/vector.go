package eval

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// Vector is a column of values of one SQL type. One of the slices is set, by
// type; where a row is not valid its value is anything.
type Vector struct {
	T     plan.Type
	Len   int             // rows
	Const bool            // the slices hold one value, which stands for all rows
	Valid columnar.Bitmap // nil: no NULLs; with Const one bit

	Bools  []bool
	Ints   []int64 // Bigint; Timestamp, Timestamptz, Time in microseconds; Date in days
	Floats []float64
	Strs   []string // Text and JSON
	Spans  []plan.Span
}

// mask is what a row number is ANDed with to find its place in the slices.
func (v *Vector) mask() int {
	if v.Const {
		return 0
	}
	return -1
}

// IsNull reports whether row i is NULL.
func (v *Vector) IsNull(i int) bool { return v.Valid != nil && !v.Valid.Has(i&v.mask()) }

// allNull reports whether the vector is a constant NULL.
func (v *Vector) allNull() bool { return v.Const && v.IsNull(0) }

// size is the number of values that the slices hold.
func (v *Vector) size() int {
	if v.Const {
		return min(v.Len, 1)
	}
	return v.Len
}

// null returns a vector of n NULLs.
func null(t plan.Type, n int) Vector {
	v := Vector{T: t, Len: n, Const: true, Valid: columnar.NewBitmap(1)}
	v.alloc(1)
	return v
}

// alloc gives the vector a slice of n values.
func (v *Vector) alloc(n int) {
	switch v.T {
	case plan.Boolean, plan.Unknown:
		v.Bools = make([]bool, n)
	case plan.Double:
		v.Floats = make([]float64, n)
	case plan.Text, plan.JSON:
		v.Strs = make([]string, n)
	case plan.Interval:
		v.Spans = make([]plan.Span, n)
	default:
		v.Ints = make([]int64, n)
	}
}

// copyFrom copies value j of src, a vector of the same type, to place i.
func (v *Vector) copyFrom(i int, src *Vector, j int) {
	j &= src.mask()
	switch v.T {
	case plan.Boolean, plan.Unknown:
		v.Bools[i] = src.Bools[j]
	case plan.Double:
		v.Floats[i] = src.Floats[j]
	case plan.Text, plan.JSON:
		v.Strs[i] = src.Strs[j]
	case plan.Interval:
		v.Spans[i] = src.Spans[j]
	default:
		v.Ints[i] = src.Ints[j]
	}
}

// gather returns the vector's values at rows.
func (v *Vector) gather(rows []int32) Vector {
	if v.Const {
		out := *v
		out.Len = len(rows)
		return out
	}
	out := Vector{T: v.T, Len: len(rows)}
	switch v.T {
	case plan.Boolean, plan.Unknown:
		out.Bools = gather(v.Bools, rows)
	case plan.Double:
		out.Floats = gather(v.Floats, rows)
	case plan.Text, plan.JSON:
		out.Strs = gather(v.Strs, rows)
	case plan.Interval:
		out.Spans = gather(v.Spans, rows)
	default:
		out.Ints = gather(v.Ints, rows)
	}
	if v.Valid != nil {
		out.Valid = columnar.NewBitmap(len(rows))
		for i, r := range rows {
			if v.Valid.Has(int(r)) {
				out.Valid.Set(i)
			}
		}
	}
	return out
}

func gather[T any](values []T, rows []int32) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = values[r]
	}
	return out
}

// FromLiteral returns a literal as a vector of n rows.
func FromLiteral(l plan.Literal, n int) Vector {
	if l.Value == nil {
		return null(l.T, n)
	}
	v := Vector{T: l.T, Len: n, Const: true}
	switch x := l.Value.(type) {
	case bool:
		v.Bools = []bool{x}
	case int64:
		v.Ints = []int64{x}
	case float64:
		v.Floats = []float64{x}
	case string:
		v.Strs = []string{x}
	case plan.Span:
		v.Spans = []plan.Span{x}
	default:
		panic(fmt.Sprintf("eval: literal of Go type %T", l.Value))
	}
	return v
}

// Literal returns the value of row i as a literal.
func (v *Vector) Literal(i int) plan.Literal {
	l := plan.Literal{T: v.T}
	if v.IsNull(i) {
		return l
	}
	i &= v.mask()
	switch v.T {
	case plan.Boolean, plan.Unknown:
		l.Value = v.Bools[i]
	case plan.Double:
		l.Value = v.Floats[i]
	case plan.Text, plan.JSON:
		l.Value = v.Strs[i]
	case plan.Interval:
		l.Value = v.Spans[i]
	default:
		l.Value = v.Ints[i]
	}
	return l
}

// FromArray returns an array of Arrow's as a vector of the SQL type t, whose
// Arrow type it must have. The vector shares the array's memory.
func FromArray(a arrow.Array, t plan.Type) (Vector, error) {
	v := Vector{T: t, Len: a.Len(), Valid: validity(a)}
	switch a := a.(type) {
	case *array.Null:
		return null(t, a.Len()), nil
	case *array.Boolean:
		v.Bools = make([]bool, a.Len())
		for i := range v.Bools {
			v.Bools[i] = a.Value(i)
		}
	case *array.Float64:
		v.Floats = a.Float64Values()
	case *array.Int64:
		v.Ints = a.Int64Values()
	case *array.Timestamp:
		v.Ints = arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(a.TimestampValues()))
	case *array.Time64:
		v.Ints = arrow.Int64Traits.CastFromBytes(arrow.Time64Traits.CastToBytes(a.Time64Values()))
	case *array.Date32:
		v.Ints = make([]int64, a.Len())
		for i, d := range a.Date32Values() {
			v.Ints[i] = int64(d)
		}
	case *array.String:
		v.Strs = make([]string, a.Len())
		for i := range v.Strs {
			v.Strs[i] = a.Value(i)
		}
	case *array.MonthDayNanoInterval:
		v.Spans = make([]plan.Span, a.Len())
		for i, d := range a.MonthDayNanoIntervalValues() {
			v.Spans[i] = plan.Span{Months: d.Months, Days: d.Days, Micros: d.Nanoseconds / 1000}
		}
	default:
		return Vector{}, fmt.Errorf("eval: column of Arrow type %s where SQL has %s", a.DataType(), t)
	}
	return v, nil
}

// validity returns an array's validity as a bitmap that begins at its first row,
// nil where it has no NULLs.
func validity(a arrow.Array) columnar.Bitmap {
	if a.NullN() == 0 {
		return nil
	}
	b := columnar.NewBitmap(a.Len())
	for i := range a.Len() {
		if a.IsValid(i) {
			b.Set(i)
		}
	}
	return b
}

// Array returns the vector as an Arrow array of its type. Its memory belongs to
// the garbage collector; releasing it is allowed and has no effect.
func (v *Vector) Array() arrow.Array {
	full := v.expand()
	n := full.Len
	if full.T == plan.Unknown {
		return array.NewNull(n)
	}
	var valid *memory.Buffer
	nulls := 0
	if full.Valid != nil {
		if nulls = n - full.Valid.CountRange(0, n); nulls > 0 {
			valid = memory.NewBufferBytes(arrow.Uint64Traits.CastToBytes(full.Valid))
		}
	}
	buffers := []*memory.Buffer{valid, nil}
	switch full.T {
	case plan.Boolean:
		bits := columnar.NewBitmap(n)
		for i, b := range full.Bools[:n] {
			if b {
				bits.Set(i)
			}
		}
		buffers[1] = memory.NewBufferBytes(arrow.Uint64Traits.CastToBytes(bits))
	case plan.Double:
		buffers[1] = memory.NewBufferBytes(arrow.Float64Traits.CastToBytes(full.Floats[:n]))
	case plan.Date:
		days := make([]arrow.Date32, n)
		for i, d := range full.Ints[:n] {
			days[i] = arrow.Date32(d)
		}
		buffers[1] = memory.NewBufferBytes(arrow.Date32Traits.CastToBytes(days))
	case plan.Interval:
		spans := make([]arrow.MonthDayNanoInterval, n)
		for i, s := range full.Spans[:n] {
			spans[i] = monthDayNano(s)
		}
		buffers[1] = memory.NewBufferBytes(arrow.MonthDayNanoIntervalTraits.CastToBytes(spans))
	case plan.Text, plan.JSON:
		offsets, data := flatten(full.Strs[:n], full.Valid)
		buffers = []*memory.Buffer{valid, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), memory.NewBufferBytes(data)}
	default:
		buffers[1] = memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(full.Ints[:n]))
	}
	data := array.NewData(full.T.Arrow(), n, buffers, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// monthDayNano returns an interval as Arrow holds it. Nanoseconds end at 292 years:
// of a longer time whole days of 24 hours are counted as days.
func monthDayNano(s plan.Span) arrow.MonthDayNanoInterval {
	const most = math.MaxInt64 / 1000
	if s.Micros > most || s.Micros < -most {
		days := int64(s.Days) + s.Micros/microsPerDay
		s.Days, s.Micros = int32(min(max(days, math.MinInt32), math.MaxInt32)), s.Micros%microsPerDay
	}
	return arrow.MonthDayNanoInterval{Months: s.Months, Days: s.Days, Nanoseconds: s.Micros * 1000}
}

// TextSize returns the bytes of text that the vector's rows hold, each row's by itself.
func (v *Vector) TextSize() int {
	size := 0
	for _, s := range v.Strs {
		size += len(s)
	}
	if v.Const {
		return size * v.Len
	}
	return size
}

// flatten lays strings end to end; NULLs are empty.
func flatten(strs []string, valid columnar.Bitmap) (offsets []int32, data []byte) {
	offsets = make([]int32, len(strs)+1)
	size := 0
	for i, s := range strs {
		if valid == nil || valid.Has(i) {
			size += len(s)
		}
	}
	data = make([]byte, 0, size)
	for i, s := range strs {
		if valid == nil || valid.Has(i) {
			data = append(data, s...)
		}
		offsets[i+1] = int32(len(data))
	}
	return offsets, data
}

// expand returns the vector with a value per row.
func (v *Vector) expand() Vector {
	if !v.Const || v.Len == 1 {
		return *v
	}
	out := Vector{T: v.T, Len: v.Len}
	if v.Len == 0 {
		out.alloc(0)
		return out
	}
	if v.allNull() {
		out.alloc(v.Len)
		out.Valid = columnar.NewBitmap(v.Len)
		return out
	}
	switch v.T {
	case plan.Boolean, plan.Unknown:
		out.Bools = repeat(v.Bools[0], v.Len)
	case plan.Double:
		out.Floats = repeat(v.Floats[0], v.Len)
	case plan.Text, plan.JSON:
		out.Strs = repeat(v.Strs[0], v.Len)
	case plan.Interval:
		out.Spans = repeat(v.Spans[0], v.Len)
	default:
		out.Ints = repeat(v.Ints[0], v.Len)
	}
	return out
}

func repeat[T any](x T, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = x
	}
	return out
}
