package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/wal"
)

// firstLog is the id of the one log that catalogs of the first release knew.
const firstLog = "first"

// openLog opens the write-ahead log. The directory has the id by which the catalog
// knows the log, and so its position.
func (s *Store) openLog(ctx context.Context, o Options) error {
	fs := o.LogFS
	if fs == nil {
		fs = wal.OS{}
	}
	log, position, err := logOf(ctx, s.catalog, fs, o.LogDir)
	if err != nil {
		return err
	}
	id := log.ID
	if id == "" {
		if id, err = s.newLog(ctx, o.LogDir); err != nil {
			return err
		}
	}
	// The directory is locked before the epoch is taken: a second process on the
	// same directory must not fence the first.
	if s.log, err = wal.Open(wal.Options{Dir: o.LogDir, ID: id, FS: o.LogFS, Start: position, Logger: s.logger}); err != nil {
		return err
	}
	s.logID = id
	if err := s.openSeen(o); err != nil {
		return err
	}
	if o.LogFS == nil {
		if s.logAt, err = logFolderOf(o.LogDir); err != nil {
			return err
		}
	}
	if log.Named {
		return nil
	}
	if log.Records && id != firstLog {
		s.logger.Warn("the id of the write-ahead log was missing; it is known from the marker, and written again", "directory", o.LogDir, "id", id)
	}
	return wal.WriteID(fs, o.LogDir, id)
}

// newLog returns the id of a new log. Where there was a writer before it says that the
// samples that are only in its log are not in this one.
func (s *Store) newLog(ctx context.Context, dir string) (id string, err error) {
	before, err := s.catalog.Lease(ctx)
	if err != nil {
		return "", err
	}
	if id, err = s.catalog.NewLog(ctx); err != nil {
		return "", err
	}
	if before.Log != "" {
		s.logger.Warn("the write-ahead log is a new one; what the last writer's holds and no segment has is not here: where that log still is, start on it",
			"directory", dir, "id", id, "last writer", before.Holder, "its log", before.Log)
	}
	return id, nil
}

// logOf returns what is known of the log in a directory, and the position up to which
// segments hold its records. Its id is empty where the log is a new one.
func logOf(ctx context.Context, catalog meta.Catalog, fs wal.FS, dir string) (log wal.Holds, position uint64, err error) {
	if log, err = wal.ReadID(fs, dir); err != nil {
		return log, 0, err
	}
	known := log.ID != ""
	if !known && !log.Records {
		return log, 0, nil
	}
	log.ID = or(log.ID, firstLog)
	position, err = catalog.Position(ctx, log.ID)
	switch {
	case errors.Is(err, meta.ErrNotFound) && known && !log.Named && !log.Records:
		log.ID = "" // the process ended before it had a record
		return log, 0, nil
	case errors.Is(err, meta.ErrNotFound) && known:
		return log, 0, fmt.Errorf("write-ahead log %s: the catalog does not know the log %q: this is not the log of this catalog; move the directory away to go on without it: %w", dir, log.ID, err)
	case errors.Is(err, meta.ErrNotFound):
		return log, 0, fmt.Errorf("write-ahead log %s: %w: it has records, and its file ID, which says what log it is, is missing; bring it back from a backup, or move the directory away to go on without the log", dir, columnar.ErrCorrupt)
	}
	if err == nil {
		err = checkSeen(ctx, catalog, fs, dir)
	}
	return log, position, err
}

// AcceptLog goes on with what can be read of the damaged write-ahead log in a directory,
// whose catalog is given; see wal.Accept.
func AcceptLog(ctx context.Context, catalog meta.Catalog, dir string, do bool) (wal.Accepted, error) {
	log, position, err := logOf(ctx, catalog, wal.ReadOnly{}, dir)
	if err != nil {
		return wal.Accepted{}, err
	}
	return wal.Accept(dir, log.ID, position, do)
}

// verifyTries is how often a log that is written to meanwhile is read.
const verifyTries = 3

// VerifyLog reads the write-ahead log in a directory, whose catalog is given, and
// verifies it: what of the log makes Open fail makes it fail. Where the catalog is nil
// the log is verified by itself. It changes nothing and may be called while the log is
// written to.
func VerifyLog(ctx context.Context, catalog meta.Catalog, dir string) (v wal.Verified, err error) {
	for range verifyTries {
		v, err = verifyLog(ctx, catalog, dir)
		if !errors.Is(err, columnar.ErrCorrupt) && !errors.Is(err, fs.ErrNotExist) || ctx.Err() != nil {
			break // else files may just have been made or trimmed
		}
	}
	return v, err
}

func verifyLog(ctx context.Context, catalog meta.Catalog, dir string) (wal.Verified, error) {
	if catalog == nil {
		log, err := wal.ReadID(wal.ReadOnly{}, dir)
		if err != nil {
			return wal.Verified{}, err
		}
		return wal.Verify(dir, wal.VerifyOptions{ID: log.ID, Alone: true})
	}
	log, position, err := logOf(ctx, catalog, wal.ReadOnly{}, dir)
	if err != nil {
		return wal.Verified{}, err
	}
	var known seriesCache
	return wal.Verify(dir, wal.VerifyOptions{ID: log.ID, Start: position, Record: func(record []byte, end uint64) error {
		if err := ctx.Err(); err != nil || end <= position {
			return err
		}
		byID, err := known.byID(ctx, catalog) // a series may have been made for this very record
		if err == nil {
			_, err = writesOf(byID, record)
		}
		return err
	}})
}

// becomeWriter takes the writer's lease. It wraps meta.ErrHeld where somebody else
// has it.
func (s *Store) becomeWriter(ctx context.Context, holder string) (err error) {
	if holder == "" {
		host, err := os.Hostname()
		if err != nil {
			return err
		}
		holder = fmt.Sprintf("%s:%d", host, os.Getpid())
	}
	before, err := s.catalog.Lease(ctx)
	if err != nil {
		return err
	}
	if before.Log != s.logID {
		s.before = before.Holder // it has written since this log was
	}
	if s.epoch, err = s.catalog.Acquire(ctx, meta.Claim{Holder: holder, Log: s.logID, TTL: s.leaseTTL}); err != nil {
		return err
	}
	if err := s.claimBucket(ctx, holder); err != nil {
		return err
	}
	return s.beginJournal(ctx)
}

// renewal renews the lease, a few times in the time that it lasts.
type renewal struct{ ticks int }

// renewals is how often a lease is renewed in the time that it lasts.
const renewals = 3

// tick is called every ageCheck.
func (r *renewal) tick(ctx context.Context, s *Store) {
	if s.refusal() == nil {
		_ = s.noteConflict(s.unmoved(ctx)) // what it finds is every later write's error
	}
	if s.lagging() && s.refusal() == nil {
		s.note(ctx)
	}
	if r.ticks++; s.leaseTTL == 0 || time.Duration(r.ticks)*ageCheck < s.leaseTTL/renewals {
		return
	}
	r.ticks = 0
	if s.refusal() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.leaseTTL/renewals)
	defer cancel()
	if err := s.noteConflict(s.ownClaim(ctx)); err != nil && !errors.Is(err, ErrForeign) && ctx.Err() == nil {
		s.logger.Warn("the bucket did not say who its writer is; it is asked again", "error", err)
	}
	if err := s.noteConflict(s.catalog.Renew(ctx, s.epoch, s.leaseTTL)); err != nil && !errors.Is(err, meta.ErrConflict) && ctx.Err() == nil {
		s.logger.Warn("the writer's lease was not renewed; it is tried again", "error", err)
	}
}

// logFolder is a directory as it was when it was opened.
type logFolder struct {
	path string
	info os.FileInfo // nil: it is not looked at
}

// logFolderOf returns a directory as it is.
func logFolderOf(path string) (logFolder, error) {
	info, err := os.Stat(path)
	return logFolder{path, info}, err
}

// unmoved wraps meta.ErrConflict where the catalog's file or the log's directory is no
// longer the one that was opened: what is written to it would be gone with the process.
func (s *Store) unmoved(ctx context.Context) error {
	if err := s.catalog.Check(ctx); err != nil {
		return err
	}
	return s.logUnmoved()
}

// logUnmoved is that of the log's directory alone.
func (s *Store) logUnmoved() error {
	if s.logAt.info == nil {
		return nil
	}
	now, err := os.Stat(s.logAt.path)
	if err == nil && os.SameFile(now, s.logAt.info) {
		return nil
	}
	return fmt.Errorf("write-ahead log %s: the directory was removed, moved away or replaced while it was in use; stop this server, and look for the directory: %w", s.logAt.path, meta.ErrConflict)
}
