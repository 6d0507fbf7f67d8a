package plan

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// Type is an SQL type. There is one integer type and one of floating point:
// smallint, integer and bigint are Bigint; real, double precision and numeric
// are Double.
type Type uint8

// The types. Unknown is the type of a bare NULL and of a parameter of which
// nothing is known; it is cast to whatever is wanted.
const (
	Unknown     Type = iota
	Boolean          // bool
	Bigint           // int64
	Double           // float64
	Text             // UTF-8
	Timestamp        // wall clock, microseconds since 1970-01-01T00:00:00
	Timestamptz      // instant, microseconds since the Unix epoch
	Date             // days since 1970-01-01
	Time             // time of day, microseconds
	Interval         // months, days, microseconds
	JSON             // UTF-8 holding JSON
)

var typeNames = [...]string{
	Unknown: "unknown", Boolean: "boolean", Bigint: "bigint", Double: "double precision", Text: "text",
	Timestamp: "timestamp without time zone", Timestamptz: "timestamp with time zone", Date: "date",
	Time: "time without time zone", Interval: "interval", JSON: "json",
}

// Width says which of PostgreSQL's narrower types a Bigint or Double stands for.
type Width uint8

// The widths. Wide is bigint for a Bigint and double precision for a Double.
const (
	Wide Width = iota
	Int2
	Int4
	Float4
)

var widthNames = [...]string{Int2: "smallint", Int4: "integer", Float4: "real"}

// String returns the name of the type, empty for Wide.
func (w Width) String() string {
	if int(w) < len(widthNames) {
		return widthNames[w]
	}
	return fmt.Sprintf("width(%d)", uint8(w))
}

// String returns the type's name as PostgreSQL prints it.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// Arrow returns the Arrow type in which values of the type are held.
func (t Type) Arrow() arrow.DataType {
	switch t {
	case Boolean:
		return arrow.FixedWidthTypes.Boolean
	case Bigint:
		return arrow.PrimitiveTypes.Int64
	case Double:
		return arrow.PrimitiveTypes.Float64
	case Timestamp:
		return TimestampType
	case Timestamptz:
		return TimestamptzType
	case Date:
		return arrow.FixedWidthTypes.Date32
	case Time:
		return arrow.FixedWidthTypes.Time64us
	case Interval:
		return arrow.FixedWidthTypes.MonthDayNanoInterval
	case Unknown:
		return arrow.Null
	default:
		return arrow.BinaryTypes.String
	}
}

// The Arrow types of Timestamp and Timestamptz.
var (
	TimestampType   = &arrow.TimestampType{Unit: arrow.Microsecond}
	TimestamptzType = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
)

// Span is the value of an Interval literal. It is added months first, then days,
// then microseconds, as in PostgreSQL.
type Span struct {
	Months, Days int32
	Micros       int64
}

// Field is a column of a node's output.
type Field struct {
	Table string // alias of the table it comes from; empty where it has none
	Name  string
	Type  Type
}
