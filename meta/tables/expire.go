package tables

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/trellisdb/trellis/meta"
)

// Pin keeps a snapshot under a name.
func (c *Catalog) Pin(ctx context.Context, pin meta.Pin) error {
	err := c.change(ctx, func(w *change) error {
		if pin.Name == "" {
			return fmt.Errorf("%w: the name is empty: give one", meta.ErrInvalid)
		}
		if _, err := kept(ctx, w, pin.Snapshot); err != nil {
			return fmt.Errorf("snapshot %d: %w", pin.Snapshot, err)
		}
		n, err := insertPins(ctx, w, []meta.Pin{pin})
		if err == nil && n == 0 {
			err = meta.ErrExists
		}
		if err != nil {
			return err
		}
		return note(ctx, w, meta.Change{Pin: &pin})
	})
	if err != nil {
		return fmt.Errorf("pin %q: %w", pin.Name, err)
	}
	return nil
}

// insertPins adds pins whose names are free, and returns how many.
func insertPins(ctx context.Context, w *change, pins []meta.Pin) (int64, error) {
	return pinTable.insertFree(ctx, w, pins, `ON CONFLICT (name) DO NOTHING`)
}

// Unpin takes a name away.
func (c *Catalog) Unpin(ctx context.Context, name string) error {
	err := c.change(ctx, func(w *change) error {
		pins, err := pinTable.read(ctx, w, `WHERE name = $1`, name)
		if err != nil {
			return err
		}
		if len(pins) == 0 {
			return meta.ErrNotFound
		}
		if err := pinTable.remove(ctx, w, pins, `WHERE name = $1`, name); err != nil {
			return err
		}
		return note(ctx, w, meta.Change{Unpin: name})
	})
	if err != nil {
		return fmt.Errorf("pin %q: %w", name, err)
	}
	return nil
}

// Pins returns all pins in order of name.
func (c *Catalog) Pins(ctx context.Context) ([]meta.Pin, error) {
	pins, err := all(ctx, c, &pinTable, "name")
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
	err := c.changeAs(ctx, e.Epoch, func(w *change) (err error) {
		expired = meta.Expired{}
		var change meta.Change
		if change.GaveUp, expired.Snapshots, err = giveUp(ctx, w, e.KeepFrom); err != nil {
			return err
		}
		if expired.Segments, err = discard(ctx, w, e.Now); err != nil {
			return err
		}
		if e.DryRun {
			return errDryRun
		}
		if expired.Snapshots == 0 && len(expired.Segments) == 0 {
			return nil
		}
		change.Unlinked = expired.Segments
		return note(ctx, w, change)
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return meta.Expired{}, fmt.Errorf("expire: %w", err)
	}
	return expired, nil
}

// giveUp gives up the snapshots that are older than the last one at or before an
// instant, but for the newest one and those pinned, and returns the first that is kept
// and how many were given up.
func giveUp(ctx context.Context, w *change, keepFrom int64) (from, n int64, err error) {
	first, ok, err := at(ctx, w, keepFrom)
	if err != nil || !ok {
		return 0, 0, err
	}
	before, err := snapshotTable.read(ctx, w, `WHERE kept AND id < $1 AND id NOT IN (SELECT snapshot FROM pins)`, first.ID)
	if err != nil {
		return 0, 0, err
	}
	after := slices.Clone(before)
	for i := range after {
		after[i].Kept = false
	}
	return first.ID, int64(len(after)), snapshotTable.replace(ctx, w, before, after)
}

// discard makes garbage of the retired segments that no kept snapshot has, and
// returns their names in the order in which they were added.
func discard(ctx context.Context, w *change, now int64) ([]string, error) {
	const unneeded = `WHERE retired > 0 AND NOT history
		AND NOT EXISTS (SELECT 1 FROM snapshots s WHERE s.kept AND s.id >= segments.created AND s.id < segments.retired)`
	segments, err := segmentTable.read(ctx, w, unneeded+` ORDER BY number`)
	if err != nil || len(segments) == 0 {
		return nil, err
	}
	if err := segmentTable.remove(ctx, w, segments, unneeded); err != nil {
		return nil, err
	}
	names := make([]string, len(segments))
	for i := range segments {
		names[i] = segments[i].Name
	}
	return names, garbageTable.insert(ctx, w, garbageOf(names, now))
}

func garbageOf(names []string, since int64) []meta.Garbage {
	garbage := make([]meta.Garbage, len(names))
	for i, name := range names {
		garbage[i] = meta.Garbage{Name: name, Since: since}
	}
	return garbage
}

// Garbage returns the objects that may be deleted from the bucket.
func (c *Catalog) Garbage(ctx context.Context) ([]meta.Garbage, error) {
	garbage, err := all(ctx, c, &garbageTable, "name")
	if err != nil {
		return nil, fmt.Errorf("garbage: %w", err)
	}
	return garbage, nil
}

// Condemn makes garbage of objects that the catalog does not know.
func (c *Catalog) Condemn(ctx context.Context, epoch int64, names []string, now int64) ([]string, error) {
	var condemned []string
	err := c.changeAs(ctx, epoch, func(w *change) error {
		known, err := c.known(ctx, w, names)
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
		return garbageTable.insert(ctx, w, garbageOf(condemned, now))
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
		err = c.changeAs(ctx, epoch, func(w *change) error {
			where := `WHERE name ` + c.dialect.Texts("$1")
			garbage, err := garbageTable.read(ctx, w, where, text)
			if err != nil {
				return err
			}
			return garbageTable.remove(ctx, w, garbage, where, text)
		})
	}
	if err != nil {
		return fmt.Errorf("forget: %w", err)
	}
	return nil
}
