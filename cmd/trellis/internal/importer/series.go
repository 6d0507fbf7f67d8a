package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/cmd/trellis/internal/client"
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

// createAtOnce is how many series one statement makes.
const createAtOnce = 200

// autoPeriod is the sample period that is found in the data, and typeAuto the type that
// is: double where half of the values or more are numbers, else text.
const (
	autoPeriod = "auto"
	typeAuto   = "auto"
)

// seriesTable is what is known of the database's series.
type seriesTable struct {
	known  map[string]meta.Series
	wanted []newSeries // to be made before samples are sent
	period int64       // the last that was found; 0: none
	phase  int64       // that belongs to it
}

// newSeries is a series to be made, by the columns of the table series.
type newSeries struct {
	name       string
	attributes map[string]string
	meta       *meta.Series
}

// loadSeries asks for all series.
func loadSeries(ctx context.Context, conn client.Conn) (table *seriesTable, err error) {
	table = &seriesTable{known: map[string]meta.Series{}}
	if conn == nil {
		return table, nil // a dry run without a database
	}
	result, err := conn.Run(ctx, "SELECT series, type, sample_t, phase, block_n, zone, label, states FROM series", nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, result.Rows.Close()) }()
	for {
		batch, err := result.Rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return table, nil
		}
		if err != nil {
			return nil, err
		}
		for row := range int(batch.NumRows()) {
			if err := table.learn(batch, row); err != nil {
				return nil, err
			}
		}
		batch.Release()
	}
}

// learn takes in a row of the table series.
func (s *seriesTable) learn(batch arrow.RecordBatch, row int) error {
	attributes := map[string]string{}
	for i, f := range batch.Schema().Fields() {
		if col := batch.Column(i); col.IsValid(row) && f.Name != "series" {
			attributes[f.Name] = attribute(col, row)
		}
	}
	m, err := engine.Template(attributes)
	if err != nil {
		return fmt.Errorf("series %s: %w", attribute(batch.Column(0), row), err)
	}
	m.Name = strings.Clone(attribute(batch.Column(0), row))
	s.known[m.Name] = *m
	return nil
}

// periodText prints a sample period.
func periodText(w zone.Width) string {
	return plan.FormatInterval(plan.Span{Months: w.Months, Days: w.Days, Micros: w.Micros})
}

// attribute returns a value as it is written in INSERT INTO series.
func attribute(a arrow.Array, row int) string {
	if a, ok := a.(*array.MonthDayNanoInterval); ok {
		v := a.Value(row)
		return plan.FormatInterval(plan.Span{Months: v.Months, Days: v.Days, Micros: v.Nanoseconds / 1000})
	}
	return strings.Clone(a.ValueStr(row))
}

// target returns the target of a series' name, and notes the series to be made if it
// does not exist. The column and the instants are those of the chunk at hand.
func (r *run) target(name string, v *valueColumn, col *column, at []int64) (*target, error) {
	if t, ok := r.targets[name]; ok {
		return t, nil
	}
	m, exists := r.series.known[name]
	var pending *newSeries
	var err error
	if !exists {
		if pending, err = r.describe(name, v, col, at); err != nil {
			return nil, err
		}
		m = *pending.meta
	}
	t := &target{meta: m, pending: pending, states: map[string]int64{}, report: &SeriesReport{Name: name, Created: !exists, Period: m.Grid.Period, SampleT: periodText(m.Grid.Width())}}
	for i, state := range m.States {
		t.states[state] = int64(i)
	}
	r.targets[name] = t
	r.order = append(r.order, t)
	return t, nil
}

// describe returns the series that is to be made under a name.
func (r *run) describe(name string, v *valueColumn, col *column, at []int64) (*newSeries, error) {
	attributes := map[string]string{}
	for attribute, values := range r.opts.Attributes {
		if text, ok := values.Of(v.name); ok && text != "" {
			attributes[attribute] = text
		}
	}
	if v.unit != "" && attributes["unit"] == "" && v.unit != "-" {
		attributes["unit"] = v.unit
	}
	for _, text := range r.opts.Values.Text {
		if text == v.name {
			attributes["type"] = columnar.Text.String()
		}
	}
	if attributes["type"] == typeAuto {
		attributes["type"] = columnar.Double.String()
		if k := r.kinds[name]; k != nil && k.words > k.numbers {
			attributes["type"] = columnar.Text.String()
		}
	}
	if attributes["type"] == "" || attributes["sample_t"] == "" {
		return nil, r.undescribed(name, v, col, at)
	}
	if err := r.fixPeriod(attributes, name, v.name, at); err != nil {
		return nil, err
	}
	m, err := engine.Template(attributes)
	if err != nil {
		return nil, fmt.Errorf("series %q: %w", name, unstated(err))
	}
	m.Name = name
	if err := m.Validate(); err != nil {
		return nil, &nameError{err} // the rest was valid before
	}
	return &newSeries{name, attributes, m}, nil
}

// nameError is a name that no series can have. It is the row's fault, not that of the
// options.
type nameError struct{ error }

// unstated returns a mistake of the user without its SQLSTATE: no SQL was written.
func unstated(err error) error {
	var mistake *plan.Error
	if !errors.As(err, &mistake) {
		return err
	}
	msg := strings.TrimPrefix(mistake.Msg, `series "template": `)
	if mistake.Hint != "" {
		msg += " (" + mistake.Hint + ")"
	}
	return errors.New(msg)
}

// fixPeriod finds the sample period where it is to be found, and takes 15m for 15
// minutes.
func (r *run) fixPeriod(attributes map[string]string, name, column string, at []int64) error {
	text := attributes["sample_t"]
	if text == autoPeriod {
		period, phase, err := r.gridOf(name, column, at)
		if err != nil {
			return fmt.Errorf("series %q: %w", name, err)
		}
		if phase != 0 {
			attributes["phase"] = fmt.Sprintf("%d microseconds", phase)
		}
		attributes["sample_t"] = period
		return nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		attributes["sample_t"] = fmt.Sprintf("%d microseconds", d.Microseconds())
	}
	return nil
}

// undescribed is the error for a series that does not exist and is not described. It
// says what the data looks like.
func (r *run) undescribed(name string, v *valueColumn, col *column, at []int64) error {
	kind := columnar.Double
	n := r.opts.numbers()
	for _, text := range col.texts {
		if _, ok := n.float(text); !ok && text != "" && !r.null[text] {
			kind = columnar.Text
			break
		}
	}
	if col.boolean != nil {
		kind = columnar.Boolean
	}
	period := "auto"
	if p, _, err := spacingOf(at, nil).grid(); err == nil {
		period = fmt.Sprintf("'%s'", plan.FormatInterval(plan.Span{Micros: p}))
	}
	return fmt.Errorf("series %q does not exist: describe it with --type and --sample-t (column %s looks like --type %s --sample-t %s), or create it with INSERT INTO series", name, v.name, kind, period)
}

// create makes the series that are wanted.
func (s *seriesTable) create(r *run) error {
	for len(s.wanted) > 0 {
		n := min(len(s.wanted), createAtOnce)
		if !r.opts.DryRun {
			if _, err := r.conn.Run(r.write, insertSeries(s.wanted[:n]), nil); err != nil {
				return fmt.Errorf("series %q: %w", s.wanted[0].name, err)
			}
		}
		r.report.Created += n
		s.wanted = s.wanted[n:]
	}
	return nil
}

// insertSeries returns the statement that makes series.
func insertSeries(list []newSeries) string {
	seen := map[string]bool{}
	var columns []string
	for _, x := range list {
		for name := range x.attributes {
			if !seen[name] {
				seen[name] = true
				columns = append(columns, name)
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO series (series, %s) VALUES ", strings.Join(columns, ", "))
	for i, x := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(" + literal(x.name))
		for _, name := range columns {
			if text, ok := x.attributes[name]; ok {
				b.WriteString(", " + literal(text))
			} else {
				b.WriteString(", NULL")
			}
		}
		b.WriteString(")")
	}
	return b.String()
}

// literal returns a text as SQL writes it.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
