package ingest

import (
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"pgregory.net/rapid"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// cell is one value of a batch as a user thinks of it.
type cell struct {
	series string
	time   int
	value  any // float64, or nil
	status any // int, or nil
}

// plain is what a cell becomes, by the rules alone; false where it is refused.
func plain(c cell, s meta.Series) (value float64, void bool, status columnar.Status, ok bool) {
	if c.status != nil {
		status = columnar.Status(c.status.(int))
	}
	x, present := c.value.(float64)
	if !present || math.IsNaN(x) {
		if status.Quality() != columnar.Bad {
			status = columnar.StatusBadNoData
		}
		return 0, true, status, true
	}
	switch s.Type {
	case columnar.Float:
		x = float64(float32(x))
	case columnar.Integer:
		ok = x == math.Trunc(x) && math.Abs(x) < 1<<62
		return x, false, status, ok
	case columnar.Boolean:
		return x, false, status, x == 0 || x == 1
	case columnar.Enum:
		return x, false, status, x == 0 || x == 1 || x == 2
	}
	return x, false, status, !math.IsInf(x, 0)
}

// TestBatchesAgreeWithTheRules reads random batches, one after the other through one
// reader, and compares with the rules applied cell by cell.
func TestBatchesAgreeWithTheRules(t *testing.T) {
	names := []string{"double", "float", "integer", "boolean", "enum", "end", "nobody"}
	values := []any{nil, math.NaN(), 0.0, 1.0, 2.0, 1.5, -7.0, 1e30, math.Inf(1)}
	rapid.Check(t, func(t *rapid.T) {
		c := testCatalog()
		r := NewReader(c, Options{})
		var counts Counts
		for range rapid.IntRange(1, 4).Draw(t, "batches") {
			usual := rapid.IntRange(1, 6).Draw(t, "usual series")
			cells := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) cell {
				k := rapid.IntRange(0, usual-1).Draw(t, "series")
				if rapid.IntRange(0, 60).Draw(t, "odd") == 0 {
					k = len(names) - 1
				}
				v := values[rapid.IntRange(0, 3).Draw(t, "value")]
				if rapid.IntRange(0, 15).Draw(t, "wild") == 0 {
					v = rapid.SampledFrom(values).Draw(t, "wild value")
				}
				return cell{names[k], rapid.IntRange(-1000, 1000).Draw(t, "time"), v, rapid.SampledFrom([]any{nil, nil, 0, 1 << 30, 1 << 31}).Draw(t, "status")}
			}), 0, 20).Draw(t, "cells")
			wantRow := refusedRow(cells, c)
			got, err := r.Read(t.Context(), cellBatch(cells))
			if (err != nil) != (wantRow >= 0) {
				t.Fatalf("error %v, want one in row %d", err, wantRow)
			}
			if err == nil {
				counts.Rows += int64(len(cells))
				compareSamples(t, got, cells, c, &counts)
				countLies(got, &counts)
			}
			if r.Counts() != counts {
				t.Fatalf("counts are %+v, want %+v", r.Counts(), counts)
			}
		}
	})
}

// countLies counts the samples off the grid, and those in slots that others took, one
// by one.
func countLies(samples []columnar.Samples, counts *Counts) {
	for i := range samples {
		g, slots := samples[i].Series.Grid, map[int64]bool{}
		for _, at := range samples[i].Times {
			slot := g.Slot(at)
			if shift := at - g.Time(slot); shift != 0 {
				counts.Moved++
				counts.MaxShift = max(counts.MaxShift, shift)
			}
			if slots[slot] {
				counts.Collided++
			}
			slots[slot] = true
		}
	}
}

func refusedRow(cells []cell, c *catalog) int {
	for i, x := range cells {
		s, known := c.series[x.series]
		if _, _, _, ok := plain(x, s); !known || !ok {
			return i
		}
	}
	return -1
}

func cellBatch(cells []cell) arrow.RecordBatch {
	var series, times, values, statuses []any
	for _, x := range cells {
		series, times, values, statuses = append(series, x.series), append(times, x.time), append(values, x.value), append(statuses, x.status)
	}
	return batch(column{"series", words(series...)}, column{"time", stamps(times...)}, column{"value", doubles(values...)}, column{"status", fill(arrow.PrimitiveTypes.Int64, statuses...)})
}

// compareSamples fails unless samples are what the cells become, each series' in order.
func compareSamples(t *rapid.T, got []columnar.Samples, cells []cell, c *catalog, counts *Counts) {
	at := map[int64]int{} // samples of each series compared so far
	byID := map[int64]*columnar.Samples{}
	for i := range got {
		byID[got[i].Series.ID] = &got[i]
		counts.Samples += int64(got[i].Len())
	}
	for _, x := range cells {
		s := c.series[x.series]
		samples := byID[s.ID]
		i := at[s.ID]
		at[s.ID]++
		if samples == nil || i >= samples.Len() {
			t.Fatalf("series %s has no sample %d", x.series, i)
		}
		value, void, status, _ := plain(x, s)
		if void {
			counts.Empty++
		}
		wantTime := int64(x.time)
		if s.LabelEnd {
			wantTime -= minute
		}
		gotStatus := columnar.StatusGood
		if samples.Status != nil {
			gotStatus = samples.Status[i]
		}
		gotVoid := samples.Void != nil && samples.Void.Has(i)
		var gotValue float64
		if samples.Floats != nil {
			gotValue = samples.Floats[i]
		} else {
			gotValue = float64(samples.Ints[i])
		}
		if samples.Times[i] != wantTime || gotVoid != void || !void && gotValue != value || gotStatus != status {
			t.Fatalf("%+v became time %d, value %v, void %v, status %x; want %d, %v, %v, %x",
				x, samples.Times[i], gotValue, gotVoid, uint32(gotStatus), wantTime, value, void, uint32(status))
		}
	}
	if len(at) != len(got) {
		t.Fatalf("%d series, want %d", len(got), len(at))
	}
}

func BenchmarkRead(b *testing.B) {
	const rows = 1 << 16
	one, many := make([]any, rows), make([]any, 100_000)
	values, times := make([]any, 100_000), make([]any, 100_000)
	c := testCatalog()
	for i := range many {
		name := "plant1/line" + string(rune('a'+i%20)) + "/sensor" + words(i).ValueStr(0)
		many[i], values[i], times[i] = name, float64(i), i*1000
		c.series[name] = meta.Series{Series: columnar.Series{ID: int64(i + 1000), Type: columnar.Double, Grid: columnar.Grid{Period: minute, BlockLen: 1440}}, Name: name}
	}
	for i := range one {
		one[i] = "double"
	}
	wide := []column{{"time", stamps(times[:64]...)}}
	for i := range 1000 {
		wide = append(wide, column{many[i].(string), doubles(values[:64]...)})
	}
	for _, bench := range []struct {
		name    string
		batch   arrow.RecordBatch
		samples int
	}{
		{"one series", batch(column{"series", words(one...)}, column{"time", stamps(times[:rows]...)}, column{"value", doubles(values[:rows]...)}), rows},
		{"100,000 series", batch(column{"series", words(many...)}, column{"time", stamps(times...)}, column{"value", doubles(values...)}), len(many)},
		{"1,000 columns", batch(wide...), 64_000},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r := NewReader(c, Options{})
			for b.Loop() {
				if _, err := r.Read(b.Context(), bench.batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(bench.samples)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Msamples/s")
		})
	}
}
