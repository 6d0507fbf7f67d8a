package flight

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/trellisdb/trellis/engine/plan"
)

// sqlCommand is a command that carries SQL.
type sqlCommand interface {
	GetQuery() string
	GetTransactionId() []byte
}

// text prepares the statement of a command.
func (c *commands) text(ctx context.Context, cmd sqlCommand) (*work, error) {
	if err := noTransaction(cmd); err != nil {
		return nil, err
	}
	caller := callOf(ctx)
	return c.server.prepare(ctx, caller, &statement{user: caller.user, text: cmd.GetQuery(), settings: caller.settings})
}

// handle prepares the statement of a handle again (N1 of package engine).
func (c *commands) handle(ctx context.Context, handle []byte) (*work, error) {
	caller := callOf(ctx)
	st, err := c.server.openHandle(caller, handle)
	if err != nil {
		return nil, err
	}
	return c.server.prepare(ctx, caller, st)
}

// GetFlightInfoStatement answers for an SQL statement.
func (c *commands) GetFlightInfoStatement(ctx context.Context, cmd flightsql.StatementQuery, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	w, err := c.text(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return w.info(ctx, desc)
}

// GetSchemaStatement returns the schema of the rows of an SQL statement.
func (c *commands) GetSchemaStatement(ctx context.Context, cmd flightsql.StatementQuery, _ *flight.FlightDescriptor) (*flight.SchemaResult, error) {
	w, err := c.text(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return &flight.SchemaResult{Schema: flight.SerializeSchema(w.schema(), memory.DefaultAllocator)}, nil
}

// DoPutCommandStatementUpdate runs an SQL statement that yields no rows.
func (c *commands) DoPutCommandStatementUpdate(ctx context.Context, cmd flightsql.StatementUpdate) (int64, error) {
	w, err := c.text(ctx, cmd)
	if err != nil {
		return 0, err
	}
	return w.update(ctx)
}

// update runs a statement that yields no rows and returns how many rows it wrote.
func (w *work) update(ctx context.Context) (int64, error) {
	if w.prepared.Update {
		return w.exec(ctx)
	}
	return 0, inStatement(plan.Errorf(0, plan.CodeNotSupported, "the statement yields rows, so it is no update").
		WithHint("run it as a query (CommandStatementQuery)"), w.text)
}

// CreatePreparedStatement looks at a statement and returns a handle that holds it.
func (c *commands) CreatePreparedStatement(ctx context.Context, req flightsql.ActionCreatePreparedStatementRequest) (flightsql.ActionCreatePreparedStatementResult, error) {
	w, err := c.text(ctx, req)
	if err != nil {
		return flightsql.ActionCreatePreparedStatementResult{}, err
	}
	handle, err := c.server.sealHandle(w.statement)
	return flightsql.ActionCreatePreparedStatementResult{
		Handle:          handle,
		DatasetSchema:   w.schema(),
		ParameterSchema: w.prepared.ParamSchema(),
		IsUpdate:        &w.prepared.Update,
	}, err
}

// ClosePreparedStatement has nothing to free (F1).
func (c *commands) ClosePreparedStatement(ctx context.Context, req flightsql.ActionClosePreparedStatementRequest) error {
	_, err := c.server.openHandle(callOf(ctx), req.GetPreparedStatementHandle())
	return err
}

// DoPutPreparedStatementQuery returns a handle that holds parameters too.
func (c *commands) DoPutPreparedStatementQuery(ctx context.Context, cmd flightsql.PreparedStatementQuery, reader flight.MessageReader, _ flight.MetadataWriter) ([]byte, error) {
	w, err := c.handle(ctx, cmd.GetPreparedStatementHandle())
	if err != nil {
		return nil, err
	}
	if err := w.bind(reader, c.server.opts.MaxMessage); err != nil {
		return nil, err
	}
	return c.server.sealHandle(w.statement)
}

// DoPutPreparedStatementUpdate runs a prepared statement that yields no rows, for
// each row of the parameters.
func (c *commands) DoPutPreparedStatementUpdate(ctx context.Context, cmd flightsql.PreparedStatementUpdate, reader flight.MessageReader) (int64, error) {
	w, err := c.handle(ctx, cmd.GetPreparedStatementHandle())
	if err != nil {
		return 0, err
	}
	if err := w.bind(reader, c.server.opts.MaxMessage); err != nil {
		return 0, err
	}
	return w.update(ctx)
}

// GetFlightInfoPreparedStatement answers for a prepared statement.
func (c *commands) GetFlightInfoPreparedStatement(ctx context.Context, cmd flightsql.PreparedStatementQuery, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	w, err := c.handle(ctx, cmd.GetPreparedStatementHandle())
	if err != nil {
		return nil, err
	}
	return w.info(ctx, desc)
}

// GetSchemaPreparedStatement returns the schema of the rows of a prepared statement.
func (c *commands) GetSchemaPreparedStatement(ctx context.Context, cmd flightsql.PreparedStatementQuery, _ *flight.FlightDescriptor) (*flight.SchemaResult, error) {
	w, err := c.handle(ctx, cmd.GetPreparedStatementHandle())
	if err != nil {
		return nil, err
	}
	return &flight.SchemaResult{Schema: flight.SerializeSchema(w.schema(), memory.DefaultAllocator)}, nil
}

// ticketsOf returns the statements of a FlightInfo's tickets.
func (c *commands) ticketsOf(ctx context.Context, info *flight.FlightInfo) ([]*statement, error) {
	var out []*statement
	for _, endpoint := range info.GetEndpoint() {
		st, err := c.ticketOf(ctx, endpoint)
		if err != nil {
			return nil, err
		}
		out = append(out, st)
	}
	return out, nil
}

func (c *commands) ticketOf(ctx context.Context, endpoint *flight.FlightEndpoint) (*statement, error) {
	var any *anypb.Any
	var ticket pb.TicketStatementQuery
	any, ok := command(endpoint.GetTicket().GetTicket())
	if !ok || any.UnmarshalTo(&ticket) != nil {
		return nil, status.Error(codes.InvalidArgument, "the endpoint's ticket is not one of a statement")
	}
	return c.server.openTicket(callOf(ctx), ticket.GetStatementHandle())
}

// CancelFlightInfo ends the running statements of a FlightInfo's tickets. The tickets
// themselves can still be fetched.
func (c *commands) CancelFlightInfo(ctx context.Context, req *flight.CancelFlightInfoRequest) (flight.CancelFlightInfoResult, error) {
	tickets, err := c.ticketsOf(ctx, req.GetInfo())
	if err != nil {
		return flight.CancelFlightInfoResult{}, err
	}
	ended := 0
	for _, st := range tickets {
		ended += c.server.running.cancel(st.id)
	}
	if ended == 0 {
		return flight.CancelFlightInfoResult{Status: flight.CancelStatusNotCancellable}, nil
	}
	return flight.CancelFlightInfoResult{Status: flight.CancelStatusCancelled}, nil
}

// RenewFlightEndpoint returns the ticket with a later expiry.
func (c *commands) RenewFlightEndpoint(ctx context.Context, req *flight.RenewFlightEndpointRequest) (*flight.FlightEndpoint, error) {
	st, err := c.ticketOf(ctx, req.GetEndpoint())
	if err != nil {
		return nil, err
	}
	return c.server.endpoint(st)
}
