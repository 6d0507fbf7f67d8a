package tables

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/trellisdb/trellis/meta"
)

// ReserveEdits gives the writer ids for edits.
func (c *Catalog) ReserveEdits(ctx context.Context, epoch int64, n int) (first int64, err error) {
	if n < 1 {
		return 0, fmt.Errorf("reserve edits: %w: %d ids are none: ask for one at least", meta.ErrInvalid, n)
	}
	err = c.changeAs(ctx, epoch, func(tx *sql.Tx, row counters) error {
		first = row.nextEdit
		_, err := tx.ExecContext(ctx, `UPDATE catalog SET next_edit = $1`, first+int64(n))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("reserve edits: %w", err)
	}
	return first, nil
}

// Edits returns the records of edits, in order of id.
func (c *Catalog) Edits(ctx context.Context, filter meta.EditFilter) ([]meta.Edit, error) {
	where, args, err := c.chosen(filter)
	if err == nil {
		var edits []meta.Edit
		edits, err = view(ctx, c, func(tx *sql.Tx) ([]meta.Edit, error) { return editsWhere(ctx, tx, where, args...) })
		if err == nil {
			return edits, nil
		}
	}
	return nil, fmt.Errorf("edits: %w", err)
}

// chosen returns the condition for e, an edit, to pass a filter.
func (c *Catalog) chosen(filter meta.EditFilter) (where string, args []any, err error) {
	conditions := []string{"TRUE"}
	parameter := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	among := func(column string, ids []int64) (string, error) {
		text, err := array(ids)
		return column + ` ` + c.dialect.Numbers(parameter(text)), err
	}
	if filter.IDs != nil {
		condition, err := among("e.id", filter.IDs)
		if err != nil {
			return "", nil, err
		}
		conditions = append(conditions, condition)
	}
	if filter.Kind != 0 {
		conditions = append(conditions, "e.kind = "+parameter(int64(filter.Kind)))
	}
	var ranges []string
	if filter.Series != nil {
		condition, err := among("r.series", filter.Series)
		if err != nil {
			return "", nil, err
		}
		ranges = append(ranges, condition)
	}
	if filter.From != 0 || filter.To != 0 {
		ranges = append(ranges, "r.from_time < "+parameter(filter.To), "r.to_time > "+parameter(filter.From))
	}
	if len(ranges) > 0 {
		conditions = append(conditions, `e.id IN (SELECT r.edit FROM edit_ranges r WHERE `+strings.Join(ranges, " AND ")+`)`)
	}
	return strings.Join(conditions, " AND "), args, nil
}

// editsWhere returns the edits for which a condition on e holds, and their ranges.
func editsWhere(ctx context.Context, tx *sql.Tx, where string, args ...any) ([]meta.Edit, error) {
	edits, err := query(ctx, tx, scanEdit, `
		SELECT e.id, e.snapshot, s.time, e.kind, e.who, e.reason, e.source, e.inserted, e.replaced, e.deleted
		FROM edits e JOIN snapshots s ON s.id = e.snapshot WHERE `+where+` ORDER BY e.id`, args...)
	if err != nil || len(edits) == 0 {
		return nil, err
	}
	ranges, err := query(ctx, tx, scanRange, `
		SELECT edit, series, from_time, to_time, inserted, replaced, deleted FROM edit_ranges
		WHERE edit IN (SELECT e.id FROM edits e WHERE `+where+`) ORDER BY edit, series, from_time, number`, args...)
	if err != nil {
		return nil, err
	}
	for i := range edits {
		e := &edits[i]
		for len(ranges) > 0 && ranges[0].edit == e.ID {
			e.Ranges = append(e.Ranges, ranges[0].EditRange)
			ranges = ranges[1:]
		}
	}
	return edits, nil
}

func scanEdit(rows *sql.Rows) (e meta.Edit, err error) {
	err = rows.Scan(&e.ID, &e.Snapshot, &e.Time, &e.Kind, &e.Who, &e.Reason, &e.Source, &e.Inserted, &e.Replaced, &e.Deleted)
	return e, err
}

// rangeOf is a range and the edit that it belongs to.
type rangeOf struct {
	edit int64
	meta.EditRange
}

func scanRange(rows *sql.Rows) (r rangeOf, err error) {
	err = rows.Scan(&r.edit, &r.Series, &r.From, &r.To, &r.Inserted, &r.Replaced, &r.Deleted)
	return r, err
}

func (c *Catalog) insertEdits(ctx context.Context, tx *sql.Tx, edits []meta.Edit) error {
	_, err := c.insert(ctx, tx, `INSERT INTO edits (id, snapshot, kind, who, reason, source, inserted, replaced, deleted)`, "", 9, len(edits),
		func(i int) ([]any, error) {
			e := &edits[i]
			return []any{e.ID, e.Snapshot, int64(e.Kind), e.Who, e.Reason, e.Source, e.Inserted, e.Replaced, e.Deleted}, nil
		})
	if err != nil {
		return err
	}
	var ranges []rangeOf
	for i := range edits {
		for _, r := range edits[i].Ranges {
			ranges = append(ranges, rangeOf{edits[i].ID, r})
		}
	}
	_, err = c.insert(ctx, tx, `INSERT INTO edit_ranges (edit, series, from_time, to_time, inserted, replaced, deleted)`, "", 7, len(ranges),
		func(i int) ([]any, error) {
			r := &ranges[i]
			return []any{r.edit, r.Series, r.From, r.To, r.Inserted, r.Replaced, r.Deleted}, nil
		})
	return err
}
