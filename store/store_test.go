package store_test

import (
	"testing"

	"github.com/trellisdb/trellis/columnar"
)

const second = 1_000_000

func TestWhatWasAppendedIsReadBackAtOnceAfterAFlushAndAfterARestart(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 64})
	in := columnar.Samples{Series: s}
	for i := range 1000 {
		in.Times = append(in.Times, int64(i-300)*second)
		in.Floats = append(in.Floats, float64(i)/4)
	}
	d.append(t, in)
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"at once", func() {}},
		{"after a flush", func() { d.flush(t) }},
		{"after a restart", func() { d.reopen(t) }},
	} {
		step.do()
		got := readSamples(t, d.Store, columnar.Selection{
			Series: []columnar.Series{s}, Ranges: [][]columnar.Range{always}, Qualities: columnar.AnyQuality,
		})
		if len(got) != 1000 {
			t.Fatalf("%s: %d samples", step.name, len(got))
		}
		for i, r := range got {
			if r.time != in.Times[i] || r.value != in.Floats[i] || r.visible != in.Floats[i] || r.status != 0 {
				t.Fatalf("%s: sample %d is %+v", step.name, i, r)
			}
		}
		rows := readSummaries(t, d.Store, columnar.Selection{
			Series: []columnar.Series{s}, Ranges: [][]columnar.Range{always}, Qualities: columnar.AnyQuality,
			Bins: []columnar.Bins{width(100 * second)}, Stats: columnar.AllStats,
		})
		if len(rows) != 10 {
			t.Fatalf("%s: %d bins", step.name, len(rows))
		}
		for i, r := range rows {
			sum := 0.0
			for k := range 100 {
				sum += in.Floats[i*100+k]
			}
			if r.Summary.Count != 100 || r.Summary.Sum.Round() != sum || r.Summary.Min != in.Floats[i*100] {
				t.Errorf("%s: bin %d: %+v", step.name, i, r)
			}
		}
	}
}
