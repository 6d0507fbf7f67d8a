package segment

import (
	"math/rand"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/kernel"
)

// mergeByEntry is Index.Merge without the tree.
func mergeByEntry(x *Index, want columnar.QualitySet, stats columnar.Stats, from, to int) (acc columnar.Summary, ok bool) {
	for i := from; i < to; i++ {
		all := x.Summaries(i)
		s, ok := all.For(want)
		if !ok {
			return acc, false
		}
		acc.Merge(s, stats)
	}
	return acc, true
}

// only clears the groups of fields that stats does not have.
func only(s columnar.Summary, stats columnar.Stats) columnar.Summary {
	if !stats.Has(columnar.StatSum) {
		s.Sum = kernel.Exact{}
	}
	if !stats.Has(columnar.StatSquares) {
		s.Squares = kernel.Exact{}
	}
	if !stats.Has(columnar.StatRange) {
		s.Min, s.Max, s.MinSlot, s.MaxSlot = 0, 0, 0, 0
	}
	if !stats.Has(columnar.StatEnds) {
		s.First, s.Last, s.FirstSlot, s.LastSlot = 0, 0, 0, 0
	}
	if !stats.Has(columnar.StatPath) {
		s.Resets, s.Steps, s.Lines, s.Transitions = kernel.Exact{}, kernel.Exact{}, kernel.Exact{}, 0
	}
	return s
}

func TestMergeByTreeEqualsMergeByEntryBitForBit(t *testing.T) {
	for _, test := range shapes {
		t.Run(test.name, func(t *testing.T) {
			rng := rand.New(rand.NewSource(2))
			c := randomContent(rng, test.shape, 64*64+130, 4, test.holes)
			for i, s := range c.series {
				if s.Type == columnar.Float || s.Type == columnar.Boolean || s.Type == columnar.Enum {
					continue // like those of the same kind
				}
				builder := newIndexBuilder(s, headerLen)
				for j, b := range c.blocks[i] {
					sums := columnar.SummarizeAll(b)
					builder.add(s.Grid.Block(b.First), 0, int64(headerLen+100*(j+1)), uint32(j), &sums)
				}
				x := reread(t, builder.build())
				for range 8 {
					from := rng.Intn(x.Len())
					to := from + rng.Intn(x.Len()+1-from)
					stats := columnar.Stats(rng.Intn(int(columnar.AllStats) + 1))
					want := columnar.QualitySet(1 + rng.Intn(int(columnar.AnyQuality)))
					checkMerge(t, x, want, stats, from, to)
				}
				checkMerge(t, x, columnar.Usable, columnar.AllStats, 0, x.Len())
			}
		})
	}
}

// reread encodes and decodes an index.
func reread(t *testing.T, x *Index) *Index {
	t.Helper()
	src, err := appendIndex(nil, x, withSums)
	if err != nil {
		t.Fatal(err)
	}
	again, err := decodeIndex(src, infoOf(x, src), nil)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func checkMerge(t *testing.T, x *Index, want columnar.QualitySet, stats columnar.Stats, from, to int) {
	t.Helper()
	var got columnar.Summary
	ok, nodes := x.Merge(&got, want, stats, from, to)
	if limit := 3 * 2 * fanOut; nodes > limit {
		t.Fatalf("[%d, %d) took %d nodes, more than %d", from, to, nodes, limit)
	}
	expected, wantOK := mergeByEntry(x, want, stats, from, to)
	if !wantOK && ok && !stats.Has(columnar.StatPath) {
		return // mergeByEntry knows no better
	}
	if ok != wantOK {
		t.Fatalf("[%d, %d) of qualities %b: ok is %v, want %v", from, to, want, ok, wantOK)
	}
	if !ok {
		return
	}
	if diff := cmp.Diff(only(expected, stats), only(got, stats), exactly); diff != "" {
		t.Fatalf("[%d, %d) of qualities %b, stats %b: %s", from, to, want, stats, diff)
	}
}

func TestMergeOfMixedQualitiesEqualsSummaryOfTheBlocks(t *testing.T) {
	rng := rand.New(rand.NewSource(3))
	s := columnar.Series{ID: 1, Type: columnar.Double, Grid: columnar.Grid{Period: 1_000_000, BlockLen: 50}}
	c := content{series: []columnar.Series{s}, blocks: make([][]*columnar.Block, 1)}
	const stats = columnar.AllStats &^ columnar.StatPath
	var expected columnar.Summary
	for i := range 300 {
		b := randomBlock(rng, s, int64(i), shape{gaps: 0.3, uncertain: 0.3, bad: 0.3, void: 0.3})
		for j := range b.Floats {
			b.Floats[j] = float64(int(b.Floats[j])) // many equal ones
		}
		c.blocks[0] = append(c.blocks[0], b)
		next := columnar.Summarize(b, 0, b.Len, columnar.AnyQuality, stats)
		expected.Merge(&next, stats)
	}
	src, _ := c.write(t)
	x := index(t, open(t, src), 1)
	var got columnar.Summary
	if ok, _ := x.Merge(&got, columnar.AnyQuality, stats, 0, x.Len()); !ok {
		t.Fatal("not answered")
	}
	if diff := cmp.Diff(only(expected, stats), only(got, stats), exactly); diff != "" {
		t.Fatal(diff)
	}
}

func TestFindGivesTheNextBlockInAGap(t *testing.T) {
	x := Index{runs: []run{{block: 10, entry: 0}, {block: 20, entry: 3}}, ends: make([]int64, 5)}
	for _, test := range []struct {
		name  string
		block int64
		entry int
		found bool
	}{
		{name: "before the first run", block: 9, entry: 0},
		{name: "the first block", block: 10, entry: 0, found: true},
		{name: "the last block of a run", block: 12, entry: 2, found: true},
		{name: "right behind a run", block: 13, entry: 3},
		{name: "right before a run", block: 19, entry: 3},
		{name: "the last block", block: 21, entry: 4, found: true},
		{name: "behind all", block: 22, entry: 5},
		{name: "far behind all", block: 1 << 60, entry: 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			if entry, found := x.Find(test.block); entry != test.entry || found != test.found {
				t.Errorf("Find(%d) = %d, %v, want %d, %v", test.block, entry, found, test.entry, test.found)
			}
		})
	}
}
