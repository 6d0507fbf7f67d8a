package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/trellisdb/trellis/columnar"
)

// explained is an error of SQLite in words that say what to do.
type explained struct {
	text string
	errs []error
}

// Error returns the words alone.
func (e *explained) Error() string { return e.text }

// Unwrap returns what SQLite and the file system said.
func (e *explained) Unwrap() []error { return e.errs }

// isNoDatabase reports whether an error of SQLite says that a file is none of its own.
func isNoDatabase(err error) bool {
	var failed *sqlite.Error
	return errors.As(err, &failed) && failed.Code()&0xff == sqlite3.SQLITE_NOTADB
}

// explainOpen puts an error of SQLite about a file into words; others are returned as they
// are.
func explainOpen(path string, err error) error {
	var failed *sqlite.Error
	var files *fs.PathError
	if errors.As(err, &files) && errors.Is(err, fs.ErrPermission) {
		text, _ := obstacle(path)
		return &explained{text, []error{err}}
	}
	if !errors.As(err, &failed) {
		return err
	}
	say := func(cause error, text string, args ...any) error {
		return &explained{fmt.Sprintf(text, args...), []error{err, cause}}
	}
	switch failed.Code() & 0xff {
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		text, cause := obstacle(path)
		return say(cause, "%s", text)
	case sqlite3.SQLITE_NOTADB:
		return say(columnar.ErrCorrupt, "it is not a catalog: the file is no database of SQLite; name another with --catalog, or, where it is damaged, rebuild it with trellis repair")
	case sqlite3.SQLITE_FULL:
		return say(syscall.ENOSPC, "the disk of %s is full, free some space", path)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return say(nil, "another process holds its lock: wait for that one, or stop it")
	case sqlite3.SQLITE_IOERR:
		if full(filepath.Dir(path)) {
			return say(syscall.ENOSPC, "the disk of %s is full, free some space", path)
		}
		return say(nil, "the disk of %s did not read or write (%s): see to the disk", path, failed)
	}
	return err
}

// obstacle says why a file cannot be opened for writing.
func obstacle(path string) (string, error) {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("there is no directory %s: make it, or name another file with --catalog", dir), err
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("this user may not enter the directory %s: see to its rights", dir), err
	case errors.Is(err, syscall.ENOTDIR) || err == nil && !info.IsDir():
		return fmt.Sprintf("%s is not a directory: name another file with --catalog", dir), syscall.ENOTDIR
	}
	if info, err := os.Stat(path); errors.Is(err, fs.ErrPermission) {
		return fmt.Sprintf("this user may not enter the directory %s: see to its rights", dir), err
	} else if err == nil && !info.Mode().IsRegular() {
		return "it is a directory or a device, not a file: name the file with --catalog", syscall.EISDIR
	}
	err = Writable(path)
	switch {
	case errors.Is(err, syscall.EROFS):
		return "it is on a read-only file system: trellis verify and trellis backup can read it there, all else has to write", err
	case err != nil:
		return "this user may not write to the file, or to its directory: see to their rights", err
	case full(dir):
		return fmt.Sprintf("the disk of %s is full, free some space", path), syscall.ENOSPC
	}
	f, err := os.Open(path)
	if err == nil {
		err = f.Close()
	}
	if errors.Is(err, fs.ErrPermission) {
		return "this user may not read the file: see to its rights", err
	}
	return fmt.Sprintf("it cannot be opened: %v", err), err
}

// full reports whether a file system has no space for another page.
func full(dir string) bool {
	var stat syscall.Statfs_t
	const page = 4096
	return syscall.Statfs(dir, &stat) == nil && stat.Bavail*uint64(stat.Bsize) < page
}
