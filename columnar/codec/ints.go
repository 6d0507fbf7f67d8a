package codec

import (
	"fmt"
	"math/bits"
	"slices"
)

// AppendInt64s appends the column of values to dst. With Auto, or a codec that
// integers do not know, the encoding is chosen by trial. An error means that the
// column did not decode to the same values, a defect of this package.
func AppendInt64s(dst []byte, values []int64, c Codec) ([]byte, error) {
	return pooled(func(e *Encoder) ([]byte, error) { return e.AppendInt64s(dst, values, c) })
}

// DecodeInt64s fills dst, whose length is the number of values in the column. An
// error wraps ErrCorrupt and leaves dst undefined.
func DecodeInt64s(dst []int64, src []byte) error {
	return pooledDecoder(func(d *Decoder) error { return d.DecodeInt64s(dst, src) })
}

// AppendInt64s is the function of the same name with this encoder's buffers.
func (e *Encoder) AppendInt64s(dst []byte, values []int64, c Codec) ([]byte, error) {
	start := len(dst)
	dst, _ = e.appendIntsAs(dst, values, c, 0)
	if e.sameInts(values, dst[start:]) {
		return dst, nil
	}
	dst = e.appendIntsRaw(dst[:start], values)
	if e.sameInts(values, dst[start:]) {
		return dst, nil
	}
	return dst[:start], fmt.Errorf("codec: %d integers do not decode to themselves", len(values))
}

// sameInts decodes a column and compares.
func (e *Encoder) sameInts(values []int64, column []byte) bool {
	e.ints = resize(e.ints, len(values))
	return e.decoder.DecodeInt64s(e.ints, column) == nil && slices.Equal(e.ints, values)
}

// DecodeInt64s is the function of the same name with this decoder's buffers.
func (d *Decoder) DecodeInt64s(dst []int64, src []byte) error { return d.ints(dst, src, asIntegers, 0) }

// ints decodes a column of integers at a depth of nesting and maps them.
func (d *Decoder) ints(dst []int64, src []byte, m mapping, depth int) error {
	c, compressed, r, err := open(src, integers)
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return fmt.Errorf("%w: nested too deep", ErrCorrupt)
	}
	f := frame{} // of what are integers already
	switch c {
	case Constant:
		v := r.varint("value")
		for i := range dst {
			dst[i] = v
		}
		err = r.end()
	case Raw:
		f.base, err = d.words(dst, r, compressed)
	case Packed:
		f, err = unpackColumn(dst, r)
	case Planes:
		f, err = d.planes(dst, r, compressed)
	case Split:
		f, err = d.split(dst, r, depth)
	case Dictionary:
		err = d.intDictionary(dst, r, depth)
	case RunLength:
		err = d.intRuns(dst, r, depth)
	case Sparse:
		err = d.intSparse(dst, r, depth)
	case Digits:
		err = d.digits(dst, r, depth)
	default:
		err = fmt.Errorf("%w: integers know no codec %v", ErrCorrupt, c)
	}
	if err == nil {
		f.restoreAs(dst, m)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", c, err)
	}
	return nil
}

// appendIntsAs appends a column with the codec asked for, where it can hold the
// integers, else chosen by trial, and reports whether it is slow.
func (e *Encoder) appendIntsAs(dst []byte, v []int64, c Codec, depth int) ([]byte, bool) {
	if len(v) == 0 {
		return appendVarint(append(dst, header(integers, Constant, false)), 0), false
	}
	s := surveyInts(v)
	if s.min == s.max {
		return appendVarint(append(dst, header(integers, Constant, false)), v[0]), false
	}
	switch c {
	case Raw:
		return e.appendIntsRaw(dst, v), false
	case Packed, Planes, Split:
		plan := e.prepare(v, s, depth)
		return e.appendFramed(dst, c, &plan, depth)
	case Dictionary:
		if out, z, ok := e.appendIntDictionary(dst, v, ascending, depth, len(v)); ok {
			return out, z
		}
	case RunLength:
		return e.appendIntRuns(dst, v, s.runs, depth)
	case Sparse, Digits:
		if out, z, ok := e.appendParted(dst, v, s, c, depth); ok {
			return out, z
		}
	}
	return e.appendInts(dst, v, s, depth)
}

// appendParted appends a column as sparse or as digits, where it can be parted so.
func (e *Encoder) appendParted(dst []byte, v []int64, s survey, c Codec, depth int) (column []byte, slow, ok bool) {
	if depth >= maxDepth {
		return dst, false, false
	}
	if c == Sparse {
		column, slow = e.appendIntSparse(dst, v, depth)
		return column, slow, true
	}
	parts, ok := cut{}, false
	if len(v) >= digitsSample {
		parts, ok = findCut(v, s, 64)
	}
	if !ok {
		return dst, false, false
	}
	column, slow = e.appendDigits(dst, v, parts, depth)
	return column, slow, true
}

// survey is what one look at all integers tells.
type survey struct {
	min, max int64
	runs     int
}

func surveyInts(v []int64) survey {
	s := survey{min: v[0], max: v[0], runs: 1}
	before := v[0]
	for _, x := range v {
		s.min, s.max = min(s.min, x), max(s.max, x)
		if x != before {
			s.runs++
		}
		before = x
	}
	return s
}

// Thresholds of the trial. They decide only what is tried.
const (
	runsWorth       = 6 // a run must average this many values
	dictionaryWorth = 4 // an entry must be used this often
	maxEntries      = 4096
	narrowWorth     = 14  // bits of decimals that are all 32-bit floats, to try their bits
	smallEnough     = 64  // a byte for so many values ends the trial
	zstdSample      = 768 // values that are compressed to see what it brings
	zstdMin         = 64  // shorter columns gain nothing from zstd
)

// dictionaryLimit is how many entries a dictionary of n integers may have: an
// entry must be used often, or less often where the best encoding so far takes
// more than size bytes at what entries and places are likely to take.
func dictionaryLimit(n, size int) int {
	limit := n / dictionaryWorth
	for _, share := range [...]int{2, 3} { // of the values, one in so many is new
		entries := n / share
		perEntry, perPlace := size*8/n, bits.Len(uint(entries))
		if (entries*perEntry+n*perPlace)/8 < size-size/16 {
			limit = entries
			break
		}
	}
	return min(limit, maxEntries)
}

// appendInts chooses the encoding of integers that are not all equal.
func (e *Encoder) appendInts(dst []byte, v []int64, s survey, depth int) ([]byte, bool) {
	c := contest{dst: dst, start: len(dst)}
	lv := &e.levels[depth]
	enter := func(column []byte, z bool) { lv.trial = column; c.offer(column, z) }

	if len(v) >= runsWorth && s.runs <= len(v)/runsWorth && depth < maxDepth {
		enter(e.appendIntRuns(lv.trial[:0], v, s.runs, depth))
	}
	plan := e.prepare(v, s, depth)
	if plan.size < c.size() {
		enter(e.appendFramed(lv.trial[:0], Packed, &plan, depth))
	}
	e.tryUnpredicted(&c, &plan, v, s, depth)
	if c.size() <= len(v)/smallEnough {
		return c.dst, c.slow
	}
	if len(v) >= sparseSample {
		e.trySparse(&c, v, depth)
	}
	if len(v) >= zstdMin && !e.quick {
		e.tryZstd(&c, &plan, v, s, depth)
		e.tryFront(&c, &plan, v, depth)
	}
	if depth < maxDepth && len(v) >= 2*dictionaryWorth {
		// A dictionary must at least halve the range of the integers, or its
		// places are no smaller than they are.
		limit := dictionaryLimit(len(v), c.size())
		if width := uint64(s.max - s.min); width < 2*uint64(limit) {
			limit = int(width / 2)
		}
		if column, z, ok := e.appendIntDictionary(lv.trial[:0], v, ascending, depth, limit); ok {
			enter(column, z)
		}
	}
	e.tryDigits(&c, v, s, depth)
	return c.dst, c.slow
}
