package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/metatest"
	"github.com/trellisdb/trellis/meta/sqlite"
)

const manySeries = 100_000

// openMany opens a catalog that has many series.
func openMany(b *testing.B) *sqlite.Catalog {
	b.Helper()
	c, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "catalog.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	var list []meta.Series
	for i := range manySeries {
		list = append(list, series(fmt.Sprintf("plant/area%03d/sensor%06d", i%300, i))...)
	}
	if _, err := c.CreateSeries(b.Context(), list); err != nil {
		b.Fatal(err)
	}
	if _, err := c.Series(b.Context()); err != nil {
		b.Fatal(err)
	}
	return c
}

func BenchmarkCreateManySeries(b *testing.B) {
	for b.Loop() {
		openMany(b)
	}
	b.ReportMetric(float64(manySeries)*float64(b.N)/b.Elapsed().Seconds(), "series/s")
}

func BenchmarkSeriesWhenNothingChanged(b *testing.B) {
	c := openMany(b)
	for b.Loop() {
		if got, err := c.Series(b.Context()); err != nil || len(got) != manySeries {
			b.Fatal(len(got), err)
		}
	}
}

func BenchmarkSeriesWhenOneIsNew(b *testing.B) {
	c := openMany(b)
	i := 0
	for b.Loop() {
		i++
		if _, err := c.CreateSeries(b.Context(), series(fmt.Sprint("new ", i))); err != nil {
			b.Fatal(err)
		}
		if got, err := c.Series(b.Context()); err != nil || len(got) != manySeries+i {
			b.Fatal(len(got), err)
		}
	}
}

func BenchmarkCommit(b *testing.B) {
	c, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "catalog.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	epoch, err := c.Acquire(b.Context(), meta.Claim{Holder: "writer"})
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		i++
		if _, err := c.Commit(b.Context(), meta.Commit{Epoch: epoch, Add: []meta.Segment{{Name: fmt.Sprint(i)}}}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLargeCatalog(b *testing.B) {
	c, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "catalog.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	metatest.Bench(b, c)
}
