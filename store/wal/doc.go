// Package wal is the write-ahead log: what was appended to it is there after any
// crash, until it is trimmed.
//
// # Words
//
// A record is what one Append wrote; package store puts [Entry] values in it. A
// frame is a record with its header. A position is the number of bytes of frames
// that were ever written before a point; the log's files are named by the
// position at which they begin. A group is the frames that one sync made durable. The
// sum of a log at a position is the CRC32C of the headers of all frames before it,
// going on from the CRC32C of the log's id; each header has the checksum of its
// record, so a sum stands for all that was written before. The marker is the file MARK.
// It says up to which position records were acknowledged, and the sum there.
//
// # Files
//
// A file is a header and frames, all numbers little-endian:
//
//	offset  bytes  file header
//	0       8      "TRELWAL2"
//	8       8      position of the first frame; the file's name in hexadecimal
//	16      4      sum of the log at that position
//	20      4      CRC32C of the bytes before
//
//	offset  bytes  frame
//	0       4      length of the record, 1 to MaxRecord
//	4       4      CRC32C of the record, then of the bytes from 8 to 24
//	8       8      position of the frame
//	16      8      position that was durable when the frame was written
//	24      …      the record
//
// Files of earlier releases begin with "TRELWAL1" and have no sum; the next one's goes
// on from 0 at their beginning. They are read, and never gone on with.
//
// The marker has places at 0 and 4096, and in each place a mark twice, in sectors of
// their own. A mark goes to the place that does not hold the newest one that was synced:
// a write that the power cuts leaves that one whole. A sector that is damaged leaves its
// twin. The newest whole copy counts.
// The file ends at 8192, and is 0 where nothing else is said:
//
//	offset  bytes  mark
//	0       8      "TRELMRK1"
//	8       8      sequence: 1 more with every mark
//	16      8      position up to which records were acknowledged
//	24      4      sum of the log at that position
//	28      4      length of the log's id
//	32      …      the id, as in the file ID
//	508     4      CRC32C of the bytes before
//
// # What can be told
//
// A mark is written after a group is synced and before it is acknowledged, and is
// synced itself 100 ms later at most, before a file is followed by another, and by
// Close. A second sync for each group would make small writes take two to three times
// as long (BenchmarkAppend); Options.MarkDelay asks for it. So
//
//   - after a killed process the marker is exact: what is missing or damaged before it
//     was acknowledged, and the log is not opened; what stands behind it was not, and is
//     taken in where it is whole, else cut off, and said.
//
//   - after a power cut it may be behind by what was acknowledged in the last 100 ms.
//     That is on the disk, whole, and taken in. Only if just that is damaged as well,
//     besides the power cut, it is taken for a torn group, cut off, and said, unless a
//     later frame proves that it was durable (W3).
//
//     what happened to the files                 what is done
//     a bit flipped, a file cut, missing,        not opened; file, offset, and what is
//     renamed, exchanged, another log's          missing are named
//     a group cut off by a crash                 it was not acknowledged: it is cut off
//     a copy of the mark is damaged              its twin says the same; both are written anew
//     both copies of the newest mark are         the last one that was synced in the other
//     place counts: what came after it, 100 ms, or
//     the last group, is as after a power cut
//     all four are, or the marker is missing     not opened
//     an older copy of the marker is put back    as after a power cut, from that mark on
//     a disk that forgets what it has synced     not opened where the log is then behind marker
//     or catalog
//
// A log of an earlier release has no marker and gets one. Until then a damaged
// end is a torn one unless a later frame, or the catalog, says that it was durable.
//
// # Invariants
//
//   - W1: when Append returns nil the record is durable. Records are durable,
//     applied and replayed in one and the same order, that of their positions.
//   - W2: a file is complete and durable before the next one is made. So only the
//     last file can end in a torn group.
//   - W3: damage in the last file is a torn group only if it stands behind the marker,
//     and no frame behind it was written when the damaged bytes were durable already.
//   - W4: after a failed write or sync the file is cut back to the last good frame
//     and never written to again: what a disk does with pages whose sync failed is
//     not known.
//   - W5: one process at a time has the log open.
//   - W6: a record is acknowledged when a mark behind it was written. The marker is never
//     ahead of what is durable in the files, and where there is a file with a sum there
//     is a marker.
package wal
