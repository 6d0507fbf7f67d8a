package flight

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql/schema_ref"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"

	"github.com/trellisdb/trellis/engine/plan"
)

// sqlType is what ODBC and JDBC want to know of a type; nil: not applicable.
type sqlType struct {
	plan.Type
	code    pb.XdbcDataType
	size    any // digits, characters or bits, int32
	quoted  bool
	numeric bool
	sort    pb.XdbcDataType // the verbose code, as that of all dates and times
	subcode any             // of dates, times and intervals, int32
	scale   any             // digits after the point, int32
}

// sqlTypes are the SQL types in the order of the specification: by code, then name.
var sqlTypes = []sqlType{
	{Type: plan.Boolean, code: pb.XdbcDataType_XDBC_BIT, size: int32(1), sort: pb.XdbcDataType_XDBC_BIT},
	{Type: plan.Bigint, code: pb.XdbcDataType_XDBC_BIGINT, size: int32(19), numeric: true, sort: pb.XdbcDataType_XDBC_BIGINT, scale: int32(0)},
	{Type: plan.Double, code: pb.XdbcDataType_XDBC_DOUBLE, size: int32(53), numeric: true, sort: pb.XdbcDataType_XDBC_DOUBLE},
	{Type: plan.Interval, code: pb.XdbcDataType_XDBC_INTERVAL, size: int32(49), quoted: true, sort: pb.XdbcDataType_XDBC_INTERVAL, scale: int32(6)},
	{Type: plan.JSON, code: pb.XdbcDataType_XDBC_VARCHAR, size: int32(1<<31 - 1), quoted: true, sort: pb.XdbcDataType_XDBC_VARCHAR},
	{Type: plan.Text, code: pb.XdbcDataType_XDBC_VARCHAR, size: int32(1<<31 - 1), quoted: true, sort: pb.XdbcDataType_XDBC_VARCHAR},
	{Type: plan.Date, code: pb.XdbcDataType_XDBC_DATE, size: int32(13), quoted: true, sort: pb.XdbcDataType_XDBC_DATETIME, subcode: int32(1)},
	{Type: plan.Time, code: pb.XdbcDataType_XDBC_TIME, size: int32(15), quoted: true, sort: pb.XdbcDataType_XDBC_DATETIME, subcode: int32(2), scale: int32(6)},
	{Type: plan.Timestamptz, code: pb.XdbcDataType_XDBC_TIMESTAMP, size: int32(35), quoted: true, sort: pb.XdbcDataType_XDBC_DATETIME, subcode: int32(5), scale: int32(6)},
	{Type: plan.Timestamp, code: pb.XdbcDataType_XDBC_TIMESTAMP, size: int32(29), quoted: true, sort: pb.XdbcDataType_XDBC_DATETIME, subcode: int32(3), scale: int32(6)},
}

// row returns the type's row of XdbcTypeInfo.
func (t sqlType) row() []any {
	const nullable, searchable = int32(1), int32(3) // values may be NULL; all of WHERE
	var prefix, suffix, unsigned, radix any
	if t.quoted {
		prefix, suffix = "'", "'"
	}
	if t.numeric {
		unsigned, radix = false, int32(10)
		if t.Type == plan.Double {
			radix = int32(2)
		}
	}
	return []any{
		t.String(), int32(t.code), t.size, prefix, suffix,
		[]string{},
		nullable, t.Type == plan.Text || t.Type == plan.JSON, searchable,
		unsigned, false, false, t.String(), t.scale, t.scale, int32(t.sort), t.subcode, radix, nil,
	}
}

// GetFlightInfoXdbcTypeInfo answers for DoGetXdbcTypeInfo.
func (c *commands) GetFlightInfoXdbcTypeInfo(_ context.Context, _ flightsql.GetXdbcTypeInfo, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return listing(desc, schema_ref.XdbcTypeInfo), nil
}

// DoGetXdbcTypeInfo lists the SQL types, or those with one code.
func (c *commands) DoGetXdbcTypeInfo(_ context.Context, cmd flightsql.GetXdbcTypeInfo) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	var rows [][]any
	for _, t := range sqlTypes {
		if code := cmd.GetDataType(); code == nil || *code == int32(t.code) {
			rows = append(rows, t.row())
		}
	}
	return tableOf(schema_ref.XdbcTypeInfo, rows)
}
