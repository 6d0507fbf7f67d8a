package main

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// vector is how many values ALP encodes together.
const vector = 1024

// alpSize gives the bits that ALP takes for a block, which its paper splits into
// vectors: each in the better of its forms for decimals and for real doubles, with
// the best parameters that there are, of which the paper's own search finds most.
func alpSize(values []float64) int {
	size := 0
	for v := range slices.Chunk(values, vector) {
		size += min(alpDecimals(v), alpReals(v))
	}
	return size
}

// Bits of ALP's parameters and exceptions. A vector of decimals has an exponent, a
// factor, a width, a base and a number of exceptions.
const (
	alpHeader    = 8 + 8 + 8 + 64 + 16
	alpException = 64 + 16
	rdHeader     = 8 + 16
	rdException  = 16 + 16
)

// alpDecimals is ALP's form for decimals, integers packed over the least of them.
func alpDecimals(values []float64) int {
	best := math.MaxInt
	for exponent := range 19 {
		for factor := range exponent + 1 {
			best = min(best, alpHeader+alpPacked(values, exponent, factor))
		}
	}
	return best
}

func alpPacked(values []float64, exponent, factor int) int {
	exceptions, least, most := 0, int64(math.MaxInt64), int64(math.MinInt64)
	up, down := math.Pow10(exponent), math.Pow10(-exponent)
	back, forth := math.Pow10(-factor), math.Pow10(factor)
	for _, x := range values {
		scaled := x * up * back
		d := int64(math.RoundToEven(scaled))
		if !(math.Abs(scaled) < 1<<62) || math.Float64bits(float64(d)*forth*down) != math.Float64bits(x) {
			exceptions++
			continue
		}
		least, most = min(least, d), max(most, d)
	}
	width := 0
	if exceptions < len(values) {
		width = bits.Len64(uint64(most - least))
	}
	return width*len(values) + alpException*exceptions
}

// alpReals is ALP-RD: the upper bits, at most 16 of them, by a dictionary of at most
// 8 entries, and the lower ones as they are.
func alpReals(values []float64) int {
	best := math.MaxInt
	for right := 48; right < 64; right++ {
		counts := map[uint64]int{}
		for _, x := range values {
			counts[math.Float64bits(x)>>right]++
		}
		frequent := make([]int, 0, len(counts))
		for _, n := range counts {
			frequent = append(frequent, n)
		}
		slices.Sort(frequent)
		slices.Reverse(frequent)
		for code := range 4 {
			covered := 0
			for _, n := range frequent[:min(len(frequent), 1<<code)] {
				covered += n
			}
			best = min(best, rdHeader+16*min(len(frequent), 1<<code)+len(values)*(right+code)+rdException*(len(values)-covered))
		}
	}
	return best
}

// zstdPeer compresses blocks as they are, at the best level that the library has.
type zstdPeer struct {
	writer   *zstd.Encoder
	raw, out []byte
}

func newZstdPeer() (*zstdPeer, error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	return &zstdPeer{writer: w}, err
}

// size gives bits.
func (z *zstdPeer) size(values []float64) int {
	z.raw = z.raw[:0]
	for _, x := range values {
		z.raw = binary.LittleEndian.AppendUint64(z.raw, math.Float64bits(x))
	}
	z.out = z.writer.EncodeAll(z.raw, z.out[:0])
	return 8 * len(z.out)
}
