// Package importer reads CSV, TSV and Parquet files into samples of series and sends
// them to a database.
//
//	file ─▶ chunk (columns of some thousand rows) ─▶ stamps and values ─▶ buffers per series ─▶ batches
//
// # Invariants
//
//   - P1: a row, or a value in a row, that cannot be stored is refused with its line
//     and its reason, and nothing else is lost with it, unless the user asked to stop
//     at the first.
//   - P2: whatever was read is counted exactly once: as stored, as skipped because it
//     was empty, or as refused.
//   - P3: memory does not grow with the length of a file, nor with that of a line.
//   - P4: no series is made that the user has not described: type and sample period
//     are given, or the period is asked to be found.
package importer
