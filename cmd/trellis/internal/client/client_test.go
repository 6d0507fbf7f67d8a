package client

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/flight"
)

func now() int64 { return time.Now().UnixMicro() }

// doors returns a connection to a new database through each of the doors.
func doors(t *testing.T) map[string]Conn {
	t.Helper()
	inside, err := OpenDir(t.Context(), trellis.Options{Dir: t.TempDir(), Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Conn{"embedded": inside, "remote": connect(t)}
	t.Cleanup(func() {
		for name, conn := range out {
			if err := conn.Close(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	return out
}

// connect starts a server and connects to it.
func connect(t *testing.T) Conn {
	t.Helper()
	db, err := trellis.Open(t.Context(), trellis.Options{Dir: t.TempDir(), Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	server, err := flight.New(flight.Options{Engine: db.Engine, Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(lis) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := errors.Join(server.Shutdown(ctx), <-served, db.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	conn, err := Connect(Server{Address: lis.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// rows runs a statement and returns its rows as text.
func rows(t *testing.T, conn Conn, statement string, params arrow.RecordBatch) (out []string) {
	t.Helper()
	result, err := conn.Run(t.Context(), statement, params)
	if err != nil {
		t.Fatal(err)
	}
	if result.Rows == nil {
		return nil
	}
	for {
		batch, err := result.Rows.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(batch.NumRows()) {
			var row []string
			for _, col := range batch.Columns() {
				row = append(row, col.ValueStr(i))
			}
			out = append(out, strings.Join(row, " "))
		}
		batch.Release()
	}
	if err := result.Rows.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// samples is a long batch of the series a, one sample a second.
func samples(name string, from, n int, status bool) arrow.RecordBatch {
	fields := []arrow.Field{
		{Name: "series", Type: arrow.BinaryTypes.String}, {Name: "time", Type: arrow.FixedWidthTypes.Timestamp_us}, {Name: "value", Type: arrow.PrimitiveTypes.Float64},
	}
	if status {
		fields = append(fields, arrow.Field{Name: "status", Type: arrow.PrimitiveTypes.Uint32})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	for i := from; i < from+n; i++ {
		b.Field(0).(*array.StringBuilder).Append(name)
		b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(i) * 1_000_000)
		b.Field(2).(*array.Float64Builder).Append(float64(i))
		if status {
			b.Field(3).(*array.Uint32Builder).Append(0x4000_0000)
		}
	}
	return b.NewRecordBatch()
}

const makeSeries = "INSERT INTO series (series, type, sample_t) VALUES ('a', 'double', '1 second')"

func TestBothDoorsAnswerAlike(t *testing.T) {
	params := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "$1", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "$2", Type: arrow.BinaryTypes.String, Nullable: true}}, nil))
	params.Field(0).(*array.StringBuilder).Append("41")
	params.Field(1).AppendNull()
	values := params.NewRecordBatch()
	for name, conn := range doors(t) {
		if got := rows(t, conn, "SELECT $1::bigint + 1, $2::text IS NULL", values); !slices.Equal(got, []string{"42 true"}) {
			t.Errorf("%s: parameters give %q", name, got)
		}
		result, err := conn.Run(t.Context(), makeSeries, nil)
		if err != nil || result.Rows != nil || result.Changed != 1 {
			t.Errorf("%s: an update gives %+v, %v", name, result, err)
		}
		rows(t, conn, "SET timezone = 'Asia/Tokyo'", nil)
		if got := rows(t, conn, "SHOW timezone", nil); !slices.Equal(got, []string{"Asia/Tokyo"}) {
			t.Errorf("%s: the session has the zone %q", name, got)
		}
		var mistake *StatementError
		_, err = conn.Run(t.Context(), "SELECT valu FROM samples", nil)
		if !errors.As(err, &mistake) || !strings.Contains(mistake.Shown, "\nLINE 1: SELECT valu FROM samples\n               ^") {
			t.Errorf("%s: a mistake is %v", name, err)
		}
		if _, err := conn.Run(t.Context(), makeSeries, nil); !errors.As(err, &mistake) || !strings.Contains(mistake.Shown, "already exists") {
			t.Errorf("%s: a series made twice is %v", name, err)
		}
	}
}

func TestBatchesOfSeveralSchemasAreTakenIn(t *testing.T) {
	for name, conn := range doors(t) {
		rows(t, conn, makeSeries, nil)
		in, err := conn.Ingest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			if err := in.Write(samples("a", i*100, 100, i%3 == 0)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if err := in.Close(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := in.Durable(); got != 2000 {
			t.Errorf("%s: %d samples are durable, want 2000", name, got)
		}
		if got := rows(t, conn, "SELECT count(*), sum(value), count(*) FILTER (WHERE quality = 'uncertain') FROM samples", nil); !slices.Equal(got, []string{"2000 1.999e+06 700"}) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestABatchThatIsRefusedIsAnErrorThatSaysWhy(t *testing.T) {
	for name, conn := range doors(t) {
		rows(t, conn, makeSeries, nil)
		in, err := conn.Ingest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = in.Write(samples("a", 0, 10, false))
		for i := 0; err == nil && i < 1000; i++ {
			err = in.Write(samples("nobody", 0, 10, false))
		}
		if closed := in.Close(); err == nil {
			err = closed
		}
		if err == nil || !strings.Contains(err.Error(), `series "nobody" does not exist`) {
			t.Errorf("%s: %v", name, err)
		}
		if got := in.Durable(); got != 10 {
			t.Errorf("%s: %d samples are durable, want 10", name, got)
		}
	}
}

func TestABackfillIsOneEditOrNothing(t *testing.T) {
	for name, conn := range doors(t) {
		rows(t, conn, makeSeries, nil)
		write := func(n int) Backfill {
			t.Helper()
			in, err := conn.Backfill(t.Context(), "Prüfung", "lab")
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for i := range n {
				if err := in.Write(samples("a", i*100, 100, false)); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			return in
		}
		if err := write(5).Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := rows(t, conn, "SELECT count(*), (SELECT count(*) FROM edits) FROM samples", nil); !slices.Equal(got, []string{"0 0"}) {
			t.Errorf("%s: one that is closed leaves %q", name, got)
		}
		in := write(5)
		made, err := in.Commit()
		if err != nil || made.ID == 0 || made.Inserted != 500 || made.Replaced != 0 || in.Durable() != 500 {
			t.Errorf("%s: it made %+v of %d samples, %v", name, made, in.Durable(), err)
		}
		if err := in.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := rows(t, conn, "SELECT count(*), count(edit), (SELECT reason || source FROM edits) FROM samples", nil); !slices.Equal(got, []string{"500 500 Prüfunglab"}) {
			t.Errorf("%s: it leaves %q", name, got)
		}
		in = write(0)
		if made, err := in.Commit(); err != nil || made != (Edited{}) {
			t.Errorf("%s: an edit of nothing is %+v, %v", name, made, err)
		}
		if err := in.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAResultEndsWithItsContext(t *testing.T) {
	for name, conn := range doors(t) {
		ctx, cancel := context.WithCancel(t.Context())
		result, err := conn.Run(ctx, "SELECT a, b FROM generate_series(1, 2000000) a, generate_series(1, 1000) b", nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		cancel()
		for n := 0; err == nil; n++ {
			var batch arrow.RecordBatch
			if batch, err = result.Rows.Next(ctx); err == nil {
				batch.Release()
			}
			if n > 1000 {
				t.Fatalf("%s: the rows go on after the context has ended", name)
			}
		}
		if errors.Is(err, io.EOF) {
			t.Errorf("%s: a cancelled result looks whole", name)
		}
		if err := result.Rows.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAddressesAreChecked(t *testing.T) {
	for address, want := range map[string]string{
		"nowhere": "write grpc://host:port", "http://a:1": "there is no scheme http", "grpc://": "write grpc://host:port", "grpc://host": "write grpc://host:port",
	} {
		if _, err := Connect(Server{Address: address}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
	if _, err := Connect(Server{Address: "grpc+tls://a:1", CA: "/nowhere"}); err == nil {
		t.Error("certificates that are not there are trusted")
	}
}
