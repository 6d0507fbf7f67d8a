package segment

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/trellisdb/trellis/columnar"
)

// The frame of a segment.
const (
	headMagic  = "\x89trellis"
	tailMagic  = "trellis\x89"
	headerLen  = 8 + 4 + checksumLen
	trailerLen = 8 + 4 + 8 + checksumLen
)

// format says what the parts of a segment have, as bits. The version that stands in
// header and trailer is one more.
type format uint32

const (
	withVersions format = 1 << iota // an index has the versions of its blocks
	withGrids                       // the footer has phases and calendars; the header does not say so
	withSums                        // an index has the checksums of its blocks, the footer those of the indexes
	allFormats   = withVersions | withGrids | withSums
)

func (f format) has(part format) bool { return f&part != 0 }

// version returns the number that stands in the file.
func (f format) version() uint32 { return uint32(f) + 1 }

// appendHeader appends the header of a segment.
func appendHeader(dst []byte, f format) []byte {
	start := len(dst)
	dst = append(dst, headMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, (f &^ withGrids).version())
	return seal(dst, start)
}

// checkHeader reports bytes that are not the header of a segment of a format.
func checkHeader(src []byte, f format) error {
	body, err := unseal(src)
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	version, want := binary.LittleEndian.Uint32(body[8:]), (f &^ withGrids).version()
	if string(body[:8]) != headMagic || version != want {
		return fmt.Errorf("header: %w: not that of a segment of version %d", columnar.ErrCorrupt, want)
	}
	return nil
}

// appendTrailer appends the trailer of a segment whose footer has so many bytes.
func appendTrailer(dst []byte, footerLen int, f format) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(footerLen))
	dst = binary.LittleEndian.AppendUint32(dst, f.version())
	dst = append(dst, tailMagic...)
	return seal(dst, start)
}

// decodeTrailer returns the length of the footer, and the format.
func decodeTrailer(src []byte) (uint64, format, error) {
	body, err := unseal(src)
	if err != nil {
		return 0, 0, fmt.Errorf("trailer: %w", err)
	}
	version := binary.LittleEndian.Uint32(body[8:])
	if string(body[12:]) != tailMagic || version < 1 || version > allFormats.version() {
		return 0, 0, fmt.Errorf("trailer: %w: not a segment of version 1 to %d", columnar.ErrCorrupt, allFormats.version())
	}
	return binary.LittleEndian.Uint64(body), format(version - 1), nil
}

// digest returns what tells a segment from every other one: the first 8 bytes of the
// SHA-256 of its footer and trailer, 0 where they do not depend on all of its content.
//
// A CRC would not do. That of bytes that end with their own CRC is always the same, and
// a segment is made of such pieces: the CRC32C of all its bytes depends on the lengths
// of the pieces and on nothing else. Nor does CRC tell apart what was made to look alike.
func digest(footer, trailer []byte, f format) uint64 {
	if !f.has(withSums) {
		return 0
	}
	h := sha256.New()
	_, _ = h.Write(footer) // a hash takes everything
	_, _ = h.Write(trailer)
	return max(binary.LittleEndian.Uint64(h.Sum(nil)), 1)
}
