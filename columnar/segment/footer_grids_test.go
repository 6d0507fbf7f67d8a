package segment

import (
	"bytes"
	"math/rand"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
	"github.com/trellisdb/trellis/columnar/zone"
)

func TestFootersKeepPhasesAndCalendars(t *testing.T) {
	berlin, err := zone.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	grid := func(w zone.Width, z *zone.Zone, phase int64) columnar.Grid {
		g, err := columnar.NewGrid(w, z, phase, 16)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	tests := []struct {
		name    string
		version byte // of the trailer
		grids   []columnar.Grid
	}{
		{"without any", 5, []columnar.Grid{{Period: 10, BlockLen: 16}}},
		{"a phase", 7, []columnar.Grid{{Period: 10, BlockLen: 16}, {Period: 10, BlockLen: 16, Phase: 7}}},
		{"calendars of several zones", 7, []columnar.Grid{
			grid(zone.Width{Days: 1}, berlin, 0), grid(zone.Width{Months: 3}, zone.UTC, 6*3600_000_000), {Period: 3, BlockLen: 16, Phase: 2}, grid(zone.Width{Days: 7}, berlin, 0),
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			w := NewWriter(&out)
			var series []columnar.Series
			for i, g := range test.grids {
				s := columnar.Series{ID: int64(i + 1), Type: columnar.Double, Grid: g}
				series = append(series, s)
				if err := w.Add(s, randomBlock(rand.New(rand.NewSource(1)), s, 3, shape{}), codec.Auto); err != nil {
					t.Fatal(err)
				}
			}
			info, err := w.Finish()
			if err != nil {
				t.Fatal(err)
			}
			src := out.Bytes()
			if got := src[len(src)-16]; got != test.version {
				t.Errorf("version %d, want %d", got, test.version)
			}
			r := open(t, src)
			for i := range series {
				if got := r.Series()[i].Series; got != series[i] {
					t.Errorf("series %d is %+v, want %+v", i+1, got, series[i])
				}
				if from := series[i].Grid.BlockTime(3); from < info.From {
					t.Errorf("series %d begins at %d, before the segment", i+1, from)
				}
			}
			if err := Verify(r); err != nil {
				t.Error(err)
			}
			var dump bytes.Buffer
			if err := Dump(&dump, r, DumpOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
}
