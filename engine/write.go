package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/ingest"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

// Exec runs a statement that yields no rows and returns how many rows (samples or
// series) it wrote, changed or took away; a statement that does none of that
// returns 0.
func (e *Engine) Exec(ctx context.Context, s *Session, st *Statement, params []plan.Literal) (n int64, err error) {
	defer recoverInto(&err, e.opts.Logger)
	if !st.Update {
		return 0, plan.Errorf(0, plan.CodeNotSupported, "the statement yields rows").WithHint("Run it as a query.")
	}
	ctx, q := e.queries.begin(ctx, s.user, st.Text, e.opts.Clock())
	defer e.queries.end(q)
	defer q.limit(s)()
	r, err := e.newRun(ctx, s, st, params)
	if err != nil {
		return 0, err
	}
	if err := e.allowed(s, r.node); err != nil {
		return 0, err
	}
	switch node := r.node.(type) {
	case *plan.SetVariable:
		return 0, s.Set(node.Name, node.Value)
	case *plan.InsertSamples:
		if on, _ := s.Value("trellis.backfill"); on == "on" {
			n, err = r.backfillSamples(ctx, node)
		} else {
			n, err = r.insertSamples(ctx, node)
		}
	case *plan.UpdateSamples:
		n, err = r.updateSamples(ctx, node)
	case *plan.DeleteSamples:
		n, err = r.deleteSamples(ctx, node)
	case *plan.CallProcedure:
		n, err = r.call(ctx, node)
	case *plan.InsertSeries:
		n, err = r.insertSeries(ctx, node)
	case *plan.UpdateSeries:
		n, err = r.updateSeries(ctx, node)
	default:
		err = fmt.Errorf("engine: a %T is no update", node)
	}
	return n, e.ended(ctx, err)
}

// drain calls f for every batch of a plan that has been optimized, with the columns
// named anew.
func (r *run) drain(ctx context.Context, n plan.Node, columns []string, f func(arrow.RecordBatch) error) (err error) {
	in, err := exec.Run(ctx, n, r.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for {
		batch, err := in.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		fields := make([]arrow.Field, len(columns))
		for i, name := range columns {
			fields[i] = arrow.Field{Name: name, Type: batch.Column(i).DataType(), Nullable: true}
		}
		named := array.NewRecordBatch(arrow.NewSchema(fields, nil), batch.Columns(), batch.NumRows())
		err = f(named)
		named.Release()
		batch.Release()
		if err != nil {
			return err
		}
	}
}

// insertSamples writes the rows of the input as samples, all or none of them.
func (r *run) insertSamples(ctx context.Context, n *plan.InsertSamples) (int64, error) {
	reader := ingest.NewReader(ingestCatalog{r.engine, r.session}, ingest.Options{Zone: r.env.Zone, OffGrid: r.session.offGrid()})
	var samples []columnar.Samples
	held, shared := int64(0), r.engine.opts.SharedMemory.Hold()
	defer shared.Close()
	input, err := r.optimized(n.Input)
	if err != nil {
		return 0, err
	}
	err = r.drain(ctx, input, n.Columns, func(batch arrow.RecordBatch) error {
		more, err := reader.Read(ctx, batch)
		if err != nil {
			return atRow(err, n.At)
		}
		for i := range more {
			held += 24 * int64(more[i].Len())
			samples = append(samples, more[i])
		}
		reserved, _ := shared.Held()
		var refused *memory.Refusal
		if errors.As(shared.TryReserve(held-reserved), &refused) {
			return exec.OutOfMemory(refused)
		}
		if held > r.options.Memory {
			return plan.Errorf(0, plan.CodeOutOfMemory, "the samples of one INSERT need more than %d bytes", r.options.Memory).
				WithHint("Write them in several statements, or as an ingest stream (DoPut).")
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if err := r.engine.opts.Store.Append(ctx, samples); err != nil {
		return 0, err
	}
	r.engine.grid.add(ingest.Counts{}, reader.Counts())
	return reader.Counts().Samples, nil
}

// atRow gives a mistake in a row of VALUES the position of that row.
func atRow(err error, at []int) error {
	var e *plan.Error
	var row int
	if !errors.As(err, &e) || e.Pos > 0 {
		return err
	}
	if _, scanErr := fmt.Sscanf(e.Msg, "row %d:", &row); scanErr != nil || row < 1 || row > len(at) {
		return err
	}
	with := *e
	with.Pos = at[row-1]
	return &with
}

// insertSeries creates a series for each row of the input, all or none.
func (r *run) insertSeries(ctx context.Context, n *plan.InsertSeries) (int64, error) {
	var made []meta.Series
	input, err := r.optimized(n.Input)
	if err != nil {
		return 0, err
	}
	err = r.drain(ctx, input, n.Columns, func(batch arrow.RecordBatch) error {
		for i := range int(batch.NumRows()) {
			values := make(map[string]plan.Literal, len(n.Columns))
			for k, name := range n.Columns {
				l, err := literalAt(batch.Column(k), i)
				if err != nil {
					return err
				}
				values[name] = l
			}
			s, err := newSeries(values)
			if err != nil {
				return err
			}
			made = append(made, s)
		}
		return nil
	})
	if err != nil || len(made) == 0 {
		return 0, err
	}
	if _, err := (ingestCatalog{r.engine, r.session}).CreateSeries(ctx, made); err != nil {
		return 0, err
	}
	return int64(len(made)), nil
}

// withScalars optimizes an update of series and runs its scalar subqueries.
func (r *run) withScalars(ctx context.Context, n *plan.UpdateSeries) (*plan.UpdateSeries, error) {
	better, err := r.optimized(n)
	if err != nil {
		return nil, err
	}
	if better, err = exec.Scalars(ctx, better, r.options); err != nil {
		return nil, err
	}
	return better.(*plan.UpdateSeries), nil
}

// updateSeries sets attributes of the series that the statement chooses.
func (r *run) updateSeries(ctx context.Context, n *plan.UpdateSeries) (int64, error) {
	n, err := r.withScalars(ctx, n)
	if err != nil {
		return 0, err
	}
	batch := r.view.table.Batch
	keep, count := columnar.FullBitmap(int(batch.NumRows())), int(batch.NumRows())
	if n.Where != nil {
		where, err := eval.Compile(n.Where, r.env)
		if err != nil {
			return 0, err
		}
		if keep, count, err = where.Select(batch); err != nil {
			return 0, err
		}
	}
	if count == 0 {
		return 0, nil
	}
	// What is set is computed for the chosen series alone: 10 / low must not fail for
	// one that the condition leaves out.
	types := make([]plan.Type, len(plan.Series.Cols))
	for i, f := range plan.Series.Cols {
		types[i] = f.Type
	}
	chosen, err := eval.Compact(batch, types, keep, count)
	if err != nil {
		return 0, err
	}
	defer chosen.Release()
	values := make([]eval.Vector, len(n.Exprs))
	for k, e := range n.Exprs {
		p, err := eval.Compile(e, r.env)
		if err != nil {
			return 0, err
		}
		if values[k], err = p.Vector(chosen); err != nil {
			return 0, err
		}
	}
	before, changed := make([]meta.Series, 0, count), make([]meta.Series, 0, count)
	for i := keep.Next(0, int(batch.NumRows())); i < int(batch.NumRows()); i = keep.Next(i+1, int(batch.NumRows())) {
		s, row := r.view.series[i], len(changed)
		for k, name := range n.Columns {
			if err := setAttribute(&s, name, values[k].Literal(row)); err != nil {
				return 0, err
			}
		}
		s = s.WithDefaults()
		if err := s.Validate(); err != nil {
			return 0, invalidSeries(err)
		}
		if err := s.CheckChange(r.view.series[i]); err != nil {
			return 0, catalogError(err)
		}
		before, changed = append(before, r.view.series[i]), append(changed, s)
	}
	if len(changed) == 0 {
		return 0, nil
	}
	r.engine.settings.Lock() // the rules stay as they are
	defer r.engine.settings.Unlock()
	rules, err := r.engine.retentionRules(ctx)
	if err != nil {
		return 0, err
	}
	aged := lives(rules, before, changed)
	if err := r.engine.mayChange(r.session, aged); err != nil {
		return 0, err
	}
	if err := r.engine.recordLives(ctx, r.session, aged); err != nil {
		return 0, err
	}
	if err := r.engine.opts.Catalog.UpdateSeries(ctx, changed); err != nil {
		return 0, catalogError(err)
	}
	return int64(len(changed)), nil
}
