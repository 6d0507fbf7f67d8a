// Package client runs statements and sends samples, alike in a database that a server
// offers over Flight and in one that lies in a directory and is opened in this
// process.
package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/grpc/status"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// DefaultServer is where a server listens unless it is told otherwise.
const DefaultServer = "grpc://127.0.0.1:31337"

// Conn is a connection to a database. It is one session: what SET sets holds until it
// is closed. Its methods are called by one goroutine at a time.
type Conn interface {
	// Run runs one statement. The columns of params, a batch of one row, are the
	// values of $1, $2, ...; nil: none. Mistakes in the statement are a
	// *StatementError.
	Run(ctx context.Context, statement string, params arrow.RecordBatch) (*Result, error)
	// Ingest begins a stream of batches of samples, as engine/ingest describes them.
	Ingest(ctx context.Context) (Ingest, error)
	// Backfill begins a stream of batches, all of one schema, that become one edit.
	Backfill(ctx context.Context, reason, source string) (Backfill, error)
	// Close ends the session; an embedded database writes what it holds in memory.
	Close() error
}

// Result is what a statement came to.
type Result struct {
	Rows    columnar.Stream // to be closed by the caller; nil where the statement yields none
	Changed int64           // rows that a statement without rows wrote
}

// Ingest is a stream of batches of samples into a database.
type Ingest interface {
	// Write sends a batch, which stays the caller's. It may return before the batch is
	// stored; an error may be that of a batch before it.
	Write(batch arrow.RecordBatch) error
	// Durable returns how many samples are stored for good by now.
	Durable() int64
	// Close waits until all batches are stored for good.
	Close() error
}

// Backfill is a stream of batches that become one edit: they are stored for good, and
// seen, when it is committed.
type Backfill interface {
	Ingest
	// Commit waits until all batches are an edit. The stream is then closed; one that is
	// closed without it leaves nothing.
	Commit() (Edited, error)
}

// Edited is what became of an edit.
type Edited struct {
	ID       int64 `json:"edit"` // 0: it changed nothing
	Inserted int64 `json:"inserted"`
	Replaced int64 `json:"replaced"`
}

// StatementError is a mistake in a statement, as the user is to see it: over several
// lines, with the place marked where it is known.
type StatementError struct {
	Shown string
	Err   error
}

// Error returns what is shown.
func (e *StatementError) Error() string { return e.Shown }

// Unwrap returns the error behind it.
func (e *StatementError) Unwrap() error { return e.Err }

// shown returns an error of the engine as a *StatementError where it is a mistake of
// the user.
func shown(err error, statement string) error {
	var mistake *plan.Error
	if errors.As(err, &mistake) {
		return &StatementError{Shown: mistake.Show(statement), Err: err}
	}
	return err
}

// fromStatus returns an error of a server without what gRPC puts around it.
func fromStatus(err error, address string) error {
	s, ok := status.FromError(err)
	if !ok || err == nil {
		return err
	}
	if strings.HasPrefix(s.Message(), "ERROR: ") {
		return &StatementError{Shown: s.Message(), Err: err}
	}
	return &remoteError{address: address, status: s}
}

// remoteError is an error that came from a server or of the way to it.
type remoteError struct {
	address string
	status  *status.Status
}

// Error names the server and says what is wrong.
func (e *remoteError) Error() string {
	msg := e.status.Message()
	for _, known := range []struct{ part, say string }{
		{"connection refused", ""},
		{"no such host", ""},
		{"zero addresses", "the host has no address: correct the name, or name another with --server"},
		{"first record does not look like a TLS handshake", "it does not speak TLS: write grpc:// for grpc+tls://"},
		{"error reading server preface", "it does not answer as a server of Flight does: where it speaks TLS, write grpc+tls:// for grpc://; else correct the port"},
		{"signed by unknown authority", "its certificate is signed by nobody who is trusted here: name its authority with --tls-ca"},
		{"certificate is not valid for", "its certificate is not for that host name: write the one that it is for (" + after(msg, "x509: ") + ")"},
		{"certificate is valid for", "its certificate is not for that host name: write the one that it is for (" + after(msg, "x509: ") + ")"},
		{"certificate has expired", "its certificate has expired, or a clock is wrong: " + after(msg, "x509: ")},
		{"the server asks for credentials", "it asks who you are: name a user with --user name:password, or in TRELLIS_USER"},
	} {
		if !strings.Contains(msg, known.part) {
			continue
		}
		if known.say == "" {
			return fmt.Sprintf("no server answers at %s: start one with \"trellis serve\", or name another with --server", e.address)
		}
		return fmt.Sprintf("server %s: %s", e.address, known.say)
	}
	if strings.Contains(msg, "tls: ") {
		return fmt.Sprintf("server %s: %s (grpc:// is for servers without TLS, grpc+tls:// for those with it)", e.address, after(msg, "tls: "))
	}
	return fmt.Sprintf("server %s: %s", e.address, strings.TrimSuffix(after(msg, "desc = \""), "\""))
}

// after returns what follows a word of a text; all of it where it has it not.
func after(text, word string) string {
	if _, rest, ok := strings.Cut(text, word); ok {
		return strings.TrimSuffix(rest, "\"")
	}
	return text
}

// GRPCStatus lets status.Code see the code.
func (e *remoteError) GRPCStatus() *status.Status { return e.status }
