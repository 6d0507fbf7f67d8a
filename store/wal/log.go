package wal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	defaultFileBytes = 64 << 20
	defaultMarkDelay = 100 * time.Millisecond
	writeChunk       = 1 << 20 // frames are gathered up to this size for one write
	lockName         = "LOCK"
)

// Options say how to open a log.
type Options struct {
	Dir       string // made if it is not there
	ID        string // of the log, as in its directory's file of that name
	FS        FS     // nil: that of the machine
	FileBytes int64  // a file that has reached this size is followed by another; 0: 64 MiB
	// Start is a position below which nothing is needed any more: what lies there
	// is not missed, and new records get positions at or above it.
	Start  uint64
	Logger *slog.Logger // is told what was cut off at the end; nil: nobody
	// MarkDelay is for how long at most a mark is known to the machine and not yet on the
	// disk; 0: 100 ms. Where it is negative every mark is on the disk before the
	// acknowledgement, which costs a second sync for each group.
	MarkDelay time.Duration
}

// Log is an open write-ahead log. Its methods are safe for concurrent use.
type Log struct {
	dir       string
	fs        FS
	fileBytes int64
	lock      io.Closer

	// pending is the group that gathers frames while another one is written.
	pending struct {
		sync.Mutex
		group *group
	}

	// io is held by the leader of the group that is written, and by Trim.
	io struct {
		sync.Mutex
		files   []uint64 // positions at which the files begin; the last is written to
		file    File     // nil after a fault, until the next append
		header  int64    // length of its header
		durable uint64   // end of the last good frame
		sum     uint32   // of the log up to there
		marker  *marker
		ahead   bool // there may be a mark behind durable
		fault   bool // file must be cut back to durable before anything else
		closed  bool
		chunk   []byte
	}

	apply sync.Mutex // held while a group is applied; taken before io is given up (W1)

	end     atomic.Uint64
	appends atomic.Int64
	syncs   atomic.Int64
}

// group is the frames that become durable together.
type group struct {
	records []record
	done    chan struct{}
	err     error
}

type record struct {
	data     []byte
	checksum uint32
	apply    func(end uint64)
}

// errClosed is the answer to an append to a closed log.
var errClosed = errors.New("the write-ahead log is closed")

// Append writes a record of 1 to MaxRecord bytes and returns when it is durable
// and apply, where not nil, has been called with the position behind it. Calls of
// apply come in the order of positions, one at a time, and not for records that
// were not written.
//
// After an error nothing was appended, though after a crash soon after it the
// record may be found. Later appends may succeed.
func (l *Log) Append(data []byte, apply func(end uint64)) error {
	if len(data) == 0 || len(data) > MaxRecord {
		return fmt.Errorf("write-ahead log: a record of %d bytes: must have 1 to %d", len(data), MaxRecord)
	}
	r := record{data: data, checksum: crc32.Checksum(data, castagnoli), apply: apply}
	l.pending.Lock()
	g := l.pending.group
	leader := g == nil
	if leader {
		g = &group{done: make(chan struct{})}
		l.pending.group = g
	}
	g.records = append(g.records, r)
	l.pending.Unlock()
	if leader {
		l.lead(g)
	}
	<-g.done
	return g.err
}

// lead writes the group and applies it. While it waits for the group before, its
// own goes on gathering.
func (l *Log) lead(g *group) {
	defer close(g.done)
	l.io.Lock()
	l.pending.Lock()
	l.pending.group = nil
	l.pending.Unlock()
	start := l.io.durable
	if g.err = l.commit(g); g.err != nil {
		l.io.Unlock()
		return
	}
	l.end.Store(l.io.durable)
	l.apply.Lock()
	defer l.apply.Unlock()
	l.io.Unlock()
	l.appends.Add(int64(len(g.records)))
	for _, r := range g.records {
		start += frameLen + uint64(len(r.data))
		if r.apply != nil {
			r.apply(start)
		}
	}
}

// commit makes a group durable, or leaves the log as it was.
func (l *Log) commit(g *group) error {
	if l.io.closed {
		return errClosed
	}
	if err := l.ready(); err != nil {
		return l.explain(err)
	}
	end, sum, err := l.write(g)
	if err == nil {
		err = l.io.file.Sync()
	}
	if err == nil {
		err = l.io.marker.put(end, sum) // W6
		l.io.ahead = err != nil
	}
	if err != nil {
		l.io.fault = true
		_ = l.repair() // if it does not succeed now, the next append tries again
		return l.explain(err)
	}
	l.syncs.Add(1)
	l.io.durable, l.io.sum = end, sum
	return nil
}

// explain says what to do about an error of the file system.
func (l *Log) explain(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("write-ahead log %s: the disk is full, free some space and write again: %w", l.dir, err)
	}
	return fmt.Errorf("write-ahead log %s: %w", l.dir, err)
}

// ready makes sure that there is a good file to write to.
func (l *Log) ready() error {
	if l.io.fault {
		if err := l.repair(); err != nil {
			return err
		}
	}
	if l.io.file != nil && l.offset() < l.fileBytes {
		return nil
	}
	return l.rotate()
}

// current returns the position at which the last file begins.
func (l *Log) current() uint64 { return l.io.files[len(l.io.files)-1] }

// offset returns the length of the good part of the last file.
func (l *Log) offset() int64 { return l.io.header + int64(l.io.durable-l.current()) }

func (l *Log) path(position uint64) string { return filepath.Join(l.dir, fileName(position)) }

// rotate makes the next file, which begins at the end of the last (W2).
func (l *Log) rotate() error {
	if err := l.io.marker.sync(); err != nil {
		return err
	}
	if l.io.file != nil {
		if err := l.io.file.Close(); err != nil {
			return err
		}
		l.io.file = nil
	}
	path := l.path(l.io.durable)
	f, err := l.fs.Create(path)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(fileHeader(l.io.durable, l.io.sum), 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = l.fs.SyncDir(l.dir)
	}
	if err != nil {
		return errors.Join(err, f.Close(), l.fs.Remove(path))
	}
	if n := len(l.io.files); n == 0 || l.current() != l.io.durable {
		l.io.files = append(l.io.files, l.io.durable)
	}
	l.io.file, l.io.header = f, headerLen2
	return nil
}

// repair cuts the last file back to its good frames and leaves it for good (W4). A mark
// that is ahead of them, perhaps, is taken back first.
func (l *Log) repair() error {
	if l.io.ahead {
		if err := l.mark(); err != nil {
			return err
		}
		l.io.ahead = false
	}
	f := l.io.file
	if err := f.Truncate(l.offset()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	l.io.fault, l.io.file = false, nil
	return f.Close()
}

// mark writes a mark at the end of the log, and syncs it.
func (l *Log) mark() error {
	if err := l.io.marker.put(l.io.durable, l.io.sum); err != nil {
		return err
	}
	return l.io.marker.sync()
}

// write writes the group's frames behind the good part of the file and returns
// the position behind them, and the sum of the log up to there.
func (l *Log) write(g *group) (end uint64, sum uint32, err error) {
	sum = l.io.sum
	position, offset := l.io.durable, l.offset()
	chunk := l.io.chunk[:0]
	put := func(p []byte) {
		if err == nil && len(p) > 0 {
			_, err = l.io.file.WriteAt(p, offset)
			offset += int64(len(p))
		}
	}
	for _, r := range g.records {
		if len(chunk)+frameLen+len(r.data) > writeChunk {
			put(chunk)
			chunk = chunk[:0]
		}
		chunk = appendFrameHeader(chunk, len(r.data), r.checksum, position, l.io.durable)
		sum = sumFrame(sum, chunk[len(chunk)-frameLen:])
		if len(r.data) < writeChunk/2 {
			chunk = append(chunk, r.data...)
		} else {
			put(chunk)
			chunk = chunk[:0]
			put(r.data)
		}
		position += frameLen + uint64(len(r.data))
	}
	put(chunk)
	l.io.chunk = chunk
	return position, sum, err
}

// End returns the position behind the last durable record.
func (l *Log) End() uint64 { return l.end.Load() }

// Stats say what a log holds and has done since it was opened.
type Stats struct {
	Files          int
	Start, End     uint64 // positions; what lies between is on disk
	Appends, Syncs int64  // records appended, groups synced
}

// Stats returns the log's present state.
func (l *Log) Stats() Stats {
	l.io.Lock()
	defer l.io.Unlock()
	return Stats{
		Files: len(l.io.files), Start: l.io.files[0], End: l.io.durable,
		Appends: l.appends.Load(), Syncs: l.syncs.Load(),
	}
}

// Trim removes the files that hold nothing at or above a position.
func (l *Log) Trim(position uint64) error {
	l.io.Lock()
	defer l.io.Unlock()
	if l.io.closed {
		return errClosed
	}
	if position >= l.io.durable && l.io.durable > l.current() && !l.io.fault {
		if err := l.rotate(); err != nil {
			return l.explain(err)
		}
	}
	for len(l.io.files) > 1 && l.io.files[1] <= position {
		if err := l.fs.Remove(l.path(l.io.files[0])); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return l.explain(err)
		}
		l.io.files = l.io.files[1:]
	}
	return nil
}

// Close waits for the group that is written, refuses those after it and unlocks
// the directory. It may be called more than once.
func (l *Log) Close() error {
	l.io.Lock()
	defer l.io.Unlock()
	if l.io.closed {
		return nil
	}
	l.io.closed = true
	var err error
	if l.io.fault {
		err = l.repair()
	}
	return errors.Join(err, l.io.marker.sync(), l.closeFiles(), l.lock.Close())
}
