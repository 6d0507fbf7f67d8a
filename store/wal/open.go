package wal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/trellisdb/trellis/columnar"
)

// Open locks the directory, which wraps ErrLocked where another process has it,
// and makes the log ready: a torn group at the end is cut off. What makes that
// impossible is columnar.ErrCorrupt and names the file. So is a log that has
// records but does not reach to Start: it belongs to something else.
func Open(o Options) (*Log, error) {
	if o.FS == nil {
		o.FS = OS{}
	}
	if o.FileBytes == 0 {
		o.FileBytes = defaultFileBytes
	}
	l := &Log{dir: o.Dir, fs: o.FS, fileBytes: o.FileBytes}
	if err := l.fs.MkdirAll(o.Dir); err != nil {
		return nil, l.explain(err)
	}
	lock, err := l.fs.Lock(filepath.Join(o.Dir, lockName))
	if err != nil {
		return nil, l.explain(err)
	}
	l.lock = lock
	if err := l.recover(o.Start); err != nil {
		if l.io.file != nil {
			err = errors.Join(err, l.io.file.Close())
		}
		return nil, errors.Join(l.explain(err), lock.Close())
	}
	l.end.Store(l.io.durable)
	return l, nil
}

// Lock keeps all others from opening the log of a directory until the lock is closed. It
// wraps ErrLocked where another process has it open.
func Lock(dir string) (io.Closer, error) {
	lock, err := OS{}.Lock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("write-ahead log %s: %w", dir, err)
	}
	return lock, nil
}

// positions returns the positions at which the files in dir begin, in order.
func positions(fs FS, dir string) ([]uint64, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	var found []uint64
	for _, name := range names {
		if position, ok := parseFileName(name); ok {
			found = append(found, position)
		}
	}
	slices.Sort(found)
	return found, nil
}

// recover finds the end of the log and opens the last file.
func (l *Log) recover(start uint64) (err error) {
	if l.io.files, err = positions(l.fs, l.dir); err != nil {
		return err
	}
	if len(l.io.files) > 0 {
		if err := l.openLast(); err != nil {
			return err
		}
	}
	switch {
	case len(l.io.files) == 0:
		l.io.durable = start
		return l.rotate()
	case l.io.files[0] > start && start > 0:
		return fmt.Errorf("%w: records from position %d to %d are missing", columnar.ErrCorrupt, start, l.io.files[0])
	case l.io.durable >= start:
		return nil
	}
	if l.withoutRecords() {
		// Files without a record: the log begins anew where the segments end.
		old := l.io.files
		l.io.files, l.io.durable = nil, start
		if err := l.rotate(); err != nil {
			return err
		}
		return l.remove(old)
	}
	return fmt.Errorf("%w: the log ends at position %d, but the segments of the catalog hold everything up to %d: "+
		"this is not the log of this catalog, or an old copy of it; move the directory away to go on without it",
		columnar.ErrCorrupt, l.io.durable, start)
}

// withoutRecords reports whether the files hold no record.
func (l *Log) withoutRecords() bool { return l.io.durable == l.io.files[0] }

// remove removes files.
func (l *Log) remove(files []uint64) error {
	for _, position := range files {
		if err := l.fs.Remove(l.path(position)); err != nil {
			return err
		}
	}
	return nil
}

// openLast opens the last file and cuts off a torn group. A last file that was
// not finished when it was made holds nothing and is removed.
func (l *Log) openLast() error {
	base := l.current()
	f, err := l.fs.Open(l.path(base))
	if err != nil {
		return err
	}
	good, size, err := lastGood(f, base)
	if err == nil && good >= headerLen {
		l.io.file, l.io.durable = f, base+uint64(good-headerLen)
		if good == size {
			return nil
		}
		if err := f.Truncate(good); err != nil {
			return err
		}
		return f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err != nil {
		return fmt.Errorf("file %s: %w", fileName(base), err)
	}
	if err := l.fs.Remove(l.path(base)); err != nil {
		return err
	}
	l.io.files = l.io.files[:len(l.io.files)-1]
	if len(l.io.files) > 0 {
		return l.openLast()
	}
	l.io.durable = base
	return l.rotate()
}

// lastGood returns the length of the part of the last file that holds good
// frames, 0 where the file was never finished.
func lastGood(f File, base uint64) (good, size int64, err error) {
	if size, err = f.Size(); err != nil {
		return 0, 0, err
	}
	s, err := newScanner(f, size, base)
	if errors.Is(err, columnar.ErrCorrupt) && size <= headerLen {
		return 0, size, nil
	}
	if err != nil {
		return 0, size, err
	}
	for err == nil {
		_, err = s.next()
	}
	if errors.Is(err, io.EOF) {
		return s.offset, size, nil
	}
	if !errors.Is(err, columnar.ErrCorrupt) {
		return 0, size, err
	}
	tail := make([]byte, size-s.offset)
	if _, rerr := f.ReadAt(tail, s.offset); rerr != nil && !errors.Is(rerr, io.EOF) {
		return 0, size, rerr
	}
	if provesLoss(tail, s.position()) {
		return 0, size, err
	}
	return s.offset, size, nil
}

// Replay calls fn for every record whose frame ends behind the position from, in
// order, with the position behind it. The record is valid during the call. It is
// to be called before the first append. Damage wraps columnar.ErrCorrupt and
// names file and offset.
func (l *Log) Replay(from uint64, fn func(record []byte, end uint64) error) error {
	for i, base := range l.io.files {
		end := l.io.durable
		if i+1 < len(l.io.files) {
			end = l.io.files[i+1]
		}
		if end <= from {
			continue
		}
		err := replayFile(l.fs, l.path(base), base, end, func(f frame, _ int64) error {
			if f.end() <= from {
				return nil
			}
			return fn(f.record, f.end())
		})
		if err != nil {
			return fmt.Errorf("write-ahead log %s: file %s: %w", l.dir, fileName(base), err)
		}
	}
	return nil
}

// replayFile calls fn for every frame of a file, which must reach to the position
// end.
func replayFile(fs FS, path string, base, end uint64, fn func(f frame, offset int64) error) (err error) {
	in, err := fs.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	size, err := in.Size()
	if err != nil {
		return err
	}
	s, err := newScanner(in, size, base)
	if err != nil {
		return err
	}
	for s.position() < end {
		offset := s.offset
		f, err := s.next()
		if errors.Is(err, io.EOF) {
			return &damage{offset, fmt.Sprintf("the file ends at position %d, %d bytes before the next", s.position(), end-s.position())}
		}
		if err != nil {
			return err
		}
		if err := fn(f, offset); err != nil {
			return err
		}
	}
	if s.offset != size {
		return &damage{s.offset, "bytes behind the last frame"}
	}
	return nil
}
