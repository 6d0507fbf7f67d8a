package engine

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/ingest"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

// attribute sets one attribute of a series from a value that is not NULL, already of
// the type of its column in plan.Series.
type attribute func(s *meta.Series, value any) error

// attributes are the columns of the table series that can be written.
var attributes = map[string]attribute{
	"series": func(s *meta.Series, v any) error { s.Name = v.(string); return nil },
	"type": func(s *meta.Series, v any) (err error) {
		s.Type, err = columnar.ParseType(v.(string))
		return err
	},
	"sample_t": setPeriod,
	"phase":    setPhase,
	"block_n":  func(s *meta.Series, v any) error { s.Grid.BlockLen = v.(int64); return nil },
	"zone":     func(s *meta.Series, v any) error { s.Zone = v.(string); return nil },
	"unit":     func(s *meta.Series, v any) error { s.Unit = v.(string); return nil },
	"interpolation": func(s *meta.Series, v any) error {
		switch v.(string) {
		case "linear":
			s.Interpolation = columnar.Linear
		case "step":
			s.Interpolation = columnar.Step
		default:
			return fmt.Errorf("unknown interpolation %q: use linear or step", v)
		}
		return nil
	},
	"low":  func(s *meta.Series, v any) error { x := v.(float64); s.Low = &x; return nil },
	"high": func(s *meta.Series, v any) error { x := v.(float64); s.High = &x; return nil },
	"label": func(s *meta.Series, v any) error {
		switch v.(string) {
		case "start", "end":
			s.LabelEnd = v.(string) == "end"
			return nil
		}
		return fmt.Errorf("unknown label convention %q: use start or end", v)
	},
	"off_grid": func(s *meta.Series, v any) error {
		rule, err := ingest.ParseOffGrid(v.(string))
		if err != nil {
			return fmt.Errorf("unknown rule for samples off the grid %q: use snap or refuse", v)
		}
		s.OnGrid = rule == ingest.Refuse
		return nil
	},
	"codec":       func(s *meta.Series, v any) error { s.Codec = v.(string); return nil },
	"labels":      func(s *meta.Series, v any) error { s.Labels = v.(string); return nil },
	"states":      setStates,
	"description": func(s *meta.Series, v any) error { s.Description = v.(string); return nil },
	"retention": func(s *meta.Series, v any) (err error) {
		s.Retention, err = spanAge(v.(plan.Span))
		return err
	},
}

// cleared sets an attribute that may be absent to its absence.
var cleared = map[string]func(s *meta.Series){
	"zone": func(s *meta.Series) { s.Zone = "" }, "unit": func(s *meta.Series) { s.Unit = "" },
	"low": func(s *meta.Series) { s.Low = nil }, "high": func(s *meta.Series) { s.High = nil },
	"codec": func(s *meta.Series) { s.Codec = "" }, "labels": func(s *meta.Series) { s.Labels = "" },
	"states": func(s *meta.Series) { s.States = nil }, "description": func(s *meta.Series) { s.Description = "" },
	"interpolation": func(s *meta.Series) { s.Interpolation = columnar.Linear },
	"label":         func(s *meta.Series) { s.LabelEnd = false },
	"block_n":       func(s *meta.Series) { s.Grid.BlockLen = 0 },
	"phase":         func(s *meta.Series) { s.Grid.Phase = 0 },
	"off_grid":      func(s *meta.Series) { s.OnGrid = false },
	"retention":     func(s *meta.Series) { s.Retention = 0 },
}

func setPeriod(s *meta.Series, v any) error {
	p := v.(plan.Span)
	width := zone.Width{Months: p.Months, Days: p.Days, Micros: p.Micros}
	if p.Months == 0 && p.Days == 0 {
		s.Grid.Period, s.Grid.Calendar = p.Micros, nil
		return nil
	}
	if p.Micros != 0 || p.Months != 0 && p.Days != 0 {
		return fmt.Errorf("%s is neither of whole days, weeks, months or years, nor of hours and less: for a fixed length write hours, as in '36 hours'",
			plan.FormatInterval(p))
	}
	c, err := zone.NewCalendar(width, zone.UTC, 0) // in the zone of the series: see WithDefaults
	s.Grid.Period, s.Grid.Calendar = 0, c
	if z, known := zone.Load(s.Zone); err == nil && known == nil && s.Zone != "" {
		s.Grid = s.Grid.On(z)
	}
	return err
}

// setPhase sets where slots begin. Of a fixed period any phase will do; that of a
// calendar period is a time of day.
func setPhase(s *meta.Series, v any) error {
	p := v.(plan.Span)
	if p.Months != 0 {
		return fmt.Errorf("a phase has a fixed length: %s has months", plan.FormatInterval(p))
	}
	s.Grid.Phase = int64(p.Days)*24*3600*1_000_000 + p.Micros
	if z, err := zone.Load(s.Zone); err == nil && s.Grid != (columnar.Grid{Phase: s.Grid.Phase}) {
		n := s.Grid.BlockLen
		s.Grid = s.Grid.On(z)
		s.Grid.BlockLen = n
	}
	return nil
}

func setStates(s *meta.Series, v any) error {
	var states []string
	if err := json.Unmarshal([]byte(v.(string)), &states); err != nil {
		return fmt.Errorf(`states are a JSON array of names such as ["off","on"]: %w`, err)
	}
	s.States = states
	return nil
}

// setAttribute sets an attribute, whatever type its value has.
func setAttribute(s *meta.Series, name string, value plan.Literal) error {
	set, ok := attributes[name]
	if !ok {
		if plan.Series.Column(name) >= 0 {
			return plan.Errorf(0, plan.CodeReadOnly, "column %q of series cannot be written", name)
		}
		return plan.Errorf(0, plan.CodeUndefColumn, "series have no attribute %q", name).WithHint("They have %s.", strings.Join(writable(), ", "))
	}
	if value.Value == nil {
		if clear, ok := cleared[name]; ok {
			clear(s)
			return nil
		}
		return plan.Errorf(0, plan.CodeNotNull, "%s of a series cannot be NULL", name)
	}
	converted, err := eval.Convert(value, plan.Series.Cols[plan.Series.Column(name)].Type, &eval.Env{})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := set(s, converted.Value); err != nil {
		return plan.Errorf(0, plan.CodeInvalidValue, "series %q: %v", s.Name, err)
	}
	return nil
}

// writable returns the names of the columns of series that can be written, in order.
func writable() []string {
	var out []string
	for _, c := range plan.Series.Cols {
		if _, ok := attributes[c.Name]; ok {
			out = append(out, c.Name)
		}
	}
	return out
}

// newSeries makes a series of values by column name; what is left out has its default.
func newSeries(values map[string]plan.Literal) (meta.Series, error) {
	var s meta.Series
	for _, c := range plan.Series.Cols {
		v, ok := values[c.Name]
		if !ok {
			continue
		}
		if err := setAttribute(&s, c.Name, v); err != nil {
			return s, err
		}
	}
	for name := range values {
		if plan.Series.Column(name) < 0 {
			return s, setAttribute(&s, name, values[name])
		}
	}
	for _, required := range []string{"series", "type", "sample_t"} {
		if _, ok := values[required]; !ok {
			return s, plan.Errorf(0, plan.CodeNotNull, "a series needs a value for %s", required).
				WithHint("As in INSERT INTO series (series, type, sample_t, zone) VALUES ('plant1/temp', 'double', '1 second', 'Europe/Berlin').")
		}
	}
	s = s.WithDefaults()
	if err := s.Validate(); err != nil {
		return s, invalidSeries(err)
	}
	return s, nil
}

// invalidSeries is the user's mistake behind an error of the catalog.
func invalidSeries(err error) error {
	return plan.Errorf(0, plan.CodeInvalidValue, "%v", err)
}
