package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/ingest"
	"github.com/trellisdb/trellis/engine/plan"
)

// edited is a database whose samples are edited, and its clock.
type edited struct {
	*trellis.DB
	t     *testing.T
	clock atomic.Int64
	s     *engine.Session
}

// openEdited returns a database with a day of samples, one a second, of the series a
// and b.
func openEdited(t *testing.T, change func(*trellis.Options)) *edited {
	t.Helper()
	d := openEmpty(t, change)
	d.exec("INSERT INTO series (series, type, sample_t) VALUES ('a', 'double', '1 s'), ('b', 'double', '1 s')")
	d.exec("INSERT INTO samples (series, time, value) SELECT x.s, '2024-03-01'::timestamptz + make_interval(secs => n), n / 7.0 FROM generate_series(0, 86399) g(n), (VALUES ('a'), ('b')) x(s)")
	return d
}

// openEmpty returns a database without series.
func openEmpty(t *testing.T, change func(*trellis.Options)) *edited {
	t.Helper()
	d := &edited{t: t}
	d.clock.Store(testNow)
	opts := trellis.Options{Dir: t.TempDir(), Clock: d.clock.Load, Workers: 2, Seed: 7, QueryMemory: 64 << 20, CompactRate: -1}
	if change != nil {
		change(&opts)
	}
	var err error
	if d.DB, err = trellis.Open(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	d.s = d.Engine.NewSession("ada")
	return d
}

// exec runs a statement and returns its count.
func (d *edited) exec(text string) int64 {
	d.t.Helper()
	n, err := d.try(d.s, text)
	if err != nil {
		d.t.Fatalf("%s: %v", text, err)
	}
	return n
}

func (d *edited) try(s *engine.Session, text string) (int64, error) {
	st, err := d.Engine.Prepare(d.t.Context(), s, text)
	if err != nil {
		return 0, err
	}
	return d.Engine.Exec(d.t.Context(), s, st, nil)
}

func (d *edited) want(text, rows string) {
	d.t.Helper()
	want(d.t, d.Engine, d.s, text, rows)
}

func TestEditsTellWhoAndWhyAndWhence(t *testing.T) {
	d := openEdited(t, nil)
	d.exec("SET trellis.reason = 'calibrated'")
	d.exec("SET trellis.source = 'lab'")
	d.exec("UPDATE samples SET value = 0 WHERE series = 'a' AND time < '2024-03-01 00:01'")
	d.want("SELECT kind, author, reason, source, replaced FROM edits", "overwrite|ada|calibrated|lab|60\n")
	d.want("SELECT DISTINCT author, reason, source, edit FROM samples_history('a', '2024-03-01', '2024-03-01 00:01') WHERE edit_id = 1", "ada|calibrated|lab|replaced\n")
	if _, err := d.try(d.Engine.NewSession(""), "DELETE FROM samples WHERE series = 'b'"); err != nil {
		t.Fatal(err)
	}
	d.want("SELECT kind, author, reason, source, deleted FROM edits WHERE kind = 'delete'", "delete||||86400\n")
}

func TestAnEditWithoutAReasonIsRefusedWhereOneIsDemanded(t *testing.T) {
	d := openEdited(t, func(o *trellis.Options) { o.RequireReason = true })
	d.exec("CALL flush()")
	edits := []string{
		"UPDATE samples SET value = 0 WHERE series = 'a'",
		"DELETE FROM samples WHERE series = 'a' AND time < '2024-03-01 01:00'",
		"CALL restore_samples('a', '2024-03-01', '2024-03-02', 1)",
		"CALL purge_samples('a', '2024-03-01', '2024-03-02')",
		"INSERT INTO samples (series, time, value) VALUES ('a', '2024-03-05', 1)",
	}
	admin := d.Engine.NewSession("")
	on := "on"
	if err := admin.Set("trellis.backfill", &on); err != nil {
		t.Fatal(err)
	}
	for _, text := range edits {
		if _, err := d.try(admin, text); code(err) != plan.CodeNotNull || !strings.Contains(err.Error(), "SET trellis.reason") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := d.Engine.NewBackfill(t.Context(), admin, ingest.Options{}); code(err) != plan.CodeNotNull {
		t.Errorf("a stream: %v", err)
	}
	d.exec("INSERT INTO samples (series, time, value) VALUES ('a', '2024-03-05', 1)") // late data is no edit
	d.want("SELECT count(*) FROM edits", "0\n")
	why := "calibrated"
	if err := admin.Set("trellis.reason", &why); err != nil {
		t.Fatal(err)
	}
	for _, text := range edits {
		if _, err := d.try(admin, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	d.want("SELECT count(*), count(DISTINCT kind), bool_and(reason = 'calibrated') FROM edits", "5|5|true\n")
}

func TestPrivilegedProceduresAreForAdministrators(t *testing.T) {
	d := openEdited(t, func(o *trellis.Options) { o.Admins = []string{"root"} })
	calls := []string{
		"CALL purge_samples('b', '2024-03-01', '2024-03-02')", "CALL keep_snapshots('90 days')", "CALL keep_samples('kind', 'raw', '1 year')", "CALL compact()",
	}
	for _, text := range calls {
		if _, err := d.Engine.Prepare(t.Context(), d.s, text); code(err) != plan.CodePrivilege || !strings.Contains(err.Error(), "--admin") {
			t.Errorf("ada: %s: %v", text, err)
		}
		if _, err := d.Engine.Exec(t.Context(), d.s, &engine.Statement{Text: text, Update: true}, nil); code(err) != plan.CodePrivilege {
			t.Errorf("ada, prepared by somebody else: %s: %v", text, err)
		}
		for _, user := range []string{"root", ""} {
			if _, err := d.try(d.Engine.NewSession(user), text); err != nil {
				t.Errorf("%q: %s: %v", user, text, err)
			}
		}
	}
	for _, text := range []string{"CALL flush()", "CALL pin_snapshot('x')", "CALL unpin_snapshot('x')"} {
		d.exec(text)
	}
	set, err := d.Catalog.Settings(t.Context())
	if err != nil || set["keep_snapshots"] != strconv.Itoa(90*24*3600*1_000_000) || set["retention"] != `[{"label":"kind","value":"raw","age":31622400000000}]` {
		t.Errorf("the settings are %v, %v", set, err)
	}
}

func TestRulesOfRetentionAreReplacedAndTakenAway(t *testing.T) {
	d := openEdited(t, nil)
	d.s = d.Engine.NewSession("")
	for _, step := range []struct{ call, want string }{
		{"CALL keep_samples('kind', 'raw', '1 day')", `[{"label":"kind","value":"raw","age":86400000000}]`},
		{"CALL keep_samples('site', 'b', '2 days')", `[{"label":"kind","value":"raw","age":86400000000},{"label":"site","value":"b","age":172800000000}]`},
		{"CALL keep_samples('kind', 'raw', '1 hour')", `[{"label":"site","value":"b","age":172800000000},{"label":"kind","value":"raw","age":3600000000}]`},
		{"CALL keep_samples('site', 'b', NULL)", `[{"label":"kind","value":"raw","age":3600000000}]`},
		{"CALL keep_samples('kind', 'raw', NULL)", ""},
	} {
		d.exec(step.call)
		set, err := d.Catalog.Settings(t.Context())
		if err != nil || set["retention"] != step.want {
			t.Errorf("%s leaves %s, %v; want %s", step.call, set["retention"], err, step.want)
		}
	}
	d.exec("CALL keep_snapshots(NULL)")
	if set, err := d.Catalog.Settings(t.Context()); err != nil || set["keep_snapshots"] != "-1" {
		t.Errorf("snapshots are kept %s, %v", set["keep_snapshots"], err)
	}
}

func TestAnUpdateReadsTheStateBeforeIt(t *testing.T) {
	d := openEdited(t, nil)
	d.want("SELECT sum(value) > 0 FROM samples", "true\n")
	// Values move up by one: each is made of the value before the edit, not of its own
	// output, however many batches that are.
	if n := d.exec("UPDATE samples SET value = value + 1"); n != 172_800 {
		t.Errorf("it touched %d", n)
	}
	d.want("SELECT series, count(*), min(value), max(value), count(edit) FROM samples GROUP BY 1 ORDER BY 1", fmt.Sprintf("a|86400|1|%[1]s|86400\nb|86400|1|%[1]s|86400\n", plan.FormatValue(86399/7.0+1, plan.Double, nil)))
	d.want("SELECT kind, series, replaced FROM edits", "overwrite|2|172800\n")
}

func TestWhatIsWrittenDuringAnEditIsNotEdited(t *testing.T) {
	d := openEdited(t, nil)
	ed, err := d.Store.Edit(t.Context(), columnar.EditInfo{Kind: columnar.Backfill})
	if err != nil {
		t.Fatal(err)
	}
	d.exec("INSERT INTO samples (series, time, value) VALUES ('a', '2024-03-03', 5)")
	d.exec("UPDATE samples SET value = -1 WHERE series = 'a' AND time >= '2024-03-02'")
	if _, err := ed.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.want("SELECT value, edit FROM samples WHERE series = 'a' AND time >= '2024-03-02'", "-1|replaced\n")
}

func TestAnEditThatTakesTooLongLeavesNothing(t *testing.T) {
	d := openEdited(t, nil)
	d.exec("SET statement_timeout = 20")
	_, err := d.try(d.s, "UPDATE samples SET value = (SELECT count(*) FROM generate_series(1, 2000000) a, generate_series(1, 1000) b)")
	if !errors.Is(err, engine.ErrTimeout) {
		t.Errorf("it ends with %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	st, err := d.Engine.Prepare(t.Context(), d.s, "DELETE FROM samples WHERE value > 3")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Engine.Exec(ctx, d.s, st, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("an edit that is not wanted any more ends with %v", err)
	}
	d.exec("SET statement_timeout = 0")
	d.want("SELECT count(*), count(edit), (SELECT count(*) FROM edits) FROM samples", "172800|0|0\n")
	if n := d.exec("UPDATE samples SET value = 1 WHERE series = 'a' AND time < '2024-03-01 00:01'"); n != 60 {
		t.Errorf("the next edit touches %d", n)
	}
}

func TestUpdatesAtOnceDoNotLoseOneAnother(t *testing.T) {
	d := openEdited(t, nil)
	d.exec("CALL flush()")
	const times = 8
	var all sync.WaitGroup
	errs := make(chan error, times)
	for range times {
		all.Go(func() {
			_, err := d.try(d.Engine.NewSession("ada"), "UPDATE samples SET value = value + 1 WHERE series = 'a' AND time < '2024-03-01 00:10'")
			errs <- err
		})
	}
	all.Wait()
	for range times {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	d.want("SELECT min(value), count(*), (SELECT count(*) FROM edits) FROM samples WHERE series = 'a' AND time < '2024-03-01 00:10'", "8|600|8\n")
}

func TestRangesMayHaveNoEnds(t *testing.T) {
	d := openEdited(t, nil)
	d.exec("CALL flush()")
	d.exec("DELETE FROM samples WHERE series = 'a'")
	d.want("SELECT count(*) FROM samples", "86400\n")
	if n := d.exec("CALL restore_samples('a', '-infinity', 'infinity', 1)"); n != 86_400 {
		t.Errorf("it restored %d", n)
	}
	d.want("SELECT count(*) FROM samples_history('a', '-infinity', 'infinity')", "259200\n")
	d.s = d.Engine.NewSession("")
	d.exec("CALL purge_samples('a', '-infinity', 'infinity')")
	d.want("SELECT count(*) FROM samples_history('a', '-infinity', 'infinity')", "86400\n")
	d.want("SELECT count(*), sum(value) > 0 FROM samples WHERE series = 'a'", "86400|true\n")
}

func TestTheTrailTakesNoTextThatItCannotKeep(t *testing.T) {
	d := openEdited(t, nil)
	for _, text := range []string{strings.Repeat("x", 1<<16+1), "a\x00b", "\xff"} {
		for _, name := range []string{"trellis.reason", "trellis.source"} {
			if err := d.s.Set(name, &text); code(err) == "" {
				t.Errorf("%s of %.10q is taken: %v", name, text, err)
			}
		}
	}
	for _, name := range []string{"", "a\nb", strings.Repeat("x", 1025)} {
		if _, err := d.try(d.s, "CALL pin_snapshot('"+name+"')"); code(err) != plan.CodeInvalidValue {
			t.Errorf("a pin %.10q: %v", name, err)
		}
	}
}

func TestDeletedRangesAreNotRead(t *testing.T) {
	d := openEdited(t, nil)
	d.exec("CALL flush()")
	if n := d.exec("DELETE FROM samples WHERE series = 'a' AND time >= '2024-03-01 01:00' AND time < '2024-03-01 03:30'"); n != 9000 {
		t.Errorf("%d samples were deleted", n)
	}
	d.want("SELECT count(*), count(*) FILTER (WHERE time >= '2024-03-01 01:00' AND time < '2024-03-01 03:30') FROM samples WHERE series = 'a'", "77400|0\n")
	if n := d.exec("DELETE FROM samples WHERE series IN (SELECT series FROM series WHERE series > 'a') AND value < 10"); n != 70 {
		t.Errorf("%d samples were deleted", n)
	}
	d.want("SELECT count(*), min(value) FROM samples WHERE series = 'b'", "86330|10\n")
	d.want("SELECT count(*) FROM samples_history('b', '2024-03-01', '2024-03-02') WHERE edit = 'deleted'", "70\n")
}

// TestAggregatesOfThePastAreTheAnswersOfThen compares bits, and looks at the path.
func TestAggregatesOfThePastAreTheAnswersOfThen(t *testing.T) {
	d := openEdited(t, nil)
	const ask = "SELECT date_trunc('hour', time), count(*), sum(value), avg(value), stddev(value), min(value), max(value), first(value), last(value), integral(value) FROM %s WHERE series = 'a' GROUP BY 1 ORDER BY 1"
	answer := func(from string) string {
		t.Helper()
		rows, err := query(t, d.Engine, d.s, fmt.Sprintf(ask, from))
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	then := answer("samples")
	d.exec("CALL pin_snapshot('then')")
	d.clock.Add(3600 * 1_000_000)
	d.exec("UPDATE samples SET value = value * 1.02 WHERE series = 'a' AND time >= '2024-03-01 06:00'")
	d.exec("DELETE FROM samples WHERE series = 'a' AND time >= '2024-03-01 12:00' AND time < '2024-03-01 12:30'")
	now := answer("samples")
	if now == then {
		t.Fatal("the edits changed nothing")
	}
	pinned := "samples_as_of((SELECT snapshot FROM system.pins WHERE name = 'then'))"
	for _, from := range []string{pinned, "samples_as_of('2024-06-01 12:30')", "samples_as_of(now() - interval '1 minute')"} {
		if got := answer(from); got != then {
			t.Errorf("%s answers\n%swant\n%s", from, got, then)
		}
	}
	if got := answer("samples_as_of(now())"); got != now {
		t.Errorf("as of now it is\n%swant\n%s", got, now)
	}
	plan, err := query(t, d.Engine, d.s, "EXPLAIN ANALYZE "+fmt.Sprintf(ask, pinned))
	if err != nil || !strings.Contains(plan, "24 answered by summary, 0 decoded") || !strings.Contains(plan, "As of: ") {
		t.Errorf("the past is read by\n%s%v", plan, err)
	}
	d.exec("CALL restore_samples('a', '2024-03-01', '2024-03-02', instant => '2024-06-01 12:30')")
	if got := answer("samples"); got != then {
		t.Errorf("restored it is\n%swant\n%s", got, then)
	}
}

func TestASnapshotThatIsGoneSaysHowFarBackItGoes(t *testing.T) {
	d := openEdited(t, nil)
	d.exec("CALL pin_snapshot('first')")
	for range 3 {
		d.clock.Add(24 * 3600 * 1_000_000)
		d.exec("UPDATE samples SET value = value + 1 WHERE series = 'a' AND time < '2024-03-01 00:10'")
	}
	d.s = d.Engine.NewSession("")
	d.exec("CALL keep_snapshots('20 hours')")
	if _, err := d.Store.Collect(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	d.want("SELECT id, kept, pins FROM system.snapshots WHERE id < 5 ORDER BY id", "1|true|first\n2|false|\n3|true|\n4|true|\n")
	for _, text := range []string{
		"SELECT count(*) FROM samples_as_of(2)", "SELECT count(*) FROM samples_as_of('2024-06-02 13:00')",
		"SELECT * FROM changes(1, 2)", "SELECT * FROM changes('2024-06-02 13:00', 4)",
	} {
		_, err := query(t, d.Engine, d.s, text)
		if code(err) != plan.CodeInvalidValue || !strings.Contains(err.Error(), "not kept any more") ||
			!strings.Contains(err.Error(), "All are kept from 3, of 2024-06-03 12:00:00+00, to the newest, 5. Pinned are first (1).") {
			t.Errorf("%s: %v", text, err)
		}
	}
	d.want("SELECT min(value) FROM samples_as_of(1) WHERE series = 'a'", "0\n")
	d.want("SELECT min(value), (SELECT count(*) FROM changes(1, 4)) > 0 FROM samples_as_of(3) WHERE series = 'a'", "2|true\n")
	if _, err := d.try(d.s, "CALL pin_snapshot('second', 2)"); code(err) != plan.CodeInvalidValue {
		t.Errorf("a pin of what is gone: %v", err)
	}
	if _, err := d.try(d.s, "CALL restore_samples('a', '2024-03-01', '2024-03-02', 2)"); code(err) != plan.CodeInvalidValue {
		t.Errorf("a restore of what is gone: %v", err)
	}
}

func TestHistoryIsReadBatchByBatch(t *testing.T) {
	d := openEdited(t, nil)
	d.exec("UPDATE samples SET value = value + 1 WHERE series = 'a' AND time < '2024-03-01 06:00'")
	d.want("SELECT count(*), count(DISTINCT time), count(*) FILTER (WHERE to_snapshot IS NULL) FROM samples_history('a', '2024-03-01', '2024-03-02')", "108000|86400|86400\n")
	st, err := d.Engine.Prepare(t.Context(), d.s, "SELECT time, value FROM samples_history('a', '2024-03-01', '2024-03-02')")
	if err != nil {
		t.Fatal(err)
	}
	stream, err := d.Engine.Query(t.Context(), d.s, st, nil)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := stream.Next(t.Context())
	if err != nil || batch.NumRows() > 1<<14 {
		t.Fatalf("a batch of %v rows, %v", batch, err)
	}
	batch.Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for err == nil {
		if batch, err = stream.Next(ctx); err == nil {
			batch.Release()
		}
	}
	if errors.Is(err, io.EOF) {
		t.Error("a cancelled history looks whole")
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
}

func TestABackfillIsSeenWhenItIsCommitted(t *testing.T) {
	d := openEdited(t, nil)
	write := func(b *engine.Backfill, value float64) {
		t.Helper()
		batch := wideBatch("a", 1_709_251_200_000_000, value)
		defer batch.Release()
		if err := b.Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	b, err := d.Engine.NewBackfill(t.Context(), d.s, ingest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	write(b, 41)
	write(b, 42)
	d.want("SELECT value, edit FROM samples WHERE series = 'a' AND time = '2024-03-01'", "0|\n")
	made, err := b.Commit(t.Context())
	if err != nil || made.ID == 0 || made.Replaced != 1 || b.Counts().Samples != 2 {
		t.Errorf("it made %+v of %+v, %v", made, b.Counts(), err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	d.want("SELECT value, edit FROM samples WHERE series = 'a' AND time = '2024-03-01'", "42|replaced\n")

	if b, err = d.Engine.NewBackfill(t.Context(), d.s, ingest.Options{}); err != nil {
		t.Fatal(err)
	}
	write(b, math.Pi)
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	d.want("SELECT value, edit FROM samples WHERE series = 'a' AND time = '2024-03-01'", "42|replaced\n")
}

// wideBatch is a batch of one sample of a series.
func wideBatch(series string, at int64, value float64) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "time", Type: arrow.FixedWidthTypes.Timestamp_us}, {Name: series, Type: arrow.PrimitiveTypes.Float64},
	}, nil))
	defer b.Release()
	b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(at))
	b.Field(1).(*array.Float64Builder).Append(value)
	return b.NewRecordBatch()
}
