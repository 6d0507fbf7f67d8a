package trellis_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	arrowflight "github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// lostCode stands for an answer that no client may see: there is none, or it has no
// SQLSTATE although it is no trouble of the network.
const lostCode = "lost"

// asker sends statements to a server process, each within a time.
type asker struct {
	t       *testing.T
	p       *process
	client  *flightsql.Client
	timeout time.Duration
}

func newAsker(t *testing.T, p *process, timeout time.Duration) *asker {
	t.Helper()
	client, err := flightsql.NewClient(p.addr, nil, []arrowflight.ClientMiddleware{arrowflight.NewClientCookieMiddleware()},
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() }) // the server may be gone
	return &asker{t, p, client, timeout}
}

// lives reports whether the server answers.
func (a *asker) lives() bool {
	code, _ := a.ask("SELECT 1")
	return code == ""
}

// ask runs a statement to its end and returns the SQLSTATE of its error.
func (a *asker) ask(text string) (code string, err error) {
	ctx, cancel := context.WithTimeout(a.t.Context(), a.timeout+20*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "x-trellis-statement-timeout", strconv.FormatInt(a.timeout.Milliseconds(), 10))
	err = a.run(ctx, text)
	return sqlState(err), err
}

func (a *asker) run(ctx context.Context, text string) error {
	info, err := a.client.Execute(ctx, text)
	if err == nil {
		err = a.read(ctx, info)
	}
	if sqlState(err) == "08P01" && strings.Contains(text, "$") {
		return a.runPrepared(ctx, text)
	}
	return err
}

// runPrepared runs a statement with parameters, all of which are NULL.
func (a *asker) runPrepared(ctx context.Context, text string) error {
	prepared, err := a.client.Prepare(ctx, text)
	if err != nil {
		return err
	}
	schema := prepared.ParameterSchema()
	if schema == nil {
		return prepared.Close(ctx)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, f := range b.Fields() {
		f.AppendNull()
	}
	batch := b.NewRecordBatch()
	prepared.SetParameters(batch) // which takes it over
	info, err := prepared.Execute(ctx)
	if err == nil {
		err = a.read(ctx, info)
	}
	return errors.Join(err, prepared.Close(ctx))
}

// read reads all rows of an answer.
func (a *asker) read(ctx context.Context, info *arrowflight.FlightInfo) error {
	for _, endpoint := range info.GetEndpoint() {
		reader, err := a.client.DoGet(ctx, endpoint.GetTicket())
		if err != nil {
			return err
		}
		for reader.Next() {
		}
		err = reader.Err()
		reader.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// sqlState returns the SQLSTATE of an error, empty for none.
func sqlState(err error) string {
	if err == nil {
		return ""
	}
	var grpcError interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &grpcError) {
		return lostCode
	}
	s := grpcError.GRPCStatus()
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	if s.Code() == codes.Unavailable || s.Code() == codes.DeadlineExceeded {
		return lostCode
	}
	return "code " + s.Code().String()
}
