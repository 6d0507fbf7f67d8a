package engine

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/plan"
)

// tables returns the tables that the engine itself answers for.
func (e *Engine) tables(s *Session, view *catalogView) map[string]exec.Table {
	fill := map[string]func(context.Context, *rowBuilder) error{
		"edits":       e.editRows,
		"edit_ranges": func(ctx context.Context, b *rowBuilder) error { return e.editRangeRows(ctx, view, b) },
		"segments":    e.segmentRows,
		"snapshots":   e.snapshotRows,
		"pins":        e.pinRows,
		"blocks":      func(ctx context.Context, b *rowBuilder) error { return e.blockRows(ctx, view, b) },
		"functions":   functionRows,
		"settings": func(_ context.Context, b *rowBuilder) error {
			for _, x := range s.Settings() {
				b.row(x.Name, x.Value, x.Doc)
			}
			return nil
		},
		"queries": e.queryRows,
		"memory":  e.memoryRows,
	}
	out := map[string]exec.Table{}
	for _, t := range append([]*plan.Table{plan.Edits}, plan.SystemTables...) {
		f, ok := fill[t.Name]
		if !ok {
			continue
		}
		out[t.Schema+"."+t.Name] = func(ctx context.Context) (columnar.Stream, error) {
			b := newRowBuilder(t.Cols)
			if err := f(ctx, b); err != nil {
				return nil, fmt.Errorf("%s.%s: %w", t.Schema, t.Name, err)
			}
			return b.stream(), nil
		}
	}
	return out
}

// rowBuilder makes a table row by row.
type rowBuilder struct {
	fields []plan.Field
	cols   []*eval.Builder
}

func newRowBuilder(fields []plan.Field) *rowBuilder {
	b := &rowBuilder{fields: fields}
	for _, f := range fields {
		b.cols = append(b.cols, eval.NewBuilder(f.Type, 0))
	}
	return b
}

// row adds a row: a value for each column, nil for NULL.
func (b *rowBuilder) row(values ...any) {
	for i, v := range values {
		b.cols[i].Append(v)
	}
}

// stream returns the rows as a stream of one batch.
func (b *rowBuilder) stream() columnar.Stream { return &oneBatch{batch: b.batch()} }

// batch returns the rows. The builder is of no more use.
func (b *rowBuilder) batch() arrow.RecordBatch {
	arrays := make([]arrow.Array, len(b.cols))
	rows := int64(0)
	for i, c := range b.cols {
		rows = int64(c.Len())
		arrays[i] = c.Array()
	}
	return array.NewRecordBatch(eval.Schema(b.fields), arrays, rows)
}

// oneBatch is a stream of one batch.
type oneBatch struct {
	batch arrow.RecordBatch
	done  bool
}

// Schema returns the batch's schema.
func (o *oneBatch) Schema() *arrow.Schema { return o.batch.Schema() }

// Next returns the batch, once.
func (o *oneBatch) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if o.done {
		return nil, io.EOF
	}
	o.done = true
	o.batch.Retain()
	return o.batch, nil
}

// Close does nothing: the batch belongs to the garbage collector.
func (o *oneBatch) Close() error { return nil }

func (e *Engine) segmentRows(ctx context.Context, b *rowBuilder) error {
	latest, err := e.opts.Catalog.Latest(ctx)
	if err != nil {
		return err
	}
	segments, err := e.opts.Catalog.Segments(ctx, latest.ID)
	if err != nil {
		return err
	}
	for _, s := range segments {
		b.row(s.Name, s.Version, s.Size, s.Series, s.Blocks, s.Samples, s.From, s.To, s.Created)
	}
	return nil
}

func (e *Engine) blockRows(ctx context.Context, view *catalogView, b *rowBuilder) error {
	byID := make(map[int64]int, len(view.series))
	for i := range view.series {
		byID[view.series[i].ID] = i
	}
	return e.opts.Store.Blocks(ctx, view.table.Series, func(x columnar.BlockInfo) bool {
		s := &view.series[byID[x.Series]]
		var low, high any
		if x.Usable && s.Type != columnar.Text {
			low, high = x.Min, x.Max
		}
		c := x.Count
		b.row(s.Name, x.Block, s.Grid.BlockTime(x.Block), s.Grid.BlockTime(x.Block+1), c.Total(),
			c[columnar.Good], c[columnar.Uncertain], c[columnar.Bad], low, high, x.Bytes, optional(x.Segment))
		return true
	})
}

func functionRows(_ context.Context, b *rowBuilder) error {
	for _, f := range plan.Functions() {
		b.row(f.Name, "scalar", typeList(f.Args, f.Rest), f.Result.String(), f.Doc)
	}
	for _, f := range plan.Aggregates() {
		b.row(f.Name, "aggregate", typeList(f.Args, false), f.Result.String(), f.Doc)
	}
	for _, r := range plan.TableFunctions {
		b.row(r.Name, "table function", r.Arguments(), "rows", r.Doc)
	}
	for _, r := range plan.Procedures {
		b.row(r.Name, "procedure", r.Arguments(), "", r.Doc)
	}
	return nil
}

func typeList(types []plan.Type, rest bool) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.String()
	}
	list := strings.Join(names, ", ")
	if rest {
		list += ", ..."
	}
	return list
}

func (e *Engine) queryRows(_ context.Context, b *rowBuilder) error {
	now := e.opts.Clock()
	for _, q := range e.queries.list() {
		b.row(q.id, optional(q.user), q.started, plan.Span{Micros: now - q.started}, q.rows.Load(), q.text)
	}
	return nil
}

func (e *Engine) memoryRows(_ context.Context, b *rowBuilder) error {
	if e.opts.Memory == nil {
		return nil
	}
	for _, u := range e.opts.Memory.Uses() {
		var most any
		if u.Most > 0 {
			most = u.Most
		}
		b.row(u.Part, u.Used, u.High, u.Least, most, int64(u.Waiting), u.Waited, u.Refused)
	}
	return nil
}

// show returns a setting, or all of them.
func (r *run) show(n *plan.ShowVariable) (columnar.Stream, error) {
	b := newRowBuilder(n.Fields())
	if n.Name == "all" {
		for _, x := range r.session.Settings() {
			b.row(x.Name, x.Value, x.Doc)
		}
		return b.stream(), nil
	}
	v, ok := r.session.Value(n.Name)
	if !ok {
		return nil, unknownSetting(n.Name)
	}
	b.row(v)
	return b.stream(), nil
}
