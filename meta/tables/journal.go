package tables

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// note writes a change into the journal, in the transaction that makes it.
func note(ctx context.Context, w *change, change meta.Change) error {
	change.Number, change.Before = w.row.changes+1, w.row.head
	entry, err := meta.NewEntry(&change)
	if err != nil {
		return err
	}
	w.row.changes, w.row.head = entry.Number, entry.Digest()
	return journalTable.insert(ctx, w, []meta.Entry{entry})
}

// mostNoted bounds the series of a change, and so its text.
const mostNoted = 5000

// noteSeries writes changes of series into the journal.
func noteSeries(ctx context.Context, w *change, series []meta.Series) error {
	for len(series) > 0 {
		n := min(len(series), mostNoted)
		if err := note(ctx, w, meta.Change{Series: series[:n]}); err != nil {
			return err
		}
		series = series[n:]
	}
	return nil
}

// Journal returns how far the catalog has come, and the changes after a number that are
// still here.
func (c *Catalog) Journal(ctx context.Context, after int64) (meta.Journal, error) {
	journal, err := view(ctx, c, func(tx *sql.Tx) (j meta.Journal, err error) {
		row, err := readCounters(ctx, tx, "")
		if err != nil {
			return j, err
		}
		j.Database, j.Number, j.Head, j.Trimmed = row.id, row.changes, row.head, row.trimmed
		last, err := latest(ctx, tx)
		if err != nil || j.Number <= after {
			return j, err
		}
		j.Snapshot = last.ID
		if j.Entries, err = journalTable.read(ctx, tx, `WHERE number > $1 ORDER BY number`, after); err != nil {
			return j, err
		}
		said, err := row.parseTotals()
		if err != nil {
			return j, err
		}
		want := min(j.Number-after, said[journalTable.name].Rows)
		if int64(len(j.Entries)) != want {
			return j, fmt.Errorf("table journal: %w: it has %d of the last %d changes", columnar.ErrCorrupt, len(j.Entries), want)
		}
		return j, nil
	})
	if err != nil {
		return meta.Journal{}, fmt.Errorf("journal: %w", err)
	}
	return journal, nil
}

// TrimJournal forgets the changes up to a number, which are elsewhere.
func (c *Catalog) TrimJournal(ctx context.Context, epoch, number int64) error {
	err := c.changeAs(ctx, epoch, func(w *change) error {
		entries, err := journalTable.read(ctx, w, `WHERE number <= $1`, number)
		if err != nil {
			return err
		}
		w.row.trimmed = max(w.row.trimmed, number)
		return journalTable.remove(ctx, w, entries, `WHERE number <= $1`, number)
	})
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}
