package kernel

// MinMax returns the least and the greatest of the values whose bit is set, and
// how many there were; 0 and 0 when there was none. Of equal values, as 0 and -0
// are, the first is returned.
func MinMax(values []float64, valid []uint64) (least, greatest float64, n int) {
	low, high := extent(values, valid)
	if low > high {
		return 0, 0, 0
	}
	return signed(values, valid, low), signed(values, valid, high), Count(valid, 0, len(values))
}

// ArgMinMax returns the indexes of the first least and the first greatest value
// whose bit is set, and how many there were; -1 and -1 when there was none.
func ArgMinMax(values []float64, valid []uint64) (least, greatest, n int) {
	low, high := extent(values, valid)
	if low > high {
		return -1, -1, 0
	}
	return Index(values, valid, low), Index(values, valid, high), Count(valid, 0, len(values))
}

// Index returns the index of the first value that is equal to x and whose bit is
// set, or the number of values.
func Index(values []float64, valid []uint64, x float64) int { return index(values, valid, x) }

// signed returns x as it first stands among the values: the sign of a zero is not
// known before.
func signed(values []float64, valid []uint64, x float64) float64 {
	if x == 0 {
		return values[index(values, valid, x)]
	}
	return x
}

// Neighbours sets bit i of falls where value i+1 is less than value i, clears the
// others, and returns the number of values that differ from the one before.
func Neighbours(falls []uint64, values []float64) (changes int) {
	return neighbours(falls, values)
}
