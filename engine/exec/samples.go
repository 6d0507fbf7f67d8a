package exec

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// samples makes the columns of the table samples, and of the samples' series, of a
// stream of columnar.SampleSchema.
type samples struct {
	in     columnar.Stream
	q      *query
	rows   []int32 // of the series table, by index in the stream
	schema *arrow.Schema
	cols   []sampleColumn
	place  map[string]int // of the stream's columns
}

// sampleColumn makes one column of a batch.
type sampleColumn func(s *samples, b *sampleBatch) (arrow.Array, error)

// sampleBatch is a batch of the store's.
type sampleBatch struct {
	arrow.RecordBatch
	n     int
	runs  []run   // rows of one series; group is its index in the stream
	times []int64 // instants
}

// physical are the store's columns that a column of samples is made from.
var physical = map[string]columnar.Columns{
	"value": columnar.ColValue, "raw_value": columnar.ColRawValue, "int_value": columnar.ColIntValue,
	"text": columnar.ColText | columnar.ColOrdinal, "quality": columnar.ColStatus, "status": columnar.ColStatus,
	"edit": columnar.ColEdit, "edit_id": columnar.ColEditID,
}

// openSamples reads the samples of a binding.
func (q *query) openSamples(ctx context.Context, b *binding) (columnar.Stream, error) {
	s := &samples{q: q, rows: b.rows, schema: eval.Schema(b.scan.Fields()), place: map[string]int{}}
	sel := b.sel
	for _, c := range b.scan.Columns {
		if !c.Series {
			sel.Columns |= physical[c.Name]
		}
		make, err := sampleColumnOf(c)
		if err != nil {
			return nil, err
		}
		s.cols = append(s.cols, make)
	}
	if len(sel.Series) == 0 {
		s.in = &single{}
		return s, nil
	}
	sel.Columns = neededText(sel)
	if q.memory.stream && q.memory.part != nil && q.memory.part.Most() > 0 {
		// What is made of a batch has all columns of the scan, of which the store yields two
		// or so; the rest is computed.
		sel.BatchBytes = q.memory.part.Most() / batchShare * 2 / int64(max(len(s.cols), 2))
	}
	for i, f := range columnar.SampleSchema(sel.Columns).Fields() {
		s.place[f.Name] = i
	}
	var err error
	s.in, err = q.Source.Samples(ctx, sel)
	return s, err
}

// neededText returns the selection's columns without those that the column text
// does not need, because no series is of such a type.
func neededText(sel columnar.Selection) columnar.Columns {
	texts, ordinals := false, false
	for _, s := range sel.Series {
		texts = texts || s.Type == columnar.Text
		ordinals = ordinals || s.Type == columnar.Boolean || s.Type == columnar.Enum
	}
	columns := sel.Columns
	if !texts {
		columns &^= columnar.ColText
	}
	if !ordinals {
		columns &^= columnar.ColOrdinal
	}
	return columns
}

// sampleColumnOf returns how a column of a scan is made.
func sampleColumnOf(c plan.ScanColumn) (sampleColumn, error) {
	name := c.Name
	if c.Series || name == "series" {
		at := plan.Series.Column(name)
		if at < 0 {
			return nil, fmt.Errorf("exec: table series has no column %s", name)
		}
		return func(s *samples, b *sampleBatch) (arrow.Array, error) { return s.attribute(b, at) }, nil
	}
	switch name {
	case "time", "value", "raw_value", "int_value", "edit_id":
		return func(s *samples, b *sampleBatch) (arrow.Array, error) {
			a := b.Column(s.place[name])
			a.Retain()
			return a, nil
		}, nil
	case "local_time":
		return (*samples).localTime, nil
	case "text":
		return (*samples).text, nil
	case "quality":
		return (*samples).quality, nil
	case "status":
		return (*samples).status, nil
	case "edit":
		return (*samples).edit, nil
	}
	return nil, fmt.Errorf("exec: table samples has no column %s", name)
}

// Schema implements columnar.Stream.
func (s *samples) Schema() *arrow.Schema { return s.schema }

// Next implements columnar.Stream.
func (s *samples) Next(ctx context.Context) (arrow.RecordBatch, error) {
	in, err := s.in.Next(ctx)
	if err != nil {
		return nil, err
	}
	defer in.Release()
	b := &sampleBatch{RecordBatch: in, n: int(in.NumRows())}
	b.runs = appendRuns(nil, in.Column(0).(*array.Int32).Int32Values())
	b.times = arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(in.Column(1).(*array.Timestamp).TimestampValues()))
	cols := make([]arrow.Array, 0, len(s.cols))
	for _, make := range s.cols {
		col, err := make(s, b)
		if err != nil {
			for _, c := range cols {
				c.Release()
			}
			return nil, err
		}
		cols = append(cols, col)
	}
	return newBatch(s.schema, cols, b.n), nil
}

// Close implements columnar.Stream.
func (s *samples) Close() error { return s.in.Close() }

// attribute repeats a column of the series table.
func (s *samples) attribute(b *sampleBatch, at int) (arrow.Array, error) {
	all, err := eval.FromArray(s.q.Series.Batch.Column(at), plan.Series.Cols[at].Type)
	if err != nil {
		return nil, err
	}
	if len(b.runs) == 1 {
		v := eval.FromLiteral(all.Literal(int(s.rows[b.runs[0].group])), b.n)
		return v.Array(), nil
	}
	out := column{t: all.T}
	out.grow(b.n)
	for _, r := range b.runs {
		for i := r.from; i < r.to; i++ {
			out.set(i, &all, int(s.rows[r.group]))
		}
	}
	v := out.vector()
	return v.Array(), nil
}

func (s *samples) localTime(b *sampleBatch) (arrow.Array, error) {
	out := make([]int64, b.n)
	for _, r := range b.runs {
		s.q.Series.Zones[s.rows[r.group]].LocalTimes(out[r.from:r.to], b.times[r.from:r.to])
	}
	v := eval.Vector{T: plan.Timestamp, Len: b.n, Ints: out}
	return v.Array(), nil
}

// text is the text of a text series and the name of the state of a boolean or enum
// series.
func (s *samples) text(b *sampleBatch) (arrow.Array, error) {
	out := column{t: plan.Text}
	out.grow(b.n)
	for _, r := range b.runs {
		row := s.rows[r.group]
		switch t := s.q.Series.Series[row].Type; t {
		case columnar.Text:
			texts, err := eval.FromArray(b.Column(s.place["text"]), plan.Text)
			if err != nil {
				return nil, err
			}
			for i := r.from; i < r.to; i++ {
				out.set(i, &texts, i)
			}
		case columnar.Boolean, columnar.Enum:
			states := s.q.Series.States[row]
			if len(states) == 0 && t == columnar.Boolean {
				states = []string{"false", "true"}
			}
			ordinals := b.Column(s.place["ordinal"]).(*array.Int64)
			for i := r.from; i < r.to; i++ {
				if !ordinals.IsNull(i) && uint64(ordinals.Value(i)) < uint64(len(states)) {
					out.strs[i], out.nulls[i] = states[ordinals.Value(i)], false
				}
			}
		}
	}
	v := out.vector()
	return v.Array(), nil
}

func (s *samples) quality(b *sampleBatch) (arrow.Array, error) {
	statuses := b.Column(s.place["status"]).(*array.Uint32).Uint32Values()
	names := [...]string{columnar.Good.String(), columnar.Uncertain.String(), columnar.Bad.String()}
	out := make([]string, b.n)
	for i, status := range statuses {
		out[i] = names[columnar.Status(status).Quality()]
	}
	v := eval.Vector{T: plan.Text, Len: b.n, Strs: out}
	return v.Array(), nil
}

func (s *samples) status(b *sampleBatch) (arrow.Array, error) {
	out := make([]int64, b.n)
	for i, status := range b.Column(s.place["status"]).(*array.Uint32).Uint32Values() {
		out[i] = int64(status)
	}
	v := eval.Vector{T: plan.Bigint, Len: b.n, Ints: out}
	return v.Array(), nil
}

// edit is what an edit did to the sample, NULL where none did.
func (s *samples) edit(b *sampleBatch) (arrow.Array, error) {
	out := column{t: plan.Text}
	out.grow(b.n)
	for i, mark := range b.Column(s.place["edit"]).(*array.Uint8).Uint8Values() {
		if m := columnar.Mark(mark); m != columnar.Unedited {
			out.strs[i], out.nulls[i] = m.String(), false
		}
	}
	v := out.vector()
	return v.Array(), nil
}
