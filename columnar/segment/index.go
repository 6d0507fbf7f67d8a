package segment

import (
	"fmt"
	"slices"
	"sort"
	"unsafe"

	"github.com/trellisdb/trellis/columnar"
)

// fanOut is the number of nodes of a level that a node of the next one stands for.
const (
	fanOutBits = 6
	fanOut     = 1 << fanOutBits
)

// maxEntries is the largest number of blocks of one series in a segment.
const maxEntries = 1 << 30

// Index is what a segment knows of the blocks of one series: where they are and
// their summaries, as a tree with a fan-out of 64. Its entries are the blocks in
// order of time, counted from 0.
//
// An Index does not change and is safe for concurrent use. It does not refer to
// the Reader or the bytes that it came from.
type Index struct {
	series columnar.Series
	runs   []run
	ends   []int64  // for each entry, the offset in the segment where its block ends
	start  int64    // where the first block begins
	levels []level  // the first one's nodes are the entries
	ages   []age    // in order of entry; nil: all blocks have the segment's version
	sums   []uint32 // for each entry, the checksum that its block ends with; nil: the segment has none
	size   int64    // in memory
}

// run is a run of consecutive blocks.
type run struct {
	block int64 // number of the first one
	entry int   // its entry
}

// age says from which entry on blocks have a version.
type age struct {
	entry   int
	version int64 // 0: that of the segment
}

// Version returns the snapshot that last changed the block of entry i; 0: the
// version of the segment.
func (x *Index) Version(i int) int64 {
	k := sort.Search(len(x.ages), func(k int) bool { return x.ages[k].entry > i })
	if k == 0 {
		return 0
	}
	return x.ages[k-1].version
}

// addAge notes the version of an entry that comes behind the others.
func (x *Index) addAge(entry int, version int64) {
	if n := len(x.ages); n == 0 && version != 0 || n > 0 && x.ages[n-1].version != version {
		x.ages = append(x.ages, age{entry, version})
	}
}

// Entry is one block of a series in a segment.
type Entry struct {
	Block   int64                  // number of the block
	Offset  int64                  // of its bytes in the segment
	Length  int64                  // of its bytes
	Samples columnar.QualityCounts // samples in it
}

// Series returns the series that the blocks belong to.
func (x *Index) Series() columnar.Series { return x.series }

// Len returns the number of entries, at least 1.
func (x *Index) Len() int { return len(x.ends) }

// Bytes returns the memory that the index takes.
func (x *Index) Bytes() int64 { return x.size }

// Block returns the number of the block of entry i.
func (x *Index) Block(i int) int64 {
	if len(x.runs) == 1 {
		return x.runs[0].block + int64(i)
	}
	k := sort.Search(len(x.runs), func(k int) bool { return x.runs[k].entry > i }) - 1
	return x.runs[k].block + int64(i-x.runs[k].entry)
}

// Entry returns entry i.
func (x *Index) Entry(i int) Entry {
	e := Entry{Block: x.Block(i), Offset: x.offset(i)}
	e.Length = x.ends[i] - e.Offset
	leaves := &x.levels[0]
	for q := range e.Samples {
		c := leaves.classes[q]
		if rank, ok := c.with.find(i); ok {
			e.Samples[q] = x.series.Grid.BlockLen - c.lacking.at(rank)
		}
	}
	return e
}

// offset returns where the block of entry i begins; that of entry Len is the end
// of the last one.
func (x *Index) offset(i int) int64 {
	if i == 0 {
		return x.start
	}
	return x.ends[i-1]
}

// scan verifies the bytes of the block of entry i: their checksum, which covers series
// and number too, and that they are the bytes of which the index knows the checksum, not
// another version of the block.
func (x *Index) scan(i int, src []byte) (columnar.EncodedBlock, error) {
	e, err := columnar.ScanBlock(src, x.series.ID, x.Block(i))
	if err == nil {
		err = x.checkSum(i, src)
	}
	return e, err
}

// checkSum reports a block that is not the one that the index knows.
func (x *Index) checkSum(i int, src []byte) error {
	if x.sums == nil || len(src) >= checksumLen && storedSum(src) == x.sums[i] {
		return nil
	}
	return fmt.Errorf("series %d: block %d: %w: it is not the block of this segment: its checksum is not %08x, which the index says", x.series.ID, x.Block(i), columnar.ErrCorrupt, x.sums[i])
}

// Find returns the first entry whose block is number block or a later one, Len
// where there is none, and whether it is the block itself.
func (x *Index) Find(block int64) (i int, ok bool) {
	k := sort.Search(len(x.runs), func(k int) bool { return x.runs[k].block > block }) - 1
	if k < 0 {
		return 0, false
	}
	end := len(x.ends)
	if k+1 < len(x.runs) {
		end = x.runs[k+1].entry
	}
	distance := block - x.runs[k].block
	if distance >= int64(end-x.runs[k].entry) {
		return end, false
	}
	return x.runs[k].entry + int(distance), true
}

// entries returns the entries [low, high) that the nodes [from, to) of a level
// stand for.
func (x *Index) entries(depth, from, to int) (low, high int) {
	shift := fanOutBits * depth
	return from << shift, min(to<<shift, len(x.ends))
}

// slots returns the number of slots in the blocks of nodes [from, to) of a level.
func (x *Index) slots(depth, from, to int) int64 {
	low, high := x.entries(depth, from, to)
	return int64(high-low) * x.series.Grid.BlockLen
}

// firstSlot returns the first slot of a node of a level.
func (x *Index) firstSlot(depth, node int) int64 {
	low, _ := x.entries(depth, node, node+1)
	return x.series.Grid.BlockSlot(x.Block(low))
}

// lastSlot returns the last slot of a node of a level.
func (x *Index) lastSlot(depth, node int) int64 {
	_, high := x.entries(depth, node, node+1)
	return x.series.Grid.BlockSlot(x.Block(high-1)+1) - 1
}

// Summaries returns the summaries of entry i, with all groups of fields. They are
// the caller's.
func (x *Index) Summaries(i int) columnar.Summaries { return x.summaries(0, i) }

// summaries returns the summaries of a node of a level.
func (x *Index) summaries(depth, node int) columnar.Summaries {
	of := func(want columnar.QualitySet) *columnar.Summary {
		s := x.summary(depth, node, want, columnar.AllStats)
		if s.Count == 0 {
			return nil
		}
		return &s
	}
	all := columnar.Summaries{
		Good: of(columnar.OnlyGood), Uncertain: of(columnar.OnlyUncertain), Bad: of(columnar.OnlyBad),
	}
	if all.Good != nil && all.Uncertain != nil {
		all.Usable = of(columnar.Usable)
	}
	return all
}

// indexBuilder makes an Index out of the blocks of a series in order.
type indexBuilder struct {
	index  Index
	levels []levelBuilder
}

// levelBuilder collects the nodes of a level and merges the next one's.
type levelBuilder struct {
	nodes   int
	classes [numClasses]classBuilder
	pending columnar.Summaries // of the nodes that have no parent yet
}

func newLevelBuilder(texts bool) levelBuilder {
	var b levelBuilder
	for c := range b.classes {
		b.classes[c].merged, b.classes[c].texts = c == usable, texts
	}
	return b
}

// newIndexBuilder returns a builder for blocks whose bytes begin at offset start.
func newIndexBuilder(s columnar.Series, start int64) *indexBuilder {
	return &indexBuilder{index: Index{series: s, start: start}}
}

// add adds a block, which is later than those before, and ends at that offset and with
// that checksum.
func (b *indexBuilder) add(block, version, end int64, sum uint32, s *columnar.Summaries) {
	x := &b.index
	x.addAge(len(x.ends), version)
	if n := len(x.ends); n == 0 || block != x.Block(n-1)+1 {
		x.runs = append(x.runs, run{block: block, entry: n})
	}
	x.ends, x.sums = append(x.ends, end), append(x.sums, sum)
	b.addNode(0, s)
}

// addNode adds a node to a level, and its parent to the next one when the parent
// is full.
func (b *indexBuilder) addNode(depth int, s *columnar.Summaries) {
	if depth == len(b.levels) {
		b.levels = append(b.levels, newLevelBuilder(b.index.series.Type.Kind() == columnar.Texts))
	}
	l := &b.levels[depth]
	x := &b.index
	at := place{x.firstSlot(depth, l.nodes), x.lastSlot(depth, l.nodes), x.slots(depth, l.nodes, l.nodes+1)}
	for c, summary := range [numClasses]*columnar.Summary{s.Good, s.Uncertain, s.Bad, s.Usable} {
		if summary != nil {
			l.classes[c].add(l.nodes, summary, at)
		}
	}
	l.nodes++
	l.pending.Merge(s)
	if l.nodes%fanOut == 0 {
		parent := l.pending
		l.pending = columnar.Summaries{}
		b.addNode(depth+1, &parent)
	}
}

// build returns the index of the blocks added, of which there is at least one.
func (b *indexBuilder) build() *Index {
	for depth := 0; depth < len(b.levels) && b.levels[depth].nodes > 1; depth++ {
		if l := &b.levels[depth]; l.nodes%fanOut != 0 {
			parent := l.pending
			l.pending = columnar.Summaries{}
			b.addNode(depth+1, &parent)
		}
	}
	x := &b.index
	for i := range b.levels {
		l := level{nodes: b.levels[i].nodes}
		for c := range l.classes {
			l.classes[c] = b.levels[i].classes[c].build(l.nodes)
		}
		x.levels = append(x.levels, l)
	}
	x.runs, x.ends, x.sums = slices.Clip(x.runs), slices.Clip(x.ends), slices.Clip(x.sums)
	x.account()
	return x
}

// account computes the memory that the index takes.
func (x *Index) account() {
	x.size = int64(unsafe.Sizeof(*x)) + 8*int64(cap(x.ends)) +
		int64(unsafe.Sizeof(run{}))*int64(cap(x.runs)) + int64(unsafe.Sizeof(level{}))*int64(cap(x.levels)) +
		int64(unsafe.Sizeof(age{}))*int64(cap(x.ages)) + checksumLen*int64(cap(x.sums))
	for i := range x.levels {
		for _, c := range x.levels[i].classes {
			x.size += c.bytes()
		}
	}
}
