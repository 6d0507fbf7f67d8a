package codec

import "slices"

// table finds the distinct values of a column.
type table struct {
	keys    []uint64
	slots   []int32 // index into keys plus one; 0 is free
	indexes []int32 // of every value, into keys
}

// fill collects the distinct values and reports false as soon as they are too
// many for a dictionary to pay: more than half of the first values, or limit.
func (t *table) fill(values []uint64, limit int) bool {
	size, shift := 64, uint(58)
	for size < 2*limit {
		size, shift = size*2, shift-1
	}
	t.slots = resize(t.slots, size)
	clear(t.slots)
	t.keys = t.keys[:0]
	t.indexes = resize(t.indexes, len(values))
	const probation = 256
	for i, v := range values {
		if i == probation && len(t.keys) > probation*3/4 {
			return false
		}
		at := v * 0x9e3779b97f4a7c15 >> shift
		for {
			s := t.slots[at]
			if s == 0 {
				if len(t.keys) == limit {
					return false
				}
				t.keys = append(t.keys, v)
				t.slots[at] = int32(len(t.keys))
				t.indexes[i] = int32(len(t.keys) - 1)
				break
			}
			if t.keys[s-1] == v {
				t.indexes[i] = s - 1
				break
			}
			at = (at + 1) & uint64(size-1)
		}
	}
	return true
}

// ranked gives the distinct values in the order of compare, which gets their places
// in keys, and, in ranks, for every value its place among them.
func (t *table) ranked(ranks []int64, compare func(a, b int32) int) []uint64 {
	order := make([]int32, len(t.keys))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, compare)
	place := make([]int64, len(t.keys))
	sorted := make([]uint64, len(t.keys))
	for rank, i := range order {
		place[i] = int64(rank)
		sorted[rank] = t.keys[i]
	}
	for i, k := range t.indexes {
		ranks[i] = place[k]
	}
	return sorted
}

// counts gives how often each of the distinct values occurs.
func (t *table) counts() []int {
	counts := make([]int, len(t.keys))
	for _, k := range t.indexes {
		counts[k]++
	}
	return counts
}
