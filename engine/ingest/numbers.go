package ingest

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis/engine/plan"
)

// numbers is a column of numbers of any width. It remembers whether they are whole,
// so that no integer passes through a float64.
type numbers struct {
	a       arrow.Array
	floats  []float64 // the column itself, where it is of that type
	whole   bool
	float   func(row int) float64
	integer func(row int) int64 // nil unless whole
}

func (n *numbers) null(row int) bool { return isNull(n.a, row) }

// wholes makes a column of integers.
func wholes[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](a arrow.Array, vals []T) *numbers {
	return &numbers{
		a: a, whole: true,
		float:   func(row int) float64 { return float64(vals[row]) },
		integer: func(row int) int64 { return int64(vals[row]) },
	}
}

func readNumbers(name string, a arrow.Array) (*numbers, error) {
	switch a := a.(type) {
	case *array.Float64:
		vals := a.Float64Values()
		return &numbers{a: a, floats: vals, float: func(row int) float64 { return vals[row] }}, nil
	case *array.Float32:
		vals := a.Float32Values()
		return &numbers{a: a, float: func(row int) float64 { return float64(vals[row]) }}, nil
	case *array.Float16:
		return &numbers{a: a, float: func(row int) float64 { return float64(a.Value(row).Float32()) }}, nil
	case *array.Int8:
		return wholes(a, a.Int8Values()), nil
	case *array.Int16:
		return wholes(a, a.Int16Values()), nil
	case *array.Int32:
		return wholes(a, a.Int32Values()), nil
	case *array.Int64:
		return wholes(a, a.Int64Values()), nil
	case *array.Uint8:
		return wholes(a, a.Uint8Values()), nil
	case *array.Uint16:
		return wholes(a, a.Uint16Values()), nil
	case *array.Uint32:
		return wholes(a, a.Uint32Values()), nil
	case *array.Uint64:
		return unsigned(name, a)
	case *array.Boolean:
		integer := func(row int) int64 {
			if a.Value(row) {
				return 1
			}
			return 0
		}
		return &numbers{a: a, whole: true, integer: integer, float: func(row int) float64 { return float64(integer(row)) }}, nil
	case *array.Decimal128:
		return decimals(name, a)
	case *array.Decimal256:
		scale := a.DataType().(*arrow.Decimal256Type).Scale
		return &numbers{a: a, float: func(row int) float64 { return a.Value(row).ToFloat64(scale) }}, nil
	case *array.Null:
		return &numbers{a: a}, nil
	case *array.Dictionary:
		return indirect(name, a, a.Dictionary(), a.GetValueIndex)
	case *array.RunEndEncoded:
		return indirect(name, a, a.Values(), a.GetPhysicalIndex)
	}
	return nil, plan.Errorf(0, plan.CodeTypeMismatch, "column %q is of Arrow type %s where numbers are wanted", shorten(name), a.DataType())
}

// unsigned reads 64-bit unsigned integers, all of which must fit int64.
func unsigned(name string, a *array.Uint64) (*numbers, error) {
	vals := a.Uint64Values()
	for row, v := range vals {
		if v > 1<<63-1 && !a.IsNull(row) {
			return nil, rowError(row, plan.CodeOutOfRange, "column %q holds %d, which is beyond the range of bigint", shorten(name), v)
		}
	}
	return &numbers{
		a: a, whole: true,
		float:   func(row int) float64 { return float64(vals[row]) },
		integer: func(row int) int64 { return int64(vals[row]) },
	}, nil
}

// indirect reads a dictionary or run-end encoded column: it is decoded once.
func indirect(name string, a, inner arrow.Array, index func(int) int) (*numbers, error) {
	n, err := readNumbers(name, inner)
	if err != nil {
		return nil, err
	}
	out := &numbers{a: decodeValidity(a, n.a, index), whole: n.whole, float: func(row int) float64 { return n.float(index(row)) }}
	if n.whole {
		out.integer = func(row int) int64 { return n.integer(index(row)) }
	}
	return out, nil
}

// decimals reads decimals; those without digits after the point are integers, all of
// which must fit int64.
func decimals(name string, a *array.Decimal128) (*numbers, error) {
	scale := a.DataType().(*arrow.Decimal128Type).Scale
	out := &numbers{a: a, float: func(row int) float64 { return a.Value(row).ToFloat64(scale) }}
	if scale != 0 {
		return out, nil
	}
	for row := range a.Len() {
		if v := a.Value(row); a.IsValid(row) && v != decimal128.FromI64(int64(v.LowBits())) {
			return nil, rowError(row, plan.CodeOutOfRange, "column %q holds %s, which is beyond the range of bigint", shorten(name), v.ToString(0))
		}
	}
	out.whole, out.integer = true, func(row int) int64 { return int64(a.Value(row).LowBits()) }
	return out, nil
}

// decodeValidity returns an array that is NULL where a row of an indirect array is, or
// the value that it stands for.
func decodeValidity(a, inner arrow.Array, index func(int) int) arrow.Array {
	valid := array.NewBooleanBuilder(memory.DefaultAllocator)
	defer valid.Release()
	valid.Reserve(a.Len())
	for row := range a.Len() {
		if a.IsNull(row) || isNull(inner, index(row)) {
			valid.AppendNull()
		} else {
			valid.Append(true)
		}
	}
	return valid.NewBooleanArray()
}
