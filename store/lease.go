package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

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
	id, records, err := wal.ReadID(fs, o.LogDir)
	if err != nil {
		return err
	}
	fresh := id == ""
	position := uint64(0)
	if !fresh || records {
		position, err = s.catalog.Position(ctx, or(id, firstLog))
		switch {
		case err == nil:
			id = or(id, firstLog)
		case errors.Is(err, meta.ErrNotFound) && !fresh:
			return fmt.Errorf("write-ahead log %s: the catalog does not know the log %q: this is not the log of this catalog; move the directory away to go on without it: %w", o.LogDir, id, err)
		case !errors.Is(err, meta.ErrNotFound):
			return err
		}
	}
	if id == "" {
		if id, err = s.catalog.NewLog(ctx); err != nil {
			return err
		}
	}
	// The directory is locked before the epoch is taken: a second process on the
	// same directory must not fence the first.
	if s.log, err = wal.Open(wal.Options{Dir: o.LogDir, FS: o.LogFS, Start: position}); err != nil {
		return err
	}
	s.logID = id
	if o.LogFS == nil {
		if s.logAt, err = logFolderOf(o.LogDir); err != nil {
			return err
		}
	}
	if fresh {
		return wal.WriteID(fs, o.LogDir, id)
	}
	return nil
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
