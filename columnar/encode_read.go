package columnar

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/trellisdb/trellis/columnar/codec"
)

// Parts is a set of the parts of a block that are wanted in decoded form.
// Present and Void always are.
type Parts uint8

// The parts of a block.
const (
	PartValues Parts = 1 << iota // the value column of the block's kind
	PartStatus                   // Status
	PartMarks                    // Marks and Edits
	AllParts   = PartValues | PartStatus | PartMarks
)

// MaxBlockText is the largest number of bytes that the texts of a block may have
// together. A block of up to 16,384 slots has room for the longest texts.
const MaxBlockText = 1 << 30

// textLimit returns the largest number of bytes that n texts may have together.
func textLimit(n int) int { return min(n*MaxTextLen, MaxBlockText) }

// EncodedBlock is the structure of an encoded block: a view of its bytes.
type EncodedBlock struct {
	Kind    Kind
	columns [numBlockColumns][]byte // nil where left out
}

var blockColumnNames = [numBlockColumns]string{"presence", "void", "values", "status", "marks", "edits"}

// ScanBlock verifies the checksum of the encoded form of block number of series
// and takes it apart. An error wraps ErrCorrupt.
func ScanBlock(src []byte, series, number int64) (EncodedBlock, error) {
	e, err := scanBlock(src, series, number)
	if err != nil {
		err = fmt.Errorf("series %d: block %d: %w", series, number, err)
	}
	return e, err
}

func scanBlock(src []byte, series, number int64) (EncodedBlock, error) {
	var e EncodedBlock
	if len(src) < MinEncodedBlock {
		return e, fmt.Errorf("%w: %d bytes", ErrCorrupt, len(src))
	}
	body, sum := src[:len(src)-checksumLen], binary.LittleEndian.Uint32(src[len(src)-checksumLen:])
	if got := blockChecksum(body, series, number); got != sum {
		return e, fmt.Errorf("%w: checksum %08x, computed %08x", ErrCorrupt, sum, got)
	}
	if f := body[0] >> 4; f != blockFormat {
		return e, fmt.Errorf("%w: block format %d", ErrCorrupt, f)
	}
	e.Kind = Kind(body[0] & 0xf)
	set := body[1]
	if e.Kind > Texts || set>>numBlockColumns != 0 {
		return e, fmt.Errorf("%w: kind %d, columns %#x", ErrCorrupt, e.Kind, set)
	}
	return e, e.split(body[blockHeaderLen:], set)
}

// split cuts src into the columns of set.
func (e *EncodedBlock) split(src []byte, set byte) error {
	var lengths [numBlockColumns]uint64
	last := -1
	for c := range e.columns {
		if set>>c&1 == 0 {
			continue
		}
		if last >= 0 {
			n, width := binary.Uvarint(src)
			if width <= 0 {
				return fmt.Errorf("%w: column lengths", ErrCorrupt)
			}
			lengths[last], src = n, src[width:]
		}
		last = c
	}
	for c := range e.columns {
		if set>>c&1 == 0 {
			continue
		}
		n := lengths[c]
		if c == last {
			n = uint64(len(src))
		}
		if n == 0 || n > uint64(len(src)) {
			return fmt.Errorf("%w: column %s of %d bytes, %d are left", ErrCorrupt, blockColumnNames[c], n, len(src))
		}
		e.columns[c], src = src[:n:n], src[n:]
	}
	if len(src) != 0 {
		return fmt.Errorf("%w: %d bytes too many", ErrCorrupt, len(src))
	}
	return nil
}

// Columns calls visit with the name and the bytes of every column that is there.
func (e *EncodedBlock) Columns(visit func(name string, column []byte)) {
	for c, column := range e.columns {
		if column != nil {
			visit(blockColumnNames[c], column)
		}
	}
}

// DecodeBlock decodes block number of series s from src into b; see
// BlockDecoder.Decode.
func DecodeBlock(b *Block, src []byte, s Series, number int64, parts Parts) error {
	d := blockDecoders.Get().(*BlockDecoder)
	defer blockDecoders.Put(d)
	return d.Decode(b, src, s, number, parts)
}

// BlockDecoder decodes blocks and keeps the memory of columns between them. It is
// not safe for concurrent use.
type BlockDecoder struct {
	codec *codec.Decoder
	spare Block // columns that the last block had no use for
	ints  []int64
}

// NewBlockDecoder returns a decoder.
func NewBlockDecoder() *BlockDecoder { return &BlockDecoder{codec: codec.NewDecoder()} }

var blockDecoders = sync.Pool{New: func() any { return NewBlockDecoder() }}

// Decode verifies and decodes src, the encoded form of block number of series s,
// into b. The memory of the columns that b has is used again, so b must not be
// published; pass an empty Block for one that is to be. A column that is not in
// parts is nil.
//
// Memory is bounded by the grid's BlockLen, for texts also by MaxTextLen and
// MaxBlockText. An error wraps ErrCorrupt; b is then undefined.
func (d *BlockDecoder) Decode(b *Block, src []byte, s Series, number int64, parts Parts) error {
	e, err := scanBlock(src, s.ID, number)
	if err == nil && e.Kind != s.Type.Kind() {
		err = fmt.Errorf("%w: kind %d in a series of type %v", ErrCorrupt, e.Kind, s.Type)
	}
	if err == nil {
		if err = s.Grid.Validate(); err == nil {
			d.takeBack(b)
			*b = Block{First: s.Grid.BlockSlot(number), Len: int(s.Grid.BlockLen), Kind: e.Kind}
			err = d.decode(b, &e, parts)
		}
	}
	if err != nil {
		return fmt.Errorf("series %d: block %d: %w", s.ID, number, err)
	}
	return nil
}

// takeBack keeps the memory of the columns of b, where it is the larger.
func (d *BlockDecoder) takeBack(b *Block) {
	s := &d.spare
	s.Present, s.Void = larger(s.Present, b.Present), larger(s.Void, b.Void)
	s.Floats, s.Ints, s.Texts = larger(s.Floats, b.Floats), larger(s.Ints, b.Ints), larger(s.Texts, b.Texts)
	s.Status, s.Marks, s.Edits = larger(s.Status, b.Status), larger(s.Marks, b.Marks), larger(s.Edits, b.Edits)
}

func larger[S ~[]T, T any](a, b S) S {
	if cap(b) > cap(a) {
		return b
	}
	return a
}

// use takes n elements out of a spare column, or makes them. Their content is
// undefined.
func use[S ~[]T, T any](spare *S, n int) S {
	s := *spare
	if cap(s) < n {
		return make(S, n)
	}
	*spare = nil
	return s[:n]
}

// decode fills the columns of b.
func (d *BlockDecoder) decode(b *Block, e *EncodedBlock, parts Parts) (err error) {
	n := b.Len
	if b.Present, err = d.bitmap(&d.spare.Present, n, e.columns[columnPresence]); err != nil {
		return columnError(columnPresence, err)
	}
	if b.Void, err = d.bitmap(&d.spare.Void, n, e.columns[columnVoid]); err != nil {
		return columnError(columnVoid, err)
	}
	for i, w := range b.Void {
		if w&^b.presentWord(i) != 0 {
			return fmt.Errorf("%w: a sample that is not there is void", ErrCorrupt)
		}
	}
	if parts&PartValues != 0 {
		if err := d.values(b, e.columns[columnValues]); err != nil {
			return columnError(columnValues, err)
		}
	}
	if column := e.columns[columnStatus]; column != nil && parts&PartStatus != 0 {
		if err := d.status(b, column); err != nil {
			return columnError(columnStatus, err)
		}
	}
	if column := e.columns[columnMarks]; column != nil && parts&PartMarks != 0 {
		if err := d.marks(b, column, e.columns[columnEdits]); err != nil {
			return columnError(columnMarks, err)
		}
	}
	return nil
}

// columnError names the column; the result wraps ErrCorrupt.
func columnError(column int, err error) error {
	return fmt.Errorf("%w: column %s: %w", ErrCorrupt, blockColumnNames[column], err)
}

// bitmap decodes a bitmap of n bits; nil where there is no column.
func (d *BlockDecoder) bitmap(spare *Bitmap, n int, column []byte) (Bitmap, error) {
	if column == nil {
		return nil, nil
	}
	m := use(spare, (n+63)/64)
	return m, d.codec.DecodeBits(m, n, column)
}

// values decodes the values that there are and puts them into their slots.
func (d *BlockDecoder) values(b *Block, column []byte) (err error) {
	n := b.valueCount()
	if n == 0 {
		if column != nil {
			return fmt.Errorf("%w: values of no sample", ErrCorrupt)
		}
		switch b.Kind {
		case Floats:
			b.Floats = use(&d.spare.Floats, b.Len)
			clear(b.Floats)
		case Ints:
			b.Ints = use(&d.spare.Ints, b.Len)
			clear(b.Ints)
		default:
			b.Texts = use(&d.spare.Texts, b.Len)
			clear(b.Texts)
		}
		return nil
	}
	if column == nil {
		return fmt.Errorf("%w: missing", ErrCorrupt)
	}
	switch b.Kind {
	case Floats:
		b.Floats = use(&d.spare.Floats, b.Len)
		if err = d.codec.DecodeFloat64s(b.Floats[:n], column); err == nil {
			scatter(b, b.Floats, n)
		}
	case Ints:
		b.Ints = use(&d.spare.Ints, b.Len)
		if err = d.codec.DecodeInt64s(b.Ints[:n], column); err == nil {
			scatter(b, b.Ints, n)
		}
	default:
		b.Texts = use(&d.spare.Texts, b.Len)
		if err = d.codec.DecodeStrings(b.Texts[:n], column, textLimit(n)); err == nil {
			scatter(b, b.Texts, n)
		}
	}
	return err
}

// scatter moves the first n values, which are those of the samples with a value
// in order, into their slots and clears the other slots. From the end backwards
// no value is overwritten before it has moved.
func scatter[T any](b *Block, values []T, n int) {
	if n == b.Len {
		return
	}
	var zero T
	for i := b.Len - 1; i >= 0; i-- {
		if b.HasValue(i) {
			n--
			values[i] = values[n]
		} else {
			values[i] = zero
		}
	}
}

// decodeInts decodes n integers into scratch memory.
func (d *BlockDecoder) decodeInts(n int, column []byte) ([]int64, error) {
	if cap(d.ints) < n {
		d.ints = make([]int64, n)
	}
	d.ints = d.ints[:n]
	return d.ints, d.codec.DecodeInt64s(d.ints, column)
}

// status decodes the samples' status.
func (d *BlockDecoder) status(b *Block, column []byte) error {
	codes, err := d.decodeInts(b.Count(), column)
	if err != nil {
		return err
	}
	b.Status = use(&d.spare.Status, b.Len)
	next := 0
	for i := range b.Status {
		b.Status[i] = StatusGood
		if !b.Has(i) {
			continue
		}
		if codes[next]>>32 != 0 {
			return fmt.Errorf("%w: status %#x", ErrCorrupt, codes[next])
		}
		b.Status[i] = Status(codes[next])
		next++
	}
	return nil
}

// marks decodes the marks and the ids of the edits that made them.
func (d *BlockDecoder) marks(b *Block, column, edits []byte) error {
	codes, err := d.decodeInts(b.Len, column)
	if err != nil {
		return err
	}
	b.Marks = use(&d.spare.Marks, b.Len)
	marked := 0
	for i, c := range codes {
		if c < 0 || c > int64(Deleted) {
			return fmt.Errorf("%w: mark %d of slot %d", ErrCorrupt, c, b.First+int64(i))
		}
		b.Marks[i] = Mark(c)
		if c != 0 {
			marked++
		}
	}
	if edits == nil {
		return fmt.Errorf("%w: no edits", ErrCorrupt)
	}
	ids, err := d.decodeInts(marked, edits)
	if err != nil {
		return err
	}
	b.Edits = use(&d.spare.Edits, b.Len)
	for i, m := range b.Marks {
		b.Edits[i] = 0
		if m != Unedited {
			b.Edits[i], ids = ids[0], ids[1:]
		}
	}
	return nil
}
