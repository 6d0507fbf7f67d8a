// Package kernel holds the loops that run once per value: exact sums, extremes,
// comparisons and bitmaps over plain slices, and [Exact], the sum of float64s
// that knows no rounding.
//
// # Invariants
//
//   - K1: a sum is exact. The order of the values, the cut of the slices, the
//     machine and its instruction set have no influence on it: the sum of a set
//     of values is one number, and [Exact.Round] is the float64 next to it.
//   - K2: a fast loop returns the same bits as the plain loop that defines it.
//     The plain loop stands beside it in the tests.
//
// # Conventions
//
// Bit i%64 of word i/64 of a bitmap stands for value i. A nil bitmap stands for
// all values. A bitmap that is passed in has a word for every 64 values begun;
// bits past the last value are never looked at. Bitmaps that are written have
// zeros there.
//
// Values are finite: there is no NaN among them, and none is larger than 2^1000
// in size, so that sums stay far from overflow. Results for other values are
// unspecified, except that nothing panics.
//
// Zero has no sign in a sum: nothing added up is +0, and so is -0 alone. Extremes
// are the values found, sign and all; 0 and -0 are equal, and of equal values the
// first is the extreme.
//
// # Machines
//
// On amd64 with AVX2 and FMA the loops are assembly that internal/asm generates;
// elsewhere, and with the build tag purego, they are Go.
package kernel
