package flight

import (
	"crypto/rand"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/trellisdb/trellis/engine/plan"
)

// statement is what a ticket or a handle stands for: all that it takes to run a
// statement, on any server.
type statement struct {
	user     string // who may run it
	text     string
	settings settings         // of the session that it comes from
	rows     [][]plan.Literal // its parameters, a run for each row; nil: not bound

	// Of tickets only.
	id      string // names the ticket's runs, to cancel them
	now     int64  // the instant at which the ticket was asked for
	expires int64  // the instant after which the ticket is refused
}

// pack returns the statement as a payload.
func (st *statement) pack() ([]byte, error) {
	var p packer
	p.text(st.user)
	p.text(st.text)
	p.texts(st.settings)
	p.text(st.id)
	p.int(st.now)
	p.int(st.expires)
	if err := p.rows(st.rows); err != nil {
		return nil, err
	}
	return p.b, nil
}

// unpackStatement reads a payload.
func unpackStatement(payload []byte) (*statement, error) {
	u := unpacker{b: payload}
	st := &statement{user: u.text(), text: u.text(), settings: u.texts(), id: u.text(), now: u.int(), expires: u.int(), rows: u.rows()}
	return st, u.end()
}

// sealTicket returns the ticket of a statement, as the handle of a
// TicketStatementQuery.
func (s *Server) sealTicket(st *statement) ([]byte, error) {
	payload, err := st.pack()
	if err != nil {
		return nil, err
	}
	return s.seal.seal(sealTicket, payload), nil
}

// openTicket returns the statement of a ticket, which the caller may run.
func (s *Server) openTicket(c *call, ticket []byte) (*statement, error) {
	st, err := s.openStatement(c, sealTicket, "ticket", ticket)
	if err != nil {
		return nil, err
	}
	if s.opts.Clock() > st.expires {
		return nil, status.Error(codes.InvalidArgument, "the ticket has expired: ask for a new FlightInfo, or renew endpoints (RenewFlightEndpoint) in time")
	}
	return st, nil
}

// sealHandle returns the handle of a prepared statement.
func (s *Server) sealHandle(st *statement) ([]byte, error) {
	payload, err := st.pack()
	if err != nil {
		return nil, err
	}
	return s.seal.seal(sealHandle, payload), nil
}

// openHandle returns the statement of a handle, which the caller may run. It has
// the settings of the caller's session, not of the one that it was prepared in.
func (s *Server) openHandle(c *call, handle []byte) (*statement, error) {
	st, err := s.openStatement(c, sealHandle, "handle of a prepared statement", handle)
	if err != nil {
		return nil, err
	}
	st.settings = c.settings
	return st, nil
}

func (s *Server) openStatement(c *call, kind byte, what string, sealed []byte) (*statement, error) {
	payload, err := s.seal.open(kind, sealed)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "the %s is not valid: %v", what, err)
	}
	st, err := unpackStatement(payload)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "the %s is not valid: %v", what, err)
	}
	values := 0
	for _, row := range st.rows {
		values += len(row)
	}
	if err := c.holdValues(int64(values)); err != nil {
		return nil, err
	}
	if st.user != c.user {
		return nil, status.Errorf(codes.PermissionDenied, "the %s belongs to another user", what)
	}
	return st, nil
}

// newID returns a name that no other ticket has.
func newID() (string, error) {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return "", fmt.Errorf("ticket: %w", err)
	}
	return string(id), nil
}
