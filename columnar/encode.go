package columnar

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"
	"sync"

	"github.com/trellisdb/trellis/columnar/codec"
)

// An encoded block is, with u for an unsigned varint:
//
//	offset  bytes  content
//	0       1      bits 7-4 blockFormat, bits 3-0 the block's Kind
//	1       1      columns: bit i is set where the column of number i is there
//	2       …      u length in bytes of every column that is there, but the last
//	…       …      the columns, by number; each as package codec writes it
//	end-4   4      CRC32C, little-endian
//
//	number  column    over                  left out where
//	0       presence  slots                 all slots are present
//	1       void      slots                 no sample lacks a value
//	2       values    samples with a value  there is none
//	3       status    samples               all are good
//	4       marks     slots                 none is marked
//	5       edits     marked slots          none is marked
//
// The checksum covers the series' id and the block's number, as two little-endian
// int64 that are not stored, and then the bytes before it: a block that was put in
// another's place is damaged. The number of slots is the grid's.
const blockFormat = 1

// The columns of an encoded block.
const (
	columnPresence = iota
	columnVoid
	columnValues
	columnStatus
	columnMarks
	columnEdits
	numBlockColumns
)

// MinEncodedBlock is the length in bytes of the smallest encoded block.
const MinEncodedBlock = blockHeaderLen + checksumLen

const (
	blockHeaderLen = 2
	checksumLen    = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blockChecksum is the CRC32C of a block's bytes in its place.
func blockChecksum(src []byte, series, number int64) uint32 {
	var place [16]byte
	binary.LittleEndian.PutUint64(place[:8], uint64(series))
	binary.LittleEndian.PutUint64(place[8:], uint64(number))
	return crc32.Update(crc32.Checksum(place[:], castagnoli), castagnoli, src)
}

// AppendBlock appends the encoded form of block b of series s to dst. Values are
// encoded by c, or by trial where c is codec.Auto or cannot hold them. Columns
// that turn out to be trivial are left out, so that decoding gives the shortest
// equal block.
//
// An error says that the block breaks the contract of Block; dst is then as it
// was.
func AppendBlock(dst []byte, b *Block, c codec.Codec, s Series) ([]byte, error) {
	number := s.Grid.Block(b.First)
	if err := checkBlock(b, s); err != nil {
		return dst, fmt.Errorf("series %d: block %d: %w", s.ID, number, err)
	}
	e := blockEncoders.Get().(*blockEncoder)
	defer blockEncoders.Put(e)
	start := len(dst)
	e.columns = e.columns[:0]
	e.lengths = e.lengths[:0]
	set, err := e.encode(b, c)
	if err != nil {
		return dst, fmt.Errorf("series %d: block %d: %w", s.ID, number, err)
	}
	dst = append(dst, blockFormat<<4|byte(b.Kind), set)
	for i := 0; i+1 < len(e.lengths); i++ {
		dst = binary.AppendUvarint(dst, uint64(e.lengths[i]))
	}
	dst = append(dst, e.columns...)
	return binary.LittleEndian.AppendUint32(dst, blockChecksum(dst[start:], s.ID, number)), nil
}

// checkBlock reports a block whose columns do not fit its length, its series or
// each other.
func checkBlock(b *Block, s Series) error {
	n := b.Len
	if err := s.Grid.Validate(); err != nil {
		return err
	}
	if int64(n) != s.Grid.BlockLen || b.First != s.Grid.BlockSlot(s.Grid.Block(b.First)) {
		return fmt.Errorf("slots [%d, %d) are not a block of %d", b.First, b.First+int64(n), s.Grid.BlockLen)
	}
	if b.Kind != s.Type.Kind() {
		return fmt.Errorf("kind %d in a series of type %v", b.Kind, s.Type)
	}
	words := (n + 63) / 64
	values := [...]int{Floats: len(b.Floats), Ints: len(b.Ints), Texts: len(b.Texts)}[b.Kind]
	for _, c := range []struct {
		name     string
		trivial  bool
		len, may int
	}{
		{"presence", b.Present == nil, len(b.Present), words},
		{"void", b.Void == nil, len(b.Void), words},
		{"values", values == 0 && b.valueCount() == 0, values, n},
		{"status", b.Status == nil, len(b.Status), n},
		{"marks", b.Marks == nil, len(b.Marks), n},
		{"edits", b.Marks == nil && b.Edits == nil, len(b.Edits), n},
	} {
		if !c.trivial && c.len != c.may {
			return fmt.Errorf("column %s has length %d, not %d", c.name, c.len, c.may)
		}
	}
	return nil
}

// valueCount returns the number of samples with a value.
func (b *Block) valueCount() int {
	if b.Void == nil {
		return b.Count()
	}
	n := 0
	for i, w := range b.Void {
		n += bits.OnesCount64(b.presentWord(i) &^ w)
	}
	return n
}

// blockEncoder is the scratch space of encoding a block.
type blockEncoder struct {
	columns []byte
	lengths []int // of the columns so far
	floats  []float64
	ints    []int64
	texts   []string
	slots   []int // of the samples with a value, in order
}

var blockEncoders = sync.Pool{New: func() any { return new(blockEncoder) }}

// encode fills columns and lengths and returns the set of columns.
func (e *blockEncoder) encode(b *Block, c codec.Codec) (set byte, err error) {
	add := func(column int, encode func(dst []byte) ([]byte, error)) {
		if err != nil {
			return
		}
		start := len(e.columns)
		e.columns, err = encode(e.columns)
		e.lengths = append(e.lengths, len(e.columns)-start)
		set |= 1 << column
	}
	bitmap := func(m Bitmap) func(dst []byte) ([]byte, error) {
		return func(dst []byte) ([]byte, error) { return codec.AppendBits(dst, m, b.Len, codec.Auto) }
	}
	ints := func(dst []byte) ([]byte, error) { return codec.AppendInt64s(dst, e.ints, codec.Auto) }

	if b.Count() != b.Len {
		add(columnPresence, bitmap(b.Present))
	}
	if b.Void != nil && b.Void.Count() != 0 {
		add(columnVoid, bitmap(b.Void))
	}
	if b.valueCount() != 0 {
		add(columnValues, func(dst []byte) ([]byte, error) { return e.appendValues(dst, b, c) })
	}
	if b.Status != nil && e.gather(b, func(i int) int64 { return int64(b.Status[i]) }) {
		add(columnStatus, ints)
	}
	if b.Marks != nil && slices.ContainsFunc(b.Marks, func(m Mark) bool { return m != Unedited }) {
		e.ints = e.ints[:0]
		for _, m := range b.Marks {
			e.ints = append(e.ints, int64(m))
		}
		add(columnMarks, ints)
		e.ints = e.ints[:0]
		for i, m := range b.Marks {
			if m != Unedited {
				e.ints = append(e.ints, b.Edits[i])
			}
		}
		add(columnEdits, ints)
	}
	return set, err
}

// gather fills ints with a property of every sample and reports whether any is
// not zero.
func (e *blockEncoder) gather(b *Block, property func(i int) int64) (any bool) {
	e.ints = e.ints[:0]
	for i := range b.Len {
		if b.Has(i) {
			v := property(i)
			any = any || v != 0
			e.ints = append(e.ints, v)
		}
	}
	return any
}

// appendValues appends the column of the values that there are.
func (e *blockEncoder) appendValues(dst []byte, b *Block, c codec.Codec) ([]byte, error) {
	dense := b.Void == nil && b.Present == nil
	if !dense {
		e.slots = e.slots[:0]
		for i := range b.Len {
			if b.HasValue(i) {
				e.slots = append(e.slots, i)
			}
		}
	}
	switch b.Kind {
	case Floats:
		return codec.AppendFloat64s(dst, pick(&e.floats, b.Floats, e.slots, dense), c)
	case Ints:
		return codec.AppendInt64s(dst, pick(&e.ints, b.Ints, e.slots, dense), c)
	default:
		texts := pick(&e.texts, b.Texts, e.slots, dense)
		if err := checkTexts(texts); err != nil {
			return dst, err
		}
		return codec.AppendStrings(dst, texts, c)
	}
}

// checkTexts reports texts that would not be decoded for their length.
func checkTexts(texts []string) error {
	total := 0
	for _, t := range texts {
		if len(t) > MaxTextLen {
			return fmt.Errorf("text of %d bytes, the most is %d", len(t), MaxTextLen)
		}
		total += len(t)
	}
	if total > MaxBlockText {
		return fmt.Errorf("texts of %d bytes, the most is %d", total, MaxBlockText)
	}
	return nil
}

// pick returns the values at slots, in the memory of scratch, or all values.
func pick[T any](scratch *[]T, values []T, slots []int, all bool) []T {
	if all {
		return values
	}
	*scratch = (*scratch)[:0]
	for _, i := range slots {
		*scratch = append(*scratch, values[i])
	}
	return *scratch
}

// presentWord returns word i of the bitmap of samples.
func (b *Block) presentWord(i int) uint64 {
	switch {
	case b.Present != nil:
		return b.Present[i]
	case i == b.Len>>6:
		return 1<<(uint(b.Len)&63) - 1
	default:
		return ^uint64(0)
	}
}
