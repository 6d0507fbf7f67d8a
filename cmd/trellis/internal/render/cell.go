package render

import (
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
)

// kind is what a column holds, as far as showing it is concerned.
type kind uint8

const (
	words kind = iota
	numbers
	booleans
)

// kindOf returns the kind of a type.
func kindOf(t arrow.DataType) kind {
	switch t.ID() {
	case arrow.BOOL:
		return booleans
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64,
		arrow.FLOAT16, arrow.FLOAT32, arrow.FLOAT64, arrow.DECIMAL128, arrow.DECIMAL256:
		return numbers
	}
	return words
}

// cell returns the text of a value that is not NULL, as PostgreSQL prints it; instants
// are shown in z.
func cell(a arrow.Array, i int, z *zone.Zone) string {
	switch a := a.(type) {
	case *array.Float64:
		return plan.FormatDouble(a.Value(i))
	case *array.Float32:
		return strconv.FormatFloat(float64(a.Value(i)), 'g', -1, 32)
	case *array.Int64:
		return strconv.FormatInt(a.Value(i), 10)
	case *array.String:
		return a.Value(i)
	case *array.Boolean:
		return strconv.FormatBool(a.Value(i))
	case *array.Timestamp:
		t := a.DataType().(*arrow.TimestampType)
		micros := a.Value(i).ToTime(t.Unit).UnixMicro()
		if t.Unit == arrow.Microsecond {
			micros = int64(a.Value(i))
		}
		if t.TimeZone == "" {
			return plan.FormatTimestamp(micros)
		}
		return plan.FormatTimestamptz(micros, z)
	case *array.Date32:
		return plan.FormatDate(int64(a.Value(i)))
	case *array.Time64:
		return plan.FormatValue(int64(a.Value(i)), plan.Time, z)
	case *array.MonthDayNanoInterval:
		v := a.Value(i)
		return plan.FormatInterval(plan.Span{Months: v.Months, Days: v.Days, Micros: v.Nanoseconds / 1000})
	case *array.Dictionary:
		return cell(a.Dictionary(), a.GetValueIndex(i), z)
	case *array.Binary:
		return fmt.Sprintf(`\x%x`, a.Value(i))
	}
	return a.ValueStr(i)
}
