package segment

import (
	"bytes"
	"math/rand"
	"runtime"
	"testing"

	"github.com/trellisdb/trellis/columnar"
)

// TestMergeOfNodesOfManySlots has slots in nodes that do not fit 16 bits.
func TestMergeOfNodesOfManySlots(t *testing.T) {
	rng := rand.New(rand.NewSource(22))
	s := secondly(3000)
	for _, sh := range []shape{{}, {gaps: 0.5, uncertain: 0.001}, {gaps: 0.9999}} {
		builder := newIndexBuilder(s, headerLen)
		for i := range 150 {
			sums := columnar.SummarizeAll(randomBlock(rng, s, int64(i), sh))
			builder.add(int64(i), 0, headerLen+100*int64(i+1), uint32(i), &sums)
		}
		x := reread(t, builder.build())
		for range 20 {
			from := rng.Intn(x.Len())
			to := from + rng.Intn(x.Len()+1-from)
			checkMerge(t, x, columnar.Usable, columnar.AllStats, from, to)
			checkMerge(t, x, columnar.OnlyGood, columnar.StatRange|columnar.StatEnds, from, to)
		}
	}
}

func TestBytesOfAnIndexIsTheMemoryThatItTakes(t *testing.T) {
	x := signalIndex(5000, 60, 0.01)
	src, err := appendIndex(nil, x, withSums)
	if err != nil {
		t.Fatal(err)
	}
	info := infoOf(x, src)
	const copies = 8
	var kept [copies]*Index
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range kept {
		if kept[i], err = decodeIndex(src, info, nil); err != nil {
			t.Fatal(err)
		}
	}
	taken := (heap() - before) / copies
	if says := kept[0].Bytes(); says < taken*8/10 || says > taken*12/10 {
		t.Errorf("Bytes is %d, the heap grew by %d", says, taken)
	}
	runtime.KeepAlive(kept)
}

func TestARunIsReadOnceAndDecodedBlockByBlock(t *testing.T) {
	c := randomContent(rand.New(rand.NewSource(23)), shape{gaps: 0.1}, 10, 50, 0.2)
	src, _ := c.write(t)
	plain := open(t, src)
	x := index(t, plain, 10)
	once := &broken{bytes.NewReader(src), 1}
	r := plain.On(once)
	if r.Name() != plain.Name() || r.Size() != int64(len(src)) {
		t.Errorf("the reader is of %s with %d bytes", r.Name(), r.Size())
	}
	run, err := r.ReadRun(x, 3, 8, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := columnar.NewBlockDecoder()
	var b columnar.Block
	for i := 3; i < 8; i++ {
		if err := run.Decode(d, i, &b, columnar.AllParts); err != nil {
			t.Fatal(err)
		}
		if want := c.blocks[0][i]; b.First != want.First || b.Count() != want.Count() {
			t.Errorf("entry %d gives the block at slot %d with %d samples", i, b.First, b.Count())
		}
	}
	if _, err := plain.ReadRun(x, 0, 2, run.Bytes()); err != nil {
		t.Error(err)
	}
}

func TestBytesAtTheIndexRangeAreTheIndex(t *testing.T) {
	c := randomContent(rand.New(rand.NewSource(24)), shape{}, 4, 20, 0)
	src, _ := c.write(t)
	r := open(t, src)
	for _, s := range r.Series() {
		offset, length := s.IndexRange()
		x, err := r.DecodeIndex(s.ID, src[offset:offset+length])
		if err != nil {
			t.Fatal(err)
		}
		if x.Len() != s.Blocks {
			t.Errorf("series %d: %d entries, want %d", s.ID, x.Len(), s.Blocks)
		}
	}
	if _, err := r.DecodeIndex(99, nil); err == nil {
		t.Error("the index of an unknown series was decoded")
	}
	if x, err := r.Index(99); x != nil || err != nil {
		t.Errorf("Index of an unknown series is %v, %v", x, err)
	}
}
