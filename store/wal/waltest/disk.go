// Package waltest holds a disk in memory that fails on demand, and small real ones that
// become full, for the tests of the write-ahead log and of those who build on it.
package waltest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"

	"github.com/trellisdb/trellis/store/wal"
)

// Op is a step of a disk's work at which it can fail.
type Op string

// The steps.
const (
	OpCreate   Op = "create"
	OpOpen     Op = "open"
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpSync     Op = "sync"
	OpTruncate Op = "truncate"
	OpRemove   Op = "remove"
	OpSyncDir  Op = "sync directory"
	OpList     Op = "list"
)

// Disk is a file system in memory that knows what has been made durable. A
// directory is whatever comes before the last slash.
type Disk struct {
	// Fail, where not nil, is called before every step; what it returns is the
	// step's error. A write that is to fail is carried out in part: the first
	// written bytes, of which the error ShortWrite says how many, else none.
	Fail func(op Op, path string) error

	mu      sync.Mutex
	files   map[string]*content
	removed map[string]*content // whose names a power cut may bring back
	locks   map[string]bool
}

var _ wal.FS = (*Disk)(nil)

// ShortWrite is an error that makes a write be carried out in part.
type ShortWrite struct {
	Written int // bytes, or all where there are fewer
	Err     error
}

// Error implements error.
func (e *ShortWrite) Error() string { return fmt.Sprintf("after %d bytes: %v", e.Written, e.Err) }

// Unwrap returns the reason.
func (e *ShortWrite) Unwrap() error { return e.Err }

// content is a file.
type content struct {
	data    []byte
	synced  []byte // what a power cut leaves of data
	durable bool   // whether it leaves the name
}

func (f *content) copy() *content {
	return &content{data: slices.Clone(f.data), synced: slices.Clone(f.synced), durable: f.durable}
}

// NewDisk returns an empty disk.
func NewDisk() *Disk {
	return &Disk{files: make(map[string]*content), removed: make(map[string]*content), locks: make(map[string]bool)}
}

// PowerCut returns the disk as it is after a power cut: what was synced is there,
// of what was not, a random part. Pages of 512 bytes reach the disk in any order, within
// a file and from file to file, and so do names: a file that was removed may be back.
func (d *Disk) PowerCut(r *rand.Rand) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := NewDisk()
	for _, path := range slices.Sorted(maps.Keys(d.files)) {
		f := d.files[path]
		if !f.durable && r.IntN(2) == 0 {
			continue
		}
		data := slices.Clone(f.synced)
		switch r.IntN(5) { // else nothing of what was not synced
		case 0:
			data = slices.Clone(f.data)
		case 1, 2:
			data = tear(r, f.synced, f.data)
		}
		after.files[path] = &content{data: data, synced: slices.Clone(data), durable: true}
	}
	for _, path := range slices.Sorted(maps.Keys(d.removed)) {
		if f := d.removed[path]; r.IntN(2) == 0 && after.files[path] == nil {
			after.files[path] = &content{data: slices.Clone(f.synced), synced: slices.Clone(f.synced), durable: true}
		}
	}
	return after
}

// tear returns the synced bytes with random pages of the later ones.
func tear(r *rand.Rand, synced, data []byte) []byte {
	const page = 512
	size := len(synced)
	switch {
	case len(data) <= size:
	case r.IntN(2) == 0:
		size = len(data) // the file's length is on the disk before its bytes
	default:
		size += r.IntN(len(data) - size + 1)
	}
	torn := make([]byte, size)
	copy(torn, synced)
	for at := 0; at < size; at += page {
		if end := min(at+page, size, len(data)); at < end && r.IntN(2) == 0 {
			copy(torn[at:end], data[at:end])
		}
	}
	return torn
}

// Copy returns a disk of its own with the same files.
func (d *Disk) Copy() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	copied := NewDisk()
	for path, f := range d.files {
		copied.files[path] = f.copy()
	}
	for path, f := range d.removed {
		copied.removed[path] = f.copy()
	}
	return copied
}

// Damage flips a bit of a file.
func (d *Disk) Damage(path string, offset int64, bit uint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files[path].data[offset] ^= 1 << bit
	d.files[path].synced = slices.Clone(d.files[path].data)
}

// Size returns the length of a file.
func (d *Disk) Size(path string) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return int64(len(d.files[path].data))
}

// step reports whether a step fails, and locks the disk if it does not.
func (d *Disk) step(op Op, path string) error {
	if d.Fail != nil {
		if err := d.Fail(op, path); err != nil {
			return err
		}
	}
	d.mu.Lock()
	return nil
}

// MkdirAll implements wal.FS.
func (d *Disk) MkdirAll(string) error { return nil }

// Lock implements wal.FS.
func (d *Disk) Lock(path string) (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locks[path] {
		return nil, wal.ErrLocked
	}
	d.locks[path] = true
	return &lock{d, path}, nil
}

type lock struct {
	disk *Disk
	path string
}

// Close implements io.Closer.
func (l *lock) Close() error {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	delete(l.disk.locks, l.path)
	return nil
}

// List implements wal.FS.
func (d *Disk) List(dir string) ([]string, error) {
	if err := d.step(OpList, dir); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	var names []string
	for path := range d.files {
		if filepath.Dir(path) == filepath.Clean(dir) {
			names = append(names, filepath.Base(path))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Create implements wal.FS.
func (d *Disk) Create(path string) (wal.File, error) {
	if err := d.step(OpCreate, path); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	f := &content{}
	for _, old := range []*content{d.files[path], d.removed[path]} {
		if old != nil {
			f.synced, f.durable = old.synced, old.durable
		}
	}
	delete(d.removed, path)
	d.files[path] = f
	return &file{d, path, f}, nil
}

// Open implements wal.FS.
func (d *Disk) Open(path string) (wal.File, error) {
	if err := d.step(OpOpen, path); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	f := d.files[path]
	if f == nil {
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
	}
	return &file{d, path, f}, nil
}

// Remove implements wal.FS.
func (d *Disk) Remove(path string) error {
	if err := d.step(OpRemove, path); err != nil {
		return err
	}
	defer d.mu.Unlock()
	if d.files[path] == nil {
		return fmt.Errorf("remove %s: %w", path, fs.ErrNotExist)
	}
	if f := d.files[path]; f.durable {
		d.removed[path] = f
	}
	delete(d.files, path)
	return nil
}

// SyncDir implements wal.FS.
func (d *Disk) SyncDir(dir string) error {
	if err := d.step(OpSyncDir, dir); err != nil {
		return err
	}
	defer d.mu.Unlock()
	for path, f := range d.files {
		if filepath.Dir(path) == filepath.Clean(dir) {
			f.durable = true
		}
	}
	maps.DeleteFunc(d.removed, func(path string, _ *content) bool { return filepath.Dir(path) == filepath.Clean(dir) })
	return nil
}

// file is an open file.
type file struct {
	disk *Disk
	path string
	*content
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.disk.step(OpRead, f.path); err != nil {
		return 0, err
	}
	defer f.disk.mu.Unlock()
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	err := f.disk.step(OpWrite, f.path)
	n := len(p)
	if err != nil {
		n = 0
		var short *ShortWrite
		if errors.As(err, &short) {
			n = min(short.Written, len(p))
		}
		f.disk.mu.Lock()
	}
	defer f.disk.mu.Unlock()
	if n > 0 {
		grown := make([]byte, max(int64(len(f.data)), off+int64(n)))
		copy(grown, f.data)
		copy(grown[off:], p[:n])
		f.data = grown
	}
	return n, err
}

// Sync implements wal.File.
func (f *file) Sync() error {
	if err := f.disk.step(OpSync, f.path); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()
	f.synced = slices.Clone(f.data)
	return nil
}

// Truncate implements wal.File.
func (f *file) Truncate(size int64) error {
	if err := f.disk.step(OpTruncate, f.path); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()
	f.data = slices.Clone(f.data[:size])
	return nil
}

// Size implements wal.File.
func (f *file) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.data)), nil
}

// Close implements io.Closer.
func (f *file) Close() error { return nil }
