package codec

import (
	"cmp"
	"encoding/binary"
	"fmt"
)

// order says how a dictionary lists its entries.
type order uint8

const (
	ascending order = iota // so that places can be predicted as values can
	frequent               // the most frequent first, so that most places are small
)

// appendIntDictionary appends integers as places in the list of the distinct ones,
// unless those are more than limit.
func (e *Encoder) appendIntDictionary(dst []byte, v []int64, o order, depth, limit int) (column []byte, slow, ok bool) {
	lv := &e.levels[depth]
	if depth >= maxDepth || !lv.table.fill(asUint64s(v), limit) {
		return dst, false, false
	}
	lv.indexes = resize(lv.indexes, len(v))
	keys := asInt64Keys(lv.table.keys)
	compare := func(a, b int32) int { return cmp.Compare(keys[a], keys[b]) }
	if o == frequent {
		counts := lv.table.counts()
		compare = func(a, b int32) int {
			return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(keys[a], keys[b]))
		}
	}
	sorted := lv.table.ranked(lv.indexes, compare)
	entries := resize(lv.numbers, len(sorted))
	lv.numbers = entries
	for i, k := range sorted {
		entries[i] = int64(k)
	}
	dst = append(dst, header(integers, Dictionary, false))
	dst = binary.AppendUvarint(dst, uint64(len(entries)))
	var z1, z2 bool
	dst = appendPart(dst, func(dst []byte) []byte {
		dst, z1 = e.appendIntsAs(dst, entries, Packed, depth+1)
		return dst
	})
	dst, z2 = e.appendIndexes(dst, lv.indexes, depth+1)
	return dst, z1 || z2, true
}

// appendIndexes appends places in a dictionary, which has no use for another one.
func (e *Encoder) appendIndexes(dst []byte, indexes []int64, depth int) ([]byte, bool) {
	return e.appendIntsAs(dst, indexes, Auto, max(depth, maxDepth))
}

// indexes decodes places in a list of limit entries.
func (d *Decoder) indexes(src []byte, n, limit, depth int) ([]int64, error) {
	lv := &d.levels[depth]
	lv.indexes = resize(lv.indexes, n)
	if err := d.ints(lv.indexes, src, asIntegers, depth+1); err != nil {
		return nil, err
	}
	for _, i := range lv.indexes {
		if uint64(i) >= uint64(limit) {
			return nil, fmt.Errorf("%w: entry %d of %d", ErrCorrupt, i, limit)
		}
	}
	return lv.indexes, nil
}

func (d *Decoder) intDictionary(dst []int64, r *reader, depth int) error {
	size := r.count("entries", len(dst))
	list := r.part("entries")
	if r.err != nil {
		return r.err
	}
	if depth >= maxDepth {
		return fmt.Errorf("%w: nested too deep", ErrCorrupt)
	}
	lv := &d.levels[depth]
	lv.ints = resize(lv.ints, size)
	if err := d.ints(lv.ints, list, asIntegers, depth+1); err != nil {
		return err
	}
	indexes, err := d.indexes(r.rest(), len(dst), size, depth)
	if err != nil {
		return err
	}
	entries := lv.ints
	for i, at := range indexes {
		dst[i] = entries[at]
	}
	return nil
}
