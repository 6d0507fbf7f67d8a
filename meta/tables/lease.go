package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/trellisdb/trellis/meta"
)

// counters is the row of the table catalog.
type counters struct {
	id       string
	epoch    int64 // newest that was given out
	nextEdit int64
	lease    meta.Lease // of epoch 0 when there is none
}

// lock makes other changes wait for this one and returns the counters.
func (c *Catalog) lock(ctx context.Context, tx *sql.Tx) (counters, error) {
	return readCounters(ctx, tx, c.dialect.Lock)
}

func readCounters(ctx context.Context, q Queryer, lock string) (row counters, err error) {
	var holder *string // of nobody, when the newest epoch was given out by another catalog
	err = q.QueryRowContext(ctx, `SELECT id, epoch, next_edit, holder, log, expires FROM catalog `+lock).
		Scan(&row.id, &row.epoch, &row.nextEdit, &holder, &row.lease.Log, &row.lease.Expires)
	if holder != nil {
		row.lease.Epoch, row.lease.Holder = row.epoch, *holder
	}
	return row, err
}

// changeAs runs f in a transaction of the writer with an epoch, or wraps ErrConflict
// when that is not the newest one (M2).
func (c *Catalog) changeAs(ctx context.Context, epoch int64, f func(*sql.Tx, counters) error) error {
	return c.db.Change(ctx, func(tx *sql.Tx) error {
		row, err := c.lock(ctx, tx)
		if err != nil {
			return err
		}
		if err := c.sameDatabase(row.id); err != nil {
			return err
		}
		switch {
		case row.lease.Epoch == 0:
			return fmt.Errorf("epoch %d was never acquired: %w", epoch, meta.ErrConflict)
		case epoch != row.lease.Epoch:
			return fmt.Errorf("epoch %d is not %d, that of %q: %w", epoch, row.lease.Epoch, row.lease.Holder, meta.ErrConflict)
		}
		return f(tx, row)
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
	err = c.db.Change(ctx, func(tx *sql.Tx) error {
		if _, err := c.lock(ctx, tx); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `INSERT INTO logs (id, position) VALUES (`+c.dialect.Random+`, 0) RETURNING id`).Scan(&id); err != nil {
			return err
		}
		return c.note(ctx, tx, meta.Change{Log: &meta.Log{ID: id}})
	})
	if err != nil {
		return "", fmt.Errorf("new log: %w", err)
	}
	return id, nil
}

// Position returns the position up to which segments hold the records of a log.
func (c *Catalog) Position(ctx context.Context, log string) (position uint64, err error) {
	err = c.db.Read(ctx, func(q Queryer) (err error) {
		position, err = logPosition(ctx, q, log)
		return err
	})
	if err != nil {
		return 0, err
	}
	return position, nil
}

func logPosition(ctx context.Context, q Queryer, log string) (uint64, error) {
	var bits int64
	err := q.QueryRowContext(ctx, `SELECT position FROM logs WHERE id = $1`, log).Scan(&bits)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("log %q: %w", log, meta.ErrNotFound)
	}
	if err != nil {
		return 0, fmt.Errorf("log %q: %w", log, err)
	}
	return uint64(bits), nil
}

// advance moves a log's position forward and returns it; it never goes back.
func advance(ctx context.Context, tx *sql.Tx, log string, position uint64) (uint64, error) {
	now, err := logPosition(ctx, tx, log)
	if err != nil || position <= now {
		return now, err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE logs SET position = $1 WHERE id = $2`, int64(position), log); err != nil {
		return now, fmt.Errorf("log %q: %w", log, err)
	}
	return position, nil
}

// Acquire makes the caller the writer.
func (c *Catalog) Acquire(ctx context.Context, claim meta.Claim) (epoch int64, err error) {
	err = c.db.Change(ctx, func(tx *sql.Tx) error {
		row, err := c.lock(ctx, tx)
		if err != nil {
			return err
		}
		if err := c.sameDatabase(row.id); err != nil {
			return err
		}
		now, err := c.now(ctx, tx)
		if err != nil {
			return err
		}
		returns := claim.Log != "" && claim.Log == row.lease.Log
		left := time.Duration(row.lease.Expires-now) * time.Microsecond // more than MaxTTL where the clock was set back
		if row.lease.Epoch > 0 && left > 0 && left <= meta.MaxTTL && !returns {
			return fmt.Errorf("the lease of %q lasts for another %v: stop that writer, or wait: %w", row.lease.Holder, left.Round(time.Millisecond), meta.ErrHeld)
		}
		epoch = row.epoch + 1
		_, err = tx.ExecContext(ctx, `UPDATE catalog SET epoch = $1, holder = $2, log = $3, expires = $4`,
			epoch, claim.Holder, claim.Log, expiry(now, claim.TTL))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO writers (epoch, holder, acquired) VALUES ($1, $2, $3)`, epoch, claim.Holder, now)
		return err
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
	err := c.changeAs(ctx, epoch, func(tx *sql.Tx, _ counters) error { return c.setExpiry(ctx, tx, ttl) })
	if err != nil {
		return fmt.Errorf("renew the lease: %w", err)
	}
	return nil
}

// Release ends the writer's lease, if it has it still.
func (c *Catalog) Release(ctx context.Context, epoch int64) error {
	err := c.changeAs(ctx, epoch, func(tx *sql.Tx, _ counters) error { return c.setExpiry(ctx, tx, 0) })
	if err != nil && !errors.Is(err, meta.ErrConflict) {
		return fmt.Errorf("release the lease: %w", err)
	}
	return nil
}

func (c *Catalog) setExpiry(ctx context.Context, tx *sql.Tx, ttl time.Duration) error {
	now, err := c.now(ctx, tx)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE catalog SET expires = $1`, expiry(now, ttl))
	return err
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
