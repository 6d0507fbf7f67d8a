// Package eval evaluates expressions over record batches, one vector at a time.
//
// An expression is compiled once into a [Program] of typed loops. Each loop runs
// over plain slices: a [Vector] is a view of an Arrow array, or a single value
// that stands for all rows.
//
// # Invariants
//
//   - E1: a function is not called for a row in which one of its arguments is
//     NULL, unless it is lenient (plan.Func).
//   - E2: what CASE, AND, OR and COALESCE make unnecessary is not evaluated for
//     that row, so CASE WHEN x <> 0 THEN 1/x END never divides by zero.
//   - E3: vectors are never changed once made; they may share memory with the
//     batch they came from and live as long as it does.
package eval
