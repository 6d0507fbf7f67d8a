package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"
)

// ErrLocked says that another process has the directory open; the error names
// both.
var ErrLocked = errors.New("in use by another process")

// FS is what the log needs of a file system. Tests put one in its place that
// fails on demand (package waltest).
type FS interface {
	// MkdirAll makes a directory and what is missing above it.
	MkdirAll(dir string) error
	// Lock locks the file at path, which it makes, until the result is closed, or
	// wraps ErrLocked.
	Lock(path string) (io.Closer, error)
	// List returns the names of the files in a directory, in order.
	List(dir string) ([]string, error)
	// Create makes an empty file, or empties the one that is there.
	Create(path string) (File, error)
	// Open opens a file for reading and writing.
	Open(path string) (File, error)
	// Remove removes a file.
	Remove(path string) error
	// SyncDir makes the creation of files in dir durable.
	SyncDir(dir string) error
}

// File is an open file of the log.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes durable what was written.
	Sync() error
	// Truncate cuts the file to size bytes.
	Truncate(size int64) error
	// Size returns the file's size in bytes.
	Size() (int64, error)
}

// OS is the file system of the machine.
type OS struct{}

var _ FS = OS{}

// MkdirAll implements [FS].
func (OS) MkdirAll(dir string) error { return os.MkdirAll(dir, 0o755) }

// How often a lock is tried, and how long it waits in between.
const (
	lockTries = 20
	lockPause = 10 * time.Millisecond
)

// Lock implements [FS]. The file holds the id of the process that has locked it.
func (OS) Lock(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	// A program that this process is just starting shares the file until it has replaced
	// its copy of the process: a lock that was given back is held for that long.
	for range lockTries {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		time.Sleep(lockPause)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%w%s", ErrLocked, holder(f))
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// holder says which process wrote its id into a lock file.
func holder(f *os.File) string {
	var text [32]byte
	n, _ := f.ReadAt(text[:], 0)
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text[:n])))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}

// List implements [FS].
func (OS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Create implements [FS].
func (OS) Create(path string) (File, error) {
	return open(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

// Open implements [FS].
func (OS) Open(path string) (File, error) { return open(path, os.O_RDWR) }

func open(path string, flags int) (File, error) {
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// ReadOnly is the file system of the machine for those who change nothing: Verify,
// Dump and ReadID.
type ReadOnly struct{ OS }

// MkdirAll implements [FS].
func (ReadOnly) MkdirAll(string) error { return nil }

// Open implements [FS].
func (ReadOnly) Open(path string) (File, error) { return open(path, os.O_RDONLY) }

// Remove implements [FS].
func (OS) Remove(path string) error { return os.Remove(path) }

// SyncDir implements [FS].
func (OS) SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

type osFile struct{ *os.File }

// Size implements [File].
func (f osFile) Size() (int64, error) {
	stat, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return stat.Size(), nil
}
