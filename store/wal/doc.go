// Package wal is the write-ahead log: what was appended to it is there after any
// crash, until it is trimmed.
//
// # Words
//
// A record is what one Append wrote; package store puts [Entry] values in it. A
// frame is a record with its header. A position is the number of bytes of frames
// that were ever written before a point; the log's files are named by the
// position at which they begin. A group is the frames that one sync made durable.
//
// # Files
//
// A file is a header and frames, all numbers little-endian:
//
//	offset  bytes  file header
//	0       8      "TRELWAL1"
//	8       8      position of the first frame; the file's name in hexadecimal
//	16      4      CRC32C of the bytes before
//
//	offset  bytes  frame
//	0       4      length of the record, 1 to MaxRecord
//	4       4      CRC32C of the record, then of the bytes from 8 to 24
//	8       8      position of the frame
//	16      8      position that was durable when the frame was written
//	24      …      the record
//
// # Invariants
//
//   - W1: when Append returns nil the record is durable. Records are durable,
//     applied and replayed in one and the same order, that of their positions.
//   - W2: a file is complete and durable before the next one is made. So only the
//     last file can end in a torn group, which was never acknowledged and is cut
//     off; damage anywhere else is [columnar.ErrCorrupt].
//   - W3: damage in the last file is a torn group only if no frame behind it was
//     written when the damaged bytes were durable already.
//   - W4: after a failed write or sync the file is cut back to the last good frame
//     and never written to again: what a disk does with pages whose sync failed is
//     not known.
//   - W5: one process at a time has the log open.
package wal
