package tables

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/trellisdb/trellis/meta"
)

// Export returns all that the catalog holds.
func (c *Catalog) Export(ctx context.Context) (meta.Content, error) {
	content, err := view(ctx, c, func(tx *sql.Tx) (meta.Content, error) { return readContent(ctx, tx) })
	if err != nil {
		return meta.Content{}, fmt.Errorf("export: %w", err)
	}
	return content, nil
}

// readContent returns all that the catalog holds, and makes sure that nothing is missing.
func readContent(ctx context.Context, tx *sql.Tx) (content meta.Content, err error) {
	row, err := readCounters(ctx, tx, "")
	if err != nil {
		return content, err
	}
	content.ID, content.Epoch, content.NextEdit, content.Changes, content.Head = row.id, row.epoch, row.nextEdit, row.changes, row.head
	series, err := seriesTable.all(ctx, tx, "id")
	if err != nil {
		return content, err
	}
	for i := range series {
		content.Series = append(content.Series, series[i].Series)
	}
	snapshots, err := snapshotTable.all(ctx, tx, "id")
	if err != nil {
		return content, err
	}
	content.Snapshots = snapshotsOf(snapshots)
	segments, err := segmentTable.all(ctx, tx, "number")
	if err != nil {
		return content, err
	}
	content.Segments = segmentsOf(segments)
	if content.Edits, err = trail(ctx, tx, row.trail); err != nil {
		return content, err
	}
	if content.Pins, err = pinTable.all(ctx, tx, "name"); err != nil {
		return content, err
	}
	if content.Logs, err = logTable.all(ctx, tx, "id"); err != nil {
		return content, err
	}
	settings, err := settingTable.all(ctx, tx, "name")
	content.Settings = settingsOf(settings)
	return content, err
}

// Import fills a catalog in which there is nothing.
func (c *Catalog) Import(ctx context.Context, content meta.Content) error {
	err := c.change(ctx, func(w *change) error {
		generation, err := nextGeneration(ctx, w)
		if err != nil {
			return err
		}
		if err := checkEmpty(ctx, w); err != nil {
			return err
		}
		if err := fillCounters(ctx, w, &content); err != nil {
			return err
		}
		if _, err := insertSeries(ctx, w, stored(content.Series, generation)); err != nil {
			return err
		}
		return fill(ctx, w, &content)
	})
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	return nil
}

// Replace fills a catalog whose content is given up, whatever state it is in.
func (c *Catalog) Replace(ctx context.Context, content meta.Content) error {
	err := c.db.Change(ctx, func(tx *sql.Tx) error {
		w := &change{Tx: tx, dialect: &c.dialect, totals: make(totals)}
		generation, err := w.clear(ctx)
		if err != nil {
			return err
		}
		if err := fillCounters(ctx, w, &content); err != nil {
			return err
		}
		if _, err := insertSeries(ctx, w, stored(content.Series, generation)); err != nil {
			return err
		}
		if err := fill(ctx, w, &content); err != nil {
			return err
		}
		return w.finish(ctx)
	})
	if err != nil {
		return fmt.Errorf("replace: %w", err)
	}
	c.opened.Lock()
	defer c.opened.Unlock()
	c.opened.id = "" // it may be another now
	return nil
}

// clear takes all rows out, but for the database's id, and returns the generation of
// what comes after them.
func (w *change) clear(ctx context.Context) (int64, error) {
	if _, err := w.ExecContext(ctx, `UPDATE catalog SET one = 1`); err != nil { // the lock
		return 0, err
	}
	rows, err := counterTable.unsummed(ctx, w)
	if err != nil {
		return 0, err
	}
	if len(rows) > 0 {
		w.row.id = rows[0].id
	}
	var g generations
	before, err := generationTable.unsummed(ctx, w)
	if err != nil {
		return 0, err
	}
	if len(before) > 0 {
		g.generation = before[0].generation
	}
	g.generation++
	// Those that refer to others go first.
	for _, table := range []string{"edit_ranges", "edits", "pins", "segments", "snapshots", "garbage", "logs", "settings", "journal", "writers", "series"} {
		if _, err := w.ExecContext(ctx, `DELETE FROM `+table); err != nil {
			return 0, err
		}
	}
	return g.generation, generationTable.overwrite(ctx, w, []generations{g})
}

// checkEmpty wraps ErrExists where there is something in the catalog.
func checkEmpty(ctx context.Context, w *change) error {
	for _, table := range []string{"series", "snapshots", "segments", "edits", "pins", "garbage", "logs", "settings"} {
		var n int64
		if err := w.QueryRowContext(ctx, `SELECT count(*) FROM `+table).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("the catalog is not empty: %d %s: %w", n, table, meta.ErrExists)
		}
	}
	if row := w.row; row.epoch > 0 || row.nextEdit > 1 {
		return fmt.Errorf("the catalog is not empty: it has had %d writers: %w", row.epoch, meta.ErrExists)
	}
	return nil
}

// fillCounters makes the ids go on behind those of the content.
func fillCounters(ctx context.Context, w *change, content *meta.Content) error {
	row := &w.row
	row.epoch, row.nextEdit, row.lease = content.Epoch, max(1, content.NextEdit), meta.Lease{}
	if content.ID != "" {
		row.id = content.ID
	}
	for i := range content.Edits {
		row.nextEdit = max(row.nextEdit, content.Edits[i].ID+1)
	}
	row.journal = journal{changes: content.Changes, head: content.Head}
	if content.Changes == 0 {
		row.head = row.id
	}
	g, err := one(ctx, w, &generationTable, "")
	if err != nil {
		return err
	}
	g.nextSeries = 1
	for i := range content.Series {
		g.nextSeries = max(g.nextSeries, content.Series[i].ID+1)
	}
	return generationTable.overwrite(ctx, w, []generations{g})
}

// fill adds the rows of all tables but series.
func fill(ctx context.Context, w *change, content *meta.Content) error {
	if err := snapshotTable.insert(ctx, w, withLive(content.Snapshots, content.Segments)); err != nil {
		return err
	}
	if err := insertSegments(ctx, w, content.Segments); err != nil {
		return err
	}
	if err := insertEdits(ctx, w, content.Edits); err != nil {
		return err
	}
	if err := pinTable.insert(ctx, w, content.Pins); err != nil {
		return err
	}
	if err := logTable.insert(ctx, w, content.Logs); err != nil {
		return err
	}
	var settings []setting
	for name, value := range content.Settings {
		settings = append(settings, setting{name, value})
	}
	return settingTable.insert(ctx, w, settings)
}
