package wal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trellisdb/trellis/columnar"
)

// idName is the file that holds the id of the log, a line of text.
const (
	idName = "ID"
	maxID  = 200
)

// Holds is what is known of the log in a directory before it is opened.
type Holds struct {
	ID      string // empty: it has none
	Named   bool   // whether its file says so; else the marker does
	Records bool   // whether it has, or once had, records
}

// ReadID returns the id that was given to the log in a directory, and whether there
// are records. The directory need not be there. An id that is damaged, or not that of
// the marker, is columnar.ErrCorrupt.
func ReadID(fs FS, dir string) (Holds, error) {
	h, err := readID(fs, dir)
	if err != nil {
		return Holds{}, fmt.Errorf("write-ahead log %s: %w", dir, err)
	}
	return h, nil
}

func readID(fs FS, dir string) (h Holds, err error) {
	if err := fs.MkdirAll(dir); err != nil {
		return h, err
	}
	names, err := fs.List(dir)
	if err != nil {
		return h, err
	}
	m, err := readMark(fs, dir, names)
	if err != nil {
		return h, err
	}
	if h.Records, err = hasRecords(fs, dir, names, &m); err != nil {
		return h, err
	}
	text, err := readStart(fs, dir, idName, names)
	if err != nil {
		return h, err
	}
	line, whole := strings.CutSuffix(text, "\n")
	switch {
	case whole:
		h.ID, h.Named = line, true
		return h, sameLog(&m, line)
	case text == "" || !h.Records || m.id != "" && strings.HasPrefix(m.id, text):
		h.ID = m.id // it was not finished when it was written, is gone, or cut off
		return h, nil
	}
	known := "holds no line"
	if m.id != "" {
		known = fmt.Sprintf("%s, and that of the log is %q by file %s; where this is that log, write it there, as a line", known, m.id, markName)
	}
	return h, fmt.Errorf("file %s: %w: it %s", idName, columnar.ErrCorrupt, known)
}

// sameLog makes sure that the marker is that of the log of an id.
func sameLog(m *marked, id string) error {
	if m.id == "" || id == "" || m.id == id {
		return nil
	}
	return fmt.Errorf("file %s: %w: it is that of the log %q, and the log is %q by file %s: one of them is damaged, or another log's; bring it back from a backup",
		markName, columnar.ErrCorrupt, m.id, id, idName)
}

// hasRecords reports whether a log has, or once had, records.
func hasRecords(fs FS, dir string, names []string, m *marked) (bool, error) {
	if m.position > 0 {
		return true, nil
	}
	for _, base := range positions(names) {
		if base > 0 {
			return true, nil
		}
		size, err := fileSize(fs, filepath.Join(dir, fileName(base)))
		if err != nil || size > headerLen2 {
			return true, err
		}
	}
	return false, nil
}

func fileSize(fs FS, path string) (size int64, err error) {
	f, err := fs.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Size()
}

// readStart returns the first bytes of a small file, none where it is not there.
func readStart(fs FS, dir, name string, names []string) (text string, err error) {
	if !slices.Contains(names, name) {
		return "", nil
	}
	f, err := fs.Open(filepath.Join(dir, name))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b := make([]byte, maxID+1)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return string(b[:n]), nil
}

// WriteID gives the log in a directory, which the caller has open, its id.
func WriteID(fs FS, dir, id string) (err error) {
	f, err := fs.Create(filepath.Join(dir, idName))
	if err != nil {
		return fmt.Errorf("write-ahead log %s: %w", dir, err)
	}
	_, err = f.WriteAt([]byte(id+"\n"), 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = fs.SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write-ahead log %s: %w", dir, err)
	}
	return nil
}
