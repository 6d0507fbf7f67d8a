package segment

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
)

// Info says what a finished segment holds.
type Info struct {
	Size     int64  // bytes
	Series   int    // series with a block
	Blocks   int64  // blocks
	Samples  int64  // samples of any quality
	From, To int64  // instants: the slots of all blocks lie in [From, To)
	Checksum uint32 // CRC32C of all bytes; of a Reader 0
	// Digest is another one for any other content: a hash of checksums of all that the
	// segment holds. 0: a release that had none wrote it.
	Digest uint64
}

// Writer writes one segment, front to back. Blocks come sorted by series id, then
// by number. It writes in pieces of one block, and keeps the index of every series
// in memory until Finish.
//
// After an error the writer is of no more use, nor is what it has written. It is
// not safe for concurrent use.
type Writer struct {
	out     io.Writer
	info    Info
	builder *indexBuilder // of the current series; nil before the first
	area    int64         // where the blocks of the current series begin
	last    int64         // number of the last block of the current series
	scratch []byte
	indexes []byte
	footer  footer
	format  format
	err     error
}

// NewWriter returns a writer to out. Its blocks have the version of the segment.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out, format: withSums} }

// NewVersionWriter returns a writer to out whose blocks have versions of their own
// (AddVersion), because the segment brings blocks of different ages together.
func NewVersionWriter(out io.Writer) *Writer {
	return &Writer{out: out, format: withSums | withVersions}
}

// Add encodes and summarizes block b of series s. Values are encoded by c; see
// columnar.AppendBlock.
func (w *Writer) Add(s columnar.Series, b *columnar.Block, c codec.Codec) error {
	if w.err != nil {
		return w.err
	}
	if w.scratch, w.err = columnar.AppendBlock(w.scratch[:0], b, c, s); w.err != nil {
		return w.err
	}
	sums := columnar.SummarizeAll(b)
	return w.add(s, s.Grid.Block(b.First), 0, w.scratch, &sums)
}

// AddEncoded adds block number of series s in its encoded form, with its
// summaries: a block of another segment, or one that was encoded elsewhere by
// columnar.AppendBlock. An error wraps columnar.ErrCorrupt where the bytes are
// damaged or not of this block.
func (w *Writer) AddEncoded(s columnar.Series, number int64, src []byte, sums *columnar.Summaries) error {
	return w.AddVersion(s, number, 0, src, sums)
}

// AddVersion is AddEncoded of a block that was last changed by that snapshot; 0
// stands for the version of the segment. Only a writer of NewVersionWriter keeps
// others.
func (w *Writer) AddVersion(s columnar.Series, number, version int64, src []byte, sums *columnar.Summaries) error {
	if w.err != nil {
		return w.err
	}
	if version < 0 || version > 0 && !w.format.has(withVersions) {
		w.err = fmt.Errorf("series %d: block %d: version %d in a segment of format %d", s.ID, number, version, w.format.version())
		return w.err
	}
	if _, w.err = columnar.ScanBlock(src, s.ID, number); w.err != nil {
		return w.err
	}
	return w.add(s, number, version, src, sums)
}

// Size returns the number of bytes written so far, those of indexes that Finish
// will write left out.
func (w *Writer) Size() int64 { return w.info.Size }

// Memory returns about how many bytes of indexes the writer holds.
func (w *Writer) Memory() int64 { return int64(cap(w.indexes)) + int64(cap(w.scratch)) }

// add writes the bytes of a block and takes it into the index.
func (w *Writer) add(s columnar.Series, number, version int64, src []byte, sums *columnar.Summaries) error {
	if w.err = w.place(s, number); w.err != nil {
		return w.err
	}
	if w.err = w.write(src); w.err != nil {
		return w.err
	}
	w.last = number
	w.builder.add(number, version, w.info.Size, storedSum(src), sums)
	from, to := s.Grid.BlockTime(number), s.Grid.BlockTime(number+1)
	if w.info.Blocks == 0 {
		w.info.From, w.info.To = from, to
	}
	w.info.Blocks++
	w.info.From, w.info.To = min(w.info.From, from), max(w.info.To, to)
	counts := sums.Counts()
	w.info.Samples += counts.Total()
	return nil
}

// place checks that a block may come next and begins its series where it is the
// first one.
func (w *Writer) place(s columnar.Series, number int64) error {
	if w.info.Size == 0 {
		if err := w.write(appendHeader(nil, w.format)); err != nil {
			return err
		}
	}
	if w.builder != nil && s.ID == w.builder.index.series.ID {
		switch {
		case s.Type != w.builder.index.series.Type || s.Grid != w.builder.index.series.Grid: // the interpolation may change
			return fmt.Errorf("series %d: block %d: the series is not what it was before: %+v", s.ID, number, s)
		case number <= w.last:
			return fmt.Errorf("series %d: block %d after block %d", s.ID, number, w.last)
		case w.builder.index.Len() == maxEntries:
			return fmt.Errorf("series %d: block %d: more than %d blocks", s.ID, number, maxEntries)
		}
	} else {
		if w.builder != nil && s.ID < w.builder.index.series.ID || s.ID < 1 {
			return fmt.Errorf("series %d: block %d: the series does not come in order", s.ID, number)
		}
		if err := checkSeries(s); err != nil {
			return fmt.Errorf("series %d: %w", s.ID, err)
		}
		if err := w.endSeries(); err != nil {
			return err
		}
		w.builder, w.area = newIndexBuilder(s, w.info.Size), w.info.Size
	}
	if low, high := blockRange(s.Grid); number < low || number > high {
		return fmt.Errorf("series %d: block %d is outside of time", s.ID, number)
	}
	return nil
}

// checkSeries reports a series that no segment can hold.
func checkSeries(s columnar.Series) error {
	if !s.Type.Valid() || s.Interpolation > columnar.Step {
		return fmt.Errorf("type %d, interpolation %d", s.Type, s.Interpolation)
	}
	return s.Grid.Validate()
}

// endSeries encodes the index of the current series.
func (w *Writer) endSeries() error {
	if w.builder == nil {
		return nil
	}
	x := w.builder.build()
	start := len(w.indexes)
	var err error
	if w.indexes, err = appendIndex(w.indexes, x, w.format); err != nil {
		return err
	}
	samples := int64(0)
	for i := range x.Len() {
		counts := x.Entry(i).Samples
		samples += counts.Total()
	}
	w.footer.add(SeriesInfo{
		Series: x.series, Blocks: x.Len(), Samples: samples, FirstBlock: x.Block(0), LastBlock: w.last,
		length: w.info.Size - w.area, indexLength: int64(len(w.indexes) - start), indexSum: storedSum(w.indexes),
	})
	w.info.Series++
	return nil
}

// Finish writes the indexes and the footer and says what the segment holds. It
// does not close the io.Writer. A segment without a block is an error.
func (w *Writer) Finish() (Info, error) {
	if w.err != nil {
		return Info{}, w.err
	}
	if w.builder == nil {
		w.err = errors.New("segment without a block")
		return Info{}, w.err
	}
	if w.err = w.endSeries(); w.err != nil {
		return Info{}, w.err
	}
	if w.err = w.write(w.indexes); w.err != nil {
		return Info{}, w.err
	}
	f := w.format
	if w.footer.hasGrids() {
		f |= withGrids
	}
	var tail []byte
	if tail, w.err = w.footer.append(nil, f); w.err != nil {
		return Info{}, w.err
	}
	trailer := appendTrailer(nil, len(tail), f)
	w.info.Digest = digest(tail, trailer, f)
	if w.err = w.write(append(tail, trailer...)); w.err != nil {
		return Info{}, w.err
	}
	w.err = errors.New("segment is finished")
	return w.info, nil
}

// write writes src and counts it.
func (w *Writer) write(src []byte) error {
	if _, err := w.out.Write(src); err != nil {
		return fmt.Errorf("segment: at %d: %w", w.info.Size, err)
	}
	w.info.Checksum = crc32.Update(w.info.Checksum, castagnoli, src)
	w.info.Size += int64(len(src))
	return nil
}
