package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/trellisdb/trellis/meta"
)

// Pin keeps a snapshot under a name.
func (c *Catalog) Pin(ctx context.Context, pin meta.Pin) error {
	err := c.db.Change(ctx, func(tx *sql.Tx) error {
		if _, err := c.lock(ctx, tx); err != nil {
			return err
		}
		if pin.Name == "" {
			return fmt.Errorf("%w: the name is empty: give one", meta.ErrInvalid)
		}
		if err := checkKept(ctx, tx, pin.Snapshot); err != nil {
			return fmt.Errorf("snapshot %d: %w", pin.Snapshot, err)
		}
		n, err := c.insertPins(ctx, tx, []meta.Pin{pin})
		if err == nil && n == 0 {
			err = meta.ErrExists
		}
		if err != nil {
			return err
		}
		return c.note(ctx, tx, meta.Change{Pin: &pin})
	})
	if err != nil {
		return fmt.Errorf("pin %q: %w", pin.Name, err)
	}
	return nil
}

// insertPins adds pins whose names are free, and returns how many.
func (c *Catalog) insertPins(ctx context.Context, tx *sql.Tx, pins []meta.Pin) (int64, error) {
	return c.insert(ctx, tx, `INSERT INTO pins (name, snapshot, who, created)`, `ON CONFLICT (name) DO NOTHING`, 4, len(pins), func(i int) ([]any, error) {
		p := &pins[i]
		return []any{p.Name, p.Snapshot, p.Who, p.Created}, nil
	})
}

// Unpin takes a name away.
func (c *Catalog) Unpin(ctx context.Context, name string) error {
	err := c.db.Change(ctx, func(tx *sql.Tx) error {
		if _, err := c.lock(ctx, tx); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `DELETE FROM pins WHERE name = $1`, name)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err == nil && n == 0 {
			err = meta.ErrNotFound
		}
		if err != nil {
			return err
		}
		return c.note(ctx, tx, meta.Change{Unpin: name})
	})
	if err != nil {
		return fmt.Errorf("pin %q: %w", name, err)
	}
	return nil
}

const selectPins = `SELECT name, snapshot, who, created FROM pins ORDER BY name`

func scanPin(rows *sql.Rows) (p meta.Pin, err error) {
	err = rows.Scan(&p.Name, &p.Snapshot, &p.Who, &p.Created)
	return p, err
}

// Pins returns all pins in order of name.
func (c *Catalog) Pins(ctx context.Context) ([]meta.Pin, error) {
	pins, err := list(ctx, c, scanPin, selectPins)
	if err != nil {
		return nil, fmt.Errorf("pins: %w", err)
	}
	return pins, nil
}

// errDryRun rolls back what was only to be said.
var errDryRun = errors.New("a dry run")

// Expire gives up snapshots and the segments that only they have.
func (c *Catalog) Expire(ctx context.Context, e meta.Expiry) (meta.Expired, error) {
	var expired meta.Expired
	err := c.changeAs(ctx, e.Epoch, func(tx *sql.Tx, _ counters) (err error) {
		expired = meta.Expired{}
		var change meta.Change
		if change.GaveUp, expired.Snapshots, err = giveUp(ctx, tx, e.KeepFrom); err != nil {
			return err
		}
		if expired.Segments, err = c.discard(ctx, tx, e.Now); err != nil {
			return err
		}
		if e.DryRun {
			return errDryRun
		}
		if expired.Snapshots == 0 && len(expired.Segments) == 0 {
			return nil
		}
		change.Unlinked = expired.Segments
		return c.note(ctx, tx, change)
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return meta.Expired{}, fmt.Errorf("expire: %w", err)
	}
	return expired, nil
}

// giveUp gives up the snapshots that are older than the last one at or before an
// instant, but for the newest one and those pinned, and returns the first that is kept
// and how many were given up.
func giveUp(ctx context.Context, tx *sql.Tx, keepFrom int64) (from, n int64, err error) {
	first, ok, err := at(ctx, tx, keepFrom)
	if err != nil || !ok {
		return 0, 0, err
	}
	result, err := tx.ExecContext(ctx, `UPDATE snapshots SET kept = FALSE WHERE kept AND id < $1 AND id NOT IN (SELECT snapshot FROM pins)`, first.ID)
	if err != nil {
		return 0, 0, err
	}
	n, err = result.RowsAffected()
	return first.ID, n, err
}

// discard makes garbage of the retired segments that no kept snapshot has, and
// returns their names in the order in which they were added.
func (c *Catalog) discard(ctx context.Context, tx *sql.Tx, now int64) ([]string, error) {
	const unneeded = ` FROM segments WHERE retired > 0 AND NOT history
		AND NOT EXISTS (SELECT 1 FROM snapshots s WHERE s.kept AND s.id >= segments.created AND s.id < segments.retired)`
	names, err := query(ctx, tx, scanText, `SELECT name`+unneeded+` ORDER BY number`)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, `DELETE`+unneeded); err != nil {
		return nil, err
	}
	return names, c.insertGarbage(ctx, tx, names, now)
}

func scanGarbage(rows *sql.Rows) (g meta.Garbage, err error) {
	err = rows.Scan(&g.Name, &g.Since)
	return g, err
}

// Garbage returns the objects that may be deleted from the bucket.
func (c *Catalog) Garbage(ctx context.Context) ([]meta.Garbage, error) {
	garbage, err := list(ctx, c, scanGarbage, `SELECT name, since FROM garbage ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("garbage: %w", err)
	}
	return garbage, nil
}

// Condemn makes garbage of objects that the catalog does not know.
func (c *Catalog) Condemn(ctx context.Context, epoch int64, names []string, now int64) ([]string, error) {
	var condemned []string
	err := c.changeAs(ctx, epoch, func(tx *sql.Tx, _ counters) error {
		known, err := c.known(ctx, tx, names)
		if err != nil {
			return err
		}
		condemned = nil
		for _, name := range names {
			if !known[name] {
				condemned = append(condemned, name)
				known[name] = true
			}
		}
		return c.insertGarbage(ctx, tx, condemned, now)
	})
	if err != nil {
		return nil, fmt.Errorf("condemn: %w", err)
	}
	return condemned, nil
}

// Forget takes garbage that has been deleted off the list.
func (c *Catalog) Forget(ctx context.Context, epoch int64, names []string) error {
	text, err := array(names)
	if err == nil {
		err = c.changeAs(ctx, epoch, func(tx *sql.Tx, _ counters) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM garbage WHERE name `+c.dialect.Texts("$1"), text)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("forget: %w", err)
	}
	return nil
}
