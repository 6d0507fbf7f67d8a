package flight

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// someInstant is when the tests' clock starts: 2024-05-01 12:00 UTC.
const someInstant = int64(1_714_564_800_000_000)

// fixture is a server over a new database, whose clock stands still.
type fixture struct {
	t      *testing.T
	addr   string
	server *Server
	clock  atomic.Int64
	engine *fakeEngine
}

// fakeEngine is the engine of a database, but for the statements that a test answers
// itself.
type fakeEngine struct {
	Engine
	fake map[string]fakeStatement
}

// fakeStatement is a statement whose stream a test makes.
type fakeStatement struct {
	fields []plan.Field
	query  func(ctx context.Context) (columnar.Stream, error)
}

func (e *fakeEngine) Prepare(ctx context.Context, s *engine.Session, text string) (*engine.Statement, error) {
	if st, ok := e.fake[text]; ok {
		return &engine.Statement{Text: text, Fields: st.fields}, nil
	}
	return e.Engine.Prepare(ctx, s, text)
}

func (e *fakeEngine) Query(ctx context.Context, s *engine.Session, st *engine.Statement, params []plan.Literal) (columnar.Stream, error) {
	if fake, ok := e.fake[st.Text]; ok {
		return fake.query(ctx)
	}
	return e.Engine.Query(ctx, s, st, params)
}

// start returns a server with options; engine and clock are filled in.
func start(t *testing.T, change func(*Options)) *fixture {
	t.Helper()
	return startOn(t, nil, change)
}

// startOn returns a server with options on a database with options.
func startOn(t *testing.T, changeDB func(*trellis.Options), change func(*Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, engine: &fakeEngine{fake: map[string]fakeStatement{}}}
	f.clock.Store(someInstant)
	with := trellis.Options{Dir: t.TempDir(), Clock: f.clock.Load}
	if changeDB != nil {
		changeDB(&with)
	}
	db, err := trellis.Open(t.Context(), with)
	if err != nil {
		t.Fatal(err)
	}
	f.engine.Engine = db.Engine
	opts := Options{Engine: f.engine, Clock: f.clock.Load}
	if change != nil {
		change(&opts)
	}
	if f.server, err = New(opts); err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = lis.Addr().String()
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(lis) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := f.server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := db.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return f
}

// client returns a client of Flight SQL, with cookies.
func (f *fixture) client() *flightsql.Client {
	f.t.Helper()
	c, err := flightsql.NewClient(f.addr, nil, []flight.ClientMiddleware{newCookieJar().middleware()},
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}

// plain returns a client of plain Flight, without cookies.
func (f *fixture) plain() flight.Client {
	f.t.Helper()
	c, err := flight.NewClientWithMiddleware(f.addr, nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}

// update runs statements that yield no rows.
func (f *fixture) update(c *flightsql.Client, statements ...string) {
	f.t.Helper()
	for _, text := range statements {
		if _, err := c.ExecuteUpdate(f.t.Context(), text); err != nil {
			f.t.Fatalf("%s: %v", text, err)
		}
	}
}

// query returns the rows of a statement as text.
func (f *fixture) query(c *flightsql.Client, text string) string {
	f.t.Helper()
	rows, err := tryQuery(f.t.Context(), c, text)
	if err != nil {
		f.t.Fatalf("%s: %v", text, err)
	}
	return rows
}

func tryQuery(ctx context.Context, c *flightsql.Client, text string) (string, error) {
	info, err := c.Execute(ctx, text)
	if err != nil {
		return "", err
	}
	return fetch(ctx, c, info)
}

// fetch returns the rows of all endpoints as text.
func fetch(ctx context.Context, c *flightsql.Client, info *flight.FlightInfo) (string, error) {
	var out []string
	for _, endpoint := range info.GetEndpoint() {
		reader, err := c.DoGet(ctx, endpoint.GetTicket())
		if err != nil {
			return "", err
		}
		rows, err := drain(reader)
		if err != nil {
			return "", err
		}
		out = append(out, rows...)
	}
	return strings.Join(out, "\n"), nil
}

// drain returns the rows of a stream as text and releases it.
func drain(reader *flight.Reader) ([]string, error) {
	defer reader.Release()
	var out []string
	for reader.Next() {
		out = append(out, textRows(reader.RecordBatch())...)
	}
	return out, reader.Err()
}

// textRows returns the rows of a batch, the values with bars between them.
func textRows(batch arrow.RecordBatch) []string {
	out := make([]string, batch.NumRows())
	for i := range out {
		values := make([]string, batch.NumCols())
		for k := range values {
			values[k] = batch.Column(k).ValueStr(i)
		}
		out[i] = strings.Join(values, "|")
	}
	return out
}

// samplesBatch returns a long batch of samples of one series, a second apart.
func samplesBatch(series string, from time.Time, values ...float64) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "series", Type: arrow.BinaryTypes.String},
		{Name: "time", Type: plan.TimestamptzType},
		{Name: "value", Type: arrow.PrimitiveTypes.Float64},
	}, nil))
	defer b.Release()
	for i, v := range values {
		b.Field(0).(*array.StringBuilder).Append(series)
		b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(from.UnixMicro() + int64(i)*1_000_000))
		b.Field(2).(*array.Float64Builder).Append(v)
	}
	return b.NewRecordBatch()
}

var newYear = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// wantCode fails the test unless err has the code and the words in its message.
func wantCode(t *testing.T, err error, code codes.Code, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %v", code)
	}
	s := status.Convert(err)
	if s.Code() != code {
		t.Errorf("code is %v, want %v: %v", s.Code(), code, err)
	}
	for _, w := range words {
		if !strings.Contains(s.Message(), w) {
			t.Errorf("%q does not tell %q", s.Message(), w)
		}
	}
}

func TestServerNeedsAnEngineAndAClock(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("a server was made of nothing")
	}
}

func TestServerWithoutUsersServesItsOwnMachineOnly(t *testing.T) {
	f := start(t, nil)
	lis, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.server.Serve(lis); err == nil || !strings.Contains(err.Error(), "no users") {
		t.Errorf("Serve on all interfaces: %v", err)
	}
}

func TestServerTellsItsHealth(t *testing.T) {
	f := start(t, func(o *Options) { o.Users = map[string]string{"ann": "secret"} })
	conn, err := grpc.NewClient(f.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	resp, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || resp.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("health is %v, %v", resp.GetStatus(), err)
	}
}

func TestShutdownWaitsForCallsAndThenCancelsThem(t *testing.T) {
	f := start(t, nil)
	entered := make(chan struct{})
	f.engine.fake["wait"] = fakeStatement{fields: []plan.Field{{Name: "x", Type: plan.Bigint}}, query: func(ctx context.Context) (columnar.Stream, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	client := f.plain()
	failed := make(chan error, 1)
	go func() {
		stream, err := client.DoGet(context.Background(), &flight.Ticket{Ticket: []byte("wait")})
		if err == nil {
			_, err = stream.Recv()
		}
		failed <- err
	}()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := f.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-failed; status.Code(err) != codes.Unavailable {
		t.Errorf("the call ended with %v", err)
	}
}

func TestShutdownEndsStreamsThatAreWritten(t *testing.T) {
	const stopped = "the server is shutting down; what was acknowledged is stored"
	f, c := withSamples(t)
	messages := func(month int) []*flight.FlightData {
		return messagesOf(t, samplesBatch("boiler", newYear.AddDate(0, month, 0), 1, 2))
	}
	path := f.put(t.Context()).send(onPath("samples", messages(1)...)...)
	if got := path.counts(); got != `{"rows":2,"samples":2,"created":0}` {
		t.Fatalf("counts are %s", got)
	}
	ingest := f.put(t.Context()).send(onCommand(t, &pb.CommandStatementIngest{Table: "samples"}, messages(2)...)...)
	for f.query(c, "SELECT count(*) FROM samples WHERE time >= '2024-03-01'") != "2" {
		time.Sleep(time.Millisecond)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := f.server.Shutdown(ctx); err != nil {
		t.Errorf("shutdown waits for streams without end: %v", err)
	}
	wantCode(t, path.end(), codes.Unavailable, stopped)
	wantCode(t, ingest.end(), codes.Unavailable, stopped)
}

func TestShutdownLetsStreamsThatAreReadEnd(t *testing.T) {
	f := start(t, nil)
	entered, rest := make(chan struct{}), make(chan struct{})
	f.engine.fake["slow"] = fakeStatement{fields: numbersFields, query: func(context.Context) (columnar.Stream, error) {
		close(entered)
		<-rest
		return numbers(3, 5), nil
	}}
	c := f.client()
	info, err := c.Execute(t.Context(), "slow")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		rows, err := fetch(t.Context(), c, info)
		if err == nil && strings.Count(rows, "\n") != 4 {
			err = errors.New("rows are missing: " + rows)
		}
		ended <- err
	}()
	<-entered
	shut := make(chan error, 1)
	go func() { shut <- f.server.Shutdown(t.Context()) }()
	select {
	case err := <-shut:
		t.Fatalf("Shutdown did not wait: %v", err)
	case err := <-ended:
		t.Fatalf("the stream ended: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(rest)
	if err := errors.Join(<-ended, <-shut); err != nil {
		t.Error(err)
	}
}

func TestTimeoutsOfStatementsAreToldAsSuch(t *testing.T) {
	f := start(t, nil)
	ctx := withHeader(t.Context(), "x-trellis-statement-timeout", "20")
	_, err := tryQuery(ctx, f.client(), "SELECT count(*) FROM generate_series(1, 100000000000)")
	wantCode(t, err, codes.DeadlineExceeded, "57014", "statement_timeout is 20 ms")
}

func TestPanicsEndOneCallOnly(t *testing.T) {
	f := start(t, nil)
	f.engine.fake["boom"] = fakeStatement{query: func(context.Context) (columnar.Stream, error) { panic("boom") }}
	c := f.client()
	_, err := tryQuery(t.Context(), c, "boom")
	wantCode(t, err, codes.Internal, "boom")
	if got := f.query(c, "SELECT 1"); got != "1" {
		t.Errorf("the next statement yields %q", got)
	}
}

func TestErrorsTellWhereAndWhat(t *testing.T) {
	f := start(t, nil)
	c := f.client()
	tests := []struct {
		name, text string
		code       codes.Code
		words      []string
		reason     string
	}{
		{"syntax errors have a caret", "SELECT 1 +", codes.InvalidArgument, []string{"syntax error", "42601"}, "42601"},
		{"unknown tables are not found", "SELECT 1\nFROM nothing", codes.NotFound, []string{"nothing", "LINE 2: FROM nothing\n             ^"}, "42P01"},
		{"unknown columns are told with those there are", "SELECT foo FROM samples", codes.InvalidArgument, []string{"foo", "HINT", "raw_value"}, "42703"},
		{"what is not there yet is unimplemented", "DROP TABLE samples", codes.Unimplemented, []string{"0A000"}, "0A000"},
		{"division by zero is the client's", "SELECT 1/0", codes.InvalidArgument, []string{"division by zero"}, "22012"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tryQuery(t.Context(), c, tt.text)
			wantCode(t, err, tt.code, tt.words...)
			for _, detail := range status.Convert(err).Details() {
				if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetReason() == tt.reason && info.GetDomain() == "trellis" {
					return
				}
			}
			t.Errorf("no ErrorInfo with reason %s: %v", tt.reason, status.Convert(err).Details())
		})
	}
}

// withHeader returns a context whose calls have a header.
func withHeader(ctx context.Context, key, value string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, key, value)
}

// batches is a stream of batches that a function makes.
type batches struct {
	schema *arrow.Schema
	next   func(ctx context.Context, i int) (arrow.RecordBatch, error)
	i      int
	closed atomic.Bool
}

func (b *batches) Schema() *arrow.Schema { return b.schema }

func (b *batches) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if b.closed.Load() {
		return nil, io.EOF
	}
	b.i++
	return b.next(ctx, b.i-1)
}

func (b *batches) Close() error {
	b.closed.Store(true)
	return nil
}
