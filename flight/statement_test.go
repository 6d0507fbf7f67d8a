package flight

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// withSamples returns a server with a series and three samples of it.
func withSamples(t *testing.T) (*fixture, *flightsql.Client) {
	t.Helper()
	f := start(t, nil)
	c := f.client()
	f.update(c,
		"INSERT INTO series (series, type, sample_t, zone) VALUES ('boiler', 'double', '1s', 'Europe/Berlin')",
		"INSERT INTO samples (series, time, value) VALUES ('boiler', '2024-01-01T00:00:00Z', 1.5), ('boiler', '2024-01-01T00:00:01Z', 2.5), ('boiler', '2024-01-01T00:00:02Z', 4)",
	)
	return f, c
}

func TestStatementsYieldRowsAndCounts(t *testing.T) {
	f, c := withSamples(t)
	if got := f.query(c, "SELECT value FROM samples ORDER BY time"); got != "1.5\n2.5\n4" {
		t.Errorf("rows are %q", got)
	}
	n, err := c.ExecuteUpdate(t.Context(), "UPDATE series SET unit = 'K' WHERE series = 'boiler'")
	if err != nil || n != 1 {
		t.Errorf("update wrote %d, %v", n, err)
	}
	if _, err := c.ExecuteUpdate(t.Context(), "SELECT 1"); err == nil {
		t.Error("a query ran as an update")
	} else {
		wantCode(t, err, codes.Unimplemented, "yields rows")
	}
	schema, err := c.GetExecuteSchema(t.Context(), "SELECT series, time, value FROM samples")
	if err != nil {
		t.Fatal(err)
	}
	got, err := flight.DeserializeSchema(schema.GetSchema(), memory.DefaultAllocator)
	if err != nil || fmt.Sprint(got.Fields()) != "[series: type=utf8, nullable time: type=timestamp[us, tz=UTC], nullable value: type=float64, nullable]" {
		t.Errorf("schema is %v, %v", got, err)
	}
}

func TestTicketsAreReplayable(t *testing.T) {
	f, c := withSamples(t)
	info, err := c.Execute(t.Context(), "SELECT count(*) FROM samples")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if rows, err := fetch(t.Context(), c, info); err != nil || rows != "3" {
			t.Errorf("rows are %q, %v", rows, err)
		}
	}
	other := f.client()
	if rows, err := fetch(t.Context(), other, info); err != nil || rows != "3" {
		t.Errorf("another client's rows are %q, %v", rows, err)
	}
}

func TestAnUpdateAskedForAsAQueryRunsOnce(t *testing.T) {
	f, c := withSamples(t)
	info, err := c.Execute(t.Context(), "INSERT INTO series (series, type, sample_t) VALUES ('b', 'double', '1s'), ('c', 'double', '1s')")
	if err != nil {
		t.Fatal(err)
	}
	if len(info.GetEndpoint()) != 0 || info.GetTotalRecords() != 2 {
		t.Errorf("%d endpoints, %d records; want none and 2", len(info.GetEndpoint()), info.GetTotalRecords())
	}
	if got := f.query(c, "SELECT count(*) FROM series"); got != "3" {
		t.Errorf("there are %s series", got)
	}
}

func TestPlainDescriptorsAndTicketsHoldSQL(t *testing.T) {
	f, _ := withSamples(t)
	c := f.plain()
	text := "SELECT sum(value) FROM samples"
	descriptors := map[string]*flight.FlightDescriptor{
		"a command": {Type: flight.DescriptorCMD, Cmd: []byte(text)},
		"a path":    {Type: flight.DescriptorPATH, Path: []string{text}},
	}
	for name, desc := range descriptors {
		info, err := c.GetFlightInfo(t.Context(), desc)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if rows, err := fetchPlain(t.Context(), c, info.GetEndpoint()[0].GetTicket()); err != nil || rows != "8" {
			t.Errorf("%s: rows are %q, %v", name, rows, err)
		}
		if _, err := c.GetSchema(t.Context(), desc); err != nil {
			t.Errorf("%s: schema: %v", name, err)
		}
	}
	if rows, err := fetchPlain(t.Context(), c, &flight.Ticket{Ticket: []byte(text)}); err != nil || rows != "8" {
		t.Errorf("a ticket's rows are %q, %v", rows, err)
	}
}

func fetchPlain(ctx context.Context, c flight.Client, ticket *flight.Ticket) (string, error) {
	stream, err := c.DoGet(ctx, ticket)
	if err != nil {
		return "", err
	}
	reader, err := flight.NewRecordReader(stream)
	if err != nil {
		return "", err
	}
	rows, err := drain(reader)
	return strings.Join(rows, "\n"), err
}

func TestWhatIsNoStatementIsRefused(t *testing.T) {
	f, _ := withSamples(t)
	c := f.plain()
	insert := "INSERT INTO series (series, type, sample_t) VALUES ('b', 'double', '1s')"
	tickets := []struct {
		name   string
		ticket []byte
		code   codes.Code
	}{
		{"nothing", nil, codes.InvalidArgument},
		{"spaces", []byte(" \n"), codes.InvalidArgument},
		{"bytes", []byte{0xff, 0xfe, 0x00}, codes.InvalidArgument},
		{"an update", []byte(insert), codes.Unimplemented},
		{"an unknown command", []byte("\n\x1etype.googleapis.com/some.thing"), codes.InvalidArgument},
		{"a syntax error", []byte("SELEC 1"), codes.InvalidArgument},
	}
	for _, tt := range tickets {
		t.Run(tt.name, func(t *testing.T) {
			_, err := fetchPlain(t.Context(), c, &flight.Ticket{Ticket: tt.ticket})
			wantCode(t, err, tt.code)
			_, err = c.GetFlightInfo(t.Context(), &flight.FlightDescriptor{Type: flight.DescriptorCMD, Cmd: tt.ticket})
			wantCode(t, err, tt.code)
		})
	}
	_, err := c.GetFlightInfo(t.Context(), &flight.FlightDescriptor{Type: flight.DescriptorPATH, Path: []string{"a", "b"}})
	wantCode(t, err, codes.InvalidArgument, "2 parts")
	if got := f.query(f.client(), "SELECT count(*) FROM series"); got != "1" {
		t.Errorf("there are %s series", got)
	}
}

// ticketOf returns the sealed part of a FlightInfo's only ticket.
func ticketOf(t *testing.T, info *flight.FlightInfo) []byte {
	t.Helper()
	ticket, err := flightsql.GetStatementQueryTicket(info.GetEndpoint()[0].GetTicket())
	if err != nil {
		t.Fatal(err)
	}
	return ticket.GetStatementHandle()
}

// doGetSealed fetches a ticket with a sealed part.
func doGetSealed(ctx context.Context, c *flightsql.Client, sealed []byte) error {
	ticket, err := flightsql.CreateStatementQueryTicket(sealed)
	if err != nil {
		return err
	}
	reader, err := c.DoGet(ctx, &flight.Ticket{Ticket: ticket})
	if err != nil {
		return err
	}
	_, err = drain(reader)
	return err
}

func TestForgedTornAndExpiredTicketsAreRefused(t *testing.T) {
	f, c := withSamples(t)
	info, err := c.Execute(t.Context(), "SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	sealed := ticketOf(t, info)
	for i := range sealed {
		forged := append([]byte(nil), sealed...)
		forged[i] ^= 0x20
		if _, err := f.server.openTicket(&call{}, forged); err == nil {
			t.Fatalf("a ticket with another byte %d is taken", i)
		}
		if _, err := f.server.openTicket(&call{}, sealed[:i]); err == nil {
			t.Fatalf("the first %d bytes of a ticket are taken", i)
		}
	}
	wantCode(t, doGetSealed(t.Context(), c, sealed[:len(sealed)-1]), codes.InvalidArgument, "not valid")
	wantCode(t, doGetSealed(t.Context(), c, nil), codes.InvalidArgument, "not valid")

	other := start(t, nil)
	wantCode(t, doGetSealed(t.Context(), other.client(), sealed), codes.InvalidArgument, "another server")

	renewed, err := c.RenewFlightEndpoint(t.Context(), &flight.RenewFlightEndpointRequest{Endpoint: info.GetEndpoint()[0]})
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(renewed.GetExpirationTime(), info.GetEndpoint()[0].GetExpirationTime()) {
		t.Errorf("renewed at once, the ticket expires at %v", renewed.GetExpirationTime())
	}
	f.clock.Add(30 * time.Minute.Microseconds())
	if renewed, err = c.RenewFlightEndpoint(t.Context(), &flight.RenewFlightEndpointRequest{Endpoint: info.GetEndpoint()[0]}); err != nil {
		t.Fatal(err)
	}
	f.clock.Add(31 * time.Minute.Microseconds())
	wantCode(t, doGetSealed(t.Context(), c, sealed), codes.InvalidArgument, "expired")
	if rows, err := fetch(t.Context(), c, &flight.FlightInfo{Endpoint: []*flight.FlightEndpoint{renewed}}); err != nil || rows != "1" {
		t.Errorf("the renewed ticket yields %q, %v", rows, err)
	}
	_, err = c.RenewFlightEndpoint(t.Context(), &flight.RenewFlightEndpointRequest{Endpoint: info.GetEndpoint()[0]})
	wantCode(t, err, codes.InvalidArgument, "expired")
}

func TestServersWithTheSameKeyServeOneAnother(t *testing.T) {
	key := func(o *Options) { o.SigningKey = []byte("a key that two servers share") }
	a, b := start(t, key), start(t, key)
	info, err := a.client().Execute(t.Context(), "SELECT 7")
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := fetch(t.Context(), b.client(), info); err != nil || rows != "7" {
		t.Errorf("the other server yields %q, %v", rows, err)
	}
}

func TestPollTellsThatAllIsDone(t *testing.T) {
	_, c := withSamples(t)
	poll, err := c.ExecutePoll(t.Context(), "SELECT 1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if poll.GetProgress() != 1 || poll.GetFlightDescriptor() != nil || poll.GetExpirationTime() == nil {
		t.Errorf("poll is %v", poll)
	}
	if rows, err := fetch(t.Context(), c, poll.GetInfo()); err != nil || rows != "1" {
		t.Errorf("rows are %q, %v", rows, err)
	}
}

// params returns a batch of parameters with one row for each tuple.
func params(t *testing.T, types []arrow.DataType, rows ...[]any) arrow.RecordBatch {
	t.Helper()
	fields := make([]arrow.Field, len(types))
	for i := range types {
		fields[i] = arrow.Field{Name: fmt.Sprint(i), Type: types[i], Nullable: true}
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for _, row := range rows {
		for i, v := range row {
			if v == nil {
				b.Field(i).AppendNull()
			} else if err := b.Field(i).AppendValueFromString(fmt.Sprint(v)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.NewRecordBatch()
}

func TestPreparedStatements(t *testing.T) {
	f, c := withSamples(t)
	st, err := c.Prepare(t.Context(), "SELECT value FROM samples WHERE series = $1 AND value > $2 ORDER BY time")
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(st.DatasetSchema().Fields()); got != "[value: type=float64, nullable]" {
		t.Errorf("the result's schema is %s", got)
	}
	if got := fmt.Sprint(st.ParameterSchema().Fields()); got != "[$1: type=utf8, nullable $2: type=float64, nullable]" {
		t.Errorf("the parameters' schema is %s", got)
	}
	text, number := arrow.BinaryTypes.String, arrow.PrimitiveTypes.Float64
	tests := []struct {
		name string
		rows [][]any
		want string
	}{
		{"one row of parameters is one run", [][]any{{"boiler", 2}}, "2.5\n4"},
		{"several rows are several runs, one after the other", [][]any{{"boiler", 3}, {"boiler", 0}}, "4\n1.5\n2.5\n4"},
		{"NULL is a value", [][]any{{"boiler", nil}}, ""},
		{"no row is no run", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			batch := params(t, []arrow.DataType{text, number}, tt.rows...)
			defer batch.Release()
			st.SetParameters(batch)
			info, err := st.Execute(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := fetch(t.Context(), c, info); err != nil || got != tt.want {
				t.Errorf("rows are %q, %v; want %q", got, err, tt.want)
			}
		})
	}
	if err := st.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
	if got := f.query(c, "SELECT 1"); got != "1" {
		t.Error("the server does not go on")
	}
}

func TestPreparedStatementsTellMistakesInParameters(t *testing.T) {
	_, c := withSamples(t)
	st, err := c.Prepare(t.Context(), "SELECT 10 / $1::bigint")
	if err != nil {
		t.Fatal(err)
	}
	run := func(batch arrow.RecordBatch) error {
		defer batch.Release()
		st.SetParameters(batch)
		info, err := st.Execute(t.Context())
		if err != nil {
			return err
		}
		_, err = fetch(t.Context(), c, info)
		return err
	}
	whole, text := arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String
	wantCode(t, run(params(t, []arrow.DataType{whole, whole}, []any{1, 2})), codes.InvalidArgument, "1 parameters, 2 values")
	wantCode(t, run(params(t, []arrow.DataType{text}, []any{"x"})), codes.InvalidArgument, "$1")
	wantCode(t, run(params(t, []arrow.DataType{whole}, []any{1}, []any{0})), codes.InvalidArgument, "row 2 of the parameters: division by zero")
	wantCode(t, run(params(t, []arrow.DataType{arrow.PrimitiveTypes.Float64}, []any{1.5e300})), codes.InvalidArgument, "$1")
}

func TestPreparedUpdatesRunForEachRowAndCount(t *testing.T) {
	f, c := withSamples(t)
	st, err := c.Prepare(t.Context(), "INSERT INTO samples (series, time, value) VALUES ($1, $2, $3)")
	if err != nil {
		t.Fatal(err)
	}
	types := []arrow.DataType{arrow.BinaryTypes.String, arrow.BinaryTypes.String, arrow.PrimitiveTypes.Float64}
	batch := params(t, types, []any{"boiler", "2024-02-01T00:00:00Z", 1}, []any{"boiler", "2024-02-01T00:00:01Z", 2}, []any{"boiler", "2024-02-01T00:00:02Z", nil})
	defer batch.Release()
	st.SetParameters(batch)
	if n, err := st.ExecuteUpdate(t.Context()); err != nil || n != 3 {
		t.Errorf("wrote %d, %v", n, err)
	}
	if got := f.query(c, "SELECT count(*), count(value) FROM samples WHERE time >= '2024-02-01'"); got != "3|2" {
		t.Errorf("there are %s samples", got)
	}
	bad := params(t, types, []any{"boiler", "2024-02-01T00:01:00Z", 1}, []any{"nobody", "2024-02-01T00:00:01Z", 2})
	defer bad.Release()
	st.SetParameters(bad)
	_, err = st.ExecuteUpdate(t.Context())
	wantCode(t, err, codes.NotFound, "row 2 of the parameters", "nobody")
}

func TestHandlesOfOthersAreRefused(t *testing.T) {
	f, c := withSamples(t)
	st, err := c.Prepare(t.Context(), "SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	handle := st.Handle()
	if _, err := f.server.openHandle(&call{user: "eve"}, handle); err == nil {
		t.Error("another user's handle is taken")
	}
	if _, err := f.server.openTicket(&call{}, handle); err == nil {
		t.Error("a handle is taken for a ticket")
	}
	handle[len(handle)/2] ^= 1
	_, err = st.Execute(t.Context())
	wantCode(t, err, codes.InvalidArgument, "handle")
}

func TestTransactionsAreRefused(t *testing.T) {
	_, c := withSamples(t)
	_, err := c.BeginTransaction(t.Context())
	wantCode(t, err, codes.Unimplemented)
}

func TestManyClientsAtOnce(t *testing.T) {
	f, c := withSamples(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			mine := c
			if i%2 == 0 {
				mine = f.client()
			}
			for k := range 20 {
				want := fmt.Sprint(i*100 + k)
				if got, err := tryQuery(t.Context(), mine, "SELECT "+want); err != nil || got != want {
					t.Errorf("client %d: %q, %v", i, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
