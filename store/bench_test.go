package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
)

// Stretches of time.
const (
	benchFrom = int64(1420070400) * second // 2015-01-01
	hour      = 3600 * second
	day       = 24 * hour
)

// sensor returns n samples a period apart, rounded to 0.01.
func sensor(s columnar.Series, from int64, n int, r *rand.Rand) columnar.Samples {
	in := columnar.Samples{Series: s, Times: make([]int64, n), Floats: make([]float64, n)}
	for i := range n {
		t := from + int64(i)*s.Grid.Period
		in.Times[i] = t
		in.Floats[i] = math.Round(100*(20+8*math.Sin(float64(t)/float64(day))+r.NormFloat64()/10)) / 100
	}
	return in
}

func newDiskDatabase(b *testing.B) *database {
	d := newDatabase(b)
	dir, err := object.OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	d.bucket = dir
	d.open(b)
	return d
}

func BenchmarkAppendWholeBlocks(b *testing.B) {
	d := newDiskDatabase(b)
	s := d.create(b, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 3600})
	in := sensor(s, benchFrom, 100*3600, rand.New(rand.NewPCG(1, 1)))
	b.ResetTimer()
	for range b.N {
		d.append(b, in)
		for i := range in.Times {
			in.Times[i] += int64(in.Len()) * second
		}
	}
	rate(b, int64(b.N)*int64(in.Len()))
}

func BenchmarkAppendOneSampleOfManySeries(b *testing.B) {
	d := newDiskDatabase(b)
	const n = 100_000
	var create []meta.Series
	for i := range n {
		create = append(create, meta.Series{
			Series: columnar.Series{Type: columnar.Double, Grid: columnar.Grid{Period: second, BlockLen: 3600}},
			Name:   fmt.Sprint(i), Zone: "UTC", Codec: "auto", Labels: "{}",
		})
	}
	made, err := d.catalog.CreateSeries(context.Background(), create)
	if err != nil {
		b.Fatal(err)
	}
	batch := make([]columnar.Samples, n)
	for i := range batch {
		batch[i] = columnar.Samples{Series: made[i].Series, Times: []int64{benchFrom}, Floats: []float64{float64(i)}}
	}
	b.ResetTimer()
	for range b.N {
		d.append(b, batch...)
		for i := range batch {
			batch[i].Times[0] += second
		}
	}
	rate(b, int64(b.N)*n)
}

func BenchmarkAppendOneSampleByManyWriters(b *testing.B) {
	d := newDiskDatabase(b)
	var series []columnar.Series
	for i := range 64 {
		series = append(series, d.create(b, fmt.Sprint(i), columnar.Double, columnar.Grid{Period: second, BlockLen: 3600}))
	}
	b.ResetTimer()
	var wg sync.WaitGroup
	for _, s := range series {
		wg.Go(func() {
			for i := range b.N {
				d.append(b, columnar.Samples{Series: s, Times: []int64{benchFrom + int64(i)*second}, Floats: []float64{1}})
			}
		})
	}
	wg.Wait()
	rate(b, int64(b.N)*64)
}

func rate(b *testing.B, samples int64) {
	b.ReportMetric(float64(samples)/b.Elapsed().Seconds()/1e6, "Msamples/s")
}

// newTenYears writes blocks so that there are ten years, by appending ever the
// same values: what is measured does not depend on them.
func newTenYears(b *testing.B) (*database, columnar.Series) {
	d := newDiskDatabase(b)
	s := d.create(b, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 3600})
	in := sensor(s, benchFrom, 24*3600*30, rand.New(rand.NewPCG(1, 1)))
	begin := time.Now()
	for in.Times[0] < benchFrom+3652*day {
		d.append(b, in)
		for i := range in.Times {
			in.Times[i] += int64(in.Len()) * second
		}
	}
	d.flush(b)
	b.Logf("ten years written in %v, %d segments of %d bytes", time.Since(begin), len(d.Segments()), d.Segments()[0].Size)
	return d, s
}

func BenchmarkTenYears(b *testing.B) {
	d, s := newTenYears(b)
	santiago, err := zone.Load("America/Santiago")
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		stats columnar.Stats
		bins  columnar.Bins
	}{
		{"month", columnar.StatSum | columnar.StatRange, calendar(b, santiago, "1 month")},
		{"month with all", columnar.AllStats, calendar(b, santiago, "1 month")},
		{"day", columnar.StatSum | columnar.StatRange, calendar(b, santiago, "1 day")},
		{"quarter of an hour in a year", columnar.StatSum, calendar(b, santiago, "15 minutes")},
	} {
		b.Run(c.name, func(b *testing.B) {
			sel := columnar.Selection{
				Series: []columnar.Series{s}, Ranges: [][]columnar.Range{{{From: benchFrom, To: benchFrom + 3650*day}}},
				Qualities: columnar.Usable, Bins: []columnar.Bins{c.bins}, Stats: c.stats, Counters: new(columnar.Counters),
			}
			if c.name == "quarter of an hour in a year" {
				sel.Ranges[0][0].To = benchFrom + 365*day
			}
			rows := 0
			for range b.N {
				rows = len(readSummaries(b, d.Store, sel))
			}
			b.ReportMetric(float64(rows), "rows")
			b.ReportMetric(float64(sel.Counters.Decoded.Load())/float64(b.N), "decoded")
			b.ReportMetric(float64(sel.Counters.Summarized.Load())/float64(b.N), "summarized")
		})
	}
	for _, columns := range []columnar.Columns{columnar.ColValue, allColumns} {
		b.Run(fmt.Sprintf("scan a year, columns %b", columns), func(b *testing.B) {
			sel := columnar.Selection{
				Series: []columnar.Series{s}, Ranges: [][]columnar.Range{{{From: benchFrom, To: benchFrom + 365*day}}},
				Qualities: columnar.Usable, Columns: columns,
			}
			n := int64(0)
			for range b.N {
				stream, err := d.Samples(context.Background(), sel)
				if err != nil {
					b.Fatal(err)
				}
				for {
					batch, err := stream.Next(context.Background())
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					n += batch.NumRows()
					batch.Release()
				}
				if err := stream.Close(); err != nil {
					b.Fatal(err)
				}
			}
			rate(b, n)
		})
	}
	b.Run("decode a year by month", func(b *testing.B) {
		sel := columnar.Selection{
			Series: []columnar.Series{s}, Ranges: [][]columnar.Range{{{From: benchFrom, To: benchFrom + 365*day}}},
			Qualities: columnar.Usable, Bins: []columnar.Bins{calendar(b, santiago, "1 month")},
			Stats: columnar.StatSum | columnar.StatRange, Decode: true,
		}
		for range b.N {
			readSummaries(b, d.Store, sel)
		}
		rate(b, int64(b.N)*365*86400)
	})
	b.Run("overwrite an hour and flush", func(b *testing.B) {
		r := rand.New(rand.NewPCG(1, 1))
		for range b.N {
			d.append(b, sensor(s, benchFrom+r.Int64N(3000*24)*hour+second, 3600, r))
			d.flush(b)
		}
	})
}

// localBins makes columnar.Bins of zone.Bins.
type localBins struct{ zone.Bins }

// Bin implements columnar.Bins.
func (b localBins) Bin(t int64) zone.Bin { return b.At(t) }

func calendar(b testing.TB, z *zone.Zone, name string) columnar.Bins {
	b.Helper()
	w := map[string]zone.Width{
		"1 month": {Months: 1}, "1 day": {Days: 1}, "15 minutes": {Micros: 900 * second},
	}[name]
	bins, err := zone.NewBins(w, z, zone.DefaultOrigin(w))
	if err != nil {
		b.Fatal(err)
	}
	return localBins{bins}
}

func BenchmarkThousandSeriesByMonth(b *testing.B) {
	d := newDiskDatabase(b)
	sel := columnar.Selection{
		Qualities: columnar.Usable, Stats: columnar.StatSum | columnar.StatRange, Counters: new(columnar.Counters),
	}
	utc, err := zone.Load("UTC")
	if err != nil {
		b.Fatal(err)
	}
	bins := calendar(b, utc, "1 month")
	r := rand.New(rand.NewPCG(1, 1))
	year := []columnar.Range{{From: benchFrom, To: benchFrom + 365*day}}
	grid := columnar.Grid{Period: 60 * second, BlockLen: 1440}
	in := sensor(columnar.Series{Grid: grid}, benchFrom, 365*1440, r)
	for i := range 1000 {
		in.Series = d.create(b, fmt.Sprint(i), columnar.Double, grid)
		d.append(b, in)
		sel.Series = append(sel.Series, in.Series)
		sel.Ranges, sel.Bins = append(sel.Ranges, year), append(sel.Bins, bins)
	}
	d.flush(b)
	b.ResetTimer()
	for range b.N {
		if rows := len(readSummaries(b, d.Store, sel)); rows != 12_000 {
			b.Fatal(rows, "rows")
		}
	}
	b.ReportMetric(float64(d.Stats().CacheBytes)/(1<<20), "MiB-of-indexes")
	b.ReportMetric(float64(sel.Counters.Decoded.Load()), "decoded")
}
