// Package ingest turns Arrow batches from outside into samples of series: it finds
// the series, the instants and the statuses, and refuses what cannot be stored.
//
// A batch is long (columns series, time, value and optionally int_value, text,
// status, quality: a sample per row) or wide (time, then a column per series, named
// by it: a sample per row and column that is not NULL).
//
// # Invariants
//
//   - I1: a batch is taken whole or refused whole; nothing of a refused batch
//     reaches the store. The error names the first row at fault, and why.
//   - I2: what comes out obeys C2: a NaN, or a NULL value in a long batch, becomes a
//     sample without a value, whose status is bad; infinities and values beyond
//     columnar.MaxMagnitude are refused.
//   - I3: a time stamp without a zone is read on the clock of a named zone. A
//     repeated hour is resolved by the order of the rows of each series, a stamp that
//     the clock never showed is refused.
package ingest
