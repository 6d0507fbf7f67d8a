package postgres

import (
	"context"
	"fmt"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/tables"
)

// uniqueIndexes are those without which a row could be there twice.
var uniqueIndexes = []string{
	"series_pkey", "series_name_key", "generation_pkey", "catalog_pkey", "writers_pkey", "logs_pkey", "snapshots_pkey",
	"segments_pkey", "segments_name_key", "edits_pkey", "edit_ranges_pkey", "pins_pkey", "garbage_pkey", "settings_pkey", "journal_pkey",
}

// Integrity looks whether the indexes that keep rows unique are there, and reads all
// rows.
func (c *Catalog) Integrity(ctx context.Context, report func(error)) (meta.Content, error) {
	valid := make(map[string]bool)
	err := c.db.Read(ctx, func(q tables.Queryer) error {
		clear(valid)
		rows, err := q.QueryContext(ctx, `
			SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
			WHERE i.indisunique AND i.indisvalid AND i.indisready AND pg_table_is_visible(c.oid)`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // its error is that of Err
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return err
			}
			valid[name] = true
		}
		return rows.Err()
	})
	if err != nil {
		return meta.Content{}, fmt.Errorf("integrity: %w", err)
	}
	for _, name := range uniqueIndexes {
		if !valid[name] {
			report(fmt.Errorf("catalog %s: index %s: %w: it is missing, or not valid", c.db.name, name, columnar.ErrCorrupt))
		}
	}
	return c.Catalog.Integrity(ctx, report)
}
