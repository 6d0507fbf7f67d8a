package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/tables"
)

// Writable returns why a catalog's file, or its directory, in which SQLite makes others,
// cannot be written to; nil: it can, or it is not there.
func Writable(path string) error {
	const mayWrite = 2
	for _, name := range []string{path, filepath.Dir(path)} {
		err := syscall.Access(name, mayWrite)
		if errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EACCES) {
			return err
		}
	}
	return nil
}

// OpenReader opens a catalog in a file that cannot be written to: on a read-only mount, or
// for a user who may only read it. Whatever changes it wraps meta.ErrReadOnly. Where a
// writer has it open through another mount it is read beside that one. Else a copy is
// read, in a directory of its own below TMPDIR, which has what a writer that died left in
// the -wal file, and an older schema brought up to date.
func OpenReader(ctx context.Context, path string) (*Catalog, error) {
	c := &Catalog{db: file{path: path}}
	ready, err := c.openBeside(ctx)
	if err == nil && !ready {
		err = c.openCopy(ctx)
	}
	if err != nil {
		return nil, errors.Join(c.db.Explain(ctx, err), c.Close())
	}
	c.db.readOnly = true
	return c, nil
}

// openBeside opens the file where a writer has it, or left it without an end. It is not
// ready where there is none of that, or the schema is an older one.
func (c *Catalog) openBeside(ctx context.Context) (ready bool, err error) {
	f := &c.db
	if f.abs, err = filepath.Abs(f.path); err != nil {
		return false, err
	}
	if f.info, err = os.Stat(f.abs); err != nil || !exists(f.abs+"-wal") || !exists(f.abs+"-shm") {
		return false, err
	}
	if f.read, err = connect(f.abs, readers, url.Values{"mode": {"ro"}, "_pragma": {"query_only(1)"}}); err != nil {
		return false, err
	}
	have, know, err := versions(ctx, f.read)
	if err == nil && have > know {
		return false, newerSchema(have, know)
	}
	if err == nil && have == know {
		c.Catalog = tables.New(f, dialect)
		f.readOnly = true
		err = c.Prepare(ctx)
		if f.readOnly = false; err == nil {
			return true, nil
		}
	}
	if ctx.Err() != nil {
		return false, err
	}
	// What is wrong with it shows in the copy.
	closing := f.read.Close()
	f.read = nil
	return false, closing
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// openCopy copies the file and opens the copy.
func (c *Catalog) openCopy(ctx context.Context) (err error) {
	f := &c.db
	path := f.abs
	if f.temporary, err = os.MkdirTemp("", "trellis-catalog-*"); err != nil {
		return err
	}
	const tries = 5
	copied := filepath.Join(f.temporary, filepath.Base(path))
	for n := 0; ; n++ {
		before := state(path)
		_ = os.Remove(copied + "-wal") // of the try before
		if err := copyFile(path, copied); err != nil {
			return err
		}
		if err := copyFile(path+"-wal", copied+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if state(path) == before {
			break
		}
		if n == tries {
			return errors.New("it changes while it is copied: a server writes to it through another mount; read it there, or take a snapshot of the disk")
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	f.original = f.info
	if err := f.openAt(ctx, copied); err != nil {
		return err
	}
	c.Catalog = tables.New(f, dialect)
	return c.Prepare(ctx)
}

// state is what can be told of a catalog's files without reading them.
func state(path string) (s string) {
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(path + suffix)
		if err == nil {
			s += fmt.Sprint(info.Size(), info.ModTime().UnixNano(), ";")
		}
	}
	return s
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// errReadOnly is the error of every change.
func (f *file) errReadOnly() error {
	return fmt.Errorf("catalog %s: %w", f.path, meta.ErrReadOnly)
}
