//go:build !amd64 || purego

package kernel

func extent(values []float64, valid []uint64) (low, high float64) {
	return extentGo(values, valid)
}

func extract(values []float64, valid []uint64, first, second float64) (a, b int64, clean bool) {
	return extractGo(values, valid, first, second)
}

func squareLevels(values []float64, valid []uint64, cut float64) (levels [7]float64, clean bool) {
	return squareLevelsGo(values, valid, cut)
}

func index(values []float64, valid []uint64, x float64) int { return indexGo(values, valid, x) }

func neighbours(falls []uint64, values []float64) (changes int) {
	return neighboursGo(falls, values)
}

func compareFloats(dst []uint64, op Op, values []float64, x float64) {
	compareGo(dst, op, values, x)
}

func compareInts(dst []uint64, op Op, values []int64, x int64) { compareGo(dst, op, values, x) }

func qualities(dst []uint64, statuses []uint32, set uint32) { qualitiesGo(dst, statuses, set) }

func compress(dst, values []float64, valid []uint64) int { return compressGo(dst, values, valid) }
