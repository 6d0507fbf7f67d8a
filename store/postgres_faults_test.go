package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/postgres"
	"github.com/trellisdb/trellis/meta/postgres/postgrestest"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

// downEnv is how long PostgreSQL stays down, as time.ParseDuration takes it; a second
// else.
const downEnv = "TRELLIS_POSTGRES_DOWN"

// load appends to one series and edits another while something happens to the catalog.
type load struct {
	d        *database
	appended columnar.Series
	edited   columnar.Series

	samples atomic.Int64 // acknowledged, from slot 0 on
	edits   atomic.Int64 // acknowledged
	refused atomic.Int64
	unknown atomic.Int64

	mu   sync.Mutex
	made map[int64]float64 // by the edit's id: what it wrote
	may  map[float64]bool  // what edits wrote of which it is not known whether they were made
	stop context.CancelFunc
	done sync.WaitGroup
}

const loadBlock = 100

// startLoad opens a store in memory on a catalog and starts to write.
func startLoad(t *testing.T, catalog meta.Catalog, headBytes int64) *load {
	t.Helper()
	d := &database{bucket: new(object.Memory), catalog: catalog, dir: t.TempDir()}
	d.options.LogFS, d.options.HeadBytes = waltest.NewDisk(), headBytes
	d.open(t)
	t.Cleanup(func() {
		if err := d.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	g := columnar.Grid{Period: second, BlockLen: loadBlock}
	l := &load{d: d, appended: d.create(t, "appended", columnar.Double, g), edited: d.create(t, "edited", columnar.Double, g)}
	l.made, l.may = map[int64]float64{}, map[float64]bool{}
	d.append(t, ramp(l.edited, 0, 3*loadBlock))
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	l.done.Go(func() {
		for ctx.Err() == nil {
			l.append()
			time.Sleep(500 * time.Microsecond)
		}
	})
	l.done.Go(func() {
		for i := 1; ctx.Err() == nil; i++ {
			l.edit(t, float64(i)+0.5)
			time.Sleep(5 * time.Millisecond)
		}
	})
	return l
}

// append appends a block.
func (l *load) append() {
	from := l.samples.Load()
	if err := l.d.Append(context.Background(), []columnar.Samples{ramp(l.appended, from, loadBlock)}); err == nil {
		l.samples.Add(loadBlock)
		return
	}
	l.refused.Add(1)
}

// edit writes a value into the middle of three blocks.
func (l *load) edit(t *testing.T, value float64) {
	ctx := context.Background()
	e, err := l.d.Edit(ctx, columnar.EditInfo{Kind: columnar.Overwrite, Who: "ada", Source: fmt.Sprint(value)})
	if err != nil {
		l.refused.Add(1)
		return
	}
	in := ramp(l.edited, loadBlock/2, 2*loadBlock)
	for i := range in.Floats {
		in.Floats[i] = value
	}
	if err := e.Write(ctx, []columnar.Samples{in}); err != nil {
		t.Error(err)
	}
	result, err := e.Commit(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.edits.Add(1)
		l.made[result.ID] = value
	case strings.Contains(err.Error(), "may have happened"):
		l.unknown.Add(1)
		l.may[value] = true
	default:
		l.refused.Add(1)
	}
	if errors.Is(err, meta.ErrConflict) {
		t.Errorf("an edit is told of a conflict: %v", err)
	}
}

// goesOn waits until as much is acknowledged as was before.
func (l *load) goesOn(t *testing.T, what string) {
	t.Helper()
	samples, edits := l.samples.Load(), l.edits.Load()
	until(t, longest, func() error {
		if l.samples.Load() < samples+10*loadBlock || l.edits.Load() < edits+3 {
			return fmt.Errorf("%s: %d samples and %d edits more", what, l.samples.Load()-samples, l.edits.Load()-edits)
		}
		return nil
	})
}

// check ends the load and checks that what was acknowledged is there and that the trail
// says what was said to those who edited.
func (l *load) check(t *testing.T) {
	t.Helper()
	l.stop()
	l.done.Wait()
	t.Logf("%d samples, %d edits; %d refused, %d not known", l.samples.Load(), l.edits.Load(), l.refused.Load(), l.unknown.Load())
	l.d.flush(t)
	trail, err := l.d.catalog.Edits(context.Background(), meta.EditFilter{})
	if err != nil {
		t.Fatal(err)
	}
	last := 0.0
	for _, e := range trail {
		var value float64
		if _, err := fmt.Sscan(e.Source, &value); err != nil {
			t.Fatal(err)
		}
		if made, ok := l.made[e.ID]; ok && made != value || !ok && !l.may[value] {
			t.Errorf("edit %d of value %v is on the trail; it was not made", e.ID, value)
		}
		delete(l.made, e.ID)
		last = value
	}
	if len(l.made) > 0 {
		t.Errorf("edits %v were acknowledged and are not on the trail", l.made)
	}
	for range 2 {
		rows := readSamples(t, l.d.Store, all(l.appended))
		if int64(len(rows)) < l.samples.Load() {
			t.Errorf("%d samples are there, %d were acknowledged", len(rows), l.samples.Load())
		}
		for i, row := range rows {
			if row.value != float64(i) {
				t.Fatalf("sample %d is %v", i, row.value)
			}
		}
		for i, row := range readSamples(t, l.d.Store, all(l.edited)) {
			want := float64(i)
			if i >= loadBlock/2 && i < 5*loadBlock/2 && last > 0 {
				want = last
			}
			if row.value != want {
				t.Fatalf("edited sample %d is %v, want %v", i, row.value, want)
			}
		}
		if err := l.d.Compact(context.Background()); err != nil {
			t.Error(err)
		}
		l.d.reopen(t)
	}
}

func TestTheDatabaseOfTheCatalogIsDownForAWhile(t *testing.T) {
	t.Parallel()
	down := time.Second
	if text := os.Getenv(downEnv); text != "" {
		var err error
		if down, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	server := postgrestest.Start(t)
	l := startLoad(t, openPostgres(t, server.URL(server.Database(t))), 60_000)
	l.goesOn(t, "at first")
	server.Stop(t, true)
	samples := l.samples.Load()
	until(t, longest, func() error { // the log takes them
		if l.samples.Load() < samples+5*loadBlock {
			return errors.New("nothing is acknowledged while the database is down")
		}
		return nil
	})
	until(t, longest, func() error { // the head is full
		err := l.d.Append(context.Background(), []columnar.Samples{ramp(l.appended, 0, 1)})
		if err == nil {
			return errors.New("samples are taken without end")
		}
		if !strings.Contains(err.Error(), "wait to be flushed") || !strings.Contains(err.Error(), "catalog postgres") {
			t.Errorf("an append while the database is down: %v", err)
		}
		return nil
	})
	if got := readSamples(t, l.d.Store, all(l.edited)); len(got) != 3*loadBlock {
		t.Errorf("%d samples are read while the database is down", len(got))
	}
	time.Sleep(down)
	server.Restart(t)
	l.goesOn(t, "when the database is back")
	l.check(t)
}

func TestTheDatabaseOfTheCatalogCrashesInTheMiddleOfCommits(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	l := startLoad(t, openPostgres(t, server.URL(server.Database(t))), 20_000)
	crashes := 3
	if os.Getenv(stepsEnv) != "" {
		crashes = 50
	}
	for i := range crashes {
		l.goesOn(t, fmt.Sprintf("before crash %d", i))
		server.Stop(t, true)
		server.Restart(t)
	}
	l.goesOn(t, "after the last crash")
	l.check(t)
}

func TestTheDatabaseOfTheCatalogIsReadOnlyForAWhile(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	c := openPostgres(t, server.URL(server.Database(t)))
	l := startLoad(t, c, 1<<20)
	readOnly := func(value string, want error) {
		t.Helper()
		for _, statement := range []string{"ALTER SYSTEM SET default_transaction_read_only = " + value, "SELECT pg_reload_conf()"} {
			if err := server.Execute(context.Background(), "postgres", statement); err != nil {
				t.Fatal(err)
			}
		}
		until(t, longest, func() error {
			if err := c.SetSetting(context.Background(), "probe", value); !errors.Is(err, want) {
				return fmt.Errorf("default_transaction_read_only does not become %s: %w", value, err)
			}
			return nil
		})
	}
	l.goesOn(t, "at first")
	readOnly("on", postgres.ErrReadOnly)
	samples := l.samples.Load()
	until(t, longest, func() error {
		if l.samples.Load() < samples+5*loadBlock {
			return errors.New("nothing is acknowledged while the database is read-only")
		}
		return nil
	})
	if err := l.d.Flush(context.Background()); !errors.Is(err, postgres.ErrReadOnly) {
		t.Errorf("a flush while the database is read-only: %v", err)
	}
	if got := readSamples(t, l.d.Store, all(l.edited)); len(got) != 3*loadBlock {
		t.Errorf("%d samples are read", len(got))
	}
	readOnly("off", nil)
	l.goesOn(t, "when the database takes changes again")
	l.check(t)
}

// TestACommitWhoseAnswerIsLostIsReportedAsWhatItIs cuts the connection at the COMMIT of
// edits, flushes and compactions: before it arrives, or before its answer does.
func TestACommitWhoseAnswerIsLostIsReportedAsWhatItIs(t *testing.T) {
	t.Parallel()
	server := postgresServer(t)
	proxy := postgrestest.StartProxy(t, server.Port)
	d := &database{bucket: new(object.Memory), catalog: openPostgres(t, server.URLAt(proxy.Port(), server.Database(t))), dir: t.TempDir()}
	var now atomic.Int64
	d.options = sceneOptions(&now)
	d.options.LogFS = waltest.NewDisk()
	s := openScene(d, t, &now)
	ctx := context.Background()
	if err := errors.Join(s.prepare(ctx), s.Flush(ctx)); err != nil {
		t.Fatal(err)
	}
	edits := 1
	for i := range int64(6) {
		proxy.CutAll()
		proxy.CutAt("commit\x00", i%2 == 0)
		in := s.values(10, 100, float64(i)+2)
		var err error
		switch i / 2 {
		case 0, 1:
			var result columnar.EditResult
			result, err = s.change(ctx, columnar.EditInfo{Kind: columnar.Overwrite, Who: "bob", Exclusive: i >= 2}, func(e columnar.Editor) error {
				return e.Write(ctx, []columnar.Samples{in})
			})
			edits++
			if err == nil && result.Replaced+result.Inserted != 100 {
				t.Errorf("the edit says %+v", result)
			}
		default:
			err = errors.Join(s.Append(ctx, []columnar.Samples{in}), s.Flush(ctx))
			if errors.Is(err, postgres.ErrUncertain) {
				err = s.Flush(ctx) // looks whether the first one happened
			}
		}
		if err != nil {
			t.Errorf("case %d: %v", i, err)
		}
		if proxy.Cuts() != 1 {
			t.Errorf("case %d: the connection was cut %d times", i, proxy.Cuts())
		}
		rows := readSamples(t, s.Store, all(s.a))
		for k, want := range in.Floats {
			if rows[10+k].value != want {
				t.Fatalf("case %d: sample %d is %v, want %v", i, k, rows[10+k].value, want)
			}
		}
		if trail := s.look(t).edits; trail != edits {
			t.Errorf("case %d: %d edits are on the trail, want %d", i, trail, edits)
		}
	}
	before := s.look(t)
	proxy.CutAt("commit\x00", true)
	if err := s.Compact(ctx); err != nil {
		t.Error(err)
	}
	if !s.look(t).agrees(before) {
		t.Error("a compaction whose answer was lost has changed what is to be seen")
	}
	s.cleanUp(t)
	if err := d.Close(ctx); err != nil {
		t.Error(err)
	}
}
