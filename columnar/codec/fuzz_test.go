package codec

import (
	"bytes"
	"errors"
	"math/rand"
	"runtime"
	"testing"
)

// decodeAny decodes bytes as a column of every family and reports errors that do
// not wrap ErrCorrupt.
func decodeAny(t testing.TB, d *Decoder, src []byte, n int) {
	t.Helper()
	for what, err := range map[string]error{
		"floats":   d.DecodeFloat64s(make([]float64, n), src),
		"integers": d.DecodeInt64s(make([]int64, n), src),
		"statuses": d.DecodeUint32s(make([]uint32, n), src),
		"marks":    d.DecodeUint8s(make([]uint8, n), src),
		"bits":     d.DecodeBits(make([]uint64, (n+63)/64), n, src),
		"text":     d.DecodeStrings(make([]string, n), src, 10*n),
	} {
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v does not wrap ErrCorrupt", what, err)
		}
	}
	if s := Inspect(src).String(); s == "" {
		t.Error("no description")
	}
}

func addGolden(f *testing.F) {
	f.Helper()
	for _, g := range goldenColumns() {
		column := readGolden(f, g.name)
		for _, n := range []uint16{0, 1, 40, 200, 4000} {
			f.Add(column, n)
		}
	}
}

// FuzzDecode decodes arbitrary bytes as whatever they say they are.
func FuzzDecode(f *testing.F) {
	addGolden(f)
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, src []byte, n uint16) { decodeAny(t, d, src, int(n)) })
}

// FuzzFloats encodes the floats with these bits and decodes them, whole and damaged.
func FuzzFloats(f *testing.F) {
	f.Add([]byte("0123456789abcdef01234567"), uint8(0), uint16(3), uint8(1))
	f.Add(bytes.Repeat([]byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xf1, 0x3f}, 50), uint8(5), uint16(9), uint8(0x80))
	f.Add(bytes.Repeat([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xf1, 0x3f}, 40), uint8(Sparse), uint16(7), uint8(0x10))
	f.Add(bytes.Repeat([]byte{0, 0, 0, 0, 0, 0xc0, 0x5e, 0x40, 0x77, 0xbe, 0x9f, 0x1a, 0x2f, 0xdd, 0x5e, 0x40}, 40), uint8(Digits), uint16(9), uint8(1))
	f.Add(bytes.Repeat([]byte{0x34, 0x33, 0x33, 0x33, 0x33, 0x33, 0xd3, 0x3f, 0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xf1, 0x3f}, 40), uint8(Near), uint16(5), uint8(1))
	f.Fuzz(func(t *testing.T, src []byte, c uint8, at uint16, flip uint8) {
		values := make([]float64, len(src)/8)
		bits := asBits(values)
		for i := range 8 * len(bits) {
			bits[i/8] |= uint64(src[i]) << (i % 8 * 8)
		}
		column := mustFloats(t, values, Codec(c%numCodecs))
		column[int(at)%len(column)] ^= flip
		decodeAny(t, NewDecoder(), column, len(values))
	})
}

func TestDamageNeverPanics(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	d := NewDecoder()
	for _, g := range goldenColumns() {
		column := readGolden(t, g.name)
		for range 300 {
			damaged := bytes.Clone(column)
			for range 1 + rng.Intn(3) {
				damaged[rng.Intn(len(damaged))] ^= 1 << rng.Intn(8)
			}
			decodeAny(t, d, damaged[:len(damaged)-rng.Intn(2)*rng.Intn(len(damaged))], []int{1, 40, 60, 200}[rng.Intn(4)])
		}
	}
}

// TestDeclaredSizesAreNotTrusted decodes columns that claim to be huge.
func TestDeclaredSizesAreNotTrusted(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}
	columns := [][]byte{}
	for _, f := range []family{integers, floats, bitmaps, texts} {
		for c := range Codec(numCodecs) {
			for _, z := range []bool{false, true} {
				h := []byte{header(f, c, z)}
				columns = append(columns, append(h, huge...), append(append(h, 1), huge...), append(append(h, 0, 0, 0), huge...))
			}
		}
	}
	// A zstd frame of a few bytes that decodes to a hundred million.
	e := NewEncoder()
	bomb := e.zstd.EncodeAll(make([]byte, 100<<20), nil)
	columns = append(columns,
		append([]byte{header(floats, Raw, true), 80}, bomb...),
		append([]byte{header(bitmaps, Raw, true), 2}, bomb...),
		append([]byte{header(integers, Planes, true), 0, 0, 8, 80}, bomb...))
	d := NewDecoder()
	decodeAny(t, d, columns[len(columns)-1], 10) // its buffers are made now
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, column := range columns {
		decodeAny(t, d, column, 10)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d columns of ten values made the decoder allocate %d bytes", len(columns), grown)
	}
}
