package engine

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// inParam names the parameter in a user's mistake.
func inParam(err error, i int) error {
	var e *plan.Error
	if errors.As(err, &e) {
		return plan.Errorf(0, e.Code, "parameter $%d: %s", i+1, e.Msg).WithHint("%s", e.Hint)
	}
	return fmt.Errorf("parameter $%d: %w", i+1, err)
}

// ParamsFrom returns the values of row i of a batch as parameters. Columns may be of
// any Arrow type that SQL has a value for; their names do not matter.
func ParamsFrom(batch arrow.RecordBatch, i int) ([]plan.Literal, error) {
	out := make([]plan.Literal, batch.NumCols())
	for k := range out {
		l, err := literalAt(batch.Column(k), i)
		if err != nil {
			return nil, inParam(err, k)
		}
		out[k] = l
	}
	return out, nil
}

// literalAt returns a value of an array of any Arrow type that SQL has a value for.
func literalAt(a arrow.Array, i int) (plan.Literal, error) {
	if d, ok := a.(*array.Dictionary); ok {
		if a.IsNull(i) {
			return plan.Literal{T: plan.Unknown}, nil
		}
		return literalAt(d.Dictionary(), d.GetValueIndex(i))
	}
	if u, ok := a.(*array.DenseUnion); ok {
		return literalAt(u.Field(u.ChildID(i)), int(u.ValueOffset(i)))
	}
	if a.DataType().ID() == arrow.NULL || a.IsNull(i) {
		return plan.Literal{T: plan.Unknown}, nil
	}
	if t, ok := textAt(a, i); ok {
		return plan.Literal{Value: t, T: plan.Text}, nil
	}
	if x, ok := integerAt(a, i); ok {
		return plan.Literal{Value: x, T: plan.Bigint}, nil
	}
	return otherAt(a, i)
}

func textAt(a arrow.Array, i int) (string, bool) {
	switch a := a.(type) {
	case *array.String:
		return a.Value(i), true
	case *array.LargeString:
		return a.Value(i), true
	case *array.StringView:
		return a.Value(i), true
	}
	return "", false
}

func integerAt(a arrow.Array, i int) (int64, bool) {
	switch a := a.(type) {
	case *array.Int8:
		return int64(a.Value(i)), true
	case *array.Int16:
		return int64(a.Value(i)), true
	case *array.Int32:
		return int64(a.Value(i)), true
	case *array.Int64:
		return a.Value(i), true
	case *array.Uint8:
		return int64(a.Value(i)), true
	case *array.Uint16:
		return int64(a.Value(i)), true
	case *array.Uint32:
		return int64(a.Value(i)), true
	}
	return 0, false
}

func otherAt(a arrow.Array, i int) (plan.Literal, error) {
	switch a := a.(type) {
	case *array.Uint64:
		if a.Value(i) > 1<<63-1 {
			return plan.Literal{}, plan.Errorf(0, plan.CodeOutOfRange, "%d is beyond the range of bigint", a.Value(i))
		}
		return plan.Literal{Value: int64(a.Value(i)), T: plan.Bigint}, nil
	case *array.Float64:
		return plan.Literal{Value: a.Value(i), T: plan.Double}, nil
	case *array.Float32:
		return plan.Literal{Value: float64(a.Value(i)), T: plan.Double}, nil
	case *array.Decimal128:
		return plan.Literal{Value: a.Value(i).ToFloat64(a.DataType().(*arrow.Decimal128Type).Scale), T: plan.Double}, nil
	case *array.Boolean:
		return plan.Literal{Value: a.Value(i), T: plan.Boolean}, nil
	case *array.Date32:
		return plan.Literal{Value: int64(a.Value(i)), T: plan.Date}, nil
	case *array.Date64:
		return plan.Literal{Value: int64(a.Value(i)) / (24 * 3600 * 1000), T: plan.Date}, nil
	case *array.Time32:
		return plan.Literal{Value: a.Value(i).ToTime(a.DataType().(*arrow.Time32Type).Unit).UnixMicro(), T: plan.Time}, nil
	case *array.Time64:
		return plan.Literal{Value: a.Value(i).ToTime(a.DataType().(*arrow.Time64Type).Unit).UnixMicro(), T: plan.Time}, nil
	case *array.Timestamp:
		t := a.DataType().(*arrow.TimestampType)
		l := plan.Literal{Value: a.Value(i).ToTime(t.Unit).UnixMicro(), T: plan.Timestamptz}
		if t.TimeZone == "" {
			l.T = plan.Timestamp
		}
		return l, nil
	case *array.MonthDayNanoInterval:
		v, err := eval.FromArray(a, plan.Interval)
		if err != nil {
			return plan.Literal{}, err
		}
		return v.Literal(i), nil
	case *array.Duration:
		micros, err := durationMicros(int64(a.Value(i)), a.DataType().(*arrow.DurationType).Unit)
		return plan.Literal{Value: plan.Span{Micros: micros}, T: plan.Interval}, err
	}
	return plan.Literal{}, plan.Errorf(0, plan.CodeTypeMismatch, "there is no SQL type for values of Arrow type %s", a.DataType())
}

func durationMicros(x int64, unit arrow.TimeUnit) (int64, error) {
	switch unit {
	case arrow.Nanosecond:
		return x / 1000, nil
	case arrow.Microsecond:
		return x, nil
	}
	scale := int64(1000)
	if unit == arrow.Second {
		scale = 1_000_000
	}
	if y := x * scale; y/scale == x {
		return y, nil
	}
	return 0, plan.Errorf(0, plan.CodeOutOfRange, "duration is out of range")
}
