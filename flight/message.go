package flight

import (
	"encoding/binary"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Limits of what one message of Arrow data may hold, beside its size.
const (
	maxHeader    = 8 << 20 // bytes of a message's metadata
	maxRows      = 1 << 26 // rows of a batch, or values of a nested column of it
	maxDepth     = 16      // of nested types
	maxExpansion = 16      // how often what the metadata holds may be referred to
)

// The kinds of messages (MessageHeader in Arrow's Message.fbs).
const (
	headerSchema          = 1
	headerDictionaryBatch = 2
	headerRecordBatch     = 3
)

// typeUnion is the kind of a union type (Type in Arrow's Schema.fbs).
const typeUnion = 14

// checkMessage checks the declared sizes of a message of Arrow data (F3): vectors
// against the bytes that have come, buffers against the body, uncompressed lengths
// against limit. The IPC reader allocates what a message declares, and the Go
// runtime does not survive an allocation that cannot be had; what it does survive,
// such as an index out of range, is left to the reader to find.
//
// The layout is that of Message.fbs and Schema.fbs of the Arrow columnar format.
func checkMessage(header, body []byte, limit int) error {
	if len(header) == 0 {
		return nil // a message that holds a descriptor or metadata only
	}
	if len(header) > maxHeader {
		return status.Errorf(codes.InvalidArgument, "malformed Arrow data: metadata of %d bytes, more than %d", len(header), maxHeader)
	}
	m := message{flat: flat{b: header, budget: maxExpansion*len(header) + 4096}, body: body, limit: int64(limit)}
	m.check()
	if m.problem != "" {
		return status.Errorf(codes.InvalidArgument, "malformed Arrow data: %s", m.problem)
	}
	return nil
}

// message is a message that is being checked.
type message struct {
	flat
	body  []byte
	limit int64
}

func (m *message) check() {
	root := m.table(m.ref(0))
	m.keyValues(root, 4)
	header := m.child(root, 2)
	switch m.byteAt(root, 1) {
	case headerSchema:
		m.keyValues(header, 2)
		m.vector(header, 3, 8)
		m.fields(header, 1, 0)
	case headerDictionaryBatch:
		m.batch(m.child(header, 1))
	case headerRecordBatch:
		m.batch(header)
	default:
		m.fail("a message that is neither a schema nor a batch")
	}
}

// fields checks a vector of fields and what is below them.
func (m *message) fields(t table, slot, depth int) {
	if depth > maxDepth {
		m.fail("types are nested too deeply")
		return
	}
	at, n := m.vector(t, slot, 4)
	for i := 0; i < n && m.problem == ""; i++ {
		field := m.table(m.ref(at + 4*i))
		m.text(field, 0)
		m.keyValues(field, 6)
		if m.byteAt(field, 2) == typeUnion {
			m.vector(m.child(field, 3), 1, 4)
		}
		m.fields(field, 5, depth+1)
	}
}

// keyValues checks a vector of keys and values.
func (m *message) keyValues(t table, slot int) {
	at, n := m.vector(t, slot, 4)
	for i := 0; i < n && m.problem == ""; i++ {
		pair := m.table(m.ref(at + 4*i))
		m.text(pair, 0)
		m.text(pair, 1)
	}
}

// batch checks a record batch's numbers of rows, its buffers and their lengths.
func (m *message) batch(t table) {
	m.count(m.int64At(t, 0))
	at, n := m.vector(t, 1, 16)
	for i := 0; i < n && m.problem == ""; i++ {
		m.count(m.i64(at + 16*i))
	}
	compression := m.child(t, 3)
	compressed := compression.at > 0
	if codec := m.byteAt(compression, 0); codec > 1 {
		m.fail("an unknown compression")
	}
	at, buffers := m.vector(t, 2, 16)
	total := int64(0)
	for i := 0; i < buffers && m.problem == ""; i++ {
		total += m.buffer(m.i64(at+16*i), m.i64(at+16*i+8), compressed)
		if total > m.limit {
			m.fail("buffers that claim more bytes than a message may have: send smaller batches")
		}
	}
	at, n = m.vector(t, 4, 8)
	views := int64(0)
	for i := 0; i < n && m.problem == ""; i++ {
		count := m.i64(at + 8*i)
		if views += count; count < 0 || views > int64(buffers) {
			m.fail("more buffers of views than buffers")
		}
	}
}

func (m *message) count(n int64) {
	if n < 0 || n > maxRows {
		m.fail("a number of rows that no batch has")
	}
}

// buffer checks a buffer and returns its uncompressed length.
func (m *message) buffer(offset, length int64, compressed bool) int64 {
	size := int64(len(m.body))
	switch {
	case offset < 0 || length < 0 || offset > size || length > size-offset:
		m.fail("a buffer beyond the end of the body")
	case length == 0:
		return 0
	case offset%8 != 0:
		m.fail("a buffer that is not aligned")
	case !compressed:
		return length
	case length < 8:
		m.fail("a compressed buffer without its length")
	default:
		raw := int64(binary.LittleEndian.Uint64(m.body[offset:]))
		if raw == -1 { // not compressed after all
			return length - 8
		}
		if raw < 0 || raw > m.limit {
			m.fail("a compressed buffer that claims more bytes than a message may have: send smaller batches")
		}
		return raw
	}
	return 0
}

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
