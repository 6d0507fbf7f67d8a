package store

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/segment"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/meta"
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

func TestASpanMayMoveWithTheTimeZoneDatabaseWhereThereIsACalendar(t *testing.T) {
	const hour = 3600 * 1_000_000
	fixed := []segment.SeriesInfo{{Series: columnar.Series{Grid: columnar.Grid{Period: hour, BlockLen: 8}}}}
	days, err := columnar.NewGrid(zone.Width{Days: 1}, zone.UTC, 0, 8)
	if err != nil {
		t.Fatal(err)
	}
	mixed := append(slices.Clone(fixed), segment.SeriesInfo{Series: columnar.Series{Grid: days}})
	for _, test := range []struct {
		name     string
		series   []segment.SeriesInfo
		from, to int64 // how far the file's are away from the row's
		want     bool
	}{
		{"the same", fixed, 0, 0, true},
		{"fixed periods do not move", fixed, 0, 1, false},
		{"an hour of a calendar", mixed, -hour, hour, true},
		{"a day of a calendar that crossed the date line", mixed, 24 * hour, 0, true},
		{"too much for a change of rules", mixed, 0, -49 * hour, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := meta.Segment{From: 1000 * hour, To: 2000 * hour}
			if got := sameSpan(test.series, segment.Info{From: m.From + test.from, To: m.To + test.to}, &m); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}
