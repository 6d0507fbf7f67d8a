package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// Integrity reads all rows of all tables, reports those that are damaged or missing, and
// returns what the others say.
func (c *Catalog) Integrity(ctx context.Context, report func(error)) (meta.Content, error) {
	var found []error
	content, err := view(ctx, c, func(tx *sql.Tx) (meta.Content, error) {
		found = nil
		i := inspection{tx: tx, c: c, report: func(err error) { found = append(found, err) }}
		return i.run(ctx)
	})
	for _, err := range found {
		report(fmt.Errorf("catalog: %w", err))
	}
	if errors.Is(err, columnar.ErrCorrupt) {
		report(err) // nothing can be read
		return content, nil
	}
	if err != nil {
		return meta.Content{}, fmt.Errorf("integrity: %w", err)
	}
	return content, nil
}

// inspection reads on behind damage.
type inspection struct {
	tx     *sql.Tx
	c      *Catalog
	totals totals // nil: they are not known
	report func(error)
}

func (i *inspection) run(ctx context.Context) (content meta.Content, err error) {
	row, err := inspectOne(ctx, i, &counterTable)
	if err != nil {
		return content, err
	}
	if row.totals != "" {
		if i.totals, err = row.parseTotals(); err != nil {
			i.report(err)
		}
	}
	content.ID, content.Epoch, content.NextEdit, content.Changes, content.Head = row.id, row.epoch, row.nextEdit, row.changes, row.head
	if _, err := inspectOne(ctx, i, &generationTable); err != nil {
		return content, err
	}
	series, err := inspect(ctx, i, &seriesTable)
	for j := range series {
		content.Series = append(content.Series, series[j].Series)
	}
	if err != nil {
		return content, err
	}
	snapshots, err := inspect(ctx, i, &snapshotTable)
	if err != nil {
		return content, err
	}
	content.Snapshots = snapshotsOf(snapshots)
	segments, err := inspect(ctx, i, &segmentTable)
	if err != nil {
		return content, err
	}
	content.Segments = segmentsOf(segments)
	if content.Edits, err = i.trail(ctx, row.trail, content.Snapshots); err != nil {
		return content, err
	}
	if content.Pins, err = inspect(ctx, i, &pinTable); err != nil {
		return content, err
	}
	if content.Logs, err = inspect(ctx, i, &logTable); err != nil {
		return content, err
	}
	settings, err := inspect(ctx, i, &settingTable)
	if err != nil {
		return content, err
	}
	content.Settings = settingsOf(settings)
	if _, err := inspect(ctx, i, &garbageTable); err != nil {
		return content, err
	}
	if _, err := inspect(ctx, i, &journalTable); err != nil {
		return content, err
	}
	_, err = inspect(ctx, i, &writerTable)
	return content, err
}

// trouble reports an error that is one of damage, and returns others.
func (i *inspection) trouble(ctx context.Context, table string, err error) error {
	if said := i.c.db.Explain(ctx, err); errors.Is(said, columnar.ErrCorrupt) {
		i.report(fmt.Errorf("table %s: %w", table, said))
		return nil
	}
	return err
}

// inspect returns the rows of a table that are sound, by key.
func inspect[T any](ctx context.Context, i *inspection, t *table[T]) (list []T, err error) {
	damaged := false
	sums, err := t.each(ctx, i.tx, func(err error) {
		damaged = true
		i.report(err)
	}, func(v T, _ int64) error {
		list = append(list, v)
		return nil
	}, "ORDER BY "+t.columns[0])
	if err != nil {
		return list, i.trouble(ctx, t.name, err)
	}
	if said := i.totals[t.name]; i.totals != nil && (!damaged || said.Rows != sums.Rows) {
		if err := t.compare(sums, said); err != nil {
			i.report(err)
		}
	}
	return list, nil
}

// inspectOne returns the row of a table that has one.
func inspectOne[T any](ctx context.Context, i *inspection, t *table[T]) (v T, err error) {
	v, err = one(ctx, i.tx, t, "")
	if errors.Is(err, columnar.ErrCorrupt) {
		i.report(err)
		return v, nil
	}
	if err != nil {
		return v, i.trouble(ctx, t.name, err)
	}
	return v, nil
}

// trail looks at the edits and their ranges, and returns those that are sound.
func (i *inspection) trail(ctx context.Context, head int64, snapshots []meta.Snapshot) ([]meta.Edit, error) {
	stored, err := inspect(ctx, i, &editTable)
	if err != nil {
		return nil, err
	}
	if i.totals != nil { // else its head is not known
		if err := checkTrail(stored, head); err != nil {
			i.report(err)
		}
	}
	if _, err := inspect(ctx, i, &rangeTable); err != nil {
		return nil, err
	}
	ranges, err := rangesWhere(ctx, i.tx, func(error) {}, "")
	if err != nil {
		return nil, i.trouble(ctx, rangeTable.name, err)
	}
	times := make(map[int64]int64, len(snapshots))
	for _, s := range snapshots {
		times[s.ID] = s.Time
	}
	edits := make([]meta.Edit, len(stored))
	for j := range stored {
		e := &stored[j]
		if err := e.checkRanges(ranges); err != nil {
			i.report(err)
		}
		edits[j] = e.Edit
		edits[j].Time, edits[j].Ranges = times[e.Snapshot], ranges.of[e.ID]
	}
	return edits, nil
}

// Printable returns a text without what a terminal might obey.
func Printable(text string) string {
	clean := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) {
			quoted := strconv.AppendQuoteToASCII(nil, text[:n])
			clean = append(clean, quoted[1:len(quoted)-1]...)
		} else {
			clean = append(clean, text[:n]...)
		}
		text = text[n:]
	}
	return string(clean)
}
