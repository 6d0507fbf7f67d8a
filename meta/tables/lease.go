package tables

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// readCounters returns the row of the table catalog.
func readCounters(ctx context.Context, q Queryer, lock string) (counters, error) {
	return one(ctx, q, &counterTable, lock)
}

// one returns the row of a table that has one.
func one[T any](ctx context.Context, q Queryer, t *table[T], rest string) (v T, err error) {
	list, err := t.read(ctx, q, rest)
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("table %s: %w: it has %d rows, and must have one", t.name, columnar.ErrCorrupt, len(list))
	}
	if err != nil {
		return v, err
	}
	return list[0], nil
}

// changeAs runs f in a transaction of the writer with an epoch, or wraps ErrConflict
// when that is not the newest one (M2).
func (c *Catalog) changeAs(ctx context.Context, epoch int64, f func(*change) error) error {
	return c.change(ctx, func(w *change) error {
		row := &w.row
		if err := c.sameDatabase(row.id); err != nil {
			return err
		}
		switch {
		case row.lease.Epoch == 0:
			return fmt.Errorf("epoch %d was never acquired: %w", epoch, meta.ErrConflict)
		case epoch != row.lease.Epoch:
			return fmt.Errorf("epoch %d is not %d, that of %q: %w", epoch, row.lease.Epoch, row.lease.Holder, meta.ErrConflict)
		}
		return f(w)
	})
}

// ID returns the database's id.
func (c *Catalog) ID(ctx context.Context) (id string, err error) {
	err = c.db.Read(ctx, func(q Queryer) error {
		row, err := readCounters(ctx, q, "")
		id = row.id
		return err
	})
	if err != nil {
		return "", fmt.Errorf("id: %w", err)
	}
	return id, nil
}

// Check wraps meta.ErrConflict where the database is no longer the one that it was when
// Check was first called.
func (c *Catalog) Check(ctx context.Context) error {
	id, err := c.ID(ctx)
	if err != nil {
		return err
	}
	return c.sameDatabase(id)
}

// sameDatabase wraps meta.ErrConflict where the id is another one than the first.
func (c *Catalog) sameDatabase(id string) error {
	c.opened.Lock()
	defer c.opened.Unlock()
	if c.opened.id == "" {
		c.opened.id = id
	}
	if id != c.opened.id {
		return fmt.Errorf("the catalog is that of database %s now, it was that of %s: %w", id, c.opened.id, meta.ErrConflict)
	}
	return nil
}

// NewLog returns the id of a new write-ahead log.
func (c *Catalog) NewLog(ctx context.Context) (id string, err error) {
	err = c.change(ctx, func(w *change) error {
		if err := w.QueryRowContext(ctx, `SELECT `+c.dialect.Random).Scan(&id); err != nil {
			return err
		}
		if err := logTable.insert(ctx, w, []meta.Log{{ID: id}}); err != nil {
			return err
		}
		return note(ctx, w, meta.Change{Log: &meta.Log{ID: id}})
	})
	if err != nil {
		return "", fmt.Errorf("new log: %w", err)
	}
	return id, nil
}

// Position returns the position up to which segments hold the records of a log.
func (c *Catalog) Position(ctx context.Context, log string) (position uint64, err error) {
	err = c.db.Read(ctx, func(q Queryer) error {
		known, err := logOf(ctx, q, log)
		position = known.Position
		return err
	})
	if err != nil {
		return 0, err
	}
	return position, nil
}

func logOf(ctx context.Context, q Queryer, id string) (meta.Log, error) {
	log, ok, err := logTable.first(ctx, q, `WHERE id = $1`, id)
	if err == nil && !ok {
		err = meta.ErrNotFound
	}
	if err != nil {
		return meta.Log{}, fmt.Errorf("log %q: %w", id, err)
	}
	return log, nil
}

// advance moves a log's position forward and returns it; it never goes back.
func advance(ctx context.Context, w *change, id string, position uint64) (uint64, error) {
	log, err := logOf(ctx, w, id)
	if err != nil || position <= log.Position {
		return log.Position, err
	}
	if err := logTable.replace(ctx, w, []meta.Log{log}, []meta.Log{{ID: id, Position: position}}); err != nil {
		return 0, fmt.Errorf("log %q: %w", id, err)
	}
	return position, nil
}

// Acquire makes the caller the writer.
func (c *Catalog) Acquire(ctx context.Context, claim meta.Claim) (epoch int64, err error) {
	err = c.change(ctx, func(w *change) error {
		row := &w.row
		if err := c.sameDatabase(row.id); err != nil {
			return err
		}
		now, err := c.now(ctx, w)
		if err != nil {
			return err
		}
		returns := claim.Log != "" && claim.Log == row.lease.Log
		left := time.Duration(row.lease.Expires-now) * time.Microsecond // more than MaxTTL where the clock was set back
		if row.lease.Epoch > 0 && left > 0 && left <= meta.MaxTTL && !returns {
			return fmt.Errorf("the lease of %q lasts for another %v: stop that writer, or wait: %w", row.lease.Holder, left.Round(time.Millisecond), meta.ErrHeld)
		}
		epoch = row.epoch + 1
		row.epoch, row.lease = epoch, meta.Lease{Epoch: epoch, Holder: claim.Holder, Log: claim.Log, Expires: expiry(now, claim.TTL)}
		return writerTable.insert(ctx, w, []writer{{epoch, claim.Holder, now}})
	})
	if err != nil {
		return 0, fmt.Errorf("writer %q: %w", claim.Holder, err)
	}
	return epoch, nil
}

// expiry is the instant until which a lease lasts that is given now.
func expiry(now int64, ttl time.Duration) int64 {
	return now + min(max(0, ttl), meta.MaxTTL).Microseconds()
}

// now returns the instant by the database's clock.
func (c *Catalog) now(ctx context.Context, q Queryer) (now int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+c.dialect.Now).Scan(&now)
	return now, err
}

// Renew makes the writer's lease last for ttl from now on.
func (c *Catalog) Renew(ctx context.Context, epoch int64, ttl time.Duration) error {
	err := c.changeAs(ctx, epoch, func(w *change) error { return c.setExpiry(ctx, w, ttl) })
	if err != nil {
		return fmt.Errorf("renew the lease: %w", err)
	}
	return nil
}

// Release ends the writer's lease, if it has it still.
func (c *Catalog) Release(ctx context.Context, epoch int64) error {
	err := c.changeAs(ctx, epoch, func(w *change) error { return c.setExpiry(ctx, w, 0) })
	if err != nil && !errors.Is(err, meta.ErrConflict) {
		return fmt.Errorf("release the lease: %w", err)
	}
	return nil
}

func (c *Catalog) setExpiry(ctx context.Context, w *change, ttl time.Duration) error {
	now, err := c.now(ctx, w)
	if err != nil {
		return err
	}
	w.row.lease.Expires = expiry(now, ttl)
	return nil
}

// Lease returns the newest lease.
func (c *Catalog) Lease(ctx context.Context) (lease meta.Lease, err error) {
	err = c.db.Read(ctx, func(q Queryer) error {
		row, err := readCounters(ctx, q, "")
		lease = row.lease
		return err
	})
	if err != nil {
		return meta.Lease{}, fmt.Errorf("lease: %w", err)
	}
	return lease, nil
}
