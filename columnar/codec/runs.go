package codec

import (
	"encoding/binary"
	"fmt"
)

// appendIntRuns appends integers as runs of equal ones.
func (e *Encoder) appendIntRuns(dst []byte, v []int64, runs, depth int) ([]byte, bool) {
	lv := &e.levels[depth]
	values := resize(lv.numbers, runs)
	lengths := resize(lv.indexes, runs)
	lv.numbers, lv.indexes = values, lengths
	splitRuns(v, values, lengths)
	dst = append(dst, header(integers, RunLength, false))
	dst = binary.AppendUvarint(dst, uint64(runs))
	var z1, z2 bool
	next := min(depth+1, maxDepth)
	dst = appendPart(dst, func(dst []byte) []byte {
		dst, z1 = e.appendIntsAs(dst, values, Auto, next)
		return dst
	})
	dst, z2 = e.appendIntsAs(dst, lengths, Auto, next)
	return dst, z1 || z2
}

// splitRuns fills values and lengths less one with the runs of v.
func splitRuns[T comparable](v, values []T, lengths []int64) {
	run, from := 0, 0
	for i := 1; i <= len(v); i++ {
		if i == len(v) || v[i] != v[from] {
			values[run], lengths[run] = v[from], int64(i-from-1)
			run, from = run+1, i
		}
	}
}

func countRuns[T comparable](v []T) int {
	if len(v) == 0 {
		return 0
	}
	runs := 1
	for i := 1; i < len(v); i++ {
		if v[i] != v[i-1] {
			runs++
		}
	}
	return runs
}

// lengths decodes the lengths of runs, which must add up to n.
func (d *Decoder) lengths(src []byte, runs, n, depth int) ([]int64, error) {
	lv := &d.levels[depth]
	lv.indexes = resize(lv.indexes, runs)
	if err := d.ints(lv.indexes, src, asIntegers, depth+1); err != nil {
		return nil, err
	}
	left := int64(n)
	for i, l := range lv.indexes {
		if l < 0 || l >= left {
			return nil, fmt.Errorf("%w: run %d has %d values of %d", ErrCorrupt, i, l, left)
		}
		left -= l + 1
	}
	if left != 0 {
		return nil, fmt.Errorf("%w: %d values in no run", ErrCorrupt, left)
	}
	return lv.indexes, nil
}

func (d *Decoder) intRuns(dst []int64, r *reader, depth int) error {
	runs := r.count("runs", len(dst))
	list := r.part("values")
	if r.err != nil {
		return r.err
	}
	if depth >= maxDepth {
		return fmt.Errorf("%w: nested too deep", ErrCorrupt)
	}
	lv := &d.levels[depth]
	lv.ints = resize(lv.ints, runs)
	if err := d.ints(lv.ints, list, asIntegers, depth+1); err != nil {
		return err
	}
	lengths, err := d.lengths(r.rest(), runs, len(dst), depth)
	if err != nil {
		return err
	}
	fillRuns(dst, lv.ints, lengths)
	return nil
}

// fillRuns is the reverse of splitRuns.
func fillRuns[T any](dst, values []T, lengths []int64) {
	for i, v := range values {
		run := dst[:lengths[i]+1]
		for j := range run {
			run[j] = v
		}
		dst = dst[len(run):]
	}
}
