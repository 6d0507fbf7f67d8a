package segment

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/trellisdb/trellis/columnar"
)

// tailLen is the number of bytes that Open reads at once, in the hope that the
// footer is among them.
const tailLen = 64 << 10

// Options are the options of Open.
type Options struct {
	Name string // of the segment, for errors
}

// Reader reads a segment. It holds the footer only: indexes and blocks are read
// when they are asked for, and not kept. It is safe for concurrent use where its
// io.ReaderAt is.
//
// Errors that wrap columnar.ErrCorrupt say that bytes are damaged, others come
// from the io.ReaderAt; all name the segment.
type Reader struct {
	src    io.ReaderAt
	name   string
	size   int64
	format format
	series []SeriesInfo
	info   Info
}

// Open reads the footer of the segment of size bytes in src: one read, two where
// the footer is longer than 64 KiB.
func Open(src io.ReaderAt, size int64, o Options) (*Reader, error) {
	r := &Reader{src: src, name: o.Name, size: size}
	if err := r.open(); err != nil {
		return nil, r.wrap(err)
	}
	return r, nil
}

func (r *Reader) open() error {
	if r.size < headerLen+trailerLen {
		return fmt.Errorf("%w: %d bytes", columnar.ErrCorrupt, r.size)
	}
	n := min(r.size, tailLen)
	tail, err := r.read(r.size-n, n, nil)
	if err != nil {
		return err
	}
	length, f, err := decodeTrailer(tail[n-trailerLen:])
	if err != nil {
		return err
	}
	if n == r.size {
		if err := checkHeader(tail[:headerLen], f); err != nil {
			return err
		}
	}
	if length > uint64(r.size-headerLen-trailerLen) {
		return fmt.Errorf("%w: footer of %d bytes", columnar.ErrCorrupt, length)
	}
	start := r.size - trailerLen - int64(length)
	footer := tail[:n-trailerLen]
	if int64(length) <= int64(len(footer)) {
		footer = footer[int64(len(footer))-int64(length):]
	} else if footer, err = r.read(start, int64(length), nil); err != nil {
		return err
	}
	if r.series, err = decodeFooter(footer, start, f, nil); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	r.format = f
	r.sumUp()
	r.info.Digest = digest(footer, tail[n-trailerLen:], f)
	return nil
}

// wrap names the segment.
func (r *Reader) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("segment %s: %w", r.name, err)
}

// read reads n bytes at offset into buf, where that is large enough.
func (r *Reader) read(offset, n int64, buf []byte) ([]byte, error) {
	if int64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	switch got, err := r.src.ReadAt(buf, offset); {
	case int64(got) == n:
		return buf, nil
	case errors.Is(err, io.EOF) || err == nil:
		return nil, fmt.Errorf("%w: %d bytes at %d, not %d", columnar.ErrCorrupt, got, offset, n)
	default:
		return nil, err
	}
}

// sumUp finds out what the segment holds, from its footer.
func (r *Reader) sumUp() {
	i := &r.info
	i.Size, i.Series = r.size, len(r.series)
	for k := range r.series {
		s := &r.series[k]
		from, to := s.From(), s.To()
		if k == 0 {
			i.From, i.To = from, to
		}
		i.From, i.To = min(i.From, from), max(i.To, to)
		i.Blocks += int64(s.Blocks)
		i.Samples += s.Samples
	}
}

// Info returns what the footer says that the segment holds. That it holds it is known
// when every block was read.
func (r *Reader) Info() Info { return r.info }

// Version returns the version of the segment's format.
func (r *Reader) Version() int { return int(r.format.version()) }

// Name returns the segment's name.
func (r *Reader) Name() string { return r.name }

// Size returns the segment's length in bytes.
func (r *Reader) Size() int64 { return r.size }

// On returns a reader of the same segment that reads from src, such as one that
// ends with a query's context.
func (r *Reader) On(src io.ReaderAt) *Reader {
	other := *r
	other.src = src
	return &other
}

// Series returns what the segment holds, by id. It is shared and must not be
// changed.
func (r *Reader) Series() []SeriesInfo { return r.series }

// Find returns what the segment holds of a series.
func (r *Reader) Find(series int64) (*SeriesInfo, bool) {
	i, ok := slices.BinarySearchFunc(r.series, series, func(s SeriesInfo, id int64) int {
		switch {
		case s.ID < id:
			return -1
		case s.ID > id:
			return 1
		}
		return 0
	})
	if !ok {
		return nil, false
	}
	return &r.series[i], true
}

// Index reads the index of a series, in one read; nil where the segment has no
// block of it.
func (r *Reader) Index(series int64) (*Index, error) {
	s, ok := r.Find(series)
	if !ok {
		return nil, nil
	}
	x, err := r.index(s)
	return x, r.wrap(err)
}

// DecodeIndex decodes the index of a series that the segment has, from the bytes
// at its IndexRange.
func (r *Reader) DecodeIndex(series int64, src []byte) (*Index, error) {
	s, ok := r.Find(series)
	if !ok {
		return nil, r.wrap(fmt.Errorf("no series %d", series))
	}
	x, err := decodeIndex(src, s, nil)
	return x, r.wrap(err)
}

// index is Index of a series that is there.
func (r *Reader) index(s *SeriesInfo) (*Index, error) {
	src, err := r.read(s.indexOffset, s.indexLength, nil)
	if err != nil {
		return nil, fmt.Errorf("series %d: index: %w", s.ID, err)
	}
	return decodeIndex(src, s, nil)
}

// Run is the encoded blocks of neighbouring entries of an index, as they were
// read.
type Run struct {
	name     string
	index    *Index
	from, to int
	src      []byte
}

// ReadRun reads the blocks of entries [from, to) of an index of this segment, in
// one read, into buf where that is large enough. It does not look at them.
func (r *Reader) ReadRun(x *Index, from, to int, buf []byte) (Run, error) {
	src, err := r.read(x.offset(from), x.offset(to)-x.offset(from), buf)
	if err != nil {
		return Run{}, r.wrap(fmt.Errorf("series %d: blocks %d to %d: %w", x.series.ID, x.Block(from), x.Block(to-1), err))
	}
	return Run{name: r.name, index: x, from: from, to: to, src: src}, nil
}

// ReadBlock reads and decodes the parts of the block of entry i into b; see
// columnar.BlockDecoder.
func (r *Reader) ReadBlock(x *Index, i int, b *columnar.Block, parts columnar.Parts) error {
	run, err := r.ReadRun(x, i, i+1, nil)
	if err != nil {
		return err
	}
	return r.wrap(run.decode(columnar.NewBlockDecoder(), i, b, parts))
}

// Bytes returns the memory of the run, to be used for another one.
func (r *Run) Bytes() []byte { return r.src }

// Block returns the bytes of the block of entry i, which lies in the run.
func (r *Run) Block(i int) []byte {
	base := r.index.offset(r.from)
	from, to := r.index.offset(i)-base, r.index.ends[i]-base
	return r.src[from:to:to]
}

// Check verifies the checksum of the block of entry i, which lies in the run. An error
// names the segment and the block.
func (r *Run) Check(i int) error {
	if _, err := r.index.scan(i, r.Block(i)); err != nil {
		return fmt.Errorf("segment %s: %w", r.name, err)
	}
	return nil
}

// Decode verifies and decodes the parts of the block of entry i, which lies in the
// run, into b. An error names the segment and the block.
func (r *Run) Decode(d *columnar.BlockDecoder, i int, b *columnar.Block, parts columnar.Parts) error {
	if err := r.decode(d, i, b, parts); err != nil {
		return fmt.Errorf("segment %s: %w", r.name, err)
	}
	return nil
}

func (r *Run) decode(d *columnar.BlockDecoder, i int, b *columnar.Block, parts columnar.Parts) error {
	src := r.Block(i)
	if err := d.Decode(b, src, r.index.series, r.index.Block(i), parts); err != nil {
		return err
	}
	return r.index.checkSum(i, src)
}
