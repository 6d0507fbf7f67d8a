package codec

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Sizes of the sample that decides a mapping: stretches of neighbours, because
// the integers will be predicted from their neighbours.
const (
	mappingStretches = 8
	mappingStretch   = 12
)

// decimalGuess is what the sample tells about a mapping.
type decimalGuess struct {
	mapping  mapping
	failures int     // values of the sample that do not come back
	cost     float64 // bits per value
}

// guessDecimal chooses the decimal mapping of values by a sample of them. First
// the number of decimals: the least cost with division, which brings back every
// float that is the nearest one to a short decimal. Then an exponent and factor
// for the faster multiplication that fail no more often.
func (e *Encoder) guessDecimal(values []float64, isNarrow bool) decimalGuess {
	var sampled [mappingStretches * mappingStretch]float64
	sample := sampled[:0]
	for i := range mappingStretches {
		from := max(0, (len(values)-mappingStretch)*i/(mappingStretches-1))
		sample = append(sample, values[from:min(from+mappingStretch, len(values))]...)
		if len(values) <= mappingStretch {
			break
		}
	}
	best := decimalGuess{cost: math.Inf(1), failures: len(sample)}
	kind, multiply := decimalDiv, decimalMul
	if isNarrow {
		kind, multiply = decimalDivNarrow, decimalMulNarrow
	}
	for exponent := range uint8(18) {
		g := mapping{kind: kind, exponent: exponent}.try(sample)
		if g.cost < best.cost {
			best = g
		}
		if g.failures == 0 {
			break // more decimals only make larger integers
		}
	}
	if best.failures == len(sample) {
		return best
	}
	decimals := best.mapping.exponent
	for _, up := range [...]uint8{0, 14, 13, 15, 12, 16, 11, 10, 17, 18} {
		m := mapping{kind: multiply, exponent: up, factor: up - decimals}
		if up == 0 {
			m.exponent, m.factor = decimals, 0
		} else if up <= decimals {
			continue
		}
		if g := m.try(sample); g.failures <= best.failures {
			g.cost = best.cost
			return g
		}
	}
	return best
}

// try weighs a mapping on a sample.
func (m mapping) try(sample []float64) decimalGuess {
	var ints [mappingStretches * mappingStretch]int64
	var places [mappingStretches * mappingStretch]int64
	exceptions := m.decimals(ints[:], sample, places[:0])
	cost := 0
	for i := 1; i < len(sample); i++ {
		cost += bits.Len64(zigzag(ints[i] - ints[i-1]))
	}
	cost += len(exceptions) * 72
	return decimalGuess{mapping: m, failures: len(exceptions), cost: float64(cost) / float64(len(sample))}
}

// appendDecimal appends values as the decimals that guess found, and reports false
// when more than limit values are exceptions.
func (e *Encoder) appendDecimal(dst []byte, values []float64, guess decimalGuess, ints Codec, depth, limit int) (column []byte, needsZstd, ok bool) {
	lv := &e.levels[depth]
	m := guess.mapping
	lv.numbers = resize(lv.numbers, len(values))
	lv.indexes = m.decimals(lv.numbers, values, lv.indexes[:0])
	if len(lv.indexes) > 0 && (m.kind == decimalMul || m.kind == decimalMulNarrow) {
		// Where multiplication fails, division may not.
		div := mapping{kind: m.kind + 1, exponent: m.exponent - m.factor}
		lv.residuals = resize(lv.residuals, len(values))
		before := len(lv.indexes)
		lv.indexes = div.decimals(lv.residuals, values, lv.indexes)
		if len(lv.indexes)-before < before {
			m = div
			lv.indexes = lv.indexes[:copy(lv.indexes, lv.indexes[before:])]
			lv.numbers, lv.residuals = lv.residuals, lv.numbers
		} else {
			lv.indexes = lv.indexes[:before]
		}
	}
	if len(lv.indexes) > limit {
		return dst, false, false
	}
	dst = append(dst, header(floats, Decimal, false), byte(m.kind), m.exponent, m.factor)
	dst = binary.AppendUvarint(dst, uint64(len(lv.indexes)))
	var z1, z2, z3 bool
	if len(lv.indexes) > 0 {
		odd := resize(lv.floats, len(lv.indexes))
		lv.floats = odd
		for i, at := range lv.indexes {
			odd[i] = values[at]
		}
		dst = appendPart(dst, func(dst []byte) []byte {
			dst, z1 = e.appendIntsAs(dst, lv.indexes, Auto, depth+1)
			return dst
		})
		dst = appendPart(dst, func(dst []byte) []byte {
			dst, z2 = e.appendReal(dst, odd, narrow(odd), Auto, depth+1)
			return dst
		})
	}
	dst, z3 = e.appendIntsAs(dst, lv.numbers, ints, depth+1)
	return dst, z1 || z2 || z3, true
}

func (d *Decoder) decimal(dst []float64, r *reader, depth int) error {
	m := mapping{kind: mappingKind(r.u8("mapping", int(decimalDivNarrow)))}
	m.exponent = uint8(r.u8("exponent", maxExponent))
	m.factor = uint8(r.u8("factor", maxExponent))
	exceptions := r.count("exceptions", len(dst))
	var places, odd []byte
	if exceptions > 0 {
		places, odd = r.part("exceptions"), r.part("exceptions")
	}
	if r.err != nil {
		return r.err
	}
	v := asInt64s(dst)
	if err := d.ints(v, r.rest(), depth+1); err != nil {
		return err
	}
	m.floats(dst, v)
	if exceptions == 0 {
		return nil
	}
	lv := &d.levels[depth]
	lv.floats = resize(lv.floats, exceptions)
	if err := d.floats(lv.floats, odd, depth+1); err != nil {
		return err
	}
	at, err := d.indexes(places, exceptions, len(dst), depth)
	if err != nil {
		return err
	}
	for i, x := range lv.floats {
		dst[at[i]] = x
	}
	return nil
}

// appendReal appends the bits of values as integers of the same order.
func (e *Encoder) appendReal(dst []byte, values []float64, isNarrow bool, ints Codec, depth int) ([]byte, bool) {
	lv := &e.levels[depth]
	m := mapping{kind: ordered}
	if isNarrow {
		m.kind = orderedNarrow
	}
	lv.numbers = resize(lv.numbers, len(values))
	m.orders(lv.numbers, values)
	dst = append(dst, header(floats, Real, false), byte(m.kind))
	return e.appendIntsAs(dst, lv.numbers, ints, depth+1)
}

func (d *Decoder) real(dst []float64, r *reader, depth int) error {
	m := mapping{kind: mappingKind(r.u8("mapping", int(orderedNarrow)))}
	if m.kind < ordered {
		r.fail("mapping %v", m)
	}
	if r.err != nil {
		return r.err
	}
	v := asInt64s(dst)
	if err := d.ints(v, r.rest(), depth+1); err != nil {
		return err
	}
	m.floats(dst, v)
	return nil
}
