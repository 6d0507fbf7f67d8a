package object

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Dir is a bucket in a directory of the local file system: an object is the file
// whose path below the directory is its key.
//
// An object is written to a file under [Dir.temporary], synced, and then linked
// (IfAbsent) or renamed (Always) to its name, which is atomic (O1, O2).
type Dir struct{ root string }

var _ Bucket = (*Dir)(nil)

const (
	temporaryDir  = ".tmp" // no key begins with a dot
	writeBuffer   = 1 << 20
	directoryMode = 0o755
)

// OpenDir returns the bucket in the directory root, which is made if it is not
// there. It removes what writers that died have left unfinished.
func OpenDir(root string) (*Dir, error) {
	d := &Dir{root: root}
	if err := os.MkdirAll(d.temporary(), directoryMode); err != nil {
		return nil, fmt.Errorf("bucket %s: %w", root, advise(err))
	}
	if err := d.sweep(); err != nil {
		return nil, fmt.Errorf("bucket %s: %w", root, advise(err))
	}
	return d, nil
}

// OpenExisting returns the bucket in a directory that has to be there; it may be one that
// this process can only read.
func OpenExisting(root string) (*Dir, error) {
	d := &Dir{root: root}
	info, err := os.Stat(root)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err == nil {
		_, err = os.ReadDir(root)
	}
	if err == nil {
		err = d.sweep()
	}
	if errors.Is(err, syscall.EROFS) {
		err = nil // what dead writers left stays
	}
	if errors.Is(err, fs.ErrPermission) {
		if _, rights := os.ReadDir(root); rights == nil {
			err = nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", root, advise(err))
	}
	return d, nil
}

// advise says what to do about an error of the file system with the place of a bucket.
func advise(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("a file is in the way, name a directory: %w", err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("nothing can be written there: %w", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("this user may not, see to the rights of the directory: %w", err)
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk is full, free some space: %w", err)
	}
	return err
}

// temporary returns the directory of objects that are being written.
func (d *Dir) temporary() string { return filepath.Join(d.root, temporaryDir) }

// sweep removes the temporary files that no living writer has locked.
func (d *Dir) sweep() error {
	entries, err := os.ReadDir(d.temporary())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(d.temporary(), e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			err = os.Remove(f.Name())
		}
		if err = errors.Join(err, f.Close()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (d *Dir) path(key string) string { return filepath.Join(d.root, filepath.FromSlash(key)) }

// Put implements [Bucket].
func (d *Dir) Put(ctx context.Context, key string, cond Condition, write func(io.Writer) error) (int64, error) {
	if err := CheckKey(key); err != nil {
		return 0, err
	}
	if cond == IfAbsent {
		if _, err := os.Lstat(d.path(key)); err == nil {
			return 0, fmt.Errorf("object %s: %w", key, ErrExists)
		}
	}
	f, err := os.CreateTemp(d.temporary(), "put-*")
	if errors.Is(err, fs.ErrNotExist) { // a copy of a bucket may be without it
		if err = os.Mkdir(d.temporary(), directoryMode); err == nil || errors.Is(err, fs.ErrExist) {
			f, err = os.CreateTemp(d.temporary(), "put-*")
		}
	}
	if err != nil {
		return 0, d.explain(key, err)
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name()) // after a rename there is nothing to remove
	}()
	size, err := fill(ctx, f, write)
	if err == nil {
		err = d.publish(f.Name(), key, cond)
	}
	if errors.Is(err, fs.ErrExist) {
		return 0, fmt.Errorf("object %s: %w", key, ErrExists)
	}
	if err != nil {
		return 0, d.explain(key, err)
	}
	return size, nil
}

// explain says what to do about an error of the file system.
func (d *Dir) explain(key string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("object %s: the disk of %s is full, free some space: %w", key, d.root, err)
	}
	return fmt.Errorf("object %s: %w", key, err)
}

// fill writes a temporary file and makes its bytes durable. The lock tells other
// processes that the file is being written; it ends with the process.
func fill(ctx context.Context, f *os.File, write func(io.Writer) error) (int64, error) {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return 0, err
	}
	c := &counter{ctx: ctx, w: f}
	w := bufio.NewWriterSize(c, writeBuffer)
	if err := write(w); err != nil {
		return 0, err
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	return c.n, ctx.Err()
}

// publish gives a finished file its name and makes that durable.
func (d *Dir) publish(temporary, key string, cond Condition) error {
	path := d.path(key)
	if err := makeDirs(d.root, filepath.Dir(path)); err != nil {
		return err
	}
	if cond == Always {
		if err := os.Rename(temporary, path); err != nil {
			return err
		}
	} else if err := os.Link(temporary, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// makeDirs makes dir and what is missing above it up to root, durably.
func makeDirs(root, dir string) error {
	if _, err := os.Stat(dir); err == nil || dir == root {
		return err
	}
	if err := makeDirs(root, filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, directoryMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Open implements [Bucket]. The object stays readable when it is deleted or
// replaced later.
func (d *Dir) Open(ctx context.Context, key string) (Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	f, err := os.Open(d.path(key))
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", key, absent(err))
	}
	stat, err := f.Stat()
	if err == nil && !stat.Mode().IsRegular() {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", key, errors.Join(err, f.Close()))
	}
	return &file{File: f, size: stat.Size(), version: fileVersion(stat)}, nil
}

// Stat implements [Bucket].
func (d *Dir) Stat(ctx context.Context, key string) (Info, error) {
	if err := ctx.Err(); err != nil {
		return Info{}, err
	}
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	stat, err := os.Stat(d.path(key))
	if err == nil && !stat.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Info{}, fmt.Errorf("object %s: %w", key, absent(err))
	}
	return Info{Key: key, Size: stat.Size()}, nil
}

// absent turns the file system's word for a missing file into the bucket's.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return ErrNotFound
	}
	return err
}

// List implements [Bucket]. It holds the keys of the prefix's directory in memory.
func (d *Dir) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		infos, err := d.list(ctx, prefix)
		if err != nil {
			yield(Info{}, fmt.Errorf("bucket %s: list %q: %w", d.root, prefix, err))
			return
		}
		for _, info := range infos {
			if !yield(info, nil) {
				return
			}
		}
	}
}

func (d *Dir) list(ctx context.Context, prefix string) ([]Info, error) {
	top := d.root
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		if err := CheckKey(prefix[:i]); err != nil {
			return nil, err
		}
		top = d.path(prefix[:i])
	}
	var infos []Info
	err := filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if e.IsDir() && e.Name() == temporaryDir {
			return fs.SkipDir
		}
		rel, err := filepath.Rel(d.root, path)
		key := filepath.ToSlash(rel)
		if err != nil || !e.Type().IsRegular() || !strings.HasPrefix(key, prefix) {
			return err
		}
		stat, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			infos = append(infos, Info{Key: key, Size: stat.Size()})
		}
		return err
	})
	slices.SortFunc(infos, func(a, b Info) int { return strings.Compare(a.Key, b.Key) })
	return infos, err
}

// Delete implements [Bucket].
func (d *Dir) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := CheckKey(key); err != nil {
		return err
	}
	err := os.Remove(d.path(key))
	if err == nil {
		err = syncDir(filepath.Dir(d.path(key)))
	}
	if err != nil && !errors.Is(absent(err), ErrNotFound) {
		return fmt.Errorf("object %s: %w", key, err)
	}
	return nil
}

// file is an open file whose size is known.
type file struct {
	*os.File
	size    int64
	version string
}

var _ Versioned = (*file)(nil)

// fileVersion returns a name of a file's bytes. A file that is put in its place later
// is another one on the disk, and mostly of another time.
func fileVersion(stat fs.FileInfo) string {
	inode := uint64(0)
	if sys, ok := stat.Sys().(*syscall.Stat_t); ok {
		inode = sys.Ino
	}
	return fmt.Sprintf("%x-%x", inode, stat.ModTime().UnixNano())
}

// Version implements [Versioned].
func (f *file) Version() string { return f.version }

// Size implements [Object].
func (f *file) Size() int64 { return f.size }

// Mark returns the number of the directory: a copy has another.
func (d *Dir) Mark() string {
	info, err := os.Stat(d.root)
	if err != nil {
		return ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("directory:%d", stat.Ino)
}
