package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

// catalogCache holds the newest view of the catalog's series.
type catalogCache struct {
	mu   sync.Mutex
	view *catalogView
}

// catalogView is one state of the catalog's series; it is never changed.
type catalogView struct {
	generation int64
	series     []meta.Series // in order of name
	byName     map[string]int
	table      *exec.SeriesTable
}

// view returns the catalog's present state.
func (e *Engine) view(ctx context.Context) (*catalogView, error) {
	generation, err := e.opts.Catalog.Generation(ctx)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	e.catalog.mu.Lock()
	defer e.catalog.mu.Unlock()
	if v := e.catalog.view; v != nil && v.generation == generation {
		return v, nil
	}
	series, err := e.opts.Catalog.Series(ctx)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	v := &catalogView{generation: generation, series: series, byName: make(map[string]int, len(series))}
	for i := range series {
		v.byName[series[i].Name] = i
	}
	if v.table, err = seriesTable(v); err != nil {
		return nil, err
	}
	e.catalog.view = v
	return v, nil
}

// seriesTable returns the view's series as package exec wants them.
func seriesTable(v *catalogView) (*exec.SeriesTable, error) {
	batch, err := seriesBatch(v.series)
	if err != nil {
		return nil, err
	}
	t := &exec.SeriesTable{
		Batch: batch, Series: make([]columnar.Series, len(v.series)), Zones: make([]*zone.Zone, len(v.series)), States: make([][]string, len(v.series)),
		Find: func(name string) (int, bool) {
			i, ok := v.byName[name]
			return i, ok
		},
	}
	for i := range v.series {
		s := &v.series[i]
		t.Series[i], t.States[i] = s.Series, s.States
		if t.Zones[i], err = zone.Load(s.Zone); err != nil {
			return nil, fmt.Errorf("series %q: %w", s.Name, err)
		}
	}
	return t, nil
}

// seriesBatch returns the table series as one batch.
func seriesBatch(series []meta.Series) (arrow.RecordBatch, error) {
	cols := make([]arrow.Array, len(plan.Series.Cols))
	for k, col := range plan.Series.Cols {
		b := eval.NewBuilder(col.Type, len(series))
		for i := range series {
			v, err := seriesValue(&series[i], col.Name)
			if err != nil {
				return nil, err
			}
			b.Append(v)
		}
		cols[k] = b.Array()
	}
	return array.NewRecordBatch(eval.Schema(plan.Series.Cols), cols, int64(len(series))), nil
}

// seriesValue returns a series' value in a column of the table series, as
// plan.Literal holds it.
func seriesValue(s *meta.Series, column string) (any, error) {
	switch column {
	case "series":
		return s.Name, nil
	case "type":
		return s.Type.String(), nil
	case "sample_t":
		w := s.Grid.Width()
		return plan.Span{Months: w.Months, Days: w.Days, Micros: w.Micros}, nil
	case "phase":
		return plan.Span{Micros: s.Grid.Phase}, nil
	case "block_n":
		return s.Grid.BlockLen, nil
	case "zone":
		return s.Zone, nil
	case "unit":
		return optional(s.Unit), nil
	case "interpolation":
		return s.Interpolation.String(), nil
	case "low":
		return limit(s.Low), nil
	case "high":
		return limit(s.High), nil
	case "label":
		if s.LabelEnd {
			return "end", nil
		}
		return "start", nil
	case "off_grid":
		if s.OnGrid {
			return "refuse", nil
		}
		return "snap", nil
	case "codec":
		return s.Codec, nil
	case "labels":
		return s.Labels, nil
	case "states":
		if len(s.States) == 0 {
			return nil, nil
		}
		list, err := json.Marshal(s.States)
		return string(list), err
	case "description":
		return optional(s.Description), nil
	case "id":
		return s.ID, nil
	case "created":
		return s.Created, nil
	case "retention":
		return age(s.Retention), nil
	}
	return nil, fmt.Errorf("engine: table series has a column %s that nothing fills", column)
}

// optional makes an empty text NULL.
func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// age is an age in microseconds as an interval; NULL for 0.
func age(micros int64) any {
	if micros == 0 {
		return nil
	}
	const day = 24 * 3600 * 1_000_000
	return plan.Span{Days: int32(micros / day), Micros: micros % day}
}

func limit(x *float64) any {
	if x == nil {
		return nil
	}
	return *x
}

// ingestCatalog is the catalog as ingest sees it, for a session's user.
type ingestCatalog struct {
	engine  *Engine
	session *Session
}

// Lookup returns the series of these names, in their order; the zero Series for one
// that does not exist.
func (c ingestCatalog) Lookup(ctx context.Context, names []string) ([]meta.Series, error) {
	v, err := c.engine.view(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]meta.Series, len(names))
	for k, name := range names {
		if i, ok := v.byName[name]; ok {
			out[k] = v.series[i]
		}
	}
	return out, nil
}

// CreateSeries adds series.
func (c ingestCatalog) CreateSeries(ctx context.Context, series []meta.Series) ([]meta.Series, error) {
	now := c.engine.opts.Clock()
	for i := range series {
		series[i] = series[i].WithDefaults()
		series[i].Created = now
		if err := series[i].Validate(); err != nil {
			return nil, invalidSeries(err)
		}
	}
	changed := lives(nil, nil, series)
	if len(changed) > 0 {
		c.engine.settings.Lock()
		defer c.engine.settings.Unlock()
		rules, err := c.engine.retentionRules(ctx)
		if err != nil {
			return nil, err
		}
		changed = lives(rules, nil, series)
		if err := c.engine.mayChange(c.session, changed); err != nil {
			return nil, err
		}
	}
	made, err := c.engine.opts.Catalog.CreateSeries(ctx, series)
	if err != nil || len(changed) == 0 {
		return made, catalogError(err)
	}
	ids := make(map[string]int64, len(made))
	for i := range made {
		ids[made[i].Name] = made[i].ID
	}
	for i := range changed {
		changed[i].id = ids[changed[i].series]
	}
	return made, c.engine.recordLives(ctx, c.session, changed)
}

// catalogError turns the catalog's sentinels that are the user's mistake into
// plan.Errors.
func catalogError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, meta.ErrExists):
		return plan.Errorf(0, plan.CodeUnique, "%v", err)
	case errors.Is(err, meta.ErrInvalid):
		return plan.Errorf(0, plan.CodeInvalidValue, "%v", err)
	case errors.Is(err, meta.ErrNotFound):
		return plan.Errorf(0, plan.CodeUndefObject, "%v", err)
	}
	return fmt.Errorf("catalog: %w", err)
}
