package ingest

import (
	"context"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/columnar"
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
	at := map[string]arrow.Array{}
	for i, f := range batch.Schema().Fields() {
		name := f.Name
		if as, ok := r.opts.Renamed[name]; ok {
			name = as
		}
		if _, twice := at[name]; twice {
			return nil, plan.Errorf(0, plan.CodeDuplicateAlias, "the batch has two columns named %q", shorten(name))
		}
		at[name] = batch.Column(i)
	}
	stamp, ok := at["time"]
	if !ok {
		return nil, plan.Errorf(0, plan.CodeUndefColumn, "the batch has no column time; its columns are %s", names(batch)).
			WithHint("a batch has the columns series, time, value (long), or time and a column per series (wide)")
	}
	var err error
	if c.time, err = readTimes(stamp, r.opts.Zone); err != nil {
		return nil, err
	}
	if _, long := at["series"]; !long {
		return c, c.wideColumns(r, batch)
	}
	return c, c.longColumns(at, batch)
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

func (c *columns) longColumns(at map[string]arrow.Array, batch arrow.RecordBatch) (err error) {
	for name, a := range at {
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
				WithHint("the columns are series, time, value, int_value, text, status, quality; the batch has %s", names(batch))
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

func (c *columns) wideColumns(r *Reader, batch arrow.RecordBatch) (err error) {
	for i, f := range batch.Schema().Fields() {
		name := f.Name
		if as, ok := r.opts.Renamed[name]; ok {
			name = as
		}
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

// long reads a batch with a sample per row.
func (r *Reader) long(ctx context.Context, c *columns) ([]columnar.Samples, error) {
	var order []*target
	var last *target
	lastName := ""
	for row := range c.rows {
		if c.series.null(row) {
			return nil, rowError(row, plan.CodeNotNull, "series is NULL")
		}
		if name := c.series.at(row); last == nil || name != lastName {
			t, err := r.find(ctx, name)
			if err != nil {
				return nil, inRow(err, row)
			}
			last, lastName = t, t.meta.Name
			if len(t.rows) == 0 {
				order = append(order, t)
			}
		}
		last.rows = append(last.rows, int32(row))
	}
	out := make([]columnar.Samples, 0, len(order))
	defer func() {
		for _, t := range order {
			t.rows = t.rows[:0]
		}
	}()
	for _, t := range order {
		s, err := c.samples(t, t.rows, source{c.value, c.ints, c.valueText, c.text})
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// wide reads a batch with a column per series.
func (r *Reader) wide(ctx context.Context, c *columns) ([]columnar.Samples, error) {
	out := make([]columnar.Samples, 0, len(c.wide))
	rows := make([]int32, 0, c.rows)
	for _, w := range c.wide {
		t, err := r.find(ctx, w.name)
		if err != nil {
			return nil, err
		}
		rows = rows[:0]
		for row := range c.rows {
			if w.numbers != nil && !w.numbers.null(row) || w.texts != nil && !w.texts.null(row) {
				rows = append(rows, int32(row))
			}
		}
		if len(rows) == 0 {
			continue
		}
		s, err := c.samples(t, rows, source{value: w.numbers, valueText: w.texts})
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
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
	index func(i int) int // place in the values, nil: i itself
}

func (t *texts) null(row int) bool {
	if t.index == nil {
		return t.a.IsNull(row)
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
		return &texts{a: a, value: values.at, index: func(i int) int {
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
		return &texts{a: a, value: values.at, index: func(i int) int {
			if p := a.GetPhysicalIndex(i); !values.null(p) {
				return p
			}
			return -1
		}}, nil
	}
	return nil, plan.Errorf(0, plan.CodeTypeMismatch, "column %q is of Arrow type %s where text is wanted", shorten(name), a.DataType())
}
