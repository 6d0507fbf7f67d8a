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
	mappingSample    = mappingStretches * mappingStretch
)

// decimalGuess is what the sample tells about a mapping.
type decimalGuess struct {
	mapping  mapping
	narrow   bool
	failures int     // values of the sample that do not come back
	cost     float64 // bits per value
}

// guessDecimal chooses the decimal mapping of values by a sample of them.
func guessDecimal(values []float64, isNarrow bool) decimalGuess {
	var sampled [mappingSample]float64
	sample := sampled[:0]
	for i := range mappingStretches {
		from := max(0, (len(values)-mappingStretch)*i/(mappingStretches-1))
		sample = append(sample, values[from:min(from+mappingStretch, len(values))]...)
		if len(values) <= mappingStretch {
			break
		}
	}
	return guessFrom(sample, isNarrow)
}

// guessFrom chooses the decimal mapping of a sample: first the number of decimals,
// the least cost with division, which brings back every float that is the nearest
// one to a short decimal. Then an exponent and factor for the faster
// multiplication that fail no more often.
func guessFrom(sample []float64, isNarrow bool) decimalGuess {
	best := decimalGuess{narrow: isNarrow, cost: math.Inf(1), failures: len(sample)}
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
			best = g
			break
		}
	}
	return best
}

// try weighs a mapping on a sample.
func (m mapping) try(sample []float64) decimalGuess {
	var ints [mappingSample]int64
	var places [mappingSample]int64
	exceptions := m.decimals(ints[:], sample, places[:0])
	cost := 0
	for i := 1; i < len(sample); i++ {
		cost += bits.Len64(zigzag(ints[i] - ints[i-1]))
	}
	cost += len(exceptions) * exceptionBits
	isNarrow := m.kind >= decimalMulNarrow
	return decimalGuess{mapping: m, narrow: isNarrow, failures: len(exceptions), cost: float64(cost) / float64(len(sample))}
}

// tryDecimals leaves the integers of values in the level's numbers and the places
// of the exceptions in its indexes.
func (m mapping) tryDecimals(lv *level, values []float64) {
	lv.numbers = resize(lv.numbers, len(values))
	lv.indexes = m.decimals(lv.numbers, values, lv.indexes[:0])
}

// decimals is tryDecimals for the best mapping that is found from the guess on,
// which it gives back.
func (lv *level) decimals(m mapping, values []float64, isNarrow bool) mapping {
	m.tryDecimals(lv, values)
	found := len(lv.indexes)
	if found == 0 {
		return m
	}
	// The sample may have missed the values with more decimals: the exceptions
	// are a sample of those.
	var sampled [mappingSample]float64
	sample := sampled[:0]
	for i := 0; i < found && len(sample) < mappingSample; i += 1 + found/mappingSample {
		sample = append(sample, values[lv.indexes[i]])
	}
	if g := guessFrom(sample, isNarrow); g.failures <= len(sample)/2 && g.mapping.decimals10() > m.decimals10() {
		wider := float64(g.mapping.decimals10()-m.decimals10()) * math.Log2(10)
		zeros := 0
		for _, d := range lv.numbers {
			if d == 0 {
				zeros++
			}
		}
		if gain := float64(found*(len(sample)-g.failures)/len(sample)) * exceptionBits; gain > wider*float64(len(values)-zeros) {
			g.mapping.tryDecimals(lv, values)
			m = g.mapping
		}
	}
	if (m.kind == decimalMul || m.kind == decimalMulNarrow) && len(lv.indexes) > 0 {
		// Where multiplication fails, division may not.
		found = len(lv.indexes)
		div := mapping{kind: m.kind + 1, exponent: m.decimals10()}
		if div.tryDecimals(lv, values); len(lv.indexes) < found {
			return div
		}
		m.tryDecimals(lv, values)
	}
	return m
}

// exceptionBits is about what an exception costs.
const exceptionBits = 72

// decimals10 is the number of decimals that the mapping keeps.
func (m mapping) decimals10() uint8 { return m.exponent - m.factor }

// appendDecimal appends values as the decimals that guess found, and reports false
// when more than limit values are exceptions.
func (e *Encoder) appendDecimal(dst []byte, values []float64, guess decimalGuess, ints Codec, depth, limit int) (column []byte, slow, ok bool) {
	lv := &e.levels[depth]
	m := lv.decimals(guess.mapping, values, guess.narrow)
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
	if err := d.ints(asInt64s(dst), r.rest(), m, depth+1); err != nil {
		return err
	}
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
	return d.ints(asInt64s(dst), r.rest(), m, depth+1)
}
