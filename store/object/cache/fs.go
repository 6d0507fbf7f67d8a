package cache

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// FS is what the cache asks of a file system. It is os's, but where a test wants it to
// fail.
type FS interface {
	// MkdirAll makes a directory and those above it.
	MkdirAll(dir string) error
	// ReadDir returns the entries of a directory.
	ReadDir(dir string) ([]fs.DirEntry, error)
	// ReadFile reads a file's beginning into p, all of it if it is not larger, and
	// returns how much that is.
	ReadFile(name string, p []byte) (int, error)
	// WriteFile writes a new file.
	WriteFile(name string, parts ...[]byte) error
	// Rename gives a file another name, in place of what has it.
	Rename(from, to string) error
	// Remove takes a file or an empty directory away.
	Remove(name string) error
}

// Disk is the FS of the machine.
var Disk FS = disk{}

type disk struct{}

func (disk) MkdirAll(dir string) error                 { return os.MkdirAll(dir, 0o755) }
func (disk) ReadDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }
func (disk) Rename(from, to string) error              { return os.Rename(from, to) }
func (disk) Remove(name string) error                  { return os.Remove(name) }

func (disk) ReadFile(name string, p []byte) (n int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	n, err = io.ReadFull(f, p)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil // it is smaller
	}
	return n, err
}

func (disk) WriteFile(name string, parts ...[]byte) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	for _, p := range parts {
		if _, err := f.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// lockDir makes the directory this process's, until what it returns is closed.
func lockDir(dir string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	// A program that this process is just starting shares the file until it has replaced
	// its copy of the process: a lock that was given back is held for that long.
	for try := 1; ; try++ {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if try == lockTries || !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = f.Close() // nothing was written
			return nil, err
		}
		time.Sleep(lockPause)
	}
}

// How often a lock is tried, and how long it waits in between.
const (
	lockTries = 20
	lockPause = 10 * time.Millisecond
)
