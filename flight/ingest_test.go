package flight

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// appending are the options of an ingest that appends.
func appending(table string) *flightsql.ExecuteIngestOpts {
	return &flightsql.ExecuteIngestOpts{
		Table: table,
		TableDefinitionOptions: &flightsql.TableDefinitionOptions{
			IfNotExist: pb.CommandStatementIngest_TableDefinitionOptions_TABLE_NOT_EXIST_OPTION_FAIL,
			IfExists:   pb.CommandStatementIngest_TableDefinitionOptions_TABLE_EXISTS_OPTION_APPEND,
		},
	}
}

// ingestBatches sends batches as one bulk ingestion.
func ingestBatches(ctx context.Context, c *flightsql.Client, opts *flightsql.ExecuteIngestOpts, list ...arrow.RecordBatch) (int64, error) {
	reader, err := array.NewRecordReader(list[0].Schema(), list)
	if err != nil {
		return 0, err
	}
	defer reader.Release()
	return c.ExecuteIngest(ctx, reader, opts)
}

func TestBulkIngestAppendsSamples(t *testing.T) {
	f, c := withSamples(t)
	n, err := ingestBatches(t.Context(), c, appending("samples"), samplesBatch("boiler", newYear.AddDate(0, 1, 0), 1, 2, 3), samplesBatch("boiler", newYear.AddDate(0, 2, 0), 4))
	if err != nil || n != 4 {
		t.Fatalf("wrote %d, %v", n, err)
	}
	if got := f.query(c, "SELECT count(*), sum(value) FROM samples WHERE time >= '2024-02-01'"); got != "4|10" {
		t.Errorf("there are %s", got)
	}
}

func TestIngestErrorsNameTheBatchAndTheRow(t *testing.T) {
	f, c := withSamples(t)
	bad := samplesBatch("nobody", newYear, 1)
	n, err := ingestBatches(t.Context(), c, appending("samples"), samplesBatch("boiler", newYear.AddDate(0, 1, 0), 1, 2), bad, samplesBatch("boiler", newYear.AddDate(0, 2, 0), 3))
	wantCode(t, err, codes.NotFound, "batch 2: row 1", "nobody", "template")
	if got := f.query(c, "SELECT count(*) FROM samples WHERE time >= '2024-02-01'"); got != "2" {
		t.Errorf("%s samples are there of an ingest that broke off after 2 (it told %d)", got, n)
	}
}

func TestIngestOptions(t *testing.T) {
	f, c := withSamples(t)
	local := func() arrow.RecordBatch { // tag, time without zone, value
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
			{Name: "tag", Type: arrow.BinaryTypes.String},
			{Name: "time", Type: &arrow.TimestampType{Unit: arrow.Second}},
			{Name: "value", Type: arrow.PrimitiveTypes.Float64},
		}, nil))
		defer b.Release()
		b.Field(0).(*array.StringBuilder).Append("pump")
		b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(newYear.Unix()))
		b.Field(2).(*array.Float64Builder).Append(7)
		return b.NewRecordBatch()
	}
	opts := appending("samples")
	opts.Options = map[string]string{
		"zone":     "America/Santiago",
		"template": `{"type": "double", "sample_t": "1 minute", "unit": "bar", "labels": {"site": "north"}}`,
		"columns":  `{"tag": "series"}`,
	}
	if n, err := ingestBatches(t.Context(), c, opts, local()); err != nil || n != 1 {
		t.Fatalf("wrote %d, %v", n, err)
	}
	want := "pump|2024-01-01T03:00:00Z|7"
	if got := f.query(c, "SELECT series, time, value FROM samples WHERE series = 'pump'"); got != want {
		t.Errorf("there is %s, want %s", got, want)
	}
	if got := f.query(c, "SELECT unit, labels->>'site' FROM series WHERE series = 'pump'"); got != "bar|north" {
		t.Errorf("the series made from the template has %s", got)
	}

	ctx := withHeader(withHeader(t.Context(), "x-trellis-columns", `{"tag": "series"}`), "x-trellis-timezone", "Europe/Berlin")
	if n, err := ingestBatches(ctx, c, appending("samples"), local()); err != nil || n != 1 {
		t.Fatalf("with headers: wrote %d, %v", n, err)
	}
	if got := f.query(c, "SELECT min(time) FROM samples WHERE series = 'pump'"); got != "2023-12-31T23:00:00Z" {
		t.Errorf("in the session's zone the stamp is %s", got)
	}

	for options, words := range map[string]string{
		`{"zone": "Mars/Base"}`:          "Mars/Base",
		`{"template": "{"}`:              "not a JSON object",
		`{"template": "{\"colour\":1}"}`: "colour",
		`{"columns": "x"}`:               "not a JSON object",
		`{"tabel": "x"}`:                 "tabel",
	} {
		opts := appending("samples")
		if err := json.Unmarshal([]byte(options), &opts.Options); err != nil {
			t.Fatal(err)
		}
		if _, err := ingestBatches(t.Context(), c, opts, local()); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", options, err)
		}
	}
}

func TestBulkIngestMakesSeries(t *testing.T) {
	f, c := withSamples(t)
	text := arrow.BinaryTypes.String
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "tag", Type: text}, {Name: "type", Type: text}, {Name: "sample_t", Type: text}, {Name: "labels", Type: text, Nullable: true},
	}, nil))
	defer b.Release()
	for _, name := range []string{"a", "b"} {
		b.Field(0).(*array.StringBuilder).Append(name)
		b.Field(1).(*array.StringBuilder).Append("integer")
		b.Field(2).(*array.StringBuilder).Append("1 min")
		b.Field(3).(*array.StringBuilder).Append(`{"of": "` + name + `"}`)
	}
	batch := b.NewRecordBatch()
	opts := appending("series")
	opts.Options = map[string]string{"columns": `{"tag": "series"}`}
	if n, err := ingestBatches(t.Context(), c, opts, batch); err != nil || n != 2 {
		t.Fatalf("wrote %d, %v", n, err)
	}
	if got := f.query(c, "SELECT series, type, labels->>'of' FROM series WHERE type = 'integer' ORDER BY 1"); got != "a|integer|a\nb|integer|b" {
		t.Errorf("series are %q", got)
	}
	_, err := ingestBatches(t.Context(), c, opts, batch)
	wantCode(t, err, codes.AlreadyExists, "batch 1")
	_, err = ingestBatches(t.Context(), c, appending("series"), batch)
	wantCode(t, err, codes.InvalidArgument, "tag")
}

func TestBulkIngestRefusesWhatItCannotDo(t *testing.T) {
	_, c := withSamples(t)
	schema, catalog := "system", "other"
	tests := []struct {
		name   string
		change func(o *flightsql.ExecuteIngestOpts)
		code   codes.Code
		words  string
	}{
		{"a table that is not there", func(o *flightsql.ExecuteIngestOpts) { o.Table = "orders" }, codes.NotFound, "samples and series"},
		{"a table to be made", func(o *flightsql.ExecuteIngestOpts) {
			o.TableDefinitionOptions.IfExists = pb.CommandStatementIngest_TableDefinitionOptions_TABLE_EXISTS_OPTION_FAIL
		}, codes.AlreadyExists, "append"},
		{"a table to be replaced", func(o *flightsql.ExecuteIngestOpts) {
			o.TableDefinitionOptions.IfExists = pb.CommandStatementIngest_TableDefinitionOptions_TABLE_EXISTS_OPTION_REPLACE
		}, codes.Unimplemented, "append"},
		{"a temporary table", func(o *flightsql.ExecuteIngestOpts) { o.Temporary = true }, codes.Unimplemented, "temporary"},
		{"another schema", func(o *flightsql.ExecuteIngestOpts) { o.Schema = &schema }, codes.FailedPrecondition, "public"},
		{"another catalog", func(o *flightsql.ExecuteIngestOpts) { o.Catalog = &catalog }, codes.NotFound, "trellis"},
		{"a transaction", func(o *flightsql.ExecuteIngestOpts) { o.TransactionId = []byte{1} }, codes.Unimplemented, "autocommit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opts := appending("samples")
			tt.change(opts)
			_, err := ingestBatches(t.Context(), c, opts, samplesBatch("boiler", newYear, 1))
			wantCode(t, err, tt.code, tt.words)
		})
	}
}

// putter writes messages of a stream and reads the answers.
type putter struct {
	t      *testing.T
	stream flight.FlightService_DoPutClient
}

func (f *fixture) put(ctx context.Context) *putter {
	f.t.Helper()
	stream, err := f.plain().DoPut(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	return &putter{f.t, stream}
}

// send writes messages. The server may have ended the call before: the answer tells.
func (p *putter) send(messages ...*flight.FlightData) *putter {
	p.t.Helper()
	for _, m := range messages {
		if err := p.stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
			p.t.Fatal(err)
		}
	}
	return p
}

// counts reads one answer.
func (p *putter) counts() string {
	p.t.Helper()
	result, err := p.stream.Recv()
	if err != nil {
		p.t.Fatal(err)
	}
	return string(result.GetAppMetadata())
}

// end ends the stream and returns what the call ended with; nil for success.
func (p *putter) end() error {
	p.t.Helper()
	if err := p.stream.CloseSend(); err != nil {
		p.t.Fatal(err)
	}
	for {
		if _, err := p.stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// onPath gives the first of messages a path as descriptor.
func onPath(path string, messages ...*flight.FlightData) []*flight.FlightData {
	messages[0].FlightDescriptor = &flight.FlightDescriptor{Type: flight.DescriptorPATH, Path: []string{path}}
	return messages
}

// onCommand gives the first of messages a command as descriptor.
func onCommand(t *testing.T, cmd proto.Message, messages ...*flight.FlightData) []*flight.FlightData {
	t.Helper()
	var any anypb.Any
	if err := any.MarshalFrom(cmd); err != nil {
		t.Fatal(err)
	}
	raw, err := proto.Marshal(&any)
	if err != nil {
		t.Fatal(err)
	}
	messages[0].FlightDescriptor = &flight.FlightDescriptor{Type: flight.DescriptorCMD, Cmd: raw}
	return messages
}

func TestPlainPutAnswersEveryBatch(t *testing.T) {
	f, c := withSamples(t)
	p := f.put(t.Context())
	p.send(onPath("samples", messagesOf(t, samplesBatch("boiler", newYear.AddDate(0, 1, 0), 1, 2))...)...)
	if got := p.counts(); got != `{"rows":2,"samples":2,"created":0}` {
		t.Errorf("counts are %s", got)
	}
	if got := f.query(c, "SELECT count(*) FROM samples WHERE time >= '2024-02-01'"); got != "2" {
		t.Errorf("%s of 2 acknowledged samples are there while the stream is open", got)
	}
	p.send(messagesOf(t, samplesBatch("boiler", newYear.AddDate(0, 2, 0), 3))[1])
	if got := p.counts(); got != `{"rows":3,"samples":3,"created":0}` {
		t.Errorf("counts are %s", got)
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
}

func TestPlainPutTakesOptionsFromTheFirstMessage(t *testing.T) {
	f, c := withSamples(t)
	messages := onPath("samples", messagesOf(t, samplesBatch("new", newYear, 1, 2))...)
	messages[0].AppMetadata = []byte(`{"template": {"type": "double", "sample_t": "1s"}}`)
	p := f.put(t.Context()).send(messages...)
	if got := p.counts(); got != `{"rows":2,"samples":2,"created":1}` {
		t.Errorf("counts are %s", got)
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	if got := f.query(c, "SELECT count(*) FROM samples WHERE series = 'new'"); got != "2" {
		t.Errorf("there are %s samples", got)
	}
}

func TestPutRefusesWhatIsMalformed(t *testing.T) {
	f, c := withSamples(t)
	good := func() []*flight.FlightData {
		return messagesOf(t, samplesBatch("boiler", newYear.AddDate(1, 0, 0), 1, 2, 3))
	}
	compressed := messagesOf(t, samplesBatch("boiler", newYear.AddDate(1, 0, 0), make([]float64, 1000)...), ipc.WithZstd())
	binary.LittleEndian.PutUint64(compressed[1].DataBody, 400<<30)
	withCommand := good()
	withCommand[0].FlightDescriptor = &flight.FlightDescriptor{Type: flight.DescriptorCMD, Cmd: []byte("no command")}
	options := onPath("samples", good()...)
	options[0].AppMetadata = []byte("{")
	torn := onPath("samples", good()...)
	torn[1].DataBody = torn[1].DataBody[:8]
	tests := []struct {
		name     string
		messages []*flight.FlightData
		words    string
	}{
		{"no message at all", nil, "stream is empty"},
		{"no descriptor", good(), "descriptor"},
		{"a descriptor that is no command", withCommand, "command"},
		{"a path of two parts", []*flight.FlightData{{FlightDescriptor: &flight.FlightDescriptor{Type: flight.DescriptorPATH, Path: []string{"a", "b"}}}}, "2 parts"},
		{"options that are no JSON", options, "JSON"},
		{"a batch without schema", onPath("samples", good()[1:]...), "schema"},
		{"a torn batch", torn, "malformed"},
		{"a buffer that claims 400 GiB", onPath("samples", compressed...), "more bytes"},
		{"noise", onPath("samples", &flight.FlightData{DataHeader: []byte(strings.Repeat("noise", 20))}), "malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantCode(t, f.put(t.Context()).send(tt.messages...).end(), codes.InvalidArgument, tt.words)
		})
	}
	wantCode(t, f.put(t.Context()).send(onPath("orders", good()...)...).end(), codes.NotFound, "samples and series")
	if got := f.query(c, "SELECT count(*) FROM samples"); got != "3" {
		t.Errorf("there are %s samples, want those from before", got)
	}
}

func TestPutOfNothingIsNothing(t *testing.T) {
	f, _ := withSamples(t)
	messages := onPath("samples", messagesOf(t, samplesBatch("boiler", newYear))[0])
	if err := f.put(t.Context()).send(messages...).end(); err != nil {
		t.Error(err)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	f := start(t, func(o *Options) { o.MaxMessage = 64 << 10 })
	c := f.client()
	f.update(c, "INSERT INTO series (series, type, sample_t) VALUES ('boiler', 'double', '1s')")
	_, err := ingestBatches(t.Context(), c, appending("samples"), samplesBatch("boiler", newYear, make([]float64, 10_000)...))
	wantCode(t, err, codes.ResourceExhausted, "more than the 65536", "--memory-limit")
	if got := f.query(c, "SELECT count(*) FROM samples"); got != "0" {
		t.Errorf("there are %s samples", got)
	}
}

func TestAClientThatGoesAwayLeavesWhatWasAcknowledged(t *testing.T) {
	f, c := withSamples(t)
	ctx, cancel := context.WithCancel(t.Context())
	p := f.put(ctx)
	p.send(onPath("samples", messagesOf(t, samplesBatch("boiler", newYear.AddDate(0, 1, 0), 1, 2))...)...)
	if got := p.counts(); got != `{"rows":2,"samples":2,"created":0}` {
		t.Fatalf("counts are %s", got)
	}
	cancel()
	time.Sleep(20 * time.Millisecond)
	if got := f.query(c, "SELECT count(*) FROM samples WHERE time >= '2024-02-01'"); got != "2" {
		t.Errorf("there are %s samples", got)
	}
}

func TestExchangeAndFlightsAreNotServed(t *testing.T) {
	f := start(t, nil)
	exchange, err := f.plain().DoExchange(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = exchange.Recv()
	wantCode(t, err, codes.Unimplemented, "DoPut")
	flights, err := f.plain().ListFlights(t.Context(), &flight.Criteria{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = flights.Recv()
	wantCode(t, err, codes.Unimplemented, "CommandGetTables")
}
