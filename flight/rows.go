package flight

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// listing is the FlightInfo of a command for metadata: its ticket is the command.
func listing(desc *flight.FlightDescriptor, schema *arrow.Schema) *flight.FlightInfo {
	return &flight.FlightInfo{
		Schema:           flight.SerializeSchema(schema, memory.DefaultAllocator),
		FlightDescriptor: desc,
		Endpoint:         []*flight.FlightEndpoint{{Ticket: &flight.Ticket{Ticket: desc.GetCmd()}}},
		TotalRecords:     -1,
		TotalBytes:       -1,
	}
}

// tableOf is the answer to a command for metadata: one batch of rows. The values of a
// row are of the Go types of the schema's columns; nil is NULL.
func tableOf(schema *arrow.Schema, rows [][]any) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, row := range rows {
		for i, value := range row {
			if err := appendValue(b.Field(i), value); err != nil {
				return nil, nil, fmt.Errorf("column %s: %w", schema.Field(i).Name, err)
			}
		}
	}
	chunks := make(chan flight.StreamChunk, 1)
	chunks <- flight.StreamChunk{Data: b.NewRecordBatch()}
	close(chunks)
	return schema, chunks, nil
}

// appendValue adds a value to a column.
func appendValue(b array.Builder, value any) error {
	if value == nil {
		b.AppendNull()
		return nil
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		return appendTo(b.Append, value)
	case *array.BinaryBuilder:
		return appendTo(b.Append, value)
	case *array.BooleanBuilder:
		return appendTo(b.Append, value)
	case *array.Int32Builder:
		return appendTo(b.Append, value)
	case *array.Int64Builder:
		return appendTo(b.Append, value)
	case *array.Uint8Builder:
		return appendTo(b.Append, value)
	case *array.Uint32Builder:
		return appendTo(b.Append, value)
	case *array.MapBuilder:
		b.Append(true)
		return appendPairs(b, value)
	case *array.ListBuilder:
		b.Append(true)
		return appendItems(b.ValueBuilder(), value)
	case *array.DenseUnionBuilder:
		return appendInfo(b, value)
	}
	return fmt.Errorf("no values are appended to a %T", b)
}

func appendTo[T any](add func(T), value any) error {
	v, ok := value.(T)
	if !ok {
		return fmt.Errorf("a %T where a %T belongs", value, v)
	}
	add(v)
	return nil
}

// appendItems adds the elements of a list.
func appendItems(b array.Builder, list any) error {
	switch list := list.(type) {
	case []string:
		for _, v := range list {
			if err := appendValue(b, v); err != nil {
				return err
			}
		}
		return nil
	case []int32:
		for _, v := range list {
			if err := appendValue(b, v); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("a %T where a list belongs", list)
}
