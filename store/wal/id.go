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

// ReadID returns the id that was given to the log in a directory, empty where it
// has none, and whether there are files of records. The directory need not be
// there.
func ReadID(fs FS, dir string) (id string, records bool, err error) {
	if err := fs.MkdirAll(dir); err != nil {
		return "", false, fmt.Errorf("write-ahead log %s: %w", dir, err)
	}
	names, err := fs.List(dir)
	if err != nil {
		return "", false, fmt.Errorf("write-ahead log %s: %w", dir, err)
	}
	found, err := positions(fs, dir)
	if err != nil || !slices.Contains(names, idName) {
		return "", len(found) > 0, err
	}
	f, err := fs.Open(filepath.Join(dir, idName))
	if err != nil {
		return "", false, fmt.Errorf("write-ahead log %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text := make([]byte, maxID)
	n, err := f.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", false, fmt.Errorf("write-ahead log %s: %w", dir, err)
	}
	line, whole := strings.CutSuffix(string(text[:n]), "\n")
	switch {
	case whole:
		return line, len(found) > 0, nil
	case len(found) == 0 || n == 0:
		return "", len(found) > 0, nil // it was not finished when it was written
	}
	return "", true, fmt.Errorf("write-ahead log %s: file %s: %w: it holds no line", dir, idName, columnar.ErrCorrupt)
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
