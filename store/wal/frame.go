package wal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/trellisdb/trellis/columnar"
)

const (
	magic1      = "TRELWAL1" // of files that earlier releases wrote
	magic2      = "TRELWAL2"
	headerLen1  = 20
	headerLen2  = 24
	frameLen    = 24
	extension   = ".wal"
	nameDigits  = 16
	readBuffer  = 1 << 20
	frameSealed = 8 // offset of the part of a frame's header that the checksum covers
)

// MaxRecord is the largest record in bytes: 1 GiB.
const MaxRecord = 1 << 30

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// fileName returns the name of the file that begins at a position.
func fileName(position uint64) string { return fmt.Sprintf("%0*x%s", nameDigits, position, extension) }

// parseFileName returns the position at which the file of that name begins.
func parseFileName(name string) (position uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, extension)
	if !ok || len(digits) != nameDigits {
		return 0, false
	}
	position, err := strconv.ParseUint(digits, 16, 64)
	return position, err == nil && fileName(position) == name
}

// fileHeader returns the header of the file that begins at a position, up to which
// the log has a sum.
func fileHeader(position uint64, sum uint32) []byte {
	h := binary.LittleEndian.AppendUint64([]byte(magic2), position)
	h = binary.LittleEndian.AppendUint32(h, sum)
	return binary.LittleEndian.AppendUint32(h, crc32.Checksum(h, castagnoli))
}

// parseFileHeader returns the length of the header at the beginning of the file that
// should begin at a position, and the sum that it has. Where there is none the length
// is 0.
func parseFileHeader(h []byte, position uint64) (length int64, sum uint32) {
	if len(h) < headerLen1 || binary.LittleEndian.Uint64(h[8:]) != position {
		return 0, 0
	}
	switch magic := string(h[:8]); {
	case magic == magic2 && len(h) >= headerLen2:
		length, sum = headerLen2, binary.LittleEndian.Uint32(h[16:])
	case magic == magic1:
		length = headerLen1
	default:
		return 0, 0
	}
	if seal := length - 4; binary.LittleEndian.Uint32(h[seal:]) != crc32.Checksum(h[:seal], castagnoli) {
		return 0, 0
	}
	return length, sum
}

// sumFrame returns the sum of a log behind a frame whose header is given: every
// record is in it by its checksum, and so is all that came before.
func sumFrame(sum uint32, header []byte) uint32 { return crc32.Update(sum, castagnoli, header) }

// appendFrameHeader appends the header of the frame of a record whose checksum is
// given.
func appendFrameHeader(dst []byte, length int, checksum uint32, position, durable uint64) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(length))
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	sealed := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, position)
	dst = binary.LittleEndian.AppendUint64(dst, durable)
	checksum = crc32.Update(checksum, castagnoli, dst[sealed:])
	binary.LittleEndian.PutUint32(dst[sealed-4:], checksum)
	return dst
}

// frame is one frame as it was read. The record is valid until the next one is
// read.
type frame struct {
	position, durable uint64
	record            []byte
}

// end returns the position behind the frame.
func (f *frame) end() uint64 { return f.position + frameLen + uint64(len(f.record)) }

// scanner reads the frames of one file.
type scanner struct {
	in     *bufio.Reader
	base   uint64 // position of the first frame
	header int64  // length of the file's header
	offset int64  // of the next frame
	size   int64  // of the file
	sum    uint32 // of the log before the next frame
	record []byte
}

// damage is what a scanner found where a frame should be.
type damage struct {
	offset int64
	what   string
}

func (d *damage) Error() string { return fmt.Sprintf("offset %d: %s", d.offset, d.what) }

// Unwrap makes damage a kind of columnar.ErrCorrupt.
func (d *damage) Unwrap() error { return columnar.ErrCorrupt }

// newScanner reads the header of a file of size bytes that should begin at base.
// Its errors are damage or those of reading.
func newScanner(r io.ReaderAt, size int64, base uint64) (*scanner, error) {
	in := bufio.NewReaderSize(io.NewSectionReader(r, 0, size), int(min(max(size, headerLen2), readBuffer)))
	head, err := in.Peek(headerLen2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(head) < headerLen1 {
		return nil, &damage{0, "the file header is cut off"}
	}
	length, sum := parseFileHeader(head, base)
	if length == 0 {
		return nil, &damage{0, "the file header is not that of a log file of this name"}
	}
	if _, err := in.Discard(int(length)); err != nil {
		return nil, err
	}
	return &scanner{in: in, base: base, header: length, offset: length, size: size, sum: sum}, nil
}

// position returns the position of the next frame.
func (s *scanner) position() uint64 { return s.base + uint64(s.offset-s.header) }

// next returns the next frame, io.EOF at the file's end, damage, or an error of
// reading.
func (s *scanner) next() (frame, error) {
	left := s.size - s.offset
	if left == 0 {
		return frame{}, io.EOF
	}
	if left < frameLen {
		return frame{}, &damage{s.offset, "a frame header is cut off"}
	}
	var header [frameLen]byte
	if _, err := io.ReadFull(s.in, header[:]); err != nil {
		return frame{}, err
	}
	f, length, checksum := parseFrame(header[:])
	switch {
	case length == 0 || length > MaxRecord:
		return frame{}, &damage{s.offset, fmt.Sprintf("a record of %d bytes", length)}
	case f.position != s.position() || f.durable > f.position:
		return frame{}, &damage{s.offset, fmt.Sprintf("a frame of position %d, not %d", f.position, s.position())}
	case length > left-frameLen:
		return frame{}, &damage{s.offset, fmt.Sprintf("a record of %d bytes, of which %d are there", length, left-frameLen)}
	}
	if int64(cap(s.record)) < length {
		s.record = make([]byte, length)
	}
	f.record = s.record[:length]
	if _, err := io.ReadFull(s.in, f.record); err != nil {
		return frame{}, err
	}
	if sum := crc32.Checksum(f.record, castagnoli); crc32.Update(sum, castagnoli, header[frameSealed:]) != checksum {
		return frame{}, &damage{s.offset, "a record with a wrong checksum"}
	}
	s.offset += frameLen + length
	s.sum = sumFrame(s.sum, header[:])
	return f, nil
}

func parseFrame(header []byte) (f frame, length int64, checksum uint32) {
	f.position = binary.LittleEndian.Uint64(header[8:])
	f.durable = binary.LittleEndian.Uint64(header[16:])
	return f, int64(binary.LittleEndian.Uint32(header)), binary.LittleEndian.Uint32(header[4:])
}

// provesLoss reports whether tail, the bytes of a file from the damaged frame at
// position on, holds a whole frame that was written when that frame was durable
// already (W3).
func provesLoss(tail []byte, position uint64) bool {
	for i := 1; i+frameLen <= len(tail); i++ {
		f, length, checksum := parseFrame(tail[i:])
		if f.position != position+uint64(i) || f.durable <= position || f.durable > f.position ||
			length == 0 || length > int64(len(tail)-i-frameLen) {
			continue
		}
		record := tail[i+frameLen:][:length]
		sum := crc32.Checksum(record, castagnoli)
		if crc32.Update(sum, castagnoli, tail[i+frameSealed:i+frameLen]) == checksum {
			return true
		}
	}
	return false
}
