package tables

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// ReserveEdits gives the writer ids for edits.
func (c *Catalog) ReserveEdits(ctx context.Context, epoch int64, n int) (first int64, err error) {
	if n < 1 {
		return 0, fmt.Errorf("reserve edits: %w: %d ids are none: ask for one at least", meta.ErrInvalid, n)
	}
	err = c.changeAs(ctx, epoch, func(w *change) error {
		first = w.row.nextEdit
		w.row.nextEdit += int64(n)
		return nil
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
		edits, err = view(ctx, c, func(tx *sql.Tx) ([]meta.Edit, error) {
			if len(args) > 0 {
				return editsWhere(ctx, tx, where, args...)
			}
			row, err := readCounters(ctx, tx, "")
			if err != nil {
				return nil, err
			}
			return trail(ctx, tx, row.trail)
		})
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
	stored, err := editTable.read(ctx, tx, `e WHERE `+where+` ORDER BY id`, args...)
	if err != nil || len(stored) == 0 {
		return nil, err
	}
	edits, _, err := withRanges(ctx, tx, stored, where, args...)
	return edits, err
}

// trail returns all edits, after it has made sure that they are the whole trail.
func trail(ctx context.Context, tx *sql.Tx, head int64) ([]meta.Edit, error) {
	stored, err := editTable.all(ctx, tx, "id")
	if err != nil {
		return nil, err
	}
	if err := checkTrail(stored, head); err != nil {
		return nil, err
	}
	edits, sums, err := withRanges(ctx, tx, stored, "TRUE")
	if err != nil {
		return nil, err
	}
	return edits, rangeTable.checkTotal(ctx, tx, sums)
}

// withRanges returns the edits for which a condition on e holds with their times and
// ranges, and the total of all these.
func withRanges(ctx context.Context, tx *sql.Tx, stored []storedEdit, where string, args ...any) ([]meta.Edit, total, error) {
	made, err := snapshotTable.read(ctx, tx, `WHERE id IN (SELECT e.snapshot FROM edits e WHERE `+where+`)`, args...)
	if err != nil {
		return nil, total{}, err
	}
	times := make(map[int64]int64, len(made))
	for i := range made {
		times[made[i].ID] = made[i].Time
	}
	ranges, err := rangesWhere(ctx, tx, nil, `WHERE edit IN (SELECT e.id FROM edits e WHERE `+where+`)`, args...)
	if err != nil {
		return nil, total{}, err
	}
	var edits []meta.Edit
	for i := range stored {
		e := &stored[i]
		time, ok := times[e.Snapshot]
		if !ok {
			return nil, total{}, fmt.Errorf("table edits, row %d: %w: its snapshot %d is missing", e.ID, columnar.ErrCorrupt, e.Snapshot)
		}
		if err := e.checkRanges(ranges); err != nil {
			return nil, total{}, err
		}
		e.Time, e.Ranges = time, ranges.of[e.ID]
		edits = append(edits, e.Edit)
	}
	return edits, ranges.total, nil
}

// editRanges are ranges by edit, and what the sums of each edit's add up to.
type editRanges struct {
	total
	of   map[int64][]meta.EditRange
	sums map[int64]int64
}

// rangesWhere returns the ranges that a condition chooses.
func rangesWhere(ctx context.Context, q Queryer, damaged func(error), where string, args ...any) (editRanges, error) {
	ranges := editRanges{of: make(map[int64][]meta.EditRange), sums: make(map[int64]int64)}
	var err error
	ranges.total, err = rangeTable.each(ctx, q, damaged, func(r storedRange, sum int64) error {
		ranges.of[r.edit] = append(ranges.of[r.edit], r.EditRange)
		ranges.sums[r.edit] += sum
		return nil
	}, where+` ORDER BY edit, series, from_time, number`, args...)
	return ranges, err
}

// checkRanges wraps columnar.ErrCorrupt where the ranges are not those of the edit.
func (e *storedEdit) checkRanges(ranges editRanges) error {
	if ranges.sums[e.ID] == e.ranges {
		return nil
	}
	return fmt.Errorf("table edits, row %d: %w: its ranges are not those that were written", e.ID, columnar.ErrCorrupt)
}

// checkTrail wraps columnar.ErrCorrupt where edits are not the whole trail, up to the
// head that the catalog knows.
func checkTrail(edits []storedEdit, head int64) error {
	edits = slices.Clone(edits)
	slices.SortFunc(edits, trailOrder)
	last := int64(0)
	for i := range edits {
		e := &edits[i]
		if e.previous != last {
			return fmt.Errorf("table edits, row %d: %w: the trail is broken before it: the edit that it follows was changed or taken out, or one was put in", e.ID, columnar.ErrCorrupt)
		}
		last = editTable.sumOf(e)
	}
	if last != head {
		return fmt.Errorf("table edits: %w: the trail does not end with the edit that was its last", columnar.ErrCorrupt)
	}
	return nil
}

// insertEdits adds edits at the end of the trail.
func insertEdits(ctx context.Context, w *change, edits []meta.Edit) error {
	if len(edits) == 0 {
		return nil
	}
	n := 0
	for i := range edits {
		n += len(edits[i].Ranges)
	}
	number, err := w.number(rangeTable.name, n)
	if err != nil {
		return err
	}
	var ranges []storedRange
	stored := make([]storedEdit, len(edits))
	for i := range edits {
		stored[i].Edit = edits[i]
		for _, r := range edits[i].Ranges {
			added := storedRange{number + int64(len(ranges)), edits[i].ID, r}
			stored[i].ranges += rangeTable.sumOf(&added)
			ranges = append(ranges, added)
		}
	}
	slices.SortFunc(stored, trailOrder)
	for i := range stored {
		stored[i].previous = w.row.trail
		w.row.trail = editTable.sumOf(&stored[i])
	}
	if err := editTable.insert(ctx, w, stored); err != nil {
		return err
	}
	return rangeTable.insert(ctx, w, ranges)
}
