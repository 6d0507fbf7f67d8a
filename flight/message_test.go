package flight

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/trellisdb/trellis/engine"
)

// messagesOf returns a batch as messages, the schema first.
func messagesOf(t testing.TB, batch arrow.RecordBatch, options ...ipc.Option) []*flight.FlightData {
	t.Helper()
	var to sent
	w := flight.NewRecordWriter(&to, append(options, ipc.WithSchema(batch.Schema()))...)
	if err := w.Write(batch); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return to.messages
}

// manyTypes returns a batch with columns of all kinds of layouts.
func manyTypes(t testing.TB) arrow.RecordBatch {
	t.Helper()
	number, text := arrow.PrimitiveTypes.Int32, arrow.BinaryTypes.String
	meta := arrow.NewMetadata([]string{"unit"}, []string{"K"})
	fields := []arrow.Field{
		{Name: "number", Type: number, Nullable: true, Metadata: meta},
		{Name: "text", Type: text, Nullable: true},
		{Name: "view", Type: arrow.BinaryTypes.StringView, Nullable: true},
		{Name: "dictionary", Type: &arrow.DictionaryType{IndexType: number, ValueType: text}, Nullable: true},
		{Name: "list", Type: arrow.ListOf(arrow.StructOf(arrow.Field{Name: "a", Type: number}, arrow.Field{Name: "b", Type: text})), Nullable: true},
		{Name: "fixed", Type: arrow.FixedSizeListOf(3, number), Nullable: true},
		{Name: "map", Type: arrow.MapOf(text, number), Nullable: true},
		{Name: "union", Type: arrow.DenseUnionOf([]arrow.Field{{Name: "x", Type: number}, {Name: "y", Type: text}}, []arrow.UnionTypeCode{0, 1})},
		{Name: "runs", Type: arrow.RunEndEncodedOf(number, text), Nullable: true},
		{Name: "null", Type: arrow.Null, Nullable: true},
		{Name: "decimal", Type: &arrow.Decimal128Type{Precision: 20, Scale: 2}, Nullable: true},
	}
	schema := arrow.NewSchema(fields, &meta)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, f := range b.Fields() {
		f.AppendEmptyValues(20)
		if f.Type().ID() != arrow.DENSE_UNION {
			f.AppendNulls(3)
		} else {
			f.AppendEmptyValues(3)
		}
	}
	return b.NewRecordBatch()
}

func TestHonestMessagesPass(t *testing.T) {
	batch := manyTypes(t)
	defer batch.Release()
	for _, option := range []ipc.Option{ipc.WithDictionaryDeltas(true), ipc.WithLZ4(), ipc.WithZstd()} {
		messages := messagesOf(t, batch, option)
		if err := checkAll(1<<20, messages...); err != nil {
			t.Error(err)
		}
		reader, err := flight.NewRecordReader(&sent{messages: messages})
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		if err := eachBatch(reader, func(_ int, b arrow.RecordBatch) error {
			rows += len(textRows(b))
			return nil
		}); err != nil || rows != int(batch.NumRows()) {
			t.Errorf("%d rows, %v", rows, err)
		}
		reader.Release()
	}
	wide := make([]arrow.Field, 5000)
	for i := range wide {
		wide[i] = arrow.Field{Name: fmt.Sprintf("plant/area %d/sensor", i), Type: arrow.PrimitiveTypes.Float64, Nullable: true}
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(wide, nil))
	defer b.Release()
	if err := checkAll(1<<20, messagesOf(t, b.NewRecordBatch())...); err != nil {
		t.Errorf("5000 columns: %v", err)
	}
}

// checkAll checks the messages of a stream.
func checkAll(limit int64, messages ...*flight.FlightData) error {
	in := incoming{limit: limit}
	for _, m := range messages {
		if err := in.check(m.GetDataHeader(), m.GetDataBody()); err != nil {
			return err
		}
	}
	return nil
}

func TestMessagesThatClaimTooMuchAreRefused(t *testing.T) {
	const limit = 1 << 20
	numbers := numbersBatch(0, 1000, 20)
	defer numbers.Release()
	compressed := messagesOf(t, numbers, ipc.WithLZ4())[1]
	plainOnes := messagesOf(t, numbers)
	schema := plainOnes[0]
	// patch changes the 8 bytes that hold a number in a message's header.
	patch := func(m *flight.FlightData, from, to int64) *flight.FlightData {
		old, replacement := binary.LittleEndian.AppendUint64(nil, uint64(from)), binary.LittleEndian.AppendUint64(nil, uint64(to))
		out := proto.Clone(m).(*flight.FlightData)
		if out.DataHeader = bytes.ReplaceAll(out.DataHeader, old, replacement); bytes.Equal(out.DataHeader, m.DataHeader) {
			t.Fatalf("no %d in the header", from)
		}
		return out
	}
	claim := func(size int64) *flight.FlightData {
		out := proto.Clone(compressed).(*flight.FlightData)
		at := 0 // the first buffer of the body that is there
		binary.LittleEndian.PutUint64(out.DataBody[at:], uint64(size))
		return out
	}
	tests := []struct {
		name    string
		message *flight.FlightData
		problem string
	}{
		{"a compressed buffer of 400 GiB", claim(400 << 30), "claims more bytes"},
		{"a compressed buffer of less than nothing", claim(-2), "claims more bytes"},
		{"a compressed buffer at the limit, with others", claim(limit), "more bytes"},
		{"2^60 rows", patch(plainOnes[1], 1000, 1<<60), "number of rows"},
		{"negative rows", patch(plainOnes[1], 1000, -1000), "number of rows"},
		{"a buffer beyond the body", patch(plainOnes[1], 8000, 1<<40), "beyond the end of the body"},
		{"buffers whose end overflows", patch(plainOnes[1], 8000, math.MaxInt64), "beyond the end of the body"},
		{"metadata of 9 MiB", &flight.FlightData{DataHeader: make([]byte, 9<<20)}, "8 MiB"},
		{"metadata that is nothing", &flight.FlightData{DataHeader: make([]byte, 64)}, "neither a schema nor a batch"},
		{"two bytes of metadata", &flight.FlightData{DataHeader: []byte{1, 2}}, "beyond its end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantCode(t, checkAll(limit, schema, tt.message), codes.InvalidArgument, tt.problem)
		})
	}
	wantCode(t, checkAll(limit, plainOnes[1]), codes.InvalidArgument, "does not begin with its one schema")
	wantCode(t, checkAll(limit, schema, schema), codes.InvalidArgument, "does not begin with its one schema")
	wantCode(t, checkAll(limit, &flight.FlightData{DataHeader: schema.DataHeader[:len(schema.DataHeader)/2]}), codes.InvalidArgument, "beyond")
	wantCode(t, checkAll(limit, &flight.FlightData{DataHeader: nestedSchema(40)}), codes.InvalidArgument, "nested too deeply")
}

func TestBatchesHaveWhatTheirSchemaNeeds(t *testing.T) {
	batch := manyTypes(t)
	defer batch.Release()
	all := messagesOf(t, batch)
	rows := all[len(all)-1]
	for i := range batch.NumCols() {
		one := array.NewRecordBatch(arrow.NewSchema(batch.Schema().Fields()[i:i+1], nil), batch.Columns()[i:i+1], batch.NumRows())
		own := messagesOf(t, one)
		if err := checkAll(1<<20, own...); err != nil {
			t.Errorf("%s: %v", batch.ColumnName(int(i)), err)
		}
		wantCode(t, checkAll(1<<20, all[0], own[len(own)-1]), codes.InvalidArgument, "fewer columns")
		if err := checkAll(1<<20, own[0], rows); err != nil && !strings.Contains(err.Error(), "fewer columns") {
			t.Errorf("%s: more columns than needed: %v", batch.ColumnName(int(i)), err)
		}
		one.Release()
	}
}

func TestDictionariesDoNotGrowForever(t *testing.T) {
	field := arrow.Field{Name: "d", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}}
	schema := arrow.NewSchema([]arrow.Field{field}, nil)
	b := array.NewDictionaryBuilder(memory.DefaultAllocator, field.Type.(*arrow.DictionaryType)).(*array.BinaryDictionaryBuilder)
	defer b.Release()
	var to sent
	w := flight.NewRecordWriter(&to, ipc.WithSchema(schema), ipc.WithDictionaryDeltas(true))
	in := incoming{limit: 1 << 20}
	for i := range 100 {
		if err := b.AppendString(strings.Repeat("x", 50_000) + fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		column := b.NewDictionaryArray() // with all values so far
		batch := array.NewRecordBatch(schema, []arrow.Array{column}, 1)
		if err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
		for _, m := range to.messages {
			if err := in.check(m.GetDataHeader(), m.GetDataBody()); err != nil {
				wantCode(t, err, codes.InvalidArgument, "")
				return
			}
		}
		to.messages = nil
		batch.Release()
		column.Release()
	}
	t.Error("5 MB of dictionaries were taken where a message may have 1 MiB")
}

// nestedSchema returns the metadata of a schema with a type nested to a depth.
func nestedSchema(depth int) []byte {
	var inner arrow.DataType = arrow.PrimitiveTypes.Int8
	for range depth {
		inner = arrow.StructOf(arrow.Field{Name: "x", Type: inner})
	}
	var to sent
	w := flight.NewRecordWriter(&to, ipc.WithSchema(arrow.NewSchema([]arrow.Field{{Name: "x", Type: inner}}, nil)))
	if err := w.Close(); err != nil {
		return nil
	}
	return to.messages[0].GetDataHeader()
}

// FuzzIncomingMessages feeds messages through the check and the reader: whatever
// comes, there is an error or a batch, and no more memory than the limit allows.
func FuzzIncomingMessages(f *testing.F) {
	batch := manyTypes(f)
	defer batch.Release()
	for _, option := range []ipc.Option{ipc.WithDictionaryDeltas(false), ipc.WithLZ4(), ipc.WithZstd()} {
		messages := messagesOf(f, batch, option)
		schema, rows := messages[0], messages[len(messages)-1]
		dictionary := messages[1]
		f.Add(schema.GetDataHeader(), dictionary.GetDataHeader(), dictionary.GetDataBody(), rows.GetDataHeader(), rows.GetDataBody())
	}
	f.Fuzz(func(t *testing.T, schema, dictionaryHeader, dictionaryBody, header, body []byte) {
		in := &sent{messages: []*flight.FlightData{
			{DataHeader: schema},
			{DataHeader: dictionaryHeader, DataBody: dictionaryBody},
			{DataHeader: header, DataBody: body},
		}}
		if checkAll(1<<20, in.messages...) != nil {
			return
		}
		reader, err := flight.NewRecordReader(in)
		if err != nil {
			return
		}
		defer reader.Release()
		err = eachBatch(reader, func(_ int, batch arrow.RecordBatch) error {
			for i := range int(min(batch.NumRows(), 100)) {
				if _, err := engine.ParamsFrom(batch, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Error("an error without words")
		}
	})
}
