package eval

import (
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/engine/plan"
)

// benchRows is a batch as scans make them: value, time, int_value, series.
const benchRows = 1 << 16

func benchBatch() arrow.RecordBatch {
	value, stamp := Vector{T: plan.Double, Len: benchRows}, Vector{T: plan.Timestamptz, Len: benchRows}
	whole, name := Vector{T: plan.Bigint, Len: benchRows}, Vector{T: plan.Text, Len: benchRows}
	for i := range benchRows {
		value.Floats = append(value.Floats, 20+10*math.Sin(float64(i)/1000))
		stamp.Ints = append(stamp.Ints, 1_717_243_200_000_000+int64(i)*60_000_000)
		whole.Ints = append(whole.Ints, int64(i*7919%1000))
		name.Strs = append(name.Strs, "plant1/boiler/steam.temp")
	}
	fields := []plan.Field{{Name: "value", Type: plan.Double}, {Name: "time", Type: plan.Timestamptz}, {Name: "int_value", Type: plan.Bigint}, {Name: "series", Type: plan.Text}}
	return array.NewRecordBatch(Schema(fields), []arrow.Array{value.Array(), stamp.Array(), whole.Array(), name.Array()}, benchRows)
}

var benchTypes = []plan.Type{plan.Double, plan.Timestamptz, plan.Bigint, plan.Text}

func perRow(b *testing.B) {
	ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / benchRows
	b.ReportMetric(ns, "ns/row")
	b.ReportMetric(1000/ns, "Mrows/s")
}

func BenchmarkSelect(b *testing.B) {
	batch := benchBatch()
	for _, text := range []string{
		"$1 > 20", "$2 >= '2024-06-10 00:00+00'", "$3 = 500", "$1 > 15 AND $1 < 25", "$1 > 15 AND $3 < 100", "$1 > 15 OR $3 < 100", "$1 > $1 + 1", "$1 IS NOT NULL",
		"$4 = 'plant1/boiler/steam.temp'", "$4 LIKE 'plant1/%'", "$3 IN (1, 2, 500)",
	} {
		b.Run(text, func(b *testing.B) {
			p, err := Compile(overColumns(b, text, benchTypes...), testEnv(b, "Europe/Berlin"))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, _, err := p.Select(batch); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b)
		})
	}
}

func BenchmarkVector(b *testing.B) {
	batch := benchBatch()
	for _, text := range []string{
		"$1 + 1", "$1 * $1 - 2", "$3 + 1", "$1 / 3", "round($1, 2)", "abs($1)", "time_bucket('1 hour', $2)", "time_bucket('1 month', $2, 'America/Santiago')", "date_trunc('day', $2)",
		"extract(hour FROM $2)", "extract(dow FROM $2)", "extract(year FROM $2)", "$2 AT TIME ZONE 'America/Santiago'", "CASE WHEN $1 > 20 THEN 1 ELSE 0 END", "upper($4)", "$2 + interval '1 hour'", "$2::text",
	} {
		b.Run(text, func(b *testing.B) {
			p, err := Compile(overColumns(b, text, benchTypes...), testEnv(b, "Europe/Berlin"))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := p.Vector(batch); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b)
		})
	}
}
