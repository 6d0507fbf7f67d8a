package engine

import (
	"context"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// editRows are the rows of the table edits.
func (e *Engine) editRows(ctx context.Context, b *rowBuilder) error {
	edits, err := e.opts.Catalog.Edits(ctx, meta.EditFilter{})
	if err != nil {
		return err
	}
	for i := range edits {
		x := &edits[i]
		series := map[int64]bool{}
		var from, to any
		for _, r := range x.Ranges {
			series[r.Series] = true
			if x.Kind == columnar.Policy {
				continue // it is of no time
			}
			if from == nil || r.From < from.(int64) {
				from = r.From
			}
			if to == nil || r.To > to.(int64) {
				to = r.To
			}
		}
		b.row(x.ID, x.Snapshot, x.Time, x.Kind.String(), optional(x.Who), optional(x.Reason), optional(x.Source),
			int64(len(series)), from, to, x.Inserted, x.Replaced, x.Deleted)
	}
	return nil
}

// editRangeRows are the rows of system.edit_ranges.
func (e *Engine) editRangeRows(ctx context.Context, view *catalogView, b *rowBuilder) error {
	edits, err := e.opts.Catalog.Edits(ctx, meta.EditFilter{})
	if err != nil {
		return err
	}
	names := make(map[int64]string, len(view.series))
	for i := range view.series {
		names[view.series[i].ID] = view.series[i].Name
	}
	for i := range edits {
		for _, r := range edits[i].Ranges {
			var from, to any
			if edits[i].Kind != columnar.Policy {
				from, to = r.From, r.To
			}
			b.row(edits[i].ID, optional(names[r.Series]), from, to, r.Inserted, r.Replaced, r.Deleted)
		}
	}
	return nil
}

// snapshotRows are the rows of system.snapshots.
func (e *Engine) snapshotRows(ctx context.Context, b *rowBuilder) error {
	snapshots, err := e.opts.Catalog.Snapshots(ctx)
	if err != nil {
		return err
	}
	pins, err := e.opts.Catalog.Pins(ctx)
	if err != nil {
		return err
	}
	names := map[int64][]string{}
	for _, p := range pins {
		names[p.Snapshot] = append(names[p.Snapshot], p.Name)
	}
	for _, s := range snapshots {
		b.row(s.ID, s.Time, s.Note, s.Kept, known(s.Edit), optional(strings.Join(names[s.ID], ", ")))
	}
	return nil
}

// pinRows are the rows of system.pins.
func (e *Engine) pinRows(ctx context.Context, b *rowBuilder) error {
	pins, err := e.opts.Catalog.Pins(ctx)
	if err != nil {
		return err
	}
	for _, p := range pins {
		b.row(p.Name, p.Snapshot, optional(p.Who), p.Created)
	}
	return nil
}
