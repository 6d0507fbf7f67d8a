package exec

import (
	"bytes"
	"hash/maphash"
)

// keyTable numbers distinct byte strings in the order in which they come. It is a hash
// table with linear probing over arrays without pointers: a map of as many small strings
// takes four times the memory and keeps the garbage collector busy.
type keyTable struct {
	seed   maphash.Seed
	slots  []uint32 // number + 1; 0 where free; a power of two of them, at most half in use
	hashes []uint32 // by number
	ends   []int    // by number: where its bytes end
	codes  []byte   // of all, one after the other
}

// firstSlots is the size of a table that begins.
const firstSlots = 64

func newKeyTable() *keyTable {
	return &keyTable{seed: maphash.MakeSeed(), slots: make([]uint32, firstSlots)}
}

// number returns the number of a code, and whether it was there already.
func (t *keyTable) number(code []byte) (n int32, known bool) {
	hash := uint32(maphash.Bytes(t.seed, code))
	at := t.slot(hash, code)
	if t.slots[at] != 0 {
		return int32(t.slots[at] - 1), true
	}
	t.slots[at] = uint32(len(t.ends) + 1)
	t.hashes = append(t.hashes, hash)
	t.codes = append(t.codes, code...)
	t.ends = append(t.ends, len(t.codes))
	if 2*len(t.ends) > len(t.slots) {
		t.double()
	}
	return int32(len(t.ends) - 1), false
}

// find returns the number of a code, where it is there.
func (t *keyTable) find(code []byte) (n int32, known bool) {
	at := t.slot(uint32(maphash.Bytes(t.seed, code)), code)
	return int32(t.slots[at]) - 1, t.slots[at] != 0
}

// slot returns the slot that a code has, or is to have.
func (t *keyTable) slot(hash uint32, code []byte) uint32 {
	mask := uint32(len(t.slots) - 1)
	at := hash & mask
	for t.slots[at] != 0 {
		if n := t.slots[at] - 1; t.hashes[n] == hash && bytes.Equal(t.code(int(n)), code) {
			break
		}
		at = (at + 1) & mask
	}
	return at
}

func (t *keyTable) code(n int) []byte {
	from := 0
	if n > 0 {
		from = t.ends[n-1]
	}
	return t.codes[from:t.ends[n]]
}

// double makes the table twice as large.
func (t *keyTable) double() {
	t.slots = make([]uint32, 2*len(t.slots))
	mask := uint32(len(t.slots) - 1)
	for n, hash := range t.hashes {
		at := hash & mask
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = uint32(n + 1)
	}
}

// size returns the bytes that the table holds.
func (t *keyTable) size() int64 {
	return 4*int64(cap(t.slots)+cap(t.hashes)) + 8*int64(cap(t.ends)) + int64(cap(t.codes))
}
