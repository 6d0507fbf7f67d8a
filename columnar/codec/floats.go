package codec

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// AppendFloat64s appends the column of values to dst. With Auto, or a codec that
// floats do not know, the encoding is chosen by trial. Packed, Planes, Split,
// Sparse and Digits ask for that layout of the integers behind decimals or real
// floats. An error
// means that the column did not decode to the same bits, a defect of this package.
func AppendFloat64s(dst []byte, values []float64, c Codec) ([]byte, error) {
	return pooled(func(e *Encoder) ([]byte, error) { return e.AppendFloat64s(dst, values, c) })
}

// DecodeFloat64s fills dst, whose length is the number of values in the column. An
// error wraps ErrCorrupt and leaves dst undefined.
func DecodeFloat64s(dst []float64, src []byte) error {
	return pooledDecoder(func(d *Decoder) error { return d.DecodeFloat64s(dst, src) })
}

// AppendFloat64s is the function of the same name with this encoder's buffers.
func (e *Encoder) AppendFloat64s(dst []byte, values []float64, c Codec) ([]byte, error) {
	start := len(dst)
	dst, _ = e.appendFloatsAs(dst, values, c, 0)
	if e.sameFloats(values, dst[start:]) {
		return dst, nil
	}
	dst = e.appendFloatsRaw(dst[:start], values, false)
	if e.sameFloats(values, dst[start:]) {
		return dst, nil
	}
	return dst[:start], fmt.Errorf("codec: %d floats do not decode to themselves", len(values))
}

// sameFloats decodes a column and compares bit for bit.
func (e *Encoder) sameFloats(values []float64, column []byte) bool {
	e.floats = resize(e.floats, len(values))
	return e.decoder.DecodeFloat64s(e.floats, column) == nil && slices.Equal(asBits(e.floats), asBits(values))
}

// DecodeFloat64s is the function of the same name with this decoder's buffers.
func (d *Decoder) DecodeFloat64s(dst []float64, src []byte) error { return d.floats(dst, src, 0) }

// floats decodes a column of floats at a depth of nesting.
func (d *Decoder) floats(dst []float64, src []byte, depth int) error {
	c, compressed, r, err := open(src, floats)
	if err != nil {
		return err
	}
	if depth >= maxDepth {
		return fmt.Errorf("%w: nested too deep", ErrCorrupt)
	}
	switch c {
	case Constant:
		b := r.take("value", 8)
		if err = r.end(); err == nil {
			v := math.Float64frombits(binary.LittleEndian.Uint64(b))
			for i := range dst {
				dst[i] = v
			}
		}
	case Short:
		err = decodeShort(dst, r)
	case Raw:
		var section []byte
		section, err = d.section(r, 8*len(dst), compressed)
		if err == nil {
			unpack(asBits(dst), section, 64)
		}
	case Decimal:
		err = d.decimal(dst, r, depth)
	case Real:
		err = d.real(dst, r, depth)
	case Near:
		err = d.near(dst, r, depth)
	case Dictionary:
		err = d.floatDictionary(dst, r, depth)
	case RunLength:
		err = d.floatRuns(dst, r, depth)
	default:
		err = fmt.Errorf("%w: floats know no codec %v", ErrCorrupt, c)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", c, err)
	}
	return nil
}

// appendConstant appends the column of floats that are all x: short, which is never
// longer, unless Constant is asked for.
func appendConstant(dst []byte, x float64, c Codec) []byte {
	u := math.Float64bits(x)
	if c == Constant {
		return binary.LittleEndian.AppendUint64(append(dst, header(floats, Constant, false)), u)
	}
	dst = append(dst, header(floats, Short, false))
	for ; u != 0; u <<= 8 {
		dst = append(dst, byte(u>>56))
	}
	return dst
}

// decodeShort reads what is left of a float after its header, highest byte first.
func decodeShort(dst []float64, r *reader) error {
	b, u := r.rest(), uint64(0)
	if len(b) > 8 {
		r.fail("value of %d bytes", len(b))
		return r.err
	}
	for i, x := range b {
		u |= uint64(x) << (56 - 8*i)
	}
	v := math.Float64frombits(u)
	for i := range dst {
		dst[i] = v
	}
	return nil
}

func (e *Encoder) appendFloatsRaw(dst []byte, values []float64, compressed bool) []byte {
	lv := &e.levels[0]
	lv.bytes = resize(lv.bytes, 8*len(values))
	for i, x := range values {
		binary.LittleEndian.PutUint64(lv.bytes[8*i:], math.Float64bits(x))
	}
	return e.appendSection(append(dst, header(floats, Raw, compressed)), lv.bytes, compressed)
}

// appendFloatsAs appends a column with the codec asked for, else chosen by trial,
// and reports whether it is slow.
func (e *Encoder) appendFloatsAs(dst []byte, values []float64, c Codec, depth int) ([]byte, bool) {
	if len(values) == 0 {
		return append(dst, header(floats, Raw, false)), false
	}
	runs := countRuns(asBits(values))
	if runs == 1 && c != Raw {
		return appendConstant(dst, values[0], c), false
	}
	isNarrow := narrow(values)
	switch c {
	case Raw:
		return e.appendFloatsRaw(dst, values, false), false
	case Decimal, Packed, Planes, Split, Sparse, Digits:
		guess := guessDecimal(values, isNarrow)
		limit := len(values)
		if c != Decimal {
			limit /= 4
		}
		if out, z, ok := e.appendDecimal(dst, values, guess, c, depth, limit); ok {
			return out, z
		}
		return e.appendReal(dst, values, isNarrow, c, depth)
	case Real:
		return e.appendReal(dst, values, isNarrow, Auto, depth)
	case Near:
		if m, ok := guessNear(values); ok && depth+1 < maxDepth {
			return e.appendNear(dst, values, m, depth)
		}
	case Dictionary:
		if out, z, ok := e.appendFloatDictionary(dst, values, len(values), depth); ok {
			return out, z
		}
	case RunLength:
		return e.appendFloatRuns(dst, values, runs, depth)
	}
	return e.appendFloats(dst, values, runs, isNarrow, depth)
}

// appendFloats chooses the encoding of floats that are not all equal.
func (e *Encoder) appendFloats(dst []byte, values []float64, runs int, isNarrow bool, depth int) ([]byte, bool) {
	n := len(values)
	c := contest{dst: dst, start: len(dst)}
	lv := &e.levels[depth]
	nests := depth+3 < maxDepth
	if nests && n >= runsWorth && runs <= n/runsWorth {
		column, z := e.appendFloatRuns(lv.trial[:0], values, runs, depth)
		lv.trial = column
		c.offer(column, z)
	}
	// Where many values are not decimals, repeated ones may settle the matter before
	// the slower trials.
	guess := guessDecimal(values, isNarrow)
	repeats, settled := nests && n >= 2*dictionaryWorth, false
	if guess.failures > mappingSample/16 && repeats {
		settled, repeats = e.tryFloatDictionary(&c, values, depth), false
	}
	isDecimal, isExact := false, false
	if guess.cost < 60 && !settled {
		column, z, ok := e.appendDecimal(lv.trial[:0], values, guess, Auto, depth, n/2)
		if ok {
			lv.trial = column
			c.offer(column, z)
			isDecimal, isExact = len(lv.indexes) <= n/16, len(lv.indexes) <= n/exactWorth
		}
	}
	if repeats && (!isExact || runs <= n/runsWorth) {
		settled = e.tryFloatDictionary(&c, values, depth)
	}
	if !isExact && !isNarrow && !settled {
		e.tryNear(&c, values, depth)
	}
	// The bits of a float32 may be fewer than its digits.
	if (!isDecimal || isNarrow && c.size() > n*narrowWorth/8) && !settled {
		column, z := e.appendReal(lv.trial[:0], values, isNarrow, Auto, depth)
		lv.trial = column
		c.offer(column, z)
	}
	if !c.won || c.size() > 8*n+1 {
		c.won = false
		c.offer(e.appendFloatsRaw(lv.trial[:0], values, false), false)
	}
	return c.dst, c.slow
}

// appendFloatRuns appends floats as runs of equal ones.
func (e *Encoder) appendFloatRuns(dst []byte, values []float64, runs, depth int) ([]byte, bool) {
	lv := &e.levels[depth]
	heads := resize(lv.floats, runs)
	lengths := resize(lv.indexes, runs)
	lv.floats, lv.indexes = heads, lengths
	splitRuns(asBits(values), asBits(heads), lengths)
	dst = append(dst, header(floats, RunLength, false))
	dst = binary.AppendUvarint(dst, uint64(runs))
	var z1, z2 bool
	dst = appendPart(dst, func(dst []byte) []byte {
		dst, z1 = e.appendFloatsAs(dst, heads, Auto, depth+1)
		return dst
	})
	dst, z2 = e.appendIntsAs(dst, lengths, Auto, depth+1)
	return dst, z1 || z2
}

func (d *Decoder) floatRuns(dst []float64, r *reader, depth int) error {
	runs := r.count("runs", len(dst))
	list := r.part("values")
	if r.err != nil {
		return r.err
	}
	lv := &d.levels[depth]
	lv.floats = resize(lv.floats, runs)
	if err := d.floats(lv.floats, list, depth+1); err != nil {
		return err
	}
	lengths, err := d.lengths(r.rest(), runs, len(dst), depth)
	if err != nil {
		return err
	}
	fillRuns(dst, lv.floats, lengths)
	return nil
}

// Shares of a dictionary that say that nothing else is worth a trial: its entries are
// one in so many bytes at most, and no entry is more than one in so many values.
const (
	entriesSettle  = 9
	frequentSettle = 8
)

// tryFloatDictionary enters a dictionary into the contest. It reports whether that
// settles the matter: places in the order of the values are as easy to foresee as the
// values are, so what others can gain is the entries, unless some values are so frequent
// that they should be kept apart.
func (e *Encoder) tryFloatDictionary(c *contest, values []float64, depth int) (settled bool) {
	lv := &e.levels[depth]
	column, z, ok := e.appendFloatDictionary(lv.trial[:0], values, min(len(values)/dictionaryWorth, maxEntries), depth)
	if !ok {
		return false
	}
	lv.trial = column
	c.offer(column, z)
	return c.size() <= len(column) && lv.entries <= len(column)/entriesSettle && slices.Max(lv.table.counts()) <= len(values)/frequentSettle
}

// appendFloatDictionary appends floats as places in the ascending list of the
// distinct ones, unless those are more than limit.
func (e *Encoder) appendFloatDictionary(dst []byte, values []float64, limit, depth int) (column []byte, slow, ok bool) {
	lv := &e.levels[depth]
	if !lv.table.fill(asBits(values), limit) {
		return dst, false, false
	}
	lv.indexes = resize(lv.indexes, len(values))
	keys := lv.table.keys
	sorted := lv.table.ranked(lv.indexes, func(a, b int32) int {
		x, y := math.Float64frombits(keys[a]), math.Float64frombits(keys[b])
		return cmp.Or(cmp.Compare(x, y), cmp.Compare(keys[a], keys[b]))
	})
	entries := resize(lv.floats, len(sorted))
	lv.floats = entries
	copy(asBits(entries), sorted)
	dst = append(dst, header(floats, Dictionary, false))
	dst = binary.AppendUvarint(dst, uint64(len(entries)))
	var z1, z2 bool
	dst = appendPart(dst, func(dst []byte) []byte {
		before := len(dst)
		dst, z1 = e.appendFloatsAs(dst, entries, Auto, depth+1)
		lv.entries = len(dst) - before
		return dst
	})
	dst, z2 = e.appendIndexes(dst, lv.indexes, depth+1)
	return dst, z1 || z2, true
}

func (d *Decoder) floatDictionary(dst []float64, r *reader, depth int) error {
	size := r.count("entries", len(dst))
	list := r.part("entries")
	if r.err != nil {
		return r.err
	}
	lv := &d.levels[depth]
	lv.floats = resize(lv.floats, size)
	if err := d.floats(lv.floats, list, depth+1); err != nil {
		return err
	}
	indexes, err := d.indexes(r.rest(), len(dst), size, depth)
	if err != nil {
		return err
	}
	entries := lv.floats
	for i, at := range indexes {
		dst[i] = entries[at]
	}
	return nil
}
