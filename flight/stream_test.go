package flight

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// sent keeps the messages of a stream.
type sent struct{ messages []*flight.FlightData }

func (s *sent) Send(data *flight.FlightData) error {
	s.messages = append(s.messages, proto.Clone(data).(*flight.FlightData))
	return nil
}

func (s *sent) Recv() (*flight.FlightData, error) {
	if len(s.messages) == 0 {
		return nil, io.EOF
	}
	first := s.messages[0]
	s.messages = s.messages[1:]
	return first, nil
}

// numbersBatch returns a batch of numbers from first on, with texts of a length.
func numbersBatch(first, rows, textLen int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, numbersSchema)
	defer b.Release()
	for i := range rows {
		b.Field(0).(*array.Int64Builder).Append(int64(first + i))
		b.Field(1).(*array.StringBuilder).Append(strings.Repeat("x", textLen))
		b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(first + i))
	}
	return b.NewRecordBatch()
}

var numbersSchema = arrow.NewSchema([]arrow.Field{
	{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "time", Type: plan.TimestamptzType, Nullable: true},
}, nil)

var numbersFields = []plan.Field{{Name: "n", Type: plan.Bigint}, {Name: "text", Type: plan.Text}, {Name: "time", Type: plan.Timestamptz}}

// numbers is a stream of batches of the given sizes.
func numbers(textLen int, sizes ...int) *batches {
	first := 0
	return &batches{schema: numbersSchema, next: func(_ context.Context, i int) (arrow.RecordBatch, error) {
		if i == len(sizes) {
			return nil, io.EOF
		}
		first += sizes[i]
		return numbersBatch(first-sizes[i], sizes[i], textLen), nil
	}}
}

func TestBatchesHaveTheRightSizeForTheWire(t *testing.T) {
	many := func(n, size int) []int {
		sizes := make([]int, n)
		for i := range sizes {
			sizes[i] = size
		}
		return sizes
	}
	tests := []struct {
		name    string
		textLen int
		sizes   []int
		out     output
		batches int // 0: any number
	}{
		{"nothing", 0, nil, output{rows: 100}, 0},
		{"empty batches are left out", 0, []int{0, 5, 0}, output{rows: 100}, 1},
		{"small batches are joined", 1, many(20, 10), output{rows: 100}, 2},
		{"large batches are cut", 1, []int{1000}, output{rows: 100}, 10},
		{"small and large ones stay in order", 1, []int{3, 200, 4, 5, 1000, 1}, output{rows: 100}, 0},
		{"many bytes are cut", 5000, []int{3000}, output{rows: defaultBatchRows}, 0},
		{"many bytes are not joined", 50_000, many(50, 20), output{rows: defaultBatchRows}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			total := 0
			for _, n := range tt.sizes {
				total += n
			}
			var to sent
			if err := sendRows(t.Context(), &to, numbers(tt.textLen, tt.sizes...), tt.out); err != nil {
				t.Fatal(err)
			}
			for _, m := range to.messages {
				if size := proto.Size(m); size > 2<<20 {
					t.Errorf("a message has %d bytes", size)
				}
			}
			if tt.batches > 0 && len(to.messages) != tt.batches+1 {
				t.Errorf("%d messages, want %d and the schema", len(to.messages), tt.batches)
			}
			reader, err := flight.NewRecordReader(&to)
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Release()
			row := int64(0)
			for reader.Next() {
				if n := reader.RecordBatch().NumRows(); n > tt.out.rows {
					t.Errorf("a batch has %d rows", n)
				}
				for _, v := range reader.RecordBatch().Column(0).(*array.Int64).Int64Values() {
					if v != row {
						t.Fatalf("row %d holds %d", row, v)
					}
					row++
				}
			}
			if reader.Err() != nil || row != int64(total) {
				t.Errorf("%d rows of %d, %v", row, total, reader.Err())
			}
		})
	}
}

func TestSizeOfABatchIsAboutThatOnTheWire(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		whole := numbersBatch(0, 2000, rng.IntN(60))
		from := rng.Int64N(1000)
		batch := whole.NewSlice(from, from+500+rng.Int64N(500))
		var to sent
		w := flight.NewRecordWriter(&to, ipc.WithSchema(numbersSchema))
		if err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, want := sizeOf(batch), int64(len(to.messages[1].GetDataBody()))
		if got < want-512 || got > want+512 {
			t.Errorf("size is %d, on the wire %d", got, want)
		}
		batch.Release()
		whole.Release()
	}
}

func TestOutputFollowsTheSettings(t *testing.T) {
	f := start(t, nil)
	f.engine.fake["numbers"] = fakeStatement{numbersFields, func(context.Context) (columnar.Stream, error) { return numbers(30, 5000, 5000), nil }}
	c := f.client()
	fetchWith := func(header, value string) (rows []string, schema *arrow.Schema, bytes int) {
		ctx := withHeader(t.Context(), header, value)
		info, err := c.Execute(ctx, "numbers")
		if err != nil {
			t.Fatal(err)
		}
		plainStream, err := f.plain().DoGet(t.Context(), info.GetEndpoint()[0].GetTicket()) // the ticket holds the settings
		if err != nil {
			t.Fatal(err)
		}
		var all sent
		for {
			m, err := plainStream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			bytes += len(m.GetDataBody())
			all.messages = append(all.messages, m)
		}
		reader, err := flight.NewRecordReader(&all)
		if err != nil {
			t.Fatal(err)
		}
		schema = reader.Schema()
		told, err := flight.DeserializeSchema(info.GetSchema(), memory.DefaultAllocator)
		if err != nil || !told.Equal(schema) {
			t.Errorf("%s: the FlightInfo tells the schema %v, %v; rows have %v", value, told, err, schema)
		}
		if rows, err = drain(reader); err != nil {
			t.Fatal(err)
		}
		return rows, schema, bytes
	}
	want, _, plainBytes := fetchWith("x-trellis-timezone", "UTC")
	for _, codec := range []string{"zstd", "LZ4"} {
		rows, _, n := fetchWith("x-trellis-compression", codec)
		if n >= plainBytes/2 {
			t.Errorf("%s: %d bytes, without compression %d", codec, n, plainBytes)
		}
		if strings.Join(rows, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: other rows", codec)
		}
	}
	_, schema, _ := fetchWith("x-trellis-timestamps", "naive")
	if got := schema.Field(2).Type.(*arrow.TimestampType).TimeZone; got != "" {
		t.Errorf("naive timestamps have the zone %s", got)
	}
	ctx := withHeader(t.Context(), "x-trellis-batch-rows", "100")
	reader, err := c.DoGet(ctx, &flight.Ticket{Ticket: []byte("numbers")})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Release()
	for reader.Next() {
		if n := reader.RecordBatch().NumRows(); n != 100 {
			t.Errorf("a batch has %d rows", n)
		}
	}
}

// endless is a stream without end that counts the batches it was asked for.
func endless(made *atomic.Int64, ended chan<- struct{}) func(context.Context) (columnar.Stream, error) {
	return func(run context.Context) (columnar.Stream, error) {
		s := &batches{schema: numbersSchema, next: func(ctx context.Context, i int) (arrow.RecordBatch, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			made.Add(1)
			return numbersBatch(i, 40_000, 10), nil
		}}
		context.AfterFunc(run, func() { ended <- struct{}{} })
		return s, nil
	}
}

func TestASlowClientSlowsTheEngine(t *testing.T) {
	f := start(t, nil)
	var made atomic.Int64
	ended := make(chan struct{}, 1)
	f.engine.fake["endless"] = fakeStatement{numbersFields, endless(&made, ended)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := f.plain().DoGet(ctx, &flight.Ticket{Ticket: []byte("endless")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	for last := int64(-1); made.Load() != last; time.Sleep(50 * time.Millisecond) {
		last = made.Load()
	}
	if n := made.Load(); n > 8 {
		t.Errorf("%d batches were made for a client that reads none", n)
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the statement outlives its client")
	}
	n := made.Load()
	time.Sleep(20 * time.Millisecond)
	if made.Load() > n+1 {
		t.Error("batches are made for nobody")
	}
}

func TestStatementsAreCancelledThroughTheirFlightInfo(t *testing.T) {
	f := start(t, nil)
	var made atomic.Int64
	ended := make(chan struct{}, 1)
	f.engine.fake["endless"] = fakeStatement{numbersFields, endless(&made, ended)}
	c := f.client()
	info, err := c.Execute(t.Context(), "endless")
	if err != nil {
		t.Fatal(err)
	}
	request := &flight.CancelFlightInfoRequest{Info: info}
	if result, err := c.CancelFlightInfo(t.Context(), request); err != nil || result.Status != flight.CancelStatusNotCancellable {
		t.Errorf("before it runs: %v, %v", result.Status, err)
	}
	reader, err := c.DoGet(t.Context(), info.GetEndpoint()[0].GetTicket())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Release()
	if !reader.Next() {
		t.Fatal(reader.Err())
	}
	if result, err := c.CancelFlightInfo(t.Context(), request); err != nil || result.Status != flight.CancelStatusCancelled {
		t.Errorf("while it runs: %v, %v", result.Status, err)
	}
	for reader.Next() {
		if made.Load() > 1000 {
			t.Fatal("it runs on")
		}
	}
	wantCode(t, reader.Err(), codes.Canceled, "cancelled by its client")
	<-ended
	if len(f.server.running.byID) != 0 {
		t.Error("the run is still listed")
	}
	_, err = c.CancelFlightInfo(t.Context(), &flight.CancelFlightInfoRequest{Info: &flight.FlightInfo{Endpoint: []*flight.FlightEndpoint{{}}}})
	wantCode(t, err, codes.InvalidArgument)
}

func TestErrorsInTheMiddleReachTheClient(t *testing.T) {
	f := start(t, nil)
	tests := []struct {
		err  error
		code codes.Code
	}{
		{plan.Errorf(3, "22012", "division by zero"), codes.InvalidArgument},
		{fmt.Errorf("segment 7: block 2: %w", columnar.ErrCorrupt), codes.DataLoss},
		{errors.New("surprise"), codes.Internal},
	}
	for _, tt := range tests {
		f.engine.fake["middle"] = fakeStatement{numbersFields, func(context.Context) (columnar.Stream, error) {
			return &batches{schema: numbersSchema, next: func(_ context.Context, i int) (arrow.RecordBatch, error) {
				if i == 1 {
					return nil, tt.err
				}
				return numbersBatch(0, defaultBatchRows, 0), nil
			}}, nil
		}}
		_, err := tryQuery(t.Context(), f.client(), "middle")
		if status.Code(err) != tt.code || !strings.Contains(err.Error(), tt.err.Error()[:8]) {
			t.Errorf("%v arrives as %v", tt.err, err)
		}
	}
}
