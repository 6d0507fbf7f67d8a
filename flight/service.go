package flight

import (
	"bytes"
	"context"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// service is the Flight service. It serves plain descriptors and tickets and all
// streams of batches itself and hands commands to the library, which dispatches them
// to commands.
type service struct {
	flight.FlightServer
	server *Server
}

// commands are the methods behind the commands of Flight SQL.
type commands struct {
	flightsql.BaseServer
	server *Server
}

func newService(s *Server) *service {
	return &service{flightsql.NewFlightServer(&commands{server: s}), s}
}

// commandPrefix begins the types of Flight SQL's commands.
const commandPrefix = "type.googleapis.com/"

// command returns the command that bytes hold; false where they hold none.
func command(raw []byte) (*anypb.Any, bool) {
	var any anypb.Any
	if !bytes.Contains(raw, []byte(commandPrefix)) || proto.Unmarshal(raw, &any) != nil {
		return nil, false
	}
	return &any, len(any.GetTypeUrl()) > len(commandPrefix) && any.GetTypeUrl()[:len(commandPrefix)] == commandPrefix
}

// plain returns the statement of a plain descriptor, nil where the descriptor holds
// a command.
func (s *service) plain(ctx context.Context, desc *flight.FlightDescriptor) (*work, error) {
	raw := desc.GetCmd()
	if desc.GetType() == flight.DescriptorPATH {
		if len(desc.GetPath()) != 1 {
			return nil, status.Errorf(codes.InvalidArgument, "the descriptor's path has %d parts: send one, an SQL statement", len(desc.GetPath()))
		}
		raw = []byte(desc.GetPath()[0])
	} else if _, ok := command(raw); ok {
		return nil, nil
	}
	text, err := plainText("descriptor", raw)
	if err != nil {
		return nil, err
	}
	c := callOf(ctx)
	w, err := s.server.prepare(ctx, c, &statement{user: c.user, text: text, settings: c.settings})
	if err == nil && w.prepared.Update {
		_, err = w.query(ctx) // refuses it
	}
	return w, err
}

// GetFlightInfo answers for a command or for a plain SQL statement.
func (s *service) GetFlightInfo(ctx context.Context, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	w, err := s.plain(ctx, desc)
	if err != nil {
		return nil, err
	}
	if w != nil {
		return w.info(ctx, desc)
	}
	return s.FlightServer.GetFlightInfo(ctx, desc)
}

// PollFlightInfo answers as GetFlightInfo does: looking at a statement takes no time
// worth a poll.
func (s *service) PollFlightInfo(ctx context.Context, desc *flight.FlightDescriptor) (*flight.PollInfo, error) {
	info, err := s.GetFlightInfo(ctx, desc)
	if err != nil {
		return nil, err
	}
	poll := &flight.PollInfo{Info: info, Progress: proto.Float64(1)}
	if len(info.GetEndpoint()) > 0 {
		poll.ExpirationTime = info.GetEndpoint()[0].GetExpirationTime()
	}
	return poll, nil
}

// GetSchema returns the schema of the rows of a command or of a plain SQL statement.
func (s *service) GetSchema(ctx context.Context, desc *flight.FlightDescriptor) (*flight.SchemaResult, error) {
	w, err := s.plain(ctx, desc)
	if err != nil {
		return nil, err
	}
	if w != nil {
		return &flight.SchemaResult{Schema: flight.SerializeSchema(w.schema(), memory.DefaultAllocator)}, nil
	}
	return s.FlightServer.GetSchema(ctx, desc)
}

// DoGet runs the statement of a ticket, or of a ticket that is plain SQL.
func (s *service) DoGet(ticket *flight.Ticket, stream flight.FlightService_DoGetServer) error {
	st, err := s.statementOf(callOf(stream.Context()), ticket.GetTicket())
	if err != nil {
		return err
	}
	if st == nil {
		return s.FlightServer.DoGet(ticket, stream)
	}
	return s.server.send(stream, st)
}

// statementOf returns the statement that a ticket stands for, nil where it is a
// command for metadata.
func (s *service) statementOf(c *call, ticket []byte) (*statement, error) {
	any, ok := command(ticket)
	if !ok {
		text, err := plainText("ticket", ticket)
		return &statement{user: c.user, text: text, settings: c.settings}, err
	}
	message, err := any.UnmarshalNew()
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "the ticket is not valid: %v", err)
	}
	switch t := message.(type) {
	case *pb.TicketStatementQuery:
		return s.server.openTicket(c, t.GetStatementHandle())
	case *pb.CommandPreparedStatementQuery:
		return s.server.openHandle(c, t.GetPreparedStatementHandle())
	case *pb.CommandStatementQuery:
		return &statement{user: c.user, text: t.GetQuery(), settings: c.settings}, noTransaction(t)
	}
	return nil, nil
}

// DoExchange is not served.
func (s *service) DoExchange(flight.FlightService_DoExchangeServer) error {
	return status.Error(codes.Unimplemented, "the server exchanges no streams (DoExchange): write with DoPut, read with DoGet")
}

// ListFlights is not served: there is no end of statements that could be fetched.
func (s *service) ListFlights(*flight.Criteria, flight.FlightService_ListFlightsServer) error {
	return status.Error(codes.Unimplemented, "the server lists no flights: ask for tables (CommandGetTables), and for the rows of an SQL statement")
}

// actions are the actions that the server takes.
var actions = []flight.ActionType{
	{Type: flight.CancelFlightInfoActionType, Description: "Cancel the running statements of a FlightInfo."},
	{Type: flight.RenewFlightEndpointActionType, Description: "Let a ticket be fetched for longer."},
	{Type: flight.SetSessionOptionsActionType, Description: "Change settings of the session, which lives in a cookie."},
	{Type: flight.GetSessionOptionsActionType, Description: "Return the settings of the session."},
	{Type: flight.CloseSessionActionType, Description: "Forget the settings of the session."},
	{Type: flightsql.CreatePreparedStatementActionType, Description: "Prepare a statement."},
	{Type: flightsql.ClosePreparedStatementActionType, Description: "Forget a prepared statement."},
	{Type: flightsql.CancelQueryActionType, Description: "Cancel the running statements of a FlightInfo."},
}

// ListActions lists the actions that the server takes.
func (s *service) ListActions(_ *flight.Empty, stream flight.FlightService_ListActionsServer) error {
	for i := range actions {
		if err := stream.Send(&actions[i]); err != nil {
			return err
		}
	}
	return nil
}

// noTransaction refuses commands that belong to a transaction.
func noTransaction(cmd interface{ GetTransactionId() []byte }) error {
	if len(cmd.GetTransactionId()) > 0 {
		return errTransaction
	}
	return nil
}

var errTransaction = status.Error(codes.Unimplemented, "the server has no transactions: every statement and every batch stands by itself (autocommit)")
