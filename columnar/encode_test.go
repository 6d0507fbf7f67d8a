package columnar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trellisdb/trellis/columnar/codec"
)

// encodeSeries is a series of the type with blocks of n slots.
func encodeSeries(t Type, n int64) Series {
	return Series{ID: 7, Type: t, Grid: Grid{Period: 1000, BlockLen: n}}
}

// drawShortest draws a block of the series in its shortest form: a column is there
// only where it is not trivial.
func drawShortest(t *rapid.T, s Series) *Block {
	n := int(s.Grid.BlockLen)
	b := &Block{First: s.Grid.BlockSlot(rapid.Int64Range(-5, 5).Draw(t, "number")), Len: n, Kind: s.Type.Kind()}
	state := rapid.SliceOfN(rapid.IntRange(0, 20), n, n).Draw(t, "state")
	with := rapid.SliceOfN(rapid.Bool(), 4, 4).Draw(t, "gaps, status, void, marks")
	present, void := FullBitmap(n), NewBitmap(n)
	status, marks, edits := make([]Status, n), make([]Mark, n), make([]int64, n)
	value := valueSetter(t, b)
	for i, st := range state {
		if with[3] && st%3 == 2 {
			marks[i], edits[i] = Mark(1+st%2), rapid.Int64().Draw(t, "edit")
			b.Marks, b.Edits = marks, edits
		}
		if with[0] && st < 5 {
			present.Clear(i)
			b.Present = present
			continue
		}
		if with[1] && st > 10 {
			status[i] = Status(rapid.Uint32Range(1, math.MaxUint32).Draw(t, "status"))
			b.Status = status
		}
		if with[2] && st > 17 {
			void.Set(i)
			b.Void = void
			continue
		}
		value(i)
	}
	return b
}

// valueSetter makes the value column of b and returns a function that draws a
// value of it.
func valueSetter(t *rapid.T, b *Block) func(i int) {
	switch b.Kind {
	case Floats:
		b.Floats = make([]float64, b.Len)
		return func(i int) { b.Floats[i] = rapid.Float64().Draw(t, "float") }
	case Ints:
		b.Ints = make([]int64, b.Len)
		return func(i int) { b.Ints[i] = rapid.Int64().Draw(t, "int") }
	default:
		b.Texts = make([]string, b.Len)
		return func(i int) { b.Texts[i] = rapid.String().Draw(t, "text") }
	}
}

func TestBlocksDecodeToThemselves(t *testing.T) {
	d := NewBlockDecoder()
	var reused Block
	rapid.Check(t, func(t *rapid.T) {
		s := encodeSeries(Type(rapid.IntRange(int(Double), int(Text)).Draw(t, "type")), int64(rapid.IntRange(1, 150).Draw(t, "slots")))
		want := drawShortest(t, s)
		c := codec.Codec(rapid.IntRange(0, int(codec.Prefix)).Draw(t, "codec"))
		src, err := AppendBlock([]byte("before"), want, c, s)
		if err != nil {
			t.Fatal(err)
		}
		src = src[len("before"):]
		number := s.Grid.Block(want.First)
		if err := d.Decode(&reused, src, s, number, AllParts); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(&reused, want) {
			t.Fatalf("decoded %+v, want %+v", &reused, want)
		}
		for parts := range AllParts {
			var got Block
			if err := DecodeBlock(&got, src, s, number, parts); err != nil {
				t.Fatal(err)
			}
			if expected := keep(*want, parts); !reflect.DeepEqual(got, expected) {
				t.Fatalf("parts %b: decoded %+v, want %+v", parts, got, expected)
			}
		}
	})
}

// keep leaves out the columns that are not in parts.
func keep(b Block, parts Parts) Block {
	if parts&PartValues == 0 {
		b.Floats, b.Ints, b.Texts = nil, nil, nil
	}
	if parts&PartStatus == 0 {
		b.Status = nil
	}
	if parts&PartMarks == 0 {
		b.Marks, b.Edits = nil, nil
	}
	return b
}

func TestTrivialColumnsAreLeftOut(t *testing.T) {
	const n = 100
	plain := Block{Len: n, Floats: make([]float64, n)}
	full := plain
	full.Present, full.Void = FullBitmap(n), NewBitmap(n)
	full.Status, full.Marks, full.Edits = make([]Status, n), make([]Mark, n), make([]int64, n)
	s := encodeSeries(Double, n)
	want, err := AppendBlock(nil, &plain, codec.Auto, s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := AppendBlock(nil, &full, codec.Auto, s)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
	if len(want) > 16 {
		t.Errorf("a constant takes %d bytes", len(want))
	}
}

func TestBlocksThatBreakTheContractAreRefused(t *testing.T) {
	const n = 10
	floats := make([]float64, n)
	for _, test := range []struct {
		name  string
		block Block
		want  string
	}{
		{"a block of another length", Block{Len: 9, Floats: floats}, "not a block of 10"},
		{"a block that begins in the middle of one", Block{First: 5, Len: n, Floats: floats}, "not a block of 10"},
		{"values of another kind", Block{Len: n, Kind: Ints, Ints: make([]int64, n)}, "kind 1 in a series of type double"},
		{"no values", Block{Len: n}, "column values has length 0, not 10"},
		{"too few values", Block{Len: n, Floats: floats[:9]}, "column values has length 9, not 10"},
		{"a presence bitmap too long", Block{Len: n, Floats: floats, Present: make(Bitmap, 2)}, "column presence has length 2, not 1"},
		{"status too short", Block{Len: n, Floats: floats, Status: make([]Status, 3)}, "column status has length 3, not 10"},
		{"marks without edits", Block{Len: n, Floats: floats, Marks: make([]Mark, n)}, "column edits has length 0, not 10"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dst, err := AppendBlock([]byte("before"), &test.block, codec.Auto, encodeSeries(Double, n))
			if err == nil || !strings.Contains(err.Error(), test.want) || string(dst) != "before" {
				t.Errorf("error %v, dst %q, want %q", err, dst, test.want)
			}
		})
	}
}

func TestLongTextsThatAreEncodedAreDecoded(t *testing.T) {
	const n = 40
	s := encodeSeries(Text, n)
	b := Block{Len: n, Kind: Texts, Texts: make([]string, n)}
	rng := rand.New(rand.NewSource(2))
	for i := range b.Texts {
		text := make([]byte, MaxTextLen)
		_, _ = rng.Read(text)
		b.Texts[i] = string(text)
	}
	src, err := AppendBlock(nil, &b, codec.Auto, s)
	if err != nil {
		t.Fatal(err)
	}
	var got Block
	if err := DecodeBlock(&got, src, s, 0, AllParts); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, b) {
		t.Error("other texts are decoded")
	}
	b.Texts[7] += "x"
	if _, err := AppendBlock(nil, &b, codec.Auto, s); err == nil || !strings.Contains(err.Error(), "text of 65537 bytes") {
		t.Errorf("a text that is too long: error is %v", err)
	}
}

func TestABlockOfTooMuchTextIsRefused(t *testing.T) {
	const n = MaxBlockText/MaxTextLen + 1
	text := strings.Repeat("x", MaxTextLen)
	b := Block{Len: n, Kind: Texts, Texts: make([]string, n)}
	for i := range b.Texts {
		b.Texts[i] = text
	}
	_, err := AppendBlock(nil, &b, codec.Auto, encodeSeries(Text, n))
	if err == nil || !strings.Contains(err.Error(), "the most is 1073741824") {
		t.Errorf("error is %v", err)
	}
}

func TestABlockInAnotherPlaceIsDamaged(t *testing.T) {
	const n = 10
	s := encodeSeries(Double, n)
	src, err := AppendBlock(nil, &Block{Len: n, Floats: make([]float64, n)}, codec.Auto, s)
	if err != nil {
		t.Fatal(err)
	}
	other := s
	other.ID++
	ints := s
	ints.Type = Integer
	for _, test := range []struct {
		name   string
		series Series
		number int64
	}{
		{"another series", other, 0},
		{"another number", s, 1},
		{"a series of another kind", ints, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := DecodeBlock(new(Block), src, test.series, test.number, AllParts)
			place := fmt.Sprintf("series %d: block %d: ", test.series.ID, test.number)
			if !errors.Is(err, ErrCorrupt) || !strings.HasPrefix(err.Error(), place) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestDecoderWithMemoryToReuseAllocatesLittle(t *testing.T) {
	const n = 3600
	s := encodeSeries(Double, n)
	rng := rand.New(rand.NewSource(1))
	b := Block{Len: n, Floats: make([]float64, n), Present: FullBitmap(n), Status: make([]Status, n)}
	b.Present.Clear(5)
	for i := range n {
		b.Floats[i] = float64(rng.Intn(100))
		b.Status[i] = Status(rng.Intn(3)) << 30
	}
	b.Floats[5], b.Status[5] = 0, 0
	gappy, err := AppendBlock(nil, &b, codec.Auto, s)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := AppendBlock(nil, &Block{Len: n, Floats: b.Floats}, codec.Auto, s)
	if err != nil {
		t.Fatal(err)
	}
	d := NewBlockDecoder()
	var got Block
	allocs := testing.AllocsPerRun(20, func() {
		for _, src := range [][]byte{gappy, plain} {
			if err := d.Decode(&got, src, s, 0, AllParts); err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs > 32 {
		t.Errorf("%v allocations for two blocks", allocs)
	}
}

// FuzzDecodeBlock fuzzes blocks with a checksum that is right: they decode to
// something that encodes and decodes to itself, or they are damaged.
func FuzzDecodeBlock(f *testing.F) {
	const n = 70
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprint(i / 3)
	}
	present, void := FullBitmap(n), NewBitmap(n)
	present.Clear(3)
	void.Set(4)
	status, marks, edits := make([]Status, n), make([]Mark, n), make([]int64, n)
	status[4], marks[3], edits[3] = StatusBad, Deleted, 12
	for _, b := range []Block{
		{Len: n, Kind: Floats, Floats: make([]float64, n)},
		{Len: n, Kind: Ints, Ints: make([]int64, n), Present: present, Void: void, Status: status, Marks: marks, Edits: edits},
		{Len: n, Kind: Texts, Texts: texts, Void: void, Status: status},
	} {
		s := encodeSeries([...]Type{Floats: Double, Ints: Integer, Texts: Text}[b.Kind], n)
		src, err := AppendBlock(nil, &b, codec.Auto, s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src[:len(src)-checksumLen], byte(s.Type))
	}
	f.Fuzz(func(t *testing.T, body []byte, typ byte) {
		s := encodeSeries(Type(typ), n)
		if !s.Type.Valid() {
			return
		}
		src := binary.LittleEndian.AppendUint32(body[:len(body):len(body)], blockChecksum(body, s.ID, 0))
		var b, again Block
		if err := DecodeBlock(&b, src, s, 0, AllParts); err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Error(err)
			}
			return
		}
		shortest, err := AppendBlock(nil, &b, codec.Auto, s)
		if err != nil {
			t.Fatal(err)
		}
		if err := DecodeBlock(&again, shortest, s, 0, AllParts); err != nil {
			t.Fatal(err)
		}
		once, err := AppendBlock(nil, &again, codec.Auto, s)
		if err != nil || string(once) != string(shortest) {
			t.Errorf("% x, want % x, %v", once, shortest, err)
		}
	})
}
