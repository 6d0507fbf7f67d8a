package columnar

import (
	"math"
	"math/rand"
	"testing"
)

// sensorBlock returns a block of a slow wave with noise, of which one sample in
// every `uncertain` is uncertain; none when that is 1.
func sensorBlock(n, uncertain int) *Block {
	rng := rand.New(rand.NewSource(1))
	b := &Block{Len: n, Floats: make([]float64, n)}
	for i := range b.Floats {
		b.Floats[i] = math.Round((20+5*math.Sin(float64(i)/300)+rng.NormFloat64())*100) / 100
	}
	if uncertain > 1 {
		b.Status = make([]Status, n)
		for i := uncertain - 1; i < n; i += uncertain {
			b.Status[i] = StatusUncertain
		}
	}
	return b
}

func BenchmarkSummarize(b *testing.B) {
	for _, bench := range []struct {
		name      string
		uncertain int
		want      QualitySet
		stats     Stats
	}{
		{"all good, all groups", 1, Usable, AllStats},
		{"all good, sum", 1, Usable, StatSum},
		{"all good, sum and range", 1, Usable, StatSum | StatRange},
		{"one in a hundred uncertain, all groups", 100, OnlyGood, AllStats},
		{"one in two uncertain, all groups", 2, OnlyGood, AllStats},
		{"one in two uncertain, sum", 2, OnlyGood, StatSum},
	} {
		b.Run(bench.name, func(b *testing.B) {
			block := sensorBlock(3600, bench.uncertain)
			for b.Loop() {
				_ = Summarize(block, 0, block.Len, bench.want, bench.stats)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/3600, "ns/value")
		})
	}
}

func BenchmarkSummaryMerge(b *testing.B) {
	block := sensorBlock(3600, 1)
	s := Summarize(block, 0, 1800, OnlyGood, AllStats)
	next := Summarize(block, 1800, 3600, OnlyGood, AllStats)
	for b.Loop() {
		s.Merge(&next, AllStats)
	}
}
