package store

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/segment"
)

// BenchmarkCompareManySeries compares a footer of 100,000 series with a catalog of twice as
// many, as the first query of a segment does.
func BenchmarkCompareManySeries(b *testing.B) {
	const n = 100_000
	var footer []segment.SeriesInfo
	var shapes []columnar.Series
	for id := range int64(2 * n) {
		s := columnar.Series{ID: id + 1, Type: columnar.Double, Grid: columnar.Grid{Period: 1_000_000, BlockLen: 3600}}
		shapes = append(shapes, s)
		if id%2 == 0 {
			footer = append(footer, segment.SeriesInfo{Series: s})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if found := strange(footer, shapes); len(found) > 0 {
			b.Fatal(len(found))
		}
	}
}

func TestSeriesThatTheCatalogHasOtherwiseAreFoundWhereverTheyAre(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 2000 {
		var footer []segment.SeriesInfo
		var shapes []columnar.Series
		var want []int64
		share := rng.Float64()
		for id := range int64(rng.Intn(60)) {
			s := columnar.Series{ID: id + 1, Type: columnar.Double, Grid: columnar.Grid{Period: 1, BlockLen: 8}}
			has := rng.Float64() < share
			if has {
				footer = append(footer, segment.SeriesInfo{Series: s})
			}
			switch rng.Intn(20) {
			case 0:
				s.Grid.Period = 2
			case 1:
				s.Grid.Phase = 1
			case 2:
				s.Type = columnar.Float
			case 3:
				if has {
					want = append(want, s.ID)
				}
				continue // the catalog has not got it
			default:
				s.Interpolation = columnar.Step // which may change
				shapes = append(shapes, s)
				continue
			}
			shapes = append(shapes, s)
			if has {
				want = append(want, s.ID)
			}
		}
		var got []int64
		for _, s := range strange(footer, shapes) {
			got = append(got, s.ID)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}
