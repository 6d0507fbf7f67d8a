package trellis_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine"
)

// tenYears is where the years of the benchmarks begin, 2015-01-01T00:00:00Z, and how
// many seconds they have.
const (
	tenYears        = 1_420_070_400
	tenYearsSeconds = 315_619_200
)

// loadTenYears fills a database with ten years at 1 Hz of one series: a daily cycle
// with noise, rounded to 0.01.
func loadTenYears(b *testing.B, db *trellis.DB) {
	b.Helper()
	s := db.Engine.NewSession("bench")
	d := embedded{db.Engine, s}
	if _, err := d.exec(b.Context(), `INSERT INTO series (series, type, sample_t, zone) VALUES ('plant1/boiler/steam.temp', 'double', '1 second', 'America/Santiago')`); err != nil {
		b.Fatal(err)
	}
	all, err := db.Catalog.Series(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	const batch = 1 << 20
	begin := time.Now()
	times, values := make([]int64, batch), make([]float64, batch)
	for from := int64(0); from < tenYearsSeconds; from += batch {
		n := min(batch, tenYearsSeconds-from)
		for i := range n {
			t := tenYears + from + i
			times[i] = t * 1_000_000
			values[i] = float64(sensor(t)) / 100
		}
		samples := columnar.Samples{Series: all[0].Series, Times: times[:n], Floats: values[:n]}
		if err := db.Store.Append(b.Context(), []columnar.Samples{samples}); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Store.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Logf("loaded %d samples in %v", tenYearsSeconds, time.Since(begin))
}

// sensor is a temperature in hundredths of a degree: a triangle over the day, another
// over the year, and noise.
func sensor(t int64) int64 {
	const day, year = 86400, 31_556_952
	triangle := func(t, period, height int64) int64 {
		x := t % period * 2 * height / period
		return min(x, 2*height-x)
	}
	h := uint64(t) * 0x9e3779b97f4a7c15
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	return 18_000 + triangle(t, day, 800) + triangle(t, year, 1500) + int64(h>>60) - 8
}

// BenchmarkTenYears asks questions about ten years at 1 Hz, through the embedded
// door, with everything in segments and nothing declared beforehand.
func BenchmarkTenYears(b *testing.B) {
	db := openTest(b, b.TempDir())
	defer func() {
		if err := db.Close(context.WithoutCancel(b.Context())); err != nil {
			b.Fatal(err)
		}
	}()
	loadTenYears(b, db)
	where := " FROM samples WHERE series = 'plant1/boiler/steam.temp'"
	questions := []struct{ name, text string }{
		{"by month", "SELECT time_bucket('1 month', time, 'Europe/Berlin'), avg(value), min(value), max(value)" + where + " AND time >= '2015-01-01' GROUP BY 1 ORDER BY 1"},
		{"by local day", "SELECT time_bucket('1 day', time), avg(value), min(value), max(value)" + where + " GROUP BY 1 ORDER BY 1"},
		{"six in the morning", "SELECT date_trunc('month', local_time), avg(value)" + where + " AND extract(hour FROM local_time) = 6 GROUP BY 1 ORDER BY 1"},
		{"deviation and integral by month", "SELECT time_bucket('1 month', time), stddev(value), time_weighted_avg(value)" + where + " GROUP BY 1 ORDER BY 1"},
		{"a month of samples above a value", "SELECT count(*), avg(value)" + where + " AND time >= '2020-06-01' AND time < '2020-07-01' AND value > 190"},
	}
	client := wire{serveTest(b, db, func() int64 { return time.Now().UnixMicro() })}
	for _, q := range questions {
		b.Run(q.name+"/flight", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := client.query(b.Context(), q.text); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(q.name+"/embedded", func(b *testing.B) {
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

func drainQuery(ctx context.Context, e *engine.Engine, s *engine.Session, text string) (err error) {
	st, err := e.Prepare(ctx, s, text)
	if err != nil {
		return err
	}
	rows, err := e.Query(ctx, s, st, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for {
		batch, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		batch.Release()
	}
}
