package ingest

import (
	"context"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// allNames is a catalog that has every series that it is asked for.
type allNames struct{}

func (allNames) Lookup(_ context.Context, names []string) ([]meta.Series, error) {
	out := make([]meta.Series, len(names))
	for i, name := range names {
		out[i] = meta.Series{Series: columnar.Series{ID: int64(i + 1), Type: columnar.Double, Grid: columnar.Grid{Period: 1_000_000, BlockLen: 3600}}, Name: name}
	}
	return out, nil
}

func (allNames) CreateSeries(context.Context, []meta.Series) ([]meta.Series, error) {
	panic("they exist")
}

// longBatch returns rows of so many series in turn.
func longBatch(rows, series int, dictionary bool) arrow.RecordBatch {
	names := array.NewStringBuilder(memory.DefaultAllocator)
	at := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"})
	values, codes := array.NewFloat64Builder(memory.DefaultAllocator), array.NewInt32Builder(memory.DefaultAllocator)
	for i := range rows {
		if !dictionary || i < series {
			names.Append(fmt.Sprintf("plant/line/sensor%06d", i%series))
		}
		codes.Append(int32(i % series))
		at.Append(arrow.Timestamp(i / series * 1_000_000))
		values.Append(float64(i))
	}
	column := names.NewArray()
	if dictionary {
		column = array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, codes.NewArray(), column)
	}
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "series", Type: column.DataType()}, {Name: "time", Type: at.Type()}, {Name: "value", Type: arrow.PrimitiveTypes.Float64},
	}, nil)
	return array.NewRecordBatch(schema, []arrow.Array{column, at.NewArray(), values.NewArray()}, int64(rows))
}

func BenchmarkLong(b *testing.B) {
	for _, c := range []struct {
		rows, series int
		dictionary   bool
	}{{1 << 16, 1, false}, {1 << 16, 1, true}, {1 << 16, 8, false}, {1 << 16, 8, true}, {100_000, 100_000, false}, {100_000, 100_000, true}} {
		b.Run(fmt.Sprintf("%d rows of %d series, dictionary %v", c.rows, c.series, c.dictionary), func(b *testing.B) {
			batch, r := longBatch(c.rows, c.series, c.dictionary), NewReader(allNames{}, Options{})
			if _, err := r.Read(context.Background(), batch); err != nil { // which finds the series
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Read(context.Background(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*float64(c.rows)/b.Elapsed().Seconds()/1e6, "Msamples/s")
		})
	}
}
