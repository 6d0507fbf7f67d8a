package tables

import (
	"context"
	"database/sql"
	"errors"
	"slices"
)

// Prepare gives their sums to the rows of a catalog that is new, or of a release whose
// rows had none, once.
func (c *Catalog) Prepare(ctx context.Context) error {
	ready, err := view(ctx, c, func(tx *sql.Tx) (bool, error) { return hasSums(ctx, tx) })
	if err != nil || ready {
		return err
	}
	return c.db.Change(ctx, func(tx *sql.Tx) error {
		// Another one may have been first.
		if _, err := tx.ExecContext(ctx, `UPDATE catalog SET one = 1`); err != nil {
			return err
		}
		if ready, err := hasSums(ctx, tx); err != nil || ready {
			return err
		}
		w := &change{Tx: tx, dialect: &c.dialect, totals: make(totals)}
		rows, err := counterTable.unsummed(ctx, w)
		if err != nil || len(rows) != 1 {
			return err // whoever reads it will say that it is damaged
		}
		w.row = rows[0]
		return w.prepare(ctx)
	})
}

// hasSums reports whether Prepare was called. A row that has no sum after it is
// damaged.
func hasSums(ctx context.Context, q Queryer) (bool, error) {
	var sums int64
	var totals string
	err := q.QueryRowContext(ctx, `SELECT (SELECT count(sum) FROM catalog) + (SELECT count(sum) FROM generation), (SELECT coalesce(max(totals), '') FROM catalog)`).Scan(&sums, &totals)
	return sums > 0 || totals != "", err
}

func (w *change) prepare(ctx context.Context) error {
	steps := []func(context.Context, *change) error{
		seriesTable.fill, segmentTable.fill, fillSnapshots, rangeTable.fill, fillTrail, pinTable.fill, garbageTable.fill, logTable.fill,
		settingTable.fill, writerTable.fill, journalTable.fill, generationTable.fill,
	}
	for _, step := range steps {
		if err := step(ctx, w); err != nil {
			return err
		}
	}
	for _, table := range []string{segmentTable.name, rangeTable.name} {
		t := w.totals[table]
		if err := w.QueryRowContext(ctx, `SELECT coalesce(max(number), 0) FROM `+table).Scan(&t.Last); err != nil {
			return err
		}
		w.totals[table] = t
	}
	return w.finish(ctx)
}

// unsummed returns the rows, whatever their sums are.
func (t *table[T]) unsummed(ctx context.Context, w *change) (list []T, err error) {
	rows, err := w.QueryContext(ctx, t.selection()+"ORDER BY "+t.columns[0])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	r := newRow(&t.layout)
	for rows.Next() {
		if err := rows.Scan(r.into...); err != nil {
			return nil, err
		}
		r.next = 0
		v, err := t.scan(r)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// fill gives all rows their sums.
func (t *table[T]) fill(ctx context.Context, w *change) error {
	list, err := t.unsummed(ctx, w)
	if err != nil {
		return err
	}
	_, sums, err := t.write(ctx, w, list, t.overwriting())
	if slices.Contains(counted, t.name) {
		w.totals[t.name] = sums
	}
	return err
}

// fillSnapshots gives the snapshots the sums of their segments, too.
func fillSnapshots(ctx context.Context, w *change) error {
	snapshots, err := snapshotTable.unsummed(ctx, w)
	if err != nil {
		return err
	}
	segments, err := segmentTable.read(ctx, w, "")
	if err != nil {
		return err
	}
	list := withLive(snapshotsOf(snapshots), segmentsOf(segments))
	_, w.totals[snapshotTable.name], err = snapshotTable.write(ctx, w, list, snapshotTable.overwriting())
	return err
}

// fillTrail chains the edits. Their ranges have their sums.
func fillTrail(ctx context.Context, w *change) error {
	edits, err := editTable.unsummed(ctx, w)
	if err != nil {
		return err
	}
	ranges, err := rangesWhere(ctx, w, nil, "")
	if err != nil {
		return err
	}
	w.row.trail = 0
	slices.SortFunc(edits, trailOrder)
	for i := range edits {
		e := &edits[i]
		e.previous, e.ranges = w.row.trail, ranges.sums[e.ID]
		w.row.trail = editTable.sumOf(e)
	}
	_, w.totals[editTable.name], err = editTable.write(ctx, w, edits, editTable.overwriting())
	return err
}
