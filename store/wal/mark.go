package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"slices"

	"github.com/trellisdb/trellis/columnar"
)

const (
	markName  = "MARK"
	markMagic = "TRELMRK1"
	markFixed = 32           // bytes of a copy before the id
	markSlot  = 512          // bytes of a copy: a sector
	markPage  = 4096         // bytes between the two places of a mark
	markBytes = 2 * markPage // of the file
	markSeal  = markSlot - 4 // offset of a copy's checksum
	copies    = 2            // of a mark in its place
)

// mark says up to where the records of a log were acknowledged.
type mark struct {
	sequence uint64 // 1 more with every mark
	position uint64
	sum      uint32 // of the log up to the position
	id       string // of the log
}

// encode returns a copy of the mark.
func (m *mark) encode() []byte {
	b := make([]byte, markSlot)
	copy(b, markMagic)
	binary.LittleEndian.PutUint64(b[8:], m.sequence)
	binary.LittleEndian.PutUint64(b[16:], m.position)
	binary.LittleEndian.PutUint32(b[24:], m.sum)
	binary.LittleEndian.PutUint32(b[28:], uint32(len(m.id)))
	copy(b[markFixed:], m.id)
	binary.LittleEndian.PutUint32(b[markSeal:], crc32.Checksum(b[:markSeal], castagnoli))
	return b
}

// parseMark returns the mark that a copy holds, if it is whole.
func parseMark(b []byte) (m mark, ok bool) {
	if len(b) != markSlot || string(b[:len(markMagic)]) != markMagic ||
		binary.LittleEndian.Uint32(b[markSeal:]) != crc32.Checksum(b[:markSeal], castagnoli) {
		return mark{}, false
	}
	n := binary.LittleEndian.Uint32(b[28:])
	if n > maxID {
		return mark{}, false
	}
	return mark{
		sequence: binary.LittleEndian.Uint64(b[8:]),
		position: binary.LittleEndian.Uint64(b[16:]),
		sum:      binary.LittleEndian.Uint32(b[24:]),
		id:       string(b[markFixed : markFixed+n]),
	}, true
}

// marked is what the marker's file holds.
type marked struct {
	mark
	there   bool // the file
	found   bool // a whole copy of a mark
	place   int  // 0 or 1, that of the newest mark
	damaged int  // copies that cannot be read, of four
}

// parseMarks returns what the bytes of the marker's file hold: the newest mark of
// which a whole copy is there.
func parseMarks(b []byte) (found marked) {
	b = append(slices.Clone(b), make([]byte, max(0, markBytes-len(b)))...)
	for i := range 2 * copies {
		place := i / copies
		m, ok := parseMark(b[place*markPage+i%copies*markSlot:][:markSlot])
		switch {
		case !ok:
			found.damaged++
		case !found.found || m.sequence > found.sequence:
			found.mark, found.found, found.place = m, true, place
		}
	}
	return found
}

// readMark reads the marker of the log in a directory.
func readMark(fs FS, dir string, names []string) (found marked, err error) {
	if !slices.Contains(names, markName) {
		return marked{}, nil
	}
	f, err := fs.Open(filepath.Join(dir, markName))
	if err != nil {
		return marked{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b := make([]byte, markBytes)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return marked{}, err
	}
	found = parseMarks(b[:n])
	found.there = true
	return found, nil
}

// lost says what is lost of the records behind a position, and what to do.
func (m *marked) lost(from uint64) string {
	return fmt.Sprintf("%s says that everything up to position %d was acknowledged: records of %d bytes from position %d on are missing; "+restoreIt,
		markName, m.position, m.position-from, from)
}

// unmarked is the error where a log has lost its marker.
func unmarked(found marked, end uint64) error {
	what := "it is missing"
	if found.there {
		what = "none of the four copies in it can be read"
	}
	return fmt.Errorf("file %s: %w: %s, so nothing says up to where records were acknowledged (those that are there end at position %d); "+
		restoreIt, markName, columnar.ErrCorrupt, what, end)
}
