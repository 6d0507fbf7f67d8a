package flight

import "encoding/binary"

// flat reads FlatBuffers without trust: what is beyond the end reads as zero and is
// a problem.
type flat struct {
	b       []byte
	budget  int    // bytes that may still be referred to
	problem string // the first one; empty: none
}

// table is a table: its place, and that of its vtable. Place 0 is no table.
type table struct{ at, vtable, slots int }

func (f *flat) fail(problem string) {
	if f.problem == "" {
		f.problem = problem
	}
}

// bytes returns n bytes at a place, nil where there are not so many.
func (f *flat) bytes(at, n int) []byte {
	if at < 0 || n < 0 || at > len(f.b) || n > len(f.b)-at {
		f.fail("metadata that points beyond its end")
		return nil
	}
	return f.b[at : at+n]
}

func (f *flat) u16(at int) int {
	if b := f.bytes(at, 2); b != nil {
		return int(binary.LittleEndian.Uint16(b))
	}
	return 0
}

func (f *flat) u32(at int) int {
	if b := f.bytes(at, 4); b != nil {
		return int(binary.LittleEndian.Uint32(b))
	}
	return 0
}

func (f *flat) i64(at int) int64 {
	if b := f.bytes(at, 8); b != nil {
		return int64(binary.LittleEndian.Uint64(b))
	}
	return 0
}

// ref returns the place that an offset leads to.
func (f *flat) ref(at int) int { return at + f.u32(at) }

// charge takes n bytes out of the budget.
func (f *flat) charge(n int) {
	if f.budget -= n; f.budget < 0 {
		f.fail("metadata that refers to itself too often")
	}
}

// table returns the table at a place.
func (f *flat) table(at int) table {
	f.charge(4)
	vtable := at - int(int32(f.u32(at)))
	size := f.u16(vtable)
	if f.bytes(vtable, size) == nil || f.problem != "" {
		return table{}
	}
	return table{at, vtable, size/2 - 2}
}

// slot returns the place of a field of a table, 0 where it is not there.
func (f *flat) slot(t table, n int) int {
	if t.at == 0 || n >= t.slots {
		return 0
	}
	if offset := f.u16(t.vtable + 4 + 2*n); offset != 0 {
		return t.at + offset
	}
	return 0
}

// child returns the table that a field refers to.
func (f *flat) child(t table, n int) table {
	if at := f.slot(t, n); at != 0 {
		return f.table(f.ref(at))
	}
	return table{}
}

func (f *flat) byteAt(t table, n int) byte {
	if at := f.slot(t, n); at != 0 {
		if b := f.bytes(at, 1); b != nil {
			return b[0]
		}
	}
	return 0
}

func (f *flat) int64At(t table, n int) int64 {
	if at := f.slot(t, n); at != 0 {
		return f.i64(at)
	}
	return 0
}

// vector returns the place of a vector's elements and their number.
func (f *flat) vector(t table, slot, size int) (at, n int) {
	if at = f.slot(t, slot); at == 0 {
		return 0, 0
	}
	at = f.ref(at)
	n = f.u32(at)
	if n > len(f.b)/size || f.bytes(at+4, n*size) == nil {
		f.fail("a vector that claims more than there is")
		return 0, 0
	}
	f.charge(n * size)
	return at + 4, n
}

// text checks a text.
func (f *flat) text(t table, slot int) { f.vector(t, slot, 1) }
