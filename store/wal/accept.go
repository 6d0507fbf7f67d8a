package wal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/trellisdb/trellis/columnar"
)

// asideSuffix is that of files which Accept sets aside.
const asideSuffix = ".aside"

// Accepted is what Accept keeps of a log, and what not.
type Accepted struct {
	Damage string   // why the log cannot be opened; empty: it can, and nothing is done
	Marked bool     // whether a mark could be read
	Mark   uint64   // up to where it says that records were acknowledged
	End    uint64   // up to where the log is kept
	Aside  []string // names of the files that are set aside, as they were

	sum    uint32
	header bool     // whether a file is left
	cut    int64    // where not 0, the length to which the first of aside is cut, and stays
	names  []string // of the log's directory
}

// Accept goes on with what can be read of the log of an id in a directory that Open
// refuses: the records up to the first damage become all that the log has, and its
// marker says so. What stands behind is set aside, as files whose names end in
// ".aside". Unless it is told to do so it only says what it would do. A log of which
// nothing above start can be kept is columnar.ErrCorrupt.
func Accept(dir, id string, start uint64, do bool) (a Accepted, err error) {
	disk := OS{}
	lock, err := disk.Lock(filepath.Join(dir, lockName))
	if err != nil {
		return a, fmt.Errorf("write-ahead log %s: %w", dir, err)
	}
	defer func() {
		if err = errors.Join(err, lock.Close()); err != nil {
			err = fmt.Errorf("write-ahead log %s: %w", dir, err)
		}
	}()
	_, err = verify(dir, &VerifyOptions{ID: id, Start: start})
	if !errors.Is(err, columnar.ErrCorrupt) {
		return a, err
	}
	a.Damage = err.Error()
	if a.names, err = disk.List(dir); err != nil {
		return a, err
	}
	m, err := readMark(disk, dir, a.names)
	if err == nil {
		err = sameLog(&m, id)
	}
	if err != nil {
		return a, err
	}
	a.Marked, a.Mark = m.found, m.position
	if err = a.plan(dir, id, start, &m); err == nil && do {
		err = a.carryOut(dir, mark{sequence: m.sequence + 1, position: a.End, sum: a.sum, id: id})
		if err == nil {
			_, err = verify(dir, &VerifyOptions{ID: id, Start: start})
		}
	}
	return a, err
}

// plan finds out up to where the log can be read.
func (a *Accepted) plan(dir, id string, start uint64, m *marked) error {
	files := positions(a.names)
	for len(files) > 1 && files[1] <= start {
		files = files[1:] // nothing in it is needed
	}
	if len(files) == 0 || files[0] > start {
		return fmt.Errorf("%w: the records from position %d on are missing, so there is nothing to go on with; move the directory away to go on without it", columnar.ErrCorrupt, start)
	}
	a.End, a.sum = files[0], crc32.Checksum([]byte(id), castagnoli)
	for i, base := range files {
		whole, err := a.read(dir, base, m)
		if err != nil {
			return err
		}
		if !whole {
			for _, position := range files[i:] {
				a.Aside = append(a.Aside, fileName(position))
			}
			break
		}
	}
	if a.End < start || !a.header {
		return fmt.Errorf("%w: records can be read up to position %d only, and the segments hold everything up to %d, so there is nothing to go on with; move the directory away to go on without it",
			columnar.ErrCorrupt, a.End, start)
	}
	return nil
}

// read reads a file and reports whether it is whole. Of one that is damaged the
// beginning is kept; of one that is another log's, as far as that can be seen, nothing.
func (a *Accepted) read(dir string, base uint64, m *marked) (whole bool, err error) {
	if base != a.End {
		return false, nil
	}
	f, err := ReadOnly{}.Open(filepath.Join(dir, fileName(base)))
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return false, err
	}
	s, err := newScanner(f, size, base)
	if errors.Is(err, columnar.ErrCorrupt) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if follows := a.header || base == 0; follows && s.header == headerLen2 && s.sum != a.sum {
		return false, nil
	}
	for before := base; err == nil; {
		if m.agrees(s, before) != nil {
			return false, nil
		}
		before = s.position()
		_, err = s.next()
	}
	ended := errors.Is(err, io.EOF)
	if !ended && !errors.Is(err, columnar.ErrCorrupt) {
		return false, err
	}
	a.End, a.sum, a.header = s.position(), s.sum, true
	if !ended {
		a.cut = s.offset
	}
	return ended, nil
}

// carryOut sets aside what is not kept, from the end on, and writes the mark.
func (a *Accepted) carryOut(dir string, now mark) error {
	for i := len(a.Aside) - 1; i >= 0; i-- {
		path := filepath.Join(dir, a.Aside[i])
		if _, err := os.Lstat(path + asideSuffix); err == nil {
			return fmt.Errorf("there is a file %s already: move it away first", a.Aside[i]+asideSuffix)
		}
		if i > 0 || a.cut == 0 {
			if err := os.Rename(path, path+asideSuffix); err != nil {
				return err
			}
			continue
		}
		if err := copyAside(path); err != nil {
			return err
		}
		if err := cutFile(path, a.cut); err != nil {
			return err
		}
	}
	if err := (OS{}).SyncDir(dir); err != nil {
		return err
	}
	return createMarks(OS{}, dir, now)
}

// copyAside copies a file beside itself.
func copyAside(path string) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(path+asideSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Sync()
}

// cutFile cuts a file to a size.
func cutFile(path string, size int64) (err error) {
	f, err := OS{}.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(size); err != nil {
		return err
	}
	return f.Sync()
}
