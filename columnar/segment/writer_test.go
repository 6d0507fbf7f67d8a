package segment

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"math/rand"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
)

// flat returns a block of a series of doubles, all zero.
func flat(s columnar.Series, number int64) *columnar.Block {
	return &columnar.Block{First: s.Grid.BlockSlot(number), Len: int(s.Grid.BlockLen), Floats: make([]float64, s.Grid.BlockLen)}
}

func TestBlocksThatDoNotComeInOrderAreRefused(t *testing.T) {
	type block struct {
		series columnar.Series
		number int64
	}
	series := func(id int64) columnar.Series {
		s := secondly(10)
		s.ID = id
		return s
	}
	other := series(2)
	other.Type = columnar.Float
	late := columnar.Grid{Period: 1_000_000, BlockLen: 10}.Block(columnar.MaxTime / 1_000_000)
	for _, test := range []struct {
		name   string
		blocks []block
		want   string
	}{
		{"the same block twice", []block{{series(2), 5}, {series(2), 5}}, "series 2: block 5 after block 5"},
		{"an earlier block", []block{{series(2), 5}, {series(2), 4}}, "series 2: block 4 after block 5"},
		{"an earlier series", []block{{series(2), 5}, {series(1), 6}}, "series 1: block 6: the series does not come in order"},
		{"a series that was ended", []block{{series(2), 5}, {series(3), 5}, {series(2), 6}}, "series 2: block 6: the series does not come in order"},
		{"a series that changes", []block{{series(2), 5}, {other, 6}}, "series 2: block 6: the series is not what it was before"},
		{"a series without an id", []block{{series(0), 5}}, "series 0: block 5: the series does not come in order"},
		{"a block behind the end of time", []block{{series(2), late}}, "is outside of time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := NewWriter(io.Discard)
			var err error
			for i, b := range test.blocks {
				if err = w.Add(b.series, flat(b.series, b.number), codec.Auto); err != nil && i+1 < len(test.blocks) {
					t.Fatal(err)
				}
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %s", err, test.want)
			}
			if _, again := w.Finish(); again == nil {
				t.Error("the segment was finished after an error")
			}
		})
	}
}

func TestASegmentWithoutABlockIsAnError(t *testing.T) {
	if _, err := NewWriter(io.Discard).Finish(); err == nil {
		t.Error("no error")
	}
}

func TestNothingCanBeAddedToAFinishedSegment(t *testing.T) {
	w := NewWriter(io.Discard)
	s := secondly(10)
	if err := w.Add(s, flat(s, 0), codec.Auto); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(s, flat(s, 1), codec.Auto); err == nil {
		t.Error("a block was added")
	}
}

// full is an io.Writer with room for so many bytes.
type full struct{ room int }

var errFull = errors.New("full")

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestErrorsOfWritingAreReported(t *testing.T) {
	s := secondly(10)
	_, info := (&content{series: []columnar.Series{s}, blocks: [][]*columnar.Block{{flat(s, 0)}}}).write(t)
	for room := range int(info.Size) {
		w := NewWriter(&full{room})
		err := w.Add(s, flat(s, 0), codec.Auto)
		if err == nil {
			_, err = w.Finish()
		}
		if !errors.Is(err, errFull) {
			t.Fatalf("with room for %d bytes: error is %v", room, err)
		}
	}
}

func TestACopiedSegmentHasTheSameBytes(t *testing.T) {
	c := randomContent(rand.New(rand.NewSource(20)), shape{gaps: 0.2, uncertain: 0.2, bad: 0.2, void: 0.2, marks: 0.1}, 80, 30, 0.1)
	src, want := c.write(t)
	r := open(t, src)
	var out bytes.Buffer
	w := NewWriter(&out)
	for _, s := range r.Series() {
		x := index(t, r, s.ID)
		run, err := r.ReadRun(x, 0, x.Len(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x.Len() {
			sums := x.Summaries(i)
			if err := w.AddEncoded(x.Series(), x.Block(i), run.Block(i), &sums); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if got != want || !bytes.Equal(out.Bytes(), src) {
		t.Errorf("the copy is %+v, want %+v", got, want)
	}
}

func TestEqualContentHasEqualBytes(t *testing.T) {
	c := randomContent(rand.New(rand.NewSource(21)), shape{gaps: 0.1, uncertain: 0.1, marks: 0.1}, 5, 200, 0.1)
	first, _ := c.write(t)
	second, _ := c.write(t)
	if !bytes.Equal(first, second) {
		t.Error("they differ")
	}
}

func TestADamagedBlockIsNotCopied(t *testing.T) {
	s := secondly(10)
	block, err := columnar.AppendBlock(nil, flat(s, 3), codec.Auto, s)
	if err != nil {
		t.Fatal(err)
	}
	sums := columnar.SummarizeAll(flat(s, 3))
	if err := NewWriter(io.Discard).AddEncoded(s, 4, block, &sums); !errors.Is(err, columnar.ErrCorrupt) {
		t.Errorf("in another place: error is %v", err)
	}
	block[3] ^= 1
	if err := NewWriter(io.Discard).AddEncoded(s, 3, block, &sums); !errors.Is(err, columnar.ErrCorrupt) {
		t.Errorf("damaged: error is %v", err)
	}
}

func TestInfoSaysWhatTheSegmentHolds(t *testing.T) {
	s := secondly(10)
	var out bytes.Buffer
	w := NewWriter(&out)
	for _, number := range []int64{-3, 4} {
		b := flat(s, number)
		b.Present = columnar.FullBitmap(10)
		b.Present.Clear(3)
		b.Floats[3] = 0
		if err := w.Add(s, b, codec.Auto); err != nil {
			t.Fatal(err)
		}
	}
	got, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	want := Info{
		Size: int64(out.Len()), Series: 1, Blocks: 2, Samples: 18,
		From: -30_000_000, To: 50_000_000, Checksum: crc32.Checksum(out.Bytes(), castagnoli), Digest: got.Digest,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	r := open(t, out.Bytes())
	want.Checksum = 0
	if got := r.Info(); got != want {
		t.Errorf("the reader says %+v, want %+v", got, want)
	}
	series := r.Series()[0]
	if series.Samples != 18 || series.Blocks != 2 || series.From() != want.From || series.To() != want.To {
		t.Errorf("the footer says %+v", series)
	}
}
