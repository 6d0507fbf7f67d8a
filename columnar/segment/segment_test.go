package segment

import (
	"bytes"
	"fmt"
	"math"
	"math/rand"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
	"github.com/trellisdb/trellis/columnar/kernel"
)

// exactly compares summaries by the numbers that exact sums stand for, and floats
// by their bits.
var exactly = cmp.Options{
	cmp.Comparer(func(a, b kernel.Exact) bool { return slices.Equal(a.Terms(), b.Terms()) }),
	cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }),
}

// content is what a test segment is to hold: the blocks of its series, in order.
type content struct {
	series []columnar.Series
	blocks [][]*columnar.Block // per series
	// versions of the blocks, per series; nil: they have none of their own
	versions [][]int64
	old      bool // as a release without checksums of blocks and indexes wrote it
}

// write writes a segment.
func (c *content) write(tb testing.TB) ([]byte, Info) {
	tb.Helper()
	var out bytes.Buffer
	w := NewWriter(&out)
	if c.versions != nil {
		w = NewVersionWriter(&out)
	}
	if c.old {
		w.format &^= withSums
	}
	for i, s := range c.series {
		for j, b := range c.blocks[i] {
			var err error
			if c.versions == nil {
				err = w.Add(s, b, codec.Auto)
			} else {
				err = addVersion(w, s, b, c.versions[i][j])
			}
			if err != nil {
				tb.Fatal(err)
			}
		}
	}
	info, err := w.Finish()
	if err != nil {
		tb.Fatal(err)
	}
	if info.Size != int64(out.Len()) {
		tb.Fatalf("Info.Size = %d, wrote %d", info.Size, out.Len())
	}
	return out.Bytes(), info
}

// addVersion adds a block that has a version of its own.
func addVersion(w *Writer, s columnar.Series, b *columnar.Block, version int64) error {
	src, err := columnar.AppendBlock(nil, b, codec.Auto, s)
	if err != nil {
		return err
	}
	sums := columnar.SummarizeAll(b)
	return w.AddVersion(s, s.Grid.Block(b.First), version, src, &sums)
}

// open opens a segment that is in memory.
func open(tb testing.TB, src []byte) *Reader {
	tb.Helper()
	r, err := Open(bytes.NewReader(src), int64(len(src)), Options{Name: "test"})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// index reads the index of a series that is there.
func index(tb testing.TB, r *Reader, series int64) *Index {
	tb.Helper()
	x, err := r.Index(series)
	if err != nil {
		tb.Fatal(err)
	}
	if x == nil {
		tb.Fatalf("no index of series %d", series)
	}
	return x
}

// infoOf returns what a footer says of the series of an index and its bytes.
func infoOf(x *Index, src []byte) *SeriesInfo {
	return &SeriesInfo{
		Series: x.series, Blocks: x.Len(), FirstBlock: x.Block(0), LastBlock: x.Block(x.Len() - 1),
		offset: x.start, length: x.offset(x.Len()) - x.start, indexSum: storedSum(src), format: withSums,
	}
}

// shape says what the blocks of randomBlock are like.
type shape struct {
	gaps, uncertain, bad, void, marks float64 // shares of slots
	wild                              bool    // values of all sizes
}

// randomBlock makes a block of the series.
func randomBlock(rng *rand.Rand, s columnar.Series, number int64, sh shape) *columnar.Block {
	n := int(s.Grid.BlockLen)
	b := &columnar.Block{First: s.Grid.BlockSlot(number), Len: n, Kind: s.Type.Kind()}
	switch b.Kind {
	case columnar.Floats:
		b.Floats = make([]float64, n)
	case columnar.Ints:
		b.Ints = make([]int64, n)
	default:
		b.Texts = make([]string, n)
	}
	present, void := columnar.FullBitmap(n), columnar.NewBitmap(n)
	status, marks, edits := make([]columnar.Status, n), make([]columnar.Mark, n), make([]int64, n)
	any := [4]bool{}
	for i := range n {
		if rng.Float64() < sh.marks {
			marks[i], edits[i], any[3] = columnar.Mark(1+rng.Intn(3)), rng.Int63n(1000), true
		}
		if rng.Float64() < sh.gaps || marks[i] == columnar.Deleted {
			present.Clear(i)
			any[0] = true
			continue
		}
		switch p := rng.Float64(); {
		case p < sh.uncertain:
			status[i], any[2] = columnar.StatusUncertain, true
		case p < sh.uncertain+sh.bad:
			status[i], any[2] = columnar.StatusBad|columnar.Status(rng.Intn(3)), true
			if rng.Float64() < sh.void {
				void.Set(i)
				any[1] = true
				continue
			}
		}
		switch b.Kind {
		case columnar.Floats:
			b.Floats[i] = 20 + rng.NormFloat64()
			if sh.wild {
				b.Floats[i] = math.Ldexp(rng.NormFloat64(), rng.Intn(2070)-1074)
			}
		case columnar.Ints:
			b.Ints[i] = rng.Int63n(100) - 50
			if sh.wild {
				b.Ints[i] = int64(rng.Uint64())
			}
		default:
			b.Texts[i] = fmt.Sprint("state ", rng.Intn(5))
		}
	}
	if any[0] {
		b.Present = present
	}
	if any[1] {
		b.Void = void
	}
	if any[2] {
		b.Status = status
	}
	if any[3] {
		b.Marks, b.Edits = marks, edits
	}
	return b
}

// randomContent makes series of every type with blocks of that shape, some
// numbers of which are left out.
func randomContent(rng *rand.Rand, sh shape, blocks int, blockLen int64, holes float64) *content {
	c := &content{}
	for t := columnar.Double; t <= columnar.Text; t++ {
		s := columnar.Series{ID: int64(t) * 10, Type: t, Grid: columnar.Grid{Period: 1_000_000, BlockLen: blockLen}}
		number := rng.Int63n(2000) - 1000
		var list []*columnar.Block
		for range blocks {
			for rng.Float64() < holes {
				number += 1 + rng.Int63n(3)
			}
			list = append(list, randomBlock(rng, s, number, sh))
			number++
		}
		c.series, c.blocks = append(c.series, s), append(c.blocks, list)
	}
	return c
}

var shapes = []struct {
	name  string
	shape shape
	holes float64
}{
	{name: "complete and good", shape: shape{}},
	{name: "with gaps", shape: shape{gaps: 0.1}, holes: 0.1},
	{name: "of all qualities", shape: shape{uncertain: 0.2, bad: 0.2, void: 0.5}},
	{name: "rarely uncertain", shape: shape{uncertain: 0.002, bad: 0.001, void: 1}},
	{name: "mostly empty", shape: shape{gaps: 0.995, uncertain: 0.3, bad: 0.3, void: 0.5}, holes: 0.3},
	{name: "edited", shape: shape{marks: 0.3, gaps: 0.1}},
	{name: "wild", shape: shape{wild: true, gaps: 0.2, uncertain: 0.1, bad: 0.1, void: 0.1, marks: 0.1}, holes: 0.1},
	{name: "without samples", shape: shape{gaps: 1}},
}

func TestSegmentGivesBackBlocksAndSummaries(t *testing.T) {
	for _, test := range shapes {
		t.Run(test.name, func(t *testing.T) {
			rng := rand.New(rand.NewSource(1))
			c := randomContent(rng, test.shape, 70, 50, test.holes)
			src, info := c.write(t)
			r := open(t, src)
			if len(r.Series()) != info.Series || info.Series != len(c.series) {
				t.Fatalf("%d series, Info says %d, want %d", len(r.Series()), info.Series, len(c.series))
			}
			for i, s := range c.series {
				x := index(t, r, s.ID)
				if x.Len() != len(c.blocks[i]) {
					t.Fatalf("series %d: %d entries, want %d", s.ID, x.Len(), len(c.blocks[i]))
				}
				for j, want := range c.blocks[i] {
					checkEntry(t, r, x, j, want)
				}
			}
		})
	}
}

// checkEntry compares entry i of an index with the block that it stands for.
func checkEntry(t *testing.T, r *Reader, x *Index, i int, want *columnar.Block) {
	t.Helper()
	number := x.Series().Grid.Block(want.First)
	if e := x.Entry(i); e.Block != number || e.Samples != columnar.CountQualities(want, 0, want.Len) {
		t.Fatalf("entry %d is %+v, want block %d with %v samples", i, e, number, columnar.CountQualities(want, 0, want.Len))
	}
	if at, ok := x.Find(number); at != i || !ok {
		t.Fatalf("Find(%d) = %d, %v, want %d", number, at, ok, i)
	}
	var got columnar.Block
	if err := r.ReadBlock(x, i, &got, columnar.AllParts); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&got, want) {
		t.Fatalf("block %d: %s", number, cmp.Diff(want, &got))
	}
	if diff := cmp.Diff(columnar.SummarizeAll(want), x.Summaries(i), exactly); diff != "" {
		t.Fatalf("summaries of block %d: %s", number, diff)
	}
}
