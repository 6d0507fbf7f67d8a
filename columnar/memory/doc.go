// Package memory shares out the memory of a server: it counts what every part of it
// holds, lets a part wait for room or refuses it, and keeps all of them together
// below one limit.
//
// # Vocabulary
//
// A [Budget] is the bytes that may be held; a [Part] is a user of it that has a name:
// ingest, head, flush, compaction, queries, caches. A [Hold] is what one user of a
// part holds, such as a stream or a flush. An [Allocator] makes Arrow take its buffers
// from a Hold.
//
// Each part has a least and a most. Its least is its own whether it uses it or not, so
// that what frees memory, such as a flush, can go on while everything else is full.
// What no least claims is for whoever comes first, up to his most.
//
// # Invariants
//
//   - B1: what is reserved, in all parts together, never exceeds the limit. What was
//     charged, because the memory was there already, may; nothing is then reserved
//     beyond the leasts until it has been given back.
//   - B2: a part can always reserve up to its least.
//   - B3: reservations of one part that wait are served in the order in which they came.
//     None waits that could never be served, and whoever waits holds nothing of what he
//     waits for.
//   - B4: a Hold that was closed holds nothing.
package memory
