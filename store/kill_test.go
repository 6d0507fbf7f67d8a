package store_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/sqlite"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
)

// The environment of the process that is killed: childEnv names its directory,
// batchEnv the number of the first batch that its writers write.
const (
	childEnv = "TRELLIS_STORE_TEST_CHILD"
	batchEnv = "TRELLIS_STORE_TEST_BATCH"
	killsEnv = "TRELLIS_KILLS" // how often to kill; default 10
)

const (
	killWriters  = 4
	killBlockLen = 50
)

// runChild is the process that is killed. It reports whether this is one.
func runChild() bool {
	dir := os.Getenv(childEnv)
	if dir == "" {
		return false
	}
	if err := child(dir); err != nil {
		fmt.Println("error", err)
	}
	return true
}

// openOnDisk opens a database of files, with its series.
func openOnDisk(dir string) (*store.Store, meta.Catalog, []columnar.Series, error) {
	ctx := context.Background()
	catalog, err := sqlite.Open(ctx, filepath.Join(dir, "catalog.db"))
	if err != nil {
		return nil, nil, nil, err
	}
	all, err := catalog.Series(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(all) == 0 {
		for w := range killWriters {
			all = append(all, meta.Series{
				Series: columnar.Series{Type: columnar.Double, Grid: columnar.Grid{Period: second, BlockLen: killBlockLen}},
				Name:   strconv.Itoa(w), Zone: "UTC", Codec: "auto", Labels: "{}",
			})
		}
		if all, err = catalog.CreateSeries(ctx, all); err != nil {
			return nil, nil, nil, err
		}
	}
	var series []columnar.Series
	for _, s := range all {
		series = append(series, s.Series)
	}
	bucket, err := object.OpenDir(filepath.Join(dir, "bucket"))
	if err != nil {
		return nil, nil, nil, err
	}
	s, err := store.Open(ctx, store.Options{
		Bucket: bucket, Catalog: catalog, LogDir: filepath.Join(dir, "log"), Clock: clock, HeadBytes: 100_000,
	})
	return s, catalog, series, err
}

// killBatch returns the samples of a writer's batch: up to three blocks, a few of
// them late.
func killBatch(s columnar.Series, batch int) columnar.Samples {
	in := columnar.Samples{Series: s}
	for i := range 1 + batch%(3*killBlockLen) {
		slot := int64(batch)*3*killBlockLen + int64(i)
		if batch%5 == 4 {
			slot = -slot
		}
		in.Times = append(in.Times, slot*second)
		in.Floats = append(in.Floats, float64(slot)*3+float64(s.ID))
	}
	return in
}

// child appends until it is killed, and says which batches were acknowledged.
func child(dir string) error {
	first, err := strconv.Atoi(os.Getenv(batchEnv))
	if err != nil {
		return err
	}
	s, _, series, err := openOnDisk(dir)
	if err != nil {
		return err
	}
	fmt.Println("open")
	var wg sync.WaitGroup
	for w := range series {
		wg.Go(func() {
			for batch := first; ; batch++ {
				if err := s.Append(context.Background(), []columnar.Samples{killBatch(series[w], batch)}); err != nil {
					fmt.Println("error", err)
					return
				}
				fmt.Println("ack", w, batch)
			}
		})
	}
	wg.Wait()
	return nil
}

func TestAKilledProcessLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	kills := 10
	if n := os.Getenv(killsEnv); n != "" {
		var err error
		if kills, err = strconv.Atoi(n); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(seed(t), 0))
	dir := t.TempDir()
	acknowledged := make([][]int, killWriters)
	next := 0
	for range kills {
		next = killOnce(t, dir, next, time.Duration(1+r.IntN(150))*time.Millisecond, acknowledged)
		verify(t, dir, acknowledged)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kills, %d batches by each writer, at most", kills, next)
	if next < kills {
		t.Errorf("the processes wrote only %d batches", next)
	}
}

// killOnce starts a process, kills it when it has been open for some time, adds
// what it acknowledged and returns the first batch that none has written.
func killOnce(t *testing.T, dir string, first int, after time.Duration, acknowledged [][]int) (next int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir, batchEnv+"="+strconv.Itoa(first))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	next = first
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		if line == "open" {
			defer time.AfterFunc(after, func() { _ = cmd.Process.Kill() }).Stop()
			continue
		}
		var w, batch int
		if _, err := fmt.Sscanf(line, "ack %d %d", &w, &batch); err != nil {
			t.Errorf("the process says %q", line)
			continue
		}
		acknowledged[w] = append(acknowledged[w], batch)
		next = max(next, batch+1)
	}
	_ = cmd.Wait() // it was killed
	return next + 1
}

// verify checks that all that was acknowledged is there.
func verify(t *testing.T, dir string, acknowledged [][]int) {
	t.Helper()
	s, catalog, series, err := openOnDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	for w, batches := range acknowledged {
		found := make(map[int64]float64)
		sel := columnar.Selection{Series: series[w : w+1], Ranges: [][]columnar.Range{always}, Qualities: columnar.AnyQuality}
		for _, row := range readSamples(t, s, sel) {
			found[row.time] = row.value.(float64)
		}
		for _, b := range batches {
			in := killBatch(series[w], b)
			for i, at := range in.Times {
				if v, ok := found[at]; !ok || v != in.Floats[i] {
					t.Fatalf("writer %d, batch %d, instant %d: found %v, %v; want %v", w, b, at, v, ok, in.Floats[i])
				}
			}
		}
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if err := catalog.Close(); err != nil {
		t.Error(err)
	}
}
