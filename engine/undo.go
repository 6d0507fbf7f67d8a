package engine

import (
	"context"
	"fmt"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

// undoEdit puts what an edit touched back to what it was right before. Nothing may have
// been written there since: who wrote it would lose it without a word.
func (r *run) undoEdit(ctx context.Context, args []plan.Literal) (int64, error) {
	id, at := args[0].Value.(int64), args[0].At
	found, err := r.engine.opts.Catalog.Edits(ctx, meta.EditFilter{IDs: []int64{id}})
	if err != nil {
		return 0, fmt.Errorf("catalog: %w", err)
	}
	if len(found) == 0 {
		return 0, plan.Errorf(at, plan.CodeInvalidValue, "there is no edit %d", id).WithHint("SELECT id, kind, time, author, reason FROM edits shows them.")
	}
	edit := &found[0]
	if edit.Kind == columnar.Purge || edit.Kind == columnar.Policy {
		return 0, plan.Errorf(at, plan.CodeInvalidValue, "edit %d is a %s, which cannot be undone", id, edit.Kind)
	}
	var ids [2]int64 // the snapshots before the edit and of it
	for i := range ids {
		if ids[i], err = r.past.at(ctx, plan.Literal{Value: edit.Snapshot - 1 + int64(i), T: plan.Bigint, At: at}); err != nil {
			return 0, err
		}
	}
	info, err := r.engine.editInfo(r.session, columnar.Restore)
	if err != nil {
		return 0, err
	}
	if info.Reason == "" {
		info.Reason = fmt.Sprintf("edit %d is undone", id)
	}
	within, err := r.touchedBy(edit)
	if err != nil {
		return 0, err
	}
	info.Exclusive, info.Within = true, within
	made, err := r.engine.edit(ctx, info, func(ed columnar.Editor) error {
		if err := r.writtenSince(ctx, edit, within, ed.Base(), at); err != nil {
			return err
		}
		for i, s := range within.Series {
			if err := ed.Restore(ctx, s, within.Ranges[i], ids[0]); err != nil {
				return err
			}
		}
		return nil
	})
	return touched(made), err
}

// touchedBy returns the series and ranges that an edit touched.
func (r *run) touchedBy(edit *meta.Edit) (*columnar.Selection, error) {
	byID := make(map[int64]columnar.Series, len(r.view.series))
	for i := range r.view.series {
		byID[r.view.series[i].ID] = r.view.series[i].Series
	}
	sel := &columnar.Selection{}
	for _, one := range edit.Ranges { // by series, then time
		s, ok := byID[one.Series]
		if !ok {
			return nil, fmt.Errorf("edit %d touched series %d, which is not there", edit.ID, one.Series)
		}
		if n := len(sel.Series); n == 0 || sel.Series[n-1].ID != s.ID {
			sel.Series, sel.Ranges = append(sel.Series, s), append(sel.Ranges, nil)
		}
		last := len(sel.Series) - 1
		sel.Ranges[last] = append(sel.Ranges[last], columnar.Range{From: one.From, To: one.To})
	}
	return sel, nil
}

// writtenSince refuses where a part of what an edit touched was written between it and a
// later snapshot.
func (r *run) writtenSince(ctx context.Context, edit *meta.Edit, within *columnar.Selection, now int64, at int) error {
	var first *columnar.Change
	err := r.engine.opts.Store.Changes(ctx, within.Series, edit.Snapshot, now, func(c columnar.Change) bool {
		for _, one := range within.Ranges[c.Series] {
			if c.From < one.To && c.To > one.From {
				first = &c
				return false
			}
		}
		return true
	})
	if err != nil || first == nil {
		return err
	}
	name := ""
	for i := range r.view.series {
		if r.view.series[i].ID == within.Series[first.Series].ID {
			name = r.view.series[i].Name
		}
	}
	return plan.Errorf(at, plan.CodeInvalidValue, "edit %d cannot be undone as a whole: samples of series %q from %s to %s were written after it",
		edit.ID, name, plan.FormatTimestamptz(first.From, r.env.Zone), plan.FormatTimestamptz(first.To, r.env.Zone)).
		WithHint("CALL restore_samples(series, from_time, to_time, snapshot => %d) puts a range back, whatever was written there since.", edit.Snapshot-1)
}
