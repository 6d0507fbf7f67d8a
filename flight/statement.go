package flight

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/plan"
)

// work is a statement that has been prepared in a session of the engine.
type work struct {
	*statement
	server   *Server
	call     *call
	session  *engine.Session
	prepared *engine.Statement
}

// prepare looks at a statement under its settings.
func (s *Server) prepare(ctx context.Context, c *call, st *statement) (*work, error) {
	if !utf8.ValidString(st.text) {
		return nil, plan.Errorf(0, plan.CodeInvalidEncoding, "the statement is not valid UTF-8")
	}
	session, err := s.newSession(c.user, st.settings)
	if err != nil {
		return nil, err
	}
	prepared, err := s.opts.Engine.Prepare(ctx, session, st.text)
	if err != nil {
		return nil, inStatement(err, st.text)
	}
	prepared.Now = st.now
	return &work{st, s, c, session, prepared}, nil
}

// schema returns the schema of the rows as they are sent.
func (w *work) schema() *arrow.Schema { return w.settings.output().schema(w.prepared.Schema()) }

// info answers for a statement: with a ticket, or, where it yields no rows, with
// what became of it (F2).
func (w *work) info(ctx context.Context, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	info := &flight.FlightInfo{
		Schema:           flight.SerializeSchema(w.schema(), memory.DefaultAllocator),
		FlightDescriptor: desc,
		TotalRecords:     -1,
		TotalBytes:       -1,
	}
	if w.prepared.Update {
		n, err := w.exec(ctx)
		info.TotalRecords = n
		return info, err
	}
	id, err := newID()
	if err != nil {
		return nil, err
	}
	w.id, w.now = id, w.server.opts.Clock()
	endpoint, err := w.server.endpoint(w.statement)
	info.Endpoint = []*flight.FlightEndpoint{endpoint}
	return info, err
}

// endpoint returns a ticket of the statement that can be fetched from now on.
func (s *Server) endpoint(st *statement) (*flight.FlightEndpoint, error) {
	expires := s.opts.Clock() + s.opts.TicketLife.Microseconds()
	st.expires = expires
	handle, err := s.sealTicket(st)
	if err != nil {
		return nil, err
	}
	ticket, err := flightsql.CreateStatementQueryTicket(handle)
	return &flight.FlightEndpoint{
		Ticket:         &flight.Ticket{Ticket: ticket},
		ExpirationTime: timestamppb.New(time.UnixMicro(expires)),
	}, err
}

// exec runs a statement that yields no rows, once for each row of its parameters,
// and returns how many rows it wrote. What it sets is set for the caller's session.
func (w *work) exec(ctx context.Context) (int64, error) {
	rows := w.rows
	if rows == nil {
		rows = [][]plan.Literal{nil}
	}
	before := w.session.Settings()
	total := int64(0)
	for i, params := range rows {
		n, err := w.server.opts.Engine.Exec(ctx, w.session, w.prepared, params)
		total += n
		if err != nil {
			return total, inStatement(w.inRow(err, i), w.text)
		}
	}
	set := w.call.session
	changed := differences(before, w.session.Settings())
	for name, value := range changed {
		set = set.with(name, &value)
	}
	if len(changed) == 0 {
		return total, nil
	}
	return total, w.server.keep(ctx, w.call, set)
}

// query runs a statement that yields rows, once for each row of its parameters.
func (w *work) query(ctx context.Context) (columnar.Stream, error) {
	if w.prepared.Update {
		return nil, inStatement(plan.Errorf(0, plan.CodeNotSupported, "the statement yields no rows, so it cannot be fetched").
			WithHint("send it as an update (CommandStatementUpdate), or through a prepared statement"), w.text)
	}
	if w.rows == nil {
		in, err := w.server.opts.Engine.Query(ctx, w.session, w.prepared, nil)
		return in, inStatement(err, w.text)
	}
	return &runs{work: w, ctx: ctx, schema: w.prepared.Schema()}, nil
}

// inRow names the row of the parameters in a user's mistake.
func (w *work) inRow(err error, i int) error {
	if len(w.rows) < 2 {
		return err
	}
	return within(err, fmt.Sprintf("row %d of the parameters", i+1))
}

// runs is the stream of a statement that is run for one row of parameters after
// another: the rows of all runs.
type runs struct {
	*work
	ctx    context.Context //nolint:containedctx // of all runs, not of one Next
	schema *arrow.Schema
	next   int
	in     columnar.Stream // the run at hand; nil: none
}

// Schema returns the schema of the rows.
func (r *runs) Schema() *arrow.Schema { return r.schema }

// Next returns the next batch of the run at hand, or the first of the next one.
func (r *runs) Next(ctx context.Context) (arrow.RecordBatch, error) {
	for {
		if r.in == nil {
			if r.next == len(r.rows) {
				return nil, io.EOF
			}
			in, err := r.server.opts.Engine.Query(r.ctx, r.session, r.prepared, r.rows[r.next])
			if err != nil {
				return nil, r.inRow(err, r.next)
			}
			r.in, r.next = in, r.next+1
		}
		batch, err := r.in.Next(ctx)
		if err == nil {
			return batch, nil
		}
		if !errors.Is(err, io.EOF) {
			return nil, r.inRow(err, r.next-1)
		}
		if err := r.Close(); err != nil {
			return nil, err
		}
	}
}

// Close ends the run at hand.
func (r *runs) Close() error {
	in := r.in
	r.in = nil
	if in == nil {
		return nil
	}
	return in.Close()
}

// plainText returns the SQL text of a descriptor or a ticket of plain Flight.
func plainText(what string, raw []byte) (string, error) {
	if !utf8.Valid(raw) {
		return "", status.Errorf(codes.InvalidArgument, "the %s is neither a command of Flight SQL nor an SQL statement in UTF-8", what)
	}
	if len(strings.TrimSpace(string(raw))) == 0 {
		return "", status.Errorf(codes.InvalidArgument, "the %s is empty: send a command of Flight SQL or an SQL statement in UTF-8", what)
	}
	return string(raw), nil
}
