package wal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/trellisdb/trellis/columnar"
)

// Dump writes what the files of a log hold to w: a line for the id by which the
// catalog knows it, for the marker, and for each file, record and entry. It does not
// lock the directory and changes nothing, so it may be used on a log that is open; a
// group that is being written then shows as damage. A damaged ID is a line, too.
func Dump(w io.Writer, dir string) error {
	fs := ReadOnly{}
	names, err := fs.List(dir)
	if err != nil {
		return fmt.Errorf("write-ahead log %s: %w", dir, err)
	}
	found := positions(names)
	if len(found) == 0 && !slices.Contains(names, markName) {
		return fmt.Errorf("write-ahead log %s: there is no log file", dir)
	}
	h, err := readID(fs, dir)
	switch {
	case errors.Is(err, columnar.ErrCorrupt):
		_, err = fmt.Fprintf(w, "damage in %v\n", err)
	case err == nil && h.ID != "":
		_, err = fmt.Fprintf(w, "log %s\n", h.ID)
	}
	if err == nil {
		err = dumpMark(w, fs, dir, names)
	}
	if err != nil {
		return err
	}
	for _, base := range found {
		if err := dumpFile(w, fs, filepath.Join(dir, fileName(base)), base); err != nil {
			return err
		}
	}
	return nil
}

// dumpMark writes what the marker says.
func dumpMark(w io.Writer, fs FS, dir string, names []string) error {
	m, err := readMark(fs, dir, names)
	if err != nil || !m.there {
		return err
	}
	if m.found {
		_, err = fmt.Fprintf(w, "file %s: acknowledged up to position %d, sum %08x, mark %d\n", markName, m.position, m.sum, m.sequence)
	} else {
		_, err = fmt.Fprintf(w, "file %s\n", markName)
	}
	if err == nil && m.damaged > 0 {
		_, err = fmt.Fprintf(w, "  damage in %d of its 4 copies\n", m.damaged)
	}
	return err
}

func dumpFile(w io.Writer, fs FS, path string, base uint64) (err error) {
	f, err := fs.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "file %s: position %d, %d bytes\n", fileName(base), base, size); err != nil {
		return err
	}
	s, err := newScanner(f, size, base)
	for err == nil {
		var fr frame
		if fr, err = s.next(); err == nil {
			err = dumpFrame(w, fr)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	var found *damage
	if errors.As(err, &found) {
		_, err = fmt.Fprintf(w, "  damage at %v\n", found)
	}
	return err
}

func dumpFrame(w io.Writer, f frame) error {
	if _, err := fmt.Fprintf(w, "  record at %d: %d bytes, durable before it %d\n", f.position, len(f.record), f.durable); err != nil {
		return err
	}
	return Entries(f.record, func(e *Entry) error {
		if e.Encoded != nil {
			_, err := fmt.Fprintf(w, "    series %d: block %d, %d bytes\n", e.Series, e.Block, len(e.Encoded))
			return err
		}
		_, err := fmt.Fprintf(w, "    series %d: %d samples, slots %d to %d%s\n", e.Series, len(e.Slots),
			e.Slots[0], e.Slots[len(e.Slots)-1], dumpNotes(e))
		return err
	})
}

func dumpNotes(e *Entry) (notes string) {
	if !consecutive(e.Slots) {
		notes += ", not consecutive"
	}
	if e.Status != nil {
		notes += ", with status"
	}
	if e.Void != nil {
		notes += fmt.Sprintf(", %d without a value", e.Void.Count())
	}
	return notes
}
