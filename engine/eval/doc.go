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
//   - E4: a program is nested as its expression is (P5 of package plan), each part of
//     which is compiled once; and JSON no deeper than encoding/json reads it.
//   - E5: a program stops soon after its statement has ended ([Env.Ended]), also within
//     a batch, and makes no more text of a batch than the statement may hold.
package eval
