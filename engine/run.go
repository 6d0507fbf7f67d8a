package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/optimize"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/engine/sql"
)

// run is one statement being run: what it was lowered to and what it runs with.
type run struct {
	engine  *Engine
	session *Session
	view    *catalogView
	env     *eval.Env
	past    *past
	node    plan.Node
	options exec.Options
}

// newRun lowers and optimizes a statement for the present state of the catalog.
func (e *Engine) newRun(ctx context.Context, s *Session, st *Statement, params []plan.Literal) (*run, error) {
	now := st.Now
	if now == 0 {
		now = e.opts.Clock()
	}
	env := &eval.Env{Now: now, Zone: s.Zone(), Random: e.nextRandom, Setting: s.Value, User: s.user, Memory: e.opts.QueryMemory, Ended: func() error { return context.Cause(ctx) }}
	var err error
	if env.Params, err = bind(st, params, env); err != nil {
		return nil, err
	}
	parsed, err := st.tree()
	if err != nil {
		return nil, err
	}
	node, _, err := sql.Lower(parsed, sql.Scope{Zone: s.Zone(), Now: now, Params: st.Params})
	if err != nil {
		return nil, err
	}
	view, err := e.view(ctx)
	if err != nil {
		return nil, err
	}
	r := &run{engine: e, session: s, view: view, env: env, node: node, past: &past{engine: e, env: env}}
	summaries, _ := s.Value("trellis.summaries")
	r.options = exec.Options{
		Source: e.opts.Store, Series: view.table, Tables: e.tables(s, view), Functions: r.functions(), AsOf: r.past.at, Env: env,
		Memory: e.opts.QueryMemory, Shared: e.opts.SharedMemory, Small: e.opts.SmallMemory, Workers: e.opts.Workers, Decode: summaries == "off",
	}
	return r, nil
}

// optimized returns the run's plan, or another, after optimization.
func (r *run) optimized(n plan.Node) (plan.Node, error) {
	return optimize.Optimize(n, optimize.Context{Env: r.env})
}

// rows runs a plan that yields rows.
func (r *run) rows(ctx context.Context, n plan.Node, profile *exec.Profile) (columnar.Stream, error) {
	n, err := r.optimized(n)
	if err != nil {
		return nil, err
	}
	o := r.options
	o.Profile = profile
	return exec.Run(ctx, n, o)
}

// Query runs a statement that yields rows. The stream holds the statement's memory
// and its entry in system.queries until it is closed; it ends with an error soon
// after ctx, or the context of a Next, is done.
func (e *Engine) Query(ctx context.Context, s *Session, st *Statement, params []plan.Literal) (out columnar.Stream, err error) {
	defer recoverInto(&err, e.opts.Logger)
	if st.Update {
		return nil, plan.Errorf(0, plan.CodeNotSupported, "the statement yields no rows").WithHint("Run it as an update.")
	}
	ctx, q := e.queries.begin(ctx, s.user, st.Text, e.opts.Clock())
	stop := q.limit(s)
	defer func() {
		if err != nil {
			err = e.ended(ctx, err)
			stop()
			e.queries.end(q)
		}
	}()
	r, err := e.newRun(ctx, s, st, params)
	if err != nil {
		return nil, err
	}
	var in columnar.Stream
	switch n := r.node.(type) {
	case *plan.Explain:
		in, err = r.explain(ctx, n)
	case *plan.ShowVariable:
		in, err = r.show(n)
	default:
		in, err = r.rows(ctx, n, nil)
	}
	if err != nil {
		return nil, err
	}
	return &watched{engine: e, query: q, in: in, ctx: ctx, stop: stop}, nil
}

// watched is the stream of a statement's rows: it counts them, ends when the
// statement is cancelled, and turns a panic below into an error.
type watched struct {
	engine *Engine
	query  *running
	in     columnar.Stream
	ctx    context.Context //nolint:containedctx // the statement's life, not a call's
	stop   func()          // its timeout
	closed bool
}

// limit starts a statement's timeout; the caller stops it.
func (q *running) limit(s *Session) (stop func()) {
	text, _ := s.Value("statement_timeout")
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms <= 0 {
		return func() {}
	}
	timer := time.AfterFunc(time.Duration(ms)*time.Millisecond, func() { q.cancel(ErrTimeout) })
	return func() { timer.Stop() }
}

// ErrTimeout ends a statement that has run for longer than its statement_timeout.
var ErrTimeout error = plan.Errorf(0, plan.CodeQueryCanceled, "canceling statement due to statement timeout")

// errCancelled ends a statement whose client does not want it any more.
var errCancelled = plan.Errorf(0, plan.CodeQueryCanceled, "canceling statement due to user request")

// Schema returns the schema of the rows.
func (w *watched) Schema() *arrow.Schema { return w.in.Schema() }

// Next returns the next batch. The end of ctx ends the statement.
func (w *watched) Next(ctx context.Context) (batch arrow.RecordBatch, err error) {
	defer recoverInto(&err, w.engine.opts.Logger)
	if w.closed {
		return nil, io.EOF
	}
	// The operators keep the context of their first call, so it is the statement's.
	stop := context.AfterFunc(ctx, func() { w.query.cancel(context.Cause(ctx)) })
	defer stop()
	batch, err = w.in.Next(w.ctx)
	if err != nil {
		if !errors.Is(err, io.EOF) {
			err = w.engine.ended(w.ctx, err)
		}
		return nil, err
	}
	w.query.rows.Add(batch.NumRows())
	return batch, nil
}

// ended says why a statement ended, where its context did, and what to do about a
// damaged file, or about what was purged.
func (e *Engine) ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		var mistake *plan.Error
		if errors.As(cause, &mistake) {
			return cause
		}
		return fmt.Errorf("%w: %w", errCancelled, err)
	}
	var purged *columnar.PurgedError
	if errors.As(err, &purged) {
		return e.purged(ctx, purged)
	}
	if errors.Is(err, columnar.ErrCorrupt) {
		return fmt.Errorf("%w; restore that file from a backup: everything that does not need it can still be read", err)
	}
	return err
}

// Pause gives back memory while nobody reads the rows: the statement keeps its place and
// goes on with the next Next. It may be called while no Next runs.
func (w *watched) Pause() {
	if p, ok := w.in.(interface{ Pause() }); ok {
		p.Pause()
	}
}

// Close ends the statement.
func (w *watched) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	w.stop()
	w.engine.queries.end(w.query)
	return w.in.Close()
}
