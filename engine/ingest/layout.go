package ingest

import (
	"context"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/engine/plan"
)

// columns are the columns of a batch by their meaning.
type columns struct {
	rows   int
	series *texts // nil: a wide batch
	time   times

	value, ints       *numbers // value, int_value
	valueText, text   *texts   // value where it holds text; text
	status            *numbers
	quality           *texts
	wide              []wideColumn
	hasValue, hasText bool

	// Slices for the samples.
	times, ordinals arena[int64]
	values          arena[float64]
}

// wideColumn is a column of a wide batch: the values of one series.
type wideColumn struct {
	name    string
	numbers *numbers
	texts   *texts
}

// columns finds the columns of a batch.
func (r *Reader) columns(batch arrow.RecordBatch) (*columns, error) {
	c := &columns{rows: int(batch.NumRows())}
	c.times.next, c.ordinals.next, c.values.next = c.rows, c.rows, c.rows
	at := map[string]int{}
	named := make([]string, batch.NumCols())
	for i, f := range batch.Schema().Fields() {
		if named[i] = f.Name; r.opts.Renamed[f.Name] != "" {
			named[i] = r.opts.Renamed[f.Name]
		}
		if _, twice := at[named[i]]; twice {
			return nil, plan.Errorf(0, plan.CodeDuplicateAlias, "the batch has two columns named %q", shorten(named[i]))
		}
		at[named[i]] = i
	}
	stamp, ok := at["time"]
	if !ok {
		return nil, plan.Errorf(0, plan.CodeUndefColumn, "the batch has no column time; its columns are %s", names(batch)).
			WithHint("A batch has the columns series, time, value (long), or time and a column per series (wide).")
	}
	var err error
	if c.time, err = readTimes(batch.Column(stamp), r.opts.Zone); err != nil {
		return nil, err
	}
	if _, long := at["series"]; !long {
		return c, inBatch(c.wideColumns(named, batch))
	}
	return c, inBatch(c.longColumns(named, batch))
}

func names(batch arrow.RecordBatch) string {
	var out []string
	for i, f := range batch.Schema().Fields() {
		if i == 8 {
			out = append(out, "...")
			break
		}
		out = append(out, shorten(f.Name))
	}
	return strings.Join(out, ", ")
}

func (c *columns) longColumns(named []string, batch arrow.RecordBatch) (err error) {
	for i, name := range named {
		a := batch.Column(i)
		switch name {
		case "time":
		case "series":
			c.series, err = readTexts(name, a)
		case "value":
			c.hasValue = true
			if isText(a.DataType()) {
				c.valueText, err = readTexts(name, a)
			} else {
				c.value, err = readNumbers(name, a)
			}
		case "int_value":
			c.hasValue = true
			c.ints, err = readNumbers(name, a)
		case "text":
			c.hasText = true
			c.text, err = readTexts(name, a)
		case "status":
			c.status, err = readNumbers(name, a)
		case "quality":
			c.quality, err = readTexts(name, a)
		default:
			return plan.Errorf(0, plan.CodeUndefColumn, "samples have no column %q that can be written", shorten(name)).
				WithHint("The columns are series, time, value, int_value, text, status, quality; the batch has %s.", names(batch))
		}
		if err != nil {
			return err
		}
	}
	if !c.hasValue && !c.hasText && c.status == nil && c.quality == nil {
		return plan.Errorf(0, plan.CodeUndefColumn, "the batch has neither value, int_value nor text; its columns are %s", names(batch))
	}
	return nil
}

func (c *columns) wideColumns(named []string, batch arrow.RecordBatch) (err error) {
	for i, name := range named {
		if name == "time" {
			continue
		}
		w := wideColumn{name: name}
		if isText(batch.Column(i).DataType()) {
			w.texts, err = readTexts(name, batch.Column(i))
		} else {
			w.numbers, err = readNumbers(name, batch.Column(i))
		}
		if err != nil {
			return err
		}
		c.wide = append(c.wide, w)
	}
	if len(c.wide) == 0 {
		return plan.Errorf(0, plan.CodeUndefColumn, "the batch has a column time and no other")
	}
	return nil
}

// long sorts the rows of a batch with a sample per row by series, in the order in
// which the series appear.
func (r *Reader) long(ctx context.Context, c *columns) ([]part, error) {
	of, order, err := r.targetsOf(ctx, c)
	if err != nil {
		return nil, err
	}
	counts := make([]int32, len(order))
	for _, k := range of {
		counts[k]++
	}
	rows := make([]int32, c.rows)
	parts := make([]part, len(order))
	begin := int32(0)
	for k, t := range order {
		t.rows, t.next = rows[begin:begin:begin+counts[k]], nil
		parts[k] = part{t, source{c.value, c.ints, c.valueText, c.text}}
		begin += counts[k]
	}
	for row, k := range of {
		order[k].rows = append(order[k].rows, int32(row))
	}
	return parts, nil
}

// targetsOf returns the series of the batch in the order in which they appear, and
// for each row which of them it belongs to.
func (r *Reader) targetsOf(ctx context.Context, c *columns) (of []int32, order []*target, err error) {
	of = make([]int32, c.rows)
	g := gathering{reader: r, unknown: map[string]int32{}}
	r.batches++
	var byCode []int32 // of a dictionary's codes: place + 1
	if c.series.index != nil {
		byCode = make([]int32, c.series.size)
	}
	last, lastPlace := "", int32(-1)
	for row := range c.rows {
		if c.series.null(row) {
			return nil, nil, rowError(row, plan.CodeNotNull, "series is NULL")
		}
		code := -1
		if byCode != nil {
			if code = c.series.index(row); byCode[code] > 0 {
				of[row] = byCode[code] - 1
				continue
			}
		}
		if name := c.series.at(row); lastPlace < 0 || name != last {
			last, lastPlace = name, g.place(name, row)
		}
		of[row] = lastPlace
		if code >= 0 {
			byCode[code] = lastPlace + 1
		}
	}
	return of, g.order, g.find(ctx)
}

// gathering collects the series of a batch.
type gathering struct {
	reader  *Reader
	order   []*target
	unknown map[string]int32 // places of those that the reader has not met
	names   []string         // of the unknown ones
	rows    []int            // in which they stand first
}

// place returns the place of a series among those of the batch.
func (g *gathering) place(name string, row int) int32 {
	if t := g.reader.series[name]; t != nil {
		if t.batch != g.reader.batches {
			t.batch, t.place = g.reader.batches, int32(len(g.order))
			g.order = append(g.order, t)
		}
		return t.place
	}
	place, seen := g.unknown[name]
	if !seen {
		place = int32(len(g.order))
		name = strings.Clone(name) // the batch may go
		g.unknown[name] = place
		g.order, g.names, g.rows = append(g.order, nil), append(g.names, name), append(g.rows, row)
	}
	return place
}

// find finds the series that are unknown.
func (g *gathering) find(ctx context.Context) error {
	if len(g.names) == 0 {
		return nil
	}
	found, err := g.reader.find(ctx, g.names, g.rows)
	if err != nil {
		return err
	}
	for i, name := range g.names {
		g.order[g.unknown[name]] = found[i]
	}
	return nil
}

// wide takes a batch with a column per series apart: a NULL is no sample.
func (r *Reader) wide(ctx context.Context, c *columns) ([]part, error) {
	g := gathering{reader: r, unknown: map[string]int32{}}
	r.batches++
	var rows [][]int32
	all := make([]int32, c.rows)
	for i := range all {
		all[i] = int32(i)
	}
	for _, w := range c.wide {
		present := all
		if w.nulls() {
			present = make([]int32, 0, c.rows)
			for row := range c.rows {
				if !w.null(row) {
					present = append(present, int32(row))
				}
			}
		}
		rows = append(rows, present)
		g.place(w.name, -1)
	}
	if err := g.find(ctx); err != nil {
		return nil, err
	}
	var parts []part
	for i, t := range g.order { // a place for each column: their names differ
		if t.rows, t.next = rows[i], nil; len(t.rows) > 0 {
			parts = append(parts, part{t, source{value: c.wide[i].numbers, valueText: c.wide[i].texts}})
		}
	}
	return parts, nil
}

// nulls reports whether there may be a NULL in the column.
func (w *wideColumn) nulls() bool {
	if w.numbers != nil {
		return w.numbers.a.NullN() > 0
	}
	return w.texts.index != nil || w.texts.a.NullN() > 0
}

func (w *wideColumn) null(row int) bool {
	if w.numbers != nil {
		return w.numbers.null(row)
	}
	return w.texts.null(row)
}

func isText(t arrow.DataType) bool {
	switch t := t.(type) {
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType:
		return true
	case *arrow.DictionaryType:
		return isText(t.ValueType)
	case *arrow.RunEndEncodedType:
		return isText(t.Encoded())
	}
	return false
}

// texts is a column of text, plain, large, view, dictionary or run-end encoded.
type texts struct {
	a     arrow.Array
	value func(i int) string
	index func(i int) int // place in the values, -1 for NULL; nil: the row itself
	size  int             // number of values, where there is an index
}

func (t *texts) null(row int) bool {
	if t.index == nil {
		return isNull(t.a, row)
	}
	i := t.index(row)
	return i < 0
}

func (t *texts) at(row int) string {
	if t.index != nil {
		row = t.index(row)
	}
	return t.value(row)
}

// isNull reports whether a row is NULL; in an array of type null all are.
func isNull(a arrow.Array, row int) bool { return a.DataType().ID() == arrow.NULL || a.IsNull(row) }

func readTexts(name string, a arrow.Array) (*texts, error) {
	switch a := a.(type) {
	case *array.String:
		return &texts{a: a, value: a.Value}, nil
	case *array.LargeString:
		return &texts{a: a, value: a.Value}, nil
	case *array.StringView:
		return &texts{a: a, value: a.Value}, nil
	case *array.Null:
		return &texts{a: a}, nil
	case *array.Dictionary:
		values, err := readTexts(name, a.Dictionary())
		if err != nil {
			return nil, err
		}
		return &texts{a: a, value: values.at, size: a.Dictionary().Len(), index: func(i int) int {
			if a.IsNull(i) || values.null(a.GetValueIndex(i)) {
				return -1
			}
			return a.GetValueIndex(i)
		}}, nil
	case *array.RunEndEncoded:
		values, err := readTexts(name, a.Values())
		if err != nil {
			return nil, err
		}
		return &texts{a: a, value: values.at, size: a.Values().Len(), index: func(i int) int {
			if p := a.GetPhysicalIndex(i); !values.null(p) {
				return p
			}
			return -1
		}}, nil
	}
	return nil, plan.Errorf(0, plan.CodeTypeMismatch, "column %q is of Arrow type %s where text is wanted", shorten(name), a.DataType())
}
