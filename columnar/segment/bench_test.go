package segment

import (
	"bytes"
	"math"
	"math/rand"
	"sync"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
)

// signal makes values of a noisy signal with the given resolution; 0 keeps all
// bits.
func signal(rng *rand.Rand, values []float64, at int64, resolution float64) {
	for i := range values {
		v := 60 + 8*math.Sin(float64(at+int64(i))/86400*2*math.Pi) + rng.NormFloat64()/2
		if resolution != 0 {
			v = math.Round(v/resolution) * resolution
		}
		values[i] = v
	}
}

// secondly is a series at 1 Hz with blocks of so many slots.
func secondly(blockLen int64) columnar.Series {
	return columnar.Series{ID: 1, Type: columnar.Double, Grid: columnar.Grid{Period: 1_000_000, BlockLen: blockLen}}
}

// signalIndex builds the index of a segment without writing it.
func signalIndex(blocks int, blockLen int64, resolution float64) *Index {
	rng := rand.New(rand.NewSource(4))
	s := secondly(blockLen)
	builder := newIndexBuilder(s, headerLen)
	b := columnar.Block{Len: int(blockLen), Floats: make([]float64, blockLen)}
	for i := range blocks {
		b.First = int64(i) * blockLen
		signal(rng, b.Floats, b.First, resolution)
		sums := columnar.SummarizeAll(&b)
		builder.add(int64(i), 0, headerLen+int64(i+1)*4000+int64(rng.Intn(100)), rng.Uint32(), &sums)
	}
	return builder.build()
}

// tenYears is the index of ten years in blocks of an hour. The blocks are summed
// up from fewer samples to save time; nothing that is measured depends on that.
var tenYears = sync.OnceValue(func() *Index { return signalIndex(87_600, 60, 0.01) })

func BenchmarkIndexBytesPerBlock(b *testing.B) {
	for _, test := range []struct {
		name       string
		resolution float64
	}{{"all bits", 0}, {"rounded to 0.01", 0.01}, {"rounded to 0.5", 0.5}} {
		b.Run(test.name, func(b *testing.B) {
			x := signalIndex(2000, 3600, test.resolution)
			b.ResetTimer()
			var src []byte
			for b.Loop() {
				var err error
				if src, err = appendIndex(src[:0], x, withSums); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(src))/float64(x.Len()), "B/block")
			b.ReportMetric(float64(x.Bytes())/float64(x.Len()), "memory-B/block")
		})
	}
}

func BenchmarkDecodeIndexOfTenYears(b *testing.B) {
	x := tenYears()
	src, err := appendIndex(nil, x, withSums)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(src)))
	s := infoOf(x, src)
	for b.Loop() {
		if _, err := decodeIndex(src, s, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// foldBins merges the bins that begin at multiples of the given number of
// entries.
func foldBins(b *testing.B, bins int, stats columnar.Stats) {
	x := tenYears()
	n := x.Len()
	total := 0
	for b.Loop() {
		total = 0
		for i := range bins {
			var acc columnar.Summary
			ok, nodes := x.Merge(&acc, columnar.Usable, stats, i*n/bins, (i+1)*n/bins)
			if !ok {
				b.Fatal("not answered")
			}
			total += nodes
		}
	}
	b.ReportMetric(float64(total), "nodes")
}

func BenchmarkTenYearsByMonth(b *testing.B) {
	b.Run("sum, min, max, count", func(b *testing.B) { foldBins(b, 120, columnar.StatSum|columnar.StatRange) })
	b.Run("everything", func(b *testing.B) { foldBins(b, 120, columnar.AllStats) })
}

func BenchmarkTenYearsByDay(b *testing.B) {
	b.Run("sum, min, max, count", func(b *testing.B) { foldBins(b, 3650, columnar.StatSum|columnar.StatRange) })
	b.Run("everything", func(b *testing.B) { foldBins(b, 3650, columnar.AllStats) })
}

func BenchmarkBlock(b *testing.B) {
	const n = 3600
	s := secondly(n)
	block := columnar.Block{Len: n, Floats: make([]float64, n)}
	signal(rand.New(rand.NewSource(5)), block.Floats, 0, 0.01)
	src, err := columnar.AppendBlock(nil, &block, codec.Auto, s)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		var dst []byte
		b.SetBytes(8 * n)
		for b.Loop() {
			if dst, err = columnar.AppendBlock(dst[:0], &block, codec.Auto, s); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(dst))/n, "B/sample")
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(8 * n)
		b.ReportAllocs()
		d := columnar.NewBlockDecoder()
		var got columnar.Block
		for b.Loop() {
			if err := d.Decode(&got, src, s, 0, columnar.AllParts); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("write", func(b *testing.B) {
		b.SetBytes(8 * n)
		for b.Loop() {
			var out bytes.Buffer
			w := NewWriter(&out)
			if err := w.Add(s, &block, codec.Auto); err != nil {
				b.Fatal(err)
			}
			if _, err := w.Finish(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkOpenManySeries reads the footer of 100,000 series.
func BenchmarkOpenManySeries(b *testing.B) {
	for _, old := range []bool{true, false} {
		name := "with a digest"
		if old {
			name = "without a digest"
		}
		b.Run(name, func(b *testing.B) {
			c := &content{old: old}
			for id := range int64(100_000) {
				s := secondly(16)
				s.ID = id + 1
				c.series, c.blocks = append(c.series, s), append(c.blocks, []*columnar.Block{flat(s, id%7)})
			}
			src, _ := c.write(b)
			b.ReportAllocs()
			b.ReportMetric(float64(len(src)), "B")
			for b.Loop() {
				if _, err := Open(bytes.NewReader(src), int64(len(src)), Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
