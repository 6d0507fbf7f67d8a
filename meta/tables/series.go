package tables

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
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
	err := c.db.Change(ctx, func(tx *sql.Tx) error {
		if _, err := c.lock(ctx, tx); err != nil {
			return err
		}
		generation, err := nextGeneration(ctx, tx)
		if err != nil {
			return err
		}
		var next int64
		err = tx.QueryRowContext(ctx, `UPDATE generation SET next_series = next_series + $1 RETURNING next_series`, len(created)).Scan(&next)
		if err != nil {
			return err
		}
		for i := range created {
			created[i].ID = next - int64(len(created)-i)
		}
		added, err := c.insertSeries(ctx, tx, created, generation)
		if err != nil {
			return err
		}
		if added < int64(len(created)) {
			return c.taken(ctx, tx, created)
		}
		return c.noteSeries(ctx, tx, created)
	})
	if err != nil {
		return nil, err
	}
	return created, nil
}

// nextGeneration counts a change of the series.
func nextGeneration(ctx context.Context, tx *sql.Tx) (generation int64, err error) {
	err = tx.QueryRowContext(ctx, `UPDATE generation SET generation = generation + 1 RETURNING generation`).Scan(&generation)
	return generation, err
}

const seriesColumns = `id, name, type, period, block_len, interpolation, zone, unit, low, high, label_end, codec, labels, description, states, created, retention, phase, months, days`

const selectSeries = `SELECT ` + seriesColumns + ` FROM series`

// insertSeries adds series that have ids, and returns how many had names that were
// free.
func (c *Catalog) insertSeries(ctx context.Context, tx *sql.Tx, series []meta.Series, generation int64) (int64, error) {
	return c.putSeries(ctx, tx, series, generation, `ON CONFLICT (name) DO NOTHING`)
}

func (c *Catalog) putSeries(ctx context.Context, tx *sql.Tx, series []meta.Series, generation int64, conflict string) (int64, error) {
	return c.insert(ctx, tx, `INSERT INTO series (`+seriesColumns+`, changed)`, conflict, 21, len(series), func(i int) ([]any, error) {
		s := &series[i]
		states, err := json.Marshal(s.States)
		if err != nil {
			return nil, fmt.Errorf("series %q: states: %w", s.Name, err)
		}
		period := s.Grid.Width()
		return []any{
			s.ID, s.Name, int64(s.Type), period.Micros, s.Grid.BlockLen, int64(s.Interpolation), s.Zone, s.Unit, s.Low, s.High,
			s.LabelEnd, s.Codec, s.Labels, s.Description, string(states), s.Created, s.Retention, s.Grid.Phase,
			int64(period.Months), int64(period.Days), generation,
		}, nil
	})
}

// scanSeries reads a row of selectSeries.
func scanSeries(rows *sql.Rows) (s meta.Series, err error) {
	var states []byte
	var period zone.Width
	var blockLen, phase int64
	err = rows.Scan(&s.ID, &s.Name, &s.Type, &period.Micros, &blockLen, &s.Interpolation, &s.Zone, &s.Unit, &s.Low, &s.High,
		&s.LabelEnd, &s.Codec, &s.Labels, &s.Description, &states, &s.Created, &s.Retention, &phase, &period.Months, &period.Days)
	if err != nil {
		return meta.Series{}, err
	}
	if s.Grid, err = columnar.RestoreGrid(period, s.Zone, phase, blockLen); err != nil {
		return meta.Series{}, fmt.Errorf("series %q: %w", s.Name, err)
	}
	if err := json.Unmarshal(states, &s.States); err != nil {
		return meta.Series{}, fmt.Errorf("series %q: states: %w", s.Name, err)
	}
	return s, nil
}

// taken wraps ErrExists and shows those of the names that series of other ids have.
func (c *Catalog) taken(ctx context.Context, tx *sql.Tx, series []meta.Series) error {
	wanted := make([]string, len(series))
	for i := range series {
		wanted[i] = series[i].Name
	}
	text, err := array(wanted)
	if err != nil {
		return err
	}
	found, err := query(ctx, tx, scanNamed, `SELECT id, name FROM series WHERE name `+c.dialect.Texts("$1"), text)
	if err != nil {
		return err
	}
	has := make(map[string]int64, len(found))
	for _, f := range found {
		has[f.name] = f.id
	}
	var names []string
	for i := range series {
		if id, ok := has[series[i].Name]; ok && id != series[i].ID {
			names = append(names, series[i].Name)
		}
	}
	return namesTaken(names)
}

// named is the id and the name of a series.
type named struct {
	id   int64
	name string
}

func scanNamed(rows *sql.Rows) (n named, err error) {
	err = rows.Scan(&n.id, &n.name)
	return n, err
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
	err = c.db.Change(ctx, func(tx *sql.Tx) error {
		if _, err := c.lock(ctx, tx); err != nil {
			return err
		}
		generation, err := nextGeneration(ctx, tx)
		if err != nil {
			return err
		}
		found, err := query(ctx, tx, scanSeries, selectSeries+` WHERE id `+c.dialect.Numbers("$1"), text)
		if err != nil {
			return err
		}
		changed, err := withChanges(found, series)
		if err != nil {
			return err
		}
		if err := c.replaceSeries(ctx, tx, changed, found, generation); err != nil {
			return err
		}
		return c.noteSeries(ctx, tx, changed)
	})
	if err != nil {
		return fmt.Errorf("update series: %w", err)
	}
	return nil
}

// withChanges checks that the changes are allowed and returns the series as they are
// to be.
func withChanges(found, series []meta.Series) ([]meta.Series, error) {
	old := make(map[int64]*meta.Series, len(found))
	for i := range found {
		old[found[i].ID] = &found[i]
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
func (c *Catalog) replaceSeries(ctx context.Context, tx *sql.Tx, changed, found []meta.Series, generation int64) error {
	names := make(map[int64]string, len(found))
	for i := range found {
		names[found[i].ID] = found[i].Name
	}
	var renamed []int64
	given := make(map[string]bool, len(changed))
	for i := range changed {
		s := &changed[i]
		if given[s.Name] {
			return namesTaken([]string{s.Name})
		}
		given[s.Name] = true
		if s.Name != names[s.ID] {
			renamed = append(renamed, s.ID)
		}
	}
	if len(renamed) > 0 {
		// Those that get new names give theirs away first, so that series may exchange
		// names. No series can be created under such a name: it has a control character.
		text, err := array(renamed)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE series SET name = CAST($1 AS TEXT) || CAST(id AS TEXT) WHERE id `+c.dialect.Numbers("$2"), "\x01", text)
		if err != nil {
			return err
		}
		if err := c.taken(ctx, tx, changed); err != nil {
			return err
		}
	}
	_, err := c.putSeries(ctx, tx, changed, generation, updateSeries)
	return err
}

// updateSeries follows an INSERT of series whose ids exist.
var updateSeries = func() string {
	var set []string
	for _, column := range strings.Split(seriesColumns+", changed", ", ") {
		set = append(set, column+" = excluded."+column)
	}
	return `ON CONFLICT (id) DO UPDATE SET ` + strings.Join(set, ", ")
}()

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

func readGeneration(ctx context.Context, q Queryer) (generation int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT generation FROM generation`).Scan(&generation)
	return generation, err
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
	// The generation is read again, in the transaction that reads the series.
	changed, err := view(ctx, c, func(tx *sql.Tx) (changed []meta.Series, err error) {
		if generation, err = readGeneration(ctx, tx); err != nil {
			return nil, err
		}
		return query(ctx, tx, scanSeries, selectSeries+` WHERE changed > $1`, c.cache.generation)
	})
	if err != nil {
		return nil, fmt.Errorf("series: %w", err)
	}
	c.cache.series = merge(c.cache.series, changed)
	c.cache.generation = generation
	return c.cache.series, nil
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
