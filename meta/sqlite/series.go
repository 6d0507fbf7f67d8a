package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

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
	err := c.change(ctx, func(tx *sql.Tx) error {
		generation, err := nextGeneration(ctx, tx)
		if err != nil {
			return err
		}
		return insert(ctx, tx, created, generation)
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

// insert adds series and sets their ids, or names those whose name is taken.
func insert(ctx context.Context, tx *sql.Tx, series []meta.Series, generation int64) (err error) {
	statement, err := tx.PrepareContext(ctx, `
		INSERT INTO series (name, interpolation, zone, unit, low, high, label_end, codec, labels, description, states, changed,
			type, period, block_len, created)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING RETURNING id`)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, statement.Close()) }()
	var taken []string
	for i := range series {
		s := &series[i]
		attributes, err := attributes(s, generation)
		if err != nil {
			return err
		}
		err = statement.QueryRowContext(ctx, append(attributes, s.Type, s.Grid.Period, s.Grid.BlockLen, s.Created)...).Scan(&s.ID)
		if errors.Is(err, sql.ErrNoRows) {
			taken = append(taken, s.Name)
		} else if err != nil {
			return fmt.Errorf("series %q: %w", s.Name, err)
		}
	}
	return namesTaken(taken)
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

// attributes returns the values of the columns from name to changed, those that an
// update may change.
func attributes(s *meta.Series, generation int64) ([]any, error) {
	states, err := json.Marshal(s.States)
	if err != nil {
		return nil, fmt.Errorf("series %q: states: %w", s.Name, err)
	}
	return []any{
		s.Name, s.Interpolation, s.Zone, s.Unit, s.Low, s.High, s.LabelEnd, s.Codec, s.Labels, s.Description, string(states), generation,
	}, nil
}

// UpdateSeries replaces the attributes of series that may change.
func (c *Catalog) UpdateSeries(ctx context.Context, series []meta.Series) error {
	if len(series) == 0 {
		return nil
	}
	for _, s := range series {
		if err := s.Validate(); err != nil {
			return err
		}
	}
	err := c.change(ctx, func(tx *sql.Tx) error {
		generation, err := nextGeneration(ctx, tx)
		if err != nil {
			return err
		}
		if err := freeNames(ctx, tx, series); err != nil {
			return err
		}
		return replace(ctx, tx, series, generation)
	})
	if err != nil {
		return fmt.Errorf("update series: %w", err)
	}
	return nil
}

// freeNames checks that the changes are allowed and takes the names from the series
// that get new ones, so that series may exchange their names.
func freeNames(ctx context.Context, tx *sql.Tx, series []meta.Series) error {
	for _, s := range series {
		var old meta.Series
		err := query(ctx, tx, func(rows *sql.Rows) (err error) {
			old, err = scanSeries(rows)
			return err
		}, selectSeries+` WHERE id = ?`, s.ID)
		if err != nil {
			return err
		}
		if old.ID == 0 {
			return fmt.Errorf("series %d, %q: %w", s.ID, s.Name, meta.ErrNotFound)
		}
		if err := s.CheckChange(old); err != nil {
			return err
		}
		if s.Name == old.Name {
			continue
		}
		// No series can be created under this name: it has a control character.
		if _, err := tx.ExecContext(ctx, `UPDATE series SET name = char(1) || id WHERE id = ?`, s.ID); err != nil {
			return fmt.Errorf("series %q: %w", old.Name, err)
		}
	}
	return nil
}

// replace writes the attributes of series that exist, or names those whose new name
// is taken.
func replace(ctx context.Context, tx *sql.Tx, series []meta.Series, generation int64) (err error) {
	statement, err := tx.PrepareContext(ctx, `
		UPDATE OR IGNORE series SET (name, interpolation, zone, unit, low, high, label_end, codec, labels, description, states, changed) =
			(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ?`)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, statement.Close()) }()
	var taken []string
	for i := range series {
		s := &series[i]
		attributes, err := attributes(s, generation)
		if err != nil {
			return err
		}
		result, err := statement.ExecContext(ctx, append(attributes, s.ID)...)
		if err != nil {
			return fmt.Errorf("series %q: %w", s.Name, err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("series %q: %w", s.Name, err)
		}
		if n == 0 {
			taken = append(taken, s.Name)
		}
	}
	return namesTaken(taken)
}

// Generation returns a number that grows with every change of the series.
func (c *Catalog) Generation(ctx context.Context) (generation int64, err error) {
	if err := c.read.QueryRowContext(ctx, `SELECT generation FROM generation`).Scan(&generation); err != nil {
		return 0, fmt.Errorf("catalog %s: generation: %w", c.path, err)
	}
	return generation, nil
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
	var changed []meta.Series
	err = c.view(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, `SELECT generation FROM generation`).Scan(&generation); err != nil {
			return err
		}
		return query(ctx, tx, func(rows *sql.Rows) error {
			s, err := scanSeries(rows)
			changed = append(changed, s)
			return err
		}, selectSeries+` WHERE changed > ?`, c.cache.generation)
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

const selectSeries = `
	SELECT id, name, type, period, block_len, interpolation, zone, unit, low, high, label_end, codec, labels, description, states, created
	FROM series`

// scanSeries reads a row of selectSeries.
func scanSeries(rows *sql.Rows) (meta.Series, error) {
	var s meta.Series
	var states []byte
	err := rows.Scan(&s.ID, &s.Name, &s.Type, &s.Grid.Period, &s.Grid.BlockLen, &s.Interpolation, &s.Zone, &s.Unit, &s.Low, &s.High,
		&s.LabelEnd, &s.Codec, &s.Labels, &s.Description, &states, &s.Created)
	if err != nil {
		return meta.Series{}, err
	}
	if err := json.Unmarshal(states, &s.States); err != nil {
		return meta.Series{}, fmt.Errorf("series %q: states: %w", s.Name, err)
	}
	return s, nil
}
