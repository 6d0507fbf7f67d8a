package segment

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
)

// everything is all that a segment tells.
type everything struct {
	series  []SeriesInfo
	indexes []*Index
	blocks  []columnar.Block
}

// readAll reads all that a segment tells.
func readAll(src []byte) (all everything, err error) {
	r, err := Open(bytes.NewReader(src), int64(len(src)), Options{Name: "test"})
	if err != nil {
		return all, err
	}
	all.series = r.Series()
	for _, s := range r.Series() {
		x, err := r.Index(s.ID)
		if err != nil {
			return all, err
		}
		all.indexes = append(all.indexes, x)
		for i := range x.Len() {
			var b columnar.Block
			if err := r.ReadBlock(x, i, &b, columnar.AllParts); err != nil {
				return all, err
			}
			all.blocks = append(all.blocks, b)
		}
	}
	return all, nil
}

// allocated returns the bytes that do allocates.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// checkDamaged reports bytes that are read without an error and give something
// else than the segment did, errors of a wrong kind, and memory out of proportion.
func checkDamaged(t *testing.T, src []byte, want everything, what string, at int) {
	t.Helper()
	var got everything
	var err error
	const limit = 4 << 20 // for a segment of a few KiB and the codecs' buffers
	if n := allocated(func() { got, err = readAll(src) }); n > limit {
		t.Errorf("%s %d: %d bytes allocated", what, at, n)
	}
	switch {
	case err == nil && !reflect.DeepEqual(got, want):
		t.Errorf("%s %d: other content and no error", what, at)
	case err != nil && !errors.Is(err, columnar.ErrCorrupt):
		t.Errorf("%s %d: %v does not wrap ErrCorrupt", what, at, err)
	case err != nil && !strings.HasPrefix(err.Error(), "segment test: "):
		t.Errorf("%s %d: %v does not name the segment", what, at, err)
	}
}

// smallSegment is a segment with a bit of all.
func smallSegment(tb testing.TB) []byte {
	rng := rand.New(rand.NewSource(13))
	c := randomContent(rng, shape{gaps: 0.2, uncertain: 0.2, bad: 0.2, void: 0.5, marks: 0.2}, 2, 12, 0.5)
	src, _ := (&content{series: []columnar.Series{c.series[0], c.series[5]}, blocks: [][]*columnar.Block{c.blocks[0], c.blocks[5]}}).write(tb)
	return src
}

func TestEveryFlippedBitIsFoundOrHarmless(t *testing.T) {
	src := smallSegment(t)
	want, err := readAll(src)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(src)
	for bit := range 8 * len(src) {
		damaged[bit/8] ^= 1 << (bit % 8)
		checkDamaged(t, damaged, want, "bit", bit)
		damaged[bit/8] = src[bit/8]
	}
}

func TestEveryTruncationIsFound(t *testing.T) {
	src := smallSegment(t)
	for n := range len(src) - 1 {
		for _, part := range [][]byte{src[:n], src[n+1:]} {
			checkDamaged(t, part, everything{}, "length", len(part))
			if _, err := readAll(part); err == nil {
				t.Errorf("%d bytes of %d are read without an error", len(part), len(src))
			}
		}
	}
}

func TestSectionsOfAnotherSegmentAreFound(t *testing.T) {
	c := randomContent(rand.New(rand.NewSource(14)), shape{}, 2, 16, 0)
	src, _ := c.write(t)
	r := open(t, src)
	first, second := r.series[0], r.series[1]

	t.Run("the index of another series", func(t *testing.T) {
		if _, err := r.DecodeIndex(first.ID, src[second.indexOffset:second.indexOffset+second.indexLength]); !errors.Is(err, columnar.ErrCorrupt) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("another block of the series", func(t *testing.T) {
		x := index(t, r, first.ID)
		run, err := r.ReadRun(x, 0, 2, nil)
		if err != nil {
			t.Fatal(err)
		}
		var b columnar.Block
		if err := columnar.DecodeBlock(&b, run.Block(1), x.Series(), x.Block(0), columnar.AllParts); !errors.Is(err, columnar.ErrCorrupt) {
			t.Errorf("error is %v", err)
		}
	})
}

// broken is an io.ReaderAt that fails after a number of reads.
type broken struct {
	io.ReaderAt
	reads int
}

var errBroken = errors.New("broken")

func (b *broken) ReadAt(p []byte, off int64) (int, error) {
	if b.reads--; b.reads < 0 {
		return 0, errBroken
	}
	return b.ReaderAt.ReadAt(p, off)
}

func TestErrorsOfReadingAreNotTakenForDamage(t *testing.T) {
	src := smallSegment(t)
	for reads := range 3 {
		in := &broken{bytes.NewReader(src), reads}
		r, err := Open(in, int64(len(src)), Options{Name: "test"})
		var x *Index
		if err == nil {
			x, err = r.Index(r.Series()[0].ID)
		}
		if err == nil {
			var b columnar.Block
			err = r.ReadBlock(x, 0, &b, columnar.AllParts)
		}
		if !errors.Is(err, errBroken) || errors.Is(err, columnar.ErrCorrupt) || !strings.HasPrefix(err.Error(), "segment test: ") {
			t.Errorf("after %d reads: %v", reads, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(smallSegment(f))
	src, _ := randomContent(rand.New(rand.NewSource(15)), shape{}, 1, 8, 0).write(f)
	f.Add(src)
	old := randomContent(rand.New(rand.NewSource(15)), shape{}, 1, 8, 0)
	old.old = true
	src, _ = old.write(f)
	f.Add(src)
	f.Fuzz(func(t *testing.T, src []byte) {
		if _, err := readAll(src); err != nil && !errors.Is(err, columnar.ErrCorrupt) {
			t.Error(err)
		}
	})
}

// FuzzFooter fuzzes the footer with a checksum that is right.
func FuzzFooter(f *testing.F) {
	src := smallSegment(f)
	r := open(f, src)
	last := r.series[len(r.series)-1]
	start := last.indexOffset + last.indexLength
	f.Add(src[start:len(src)-trailerLen-checksumLen], start, uint8(r.format))
	f.Fuzz(func(t *testing.T, body []byte, end int64, form uint8) {
		series, err := decodeFooter(seal(bytes.Clone(body), 0), end, format(form)&allFormats, nil)
		if err != nil {
			if !errors.Is(err, columnar.ErrCorrupt) {
				t.Error(err)
			}
			return
		}
		at := int64(headerLen)
		for i := range series {
			if series[i].offset != at || series[i].From() >= series[i].To() {
				t.Errorf("series %+v begins at %d", series[i], at)
			}
			at += series[i].length
		}
	})
}

// FuzzIndex fuzzes an index with a checksum that is right: whatever it says, it
// can be asked for all that an index knows.
func FuzzIndex(f *testing.F) {
	for _, test := range shapes {
		for i, blocks := range []int{1, 3, 130} {
			c := randomContent(rand.New(rand.NewSource(int64(i))), test.shape, blocks, 20, test.holes)
			src, _ := c.write(f)
			for _, s := range open(f, src).series {
				f.Add(src[s.indexOffset:s.indexOffset+s.indexLength-checksumLen], byte(s.Type), uint8(s.Blocks), s.length, s.FirstBlock, s.LastBlock, uint8(s.format))
			}
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, typ byte, blocks uint8, length, first, last int64, form uint8) {
		if len(body) == 0 {
			return
		}
		id := int64(typ) * 10
		s := SeriesInfo{
			Series: columnar.Series{ID: id, Type: columnar.Type(typ), Grid: columnar.Grid{Period: 1_000_000, BlockLen: 20}},
			Blocks: int(blocks), FirstBlock: first, LastBlock: last, offset: headerLen, length: length,
			format: format(form) & allFormats,
		}
		if s.check(math.MaxInt32) != nil {
			return
		}
		src := seal(bytes.Clone(body), 0)
		s.indexSum = storedSum(src)
		x, err := decodeIndex(src, &s, nil)
		if err != nil {
			if !errors.Is(err, columnar.ErrCorrupt) {
				t.Error(err)
			}
			return
		}
		for i := range x.Len() {
			if at, ok := x.Find(x.Entry(i).Block); at != i || !ok {
				t.Errorf("Find does not find block %d", x.Entry(i).Block)
			}
			x.Summaries(i)
		}
		for want := range columnar.AnyQuality + 1 {
			var acc columnar.Summary
			x.Merge(&acc, want, columnar.AllStats, 0, x.Len())
			acc = columnar.Summary{}
			x.Merge(&acc, want, columnar.AllStats&^columnar.StatPath, x.Len()/3, x.Len())
		}
		again, err := appendIndex(nil, x, s.format)
		if err != nil {
			t.Fatal(err)
		}
		s.indexSum = storedSum(again)
		if _, err := decodeIndex(again, &s, nil); err != nil {
			t.Errorf("what was decoded cannot be encoded: %v", err)
		}
	})
}
