package codec

import (
	"fmt"
	"math"
)

// mapping says how integers become floats. A narrow one rounds to 32 bits on the
// way.
type mapping struct {
	kind     mappingKind
	exponent uint8 // decimal: power of ten that floats were multiplied with
	factor   uint8 // decimalMul: power of ten that integers were divided by
}

type mappingKind uint8

// asIntegers is the mapping of integers that stay what they are.
var asIntegers = mapping{kind: identity}

const (
	decimalMul       mappingKind = iota // integer × 10^factor × 10^-exponent
	decimalDiv                          // integer / 10^exponent
	decimalMulNarrow                    // the same, rounded to 32 bits
	decimalDivNarrow
	ordered       // the bits of a float64, ordered as integers
	orderedNarrow // the bits of a float32, ordered as integers
	identity      // integers; never found in encoded bytes
)

func (m mapping) String() string {
	switch m.kind {
	case decimalMul:
		return fmt.Sprintf("×10^%d×10^-%d", m.factor, m.exponent)
	case decimalDiv:
		return fmt.Sprintf("/10^%d", m.exponent)
	case decimalMulNarrow:
		return fmt.Sprintf("×10^%d×10^-%d narrow", m.factor, m.exponent)
	case decimalDivNarrow:
		return fmt.Sprintf("/10^%d narrow", m.exponent)
	case ordered:
		return "ordered"
	case orderedNarrow:
		return "ordered narrow"
	default:
		return "identity"
	}
}

// Powers of ten that a float64 holds exactly, and the nearest to their inverses.
const maxExponent = 22

var (
	tens = [maxExponent + 1]float64{
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
		1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
	}
	tenths = [maxExponent + 1]float64{
		1e-0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11,
		1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17, 1e-18, 1e-19, 1e-20, 1e-21, 1e-22,
	}
)

// maxDecimal bounds decimal integers: up to it every integer is a float64.
const maxDecimal = 1 << 53

// round gives the integer nearest to x, and false where x is out of range or not
// a number.
func round(x float64) (int64, bool) {
	if !(x >= -maxDecimal && x <= maxDecimal) {
		return 0, false
	}
	// Adding and subtracting 1.5 × 2^52 rounds to an integer (ALP, section 3.1)
	// below 2^51; larger ones have their own way.
	if x > -1<<51 && x < 1<<51 {
		const magic = 3 << 51
		return int64(x + magic - magic), true
	}
	return int64(math.RoundToEven(x)), true
}

// decimals fills dst with the integers of the values and gives the places of those
// that the mapping does not bring back bit for bit; their integers repeat the one
// before, so that they cost nothing.
func (m mapping) decimals(dst []int64, values []float64, exceptions []int64) []int64 {
	dst = dst[:len(values)]
	exp, scale := tens[m.exponent], tenths[m.factor]
	up, down := tens[m.factor], tenths[m.exponent]
	last, haveLast := int64(0), false
	for i, x := range values {
		d, ok := round(x * exp * scale)
		if ok {
			y := float64(d)
			switch m.kind {
			case decimalMul:
				y = y * up * down
			case decimalDiv:
				y /= exp
			case decimalMulNarrow:
				y = float64(float32(y * up * down))
			default:
				y = float64(float32(y / exp))
			}
			ok = math.Float64bits(x) == math.Float64bits(y)
		}
		if !ok {
			exceptions = append(exceptions, int64(i))
			dst[i] = last
			continue
		}
		if !haveLast {
			for j := range i {
				dst[j] = d
			}
			haveLast = true
		}
		dst[i], last = d, d
	}
	return exceptions
}

// floats turns integers into floats, in place.
func (m mapping) floats(v []int64) {
	dst := asFloats(v)
	up, down, div := tens[m.factor], tenths[m.exponent], tens[m.exponent]
	switch m.kind {
	case decimalMul:
		for i, d := range v {
			dst[i] = float64(d) * up * down
		}
	case decimalDiv:
		for i, d := range v {
			dst[i] = float64(d) / div
		}
	case decimalMulNarrow:
		for i, d := range v {
			dst[i] = float64(float32(float64(d) * up * down))
		}
	case decimalDivNarrow:
		for i, d := range v {
			dst[i] = float64(float32(float64(d) / div))
		}
	case ordered:
		for i, d := range v {
			v[i] = d ^ int64(uint64(d>>63)>>1)
		}
	case orderedNarrow:
		for i, d := range v {
			b := int32(d)
			dst[i] = widen(uint32(b ^ int32(uint32(b>>31)>>1)))
		}
	}
}

// orders fills dst with the values' bits as integers of the same order.
func (m mapping) orders(dst []int64, values []float64) {
	dst = dst[:len(values)]
	if m.kind == orderedNarrow {
		for i, x := range values {
			b := int32(math.Float32bits(float32(x)))
			dst[i] = int64(b ^ int32(uint32(b>>31)>>1))
		}
		return
	}
	for i, x := range values {
		b := int64(math.Float64bits(x))
		dst[i] = b ^ int64(uint64(b>>63)>>1)
	}
}

func widen(bits uint32) float64 { return float64(math.Float32frombits(bits)) }

// narrow reports whether every value is exact in 32 bits; NaNs count only where
// their payload survives the way there and back.
func narrow(values []float64) bool {
	for _, x := range values {
		if math.Float64bits(float64(float32(x))) != math.Float64bits(x) {
			return false
		}
	}
	return true
}
