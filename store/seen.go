package store

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/wal"
)

// seenName is the file in the log's directory that says how far the catalog had come
// when it was last changed: the number of the change, its digest, and the CRC32C of the
// two, in hexadecimal, on one line. A bucket and a catalog that were both put back are
// told by it. It is not synced with each change, so it may be behind, never ahead; one
// that is damaged says nothing.
const (
	seenName  = "CATALOG"
	seenBytes = 16 + 1 + 32 + 1 + 8 + 1
)

// seen is how far a catalog had come.
type seen struct {
	number int64
	head   string
}

func (n seen) line() string {
	text := fmt.Sprintf("%016x %32s", n.number, n.head)
	return fmt.Sprintf("%s %08x\n", text, crc32.Checksum([]byte(text), castagnoli))
}

// readSeen returns what the file in a directory says; ok is false where it says nothing.
func readSeen(files wal.FS, dir string) (n seen, ok bool, err error) {
	names, err := files.List(dir)
	if err != nil || !slices.Contains(names, seenName) {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return n, false, err
	}
	f, err := files.Open(filepath.Join(dir, seenName))
	if err != nil {
		return n, false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text := make([]byte, seenBytes)
	if _, err := f.ReadAt(text, 0); err != nil && !errors.Is(err, io.EOF) {
		return n, false, err
	}
	if parsed, err := fmt.Sscanf(string(text), "%016x %s", &n.number, &n.head); err != nil || parsed != 2 || n.line() != string(text) {
		return seen{}, false, nil
	}
	return n, true, nil
}

// checkSeen wraps ErrBehind where the log's directory has seen more of the catalog than
// it has.
func checkSeen(ctx context.Context, catalog meta.Catalog, files wal.FS, dir string) error {
	n, ok, err := readSeen(files, dir)
	if err != nil || !ok {
		return err
	}
	have, err := catalog.Journal(ctx, n.number-1)
	if err != nil {
		return err
	}
	what := ""
	switch {
	case have.Number < n.number:
		what = fmt.Sprintf("it has come to change %d", have.Number)
	case have.Number == n.number && have.Head != n.head:
		what = "its change of that number is another one"
	default:
		return nil
	}
	return fmt.Errorf("write-ahead log %s: the catalog: %w: this log was written when the catalog had come to change %d, and %s; put the newest catalog and the newest bucket back, rebuild the catalog with trellis repair, or, where it is to go on, say so with trellis adopt", dir, ErrBehind, n.number, what)
}

// ForgetSeen lets the log in a directory go on with a catalog that is older than the one
// it was written with.
func ForgetSeen(dir string) error {
	err := wal.OS{}.Remove(filepath.Join(dir, seenName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// openSeen opens the file, and makes it where there is none.
func (s *Store) openSeen(o Options) (err error) {
	files := o.LogFS
	if files == nil {
		files = wal.OS{}
	}
	_, ok, err := readSeen(files, o.LogDir)
	if err != nil {
		return err
	}
	path := filepath.Join(o.LogDir, seenName)
	if ok {
		s.seen, err = files.Open(path)
	} else {
		s.seen, err = files.Create(path)
	}
	return err
}

// see notes how far the catalog has come. That it could not be noted makes it no less
// true.
func (s *Store) see(n seen) {
	if s.seen == nil {
		return
	}
	if _, err := s.seen.WriteAt([]byte(n.line()), 0); err != nil {
		s.logger.Warn("the log's directory did not take how far the catalog has come", "error", err)
	}
}

// closeSeen gives the file back.
func (s *Store) closeSeen() error {
	if s.seen == nil {
		return nil
	}
	return s.seen.Close()
}
