package wal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"path/filepath"
)

// Open locks the directory, which wraps ErrLocked where another process has it,
// and makes the log ready: what stands behind the marker and is no whole record was
// never acknowledged; it is cut off, and the logger is told. Where something that was
// acknowledged is damaged or missing the error is columnar.ErrCorrupt, names the file,
// and nothing is changed. So it is with a log that does not reach to Start: it belongs
// to something else.
func Open(o Options) (*Log, error) {
	if o.FS == nil {
		o.FS = OS{}
	}
	if o.FileBytes == 0 {
		o.FileBytes = defaultFileBytes
	}
	if o.MarkDelay == 0 {
		o.MarkDelay = defaultMarkDelay
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Log{dir: o.Dir, fs: o.FS, fileBytes: o.FileBytes}
	if len(o.ID) > maxID {
		return nil, l.explain(fmt.Errorf("an id of %d bytes: must have %d at most", len(o.ID), maxID))
	}
	if err := l.fs.MkdirAll(o.Dir); err != nil {
		return nil, l.explain(err)
	}
	lock, err := l.fs.Lock(filepath.Join(o.Dir, lockName))
	if err != nil {
		return nil, l.explain(err)
	}
	l.lock = lock
	if err := l.recover(&o); err != nil {
		return nil, errors.Join(l.explain(err), l.closeFiles(), lock.Close())
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

// closeFiles closes the files that are open.
func (l *Log) closeFiles() (err error) {
	if l.io.file != nil {
		err = l.io.file.Close()
		l.io.file = nil
	}
	if l.io.marker != nil {
		err = errors.Join(err, l.io.marker.close())
		l.io.marker = nil
	}
	return err
}

// recover finds the end of the log and opens the last file and the marker.
func (l *Log) recover(o *Options) error {
	s, err := look(l.fs, l.dir, o.ID, o.Start)
	if err != nil {
		return err
	}
	if n := s.marked.damaged; s.marked.found && n > 0 {
		o.Logger.Warn("the marker of the write-ahead log was damaged; what it says is known from its other copies",
			"file", filepath.Join(l.dir, markName), "copies", n)
	}
	l.io.files, l.io.durable, l.io.sum = s.files, s.end, s.last.sum
	for _, position := range s.unfinished {
		o.Logger.Warn("a file of the write-ahead log that was never finished is removed; it holds no record", "file", l.path(position))
		if err := l.fs.Remove(l.path(position)); err != nil {
			return err
		}
	}
	if len(s.files) == 0 {
		l.io.sum = crc32.Checksum([]byte(o.ID), castagnoli)
	} else if err := l.openLast(&s, o.Logger); err != nil {
		return err
	}
	if l.io.marker, err = openMarker(l.fs, o, s.marked, mark{position: l.io.durable, sum: l.io.sum, id: o.ID}); err != nil {
		return err
	}
	return l.begin(&s, o)
}

// openLast opens the last file for the records to come, and cuts off what is no record.
func (l *Log) openLast(s *survey, logger *slog.Logger) (err error) {
	if l.io.file, err = l.fs.Open(l.path(l.current())); err != nil {
		return err
	}
	l.io.header = s.last.header
	if torn := s.last.size - s.last.good; torn > 0 {
		logger.Warn("the end of the write-ahead log was cut off; it was being written when the process ended and was not acknowledged",
			"file", l.path(l.current()), "offset", s.last.good, "bytes", torn)
		if err := l.io.file.Truncate(s.last.good); err != nil {
			return err
		}
	}
	return l.io.file.Sync() // a record may have been written and not synced
}

// begin makes marker and files be those of an open log.
func (l *Log) begin(s *survey, o *Options) error {
	anew := l.io.durable < o.Start || len(s.files) == 0
	if len(s.files)+len(s.unfinished) == 0 && s.marked.found {
		o.Logger.Warn("the files of the write-ahead log are gone; all that was acknowledged is in segments, so it begins anew", "directory", l.dir, "position", o.Start)
	}
	if anew {
		// Files without a record: the log begins where the segments end.
		l.io.files, l.io.durable = nil, max(l.io.durable, o.Start)
	}
	marks := 0
	switch now := (mark{s.marked.sequence, l.io.durable, l.io.sum, l.io.marker.id}); {
	case s.marked.found && s.marked.damaged > 0:
		marks = 2 // both places are written anew
	case s.marked.mark != now:
		marks = 1
	}
	for range marks {
		if err := l.mark(); err != nil {
			return err
		}
	}
	if !anew && l.io.header == headerLen2 {
		return nil
	}
	// A file of an earlier release is not gone on with: where there is one of the new
	// form there is a marker.
	if err := l.rotate(); err != nil {
		return err
	}
	for _, position := range s.files {
		if anew && position != l.io.durable {
			if err := l.fs.Remove(l.path(position)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Replay calls fn for every record whose frame ends behind the position from, in
// order, with the position behind it. The record is valid during the call. It is
// to be called before the first append. Damage wraps columnar.ErrCorrupt and
// names file and offset.
func (l *Log) Replay(from uint64, fn func(record []byte, end uint64) error) error {
	r := reading{fs: l.fs, dir: l.dir, files: l.io.files, end: l.io.durable, from: from}
	err := r.each(func(f frame, _ int64) error {
		if f.end() <= from {
			return nil
		}
		return fn(f.record, f.end())
	})
	if err != nil {
		return fmt.Errorf("write-ahead log %s: %w", l.dir, err)
	}
	return nil
}

// reading reads the records of a log up to end, but for files that hold nothing behind
// from.
type reading struct {
	fs        FS
	dir       string
	files     []uint64
	end, from uint64
}

// each calls fn for every frame, with its offset in its file.
func (r *reading) each(fn func(f frame, offset int64) error) error {
	var sum uint32 // behind the file before
	summed := false
	for i, base := range r.files {
		end := r.end
		if i+1 < len(r.files) {
			end = r.files[i+1]
		}
		if end <= r.from && i+1 < len(r.files) {
			continue
		}
		s, err := r.file(base, end, func(s *scanner) error {
			if summed && s.header == headerLen2 && s.sum != sum {
				return &damage{0, "it does not go on where the file before ends: this is the file of another log, or another copy of this one"}
			}
			return nil
		}, fn)
		var d *damage
		if errors.As(err, &d) {
			err = fmt.Errorf("%w; "+restoreIt, err)
		}
		if err != nil {
			return fmt.Errorf("file %s: %w", fileName(base), err)
		}
		sum, summed = s.sum, true
	}
	return nil
}

// file reads a file up to the position end, which it must reach.
func (r *reading) file(base, end uint64, opened func(*scanner) error, fn func(f frame, offset int64) error) (s *scanner, err error) {
	in, err := r.fs.Open(filepath.Join(r.dir, fileName(base)))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	size, err := in.Size()
	if err != nil {
		return nil, err
	}
	if s, err = newScanner(in, size, base); err != nil {
		return nil, err
	}
	if err := opened(s); err != nil {
		return nil, err
	}
	for s.position() < end {
		offset := s.offset
		f, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil, &damage{s.offset, fmt.Sprintf("the file ends at position %d, %d bytes before the next", s.position(), end-s.position())}
		}
		if err != nil {
			return nil, err
		}
		if err := fn(f, offset); err != nil {
			return nil, err
		}
	}
	if s.position() != end {
		return nil, &damage{s.offset, fmt.Sprintf("a record goes beyond position %d, where the next file begins", end)}
	}
	return s, nil
}
