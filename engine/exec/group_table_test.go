package exec

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

func TestKeyTableNumbersAsAMapDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	table, reference := newKeyTable(), map[string]int32{}
	for range 100_000 {
		code := binary.AppendUvarint(nil, r.Uint64N(40_000))
		code = append(code, make([]byte, r.IntN(3))...)
		if n, known := table.find(code); known != (reference[string(code)] > 0) || known && n != reference[string(code)]-1 {
			t.Fatalf("%x is found as %d, %v; want %d", code, n, known, reference[string(code)]-1)
		}
		n, known := table.number(code)
		if want, there := reference[string(code)]; known != there || there && n != want-1 {
			t.Fatalf("%x has number %d, %v; want %d, %v", code, n, known, want-1, there)
		}
		reference[string(code)] = n + 1
	}
	if len(table.ends) != len(reference) {
		t.Errorf("%d codes, want %d", len(table.ends), len(reference))
	}
}

func BenchmarkKeyTable(b *testing.B) {
	codes := make([][]byte, 1_000_000)
	for i := range codes {
		codes[i] = binary.LittleEndian.AppendUint64(nil, uint64(i))
	}
	b.Run("table", func(b *testing.B) {
		for b.Loop() {
			t := newKeyTable()
			for _, code := range codes {
				t.number(code)
			}
		}
	})
	b.Run("map", func(b *testing.B) {
		for b.Loop() {
			m := map[string]int32{}
			for _, code := range codes {
				if _, ok := m[string(code)]; !ok {
					m[string(code)] = int32(len(m))
				}
			}
		}
	})
}
