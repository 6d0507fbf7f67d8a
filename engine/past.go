package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

// past finds the snapshots that a statement names, each once.
type past struct {
	engine *Engine
	env    *eval.Env

	mu    sync.Mutex
	known map[plan.Literal]int64
}

// at returns the id of a snapshot: the one of that number, or the newest that was
// there at an instant. One that cannot be read is a mistake.
func (p *past) at(ctx context.Context, which plan.Literal) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := plan.Literal{Value: which.Value, T: which.T}
	if id, ok := p.known[key]; ok {
		return id, nil
	}
	id, err := p.find(ctx, which)
	if err != nil {
		return 0, err
	}
	if p.known == nil {
		p.known = map[plan.Literal]int64{}
	}
	p.known[key] = id
	return id, nil
}

func (p *past) find(ctx context.Context, which plan.Literal) (int64, error) {
	catalog := p.engine.opts.Catalog
	if which.T == plan.Bigint {
		id := which.Value.(int64)
		if id > 0 { // 0 is there, and has nothing
			_, err := catalog.Segments(ctx, id)
			if err == nil {
				return id, nil
			}
			if !errors.Is(err, meta.ErrNotFound) {
				return 0, fmt.Errorf("catalog: %w", err)
			}
		}
		return 0, p.tooFar(ctx, which.At, id, fmt.Sprintf("there is no snapshot %d", id))
	}
	instant := which.Value.(int64)
	shown := plan.FormatTimestamptz(instant, p.env.Zone)
	s, err := catalog.At(ctx, instant)
	switch {
	case errors.Is(err, meta.ErrNotFound):
		return 0, p.tooFar(ctx, which.At, 0, "there was no snapshot yet at "+shown)
	case err != nil:
		return 0, fmt.Errorf("catalog: %w", err)
	case !s.Kept:
		return 0, p.tooFar(ctx, which.At, s.ID, "there is no snapshot of "+shown)
	}
	return s.ID, nil
}

// tooFar is the mistake of asking for a snapshot that cannot be read. It says how far
// back one can go, and what is pinned; msg is what is wrong unless the snapshot was
// there once.
func (p *past) tooFar(ctx context.Context, pos int, id int64, msg string) error {
	all, err := p.engine.opts.Catalog.Snapshots(ctx)
	if err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	if len(all) == 0 {
		return plan.Errorf(pos, plan.CodeInvalidValue, "there are no snapshots yet").WithHint("CALL flush() makes one of what was written.")
	}
	if slices.ContainsFunc(all, func(s meta.Snapshot) bool { return s.ID == id }) {
		msg = fmt.Sprintf("snapshot %d is not kept any more", id)
	}
	// Everything from some snapshot on is kept, and before it what is pinned.
	first := len(all) - 1
	for first > 0 && all[first-1].Kept {
		first--
	}
	newest := all[len(all)-1]
	hint := fmt.Sprintf("All are kept from %d, of %s, to the newest, %d.", all[first].ID, plan.FormatTimestamptz(all[first].Time, p.env.Zone), newest.ID)
	pins, err := p.engine.opts.Catalog.Pins(ctx)
	if err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	var names []string
	for i, pin := range pins {
		const few = 8
		if i == few {
			names = append(names, "...")
			break
		}
		names = append(names, fmt.Sprintf("%s (%d)", pin.Name, pin.Snapshot))
	}
	if len(names) > 0 {
		hint += " Pinned are " + strings.Join(names, ", ") + "."
	}
	return plan.Errorf(pos, plan.CodeInvalidValue, "%s", msg).WithHint("%s", hint)
}

// purged is the mistake of asking for what a snapshot had and was removed for good.
func (e *Engine) purged(ctx context.Context, p *columnar.PurgedError) error {
	name := fmt.Sprint(p.Series)
	if v, err := e.view(ctx); err == nil {
		if i := slices.IndexFunc(v.series, func(s meta.Series) bool { return s.ID == p.Series }); i >= 0 {
			name = v.series[i].Name
		}
	}
	return plan.Errorf(0, plan.CodeInvalidValue, "what snapshot %d had of series %q in that time was purged by edit %d", p.Snapshot, name, p.Edit).
		WithHint("Leave out the series, or the time that system.edit_ranges has of the edit.")
}

// functions returns the table functions that the engine itself answers for.
func (r *run) functions() map[string]exec.TableFunction {
	return map[string]exec.TableFunction{
		plan.SamplesHistory.Name: r.samplesHistory,
		plan.Changes.Name:        r.changes,
	}
}

// samplesHistory yields the versions of the samples of a series in a range.
func (r *run) samplesHistory(ctx context.Context, args []plan.Literal, _ []int32) (columnar.Stream, error) {
	s, err := r.view.find(args[0].Value.(string), args[0].At)
	if err != nil {
		return nil, err
	}
	snapshots, err := r.engine.opts.Catalog.Snapshots(ctx)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	h := &history{series: s, written: make(map[int64]int64, len(snapshots)), edits: map[int64]*meta.Edit{}, catalog: r.engine.opts.Catalog}
	for _, x := range snapshots {
		h.written[x.ID] = x.Time
	}
	span := between(args[1], args[2])
	return pull(plan.SamplesHistory.Cols, func(row func(values ...any) bool) error {
		if span.From >= span.To {
			return nil
		}
		var failed error
		err := r.engine.opts.Store.History(ctx, s.Series, span, func(v *columnar.Version) bool {
			var values []any
			if values, failed = h.row(ctx, v); failed != nil {
				return false
			}
			return row(values...)
		})
		return errors.Join(failed, err)
	}), nil
}

// between returns the range from one instant to another, as far as there can be
// samples in it.
func between(from, to plan.Literal) columnar.Range {
	return columnar.Range{From: max(from.Value.(int64), columnar.MinTime), To: min(to.Value.(int64), columnar.MaxTime)}
}

// history makes rows of the versions of a series' samples.
type history struct {
	series  *meta.Series
	written map[int64]int64 // instants of snapshots
	edits   map[int64]*meta.Edit
	catalog meta.Catalog
}

// row returns the row of a version.
func (h *history) row(ctx context.Context, v *columnar.Version) ([]any, error) {
	var value, number, text, quality, status, raw any
	if v.Present {
		quality, status = v.Status.Quality().String(), int64(v.Status)
		if !v.Void {
			value, number, text, raw = h.values(v)
		}
	}
	var author, reason, source, written any
	if v.Edit != 0 {
		e, err := h.edit(ctx, v.Edit)
		if err != nil {
			return nil, err
		}
		author, reason, source = optional(e.Who), optional(e.Reason), optional(e.Source)
	}
	if t, ok := h.written[v.From]; ok {
		written = t
	}
	return []any{
		h.series.Name, v.Time, value, number, text, quality, status, raw,
		optional(v.Mark.String()), known(v.Edit), author, reason, source, written, known(v.From), known(v.To),
	}, nil
}

// known makes an id of 0 NULL.
func known(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// values returns what a version's value is in the columns of samples.
func (h *history) values(v *columnar.Version) (value, number, text, raw any) {
	switch h.series.Type.Kind() {
	case columnar.Floats:
		raw = v.Float
	case columnar.Ints:
		raw = float64(v.Int)
	}
	if v.Status.Quality() == columnar.Bad {
		return nil, nil, nil, raw
	}
	switch h.series.Type {
	case columnar.Integer:
		number = v.Int
	case columnar.Text:
		text = v.Text
	case columnar.Boolean, columnar.Enum:
		states := h.series.States
		if len(states) == 0 && h.series.Type == columnar.Boolean {
			states = []string{"false", "true"}
		}
		if v.Int >= 0 && v.Int < int64(len(states)) {
			text = states[v.Int]
		}
	}
	return raw, number, text, raw
}

// edit returns the record of an edit.
func (h *history) edit(ctx context.Context, id int64) (*meta.Edit, error) {
	if e, ok := h.edits[id]; ok {
		return e, nil
	}
	found, err := h.catalog.Edits(ctx, meta.EditFilter{IDs: []int64{id}})
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	e := &meta.Edit{}
	if len(found) == 1 {
		e = &meta.Edit{Who: found[0].Who, Reason: found[0].Reason, Source: found[0].Source}
	}
	h.edits[id] = e
	return e, nil
}

// changes yields the ranges of series in which two snapshots differ.
func (r *run) changes(ctx context.Context, args []plan.Literal, rows []int32) (columnar.Stream, error) {
	var ids [2]int64
	for i := range ids {
		var err error
		if ids[i], err = r.past.at(ctx, args[i]); err != nil {
			return nil, err
		}
	}
	if ids[0] > ids[1] {
		return nil, plan.Errorf(args[0].At, plan.CodeInvalidValue, "snapshot %d is newer than %d", ids[0], ids[1]).WithHint("changes(older, newer)")
	}
	series := make([]columnar.Series, len(rows))
	for i, at := range rows {
		series[i] = r.view.table.Series[at]
	}
	return pull(plan.Changes.Cols, func(row func(values ...any) bool) error {
		return r.engine.opts.Store.Changes(ctx, series, ids[0], ids[1], func(c columnar.Change) bool {
			return row(r.view.series[rows[c.Series]].Name, c.From, c.To, c.Inserted, c.Replaced, c.Deleted)
		})
	}), nil
}
