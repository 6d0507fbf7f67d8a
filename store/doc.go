// Package store keeps samples: it takes them in, makes them durable, and answers
// a [columnar.Selection] with a stream of samples or of summaries.
//
// # The way of a sample
//
//	Append ─▶ log (durable) ─▶ head (visible) ─▶ flush ─▶ segment in the bucket ─▶ commit in the catalog ─▶ log trimmed
//
// The head holds what no segment has yet: for every block the samples in the
// order in which they were written, or the encoded form of a block that came
// whole. A flush freezes the head, and writing goes on into a new one; so a
// block may be in three layers, the head, the frozen head and the segments, and
// what an upper layer has was written later. A block of the head that does not
// have all its slots rests on its base, the same block in the layers below; the
// two are merged when the block is read or flushed, and not before.
//
// # Invariants
//
//   - R1: what Append acknowledged is there after any crash: in the log from
//     before it was visible, and trimmed from it only when a commit has put it into
//     segments.
//   - R2: of the segments that have a block, the one of the highest version has
//     the whole of it. Reading never merges samples of two segments.
//   - R3: a query sees one state of the database: the segments of one snapshot and
//     the head as it was when the query began. What it sees is never changed.
//   - R4: after [meta.ErrConflict] nothing is written any more.
//   - R5: after a change of which it is not known whether it happened, nothing is written
//     before the newest set has been read from the catalog; and a segment that a commit
//     may have named is never deleted but by the garbage collector, which asks there.
package store
