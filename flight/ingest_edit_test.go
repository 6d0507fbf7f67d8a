package flight

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/flight"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"google.golang.org/grpc/codes"
)

// asEdit gives the first message of a stream options.
func asEdit(options string, messages ...*flight.FlightData) []*flight.FlightData {
	onPath("samples", messages...)[0].AppMetadata = []byte(options)
	return messages
}

func TestAnEditBecomesVisibleWhenItsStreamEnds(t *testing.T) {
	f, c := withSamples(t)
	first := messagesOf(t, samplesBatch("boiler", newYear, 10, 20))
	second := messagesOf(t, samplesBatch("boiler", newYear.AddDate(0, 2, 0), 30))[1]
	p := f.put(t.Context()).send(asEdit(`{"edit": "backfill", "reason": "calibrated", "source": "lab"}`, first...)...)
	if got := p.counts(); got != `{"rows":2,"samples":2,"created":0,"staged":true}` {
		t.Errorf("counts are %s", got)
	}
	p.send(second)
	if got := p.counts(); got != `{"rows":3,"samples":3,"created":0,"staged":true}` {
		t.Errorf("counts are %s", got)
	}
	before := f.query(c, "SELECT count(*), sum(value), count(edit) FROM samples")
	if before != "3|8|0" {
		t.Errorf("while the stream is open there are %s", before)
	}
	if err := p.stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	var made editResult
	if err := json.Unmarshal([]byte(p.counts()), &made); err != nil {
		t.Fatal(err)
	}
	if made.Edit == 0 || made.Snapshot == 0 || made.Inserted != 1 || made.Replaced != 2 {
		t.Errorf("the edit is %+v", made)
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
	if got := f.query(c, "SELECT count(*), sum(value), count(edit) FROM samples"); got != "4|64|3" {
		t.Errorf("after the stream has ended there are %s", got)
	}
	if got := f.query(c, "SELECT kind, reason, source, inserted, replaced, series FROM edits"); got != "backfill|calibrated|lab|1|2|1" {
		t.Errorf("the trail has %s", got)
	}
}

func TestABulkIngestMayBeAnEdit(t *testing.T) {
	f, c := withSamples(t)
	opts := appending("samples")
	opts.Options = map[string]string{"edit": `{"kind": "backfill", "reason": "from the old historian"}`, "source": "tape 7"}
	n, err := ingestBatches(t.Context(), c, opts, samplesBatch("boiler", newYear.AddDate(0, 1, 0), 1, 2), samplesBatch("boiler", newYear.AddDate(0, 2, 0), 3))
	if err != nil || n != 3 {
		t.Fatalf("wrote %d, %v", n, err)
	}
	if got := f.query(c, "SELECT kind, reason, source, inserted FROM edits"); got != "backfill|from the old historian|tape 7|3" {
		t.Errorf("the trail has %s", got)
	}
	ctx := withHeader(withHeader(t.Context(), "x-trellis-edit", "backfill"), "x-trellis-reason", "by header")
	if n, err := ingestBatches(ctx, c, appending("samples"), samplesBatch("boiler", newYear.AddDate(0, 3, 0), 4)); err != nil || n != 1 {
		t.Fatalf("with headers: wrote %d, %v", n, err)
	}
	if got := f.query(c, "SELECT kind, reason, inserted FROM edits ORDER BY id DESC LIMIT 1"); got != "backfill|by header|1" {
		t.Errorf("the trail has %s", got)
	}
}

func TestAnEditThatBreaksOffLeavesNothing(t *testing.T) {
	f, c := withSamples(t)
	good := func() []*flight.FlightData {
		return asEdit(`{"edit": "backfill"}`, messagesOf(t, samplesBatch("boiler", newYear, 10, 20))...)
	}
	nothing := func(name string) {
		t.Helper()
		if got := f.query(c, "SELECT count(*), sum(value), (SELECT count(*) FROM edits) FROM samples"); got != "3|8|0" {
			t.Errorf("%s leaves %s", name, got)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	p := f.put(ctx).send(good()...)
	p.counts()
	cancel()
	wantCode(t, p.end(), codes.Canceled, "")
	time.Sleep(20 * time.Millisecond)
	nothing("a client that goes away")

	p = f.put(t.Context()).send(good()...)
	p.counts()
	p.send(messagesOf(t, samplesBatch("nobody", newYear, 1))[1])
	wantCode(t, p.end(), codes.NotFound, "batch 2: row 1", "nobody")
	nothing("a batch that is refused")

	p = f.put(t.Context()).send(good()...)
	p.counts()
	torn := messagesOf(t, samplesBatch("boiler", newYear.AddDate(0, 2, 0), 1, 2, 3))[1]
	torn.DataBody = torn.DataBody[:8]
	wantCode(t, p.send(torn).end(), codes.InvalidArgument, "malformed")
	nothing("a torn batch")

	opts := appending("samples")
	opts.Options = map[string]string{"edit": "backfill"}
	n, err := ingestBatches(t.Context(), c, opts, samplesBatch("boiler", newYear, 10), samplesBatch("nobody", newYear, 1))
	if wantCode(t, err, codes.NotFound, "nobody"); n > 0 {
		t.Errorf("it told that %d rows are stored", n)
	}
	nothing("a bulk ingest that is refused")

	p = f.put(t.Context()).send(good()...)
	p.counts()
	stop, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := f.server.Shutdown(stop); err != nil {
		t.Error(err)
	}
	wantCode(t, p.end(), codes.Unavailable, "shutting down")
	session := f.engine.NewSession("")
	st, err := f.engine.Prepare(t.Context(), session, "SELECT count(*) FROM edits")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := f.engine.Query(t.Context(), session, st, nil)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := rows.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := batch.Column(0).ValueStr(0); got != "0" {
		t.Errorf("a shutdown leaves %s edits", got)
	}
	batch.Release()
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
}

func TestOptionsOfAnEditAreChecked(t *testing.T) {
	f, _ := withSamples(t)
	for options, words := range map[string]string{
		`{"edit": "overwrite"}`:                        "kind is backfill",
		`{"edit": ""}`:                                 "kind is backfill",
		`{"edit": {"kind": "delete"}}`:                 "kind is backfill",
		`{"edit": {"kind": "backfill", "resaon": ""}}`: "resaon",
		`{"edit": {"kind": 7}}`:                        "kind",
		`{"reason": "calibrated"}`:                     "add the option edit",
		`{"edit": "backfill", "raeson": "calibrated"}`: "raeson",
	} {
		p := f.put(t.Context()).send(asEdit(options, messagesOf(t, samplesBatch("boiler", newYear, 1))...)...)
		wantCode(t, p.end(), codes.InvalidArgument, words)
	}
	series := &pb.CommandStatementIngest{Table: "series", Options: map[string]string{"edit": "backfill"}}
	p := f.put(t.Context()).send(onCommand(t, series, messagesOf(t, samplesBatch("boiler", newYear, 1))...)...)
	wantCode(t, p.end(), codes.InvalidArgument, "of samples, not of series")
}

func TestAnEditOfNothingHasNoID(t *testing.T) {
	f, _ := withSamples(t)
	p := f.put(t.Context()).send(asEdit(`{"edit": "backfill"}`, messagesOf(t, samplesBatch("boiler", newYear))[0])...)
	if err := p.stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if got := p.counts(); got != `{"inserted":0,"replaced":0}` {
		t.Errorf("the edit is %s", got)
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
}

func TestUpdatesOfSamplesArePrepared(t *testing.T) {
	f, c := withSamples(t)
	p, err := c.Prepare(t.Context(), "UPDATE samples SET value = $1 WHERE series = $2 AND time >= $3")
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, field := range p.ParameterSchema().Fields() {
		types = append(types, field.Type.String())
	}
	if got := strings.Join(types, ", "); got != "float64, utf8, timestamp[us, tz=UTC]" || p.DatasetSchema().NumFields() != 0 {
		t.Errorf("parameters are %s, the result has %d columns", got, p.DatasetSchema().NumFields())
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	for _, tt := range []struct {
		text string
		want int64
	}{
		{"UPDATE samples SET value = value * 2 WHERE series = 'boiler'", 3},
		{"CALL flush()", 0},
		{"DELETE FROM samples WHERE series = 'boiler' AND value > 3", 2},
	} {
		if n, err := c.ExecuteUpdate(t.Context(), tt.text); err != nil || n != tt.want {
			t.Errorf("%s: %d, %v; want %d", tt.text, n, err, tt.want)
		}
	}
	if got := f.query(c, "SELECT sum(value) FROM samples"); got != "3" {
		t.Errorf("there is left %s", got)
	}
}
