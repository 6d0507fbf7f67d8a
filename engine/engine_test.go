package engine_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/ingest"
	"github.com/trellisdb/trellis/engine/plan"
)

const testNow = 1_717_243_200_000_000 // 2024-06-01T12:00:00Z

func open(t *testing.T) *engine.Engine {
	t.Helper()
	db, err := trellis.Open(t.Context(), trellis.Options{Dir: t.TempDir(), Clock: func() int64 { return testNow }, Workers: 2, Seed: 7, QueryMemory: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return db.Engine
}

func exec(t *testing.T, e *engine.Engine, s *engine.Session, text string) {
	t.Helper()
	st, err := e.Prepare(t.Context(), s, text)
	if err == nil {
		_, err = e.Exec(t.Context(), s, st, nil)
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// query returns the rows of a statement as text, a line each.
func query(t *testing.T, e *engine.Engine, s *engine.Session, text string, params ...plan.Literal) (string, error) {
	t.Helper()
	st, err := e.Prepare(t.Context(), s, text)
	if err != nil {
		return "", err
	}
	stream, err := e.Query(t.Context(), s, st, params)
	if err != nil {
		return "", err
	}
	defer func() {
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
	}()
	var b strings.Builder
	for {
		batch, err := stream.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
		for i := range int(batch.NumRows()) {
			for k, f := range st.Fields {
				v, err := eval.FromArray(batch.Column(k), f.Type)
				if err != nil {
					return "", err
				}
				if k > 0 {
					b.WriteString("|")
				}
				if l := v.Literal(i); l.Value != nil {
					b.WriteString(plan.FormatValue(l.Value, f.Type, s.Zone()))
				}
			}
			b.WriteString("\n")
		}
		batch.Release()
	}
}

func want(t *testing.T, e *engine.Engine, s *engine.Session, text, rows string, params ...plan.Literal) {
	t.Helper()
	if got, err := query(t, e, s, text, params...); err != nil || got != rows {
		t.Errorf("%s: %q, error %v; want %q", text, got, err, rows)
	}
}

// code returns the SQLSTATE of a user's mistake.
func code(err error) string {
	var mistake *plan.Error
	if !errors.As(err, &mistake) {
		return ""
	}
	return mistake.Code
}

func TestParametersTakeTheTypesThatTheStatementWants(t *testing.T) {
	e := open(t)
	s := e.NewSession("tester")
	st, err := e.Prepare(t.Context(), s, "SELECT series FROM samples WHERE value > $1 AND time >= $2 AND series = $3 LIMIT $4")
	if err != nil {
		t.Fatal(err)
	}
	wanted := []plan.Type{plan.Double, plan.Timestamptz, plan.Text, plan.Bigint}
	for i, typ := range wanted {
		if i >= len(st.Params) || st.Params[i] != typ || st.ParamSchema().Field(i).Name != "$"+string(rune('1'+i)) {
			t.Errorf("parameter types are %v, want %v", st.Params, wanted)
		}
	}
	if st.Update || len(st.Fields) != 1 || !arrow.TypeEqual(st.Schema().Field(0).Type, arrow.BinaryTypes.String) {
		t.Errorf("the result is %v", st.Schema())
	}
	text := func(x string) plan.Literal { return plan.Literal{Value: x, T: plan.Text} }
	want(t, e, s, "SELECT $1 + 1", "42\n", text("41"))
	want(t, e, s, "SELECT $1::date + 1", "2024-03-01\n", text("2024-02-29"))
	want(t, e, s, "SELECT $1::double precision * 2", "3\n", plan.Literal{Value: 1.5, T: plan.Double})
	want(t, e, s, "SELECT $2 || $1", "ba\n", text("a"), text("b"))
	want(t, e, s, "SELECT coalesce($1, 'none')", "none\n", plan.Literal{T: plan.Unknown})
	for _, tt := range []struct {
		text, code string
		params     []plan.Literal
	}{
		{"SELECT $1 + 1", "08P01", nil},
		{"SELECT 1", "08P01", []plan.Literal{text("1")}},
		{"SELECT $1 + 1", plan.CodeInvalidText, []plan.Literal{text("x")}},
		{"SELECT $1::timestamptz", plan.CodeDatetimeFormat, []plan.Literal{text("soon")}},
	} {
		if _, err := query(t, e, s, tt.text, tt.params...); code(err) != tt.code {
			t.Errorf("%s of %v: %v, want %s", tt.text, tt.params, err, tt.code)
		}
	}
}

func TestParametersComeInAnyArrowType(t *testing.T) {
	fill := func(typ arrow.DataType, text string) arrow.Array {
		b := array.NewBuilder(memory.DefaultAllocator, typ)
		defer b.Release()
		if err := b.AppendValueFromString(text); err != nil {
			t.Fatal(err)
		}
		return b.NewArray()
	}
	tests := []struct {
		a    arrow.Array
		want plan.Literal
	}{
		{fill(arrow.PrimitiveTypes.Int8, "-7"), plan.Literal{Value: int64(-7), T: plan.Bigint}},
		{fill(arrow.PrimitiveTypes.Uint64, "9223372036854775807"), plan.Literal{Value: int64(1<<63 - 1), T: plan.Bigint}},
		{fill(arrow.PrimitiveTypes.Float32, "0.5"), plan.Literal{Value: 0.5, T: plan.Double}},
		{fill(&arrow.Decimal128Type{Precision: 9, Scale: 2}, "1.25"), plan.Literal{Value: 1.25, T: plan.Double}},
		{fill(arrow.FixedWidthTypes.Boolean, "true"), plan.Literal{Value: true, T: plan.Boolean}},
		{fill(arrow.BinaryTypes.LargeString, "grün"), plan.Literal{Value: "grün", T: plan.Text}},
		{fill(arrow.BinaryTypes.StringView, "x"), plan.Literal{Value: "x", T: plan.Text}},
		{fill(arrow.FixedWidthTypes.Date32, "1970-01-02"), plan.Literal{Value: int64(1), T: plan.Date}},
		{fill(arrow.FixedWidthTypes.Time32s, "00:00:01"), plan.Literal{Value: int64(1_000_000), T: plan.Time}},
		{fill(&arrow.TimestampType{Unit: arrow.Second}, "1970-01-01 00:00:01"), plan.Literal{Value: int64(1_000_000), T: plan.Timestamp}},
		{fill(&arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"}, "1970-01-01 00:00:01Z"), plan.Literal{Value: int64(1_000_000), T: plan.Timestamptz}},
		{array.NewNull(1), plan.Literal{T: plan.Unknown}},
	}
	for _, tt := range tests {
		batch := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "p", Type: tt.a.DataType(), Nullable: true}}, nil), []arrow.Array{tt.a}, 1)
		got, err := engine.ParamsFrom(batch, 0)
		if err != nil || len(got) != 1 || got[0].Value != tt.want.Value || got[0].T != tt.want.T {
			t.Errorf("%s: %v, error %v; want %v", tt.a.DataType(), got, err, tt.want)
		}
	}
	for _, a := range []arrow.Array{fill(arrow.PrimitiveTypes.Uint64, "9223372036854775808"), fill(arrow.BinaryTypes.Binary, "eA==")} {
		batch := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "p", Type: a.DataType()}}, nil), []arrow.Array{a}, 1)
		if _, err := engine.ParamsFrom(batch, 0); code(err) == "" || !strings.Contains(err.Error(), "parameter $1") {
			t.Errorf("%s: error %v", a.DataType(), err)
		}
	}
}

func TestSessionsDoNotShareSettings(t *testing.T) {
	e := open(t)
	a, b := e.NewSession("ann"), e.NewSession("bob")
	exec(t, e, a, "SET timezone = 'Asia/Kathmandu'")
	exec(t, e, a, "SET trellis.reason = 'calibration'")
	want(t, e, a, "SELECT now()", "2024-06-01 17:45:00+05:45\n")
	want(t, e, b, "SELECT now()", "2024-06-01 12:00:00+00\n")
	want(t, e, a, "SHOW trellis.reason", "calibration\n")
	want(t, e, b, "SHOW trellis.reason", "\n")
	want(t, e, a, "SELECT current_user", "ann\n")
	exec(t, e, a, "RESET timezone")
	want(t, e, a, "SHOW timezone", "UTC\n")
	for _, text := range []string{"SET server_version = '1'", "SET datestyle = 'German'", "SET statement_timeout = 'soon'", "SET statement_timeout = -1", "SET client_encoding = 'LATIN1'"} {
		st, err := e.Prepare(t.Context(), a, text)
		if err == nil {
			_, err = e.Exec(t.Context(), a, st, nil)
		}
		if code(err) == "" {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

func TestAnUpdateIsNoQuery(t *testing.T) {
	e := open(t)
	s := e.NewSession("tester")
	st, err := e.Prepare(t.Context(), s, "SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Exec(t.Context(), s, st, nil); code(err) != plan.CodeNotSupported {
		t.Errorf("a query run as an update: %v", err)
	}
	if st, err = e.Prepare(t.Context(), s, "SET timezone = 'UTC'"); err != nil || !st.Update {
		t.Fatalf("SET is an update: %v, %v", st, err)
	}
	if _, err := e.Query(t.Context(), s, st, nil); code(err) != plan.CodeNotSupported {
		t.Errorf("an update run as a query: %v", err)
	}
}

// endlessStore is a store whose scans never end: they yield their first batch again
// and again.
type endlessStore struct{ engine.Store }

func (s endlessStore) Samples(ctx context.Context, sel columnar.Selection) (columnar.Stream, error) {
	in, err := s.Store.Samples(ctx, sel)
	return &endless{Stream: in}, err
}

type endless struct {
	columnar.Stream
	first arrow.RecordBatch
}

func (e *endless) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if e.first == nil {
		var err error
		if e.first, err = e.Stream.Next(ctx); err != nil {
			return nil, err
		}
	}
	e.first.Retain()
	return e.first, nil
}

func TestStatementsEndWhenTheyAreTold(t *testing.T) {
	db, err := trellis.Open(t.Context(), trellis.Options{Dir: t.TempDir(), Clock: func() int64 { return testNow }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	e := engine.New(engine.Options{Catalog: db.Catalog, Store: endlessStore{db.Store}, Clock: func() int64 { return testNow }})
	s := e.NewSession("tester")
	exec(t, e, s, "INSERT INTO series (series, type, sample_t) VALUES ('a', 'double', '1 second')")
	exec(t, e, s, "INSERT INTO samples (series, time, value) VALUES ('a', '2024-01-01 00:00+00', 1)")
	begin := func(ctx context.Context) columnar.Stream {
		t.Helper()
		st, err := e.Prepare(ctx, s, "SELECT value AS endless FROM samples")
		if err != nil {
			t.Fatal(err)
		}
		stream, err := e.Query(ctx, s, st, nil)
		if err != nil {
			t.Fatal(err)
		}
		return stream
	}
	drain := func(ctx context.Context, stream columnar.Stream) error {
		for {
			batch, err := stream.Next(ctx)
			if err != nil {
				return err
			}
			batch.Release()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	stream := begin(ctx)
	if _, err := stream.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, e, s, "SELECT user_name, rows > 0 FROM system.queries WHERE statement LIKE '%endless%' AND statement NOT LIKE '%queries%'", "tester|true\n")
	cancel()
	if err := drain(t.Context(), stream); code(err) != plan.CodeQueryCanceled {
		t.Errorf("a cancelled statement ended with %v", err)
	}
	if err := errors.Join(stream.Close(), stream.Close()); err != nil {
		t.Error(err)
	}
	if _, err := stream.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("a closed stream goes on with %v", err)
	}
	want(t, e, s, "SELECT count(*) FROM system.queries WHERE statement LIKE '%endless%' AND statement NOT LIKE '%queries%'", "0\n")

	exec(t, e, s, "SET statement_timeout = 20")
	stream = begin(t.Context())
	if err := drain(t.Context(), stream); code(err) != plan.CodeQueryCanceled || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("a statement ended with %v after its time", err)
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	exec(t, e, s, "SET statement_timeout = 0")

	stream = begin(t.Context())
	late, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer stop()
	if err := drain(late, stream); code(err) != plan.CodeQueryCanceled {
		t.Errorf("a statement ended with %v when its reader left", err)
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
}

// faultyStore is a store that breaks when it is written to.
type faultyStore struct{ engine.Store }

func (faultyStore) Append(context.Context, []columnar.Samples) error { panic("the store is broken") }

func TestAPanicIsAnError(t *testing.T) {
	db, err := trellis.Open(t.Context(), trellis.Options{Dir: t.TempDir(), Clock: func() int64 { return testNow }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	e := engine.New(engine.Options{Catalog: db.Catalog, Store: faultyStore{db.Store}, Clock: func() int64 { return testNow }})
	s := e.NewSession("")
	exec(t, e, s, "INSERT INTO series (series, type, sample_t) VALUES ('a', 'double', '1 second')")
	st, err := e.Prepare(t.Context(), s, "INSERT INTO samples (series, time, value) VALUES ('a', now(), 1)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Exec(t.Context(), s, st, nil); err == nil || !strings.Contains(err.Error(), "internal error") {
		t.Errorf("a panic in the store became %v", err)
	}
	want(t, e, s, "SELECT count(*) FROM samples", "0\n")
	want(t, e, s, "SELECT count(*) FROM system.queries", "1\n")
}

func TestAnIngestCountsWhatIsDurable(t *testing.T) {
	e := open(t)
	s := e.NewSession("tester")
	exec(t, e, s, "SET timezone = 'Europe/Berlin'")
	template, err := engine.Template(map[string]string{"type": "double", "sample_t": "1 minute", "unit": "bar"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Template(map[string]string{"type": "double", "colour": "red"}); code(err) != plan.CodeUndefColumn {
		t.Errorf("a template with an unknown attribute: %v", err)
	}
	in := e.NewIngest(s, ingest.Options{Template: template})
	stamps := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Second})
	stamps.AppendValues([]arrow.Timestamp{1_719_792_000, 1_719_792_060}, nil) // 2024-07-01 00:00 on the session's clock
	values := array.NewFloat64Builder(memory.DefaultAllocator)
	values.AppendValues([]float64{1, 2}, nil)
	schema := arrow.NewSchema([]arrow.Field{{Name: "time", Type: stamps.Type()}, {Name: "p/1", Type: values.Type()}}, nil)
	if err := in.Write(t.Context(), array.NewRecordBatch(schema, []arrow.Array{stamps.NewArray(), values.NewArray()}, 2)); err != nil {
		t.Fatal(err)
	}
	if c := in.Counts(); c != (ingest.Counts{Rows: 2, Samples: 2, Created: 1}) {
		t.Errorf("counts are %+v", c)
	}
	want(t, e, s, "SELECT series, unit, m.time, value FROM samples m JOIN series USING (series) ORDER BY time", "p/1|bar|2024-07-01 00:00:00+02|1\np/1|bar|2024-07-01 00:01:00+02|2\n")
}

func TestExplainAnalyzeSaysWhatWasLookedAt(t *testing.T) {
	e := open(t)
	s := e.NewSession("tester")
	exec(t, e, s, "INSERT INTO series (series, type, sample_t) VALUES ('a', 'double', '1 second')")
	exec(t, e, s, "INSERT INTO samples (series, time, value) SELECT 'a', '2024-01-01 00:00+00'::timestamptz + make_interval(secs => n), n FROM generate_series(0, 9999) AS g(n)")
	got, err := query(t, e, s, "EXPLAIN ANALYZE SELECT avg(value) FROM samples WHERE series = 'a'")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Blocks: ", "answered by summary", "decoded", "Rows: 1", "Time: "} {
		if !strings.Contains(got, part) {
			t.Errorf("the plan has no %q:\n%s", part, got)
		}
	}
	if _, err := query(t, e, s, "EXPLAIN ANALYZE INSERT INTO samples (series, time, value) VALUES ('a', now(), 1)"); code(err) != plan.CodeNotSupported {
		t.Errorf("EXPLAIN ANALYZE of a statement that writes: %v", err)
	}
}

func TestAStatementThatNeedsTooMuchMemoryIsRefused(t *testing.T) {
	e := open(t)
	s := e.NewSession("tester")
	if _, err := query(t, e, s, "SELECT count(*) FROM (SELECT DISTINCT md5(n::text) FROM generate_series(1, 5000000) AS g(n)) t"); code(err) != plan.CodeOutOfMemory {
		t.Errorf("error %v, want %s", err, plan.CodeOutOfMemory)
	}
	want(t, e, s, "SELECT 1", "1\n")
}

func TestSamplesOffTheGridAreCountedOrRefused(t *testing.T) {
	e := open(t)
	s := e.NewSession("")
	exec(t, e, s, "INSERT INTO series (series, type, sample_t) VALUES ('hours', 'double', '1 hour'), ('half', 'double', '1 hour')")
	insert := func(series, at string) error {
		st, err := e.Prepare(t.Context(), s, "INSERT INTO samples (series, time, value) VALUES ('"+series+"', '"+at+"', 1)")
		if err == nil {
			_, err = e.Exec(t.Context(), s, st, nil)
		}
		return err
	}
	if err := insert("hours", "2024-01-01 00:30Z"); err != nil {
		t.Error(err)
	}
	if moved, collided := e.OffGrid(); moved != 1 || collided != 0 {
		t.Errorf("%d moved, %d collided", moved, collided)
	}
	exec(t, e, s, "SET trellis.off_grid = refuse")
	for _, backfill := range []string{"off", "on"} {
		exec(t, e, s, "SET trellis.backfill = "+backfill)
		if err := insert("hours", "2024-01-01 01:30Z"); err == nil || !strings.Contains(err.Error(), "its slot begins at 2024-01-01 01:00:00+00") {
			t.Errorf("backfill %s: %v", backfill, err)
		}
		if err := insert("half", "2024-01-01 01:00Z"); err != nil {
			t.Error(err)
		}
	}
	want(t, e, s, "SELECT series, time FROM samples ORDER BY 1, 2", "half|2024-01-01 01:00:00+00\nhours|2024-01-01 00:00:00+00\n")
	if moved, _ := e.OffGrid(); moved != 1 {
		t.Errorf("%d moved", moved)
	}
}
