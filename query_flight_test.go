package trellis_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowflight "github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/flight"
)

// wire is the door of a client: statements go through Flight SQL.
type wire struct{ client *flightsql.Client }

// zone returns the session's zone, in which instants are shown; on the wire they
// have none.
func (d wire) zone(ctx context.Context) (*zone.Zone, error) {
	options, err := d.client.GetSessionOptions(ctx, &arrowflight.GetSessionOptionsRequest{})
	if err != nil {
		return nil, err
	}
	return zone.Load(options.GetSessionOptions()["timezone"].GetStringValue())
}

// serveTest serves a database on loopback until the test ends, by a clock of its own,
// and returns a client whose session lasts as long.
func serveTest(t testing.TB, db *trellis.DB, clock func() int64) *flightsql.Client {
	t.Helper()
	server, err := flight.New(flight.Options{Engine: db.Engine, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(lis) }()
	client, err := flightsql.NewClient(lis.Addr().String(), nil, []arrowflight.ClientMiddleware{arrowflight.NewClientCookieMiddleware()},
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := errors.Join(client.Close(), server.Shutdown(context.WithoutCancel(t.Context())), <-served)
		if err != nil {
			t.Error(err)
		}
	})
	return client
}

func (d wire) exec(ctx context.Context, text string) (int64, error) {
	if strings.HasPrefix(text, "SET ") {
		// The library's ExecuteUpdate does not read the header with the session's cookie.
		_, err := d.client.Execute(ctx, text)
		return 0, userError(err)
	}
	n, err := d.client.ExecuteUpdate(ctx, text)
	return n, userError(err)
}

func (d wire) query(ctx context.Context, text string) (names []string, rows [][]string, err error) {
	info, err := d.client.Execute(ctx, text)
	if err != nil {
		return nil, nil, userError(err)
	}
	z, err := d.zone(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, endpoint := range info.Endpoint {
		reader, err := d.client.DoGet(ctx, endpoint.Ticket)
		if err != nil {
			return nil, nil, userError(err)
		}
		fields := fieldsOf(reader.Schema())
		names = names[:0]
		for _, f := range fields {
			names = append(names, f.Name)
		}
		for reader.Next() {
			more, err := textRows(reader.RecordBatch(), fields, z)
			if err != nil {
				return nil, nil, err
			}
			rows = append(rows, more...)
		}
		err = reader.Err()
		reader.Release()
		if err != nil {
			return nil, nil, userError(err)
		}
	}
	return names, rows, nil
}

// fieldsOf returns the SQL columns of a schema.
func fieldsOf(schema *arrow.Schema) []plan.Field {
	fields := make([]plan.Field, schema.NumFields())
	for i, f := range schema.Fields() {
		fields[i].Name = f.Name
		for t := plan.Unknown; t <= plan.JSON; t++ {
			if arrow.TypeEqual(f.Type, t.Arrow()) {
				fields[i].Type = t
				break
			}
		}
	}
	return fields
}

// shown is an error whose text is what the server's message shows.
type shown string

func (s shown) Error() string { return string(s) }

// userError returns the message of a status, which is the error as it is shown to a
// user.
func userError(err error) error {
	if err == nil {
		return nil
	}
	return shown(strings.TrimPrefix(status.Convert(err).Message(), "ERROR: "))
}

// TestQueryFilesThroughFlight runs the query files through a server and a client of
// Flight SQL.
func TestQueryFilesThroughFlight(t *testing.T) {
	files, err := filepath.Glob("testdata/query/*.test")
	if err != nil || len(files) == 0 {
		t.Fatal("no query files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test"), func(t *testing.T) {
			db := openTest(t, t.TempDir())
			t.Cleanup(func() {
				if err := db.Close(context.WithoutCancel(t.Context())); err != nil {
					t.Error(err)
				}
			})
			runFile(t, wire{serveTest(t, db, func() int64 { return testNow })}, file, "through Flight", true)
		})
	}
}

// TestATicketAlwaysTellsTheSameTime fetches one ticket twice.
func TestATicketAlwaysTellsTheSameTime(t *testing.T) {
	db := openTest(t, t.TempDir())
	t.Cleanup(func() {
		if err := db.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	var seconds atomic.Int64
	client := serveTest(t, db, func() int64 { return testNow + seconds.Add(1)*1_000_000 })
	info, err := client.Execute(t.Context(), "SELECT now()")
	if err != nil {
		t.Fatal(err)
	}
	var told []int64
	for range 2 {
		reader, err := client.DoGet(t.Context(), info.Endpoint[0].Ticket)
		if err != nil {
			t.Fatal(err)
		}
		for reader.Next() {
			told = append(told, int64(reader.RecordBatch().Column(0).(*array.Timestamp).Value(0)))
		}
		if err := reader.Err(); err != nil {
			t.Fatal(err)
		}
		reader.Release()
	}
	if len(told) != 2 || told[0] != told[1] || told[0] == testNow {
		t.Errorf("now() is %v; the server's clock told it when the ticket was asked for", told)
	}
}
