package flight

import (
	"context"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"google.golang.org/grpc/codes"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar/memory"
)

// withLittleMemory is a server of 256 MiB with 300,000 samples.
func withLittleMemory(t *testing.T) *fixture {
	t.Helper()
	f := startOn(t, func(o *trellis.Options) {
		shares := memory.Share(256 << 20)
		o.Memory, o.QueryMemory, o.Workers = memory.NewParts(shares), shares.Statement, 2
	}, nil)
	f.update(f.client(), "INSERT INTO series (series, type, sample_t) VALUES ('a', 'double', '1 s')",
		"INSERT INTO samples (series, time, value) SELECT 'a', timestamptz '2024-01-01' + interval '1 s' * g, g FROM generate_series(0, 299999) g")
	return f
}

// unread asks for all samples and does not read them but for the first batch.
func (f *fixture) unread() (*flight.Reader, int64) {
	f.t.Helper()
	stream, err := f.plain().DoGet(f.t.Context(), &flight.Ticket{Ticket: []byte("SELECT * FROM samples")})
	if err != nil {
		f.t.Fatal(err)
	}
	reader, err := flight.NewRecordReader(stream)
	if err != nil {
		f.t.Fatal(err)
	}
	if !reader.Next() {
		f.t.Fatal(reader.Err())
	}
	return reader, reader.RecordBatch().NumRows()
}

func TestReadersThatDoNotReadLockNobodyOutAndGoOnLater(t *testing.T) {
	f := withLittleMemory(t)
	c := f.client()
	readers, firsts := make([]*flight.Reader, 20), make([]int64, 20)
	for i := range readers {
		readers[i], firsts[i] = f.unread()
	}
	time.Sleep(2 * pauseAfter)
	for _, text := range []string{
		"SELECT count(*), avg(value) FROM samples", "SELECT 1", "SELECT count(*) FROM samples WHERE value > 7 AND text IS NULL",
		"SELECT value FROM samples ORDER BY value LIMIT 1",
	} {
		began := time.Now()
		f.query(c, text)
		if took := time.Since(began); took > 5*time.Second { // a statement that waits does for a minute
			t.Errorf("%s took %s", text, took)
		}
	}
	for i, r := range readers {
		next := firsts[i]
		for r.Next() {
			times := r.RecordBatch().Column(1).(*array.Timestamp)
			for k := range times.Len() {
				if got := (int64(times.Value(k)) - newYear.UnixMicro()) / 1_000_000; got != next {
					t.Fatalf("reader %d: sample %d comes where %d is expected", i, got, next)
				}
				next++
			}
		}
		if r.Err() != nil || next != 300_000 {
			t.Errorf("reader %d has %d samples, %v", i, next, r.Err())
		}
		r.Release()
	}
}

func TestAReaderThatDoesNotReadForTooLongIsToldSo(t *testing.T) {
	f := withLittleMemory(t)
	ctx := withHeader(t.Context(), "x-trellis-idle-stream-timeout", "300")
	stream, err := f.plain().DoGet(ctx, &flight.Ticket{Ticket: []byte("SELECT * FROM samples")})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(600 * time.Millisecond)
	for err == nil {
		_, err = stream.Recv()
	}
	wantCode(t, err, codes.Aborted, "57P05", "300ms", "idle_stream_timeout")
}

func TestAStatementCutByAShutdownTellsItsClientSo(t *testing.T) {
	f := withLittleMemory(t)
	ended := make(chan error, 2)
	go func() {
		_, err := tryQuery(t.Context(), f.client(), "SELECT count(*) FROM generate_series(1, 100000000000) g")
		ended <- err
	}()
	stream, err := f.plain().DoGet(t.Context(), &flight.Ticket{Ticket: []byte("SELECT * FROM samples")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	go func() { _ = f.server.Shutdown(ctx) }()
	go func() {
		time.Sleep(400 * time.Millisecond)
		var err error
		for err == nil {
			_, err = stream.Recv()
		}
		ended <- err
	}()
	for range 2 {
		wantCode(t, <-ended, codes.Unavailable, "the server is shutting down", "57P01")
	}
}

func TestAHandshakeIsSmallAndSoon(t *testing.T) {
	f := withUsers(t)
	stream, err := f.plain().Handshake(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&flight.HandshakeRequest{Payload: make([]byte, 1<<20)}); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wantCode(t, err, codes.ResourceExhausted, "handshake")
}
