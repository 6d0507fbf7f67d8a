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

// The kinds of types whose arrays are special (Type in Arrow's Schema.fbs).
const (
	typeUnion      = 14
	typeBinaryView = 23
	typeTextView   = 24
)

// typeBuffers is the number of an array's buffers by the kind of its type, from Null,
// which is 1, to LargeListView. A view has more, as the batch says; a union has a
// validity bitmap too in dictionaries and before version 5 of the format.
var typeBuffers = [...]int{
	1: 0, 2: 2, 3: 2, 4: 3, 5: 3, 6: 2, 7: 2, 8: 2, 9: 2, 10: 2, 11: 2, 12: 2, 13: 1, typeUnion: 2, 15: 2, 16: 1,
	17: 2, 18: 2, 19: 3, 20: 3, 21: 2, 22: 0, typeBinaryView: 2, typeTextView: 2, 25: 3, 26: 3,
}

// format5 is version 5 of the format (MetadataVersion in Arrow's Schema.fbs).
const format5 = 4

// shape is what the batches of a schema, or of one dictionary, need: the reader takes
// as many from a batch, whether it has them or not.
type shape struct{ nodes, buffers, views, unions int }

// incoming checks the messages of one stream of Arrow data before they are decoded
// (F3). The IPC reader allocates what a message declares, reads vectors beyond their
// ends, and recurses as deep as types are nested; the Go runtime does not survive an
// allocation that cannot be had. So sizes are checked against the bytes that have
// come, and against limits. What the runtime does survive, such as an index out of
// range, is left to the reader to find, and the values to array.ValidateRecordFull.
//
// The layout is that of Message.fbs and Schema.fbs of the Arrow columnar format.
type incoming struct {
	limit int64 // bytes of a message when uncompressed

	raw     int64 // bytes of the buffers of the last message, when uncompressed
	columns int   // of the last message, nested ones included
	kept    int64 // bytes that the stream keeps: of its schema and its dictionaries

	schema       bool // whether it has come
	batch        shape
	dictionaries map[int64]shape
	deltas       int64 // bytes of dictionaries that are kept for the rest of the stream
	sizes        map[int64]int64
}

// columnBytes is what a column takes beside its buffers, in a schema as in a batch.
const columnBytes = 512

// check checks a message: its metadata and its body.
func (in *incoming) check(header, body []byte) error {
	in.raw, in.columns = 0, 0
	if len(header) == 0 {
		return nil // a message that holds a descriptor or metadata only
	}
	m := message{flat: flat{b: header, budget: maxExpansion*len(header) + 4096}, incoming: in, body: body}
	if len(header) > maxHeader {
		m.fail("metadata larger than 8 MiB")
	} else {
		m.check()
	}
	if m.problem != "" {
		return status.Errorf(codes.InvalidArgument, "malformed Arrow data: %s", m.problem)
	}
	return nil
}

// message is a message that is being checked.
type message struct {
	flat
	*incoming
	body []byte
}

func (m *message) check() {
	root := m.table(m.ref(0))
	m.keyValues(root, 4)
	header := m.child(root, 2)
	kind := m.byteAt(root, 1)
	if (kind == headerSchema) == m.schema {
		m.fail("a stream that does not begin with its one schema")
		return
	}
	switch kind {
	case headerSchema:
		m.readSchema(header)
	case headerDictionaryBatch:
		id := m.int64At(header, 0)
		need, known := m.dictionaries[id]
		if !known {
			m.fail("a dictionary that the schema does not name")
			return
		}
		need.buffers += need.unions
		m.readBatch(m.child(header, 1), need)
		delta := m.byteAt(header, 2) != 0
		m.keep(id, delta)
		if delta {
			if m.deltas += int64(len(m.body)); m.deltas > m.limit {
				m.fail("dictionaries that grow beyond what a message may have")
			}
		}
	case headerRecordBatch:
		need := m.batch
		if m.byteAt(root, 0) < format5 {
			need.buffers += need.unions
		}
		m.readBatch(header, need)
	default:
		m.fail("a message that is neither a schema nor a batch")
	}
}

// keep counts a dictionary, which lasts until another one takes its place.
func (m *message) keep(id int64, delta bool) {
	size := int64(len(m.b)) + m.raw + columnBytes*int64(m.columns)
	if delta {
		size += m.sizes[id]
	}
	m.kept += size - m.sizes[id]
	m.sizes[id] = size
}

// readSchema checks a schema and learns what its batches need.
func (m *message) readSchema(t table) {
	m.schema, m.dictionaries, m.sizes = true, map[int64]shape{}, map[int64]int64{}
	if m.byteAt(t, 0) != 0 {
		m.fail("numbers with the high byte first")
	}
	m.keyValues(t, 2)
	m.vector(t, 3, 8)
	m.fields(t, 1, &m.batch, 0)
	m.columns = m.batch.nodes
	for _, d := range m.dictionaries {
		m.columns += d.nodes
	}
	m.kept = int64(len(m.b)) + columnBytes*int64(m.columns)
}

// fields checks a vector of fields and what is below them, and adds what they need.
func (m *message) fields(t table, slot int, need *shape, depth int) {
	if depth > maxDepth {
		m.fail("types are nested too deeply")
		return
	}
	at, n := m.vector(t, slot, 4)
	for i := 0; i < n && m.problem == ""; i++ {
		m.field(m.table(m.ref(at+4*i)), need, depth)
	}
}

func (m *message) field(t table, need *shape, depth int) {
	m.text(t, 0)
	m.keyValues(t, 6)
	kind := int(m.byteAt(t, 2))
	if kind == 0 || kind >= len(typeBuffers) {
		m.fail("an unknown type")
		return
	}
	if kind == typeUnion {
		m.vector(m.child(t, 3), 1, 4)
	}
	if encoding := m.child(t, 4); encoding.at != 0 { // indices here, values in a dictionary
		need.nodes++
		need.buffers += 2
		var values shape
		m.values(t, kind, &values, depth)
		id := m.int64At(encoding, 0)
		if before, twice := m.dictionaries[id]; twice && before != values {
			m.fail("one dictionary of two types")
		}
		m.dictionaries[id] = values
		return
	}
	m.values(t, kind, need, depth)
}

// values adds what the values of a field need.
func (m *message) values(t table, kind int, need *shape, depth int) {
	need.nodes++
	need.buffers += typeBuffers[kind]
	switch kind {
	case typeUnion:
		need.unions++
	case typeBinaryView, typeTextView:
		need.views++
	}
	m.fields(t, 5, need, depth+1)
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

// readBatch checks a record batch: that it has what its schema needs, its numbers of
// rows, its buffers and their lengths.
func (m *message) readBatch(t table, need shape) {
	m.count(m.int64At(t, 0))
	at, nodes := m.vector(t, 1, 16)
	for i := 0; i < nodes && m.problem == ""; i++ {
		m.count(m.i64(at + 16*i))
	}
	compression := m.child(t, 3)
	if m.byteAt(compression, 0) > 1 {
		m.fail("an unknown compression")
	}
	at, buffers := m.vector(t, 2, 16)
	total := int64(0)
	for i := 0; i < buffers && m.problem == ""; i++ {
		total += m.buffer(m.i64(at+16*i), m.i64(at+16*i+8), compression.at != 0)
		if total > m.limit {
			m.fail("buffers that claim more bytes than a message may have: send smaller batches")
		}
	}
	m.raw, m.columns = total, nodes
	at, views := m.vector(t, 4, 8)
	data := int64(0)
	for i := 0; i < views && m.problem == ""; i++ {
		n := m.i64(at + 8*i)
		if n < 0 || n > int64(buffers)-data {
			m.fail("more buffers of views than buffers")
		}
		data += n
	}
	if nodes < need.nodes || int64(buffers) < int64(need.buffers)+data || views < need.views {
		m.fail("a batch with fewer columns than its schema")
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
			return 0
		}
		return raw
	}
	return 0
}
