package kernel

import "math"

// chunk is the number of values that are summed in one piece: a multiple of 64,
// few enough to stay in the first-level cache between two passes and for a sum
// of integers below 2^51 to fit into an int64.
const chunk = 2048

// Sum adds the values whose bit is set to acc and returns how many there were.
func Sum(values []float64, valid []uint64, acc *Exact) int {
	_, _, n := SumMinMax(values, valid, acc)
	return n
}

// SumMinMax is Sum and MinMax in one pass over memory.
func SumMinMax(values []float64, valid []uint64, acc *Exact) (least, greatest float64, n int) {
	least, greatest = math.Inf(1), math.Inf(-1)
	for from := 0; from < len(values); from += chunk {
		part, bits := values[from:min(from+chunk, len(values))], from64(valid, from)
		low, high := extent(part, bits)
		if low > high {
			continue
		}
		sumChunk(part, bits, low, high, acc)
		n += Count(bits, 0, len(part))
		if low < least {
			least = low
		}
		if high > greatest {
			greatest = high
		}
	}
	if valid == nil {
		n = len(values)
	}
	if n == 0 {
		return 0, 0, 0
	}
	least, greatest = signed(values, valid, least), signed(values, valid, greatest)
	return least, greatest, n
}

// sumChunk adds the valid ones of at most chunk values, which lie in [low, high],
// to acc.
//
// It cuts the values at two fixed places, which makes integers of them that can
// be added without rounding (the extraction of S. M. Rump, T. Ogita and S. Oishi,
// "Accurate Floating-Point Summation", 2008, with the sums of the slices kept as
// integers). When bits are left over below the second cut it adds one by one.
func sumChunk(values []float64, valid []uint64, low, high float64, acc *Exact) {
	size := math.Max(-low, high)
	if size == 0 {
		return
	}
	exponent := math.Ilogb(size) + 1 // all values are below 2^exponent in size
	if exponent >= minCut && exponent <= maxCut {
		// Added to 1.5·2^(exponent+1), a value leaves the binade in neither direction,
		// and its bits above 2^(exponent-51) become an integer in the significand.
		first := math.Ldexp(1.5, exponent+1)
		second := math.Ldexp(first, -51)
		if a, b, clean := extract(values, valid, first, second); clean {
			addScaled(a, exponent-51, acc)
			addScaled(b, exponent-102, acc)
			return
		}
	}
	addEach(values, valid, acc)
}

// The largest values of a chunk must lie between 2^minCut and 2^maxCut for the
// extraction to work without underflow and overflow.
const (
	minCut = -900
	maxCut = 1010
)

// addScaled adds n·2^exponent.
func addScaled(n int64, exponent int, acc *Exact) {
	const half = 1 << 32
	scale := math.Ldexp(1, exponent)
	top := n &^ (half - 1)
	acc.Add(float64(top) * scale)
	acc.Add(float64(n-top) * scale)
}

// addEach adds the valid values one by one.
func addEach(values []float64, valid []uint64, acc *Exact) {
	if !finite(acc.high) {
		return
	}
	var space [inlineTerms]float64
	x := acc.expansion(space[:0])
	each(valid, len(values), func(i int) { x = x.grow(values[i]) })
	acc.set(x)
}

// each calls f with the index of every valid value of n, in order.
func each(valid []uint64, n int, f func(i int)) {
	if valid == nil {
		for i := range n {
			f(i)
		}
		return
	}
	for i := Next(valid, 0, n); i < n; i = Next(valid, i+1, n) {
		f(i)
	}
}

// Squares adds the squares of the values whose bit is set to acc, each as
// Exact.AddProduct does, and returns how many there were.
func Squares(values []float64, valid []uint64, acc *Exact) int {
	for from := 0; from < len(values); from += chunk {
		part, bits := values[from:min(from+chunk, len(values))], from64(valid, from)
		if low, high := extent(part, bits); low <= high {
			squaresChunk(part, bits, low, high, acc)
		}
	}
	return Count(valid, 0, len(values))
}

// squaresChunk adds the squares of the valid ones of at most chunk values, which
// lie in [low, high], to acc.
//
// It cuts every value into four slices of 20 bits. The products of two slices
// have 40 bits and those of one weight add up without rounding.
func squaresChunk(values []float64, valid []uint64, low, high float64, acc *Exact) {
	size := math.Max(-low, high)
	if size == 0 {
		return
	}
	exponent := math.Ilogb(size) + 1
	if exponent >= minSquareCut && exponent <= maxSquareCut {
		// A value is rounded to a multiple of 2^(exponent-20) when it is added to
		// 1.5·2^(exponent+32), whose last bit has that weight.
		cut := math.Ldexp(1.5, exponent+32)
		if levels, clean := squareLevels(values, valid, cut); clean {
			for i, level := range levels {
				acc.Add(level * [...]float64{1, 2, 1, 2, 1, 2, 1}[i])
			}
			return
		}
	}
	each(valid, len(values), func(i int) { acc.AddProduct(values[i], values[i]) })
}

// The largest values of a chunk must lie between 2^minSquareCut and 2^maxSquareCut
// for the squares of their slices to be exact.
const (
	minSquareCut = -430
	maxSquareCut = 480
)

// sliceStep is the distance of two slices' last bits in squareLevels.
const sliceStep = 0x1p-20
