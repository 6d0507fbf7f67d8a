package trellis

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/postgres"
	"github.com/trellisdb/trellis/meta/sqlite"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/wal"
)

// Repair is a place whose catalog is to be rebuilt from the bucket. Nobody else has it
// open: its log's directory is locked, and no writer's lease lasts.
type Repair struct {
	Plan *store.RepairPlan
	// Unreadable is why the catalog could not be asked; nil: it was.
	Unreadable error

	place   Place
	bucket  object.Bucket
	close   []func() error
	catalog meta.Catalog // nil: it could not be opened
}

// OpenRepair reads what the catalog of a place should hold. It changes nothing. The error
// wraps wal.ErrLocked or meta.ErrHeld where a server has the place open.
func OpenRepair(ctx context.Context, p Place, clock func() int64) (r *Repair, err error) {
	r = &Repair{place: p}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	bucket, remote, err := OpenBucket(ctx, p.in(p.Bucket, bucketDir), false, clock)
	if err != nil {
		return r, err
	}
	r.bucket = bucket
	if remote != nil {
		r.close = append(r.close, remote.Close)
	}
	if err := r.lockLog(); err != nil {
		return r, err
	}
	if err := r.openCatalog(ctx, clock()); err != nil {
		return r, err
	}
	r.Plan, err = store.PlanRepair(ctx, bucket, r.catalog)
	return r, err
}

// lockLog keeps servers out.
func (r *Repair) lockLog() error {
	dir := r.place.LogDir()
	if _, err := os.Stat(dir); dir == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	lock, err := wal.Lock(dir)
	if err == nil {
		r.close = append(r.close, lock.Close)
	}
	return err
}

// openCatalog opens the catalog, if that can be done, and finds out that no server has it.
func (r *Repair) openCatalog(ctx context.Context, now int64) error {
	where := r.place.in(r.place.Catalog, catalogFile)
	if isPostgres(where) {
		catalog, err := postgres.Open(ctx, where, postgres.Options{})
		if err != nil {
			return err // there is no other place to put it
		}
		r.catalog = catalog
	} else {
		info, err := os.Stat(where)
		if err == nil && info.Size() == 0 {
			err = fmt.Errorf("the file is empty: %w", columnar.ErrCorrupt) // opened, it would be a new catalog
		}
		if err != nil {
			r.Unreadable = err
			return nil
		}
		catalog, err := sqlite.Open(ctx, where)
		if err != nil {
			r.Unreadable = err
			return nil
		}
		r.catalog = catalog
	}
	r.close = append(r.close, func() error {
		if r.catalog == nil {
			return nil
		}
		return r.catalog.Close()
	})
	lease, err := r.catalog.Lease(ctx)
	if err != nil {
		r.Unreadable = err
		return nil
	}
	if log, err := wal.ReadID(wal.ReadOnly{}, r.place.LogDir()); r.place.Dir != "" && err == nil && log.ID == lease.Log {
		return nil // whose log is locked
	}
	left := time.Duration(lease.Expires-now) * time.Microsecond
	if lease.Epoch > 0 && left > 0 && left <= meta.MaxTTL {
		return fmt.Errorf("the lease of %q lasts for another %v: stop that server, or wait: %w", lease.Holder, left.Round(time.Second), meta.ErrHeld)
	}
	return nil
}

// Run puts what was planned into the catalog. A file of SQLite is set aside, and its new
// name is returned; a database of PostgreSQL is filled anew.
func (r *Repair) Run(ctx context.Context, now int64) (aside string, err error) {
	where := r.place.in(r.place.Catalog, catalogFile)
	if isPostgres(where) {
		return "", store.FinishRepair(ctx, r.bucket, r.catalog, r.Plan)
	}
	if r.catalog != nil {
		err := r.catalog.Close()
		if r.catalog = nil; err != nil {
			return "", err
		}
	}
	stamp := time.UnixMicro(now).UTC().Format("20060102T150405Z")
	if aside, err = setAside(where, where+".before-repair-"+stamp); err != nil {
		return aside, err
	}
	made, err := sqlite.Open(ctx, where)
	if err != nil {
		return aside, err
	}
	return aside, errors.Join(store.FinishRepair(ctx, r.bucket, made, r.Plan), made.Close())
}

// setAside gives a file of SQLite, with what belongs to it, another name; empty where there
// is none.
func setAside(where, to string) (string, error) {
	moved := ""
	for _, suffix := range []string{"-shm", "-wal", ""} { // the file itself last: until then it is the catalog
		err := os.Rename(where+suffix, to+suffix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return moved, err
		default:
			moved = to
		}
	}
	dir, err := os.Open(filepath.Dir(where))
	if err != nil {
		return moved, err
	}
	return moved, errors.Join(dir.Sync(), dir.Close())
}

// Close gives the place back.
func (r *Repair) Close() error {
	var errs []error
	for i := len(r.close) - 1; i >= 0; i-- {
		errs = append(errs, r.close[i]())
	}
	r.close = nil
	return errors.Join(errs...)
}
