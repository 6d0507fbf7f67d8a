package render

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
)

// batches is a stream of batches that ends with an error.
type batches struct {
	schema *arrow.Schema
	left   []arrow.RecordBatch
	end    error
}

func (b *batches) Schema() *arrow.Schema { return b.schema }
func (b *batches) Close() error          { return nil }

func (b *batches) Next(context.Context) (arrow.RecordBatch, error) {
	if len(b.left) == 0 {
		return nil, b.end
	}
	batch := b.left[0]
	b.left = b.left[1:]
	return batch, nil
}

// everything returns a row of every type, and one of NULLs.
func everything() *batches {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "t", Type: plan.TimestamptzType, Nullable: true},
		{Name: "l", Type: plan.TimestampType, Nullable: true},
		{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "d", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
		{Name: "c", Type: arrow.FixedWidthTypes.Time64us, Nullable: true},
		{Name: "i", Type: arrow.FixedWidthTypes.MonthDayNanoInterval, Nullable: true},
		{Name: "f", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.TimestampBuilder).Append(1711846200_500000)
	b.Field(1).(*array.TimestampBuilder).Append(1711846200_000000)
	b.Field(2).(*array.Float64Builder).Append(math.NaN())
	b.Field(3).(*array.Int64Builder).Append(math.MaxInt64)
	b.Field(4).(*array.BooleanBuilder).Append(true)
	b.Field(5).(*array.StringBuilder).Append("a,\"b\"<\x1b[31m\nc")
	b.Field(6).(*array.Date32Builder).Append(19813)
	b.Field(7).(*array.Time64Builder).Append(3_600_000_000)
	b.Field(8).(*array.MonthDayNanoIntervalBuilder).Append(arrow.MonthDayNanoInterval{Months: 14, Days: -3, Nanoseconds: 1_500_000_000})
	b.Field(9).(*array.Float32Builder).Append(0.1)
	for _, f := range b.Fields() {
		f.AppendNull()
	}
	return &batches{schema: schema, left: []arrow.RecordBatch{b.NewRecordBatch()}, end: io.EOF}
}

func write(t *testing.T, rows *batches, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := Write(t.Context(), &b, rows, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEveryTypeHasATextInEveryFormat(t *testing.T) {
	berlin, err := zone.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	want := "t,l,x,n,b,s,d,c,i,f\n" +
		"2024-03-31 01:50:00.5+01,2024-03-31 00:50:00,NaN,9223372036854775807,true,\"a,\"\"b\"\"<\x1b[31m\nc\",2024-03-31,01:00:00,1 year 2 mons -3 days +00:00:01.5,0.1\n" +
		",,,,,,,,,\n"
	if got := write(t, everything(), Options{Format: CSV, Zone: berlin}); got != want {
		t.Errorf("CSV is\n%s, want\n%s", got, want)
	}
	want = `{"t":"2024-03-31T01:50:00.5+01:00","l":"2024-03-31T00:50:00","x":"NaN","n":9223372036854775807,"b":true,"s":"a,\"b\"<\u001b[31m\nc","d":"2024-03-31","c":"01:00:00","i":"1 year 2 mons -3 days +00:00:01.5","f":0.1}` + "\n" +
		`{"t":null,"l":null,"x":null,"n":null,"b":null,"s":null,"d":null,"c":null,"i":null,"f":null}` + "\n"
	if got := write(t, everything(), Options{Format: Lines, Zone: berlin}); got != want {
		t.Errorf("lines of JSON are\n%s, want\n%s", got, want)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(write(t, everything(), Options{Format: JSON})), &list); err != nil || len(list) != 2 || list[0]["t"] != "2024-03-31T00:50:00.5Z" {
		t.Errorf("JSON is %v, %v", list, err)
	}
	table := write(t, everything(), Options{Format: Table})
	if strings.Contains(table, "\x1b") || strings.Count(table, null) != 10 || !strings.Contains(table, " 9223372036854775807 │") {
		t.Errorf("the table is\n%s", table)
	}
}

func TestFilesAreReadBack(t *testing.T) {
	o := everything()
	reader, err := ipc.NewFileReader(strings.NewReader(write(t, everything(), Options{Format: Arrow})))
	if err != nil {
		t.Fatal(err)
	}
	batch, err := reader.RecordBatch(0)
	if err != nil || !reader.Schema().Equal(o.schema) || !array.RecordApproxEqual(batch, o.left[0], array.WithNaNsEqual(true)) {
		t.Errorf("the Arrow file holds %v, %v", batch, err)
	}
	table, err := pqarrow.ReadTable(t.Context(), strings.NewReader(write(t, everything(), Options{Format: Parquet})), parquet.NewReaderProperties(nil), pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	if table.NumRows() != 2 || table.Schema().Field(0).Type.String() != "timestamp[us, tz=UTC]" || table.Column(8).Data().Chunk(0).ValueStr(0) != "1 year 2 mons -3 days +00:00:01.5" {
		t.Errorf("the Parquet file holds %v", table)
	}
}

func TestNoRowsAreStillAnAnswer(t *testing.T) {
	for format, want := range map[Format]string{CSV: "t,l,x,n,b,s,d,c,i,f\n", JSON: "[\n]\n", Lines: ""} {
		rows := everything()
		rows.left = nil
		if got := write(t, rows, Options{Format: format}); got != want {
			t.Errorf("%s is %q, want %q", format, got, want)
		}
	}
}

func TestATableFitsItsLine(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "a", Type: arrow.BinaryTypes.String}, {Name: "b", Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for range 3 {
		b.Field(0).(*array.Int64Builder).Append(1234567890)
		b.Field(1).(*array.StringBuilder).Append(strings.Repeat("wide ", 40))
		b.Field(2).(*array.StringBuilder).Append("short")
	}
	rows := &batches{schema: schema, left: []arrow.RecordBatch{b.NewRecordBatch()}, end: io.EOF}
	got := write(t, rows, Options{Format: Table, Width: 60})
	for line := range strings.Lines(got) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 60 {
			t.Errorf("a line has %d characters: %s", n, line)
		}
	}
	if !strings.Contains(got, "1234567890") || !strings.Contains(got, "…") || !strings.Contains(got, "short") {
		t.Errorf("the table is\n%s", got)
	}
}

func TestATableEndsAtItsRows(t *testing.T) {
	rows := everything()
	var b bytes.Buffer
	shown, err := Write(t.Context(), &b, rows, Options{Format: Table, MaxRows: 1})
	if err != nil || shown != (Shown{Rows: 1, More: true}) || strings.Count(b.String(), null) != 0 {
		t.Errorf("%+v, %v:\n%s", shown, err, b.String())
	}
}

func TestAPlanHasNoFrame(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "QUERY PLAN", Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.StringBuilder).AppendValues([]string{"Scan", "  Rows: 1"}, nil)
	if got := write(t, &batches{schema: schema, left: []arrow.RecordBatch{b.NewRecordBatch()}, end: io.EOF}, Options{Format: Table}); got != "Scan\n  Rows: 1\n" {
		t.Errorf("a plan is shown as %q", got)
	}
}

func TestRowsBeforeAnErrorAreShown(t *testing.T) {
	failed := errors.New("failed")
	for format, want := range map[Format]bool{Table: true, CSV: true, Lines: true, JSON: false} {
		rows := everything()
		rows.end = failed
		var b bytes.Buffer
		_, err := Write(t.Context(), &b, rows, Options{Format: format})
		if !errors.Is(err, failed) || (b.Len() > 0) != want {
			t.Errorf("%s: %v and %d bytes", format, err, b.Len())
		}
	}
}

// full is a writer without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestAFullDiskIsAnError(t *testing.T) {
	for _, format := range Formats {
		if _, err := Write(t.Context(), full{}, everything(), Options{Format: format}); err == nil {
			t.Errorf("%s is written to a writer without room", format)
		}
	}
}

func TestFormatsAreKnownByName(t *testing.T) {
	for _, f := range Formats {
		if got, err := ParseFormat(strings.ToUpper(string(f))); got != f || err != nil {
			t.Errorf("%s is %s, %v", f, got, err)
		}
	}
	if _, err := ParseFormat("sheet"); err == nil {
		t.Error("sheet is a format")
	}
}
