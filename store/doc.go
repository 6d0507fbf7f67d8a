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
// # The way of an edit
//
//	Edit ─▶ stage (memory, spilled to local disk) ─▶ blocks as they are + what the edit does ─▶ segments ─▶ commit with the record
//
// An edit does not go through the log and the head: what it is given waits in a
// stage that nobody reads. Its commit makes a new version of every block that it
// touches, in a new segment; where it replaces or deletes a sample, the block as it
// was goes into a second one, a history segment, which is live in no snapshot. Both
// and the record of the edit become real in one commit of the catalog. What is in
// the head of a block that is edited is flushed first, so that an edit is on top of
// what was written before it and below what is written after it.
//
// # Versions
//
// The version of a block is the snapshot that last changed it. Segments of a flush
// or an edit have one version, their own snapshot. Compaction and purging copy
// blocks with their versions, so that who reads history, or looks for changes, can
// tell whether two copies are one version.
//
// # Who may change the set of segments
//
// A flush, an edit's commit, a compaction's commit and a purge hold the token while
// they do. Each is one commit of the catalog; where its answer is lost, the catalog
// is asked whether it happened. Compaction reads and writes without the token: what
// is committed meanwhile is newer than what it makes, and where one of its inputs
// is gone when it is done, it gives its outcome up.
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
//   - R5: an edit is visible and on the trail, or neither. The samples that it took
//     away stay readable, whatever becomes of the snapshots, until a purge or their
//     retention.
//   - R6: an object is deleted only after the catalog has stopped referring to it,
//     the time of grace has passed since, this writer still has the lease, the catalog
//     still does not refer to it, and nobody in this process reads it.
//   - R7: what was purged is never missing silently: an earlier snapshot that had it
//     answers with an error.
//   - R8: after a change of which it is not known whether it happened, nothing is written
//     before the newest set has been read from the catalog; and a segment that a commit
//     may have named is never deleted but by the garbage collector, which asks there.
//   - R9: a segment is read only where its footer is the one that the catalog knows, by
//     digest, size and counts; and of a series only where both say the same of its type and
//     its grid.
package store
