package kernel

import "math"

// Op is a comparison.
type Op uint8

// The comparisons, as SQL has them.
const (
	Eq Op = iota // =
	Ne           // <>
	Lt           // <
	Le           // <=
	Gt           // >
	Ge           // >=
)

var opNames = [...]string{Eq: "=", Ne: "<>", Lt: "<", Le: "<=", Gt: ">", Ge: ">="}

// String returns the comparison as SQL spells it.
func (op Op) String() string { return opNames[op] }

// complement reports whether the comparison is computed as what another one, out
// of =, < and >, is not.
func (op Op) complement() bool { return op == Ne || op == Le || op == Ge }

// CompareFloats sets bit i of dst to the outcome of values[i] op x. It writes a
// word for every 64 values begun. As in PostgreSQL, NaN is equal to itself and
// greater than all else; only x can be NaN.
func CompareFloats(dst []uint64, op Op, values []float64, x float64) {
	if math.IsNaN(x) {
		fill(dst, len(values), op == Ne || op == Lt || op == Le)
		return
	}
	compareFloats(dst, op, values, x)
}

// CompareInts sets bit i of dst to the outcome of values[i] op x. It writes a word
// for every 64 values begun.
func CompareInts(dst []uint64, op Op, values []int64, x int64) {
	compareInts(dst, op, values, x)
}

// fill sets or clears the first n bits of dst.
func fill(dst []uint64, n int, set bool) {
	dst = dst[:words(n)]
	clear(dst)
	if set {
		Not(dst, dst, n)
	}
}

// compareGo is CompareFloats and CompareInts in Go, for x that is not NaN. The
// outcome of each comparison is that of one of three, or its complement.
func compareGo[T int64 | float64](dst []uint64, op Op, values []T, x T) {
	dst = dst[:words(len(values))]
	for w := range dst {
		part := values[w*64 : min(w*64+64, len(values))]
		switch op {
		case Eq, Ne:
			dst[w] = equalBits(part, x)
		case Lt, Ge:
			dst[w] = lessBits(part, x)
		default:
			dst[w] = greaterBits(part, x)
		}
	}
	if op.complement() {
		Not(dst, dst, len(values))
	}
}

func equalBits[T int64 | float64](values []T, x T) (w uint64) {
	for i, v := range values {
		w |= bit(v == x) << uint(i)
	}
	return w
}

func lessBits[T int64 | float64](values []T, x T) (w uint64) {
	for i, v := range values {
		w |= bit(v < x) << uint(i)
	}
	return w
}

func greaterBits[T int64 | float64](values []T, x T) (w uint64) {
	for i, v := range values {
		w |= bit(v > x) << uint(i)
	}
	return w
}

// bit returns 1 for true.
func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
