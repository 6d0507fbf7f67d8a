package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/ingest"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

// editInfo returns what is known of an edit of a session before it is made.
func (e *Engine) editInfo(s *Session, kind columnar.EditKind) (columnar.EditInfo, error) {
	info := columnar.EditInfo{Kind: kind, Who: s.author()}
	info.Reason, _ = s.Value("trellis.reason")
	info.Source, _ = s.Value("trellis.source")
	if e.opts.RequireReason && info.Reason == "" {
		return info, plan.Errorf(0, plan.CodeNotNull, "an edit needs a reason").WithHint("SET trellis.reason = 'why it is made'; a stream has the option reason.")
	}
	return info, nil
}

// edit makes an edit of what f gives to the editor: all of it, or nothing.
func (e *Engine) edit(ctx context.Context, info columnar.EditInfo, f func(columnar.Editor) error) (made columnar.EditResult, err error) {
	ed, err := e.opts.Store.Edit(ctx, info)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, ed.Close()) }()
	if err := f(ed); err != nil {
		return made, err
	}
	return ed.Commit(ctx)
}

// touched is the number of samples that an edit touched.
func touched(made columnar.EditResult) int64 { return made.Inserted + made.Replaced + made.Deleted }

// reading makes an edit of kind of what f makes of the rows of input, which has been
// optimized: the run reads the state before the edit, and nothing that is written
// meanwhile.
func (r *run) reading(ctx context.Context, kind columnar.EditKind, input plan.Node, f func(columnar.Editor) error) (int64, error) {
	info, err := r.engine.editInfo(r.session, kind)
	if err != nil {
		return 0, err
	}
	info.Exclusive = true
	if info.Within, err = exec.Within(ctx, input, r.options); err != nil {
		return 0, err
	}
	made, err := r.engine.edit(ctx, info, func(ed columnar.Editor) error {
		if r.options.Snapshot = ed.Base(); r.options.Snapshot == 0 {
			return nil // nothing was ever written
		}
		return f(ed)
	})
	return touched(made), err
}

// deleteSamples takes samples away: without looking at them, where they are chosen
// by series and time alone.
func (r *run) deleteSamples(ctx context.Context, n *plan.DeleteSamples) (int64, error) {
	input, err := r.optimized(n.Input)
	if err != nil {
		return 0, err
	}
	return r.reading(ctx, columnar.Delete, input, func(ed columnar.Editor) error {
		series, ranges, ok, err := exec.Ranges(ctx, input, r.options)
		if err != nil {
			return err
		}
		for i := range series {
			if err := ed.Delete(ctx, series[i], ranges[i]); err != nil {
				return err
			}
		}
		if ok {
			return nil
		}
		return r.drain(ctx, input, []string{"series", "time"}, func(batch arrow.RecordBatch) error {
			return r.deleteRows(ctx, ed, batch)
		})
	})
}

// deleteRows takes away the samples of a batch of series and times.
func (r *run) deleteRows(ctx context.Context, ed columnar.Editor, batch arrow.RecordBatch) error {
	rows, err := readKeys(batch)
	if err != nil {
		return err
	}
	return rows.each(r.view, func(s *meta.Series, from, to int) error {
		times := slices.Clone(rows.times.Ints[from:to])
		slices.Sort(times)
		var ranges []columnar.Range
		for _, t := range times {
			end := s.Grid.SlotEnd(t)
			switch n := len(ranges); {
			case n > 0 && ranges[n-1].To >= t:
				ranges[n-1].To = end
			default:
				ranges = append(ranges, columnar.Range{From: t, To: end})
			}
		}
		return ed.Delete(ctx, s.Series, ranges)
	})
}

// backfillSamples writes the rows of an INSERT as an edit.
func (r *run) backfillSamples(ctx context.Context, n *plan.InsertSamples) (int64, error) {
	info, err := r.engine.editInfo(r.session, columnar.Backfill)
	if err != nil {
		return 0, err
	}
	input, err := r.optimized(n.Input)
	if err != nil {
		return 0, err
	}
	reader := ingest.NewReader(ingestCatalog{r.engine, r.session}, ingest.Options{Zone: r.env.Zone, OffGrid: r.session.offGrid()})
	_, err = r.engine.edit(ctx, info, func(ed columnar.Editor) error {
		return r.drain(ctx, input, n.Columns, func(batch arrow.RecordBatch) error {
			samples, err := reader.Read(ctx, batch)
			if err != nil {
				return atRow(err, n.At)
			}
			return ed.Write(ctx, samples)
		})
	})
	if err != nil {
		return 0, err
	}
	r.engine.grid.add(ingest.Counts{}, reader.Counts())
	return reader.Counts().Samples, nil
}

// keys are rows that name samples.
type keys struct{ names, times eval.Vector }

// readKeys reads the first two columns of a batch: series and time.
func readKeys(batch arrow.RecordBatch) (k keys, err error) {
	if k.names, err = eval.FromArray(batch.Column(0), plan.Text); err != nil {
		return k, err
	}
	k.times, err = eval.FromArray(batch.Column(1), plan.Timestamptz)
	return k, err
}

// each calls f for each run of rows of one series.
func (k *keys) each(view *catalogView, f func(s *meta.Series, from, to int) error) error {
	names := k.names.Strs
	for from := 0; from < len(names); {
		to := from + 1
		for to < len(names) && names[to] == names[from] {
			to++
		}
		s, err := view.find(names[from], 0)
		if err != nil {
			return err
		}
		if err := f(s, from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// find returns the series of a name, which stands at a position in the statement.
func (v *catalogView) find(name string, pos int) (*meta.Series, error) {
	i, ok := v.byName[name]
	if ok {
		return &v.series[i], nil
	}
	err := plan.Errorf(pos, plan.CodeUnknownSeries, "series %q does not exist", name)
	const few = 10_000
	if len(v.series) > few {
		return nil, err.WithHint("SELECT series FROM series lists them.")
	}
	known := make([]string, len(v.series))
	for i := range v.series {
		known[i] = v.series[i].Name
	}
	if near := plan.Nearest(name, known); near != "" {
		return nil, err.WithHint("Did you mean %s?", near)
	}
	return nil, err.WithHint("SELECT series FROM series lists them.")
}
