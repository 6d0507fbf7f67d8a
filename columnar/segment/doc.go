// Package segment reads and writes segment files: immutable runs of blocks of
// many series, with an index per series that holds every block's summaries.
//
// A segment knows no place: it is written to an io.Writer and read through an
// io.ReaderAt, so a local file, an object in a bucket and a byte slice are alike.
//
// # Vocabulary
//
// The blocks of a series lie one behind the other, in order of time; an entry is
// one of them, counted from 0. A node is a run of entries that has summaries of its
// own: node i of level k stands for the entries [i·64^k, (i+1)·64^k), as far as
// there are so many. Level 0 is the entries, and the last level has one node.
//
//	level 2                        0
//	                  ┌────────────┴───────────┐
//	level 1           0                        1
//	            ┌─────┼─────┐            ┌─────┼─────┐
//	level 0     0     …     63           64    …     87
//	            ┊           ┊            ┊           ┊
//	blocks      ▤▤▤▤▤▤▤▤▤▤▤▤▤            ▤▤▤▤▤▤▤▤▤▤▤▤▤
//
// # Invariants
//
//   - S1: a block's bytes are never read to answer what its summary answers.
//   - S2: every byte of a segment is covered by exactly one checksum.
//   - S3: a series' index is one read, a run of its blocks is one read, and so is
//     the footer unless it is long.
//   - S4: merging nodes gives the bits that merging their entries gives.
//   - S5: no size in the file is believed before it is known to fit what it
//     describes. A series has no more blocks than its bytes have room for, and no
//     column more values than the series has blocks.
//   - S6: equal content has equal bytes.
//   - S7: a block is taken for the one of this segment, series and number, or for damage:
//     series and number are under its checksum, that is in the index, that of the index
//     in the footer, and footer and trailer are what the digest is made of. Other content
//     has another digest. Segments of releases without it have no digest, and their blocks
//     are known by series and number only.
//
// # Format
//
// A segment is, in this order:
//
//	offset  bytes  content
//	0       8      0x89 "trellis"
//	8       4      version of blocks and indexes, 1, 2, 5 or 6
//	12      4      CRC32C of the 12 bytes before
//	16      …      blocks, by series id and number; see columnar/encode.go
//	…       …      indexes, by series id
//	…       …      footer
//	end-24  8      bytes of footer
//	end-16  4      version, 1 to 8: as in the header; 2 more where the footer has grids
//	end-12  8      "trellis" 0x89
//	end-4   4      CRC32C of the 20 bytes before
//
// A version is 1, and 1 more where indexes have the versions of their blocks, 2 more, in
// the trailer only, where the footer has grids, and 4 more where indexes and footer have
// checksums of what they list, which is what a Writer writes. The digest is the first 8
// bytes of the SHA-256 of footer and trailer, as a little-endian number, 1 where that is
// 0; of versions below 5 there is none.
//
// Numbers of fixed width are little-endian. Elsewhere u is an unsigned varint, z a
// zigzag varint, and a column is u its length in bytes, then the bytes that package
// codec writes for as many values as the context says. Blocks, indexes and the
// footer end with the CRC32C of their bytes before it, in 4 bytes.
//
// The footer is u number of series, then a column of integers for each of: id,
// type, sample period, block length, interpolation, blocks, samples, first block,
// last block, bytes of blocks, bytes of index. Where blocks and indexes begin
// follows, as they leave no room between them.
//
// Where any series has a phase or a calendar period, whose sample period is 0, grids
// follow in the footer: u number of zones, for each u its length and the bytes of its
// name, then columns of integers for each of: phase, months and days of the period, and
// zone of the calendar, counted from 1, 0 for a fixed period.
//
// With checksums the footer ends with the CRC32C that every index ends with, 4 bytes each.
//
// An index is:
//
//	z        series id
//	u        blocks
//	u        runs of consecutive blocks
//	z        number of the first block
//	column   with several runs: length of every run but the last, less 1
//	column   with several runs: blocks missing behind them, less 1
//	column   bytes of every block
//	levels   level 0, level 1, … up to the one with one node
//	column   with versions: version of every block, 0 for that of the segment
//	4 each   with checksums: the CRC32C that every block ends with
//
// A level is four classes: good, uncertain and bad samples, and usable ones, which
// are good and uncertain together, of nodes that have both. A class is u a mask and
// the columns whose bit is set in it:
//
//	bit    column              over               where the bit is not set
//	0      (none)                                 no node has samples of the class
//	1      nodes with samples  nodes, bits        all have
//	2      samples lacking     nodes with samples all 0: every slot has a sample
//	3      voids               nodes with samples all 0: every sample has a value
//	4      nodes with values   nodes, bits        nodes with samples
//	5-9    sum, squares, resets, steps, lines     all 0
//	10-13  min, max, first, last                  texts, and class usable
//	14-18  slots of min, of max, of first and of last, transitions: all 0
//
// Bits 5 and up are columns over the nodes with values. The slots of min, max and
// first are counted from the node's first slot, that of last back from the node's
// last. Steps is written less what it is of values without a gap, sum − last, and
// lines less sum − first/2 − last/2, so that both are mostly zeros. Of class usable
// there are only resets, steps, lines and transitions; the rest follows from good
// and uncertain.
//
// A column of exact sums is not one column but several. Sums are written as their
// canonical terms (package kernel, Exact.Terms):
//
//	u         bits 1-0 how term 1 of every sum is written, bits 3-2 term 2,
//	          bits 5-4 term 3, bit 6 some sums have more than three
//	          0: all are 0; 1: as floats; 2: as integers times a power of 2
//	per term  1: column of floats; 2: z the exponent of 2, column of integers
//	          with bit 6: u sums that have more, u terms that those have more,
//	          column which sums, column how many terms each, column of floats
package segment
