package wal

import (
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"
)

// marker is the marker's file of an open log. A mark is known to the machine when put
// returns, so that a killed process has left it, and on the disk when sync returns or
// after delay.
type marker struct {
	file   File
	path   string
	delay  time.Duration // negative: put syncs, too
	logger *slog.Logger

	syncing sync.Mutex // held while the file is synced; taken before mu

	mu     sync.Mutex // over what follows
	mark              // the newest, with the sequence of the newest attempt
	next   int        // place of the next one: the other one holds one that is on the disk
	dirty  bool       // a mark was written since the last sync began
	timer  *time.Timer
	closed bool
}

// openMarker opens the marker's file, which it makes where nothing was found in it.
func openMarker(fs FS, o *Options, found marked, first mark) (*marker, error) {
	m := &marker{path: filepath.Join(o.Dir, markName), delay: o.MarkDelay, logger: o.Logger, mark: found.mark, next: 1 - found.place}
	if !found.found {
		m.mark, m.next = first, 1
		if err := createMarks(fs, o.Dir, first); err != nil {
			return nil, err
		}
	}
	if m.id == "" {
		m.id = o.ID
	}
	var err error
	if m.file, err = fs.Open(m.path); err != nil {
		return nil, err
	}
	return m, nil
}

// createMarks makes the marker's file, with a mark in both places.
func createMarks(fs FS, dir string, first mark) error {
	f, err := fs.Create(filepath.Join(dir, markName))
	if err != nil {
		return err
	}
	b := make([]byte, markBytes)
	for i := range 2 * copies {
		copy(b[i/copies*markPage+i%copies*markSlot:], first.encode())
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return fs.SyncDir(dir)
}

// put makes it known that all up to a position, which is durable, is acknowledged. After
// an error nobody knows which mark there is.
func (m *marker) put(position uint64, sum uint32) error {
	m.mu.Lock()
	err := m.write(position, sum)
	if err == nil && m.delay > 0 {
		m.later()
	}
	m.mu.Unlock()
	if err == nil && m.delay < 0 {
		err = m.sync()
	}
	return err
}

// write writes a mark. Until it is synced the next one takes its place, so one that is
// on the disk is whole whenever the power fails.
func (m *marker) write(position uint64, sum uint32) error {
	m.sequence++ // also where it fails: nobody knows then whether it was written
	now := mark{sequence: m.sequence, position: position, sum: sum, id: m.id}
	b := now.encode()
	if _, err := m.file.WriteAt(append(b, b...), int64(m.next)*markPage); err != nil {
		return err
	}
	m.mark, m.dirty = now, true
	return nil
}

// later makes a sync happen after the delay, unless one is due already.
func (m *marker) later() {
	if m.timer == nil && !m.closed {
		m.timer = time.AfterFunc(m.delay, m.due)
	}
}

// due syncs what was written some time ago.
func (m *marker) due() {
	err := m.sync()
	if err == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.logger.Warn("the marker of the write-ahead log was not written to the disk; it is tried again", "file", m.path, "error", err)
	_ = m.write(m.position, m.sum) // what becomes of pages whose sync failed is not known
	m.later()
}

// sync makes the newest mark durable.
func (m *marker) sync() error {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	m.mu.Lock()
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
	place, needed := m.next, m.dirty && !m.closed
	m.dirty = m.dirty && !needed
	m.mu.Unlock()
	if !needed {
		return nil
	}
	err := m.file.Sync()
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.dirty = true
		return err
	}
	m.next = 1 - place
	return nil
}

// close closes the file.
func (m *marker) close() error {
	m.mu.Lock()
	m.closed = true
	if m.timer != nil {
		m.timer.Stop()
	}
	m.mu.Unlock()
	m.syncing.Lock() // one that is under way is waited for
	defer m.syncing.Unlock()
	return m.file.Close()
}
