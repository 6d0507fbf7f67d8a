package wal

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/trellisdb/trellis/columnar"
)

// Entry is a part of a record: samples of one series, or a whole block of it in
// encoded form, which replaces all samples that the block had.
//
// A record is its version, 1, and entries to its end. With u for an unsigned and
// z for a zigzag varint, an entry is:
//
//	1  kind: 1 samples, 2 block
//	u  series
//
//	samples:
//	1  flags: bits 0-1 columnar.Kind, 2 the slots are consecutive, 3 status, 4 void
//	u  number of samples n, at least 1
//	z  first slot, then, where not consecutive, n-1 times z: slot - slot before
//	…  values: n times 8 bytes float64, or z int64, or u length and bytes
//	…  status, if flagged: runs of u length and u status
//	…  void, if flagged: a bitmap of n bits, the lowest first
//
//	block:
//	z  number of the block
//	u  length, then the bytes of columnar.AppendBlock
type Entry struct {
	Series int64

	// Block and Encoded are the block; Encoded is nil where the entry is samples.
	Block   int64
	Encoded []byte

	Kind   columnar.Kind
	Slots  []int64
	Floats []float64
	Ints   []int64
	Texts  []string
	Status []columnar.Status // nil: all good
	Void   columnar.Bitmap   // nil: all have a value
}

const (
	recordVersion = 1

	entrySamples = 1
	entryBlock   = 2

	flagKind        = 3
	flagConsecutive = 1 << 2
	flagStatus      = 1 << 3
	flagVoid        = 1 << 4
)

// AppendRecord begins a record.
func AppendRecord(dst []byte) []byte { return append(dst, recordVersion) }

// AppendEntry appends an entry to a record.
func AppendEntry(dst []byte, e *Entry) []byte {
	if e.Encoded != nil {
		dst = binary.AppendUvarint(append(dst, entryBlock), uint64(e.Series))
		dst = binary.AppendVarint(dst, e.Block)
		dst = binary.AppendUvarint(dst, uint64(len(e.Encoded)))
		return append(dst, e.Encoded...)
	}
	n := len(e.Slots)
	flags := byte(e.Kind)
	if consecutive(e.Slots) {
		flags |= flagConsecutive
	}
	if e.Status != nil {
		flags |= flagStatus
	}
	if e.Void != nil {
		flags |= flagVoid
	}
	dst = binary.AppendUvarint(append(dst, entrySamples), uint64(e.Series))
	dst = binary.AppendUvarint(append(dst, flags), uint64(n))
	dst = binary.AppendVarint(dst, e.Slots[0])
	if flags&flagConsecutive == 0 {
		for i, s := range e.Slots[1:] {
			dst = binary.AppendVarint(dst, s-e.Slots[i])
		}
	}
	switch e.Kind {
	case columnar.Floats:
		for _, v := range e.Floats {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
		}
	case columnar.Ints:
		for _, v := range e.Ints {
			dst = binary.AppendVarint(dst, v)
		}
	default:
		for _, v := range e.Texts {
			dst = append(binary.AppendUvarint(dst, uint64(len(v))), v...)
		}
	}
	for i := 0; e.Status != nil && i < n; {
		run := 1
		for i+run < n && e.Status[i+run] == e.Status[i] {
			run++
		}
		dst = binary.AppendUvarint(dst, uint64(run))
		dst = binary.AppendUvarint(dst, uint64(e.Status[i]))
		i += run
	}
	for i := 0; e.Void != nil && i < n; i += 8 {
		dst = append(dst, byte(e.Void[i>>6]>>(uint(i)&63)))
	}
	return dst
}

func consecutive(slots []int64) bool {
	for i, s := range slots {
		if s != slots[0]+int64(i) {
			return false
		}
	}
	return true
}

// Entries calls fn for every entry of a record. What an entry refers to, but not
// the entry, may be kept; Encoded is part of record. Bytes that no AppendEntry
// made are columnar.ErrCorrupt.
func Entries(record []byte, fn func(*Entry) error) error {
	if len(record) == 0 || record[0] != recordVersion {
		return fmt.Errorf("log record: unknown version: %w", columnar.ErrCorrupt)
	}
	d := &decoder{left: record[1:]}
	for len(d.left) > 0 {
		e := d.entry()
		if d.failed {
			return fmt.Errorf("log record: byte %d: no entry: %w", len(record)-len(d.left), columnar.ErrCorrupt)
		}
		if err := fn(&e); err != nil {
			return err
		}
	}
	return nil
}

// decoder takes an entry apart. After a failure it yields zeros.
type decoder struct {
	left   []byte
	failed bool
}

func (d *decoder) fail() {
	d.failed = true
	d.left = nil
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.left)) {
		d.fail()
		return nil
	}
	p := d.left[:n]
	d.left = d.left[n:]
	return p
}

func (d *decoder) byte() byte {
	p := d.take(1)
	if p == nil {
		return 0
	}
	return p[0]
}

func (d *decoder) unsigned() uint64 {
	v, n := binary.Uvarint(d.left)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.left = d.left[n:]
	return v
}

func (d *decoder) signed() int64 {
	u := d.unsigned()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) entry() (e Entry) {
	kind := d.byte()
	e.Series = int64(d.unsigned())
	switch kind {
	case entryBlock:
		e.Block = d.signed()
		if e.Encoded = d.take(d.unsigned()); len(e.Encoded) == 0 {
			d.fail()
		}
	case entrySamples:
		d.samples(&e)
	default:
		d.fail()
	}
	return e
}

func (d *decoder) samples(e *Entry) {
	flags := d.byte()
	e.Kind = columnar.Kind(flags & flagKind)
	n := d.unsigned()
	// A sample takes at least a byte of its value: n is checked before anything of
	// that size is made (C4).
	if n == 0 || n > uint64(len(d.left)) || e.Kind > columnar.Texts || flags >= flagVoid<<1 {
		d.fail()
		return
	}
	e.Slots = make([]int64, n)
	e.Slots[0] = d.signed()
	for i := 1; i < len(e.Slots); i++ {
		step := int64(1)
		if flags&flagConsecutive == 0 {
			step = d.signed()
		}
		e.Slots[i] = e.Slots[i-1] + step
	}
	d.values(e, n)
	if flags&flagStatus != 0 && !d.failed {
		d.status(e, n)
	}
	if flags&flagVoid != 0 && !d.failed {
		e.Void = columnar.NewBitmap(int(n))
		for i, b := range d.take((n + 7) / 8) {
			e.Void[i>>3] |= uint64(b) << (8 * (uint(i) & 7))
		}
		if rest := n & 63; rest != 0 && e.Void[n>>6]>>rest != 0 {
			d.fail()
		}
	}
}

func (d *decoder) values(e *Entry, n uint64) {
	switch e.Kind {
	case columnar.Floats:
		raw := d.take(n * 8) // n is at most the record's length
		if raw == nil {
			return
		}
		e.Floats = make([]float64, n)
		for i := range e.Floats {
			e.Floats[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
		}
	case columnar.Ints:
		e.Ints = make([]int64, n)
		for i := range e.Ints {
			e.Ints[i] = d.signed()
		}
	default:
		e.Texts = make([]string, n)
		for i := range e.Texts {
			e.Texts[i] = string(d.take(d.unsigned()))
		}
	}
}

func (d *decoder) status(e *Entry, n uint64) {
	e.Status = make([]columnar.Status, 0, n)
	for uint64(len(e.Status)) < n {
		run, status := d.unsigned(), d.unsigned()
		if run == 0 || run > n-uint64(len(e.Status)) || status > math.MaxUint32 {
			d.fail()
			return
		}
		for range run {
			e.Status = append(e.Status, columnar.Status(status))
		}
	}
}
