package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/trellisdb/trellis/columnar"
)

// Verified is what Verify has read.
type Verified struct {
	Files   int
	Records int64
	Samples int64 // in records; those of whole blocks are not counted
	Bytes   int64
	// Torn is how many bytes at the end are no whole frame: a group that is just being
	// written, or that a crash cut off before it was acknowledged. Open cuts them off.
	Torn int64
}

// Verify reads a log and verifies every frame and every entry. It does not lock
// the directory and changes nothing, so it may be used on a log that is open.
// Damage wraps columnar.ErrCorrupt and names file and offset.
func Verify(dir string) (Verified, error) {
	var v Verified
	disk := FS(OS{})
	found, err := positions(disk, dir)
	if err != nil {
		return v, fmt.Errorf("write-ahead log %s: %w", dir, err)
	}
	for i, base := range found {
		next := uint64(0)
		if i+1 < len(found) {
			next = found[i+1]
		}
		err := v.file(disk, filepath.Join(dir, fileName(base)), base, next)
		if errors.Is(err, fs.ErrNotExist) && i+1 < len(found) {
			continue // it was trimmed meanwhile
		}
		if err != nil {
			return v, fmt.Errorf("write-ahead log %s: file %s: %w", dir, fileName(base), err)
		}
	}
	return v, nil
}

// file reads a file that goes on at the position next in another one; 0: it is the
// last.
func (v *Verified) file(disk FS, path string, base, next uint64) (err error) {
	f, err := disk.Open(path)
	if err != nil {
		return err
	}
	good, size, err := lastGood(f, base)
	err = errors.Join(err, f.Close())
	switch {
	case err != nil:
		return err
	case good == 0 && next == 0:
		v.Torn += size
		return nil
	case good == 0:
		return &damage{0, "the file header is cut off, and there are later files"}
	case next > 0 && base+uint64(good-headerLen) != next:
		return &damage{good, fmt.Sprintf("the next file begins at position %d", next)}
	}
	v.Files++
	v.Bytes += good
	v.Torn += size - good
	return replayFile(prefixFS{disk, good}, path, base, base+uint64(good-headerLen), func(f frame, offset int64) error {
		v.Records++
		err := Entries(f.record, func(e *Entry) error {
			v.Samples += int64(len(e.Slots))
			return nil
		})
		if err != nil {
			return fmt.Errorf("offset %d: %w: %w", offset, columnar.ErrCorrupt, err)
		}
		return nil
	})
}

// prefixFS opens files as if they ended at a size: what is behind it is just being
// written.
type prefixFS struct {
	FS
	size int64
}

// Open implements FS.
func (p prefixFS) Open(path string) (File, error) {
	f, err := p.FS.Open(path)
	if err != nil {
		return nil, err
	}
	return prefixFile{f, p.size}, nil
}

type prefixFile struct {
	File
	size int64
}

// Size implements File.
func (p prefixFile) Size() (int64, error) { return p.size, nil }
