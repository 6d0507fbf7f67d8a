// Package meta is the catalog's contract: what exists. Series with all their
// attributes, segments, snapshots and edits, and the one way in which that
// changes: a commit.
//
// The drivers are packages of their own (meta/sqlite, meta/postgres), and share what
// both databases do alike (meta/tables); package metatest holds the acceptance suite
// that each of them passes.
//
// # Invariants
//
//   - M1: a commit happens whole or not at all, and commits are totally ordered
//     by their snapshot number, which grows by one.
//   - M2: a commit whose writer's epoch is not the newest changes nothing and
//     answers ErrConflict (fencing).
//   - M3: a segment is never changed. It becomes live in one snapshot and may be
//     retired in a later one; a snapshot's segments are those live in it.
//   - M4: a series' id is never used again, its name is unique among the series
//     that exist, and its type, period and block length never change.
//   - M5: what is read is what was written, or an error that wraps columnar.ErrCorrupt.
//     The records of edits are a chain.
package meta
