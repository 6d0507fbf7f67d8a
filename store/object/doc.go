// Package object is the contract of a bucket: a flat set of named, immutable
// runs of bytes, which is all that the store asks of the place where segments
// lie. It holds two buckets, [Dir] and [Memory]; others are packages of their
// own. Package objecttest has the acceptance suite that each of them passes.
//
// # Invariants
//
//   - O1: an object appears whole or not at all. A Put that returned nil has made
//     it durable; after any other end, a crash included, it either is there whole
//     or is not there.
//   - O2: an object that was put with [IfAbsent] is never replaced by another
//     IfAbsent put, however many race for the key.
//   - O3: what was put is listed, opened and found at once.
package object
