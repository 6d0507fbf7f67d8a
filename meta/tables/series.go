package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// CreateSeries adds series and returns them with their ids.
func (c *Catalog) CreateSeries(ctx context.Context, series []meta.Series) ([]meta.Series, error) {
	if len(series) == 0 {
		return nil, nil
	}
	created := make([]meta.Series, len(series))
	for i, s := range series {
		created[i] = s.WithDefaults()
		if err := created[i].Validate(); err != nil {
			return nil, err
		}
	}
	err := c.change(ctx, func(w *change) error {
		before, err := one(ctx, w, &generationTable, "")
		if err != nil {
			return err
		}
		after := generations{before.generation + 1, before.nextSeries + int64(len(created))}
		if err := generationTable.overwrite(ctx, w, []generations{after}); err != nil {
			return err
		}
		for i := range created {
			created[i].ID = before.nextSeries + int64(i)
		}
		list := stored(created, after.generation)
		added, err := insertSeries(ctx, w, list)
		if err != nil {
			return err
		}
		if added < int64(len(created)) {
			return c.taken(ctx, w, list, nil)
		}
		return noteSeries(ctx, w, created)
	})
	if err != nil {
		return nil, err
	}
	return created, nil
}

// nextGeneration counts a change of the series.
func nextGeneration(ctx context.Context, w *change) (int64, error) {
	g, err := one(ctx, w, &generationTable, "")
	if err != nil {
		return 0, err
	}
	g.generation++
	return g.generation, generationTable.overwrite(ctx, w, []generations{g})
}

// insertSeries adds series that have ids, and returns how many had names that were
// free.
func insertSeries(ctx context.Context, w *change, series []storedSeries) (int64, error) {
	return seriesTable.insertFree(ctx, w, series, `ON CONFLICT (name) DO NOTHING`)
}

func stored(series []meta.Series, generation int64) []storedSeries {
	list := make([]storedSeries, len(series))
	for i := range series {
		list[i] = storedSeries{series[i], generation}
	}
	return list
}

// taken wraps ErrExists and shows those of the names that other series have, but for those
// that are leaving them.
func (c *Catalog) taken(ctx context.Context, q Queryer, series []storedSeries, leaving map[int64]bool) error {
	wanted := make([]string, len(series))
	for i := range series {
		wanted[i] = series[i].Name
	}
	text, err := array(wanted)
	if err != nil {
		return err
	}
	found, err := seriesTable.read(ctx, q, `WHERE name `+c.dialect.Texts("$1"), text)
	if err != nil {
		return err
	}
	has := make(map[string]int64, len(found))
	for i := range found {
		has[found[i].Name] = found[i].ID
	}
	var names []string
	for i := range series {
		s := &series[i]
		if id, ok := has[s.Name]; ok && id != s.ID && !leaving[id] {
			names = append(names, s.Name)
		}
	}
	return namesTaken(names)
}

// namesTaken returns an error that wraps ErrExists and shows the names, or nil if
// there are none.
func namesTaken(names []string) error {
	if len(names) == 0 {
		return nil
	}
	const most = 10
	var text strings.Builder
	for i, name := range names[:min(len(names), most)] {
		if i > 0 {
			text.WriteString(", ")
		}
		fmt.Fprintf(&text, "%q", name)
	}
	if len(names) > most {
		fmt.Fprintf(&text, " and %d more", len(names)-most)
	}
	return fmt.Errorf("series %s: %w", text.String(), meta.ErrExists)
}

// UpdateSeries replaces the attributes of series that may change.
func (c *Catalog) UpdateSeries(ctx context.Context, series []meta.Series) error {
	if len(series) == 0 {
		return nil
	}
	ids := make([]int64, len(series))
	given := make(map[int64]bool, len(series))
	for i, s := range series {
		if err := s.Validate(); err != nil {
			return err
		}
		if given[s.ID] {
			return fmt.Errorf("series %q: %w: series %d is changed twice: give it once", s.Name, meta.ErrInvalid, s.ID)
		}
		ids[i], given[s.ID] = s.ID, true
	}
	text, err := array(ids)
	if err != nil {
		return err
	}
	err = c.change(ctx, func(w *change) error {
		generation, err := nextGeneration(ctx, w)
		if err != nil {
			return err
		}
		found, err := seriesTable.read(ctx, w, `WHERE id `+c.dialect.Numbers("$1"), text)
		if err != nil {
			return err
		}
		changed, err := withChanges(found, series)
		if err != nil {
			return err
		}
		if err := c.replaceSeries(ctx, w, stored(changed, generation), found); err != nil {
			return err
		}
		return noteSeries(ctx, w, changed)
	})
	if err != nil {
		return fmt.Errorf("update series: %w", err)
	}
	return nil
}

// withChanges checks that the changes are allowed and returns the series as they are
// to be.
func withChanges(found []storedSeries, series []meta.Series) ([]meta.Series, error) {
	old := make(map[int64]*meta.Series, len(found))
	for i := range found {
		old[found[i].ID] = &found[i].Series
	}
	changed := slices.Clone(series)
	for i := range changed {
		s := &changed[i]
		before, ok := old[s.ID]
		if !ok {
			return nil, fmt.Errorf("series %d, %q: %w", s.ID, s.Name, meta.ErrNotFound)
		}
		if err := s.CheckChange(*before); err != nil {
			return nil, err
		}
		s.Created = before.Created
	}
	return changed, nil
}

// replaceSeries writes the attributes of series that exist, or wraps ErrExists for
// names that are taken.
func (c *Catalog) replaceSeries(ctx context.Context, w *change, changed, found []storedSeries) error {
	names := make(map[int64]string, len(found))
	for i := range found {
		names[found[i].ID] = found[i].Name
	}
	var renamed []int64
	leaving := make(map[int64]bool)
	given := make(map[string]bool, len(changed))
	for i := range changed {
		s := &changed[i]
		if given[s.Name] {
			return namesTaken([]string{s.Name})
		}
		given[s.Name] = true
		if s.Name != names[s.ID] {
			renamed, leaving[s.ID] = append(renamed, s.ID), true
		}
	}
	if len(renamed) > 0 {
		if err := c.taken(ctx, w, changed, leaving); err != nil {
			return err
		}
		// Those that get new names give theirs away first, so that series may exchange
		// names. No series can be created under such a name: it has a control character.
		// Nobody sees these rows.
		text, err := array(renamed)
		if err != nil {
			return err
		}
		_, err = w.ExecContext(ctx, `UPDATE series SET name = CAST($1 AS TEXT) || CAST(id AS TEXT) WHERE id `+c.dialect.Numbers("$2"), "\x01", text)
		if err != nil {
			return err
		}
	}
	return seriesTable.replace(ctx, w, found, changed)
}

// Generation returns a number that grows with every change of the series.
func (c *Catalog) Generation(ctx context.Context) (generation int64, err error) {
	err = c.db.Read(ctx, func(q Queryer) (err error) {
		generation, err = readGeneration(ctx, q)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("generation: %w", err)
	}
	return generation, nil
}

func readGeneration(ctx context.Context, q Queryer) (int64, error) {
	g, err := one(ctx, q, &generationTable, "")
	return g.generation, err
}

// Series returns all series in order of name.
func (c *Catalog) Series(ctx context.Context) ([]meta.Series, error) {
	c.cache.Lock()
	defer c.cache.Unlock()
	generation, err := c.Generation(ctx)
	if err != nil {
		return nil, err
	}
	if generation == c.cache.generation {
		return c.cache.series, nil
	}
	next, err := c.readSeries(ctx, c.cache.known)
	if errors.Is(err, columnar.ErrCorrupt) && c.cache.generation > 0 {
		next, err = c.readSeries(ctx, known{}) // the content may have been replaced
	}
	if err != nil {
		return nil, fmt.Errorf("series: %w", err)
	}
	c.cache.known = next
	return c.cache.series, nil
}

// known are the series of a generation.
type known struct {
	generation int64
	series     []meta.Series
	sums       map[int64]int64 // of the series' rows, by id
	total      total
}

// readSeries reads the series that have changed, and returns them with those before,
// after it has made sure that none is missing.
func (c *Catalog) readSeries(ctx context.Context, k known) (known, error) {
	var changed []meta.Series
	sums := make(map[int64]int64)
	all := k.total
	// The generation is read again, in the transaction that reads the series.
	generation, err := view(ctx, c, func(tx *sql.Tx) (int64, error) {
		changed, all = nil, k.total
		generation, err := readGeneration(ctx, tx)
		if err != nil {
			return 0, err
		}
		_, err = seriesTable.each(ctx, tx, nil, func(s storedSeries, sum int64) error {
			changed, sums[s.ID] = append(changed, s.Series), sum
			if before, ok := k.sums[s.ID]; ok {
				all.Sum += sum - before
			} else {
				all.add(sum)
			}
			return nil
		}, `WHERE changed > $1`, k.generation)
		if err != nil {
			return 0, err
		}
		return generation, seriesTable.checkTotal(ctx, tx, all)
	})
	if err != nil {
		return k, err
	}
	if k.sums == nil {
		k.sums = sums
	} else {
		maps.Copy(k.sums, sums)
	}
	return known{generation, merge(k.series, changed), k.sums, all}, nil
}

// merge returns the series with those that changed put in their place, in order of
// name.
func merge(series, changed []meta.Series) []meta.Series {
	isChanged := make(map[int64]bool, len(changed))
	for i := range changed {
		isChanged[changed[i].ID] = true
	}
	slices.SortFunc(changed, func(a, b meta.Series) int { return strings.Compare(a.Name, b.Name) })
	merged := make([]meta.Series, 0, len(series)+len(changed))
	for i := range series {
		if isChanged[series[i].ID] {
			continue
		}
		for len(changed) > 0 && changed[0].Name < series[i].Name {
			merged, changed = append(merged, changed[0]), changed[1:]
		}
		merged = append(merged, series[i])
	}
	return append(merged, changed...)
}
