//go:build amd64 && !purego

package kernel

import (
	"math"

	"golang.org/x/sys/cpu"
)

// fast says that the machine has the instructions that the assembly is made of.
var fast = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// wholeWords returns how many values, in words of 64, assembly may work on: none
// where the machine cannot, and none of a few, for which it is not worth while.
func wholeWords(n int) int {
	if !fast {
		return 0
	}
	return n / 64
}

func extent(values []float64, valid []uint64) (low, high float64) {
	n := wholeWords(len(values))
	if n == 0 {
		return extentGo(values, valid)
	}
	low, high = extentGo(values[n*64:], from64(valid, n*64))
	if valid == nil {
		l, h := extentAVX2(&values[0], n, values[0])
		return min(low, l), max(high, h)
	}
	first := Next(valid, 0, n*64)
	if first == n*64 {
		return low, high
	}
	l, h := extentValidAVX2(&values[0], &valid[0], n, values[first])
	return min(low, l), max(high, h)
}

func extract(values []float64, valid []uint64, first, second float64) (a, b int64, clean bool) {
	n := wholeWords(len(values))
	a, b, clean = extractGo(values[n*64:], from64(valid, n*64), first, second)
	if n == 0 {
		return a, b, clean
	}
	var s, t int64
	var left uint64
	if valid == nil {
		s, t, left = extractAVX2(&values[0], n, first, second)
	} else {
		s, t, left = extractValidAVX2(&values[0], &valid[0], n, first, second)
	}
	// The sums may have wrapped around; what is left after this has not.
	s -= int64(n*64) * int64(math.Float64bits(first))
	t -= int64(n*64) * int64(math.Float64bits(second))
	return a + s, b + t, clean && left<<1 == 0
}

func squareLevels(values []float64, valid []uint64, cut float64) (levels [7]float64, clean bool) {
	n := wholeWords(len(values))
	levels, clean = squareLevelsGo(values[n*64:], from64(valid, n*64), cut)
	if n == 0 {
		return levels, clean
	}
	var cuts [4][4]float64
	for i := range cuts {
		cuts[i] = [4]float64{cut, cut, cut, cut}
		cut *= sliceStep
	}
	var sums [9]float64
	var left uint64
	if valid == nil {
		left = squareLevelsAVX2(&values[0], n, &cuts, &sums)
	} else {
		left = squareLevelsValidAVX2(&values[0], &valid[0], n, &cuts, &sums)
	}
	for i, level := range [...]float64{
		sums[0], sums[1], 2*sums[2] + sums[3], sums[4], 2*sums[5] + sums[6], sums[7], sums[8],
	} {
		levels[i] += level
	}
	return levels, clean && left<<1 == 0
}

func index(values []float64, valid []uint64, x float64) int {
	n := wholeWords(len(values))
	if n == 0 {
		return indexGo(values, valid, x)
	}
	at := 0
	for ; n > 0; n = wholeWords(len(values) - at) {
		i := indexAVX2(&values[at], n, x)
		at += i
		if i == n*64 {
			break
		}
		if valid == nil || valid[at>>6]>>(uint(at)&63)&1 == 1 {
			return at
		}
		at++
	}
	for ; at < len(values); at++ {
		if values[at] == x && (valid == nil || valid[at>>6]>>(uint(at)&63)&1 == 1) {
			return at
		}
	}
	return at
}

func neighbours(falls []uint64, values []float64) (changes int) {
	n := wholeWords(len(values) - 1)
	if n > 0 {
		changes = neighboursAVX2(&falls[0], &values[0], n)
	}
	return changes + neighboursGo(falls[n:], values[n*64:])
}

func compareFloats(dst []uint64, op Op, values []float64, x float64) {
	n := wholeWords(len(values))
	compareGo(dst[n:], op, values[n*64:], x)
	if n == 0 {
		return
	}
	switch op {
	case Eq, Ne:
		equalFloat64AVX2(&dst[0], &values[0], n, x)
	case Lt, Ge:
		lessFloat64AVX2(&dst[0], &values[0], n, x)
	default:
		greaterFloat64AVX2(&dst[0], &values[0], n, x)
	}
	if op.complement() {
		Not(dst, dst, n*64)
	}
}

func compareInts(dst []uint64, op Op, values []int64, x int64) {
	n := wholeWords(len(values))
	compareGo(dst[n:], op, values[n*64:], x)
	if n == 0 {
		return
	}
	switch op {
	case Eq, Ne:
		equalInt64AVX2(&dst[0], &values[0], n, x)
	case Lt, Ge:
		lessInt64AVX2(&dst[0], &values[0], n, x)
	default:
		greaterInt64AVX2(&dst[0], &values[0], n, x)
	}
	if op.complement() {
		Not(dst, dst, n*64)
	}
}

func qualities(dst []uint64, statuses []uint32, set uint32) {
	n := wholeWords(len(statuses))
	if n > 0 {
		qualitiesAVX2(&dst[0], &statuses[0], n, set)
	}
	qualitiesGo(dst[n:], statuses[n*64:], set)
}

func compress(dst, values []float64, valid []uint64) int {
	n := wholeWords(len(values))
	if n == 0 {
		return compressGo(dst, values, valid)
	}
	dst = dst[:len(values)]
	done := compressAVX2(&dst[0], &values[0], &valid[0], n)
	return done + compressGo(dst[done:], values[n*64:], valid[n:])
}
