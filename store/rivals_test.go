package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/segment"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/postgres"
	"github.com/trellisdb/trellis/meta/sqlite"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

func TestASecondWriterIsRefusedWhileTheLeaseLastsAndTakesOverThen(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	catalog := d.catalog
	var silent atomic.Bool // the first writer is not heard of any more
	d.catalog = &faultyCatalog{catalog, func(at string) error {
		if silent.Load() && at == "renew" {
			return errCatalog
		}
		return nil
	}}
	d.options.Holder, d.options.LeaseTTL = "plant-1:4711", 3*time.Second
	d.open(t)
	o := store.Options{Bucket: d.bucket, Catalog: catalog, LogDir: t.TempDir(), Clock: clock, LeaseTTL: time.Hour, Holder: "plant-2:12"}
	ctx := context.Background()
	for range 5 { // longer than a lease lasts that is not renewed
		if _, err := store.Open(ctx, o); !errors.Is(err, meta.ErrHeld) || !strings.Contains(err.Error(), `"plant-1:4711"`) {
			t.Fatalf("a second writer: %v", err)
		}
		time.Sleep(time.Second)
	}
	silent.Store(true)
	var second *store.Store
	until(t, longest, func() (err error) {
		if second, err = store.Open(ctx, o); err != nil && !errors.Is(err, meta.ErrHeld) {
			t.Fatal(err)
		}
		return err
	})
	if err := d.Compact(ctx); err != nil {
		t.Errorf("what needs no commit: %v", err)
	}
	_, err := d.Collect(ctx, false)
	if !errors.Is(err, meta.ErrConflict) || !strings.Contains(err.Error(), `"plant-2:12"`) {
		t.Errorf("a collection of the first writer: %v", err)
	}
	if err := second.Close(ctx); err != nil {
		t.Error(err)
	}
}

// TestAFencedWriterChangesNothing lets another writer take over before each operation of
// the first one, or in the middle of an edit. The operation is refused, what it has put
// into the bucket is collected by the other, and nothing that can be seen changes.
func TestAFencedWriterChangesNothing(t *testing.T) {
	t.Parallel()
	for _, op := range operations[1:] {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			var now atomic.Int64
			d.options = sceneOptions(&now)
			d.options.Keep, d.options.LogFS = -1, waltest.NewDisk()
			s := openScene(d, t, &now)
			ctx := context.Background()
			if err := s.prepare(ctx); err != nil {
				t.Fatal(err)
			}
			middle, err := s.Edit(ctx, columnar.EditInfo{Kind: columnar.Overwrite, Who: "ada"})
			if err != nil {
				t.Fatal(err)
			}
			if err := middle.Write(ctx, []columnar.Samples{s.values(0, 210, 77)}); err != nil {
				t.Fatal(err)
			}
			rival := &database{bucket: d.bucket, catalog: d.catalog, dir: t.TempDir(), options: d.options}
			rival.options.LogFS, rival.options.Holder = waltest.NewDisk(), "rival"
			other := openScene(rival, t, &now)
			before := other.look(t)
			if err := op.do(ctx, s); !errors.Is(err, meta.ErrConflict) || !strings.Contains(err.Error(), "rival") {
				t.Errorf("the fenced writer: %v", err)
			}
			if _, err := middle.Commit(ctx); !errors.Is(err, meta.ErrConflict) {
				t.Errorf("an edit that began before: %v", err)
			}
			if err := middle.Close(); err != nil {
				t.Error(err)
			}
			if !other.look(t).agrees(before) {
				t.Error("a fenced writer has changed what is to be seen")
			}
			other.cleanUp(t)
			if err := errors.Join(rival.Close(ctx), d.Close(ctx)); err != nil {
				t.Error(err)
			}
			d.Store = nil
		})
	}
}

// The environment of a process that races with another one: its directory, its number
// and the catalog, a path or a URL. The time for which they race is rivalsEnv's, or short.
const (
	rivalDirEnv     = "TRELLIS_STORE_TEST_RIVAL_DIR"
	rivalNumberEnv  = "TRELLIS_STORE_TEST_RIVAL"
	rivalCatalogEnv = "TRELLIS_STORE_TEST_RIVAL_CATALOG"
	rivalsEnv       = "TRELLIS_RIVALS"
)

// rivalChild is a process that races. It reports whether this is one.
func rivalChild() bool {
	dir := os.Getenv(rivalDirEnv)
	if dir == "" {
		return false
	}
	if err := race(dir, os.Getenv(rivalNumberEnv), os.Getenv(rivalCatalogEnv)); err != nil {
		fmt.Println("error", err)
	}
	return true
}

// openRace opens what rivals share.
func openRace(dir, where string) (meta.Catalog, *object.Dir, error) {
	bucket, err := object.OpenDir(filepath.Join(dir, "bucket"))
	if err != nil {
		return nil, nil, err
	}
	if strings.HasPrefix(where, "postgres:") {
		c, err := postgres.Open(context.Background(), where, postgres.Options{Connections: 3})
		return c, bucket, err
	}
	c, err := sqlite.Open(context.Background(), where)
	return c, bucket, err
}

func raceOptions(dir, number string, catalog meta.Catalog, bucket object.Bucket) store.Options {
	return store.Options{
		Bucket: bucket, Catalog: catalog, LogDir: filepath.Join(dir, "log-"+number), Clock: clock, Holder: "rival-" + number,
		LeaseTTL: -1, HeadBytes: 30_000, CompactRate: -1, Keep: -1, Grace: time.Millisecond, Workers: 1,
	}
}

const raceBlock = 50

// race takes over as the writer again and again, and does random things until it is fenced.
func race(dir, number, where string) error {
	catalog, bucket, err := openRace(dir, where)
	if err != nil {
		return err
	}
	all, err := catalog.Series(context.Background())
	if err != nil {
		return err
	}
	own := all[number[0]-'0'].Series
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 0))
	next := int64(0)
	for {
		s, err := store.Open(context.Background(), raceOptions(dir, number, catalog, bucket))
		if errors.Is(err, meta.ErrConflict) { // the other one was faster
			fmt.Println("fenced")
			continue
		}
		if err != nil {
			return err
		}
		for err == nil {
			next, err = raceStep(s, r, number, own, all[2].Series, next)
		}
		if !errors.Is(err, meta.ErrConflict) {
			return err
		}
		fmt.Println("fenced")
		if err := s.Close(context.Background()); err != nil && !errors.Is(err, meta.ErrConflict) {
			return err
		}
	}
}

// raceStep does something at random.
func raceStep(s *store.Store, r *rand.Rand, number string, own, shared columnar.Series, next int64) (int64, error) {
	ctx := context.Background()
	switch r.IntN(10) {
	default:
		n := int64(1 + r.IntN(120))
		err := s.Append(ctx, []columnar.Samples{ramp(own, next, n)})
		if err == nil {
			next += n
			fmt.Println("ack", next)
		}
		return next, err
	case 6, 7:
		return next, s.Flush(ctx)
	case 8:
		if r.IntN(2) == 0 {
			return next, s.Compact(ctx)
		}
		_, err := s.Collect(ctx, false)
		return next, err
	case 9:
		e, err := s.Edit(ctx, columnar.EditInfo{Kind: columnar.Overwrite, Who: number})
		if err != nil {
			return next, err
		}
		in := ramp(shared, 0, 3*raceBlock)
		value := r.Float64()
		for i := range in.Floats {
			in.Floats[i] = value
		}
		if err := e.Write(ctx, []columnar.Samples{in}); err != nil {
			return next, errors.Join(err, e.Close())
		}
		result, err := e.Commit(ctx)
		if err == nil {
			fmt.Println("edit", result.ID, value)
		}
		return next, err
	}
}

// raceFor is for how long rivals race.
func raceFor(t *testing.T) time.Duration {
	text := os.Getenv(rivalsEnv)
	if text == "" {
		return 2 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// rivalResult is what a racing process has said.
type rivalResult struct {
	acknowledged int64
	edits        map[int64]float64
	fenced       int
}

// runRival runs a process for a time and then kills it.
func runRival(t *testing.T, dir, number, where string, most time.Duration) (said rivalResult) {
	said.edits = map[int64]float64{}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), rivalDirEnv+"="+dir, rivalNumberEnv+"="+number, rivalCatalogEnv+"="+where)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Error(err)
		return said
	}
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return said
	}
	defer time.AfterFunc(most, func() { _ = cmd.Process.Kill() }).Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		var id int64
		var value float64
		switch {
		case line == "fenced":
			said.fenced++
		case strings.HasPrefix(line, "ack "):
			_, err = fmt.Sscanf(line, "ack %d", &said.acknowledged)
		case strings.HasPrefix(line, "edit "):
			_, err = fmt.Sscanf(line, "edit %d %g", &id, &value)
			said.edits[id] = value
		default:
			t.Errorf("rival %s says %q", number, line)
		}
		if err != nil {
			t.Errorf("rival %s says %q: %v", number, line, err)
		}
	}
	_ = cmd.Wait() // it was killed
	return said
}

func TestTwoWritersThatRaceCorruptNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"SQLite", "PostgreSQL"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			where := filepath.Join(dir, "catalog.db")
			if kind == "PostgreSQL" {
				server := postgresServer(t)
				where = server.URL(server.Database(t))
			}
			catalog, bucket, err := openRace(dir, where)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := catalog.Close(); err != nil {
					t.Error(err)
				}
			}()
			d := &database{bucket: bucket, catalog: catalog}
			var series []columnar.Series
			for i := range 3 {
				series = append(series, d.create(t, fmt.Sprint(i), columnar.Double, columnar.Grid{Period: second, BlockLen: raceBlock}))
			}
			var said [2]rivalResult
			var wg sync.WaitGroup
			for i := range said {
				wg.Go(func() { said[i] = runRival(t, dir, fmt.Sprint(i), where, raceFor(t)) })
			}
			wg.Wait()
			t.Logf("%d and %d samples, %d and %d edits, fenced %d and %d times", said[0].acknowledged, said[1].acknowledged,
				len(said[0].edits), len(said[1].edits), said[0].fenced, said[1].fenced)
			checkRace(t, dir, d, series, said)
		})
	}
}

// checkRace opens the logs of both rivals, one after the other, and checks everything.
func checkRace(t *testing.T, dir string, d *database, series []columnar.Series, said [2]rivalResult) {
	t.Helper()
	ctx := context.Background()
	for i := range said {
		s, err := store.Open(ctx, raceOptions(dir, fmt.Sprint(i), d.catalog, d.bucket))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if said[i].acknowledged == 0 || said[i].fenced == 0 {
			t.Errorf("rival %d has done nothing, or was never fenced", i)
		}
	}
	s, err := store.Open(ctx, raceOptions(dir, "0", d.catalog, d.bucket))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	for i := range said {
		rows := readSamples(t, s, all(series[i]))
		if int64(len(rows)) < said[i].acknowledged {
			t.Errorf("series %d has %d samples, %d were acknowledged", i, len(rows), said[i].acknowledged)
		}
		for k, row := range rows {
			if row.value != float64(k) {
				t.Fatalf("series %d: sample %d is %v", i, k, row.value)
			}
		}
	}
	trail, err := d.catalog.Edits(ctx, meta.EditFilter{})
	if err != nil {
		t.Fatal(err)
	}
	rows := readSamples(t, s, all(series[2]))
	for _, row := range rows {
		if row.value != rows[0].value {
			t.Fatal("half an edit is there")
		}
	}
	for _, e := range trail {
		value, ok := said[e.Who[0]-'0'].edits[e.ID]
		delete(said[e.Who[0]-'0'].edits, e.ID)
		if ok && e.ID == trail[len(trail)-1].ID && rows[0].value != value {
			t.Errorf("the last edit wrote %v, there is %v", value, rows[0].value)
		}
	}
	if n := len(said[0].edits) + len(said[1].edits); n > 0 {
		t.Errorf("%d edits were acknowledged and are not on the trail", n)
	}
	verifySummaries(t, s, series)
	verifyObjects(t, d)
}

// verifySummaries compares the summaries of every block with its samples.
func verifySummaries(t *testing.T, s *store.Store, series []columnar.Series) {
	t.Helper()
	for _, one := range series {
		sel := all(one)
		sel.Bins, sel.Stats = []columnar.Bins{width(raceBlock * second)}, columnar.AllStats
		rows := readSamples(t, s, all(one))
		at := 0
		for _, bin := range readSummaries(t, s, sel) {
			count, sum := 0, 0.0
			for ; at < len(rows) && rows[at].time < bin.Time+raceBlock*second; at++ {
				count++
				sum += rows[at].value.(float64)
			}
			if int(bin.Summary.Count) != count || abs(bin.Summary.Sum.Round()-sum) > 1e-6*(1+abs(sum)) {
				t.Fatalf("series %d: the block from %d has %d samples of sum %v by its summary, %d of %v by its samples",
					one.ID, bin.Time, bin.Summary.Count, bin.Summary.Sum.Round(), count, sum)
			}
		}
		if at != len(rows) {
			t.Errorf("series %d: summaries tell of %d samples of %d", one.ID, at, len(rows))
		}
	}
}

func abs(x float64) float64 { return max(x, -x) }

// verifyObjects checks every byte of every segment that the catalog knows.
func verifyObjects(t *testing.T, d *database) {
	t.Helper()
	for _, m := range segmentsOf(t, d) {
		o, err := d.bucket.Open(context.Background(), m.Name)
		if err != nil {
			t.Errorf("the catalog knows a segment that is not there: %v", err)
			continue
		}
		reader, err := segment.Open(o, o.Size(), segment.Options{Name: m.Name})
		if err == nil {
			err = segment.Verify(reader)
		}
		if err := errors.Join(err, o.Close()); err != nil {
			t.Error(err)
		}
	}
}
