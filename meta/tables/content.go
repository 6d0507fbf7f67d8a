package tables

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/trellisdb/trellis/meta"
)

const selectLogs = `SELECT id, position FROM logs ORDER BY id`

func scanLog(rows *sql.Rows) (log meta.Log, err error) {
	var bits int64
	err = rows.Scan(&log.ID, &bits)
	log.Position = uint64(bits)
	return log, err
}

// Export returns all that the catalog holds.
func (c *Catalog) Export(ctx context.Context) (meta.Content, error) {
	content, err := view(ctx, c, func(tx *sql.Tx) (content meta.Content, err error) {
		row, err := readCounters(ctx, tx, "")
		if err != nil {
			return content, err
		}
		content.ID, content.Epoch, content.NextEdit = row.id, row.epoch, row.nextEdit
		if err := tx.QueryRowContext(ctx, `SELECT changes, head FROM catalog`).Scan(&content.Changes, &content.Head); err != nil {
			return content, err
		}
		if content.Series, err = query(ctx, tx, scanSeries, selectSeries+` ORDER BY id`); err != nil {
			return content, err
		}
		if content.Snapshots, err = query(ctx, tx, scanSnapshot, selectSnapshots+` ORDER BY id`); err != nil {
			return content, err
		}
		if content.Segments, err = query(ctx, tx, scanSegment, selectSegments+` ORDER BY number`); err != nil {
			return content, err
		}
		if content.Edits, err = editsWhere(ctx, tx, "TRUE"); err != nil {
			return content, err
		}
		if content.Pins, err = query(ctx, tx, scanPin, selectPins); err != nil {
			return content, err
		}
		if content.Logs, err = query(ctx, tx, scanLog, selectLogs); err != nil {
			return content, err
		}
		settings, err := query(ctx, tx, scanSetting, selectSettings)
		content.Settings = settingsOf(settings)
		return content, err
	})
	if err != nil {
		return meta.Content{}, fmt.Errorf("export: %w", err)
	}
	return content, nil
}

// Import fills a catalog in which there is nothing.
func (c *Catalog) Import(ctx context.Context, content meta.Content) error {
	err := c.db.Change(ctx, func(tx *sql.Tx) error {
		row, err := c.lock(ctx, tx)
		if err != nil {
			return err
		}
		generation, err := nextGeneration(ctx, tx)
		if err != nil {
			return err
		}
		if err := checkEmpty(ctx, tx, row); err != nil {
			return err
		}
		if err := fillCounters(ctx, tx, row, &content); err != nil {
			return err
		}
		if _, err := c.insertSeries(ctx, tx, content.Series, generation); err != nil {
			return err
		}
		return c.fill(ctx, tx, &content)
	})
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	return nil
}

// Replace fills a catalog whose content is given up.
func (c *Catalog) Replace(ctx context.Context, content meta.Content) error {
	err := c.db.Change(ctx, func(tx *sql.Tx) error {
		row, err := c.lock(ctx, tx)
		if err != nil {
			return err
		}
		generation, err := nextGeneration(ctx, tx)
		if err != nil {
			return err
		}
		// Those that refer to others go first.
		for _, table := range []string{"edit_ranges", "edits", "pins", "segments", "snapshots", "garbage", "logs", "settings", "journal", "writers", "series"} {
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+table); err != nil {
				return err
			}
		}
		if err := fillCounters(ctx, tx, row, &content); err != nil {
			return err
		}
		if _, err := c.insertSeries(ctx, tx, content.Series, generation); err != nil {
			return err
		}
		return c.fill(ctx, tx, &content)
	})
	if err != nil {
		return fmt.Errorf("replace: %w", err)
	}
	c.opened.Lock()
	defer c.opened.Unlock()
	c.opened.id = "" // it may be another now
	return nil
}

// checkEmpty wraps ErrExists where there is something in the catalog.
func checkEmpty(ctx context.Context, tx *sql.Tx, row counters) error {
	for _, table := range []string{"series", "snapshots", "segments", "edits", "pins", "garbage", "logs", "settings"} {
		var n int64
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM `+table).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("the catalog is not empty: %d %s: %w", n, table, meta.ErrExists)
		}
	}
	if row.epoch > 0 || row.nextEdit > 1 {
		return fmt.Errorf("the catalog is not empty: it has had %d writers: %w", row.epoch, meta.ErrExists)
	}
	return nil
}

// fillCounters makes the ids go on behind those of the content.
func fillCounters(ctx context.Context, tx *sql.Tx, row counters, content *meta.Content) error {
	row.epoch, row.nextEdit = content.Epoch, max(1, content.NextEdit)
	if content.ID != "" {
		row.id = content.ID
	}
	for i := range content.Edits {
		row.nextEdit = max(row.nextEdit, content.Edits[i].ID+1)
	}
	head := content.Head
	if content.Changes == 0 {
		head = row.id
	}
	_, err := tx.ExecContext(ctx, `UPDATE catalog SET id = $1, epoch = $2, next_edit = $3, holder = NULL, log = '', expires = 0, changes = $4, head = $5, trimmed = 0`,
		row.id, row.epoch, row.nextEdit, content.Changes, head)
	if err != nil {
		return err
	}
	next := int64(1)
	for i := range content.Series {
		next = max(next, content.Series[i].ID+1)
	}
	_, err = tx.ExecContext(ctx, `UPDATE generation SET next_series = $1`, next)
	return err
}

// fill adds the rows of all tables but series.
func (c *Catalog) fill(ctx context.Context, tx *sql.Tx, content *meta.Content) error {
	if err := c.insertSnapshots(ctx, tx, content.Snapshots); err != nil {
		return err
	}
	if err := c.insertSegments(ctx, tx, content.Segments); err != nil {
		return err
	}
	if err := c.insertEdits(ctx, tx, content.Edits); err != nil {
		return err
	}
	if _, err := c.insertPins(ctx, tx, content.Pins); err != nil {
		return err
	}
	_, err := c.insert(ctx, tx, `INSERT INTO logs (id, position)`, "", 2, len(content.Logs), func(i int) ([]any, error) {
		return []any{content.Logs[i].ID, int64(content.Logs[i].Position)}, nil
	})
	if err != nil {
		return err
	}
	for name, value := range content.Settings {
		if _, err := tx.ExecContext(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2)`, name, value); err != nil {
			return fmt.Errorf("setting %q: %w", name, err)
		}
	}
	return nil
}
