package wal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/trellisdb/trellis/columnar"
)

// restoreIt is what to do about a damaged file.
const restoreIt = "bring it back from a backup, or go on without what is lost: trellis wal accept"

// survey is what the files of a log come to. Taking one changes nothing: Open carries
// it out, Verify only looks.
type survey struct {
	files      []uint64 // positions of the files that stay, in order
	unfinished []uint64 // of files behind them, which were not finished when they were made
	marked     marked
	end        uint64 // behind the last whole record
	last       tail   // of the last file
}

// tail is what the last file comes to.
type tail struct {
	header     int64  // length of its header; 0: it was never finished
	good, size int64  // length of the part that holds whole frames, and of all of it
	sum        uint32 // of the log behind the last whole frame
}

// position returns the position behind the last whole frame of the file that begins
// at base.
func (t *tail) position(base uint64) uint64 { return base + uint64(t.good-t.header) }

// positions returns the positions at which the files among names begin, in order.
func positions(names []string) (found []uint64) {
	for _, name := range names {
		if position, ok := parseFileName(name); ok {
			found = append(found, position)
		}
	}
	slices.Sort(found)
	return found
}

// look surveys the log of an id in a directory. Records below start are not needed.
// The marker is read before the files, so a log may be written to meanwhile: what was
// acknowledged when it was read is in them. What makes it impossible to open the log
// without losing something that was acknowledged is columnar.ErrCorrupt.
func look(fs FS, dir, id string, start uint64) (s survey, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return s, err
	}
	if s.marked, err = readMark(fs, dir, names); err != nil {
		return s, err
	}
	if err := sameLog(&s.marked, id); err != nil {
		return s, err
	}
	if names, err = fs.List(dir); err != nil {
		return s, err
	}
	s.files = positions(names)
	if err := s.lookAtLast(fs, dir, start); err != nil {
		return s, err
	}
	switch named := slices.Contains(names, idName); {
	case len(s.files) > 0:
		return s, s.complete(fs, dir, start)
	case s.marked.found && s.marked.position > start:
		return s, fmt.Errorf("%w: there is no log file: %s", columnar.ErrCorrupt, s.marked.lost(start))
	case named && !s.marked.found && len(s.unfinished) == 0:
		return s, fmt.Errorf("%w: there is no log file, and there was one when file %s was written: "+
			"bring the files back, or move the directory away to go on without what was only in them", columnar.ErrCorrupt, idName)
	}
	s.end = start
	return s, nil
}

// lookAtLast reads the last file that was finished.
func (s *survey) lookAtLast(fs FS, dir string, start uint64) error {
	for len(s.files) > 0 {
		base := s.files[len(s.files)-1]
		f, err := fs.Open(filepath.Join(dir, fileName(base)))
		if err != nil {
			return err
		}
		s.last, err = readTail(f, base, &s.marked, start)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("file %s: %w", fileName(base), err)
		}
		if s.last.header > 0 {
			s.end = s.last.position(base)
			break
		}
		if s.marked.found && s.marked.position > base && s.marked.position > start {
			return fmt.Errorf("file %s: %w: the file header is damaged: %s", fileName(base), columnar.ErrCorrupt, s.marked.lost(max(base, start)))
		}
		s.unfinished = append(s.unfinished, base)
		s.files = s.files[:len(s.files)-1]
	}
	if s.last.header == headerLen2 && !s.marked.found {
		return unmarked(s.marked, s.end) // every file of this kind was made when there was a marker
	}
	return nil
}

// complete makes sure that the files reach from start to where the marker is, without
// a gap.
func (s *survey) complete(fs FS, dir string, start uint64) error {
	for i, base := range s.files[:len(s.files)-1] {
		next := s.files[i+1]
		if next <= start {
			continue // nothing in it is needed, and trimming may have begun
		}
		end, err := fileEnd(fs, filepath.Join(dir, fileName(base)), base)
		if err == nil && end != next {
			err = fmt.Errorf("%w: it ends at position %d, and the next file begins at position %d: a file is missing, or cut off, or another log's; "+
				restoreIt, columnar.ErrCorrupt, end, next)
		}
		if err != nil {
			return fmt.Errorf("file %s: %w", fileName(base), err)
		}
	}
	if first := s.files[0]; first > start {
		return fmt.Errorf("%w: the first file begins at position %d, and the segments of the catalog hold everything up to %d only: "+
			"files of the log are missing, or the catalog is an older copy", columnar.ErrCorrupt, first, start)
	}
	if s.marked.found && s.marked.position > start && s.end < s.marked.position {
		// Only a whole file that is missing at the end comes here.
		return fmt.Errorf("%w: the last file %s ends at position %d: %s", columnar.ErrCorrupt, fileName(s.files[len(s.files)-1]), s.end, s.marked.lost(max(s.end, start)))
	}
	if s.end < start && !s.withoutRecords() {
		return fmt.Errorf("%w: the log ends at position %d, but the segments of the catalog hold everything up to %d: "+
			"this is not the log of this catalog, or an old copy of it; move the directory away to go on without it",
			columnar.ErrCorrupt, s.end, start)
	}
	return nil
}

// withoutRecords reports whether the files hold no record that was acknowledged.
func (s *survey) withoutRecords() bool {
	return s.end == s.files[0] && (s.marked.found || s.last.size <= headerLen2)
}

// fileEnd returns the position at which a file that begins at base ends.
func fileEnd(fs FS, path string, base uint64) (end uint64, err error) {
	f, err := fs.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	s, err := newScanner(f, size, base)
	if err != nil {
		return 0, err
	}
	return base + uint64(size-s.header), nil
}

// readTail reads the last file. Damage before what was acknowledged is
// columnar.ErrCorrupt, and so is a file in which other records stand than those that
// were acknowledged; what is past it may be a torn group.
func readTail(f File, base uint64, m *marked, start uint64) (t tail, err error) {
	if t.size, err = f.Size(); err != nil {
		return t, err
	}
	s, err := newScanner(f, t.size, base)
	if errors.Is(err, columnar.ErrCorrupt) && t.size <= headerLen2 {
		return t, nil
	}
	if errors.Is(err, columnar.ErrCorrupt) {
		err = fmt.Errorf("%w; "+restoreIt, err)
	}
	if err != nil {
		return t, err
	}
	before := base
	for err == nil {
		if err = m.agrees(s, before); err != nil {
			return t, err
		}
		before = s.position()
		_, err = s.next()
	}
	t.header, t.good, t.sum = s.header, s.offset, s.sum
	if errors.Is(err, io.EOF) {
		if at := s.position(); m.found && at < m.position && m.position > start {
			return t, &damage{s.offset, "the file ends: " + m.lost(max(at, start))}
		}
		return t, nil
	}
	if !errors.Is(err, columnar.ErrCorrupt) {
		return t, err
	}
	if at := s.position(); m.found && at < m.position && m.position > start {
		return t, fmt.Errorf("%w: %s", err, m.lost(max(at, start)))
	}
	lost := s.position() < start
	if !lost {
		tail := make([]byte, t.size-s.offset)
		if _, rerr := f.ReadAt(tail, s.offset); rerr != nil && !errors.Is(rerr, io.EOF) {
			return t, rerr
		}
		lost = provesLoss(tail, s.position())
	}
	if lost {
		return t, fmt.Errorf("%w: it was acknowledged, for there are later records; "+restoreIt, err)
	}
	return t, nil
}

// agrees makes sure that the records before the next one of s, the last of which began
// at the position before, are those that were acknowledged, where the marker says so.
func (m *marked) agrees(s *scanner, before uint64) error {
	switch at := s.position(); {
	case !m.found || m.position < s.base:
		return nil
	case before < m.position && m.position < at:
		return &damage{s.offset, fmt.Sprintf("no record ends at position %d, up to which %s says that records were acknowledged: "+
			"this is the file of another log, or another copy of this one", m.position, markName)}
	case at == m.position && s.sum != m.sum:
		return &damage{s.offset, fmt.Sprintf("the records up to position %d are not those that %s says were acknowledged: "+
			"this is the file of another log, or another copy of this one", m.position, markName)}
	}
	return nil
}
