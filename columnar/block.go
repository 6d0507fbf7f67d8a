package columnar

import "errors"

// ErrCorrupt says that bytes are not what was written: a checksum, a size or a
// structure is wrong. What wraps it names the segment and the block.
var ErrCorrupt = errors.New("corrupt data")

// MaxMagnitude is the largest size of a value: 2^500. Larger ones, which no
// sensor has, are refused like infinities, so that no exact sum, of
// values or of their squares, can overflow.
const MaxMagnitude = 0x1p500

// MaxTextLen is the greatest length of a text value, in bytes.
const MaxTextLen = 1 << 16

// Block is the decoded form of one block: a column per property over its slots,
// each nil where it is trivial. Index i of every column is slot First+i.
//
// A block is shared between readers and must not be changed once published.
type Block struct {
	First   int64  // first slot
	Len     int    // slots: the grid's BlockLen
	Kind    Kind   // which of the value columns is set
	Present Bitmap // slots with a sample; nil: all of them
	Void    Bitmap // present slots whose sample has no value; nil: none

	Floats []float64 // values by slot; 0 where there is none
	Ints   []int64
	Texts  []string

	Status []Status // by slot; nil: all good
	Marks  []Mark   // by slot; nil: never edited
	Edits  []int64  // by slot, id of the edit that made the mark; nil when Marks is
}

// Has reports whether slot index i holds a sample.
func (b *Block) Has(i int) bool { return b.Present == nil || b.Present.Has(i) }

// HasValue reports whether slot index i holds a sample with a value.
func (b *Block) HasValue(i int) bool { return b.Has(i) && (b.Void == nil || !b.Void.Has(i)) }

// StatusAt returns the status of slot index i.
func (b *Block) StatusAt(i int) Status {
	if b.Status == nil {
		return StatusGood
	}
	return b.Status[i]
}

// Count returns the number of samples.
func (b *Block) Count() int {
	if b.Present == nil {
		return b.Len
	}
	return b.Present.Count()
}

// Samples are samples of one series on their way into the store, in any order of
// time. The slices are parallel; Status, Void and the value slices that the
// series' kind does not use are nil.
type Samples struct {
	Series Series
	Times  []int64 // instants; each goes to the slot that covers it
	Floats []float64
	Ints   []int64
	Texts  []string
	Status []Status // nil: all good
	Void   Bitmap   // samples without a value, whose status must be bad; nil: none
}

// Len returns the number of samples.
func (s *Samples) Len() int { return len(s.Times) }
