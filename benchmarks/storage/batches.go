package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

const (
	second = int64(1_000_000)
	hour   = 3600 * second
	day    = 24 * hour
	// origin is 2015-01-01 00:00 UTC.
	origin = 1_420_070_400 * second
	// cycle is after how many samples the values begin again: what is measured does not
	// depend on them being new.
	cycle = 30 * 86_400
)

// sensor is the values of a sensor at 1 Hz: the wave of a day and noise, rounded to 0.01.
func sensor(seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, seed))
	out := make([]float64, cycle)
	for i := range out {
		out[i] = math.Round(100*(20+8*math.Sin(float64(i)*2*math.Pi/86_400)+r.NormFloat64()/4)) / 100
	}
	return out
}

// instant is the type of the column time.
var instant = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}

// column returns an array of values of a fixed width without a copy.
func column(t arrow.DataType, n int, bytes []byte) arrow.Array {
	data := array.NewData(t, n, []*memory.Buffer{nil, memory.NewBufferBytes(bytes)}, nil, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// shape is how samples lie in batches.
type shape struct {
	name   string
	wide   bool
	dict   bool // the column series of a long batch is a dictionary
	series int
	rows   int  // of a batch
	shared bool // all streams write to the same series, in turn
}

// samples is how many samples a batch has.
func (s shape) samples() int64 {
	if s.wide {
		return int64(s.rows) * int64(s.series)
	}
	return int64(s.rows)
}

// batches makes batches of a shape, each of which follows the last in time.
type batches struct {
	shape
	schema *arrow.Schema
	fixed  []arrow.Array // the column series, or nothing
	values []float64
	times  []int64 // of a batch that begins at 0
	length int64   // of time, of a batch
}

// newBatches returns batches of the series prefix0, prefix1, ...
func newBatches(s shape, prefix string, values []float64) *batches {
	b := &batches{shape: s, values: values, times: make([]int64, s.rows)}
	names := make([]string, s.series)
	for i := range names {
		names[i] = fmt.Sprintf("%s%06d", prefix, i)
	}
	if s.wide {
		fields := []arrow.Field{{Name: "time", Type: instant}}
		for _, n := range names {
			fields = append(fields, arrow.Field{Name: n, Type: arrow.PrimitiveTypes.Float64})
		}
		b.schema = arrow.NewSchema(fields, nil)
		b.length = int64(s.rows) * second
		for i := range b.times {
			b.times[i] = int64(i) * second
		}
		return b
	}
	of := make([]int32, s.rows) // row by row: all series of one second, then of the next
	for i := range of {
		of[i] = int32(i % s.series)
		b.times[i] = int64(i/s.series) * second
	}
	b.length = int64(s.rows/s.series) * second
	b.fixed = []arrow.Array{seriesColumn(names, of, s.dict)}
	b.schema = arrow.NewSchema([]arrow.Field{
		{Name: "series", Type: b.fixed[0].DataType()}, {Name: "time", Type: instant}, {Name: "value", Type: arrow.PrimitiveTypes.Float64},
	}, nil)
	return b
}

// seriesColumn returns the names by row, as text or as a dictionary.
func seriesColumn(names []string, of []int32, dict bool) arrow.Array {
	text := array.NewStringBuilder(memory.DefaultAllocator)
	defer text.Release()
	if !dict {
		for _, k := range of {
			text.Append(names[k])
		}
		return text.NewArray()
	}
	text.AppendValues(names, nil)
	values := text.NewArray()
	defer values.Release()
	codes := column(arrow.PrimitiveTypes.Int32, len(of), arrow.GetBytes(of))
	defer codes.Release()
	return array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, codes, values)
}

// batch returns the k-th batch, counted from 0.
func (b *batches) batch(k int64) arrow.RecordBatch {
	times := make([]int64, b.rows)
	for i, t := range b.times {
		times[i] = origin + k*b.length + t
	}
	columns := append(append([]arrow.Array(nil), b.fixed...), column(instant, b.rows, arrow.GetBytes(times)))
	count := 1
	if b.wide {
		count = b.series
	}
	for i := range count {
		at := (int(k)*b.rows + i*977) % (len(b.values) - b.rows)
		columns = append(columns, column(arrow.PrimitiveTypes.Float64, b.rows, arrow.GetBytes(b.values[at:at+b.rows])))
	}
	out := array.NewRecordBatch(b.schema, columns, int64(b.rows))
	for _, c := range columns[len(b.fixed):] {
		c.Release()
	}
	return out
}
