package tables

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/trellisdb/trellis/meta"
)

// note writes a change into the journal, in the transaction that makes it. The caller
// has the lock on the table catalog.
func (c *Catalog) note(ctx context.Context, tx *sql.Tx, change meta.Change) error {
	var number int64
	if err := tx.QueryRowContext(ctx, `SELECT changes, head FROM catalog`).Scan(&number, &change.Before); err != nil {
		return err
	}
	change.Number = number + 1
	entry, err := meta.NewEntry(&change)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO journal (number, change) VALUES ($1, $2)`, entry.Number, entry.Text); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE catalog SET changes = $1, head = $2`, entry.Number, entry.Digest())
	return err
}

// mostNoted bounds the series of a change, and so its text.
const mostNoted = 5000

// noteSeries writes changes of series into the journal.
func (c *Catalog) noteSeries(ctx context.Context, tx *sql.Tx, series []meta.Series) error {
	for len(series) > 0 {
		n := min(len(series), mostNoted)
		if err := c.note(ctx, tx, meta.Change{Series: series[:n]}); err != nil {
			return err
		}
		series = series[n:]
	}
	return nil
}

func scanEntry(rows *sql.Rows) (e meta.Entry, err error) {
	err = rows.Scan(&e.Number, &e.Text)
	return e, err
}

// Journal returns how far the catalog has come, and the changes after a number that are
// still here.
func (c *Catalog) Journal(ctx context.Context, after int64) (meta.Journal, error) {
	journal, err := view(ctx, c, func(tx *sql.Tx) (j meta.Journal, err error) {
		err = tx.QueryRowContext(ctx, `SELECT id, changes, head, trimmed FROM catalog`).Scan(&j.Database, &j.Number, &j.Head, &j.Trimmed)
		if err != nil {
			return j, err
		}
		last, err := latest(ctx, tx)
		if err != nil || j.Number <= after {
			return j, err
		}
		j.Snapshot = last.ID
		j.Entries, err = query(ctx, tx, scanEntry, `SELECT number, change FROM journal WHERE number > $1 ORDER BY number`, after)
		return j, err
	})
	if err != nil {
		return meta.Journal{}, fmt.Errorf("journal: %w", err)
	}
	return journal, nil
}

// TrimJournal forgets the changes up to a number, which are elsewhere.
func (c *Catalog) TrimJournal(ctx context.Context, epoch, number int64) error {
	err := c.changeAs(ctx, epoch, func(tx *sql.Tx, _ counters) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM journal WHERE number <= $1`, number); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE catalog SET trimmed = $1 WHERE trimmed < $1`, number)
		return err
	})
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}
