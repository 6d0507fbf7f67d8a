package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/trellisdb/trellis/columnar"
)

// stream is a columnar.Stream to be embedded.
type stream = columnar.Stream

// maxMessage is the largest message that is taken from a server.
const maxMessage = 256 << 20

// Server says where a server is and who calls.
type Server struct {
	Address  string // grpc://host:port, grpc+tls://host:port, or host:port
	User     string // empty: nobody
	Password string
	CA       string // file with the certificates to trust; empty: the machine's
}

// remote is a database that a server offers.
type remote struct {
	address string
	sql     *flightsql.Client
}

// Connect returns a connection to a server. Whether there is one shows at the first
// statement.
func Connect(s Server) (Conn, error) {
	target, transport, err := s.target()
	if err != nil {
		return nil, err
	}
	middleware := []flight.ClientMiddleware{(&cookies{}).middleware()}
	if s.User != "" {
		basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(s.User+":"+s.Password))
		middleware = append(middleware, flight.CreateClientMiddleware(authorization(basic)))
	}
	sql, err := flightsql.NewClient(target, nil, middleware, grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
	if err != nil {
		return nil, fmt.Errorf("server %s: %w", s.Address, err)
	}
	return &remote{address: target, sql: sql}, nil
}

// target returns the host and the port of the server, and how to talk to it.
func (s Server) target() (string, credentials.TransportCredentials, error) {
	address := s.Address
	if _, _, err := net.SplitHostPort(address); err == nil {
		address = "grpc://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Port() == "" {
		return "", nil, fmt.Errorf("server %q: write grpc://host:port, or grpc+tls://host:port", s.Address)
	}
	switch u.Scheme {
	case "grpc", "grpc+tcp":
		return u.Host, insecure.NewCredentials(), nil
	case "grpc+tls", "grpcs":
	default:
		return "", nil, fmt.Errorf("server %q: there is no scheme %s: write grpc://host:port, or grpc+tls://host:port", s.Address, u.Scheme)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CA != "" {
		pem, err := os.ReadFile(s.CA)
		if err != nil {
			return "", nil, fmt.Errorf("certificates to trust: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return "", nil, fmt.Errorf("certificates to trust: %s holds none: it has to be in PEM form", s.CA)
		}
	}
	return u.Host, credentials.NewTLS(config), nil
}

// authorization adds the header authorization to every call.
type authorization string

// StartCall returns the context with the header.
func (a authorization) StartCall(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", string(a))
}

// Run prepares a statement, for that tells whether it yields rows, and runs it.
func (r *remote) Run(ctx context.Context, statement string, params arrow.RecordBatch) (*Result, error) {
	prepared, err := r.sql.Prepare(ctx, statement)
	if err != nil {
		return nil, fromStatus(err, r.address)
	}
	defer func() { _ = prepared.Close(context.WithoutCancel(ctx)) }() // the server holds nothing
	if params != nil {
		prepared.SetParameters(params)
	}
	update, known := prepared.IsUpdate()
	if !known {
		schema := prepared.DatasetSchema()
		update = schema == nil || schema.NumFields() == 0
	}
	if update {
		n, err := prepared.ExecuteUpdate(ctx)
		return &Result{Changed: max(n, 0)}, fromStatus(err, r.address)
	}
	info, err := prepared.Execute(ctx)
	if err != nil {
		return nil, fromStatus(err, r.address)
	}
	schema, err := flight.DeserializeSchema(info.GetSchema(), r.sql.Alloc)
	if err != nil {
		return nil, fmt.Errorf("server %s: schema of the result: %w", r.address, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	return &Result{Rows: &remoteRows{conn: r, ctx: ctx, cancel: cancel, schema: schema, left: info.GetEndpoint()}}, nil
}

// Close closes the connection.
func (r *remote) Close() error { return r.sql.Close() }

// remoteRows reads the endpoints of a result, one after the other.
type remoteRows struct {
	conn   *remote
	ctx    context.Context //nolint:containedctx // the result's life: gRPC ends a call by its context
	cancel context.CancelFunc
	schema *arrow.Schema
	left   []*flight.FlightEndpoint
	reader *flight.Reader
}

// Schema returns the schema of the rows.
func (r *remoteRows) Schema() *arrow.Schema { return r.schema }

// Next returns the next batch; it ends when ctx, or that of Run, does.
func (r *remoteRows) Next(ctx context.Context) (arrow.RecordBatch, error) {
	stop := context.AfterFunc(ctx, r.cancel)
	defer stop()
	for {
		if r.reader == nil {
			if len(r.left) == 0 {
				return nil, io.EOF
			}
			reader, err := r.conn.sql.DoGet(r.ctx, r.left[0].GetTicket())
			if err != nil {
				return nil, fromStatus(err, r.conn.address)
			}
			r.reader, r.left = reader, r.left[1:]
		}
		if r.reader.Next() {
			batch := r.reader.RecordBatch()
			batch.Retain()
			return batch, nil
		}
		err := r.reader.Err()
		r.reader.Release()
		r.reader = nil
		if err != nil && !errors.Is(err, io.EOF) {
			r.left = nil
			return nil, fromStatus(err, r.conn.address)
		}
	}
}

// Close ends the calls that are under way.
func (r *remoteRows) Close() error {
	r.cancel()
	if r.reader != nil {
		r.reader.Release()
		r.reader = nil
	}
	r.left = nil
	return nil
}
