package ingest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

// catalog is a catalog in memory.
type catalog struct {
	series  map[string]meta.Series
	creates int // calls of CreateSeries
}

func (c *catalog) Lookup(_ context.Context, names []string) ([]meta.Series, error) {
	out := make([]meta.Series, len(names))
	for i, name := range names {
		out[i] = c.series[name]
	}
	return out, nil
}

func (c *catalog) CreateSeries(_ context.Context, series []meta.Series) ([]meta.Series, error) {
	c.creates++
	for i := range series {
		series[i].ID = int64(len(c.series) + 1)
		c.series[series[i].Name] = series[i]
	}
	return series, nil
}

const minute = 60_000_000

// testCatalog holds a series of each type, named by it, and one that stamps ends.
func testCatalog() *catalog {
	c := &catalog{series: map[string]meta.Series{}}
	for typ := columnar.Double; typ <= columnar.Text; typ++ {
		s := meta.Series{Series: columnar.Series{ID: int64(typ), Type: typ, Grid: columnar.Grid{Period: minute, BlockLen: 1440}}, Name: typ.String()}
		if typ == columnar.Enum {
			s.States = []string{"off", "auto", "manual"}
		}
		c.series[s.Name] = s
	}
	end := c.series["double"]
	end.Name, end.ID, end.LabelEnd = "end", 99, true
	c.series["end"] = end
	return c
}

// column is a column of a batch under construction.
type column struct {
	name string
	data arrow.Array
}

func batch(columns ...column) arrow.RecordBatch {
	var fields []arrow.Field
	var arrays []arrow.Array
	for _, c := range columns {
		fields = append(fields, arrow.Field{Name: c.name, Type: c.data.DataType(), Nullable: true})
		arrays = append(arrays, c.data)
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, int64(arrays[0].Len()))
}

// fill makes an array of Go values by Arrow's own reading of text; nil is NULL.
func fill(t arrow.DataType, values ...any) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, t)
	defer b.Release()
	for _, v := range values {
		if v == nil {
			b.AppendNull()
		} else if err := b.AppendValueFromString(fmt.Sprint(v)); err != nil {
			panic(err)
		}
	}
	return b.NewArray()
}

func words(values ...any) arrow.Array { return fill(arrow.BinaryTypes.String, values...) }

func doubles(values ...any) arrow.Array { return fill(arrow.PrimitiveTypes.Float64, values...) }

// stamps are instants in microseconds, nil for NULL.
func stamps(values ...any) arrow.Array {
	return stampsOf(&arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, values...)
}

func stampsOf(t *arrow.TimestampType, values ...any) arrow.Array {
	b := array.NewTimestampBuilder(memory.DefaultAllocator, t)
	defer b.Release()
	for _, v := range values {
		if v == nil {
			b.AppendNull()
		} else {
			b.Append(arrow.Timestamp(v.(int)))
		}
	}
	return b.NewArray()
}

// localStamps are local times without a zone, as 2006-01-02 15:04.
func localStamps(texts ...string) arrow.Array {
	b := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Second})
	defer b.Release()
	for _, text := range texts {
		b.Append(arrow.Timestamp(mustTime(text).Unix()))
	}
	return b.NewArray()
}

func mustTime(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}

// show writes samples down: series: time=value/status, …
func show(all []columnar.Samples) string {
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "%d:", s.Series.ID)
		for i := range s.Len() {
			fmt.Fprintf(&b, " %d=", s.Times[i])
			switch {
			case s.Void != nil && s.Void.Has(i):
				b.WriteString("none")
			case s.Floats != nil:
				fmt.Fprint(&b, s.Floats[i])
			case s.Ints != nil:
				fmt.Fprint(&b, s.Ints[i])
			default:
				fmt.Fprintf(&b, "%q", s.Texts[i])
			}
			if s.Status != nil && s.Status[i] != columnar.StatusGood {
				fmt.Fprintf(&b, "/%x", uint32(s.Status[i]))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestLongBatches(t *testing.T) {
	tests := []struct {
		name    string
		columns []column
		want    string
	}{
		{
			"a sample per row, series by series",
			[]column{{"series", words("double", "integer", "double")}, {"time", stamps(1, 2, 3)}, {"value", doubles(1.5, 2, -3)}},
			"1: 1=1.5 3=-3\n3: 2=2\n",
		},
		{
			"a NULL and a NaN are samples without a value",
			[]column{{"series", words("double", "double", "integer", "integer")}, {"time", stamps(1, 2, 3, 4)}, {"value", doubles(nil, math.NaN(), nil, math.NaN())}},
			"1: 1=none/809b0000 2=none/809b0000\n3: 3=none/809b0000 4=none/809b0000\n",
		},
		{
			"int_value is exact beyond 2^53",
			[]column{{"series", words("integer", "integer")}, {"time", stamps(1, 2)}, {"int_value", fill(arrow.PrimitiveTypes.Int64, "9007199254740993", "-9223372036854775808")}},
			"3: 1=9007199254740993 2=-9223372036854775808\n",
		},
		{
			"each row takes the column that its type wants",
			[]column{
				{"series", words("double", "integer", "enum", "text", "boolean")},
				{"time", stamps(1, 2, 3, 4, 5)},
				{"value", doubles(1.5, nil, nil, nil, 1)},
				{"int_value", fill(arrow.PrimitiveTypes.Int64, nil, 7, nil, nil, nil)},
				{"text", words(nil, nil, "manual", "hello", nil)},
			},
			"1: 1=1.5\n3: 2=7\n5: 3=2\n6: 4=\"hello\"\n4: 5=1\n",
		},
		{
			"text in the column value",
			[]column{{"series", words("text", "enum", "boolean", "boolean")}, {"time", stamps(1, 2, 3, 4)}, {"value", words("x", "auto", "true", "0")}},
			"6: 1=\"x\"\n5: 2=1\n4: 3=1 4=0\n",
		},
		{
			"enum ordinals",
			[]column{{"series", words("enum", "enum")}, {"time", stamps(1, 2)}, {"value", doubles(0, 2)}},
			"5: 1=0 2=2\n",
		},
		{
			"booleans into a double series",
			[]column{{"series", words("double", "double", "boolean")}, {"time", stamps(1, 2, 3)}, {"value", fill(arrow.FixedWidthTypes.Boolean, true, false, true)}},
			"1: 1=1 2=0\n4: 3=1\n",
		},
		{
			"a float series rounds to float32",
			[]column{{"series", words("float")}, {"time", stamps(1)}, {"value", doubles(0.1)}},
			"2: 1=0.10000000149011612\n",
		},
		{
			"qualities",
			[]column{{"series", words("double", "double", "double", "double")}, {"time", stamps(1, 2, 3, 4)}, {"value", doubles(1, 2, 3, 4)}, {"quality", words("good", "uncertain", "bad", nil)}},
			"1: 1=1 2=2/40000000 3=3/80000000 4=4\n",
		},
		{
			"a status outweighs a quality",
			[]column{{"series", words("double", "double")}, {"time", stamps(1, 2)}, {"value", doubles(1, 2)}, {"quality", words("bad", "uncertain")}, {"status", fill(arrow.PrimitiveTypes.Uint32, "1083179008", nil)}},
			"1: 1=1/40900000 2=2/40000000\n",
		},
		{
			"without a value the status is bad, and stays what bad it was",
			[]column{{"series", words("double", "double")}, {"time", stamps(1, 2)}, {"value", doubles(nil, nil)}, {"status", fill(arrow.PrimitiveTypes.Int64, "2150891520", 0)}},
			"1: 1=none/80340000 2=none/809b0000\n",
		},
		{
			"stamps of ends belong to the interval before",
			[]column{{"series", words("end", "double")}, {"time", stamps(minute, minute)}, {"value", doubles(1, 2)}},
			"99: 0=1\n1: 60000000=2\n",
		},
		{
			"only a status",
			[]column{{"series", words("double")}, {"time", stamps(1)}, {"status", fill(arrow.PrimitiveTypes.Int64, "2147483648")}, {"value", doubles(nil)}},
			"1: 1=none/80000000\n",
		},
		{"no rows", []column{{"series", words()}, {"time", stamps()}, {"value", doubles()}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader(testCatalog(), Options{})
			got, err := r.Read(t.Context(), batch(tt.columns...))
			if err != nil {
				t.Fatal(err)
			}
			if show(got) != tt.want {
				t.Errorf("got\n%swant\n%s", show(got), tt.want)
			}
		})
	}
}

func TestWideBatches(t *testing.T) {
	r := NewReader(testCatalog(), Options{Renamed: map[string]string{"T1": "double", "when": "time"}})
	got, err := r.Read(t.Context(), batch(
		column{"when", stamps(1, 2, 3)}, column{"T1", doubles(1.5, nil, math.NaN())}, column{"integer", fill(arrow.PrimitiveTypes.Int32, 7, 8, nil)},
		column{"enum", words("off", nil, "auto")}, column{"end", doubles(nil, nil, nil)}, column{"text", words(nil, "", "x")}))
	if err != nil {
		t.Fatal(err)
	}
	const want = "1: 1=1.5 3=none/809b0000\n3: 1=7 2=8\n5: 1=0 3=1\n6: 2=\"\" 3=\"x\"\n"
	if show(got) != want {
		t.Errorf("got\n%swant\n%s", show(got), want)
	}
	if c := r.Counts(); c != (Counts{Rows: 3, Samples: 8, Empty: 1, Moved: 8, MaxShift: 3, Collided: 4}) {
		t.Errorf("counts are %+v", c)
	}
}

// TestEveryEncodingReadsAlike sends the same rows in all encodings that Arrow has.
func TestEveryEncodingReadsAlike(t *testing.T) {
	names, values, texts := []any{"double", "double", "integer", "double"}, []any{1, nil, 3, 4}, []any{"off", "off", nil, "auto"}
	dictionary := func(index arrow.DataType, a arrow.Array, codes ...any) arrow.Array {
		return array.NewDictionaryArray(&arrow.DictionaryType{IndexType: index, ValueType: a.DataType()}, fill(index, codes...), a)
	}
	runs := func(a arrow.Array, ends ...any) arrow.Array {
		return array.NewRunEndEncodedArray(fill(arrow.PrimitiveTypes.Int32, ends...), a, 4, 0)
	}
	nameColumns := map[string]arrow.Array{
		"plain": words(names...), "large": fill(arrow.BinaryTypes.LargeString, names...), "view": fill(arrow.BinaryTypes.StringView, names...),
		"dictionary": dictionary(arrow.PrimitiveTypes.Uint8, words("integer", "double"), 1, 1, 0, 1),
		"runs":       runs(words("double", "integer", "double"), 2, 3, 4),
		"sliced":     array.NewSlice(words("x", "double", "double", "integer", "double", "y"), 1, 5),
		"sliced runs": array.NewSlice(array.NewRunEndEncodedArray(fill(arrow.PrimitiveTypes.Int32, 3, 4, 6),
			words("double", "integer", "double"), 6, 0), 1, 5),
		"dictionary that repeats itself": dictionary(arrow.PrimitiveTypes.Int16, words("double", "double", "integer"), 0, 1, 2, 1),
	}
	valueColumns := map[string]arrow.Array{
		"double": doubles(values...), "float": fill(arrow.PrimitiveTypes.Float32, values...), "half": fill(arrow.FixedWidthTypes.Float16, values...),
		"int8": fill(arrow.PrimitiveTypes.Int8, values...), "int16": fill(arrow.PrimitiveTypes.Int16, values...), "int32": fill(arrow.PrimitiveTypes.Int32, values...), "int64": fill(arrow.PrimitiveTypes.Int64, values...),
		"uint8": fill(arrow.PrimitiveTypes.Uint8, values...), "uint16": fill(arrow.PrimitiveTypes.Uint16, values...), "uint32": fill(arrow.PrimitiveTypes.Uint32, values...), "uint64": fill(arrow.PrimitiveTypes.Uint64, values...),
		"decimal": fill(&arrow.Decimal128Type{Precision: 10, Scale: 2}, values...), "whole decimal": fill(&arrow.Decimal128Type{Precision: 10}, values...), "wide decimal": fill(&arrow.Decimal256Type{Precision: 50, Scale: 3}, values...),
		"dictionary": dictionary(arrow.PrimitiveTypes.Int8, doubles(4, 3, 1, nil), 2, nil, 1, 0), "dictionary of NULL": dictionary(arrow.PrimitiveTypes.Int8, doubles(4, 3, 1, nil), 2, 3, 1, 0),
		"runs": runs(doubles(1, nil, 3, 4), 1, 2, 3, 4), "sliced": array.NewSlice(doubles(9, 9, 1, nil, 3, 4), 2, 6),
	}
	utc := func(unit arrow.TimeUnit) *arrow.TimestampType {
		return &arrow.TimestampType{Unit: unit, TimeZone: "Europe/Berlin"}
	}
	timeColumns := map[string]arrow.Array{
		"seconds": stampsOf(utc(arrow.Second), -1, 0, 1, 2), "milliseconds": stampsOf(utc(arrow.Millisecond), -1000, 0, 1000, 2000), "microseconds": stampsOf(utc(arrow.Microsecond), -1_000_000, 0, 1_000_000, 2_000_000),
		"nanoseconds": stampsOf(utc(arrow.Nanosecond), -1_000_000_000, 999, 1_000_000_000, 2_000_000_001), "sliced": array.NewSlice(stampsOf(utc(arrow.Second), 7, -1, 0, 1, 2), 1, 5),
		"dictionary": dictionary(arrow.PrimitiveTypes.Int32, stampsOf(utc(arrow.Second), 2, 1, 0, -1), 3, 2, 1, 0), "runs": runs(stampsOf(utc(arrow.Second), -1, 0, 1, 2), 1, 2, 3, 4),
		"local of UTC": stampsOf(&arrow.TimestampType{Unit: arrow.Second}, -1, 0, 1, 2),
	}
	textColumns := map[string]arrow.Array{
		"plain": words(texts...), "view": fill(arrow.BinaryTypes.StringView, texts...), "dictionary": dictionary(arrow.PrimitiveTypes.Uint32, words("auto", "off"), 1, 1, nil, 0),
		"nulls": array.NewNull(4),
	}
	check := func(t *testing.T, want string, columns ...column) {
		t.Helper()
		got, err := NewReader(testCatalog(), Options{Zone: zone.UTC}).Read(t.Context(), batch(columns...))
		if err != nil {
			t.Fatal(err)
		}
		if show(got) != want {
			t.Errorf("got\n%swant\n%s", show(got), want)
		}
	}
	const want = "1: -1000000=1 0=none/809b0000 2000000=4\n3: 1000000=3\n"
	for name, a := range nameColumns {
		t.Run("series as "+name, func(t *testing.T) {
			check(t, want, column{"series", a}, column{"time", timeColumns["seconds"]}, column{"value", valueColumns["double"]})
		})
	}
	for name, a := range valueColumns {
		t.Run("value as "+name, func(t *testing.T) {
			check(t, want, column{"series", nameColumns["plain"]}, column{"time", timeColumns["seconds"]}, column{"value", a})
		})
	}
	for name, a := range timeColumns {
		t.Run("time as "+name, func(t *testing.T) {
			check(t, want, column{"series", nameColumns["plain"]}, column{"time", a}, column{"value", valueColumns["double"]})
		})
	}
	for name, a := range textColumns {
		t.Run("text as "+name, func(t *testing.T) {
			states := "5: -1000000=0 0=0 1000000=none/809b0000 2000000=1\n"
			if name == "nulls" {
				states = "5: -1000000=none/809b0000 0=none/809b0000 1000000=none/809b0000 2000000=none/809b0000\n"
			}
			check(t, states, column{"series", words("enum", "enum", "enum", "enum")}, column{"time", timeColumns["seconds"]}, column{"text", a})
		})
	}
}

func TestDatesAreMidnights(t *testing.T) {
	berlin, err := zone.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []arrow.Array{fill(arrow.FixedWidthTypes.Date32, "2024-07-01"), fill(arrow.FixedWidthTypes.Date64, "2024-07-01")} {
		got, err := NewReader(testCatalog(), Options{Zone: berlin}).Read(t.Context(), batch(column{"time", a}, column{"double", doubles(1)}))
		if err != nil {
			t.Fatal(err)
		}
		if want := mustTime("2024-06-30 22:00").UnixMicro(); got[0].Times[0] != want {
			t.Errorf("%s: %d, want %d", a.DataType(), got[0].Times[0], want)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	one, at := words("double"), stamps(1)
	ok := func(n int) (out []any) {
		for range n {
			out = append(out, "double")
		}
		return out
	}
	tests := []struct {
		name    string
		columns []column
		code    string
		message string // a part of it
	}{
		{"no time", []column{{"series", one}, {"value", doubles(1)}}, plan.CodeUndefColumn, "no column time"},
		{"no value", []column{{"series", one}, {"time", at}}, plan.CodeUndefColumn, "neither value"},
		{"nothing but time", []column{{"time", at}}, plan.CodeUndefColumn, "no other"},
		{"a column twice", []column{{"time", at}, {"double", doubles(1)}, {"double", doubles(1)}}, plan.CodeDuplicateAlias, `two columns named "double"`},
		{"a column that samples have not", []column{{"series", one}, {"time", at}, {"value", doubles(1)}, {"colour", one}}, plan.CodeUndefColumn, `no column "colour"`},
		{"a series that does not exist", []column{{"series", words("double", "nobody")}, {"time", stamps(1, 2)}, {"value", doubles(1, 2)}}, plan.CodeUnknownSeries, `row 2: series "nobody" does not exist`},
		{"a wide series that does not exist", []column{{"time", at}, {"nobody", doubles(1)}}, plan.CodeUnknownSeries, `series "nobody" does not exist`},
		{"a NULL series", []column{{"series", words("double", nil)}, {"time", stamps(1, 2)}, {"value", doubles(1, 2)}}, plan.CodeNotNull, "row 2: series is NULL"},
		{"a NULL time", []column{{"series", words(ok(2)...)}, {"time", stamps(1, nil)}, {"value", doubles(1, 2)}}, plan.CodeNotNull, "row 2: time is NULL"},
		{"a time before the year 1", []column{{"series", one}, {"time", stamps(-1 << 60)}, {"value", doubles(1)}}, plan.CodeDatetimeRange, "row 1: time is outside"},
		{"a time that overflows", []column{{"series", one}, {"time", stampsOf(&arrow.TimestampType{Unit: arrow.Second, TimeZone: "UTC"}, 1<<60)}, {"value", doubles(1)}}, plan.CodeDatetimeRange, "row 1: time is outside"},
		{"a time without a zone", []column{{"series", one}, {"time", localStamps("2024-01-01 00:00")}, {"value", doubles(1)}}, plan.CodeTypeMismatch, "no zone"},
		{"a time that is none", []column{{"series", one}, {"time", doubles(1)}, {"value", doubles(1)}}, plan.CodeTypeMismatch, "column time is of Arrow type float64"},
		{"an infinite value", []column{{"series", words(ok(3)...)}, {"time", stamps(1, 2, 3)}, {"value", doubles(1, math.Inf(-1), 3)}}, plan.CodeOutOfRange, `row 2: series "double": value -Inf`},
		{"a value beyond the largest", []column{{"series", one}, {"time", at}, {"value", doubles(1e200)}}, plan.CodeOutOfRange, "cannot be stored"},
		{"a value beyond float32", []column{{"series", words("float")}, {"time", at}, {"value", doubles(1e39)}}, plan.CodeOutOfRange, "cannot be stored"},
		{"a fraction for an integer", []column{{"series", words("integer")}, {"time", at}, {"value", doubles(1.5)}}, plan.CodeOutOfRange, "1.5 is not a whole number"},
		{"a number beyond integers", []column{{"series", words("integer")}, {"time", at}, {"value", doubles(1e19)}}, plan.CodeOutOfRange, "not a whole number in its range"},
		{"an unsigned number beyond bigint", []column{{"series", words("integer")}, {"time", at}, {"value", fill(arrow.PrimitiveTypes.Uint64, "9223372036854775808")}}, plan.CodeOutOfRange, "row 1: "},
		{"a decimal beyond bigint", []column{{"series", words("integer")}, {"time", at}, {"value", fill(&arrow.Decimal128Type{Precision: 30}, "9223372036854775808")}}, plan.CodeOutOfRange, "row 1: "},
		{"a boolean that is neither", []column{{"series", words("boolean")}, {"time", at}, {"value", doubles(2)}}, plan.CodeOutOfRange, "2 is neither 0 nor 1"},
		{"a state that there is not", []column{{"series", words("enum", "enum")}, {"time", stamps(1, 2)}, {"text", words("auto", "broken")}}, plan.CodeInvalidValue, `row 2: series "enum" has no state "broken"`},
		{"an ordinal without a state", []column{{"series", words("enum")}, {"time", at}, {"value", doubles(3)}}, plan.CodeOutOfRange, "no state of ordinal 3"},
		{"text for a double", []column{{"series", one}, {"time", at}, {"text", words("x")}}, plan.CodeTypeMismatch, `"double" is of type double`},
		{"a number for text", []column{{"series", words("text")}, {"time", at}, {"value", doubles(1)}}, plan.CodeTypeMismatch, `"text" is of type text`},
		{"text for an integer", []column{{"series", words("integer")}, {"time", at}, {"value", words("7")}}, plan.CodeTypeMismatch, "no number"},
		{"a text that is too long", []column{{"series", words("text")}, {"time", at}, {"text", words(strings.Repeat("x", columnar.MaxTextLen+1))}}, plan.CodeOutOfRange, "longer than"},
		{"a quality that there is not", []column{{"series", one}, {"time", at}, {"value", doubles(1)}, {"quality", words("fine")}}, plan.CodeInvalidValue, `row 1: quality "fine"`},
		{"a status beyond 32 bits", []column{{"series", one}, {"time", at}, {"value", doubles(1)}, {"status", fill(arrow.PrimitiveTypes.Int64, "4294967296")}}, plan.CodeOutOfRange, "row 1: status 4294967296"},
		{"a status that is no integer", []column{{"series", one}, {"time", at}, {"value", doubles(1)}, {"status", doubles(1)}}, plan.CodeTypeMismatch, "status"},
		{"a column of structs", []column{{"time", at}, {"double", fill(arrow.BinaryTypes.Binary, "eHg=")}}, plan.CodeTypeMismatch, "where numbers are wanted"},
		{"the first of several mistakes", []column{{"series", words("integer", "double", "integer", "double")}, {"time", stamps(1, 2, 3, nil)}, {"value", doubles(1, 2, 1.5, math.Inf(1))}}, plan.CodeOutOfRange, "row 3: "},
		{"the first of mistakes in two series", []column{{"series", words("integer", "double", "integer")}, {"time", stamps(1, 2, 3)}, {"value", doubles(1, math.Inf(1), 1.5)}}, plan.CodeOutOfRange, "row 2: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader(testCatalog(), Options{})
			got, err := r.Read(t.Context(), batch(tt.columns...))
			var mistake *plan.Error
			if !errors.As(err, &mistake) || mistake.Code != tt.code || !strings.Contains(mistake.Msg, tt.message) {
				t.Fatalf("got %v, want code %s and %q", err, tt.code, tt.message)
			}
			if got != nil || r.Counts() != (Counts{}) {
				t.Errorf("a refused batch left samples or counts: %v", r.Counts())
			}
		})
	}
}

func TestRepeatedHoursAreResolvedByOrder(t *testing.T) {
	berlin, err := zone.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(testCatalog(), Options{Zone: berlin})
	read := func(series []any, values []any, texts ...string) ([]int64, error) {
		got, err := r.Read(t.Context(), batch(column{"series", words(series...)}, column{"time", localStamps(texts...)}, column{"value", doubles(values...)}))
		if err != nil {
			return nil, err
		}
		var out []int64
		for _, s := range got {
			for _, x := range s.Times {
				out = append(out, x/minute-mustTime("2024-10-27 00:00").Unix()/60)
			}
		}
		return out, nil
	}
	steps := []struct {
		name   string
		series []any
		values []any
		texts  []string
		want   []int64 // minutes after midnight UTC; nil: refused
	}{
		{"the first 2 o'clock", []any{"double", "double"}, []any{1, 2}, []string{"2024-10-27 02:00", "2024-10-27 02:30"}, []int64{0, 30}},
		{"another series knows nothing of it", []any{"integer"}, []any{1}, []string{"2024-10-27 02:30"}, []int64{30}},
		{"a refused batch does not move the clock", []any{"double", "double"}, []any{1, math.Inf(1)}, []string{"2024-10-27 02:00", "2024-10-27 02:30"}, nil},
		{"the second 2 o'clock, in the next batch", []any{"double", "double"}, []any{1, 2}, []string{"2024-10-27 02:00", "2024-10-27 02:30"}, []int64{60, 90}},
		{"and on", []any{"double"}, []any{1}, []string{"2024-10-27 03:00"}, []int64{120}},
		{"a stamp that never was", []any{"double"}, []any{1}, []string{"2025-03-30 02:30"}, nil},
	}
	for _, step := range steps {
		got, err := read(step.series, step.values, step.texts...)
		if step.want == nil {
			var mistake *plan.Error
			if !errors.As(err, &mistake) || !strings.HasPrefix(mistake.Msg, "row ") {
				t.Errorf("%s: error %v", step.name, err)
			}
			continue
		}
		if err != nil || !slices.Equal(got, step.want) {
			t.Errorf("%s: %v (%v), want %v", step.name, got, err, step.want)
		}
	}
}

func TestUnknownSeriesAreMadeOfTheTemplate(t *testing.T) {
	c := testCatalog()
	r := NewReader(c, Options{Template: &meta.Series{Series: columnar.Series{Type: columnar.Double, Grid: columnar.Grid{Period: minute}}, Unit: "°C"}})
	_, err := r.Read(t.Context(), batch(column{"series", words("new/a", "new/b")}, column{"time", stamps(1, 2)}, column{"value", doubles(1, math.Inf(1))}))
	if err == nil || c.creates != 0 || len(c.series) != 7 {
		t.Fatalf("a refused batch made series: %v, %d", err, len(c.series))
	}
	for range 2 {
		got, err := r.Read(t.Context(), batch(column{"series", words("new/a", "new/b", "new/a")}, column{"time", stamps(1, 2, 3)}, column{"value", doubles(1, 2, 3)}))
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"new/a", "new/b"} {
			made := c.series[name]
			if made.ID == 0 || got[i].Series != made.Series || made.Unit != "°C" || made.Zone != "UTC" || made.Grid.BlockLen == 0 {
				t.Errorf("%s is %+v, its samples are of %+v", name, made, got[i].Series)
			}
		}
	}
	if c.creates != 1 || r.Counts().Created != 2 {
		t.Errorf("%d calls created %d series", c.creates, r.Counts().Created)
	}
}

func TestOneSeriesIsNotCopied(t *testing.T) {
	values, times := doubles(1, 2, 3), stamps(1, 2, 3)
	got, err := NewReader(testCatalog(), Options{}).Read(t.Context(), batch(column{"series", words("double", "double", "double")}, column{"time", times}, column{"value", values}))
	if err != nil {
		t.Fatal(err)
	}
	if &got[0].Floats[0] != &values.(*array.Float64).Float64Values()[0] {
		t.Error("the values were copied")
	}
	if &got[0].Times[0] != &int64s(times.(*array.Timestamp))[0] {
		t.Error("the times were copied")
	}
}

func TestWholeDecimalsAreExact(t *testing.T) {
	b := array.NewDecimal128Builder(memory.DefaultAllocator, &arrow.Decimal128Type{Precision: 19})
	defer b.Release()
	b.Append(decimal128.FromI64(-9007199254740993))
	got, err := NewReader(testCatalog(), Options{}).Read(t.Context(), batch(column{"time", stamps(1)}, column{"integer", b.NewArray()}))
	if err != nil || got[0].Ints[0] != -9007199254740993 {
		t.Errorf("%v, error %v", got, err)
	}
}

func TestColumnsOfTypeNullHoldNothing(t *testing.T) {
	got, err := NewReader(testCatalog(), Options{}).Read(t.Context(), batch(column{"series", words("double", "text")}, column{"time", stamps(1, 2)}, column{"value", array.NewNull(2)}, column{"text", array.NewNull(2)}, column{"status", array.NewNull(2)}))
	if err != nil {
		t.Fatal(err)
	}
	if want := "1: 1=none/809b0000\n6: 2=none/809b0000\n"; show(got) != want {
		t.Errorf("got\n%swant\n%s", show(got), want)
	}
	if got, err = NewReader(testCatalog(), Options{}).Read(t.Context(), batch(column{"time", stamps(1)}, column{"double", array.NewNull(1)})); err != nil || len(got) != 0 {
		t.Errorf("a wide column of NULLs made %v, error %v", got, err)
	}
}
