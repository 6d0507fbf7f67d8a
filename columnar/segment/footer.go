package segment

import (
	"fmt"

	"github.com/trellisdb/trellis/columnar"
)

// SeriesInfo is what a segment's footer says of a series.
type SeriesInfo struct {
	columnar.Series
	Blocks                int   // blocks in the segment, at least 1
	Samples               int64 // samples in them, of any quality
	FirstBlock, LastBlock int64 // numbers of the first and the last one

	offset, length           int64  // of the blocks
	indexOffset, indexLength int64  // of the index
	indexSum                 uint32 // its checksum, where the format has it
	format                   format // of the segment
}

// From returns the instant at which the first block begins.
func (s *SeriesInfo) From() int64 { return s.Grid.BlockTime(s.FirstBlock) }

// To returns the instant at which the last block ends.
func (s *SeriesInfo) To() int64 { return s.Grid.BlockTime(s.LastBlock + 1) }

// IndexRange returns where the bytes of the series' index are in the segment, for
// those who read several indexes at once.
func (s *SeriesInfo) IndexRange() (offset, length int64) { return s.indexOffset, s.indexLength }

// footer is the directory of a segment: its series by id.
type footer struct{ series []SeriesInfo }

func (f *footer) add(s SeriesInfo) { f.series = append(f.series, s) }

// footerColumn is a column of the footer: a property of every series.
type footerColumn struct {
	name string
	get  func(s *SeriesInfo) int64
	set  func(s *SeriesInfo, v int64)
}

var footerColumns = []footerColumn{
	{"id", func(s *SeriesInfo) int64 { return s.ID }, func(s *SeriesInfo, v int64) { s.ID = v }},
	{"type", func(s *SeriesInfo) int64 { return int64(s.Type) }, func(s *SeriesInfo, v int64) { s.Type = columnar.Type(clampByte(v)) }},
	{"period", func(s *SeriesInfo) int64 { return s.Grid.Period }, func(s *SeriesInfo, v int64) { s.Grid.Period = v }},
	{"block length", func(s *SeriesInfo) int64 { return s.Grid.BlockLen }, func(s *SeriesInfo, v int64) { s.Grid.BlockLen = v }},
	{
		"interpolation", func(s *SeriesInfo) int64 { return int64(s.Interpolation) },
		func(s *SeriesInfo, v int64) { s.Interpolation = columnar.Interpolation(clampByte(v)) },
	},
	{"blocks", func(s *SeriesInfo) int64 { return int64(s.Blocks) }, func(s *SeriesInfo, v int64) { s.Blocks = int(v) }},
	{"samples", func(s *SeriesInfo) int64 { return s.Samples }, func(s *SeriesInfo, v int64) { s.Samples = v }},
	{"first block", func(s *SeriesInfo) int64 { return s.FirstBlock }, func(s *SeriesInfo, v int64) { s.FirstBlock = v }},
	{"last block", func(s *SeriesInfo) int64 { return s.LastBlock }, func(s *SeriesInfo, v int64) { s.LastBlock = v }},
	{"bytes of blocks", func(s *SeriesInfo) int64 { return s.length }, func(s *SeriesInfo, v int64) { s.length = v }},
	{"bytes of index", func(s *SeriesInfo) int64 { return s.indexLength }, func(s *SeriesInfo, v int64) { s.indexLength = v }},
}

// clampByte makes what is not a byte the byte 255, which means nothing anywhere.
func clampByte(v int64) uint8 {
	if v < 0 || v > 255 {
		return 255
	}
	return uint8(v)
}

// append appends the footer with its checksum.
func (f *footer) append(dst []byte, form format) ([]byte, error) {
	start := len(dst)
	a := appender{dst: dst}
	a.uvarint(uint64(len(f.series)))
	values := make([]int64, len(f.series))
	for _, column := range footerColumns {
		for i := range f.series {
			values[i] = column.get(&f.series[i])
		}
		a.ints(values)
	}
	if form.has(withGrids) {
		f.appendGrids(&a)
	}
	if form.has(withSums) {
		sums := make([]uint32, len(f.series))
		for i := range f.series {
			sums[i] = f.series[i].indexSum
		}
		a.checksums(sums)
	}
	if a.err != nil {
		return dst, fmt.Errorf("footer: %w", a.err)
	}
	return seal(a.dst, start), nil
}

// minIndexLen is less than the length of any index.
const minIndexLen = 8

// decodeFooter decodes the footer of a segment whose blocks and indexes take
// [headerLen, end) and which has a format. Where visit is set it is told of every field.
func decodeFooter(src []byte, end int64, form format, visit visitor) ([]SeriesInfo, error) {
	body, err := unseal(src)
	if err != nil {
		return nil, err
	}
	c := cursor{src: body, visit: visit}
	room := max(end-headerLen, 0)
	n := c.count("series", int(min(room/(columnar.MinEncodedBlock+minIndexLen), maxEntries)))
	if c.err != nil {
		return nil, c.err
	}
	series := make([]SeriesInfo, n)
	for _, column := range footerColumns {
		for i, v := range c.ints(column.name, n) {
			column.set(&series[i], v)
		}
	}
	if c.err == nil && form.has(withGrids) {
		decodeGrids(&c, series)
	}
	if c.err == nil && form.has(withSums) {
		for i, sum := range c.checksums("checksums of indexes", n) {
			series[i].indexSum = sum
		}
	}
	if err := c.end(); err != nil {
		return nil, err
	}
	offset := int64(headerLen)
	for i := range series {
		s := &series[i]
		if i > 0 && s.ID <= series[i-1].ID || s.ID < 1 {
			return nil, fmt.Errorf("%w: series %d does not come in order", columnar.ErrCorrupt, s.ID)
		}
		if err := s.check(end - offset); err != nil {
			return nil, fmt.Errorf("%w: series %d: %w", columnar.ErrCorrupt, s.ID, err)
		}
		s.offset, s.format = offset, form
		offset += s.length
	}
	for i := range series {
		s := &series[i]
		if s.indexLength < minIndexLen || s.indexLength > end-offset {
			return nil, fmt.Errorf("%w: series %d: index of %d bytes", columnar.ErrCorrupt, s.ID, s.indexLength)
		}
		s.indexOffset = offset
		offset += s.indexLength
	}
	if offset != end {
		return nil, fmt.Errorf("%w: %d bytes that belong to no series", columnar.ErrCorrupt, end-offset)
	}
	return series, nil
}

// check reports what cannot be of a series in a segment that has room for so many
// bytes of blocks.
func (s *SeriesInfo) check(room int64) error {
	if err := checkSeries(s.Series); err != nil {
		return err
	}
	if s.length < 0 || s.length > room || s.Blocks < 1 || int64(s.Blocks) > s.length/columnar.MinEncodedBlock || s.Blocks > maxEntries {
		return fmt.Errorf("%d blocks in %d bytes", s.Blocks, s.length)
	}
	low, high := blockRange(s.Grid)
	if s.FirstBlock < low || s.LastBlock > high || s.LastBlock-s.FirstBlock < int64(s.Blocks)-1 {
		return fmt.Errorf("%d blocks from %d to %d", s.Blocks, s.FirstBlock, s.LastBlock)
	}
	return nil
}
