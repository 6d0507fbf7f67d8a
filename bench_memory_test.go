package trellis_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// BenchmarkManySeries asks for ten years of ten thousand series, of a sample a day, by
// series and month, and by month alone, through the embedded door. The bytes that are
// allocated are what the collector has to work off under a memory limit.
func BenchmarkManySeries(b *testing.B) {
	db := openTest(b, b.TempDir())
	defer func() {
		if err := db.Close(context.WithoutCancel(b.Context())); err != nil {
			b.Fatal(err)
		}
	}()
	loadManySeries(b, db)
	for _, q := range []struct{ name, text string }{
		{"by series and month", byMonth},
		{"by month", "SELECT time_bucket('1 month', time, 'UTC') AS month, avg(value) FROM samples GROUP BY 1 ORDER BY 1"},
	} {
		b.Run(q.name, func(b *testing.B) {
			s := db.Engine.NewSession("bench")
			b.ReportAllocs()
			for b.Loop() {
				if err := drainQuery(b.Context(), db.Engine, s, q.text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func loadManySeries(b *testing.B, db *trellis.DB) {
	b.Helper()
	var missing []meta.Series
	for k := range memorySeries {
		s := meta.Series{Name: memoryName(k)}
		s.Type, s.Grid.Period = columnar.Double, 24*time.Hour.Microseconds()
		missing = append(missing, s.WithDefaults())
	}
	all, err := db.Catalog.CreateSeries(b.Context(), missing)
	if err != nil {
		b.Fatal(fmt.Errorf("create: %w", err))
	}
	days := int64(memoryTo.Sub(memoryFrom) / (24 * time.Hour))
	times, values := make([]int64, days), make([]float64, days)
	for k, s := range all {
		for i := range days {
			times[i], values[i] = memoryFrom.UnixMicro()+i*s.Grid.Period, memoryValue(k, i)
		}
		if err := db.Store.Append(b.Context(), []columnar.Samples{{Series: s.Series, Times: times, Floats: values}}); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Store.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}
