package flight

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/plan"
)

// benchRows is how many rows of (time, value) a benchmark's stream has.
const benchRows = 10 << 20

// benchBatch returns a batch of times and values.
func benchBatch(rows int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "time", Type: plan.TimestamptzType, Nullable: true}, {Name: "value", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	}, nil))
	defer b.Release()
	for i := range rows {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(i))
		b.Field(1).(*array.Float64Builder).Append(float64(i))
	}
	return b.NewRecordBatch()
}

// repeated is a stream of one batch, again and again.
func repeated(batch arrow.RecordBatch) *batches {
	return &batches{schema: batch.Schema(), next: func(_ context.Context, i int) (arrow.RecordBatch, error) {
		if int64(i)*batch.NumRows() >= benchRows {
			return nil, io.EOF
		}
		batch.Retain()
		return batch, nil
	}}
}

// benchEngine is an engine that answers everything with a stream.
type benchEngine struct {
	Engine
	batch arrow.RecordBatch
}

func (e *benchEngine) NewSession(user string) *engine.Session {
	return engine.New(engine.Options{}).NewSession(user)
}

func (e *benchEngine) Prepare(_ context.Context, _ *engine.Session, text string) (*engine.Statement, error) {
	return &engine.Statement{Text: text, Fields: []plan.Field{{Name: "time", Type: plan.Timestamptz}, {Name: "value", Type: plan.Double}}}, nil
}

func (e *benchEngine) Query(context.Context, *engine.Session, *engine.Statement, []plan.Literal) (columnar.Stream, error) {
	return repeated(e.batch), nil
}

// libraryServer sends a stream with nothing but the library.
type libraryServer struct {
	flight.BaseFlightServer
	batch arrow.RecordBatch
}

func (s *libraryServer) DoGet(_ *flight.Ticket, stream flight.FlightService_DoGetServer) error {
	in := repeated(s.batch)
	w := flight.NewRecordWriter(stream, ipc.WithSchema(in.Schema()))
	for {
		batch, err := in.Next(stream.Context())
		if errors.Is(err, io.EOF) {
			return w.Close()
		}
		if err := w.Write(batch); err != nil {
			return err
		}
		batch.Release()
	}
}

// benchFetch fetches the stream of a server once a round. The client counts bytes and
// decodes nothing.
func benchFetch(b *testing.B, addr string) {
	client, err := flight.NewClientWithMiddleware(addr, nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	bytes := 0
	for b.Loop() {
		stream, err := client.DoGet(b.Context(), &flight.Ticket{Ticket: []byte("x")})
		if err != nil {
			b.Fatal(err)
		}
		for bytes = 0; ; {
			m, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			bytes += len(m.GetDataBody())
		}
	}
	if bytes < benchRows*16 {
		b.Fatalf("%d bytes came", bytes)
	}
	b.SetBytes(int64(bytes))
	b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkDoGet(b *testing.B) {
	for name, rows := range map[string]int{"block 3600": 3600, "batch 65536": 65536} {
		batch := benchBatch(rows)
		lis, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		s, err := New(Options{Engine: &benchEngine{batch: batch}, Clock: func() int64 { return 0 }})
		if err != nil {
			b.Fatal(err)
		}
		go func() { _ = s.Serve(lis) }()
		b.Run("trellis/"+name, func(b *testing.B) { benchFetch(b, lis.Addr().String()) })
		if err := s.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
		stock := flight.NewServerWithMiddleware(nil)
		if err := stock.Init("127.0.0.1:0"); err != nil {
			b.Fatal(err)
		}
		stock.RegisterFlightService(&libraryServer{batch: batch})
		go func() { _ = stock.Serve() }()
		b.Run("library/"+name, func(b *testing.B) { benchFetch(b, stock.Addr().String()) })
		stock.Shutdown()
		batch.Release()
	}
}

// BenchmarkDoPut writes the same samples over and over: of four series, in batches of
// 65,536 rows, which are 2.6 MB.
func BenchmarkDoPut(b *testing.B) {
	clock := func() int64 { return someInstant }
	db, err := trellis.Open(b.Context(), trellis.Options{Dir: b.TempDir(), Clock: clock})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close(context.Background()) }()
	s, err := New(Options{Engine: db.Engine, Clock: clock})
	if err != nil {
		b.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = s.Serve(lis) }()
	defer func() { _ = s.Shutdown(context.Background()) }()
	client, err := flight.NewClientWithMiddleware(lis.Addr().String(), nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	stream, err := client.DoPut(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	fields := []arrow.Field{{Name: "time", Type: plan.TimestamptzType}}
	for _, name := range []string{"a", "b", "c", "d"} {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Float64})
	}
	r := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer r.Release()
	for i := range 1 << 16 {
		r.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(i) * 1_000_000)
		for c := range 4 {
			r.Field(c + 1).(*array.Float64Builder).Append(float64(i % 100))
		}
	}
	batch := r.NewRecordBatch()
	defer batch.Release()
	messages := messagesOf(b, batch)
	messages[0].FlightDescriptor = &flight.FlightDescriptor{Type: flight.DescriptorPATH, Path: []string{"samples"}}
	messages[0].AppMetadata = []byte(`{"template": {"type": "double", "sample_t": "1 s"}}`)
	if err := stream.Send(messages[0]); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(messages[1].GetDataBody())))
	for b.Loop() {
		if err := stream.Send(messages[1]); err != nil {
			b.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			b.Fatal(err)
		}
	}
}
