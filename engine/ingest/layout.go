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

// heading is what the schema of a batch says. The batches of a stream have the same.
type heading struct {
	schema *arrow.Schema
	named  []string // what the columns are called, after Options.Renamed
	time   int
	long   bool
}

// heading returns what a schema says.
func (r *Reader) heading(batch arrow.RecordBatch) (*heading, error) {
	schema := batch.Schema()
	if r.head != nil && r.head.schema == schema {
		return r.head, nil
	}
	at := make(map[string]int, schema.NumFields())
	h := &heading{schema: schema, named: make([]string, schema.NumFields())}
	for i, f := range schema.Fields() {
		if h.named[i] = f.Name; r.opts.Renamed[f.Name] != "" {
			h.named[i] = r.opts.Renamed[f.Name]
		}
		if _, twice := at[h.named[i]]; twice {
			return nil, plan.Errorf(0, plan.CodeDuplicateAlias, "the batch has two columns named %q", shorten(h.named[i]))
		}
		at[h.named[i]] = i
	}
	var ok bool
	if h.time, ok = at["time"]; !ok {
		return nil, plan.Errorf(0, plan.CodeUndefColumn, "the batch has no column time; its columns are %s", names(batch)).
			WithHint("A batch has the columns series, time, value (long), or time and a column per series (wide).")
	}
	_, h.long = at["series"]
	r.head = h
	return h, nil
}

// columns finds the columns of a batch.
func (r *Reader) columns(batch arrow.RecordBatch) (*columns, error) {
	h, err := r.heading(batch)
	if err != nil {
		return nil, err
	}
	c := &columns{rows: int(batch.NumRows())}
	c.times.next, c.ordinals.next, c.values.next = c.rows, c.rows, c.rows
	if c.time, err = readTimes(batch.Column(h.time), r.opts.Zone); err != nil {
		return nil, err
	}
	if !h.long {
		return c, inBatch(c.wideColumns(h.named, batch))
	}
	return c, inBatch(c.longColumns(h.named, batch))
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
	c.wide = make([]wideColumn, 0, len(named)-1)
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
	parts, from := r.parts[:0], source{c.value, c.ints, c.valueText, c.text}
	if len(order) == 1 || len(order) == c.rows { // of one series, or of each one sample
		rows := r.allRows(c.rows)
		for k, t := range order {
			one := rows[k : k+1]
			if len(order) == 1 {
				one = rows
			}
			parts = append(parts, part{t, one, from})
		}
		return parts, nil
	}
	ends := make([]int32, len(order)) // of the rows of each, first of those before it
	for _, k := range of {
		ends[k]++
	}
	sum := int32(0)
	for k, n := range ends {
		ends[k], sum = sum, sum+n
	}
	rows := make([]int32, c.rows)
	for row, k := range of {
		rows[ends[k]] = int32(row)
		ends[k]++
	}
	begin := int32(0)
	for k, t := range order {
		parts = append(parts, part{t, rows[begin:ends[k]], from})
		begin = ends[k]
	}
	return parts, nil
}

// allRows returns the numbers of so many rows.
func (r *Reader) allRows(n int) []int32 {
	for i := len(r.rows); i < n; i++ {
		r.rows = append(r.rows, int32(i))
	}
	return r.rows[:n:n]
}

// targetsOf returns the series of the batch in the order in which they appear, and
// for each row which of them it belongs to.
func (r *Reader) targetsOf(ctx context.Context, c *columns) (of []int32, order []*target, err error) {
	of = make([]int32, c.rows)
	g := r.gather()
	if codes := c.series.codes; codes != nil {
		places := make([]int32, c.series.size) // of the codes: place + 1
		for row, code := range codes {
			if code < 0 {
				return nil, nil, seriesNull(row)
			}
			if places[code] == 0 {
				places[code] = g.place(c.series.value(int(code)), row) + 1
			}
			of[row] = places[code] - 1
		}
		order, err = g.find(ctx)
		return of, order, err
	}
	nulls := c.series.a.NullN() > 0 || c.series.value == nil
	last, lastPlace := "", int32(-1)
	for row := range c.rows {
		if nulls && c.series.null(row) {
			return nil, nil, seriesNull(row)
		}
		if name := c.series.value(row); lastPlace < 0 || name != last {
			last, lastPlace = name, g.place(name, row)
		}
		of[row] = lastPlace
	}
	order, err = g.find(ctx)
	return of, order, err
}

func seriesNull(row int) error { return rowError(row, plan.CodeNotNull, "series is NULL") }

// gathering collects the series of a batch.
type gathering struct {
	reader  *Reader
	order   []*target
	last    int32            // the place that was asked for last
	unknown map[string]int32 // places of those that the reader has not met
	names   []string         // of the unknown ones
	rows    []int            // in which they stand first
}

// gather begins to collect the series of a batch.
func (r *Reader) gather() *gathering {
	r.batches++
	// The order of the batch before is read while that of this one is written.
	r.order, r.before = r.before[:0], r.order
	return &gathering{reader: r, order: r.order, last: -1, unknown: map[string]int32{}}
}

// place returns the place of a series among those of the batch. Batches of a stream
// are much alike: what comes after the series at hand is mostly the one that came
// after it before, in this batch or in the last one, which spares a look into a map.
func (g *gathering) place(name string, row int) int32 {
	next := g.last + 1
	if n := int32(len(g.order)); next < n || next == n && n > 0 && g.order[0] != nil && g.order[0].meta.Name == name {
		if next == n {
			next = 0
		}
		if t := g.order[next]; t != nil && t.meta.Name == name {
			g.last = next
			return next
		}
	}
	g.last = g.look(name, row)
	return g.last
}

// look is place without a guess that is right.
func (g *gathering) look(name string, row int) int32 {
	n := int32(len(g.order))
	var t *target
	if before := g.reader.before; int(n) < len(before) && !before[n].fresh && before[n].meta.Name == name {
		t = before[n]
	} else {
		t = g.reader.series[name]
	}
	if t != nil {
		if t.batch != g.reader.batches {
			t.batch, t.place = g.reader.batches, n
			g.order = append(g.order, t)
		}
		return t.place
	}
	place, seen := g.unknown[name]
	if !seen {
		place = n
		name = strings.Clone(name) // the batch may go
		g.unknown[name] = place
		g.order, g.names, g.rows = append(g.order, nil), append(g.names, name), append(g.rows, row)
	}
	return place
}

// find finds the series that are unknown, and returns all in the order in which they
// appear.
func (g *gathering) find(ctx context.Context) ([]*target, error) {
	if len(g.names) > 0 {
		found, err := g.reader.find(ctx, g.names, g.rows)
		if err != nil {
			g.reader.order = g.reader.order[:0]
			return nil, err
		}
		for i, name := range g.names {
			g.order[g.unknown[name]] = found[i]
		}
	}
	g.reader.order = g.order
	return g.order, nil
}

// wide takes a batch with a column per series apart: a NULL is no sample.
func (r *Reader) wide(ctx context.Context, c *columns) ([]part, error) {
	g := r.gather()
	rows := make([][]int32, 0, len(c.wide))
	all := r.allRows(c.rows)
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
	order, err := g.find(ctx)
	if err != nil {
		return nil, err
	}
	parts := r.parts[:0]
	for i, t := range order { // a place for each column: their names differ
		if len(rows[i]) > 0 {
			parts = append(parts, part{t, rows[i], source{value: c.wide[i].numbers, valueText: c.wide[i].texts}})
		}
	}
	return parts, nil
}

// nulls reports whether there may be a NULL in the column.
func (w *wideColumn) nulls() bool {
	if w.numbers != nil {
		return w.numbers.a.NullN() > 0
	}
	return w.texts.codes != nil || w.texts.a.NullN() > 0
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
	codes []int32 // places in the values, -1 for NULL; nil: the rows themselves
	size  int     // number of values, where there are codes
}

func (t *texts) null(row int) bool {
	if t.codes == nil {
		return isNull(t.a, row)
	}
	return t.codes[row] < 0
}

func (t *texts) at(row int) string {
	if t.codes != nil {
		row = int(t.codes[row])
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
		return codedTexts(name, a, a.Dictionary(), dictionaryCodes(a))
	case *array.RunEndEncoded:
		codes := make([]int32, a.Len())
		for row := range codes {
			codes[row] = int32(a.GetPhysicalIndex(row))
		}
		return codedTexts(name, a, a.Values(), codes)
	}
	return nil, plan.Errorf(0, plan.CodeTypeMismatch, "column %q is of Arrow type %s where text is wanted", shorten(name), a.DataType())
}

// codedTexts is a column whose rows are places in values, -1 for NULL.
func codedTexts(name string, a, of arrow.Array, codes []int32) (*texts, error) {
	values, err := readTexts(name, of)
	if err != nil {
		return nil, err
	}
	if of.DataType().ID() == arrow.NULL || of.NullN() > 0 || values.codes != nil {
		for row, code := range codes {
			if code >= 0 && values.null(int(code)) {
				codes[row] = -1
			}
		}
	}
	return &texts{a: a, value: values.at, codes: codes, size: of.Len()}, nil
}

// dictionaryCodes returns the codes of the rows, -1 for NULL.
func dictionaryCodes(a *array.Dictionary) []int32 {
	out := make([]int32, a.Len())
	switch in := a.Indices().(type) {
	case *array.Int8:
		convert(out, in.Int8Values())
	case *array.Uint8:
		convert(out, in.Uint8Values())
	case *array.Int16:
		convert(out, in.Int16Values())
	case *array.Uint16:
		convert(out, in.Uint16Values())
	case *array.Int32:
		convert(out, in.Int32Values())
	case *array.Uint32:
		convert(out, in.Uint32Values())
	case *array.Int64:
		convert(out, in.Int64Values())
	case *array.Uint64:
		convert(out, in.Uint64Values())
	}
	if a.NullN() > 0 {
		for row := range out {
			if a.IsNull(row) {
				out[row] = -1
			}
		}
	}
	return out
}

// convert copies codes, all of which are below the length of a dictionary.
func convert[T int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64](dst []int32, codes []T) {
	for i, c := range codes {
		dst[i] = int32(c)
	}
}
