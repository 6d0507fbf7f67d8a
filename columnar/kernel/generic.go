package kernel

import "math"

// The loops in Go: what runs on machines without assembly of their own, and at
// the ends of slices everywhere.

// extentGo returns the least and the greatest valid value, +Inf and -Inf when
// there is none. The sign of a zero is unspecified.
func extentGo(values []float64, valid []uint64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	if valid == nil {
		for _, v := range values {
			if v < low {
				low = v
			}
			if v > high {
				high = v
			}
		}
		return low, high
	}
	for i := Next(valid, 0, len(values)); i < len(values); i = Next(valid, i+1, len(values)) {
		low, high = min(low, values[i]), max(high, values[i])
	}
	return low, high
}

// extractGo rounds every valid value to a multiple of the last bit of first, and
// what is left over to one of the last bit of second. It returns the sums of the
// multiples, and whether nothing was left over then.
func extractGo(values []float64, valid []uint64, first, second float64) (a, b int64, clean bool) {
	firstBits, secondBits := int64(math.Float64bits(first)), int64(math.Float64bits(second))
	var left uint64
	for i, v := range values {
		if valid != nil && valid[i>>6]>>(uint(i)&63)&1 == 0 {
			continue
		}
		t := v + first
		a += int64(math.Float64bits(t)) - firstBits
		v -= t - first
		t = v + second
		b += int64(math.Float64bits(t)) - secondBits
		v -= t - second
		left |= math.Float64bits(v) << 1
	}
	return a, b, left == 0
}

// squareLevelsGo cuts every valid value into four slices of which the last bits
// lie sliceStep apart, the first at the last bit of cut, and sums up the
// products of slices i and j as level i+j; where i < j only once. It reports
// whether nothing was left over after the slices.
func squareLevelsGo(values []float64, valid []uint64, cut float64) (levels [7]float64, clean bool) {
	cut1 := cut * sliceStep
	cut2 := cut1 * sliceStep
	cut3 := cut2 * sliceStep
	var left uint64
	for i, v := range values {
		if valid != nil && valid[i>>6]>>(uint(i)&63)&1 == 0 {
			continue
		}
		a := v + cut - cut
		v -= a
		b := v + cut1 - cut1
		v -= b
		c := v + cut2 - cut2
		v -= c
		d := v + cut3 - cut3
		v -= d
		left |= math.Float64bits(v) << 1
		levels[0] += a * a
		levels[1] += a * b
		levels[2] += 2*a*c + b*b
		levels[3] += a*d + b*c
		levels[4] += 2*b*d + c*c
		levels[5] += c * d
		levels[6] += d * d
	}
	return levels, left == 0
}

// indexGo returns the index of the first valid value that is equal to x, or the
// number of values.
func indexGo(values []float64, valid []uint64, x float64) int {
	for i, v := range values {
		if v == x && (valid == nil || valid[i>>6]>>(uint(i)&63)&1 == 1) {
			return i
		}
	}
	return len(values)
}

// neighboursGo sets bit i of falls where value i+1 is less than value i, and
// returns the number of values that differ from the one before.
func neighboursGo(falls []uint64, values []float64) (changes int) {
	clear(falls[:words(len(values))])
	for i := 1; i < len(values); i++ {
		if values[i] < values[i-1] {
			falls[(i-1)>>6] |= 1 << (uint(i-1) & 63)
		}
		if values[i] != values[i-1] {
			changes++
		}
	}
	return changes
}

// qualitiesGo sets bit i of dst where the bit of set is set that the highest two
// bits of status i stand for.
func qualitiesGo(dst []uint64, statuses []uint32, set uint32) {
	dst = dst[:words(len(statuses))]
	clear(dst)
	for i, s := range statuses {
		dst[i>>6] |= uint64(set>>(s>>30)&1) << (uint(i) & 63)
	}
}

// compressGo writes the valid values to dst one after the other and returns their
// number.
func compressGo(dst, values []float64, valid []uint64) int {
	n := 0
	for i := Next(valid, 0, len(values)); i < len(values); i = Next(valid, i+1, len(values)) {
		dst[n] = values[i]
		n++
	}
	return n
}
