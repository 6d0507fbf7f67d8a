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

// summaryBinding binds a scan of summaries.
func (q *query) summaryBinding(ctx context.Context, _ *plan.AggregateNode, scan *plan.Scan) (*binding, error) {
	if scan.Samples == nil || scan.Samples.Summaries == nil {
		return nil, fmt.Errorf("exec: an aggregate that merges reads a scan without summaries")
	}
	b, err := q.bind(ctx, scan)
	if err != nil {
		return nil, err
	}
	b.sel.Stats = scan.Samples.Summaries.Stats
	// Bad samples have no value: what they are counts, not what they hold. And a
	// bound on values leaves out blocks, which must be counted all the same.
	if b.sel.Qualities &= columnar.Usable; b.sel.Qualities == 0 {
		b.sel.Qualities = columnar.OnlyBad
	}
	b.sel.Bounds = nil
	if b.sel.Bins, err = q.bins(b, scan.Samples.Summaries.Bins); err != nil {
		return nil, err
	}
	return b, nil
}

// cutSummaries cuts a binding of a scan of summaries into runs of series.
func (q *query) cutSummaries(b *binding) []*binding {
	if want := q.Workers * morselsPerWorker; q.Workers > 1 && len(b.rows) >= want {
		return b.cutSeries(want)
	}
	if len(b.rows) == 0 {
		return nil
	}
	return []*binding{b}
}

// summaryMorsel aggregates the summaries of a binding.
func (q *query) summaryMorsel(b *binding) morsel {
	return func(ctx context.Context, into *aggregator) error { return q.mergeSummaries(ctx, b, into) }
}

// mergeSummaries feeds the summaries of a binding to an aggregator.
func (q *query) mergeSummaries(ctx context.Context, b *binding, into *aggregator) (err error) {
	in, err := q.Source.Summaries(ctx, b.sel)
	if err != nil {
		return err
	}
	defer func() {
		if closing := in.Close(); err == nil {
			err = closing
		}
	}()
	reader := columnar.NewSummaryReader(b.sel.Stats)
	row := &summaryInput{qualities: b.wanted}
	names, err := eval.FromArray(q.Series.Batch.Column(0), plan.Text)
	if err != nil {
		return err
	}
	return drain(ctx, in, func(batch arrow.RecordBatch) error {
		if err := reader.Reset(batch); err != nil {
			return err
		}
		keyRows, err := q.binRows(b, reader, batch)
		if err != nil {
			return err
		}
		defer keyRows.Release()
		keys, err := vectors(into.keys, keyRows)
		if err != nil {
			return err
		}
		for i := range reader.Len() {
			reader.Row(i, &row.SummaryRow)
			if row.count() == 0 {
				continue // samples of other qualities make no group
			}
			at := b.rows[row.Series]
			row.series, row.name = b.sel.Series[row.Series], names.Strs[at]
			row.lines = row.series.Interpolation == columnar.Linear
			if err := into.summarize(row, keys, i); err != nil {
				return err
			}
		}
		return into.account()
	})
}

// summarize takes in a row of summaries, whose keys are row i of keys.
func (a *aggregator) summarize(row *summaryInput, keys []eval.Vector, i int) error {
	for k := range a.sets {
		s := &a.sets[k]
		group := int32(0)
		if len(s.keys) > 0 {
			group = s.groups.find(s.pick(keys), i)
		}
		for j, acc := range s.accs {
			into, ok := acc.(summarizer)
			if !ok {
				return fmt.Errorf("exec: %s does not merge summaries", a.node.Aggs[j].Func)
			}
			acc.grow(s.groups.len())
			row.subject = a.calls[j].subject
			into.summarize(group, row)
		}
	}
	return nil
}

// binRows returns the columns of a scan of which rows are bins: series, time and
// local_time of the bin, and the attributes of the series. All others are NULL.
func (q *query) binRows(b *binding, reader *columnar.SummaryReader, in arrow.RecordBatch) (arrow.RecordBatch, error) {
	s := samples{q: q, rows: b.rows, place: map[string]int{"time": 1}}
	batch := &sampleBatch{RecordBatch: in, n: reader.Len()}
	batch.runs = appendRuns(nil, in.Column(0).(*array.Int32).Int32Values())
	cols := make([]arrow.Array, len(b.scan.Columns))
	for i, c := range b.scan.Columns {
		switch {
		case c.Series || c.Name == "series":
			var err error
			if cols[i], err = s.attribute(batch, plan.Series.Column(c.Name)); err != nil {
				return nil, err
			}
		case c.Name == "time":
			cols[i] = in.Column(1)
			cols[i].Retain()
		case c.Name == "local_time":
			cols[i] = in.Column(2)
			cols[i].Retain()
		default:
			v := eval.FromLiteral(plan.Literal{T: c.T}, reader.Len())
			cols[i] = v.Array()
		}
	}
	return newBatch(eval.Schema(b.scan.Fields()), cols, reader.Len()), nil
}
