package exec_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/plan"
)

// manySeries are more series than one morsel has.
func manySeries() (many []testSeries) {
	for i := range 150 {
		many = append(many, testSeries{
			name: fmt.Sprintf("many/%03d", i), kind: columnar.Double, period: hour, blockLen: 24, zone: "UTC", labels: `{}`, from: fall2023, blocks: 3,
		})
	}
	return many
}

func TestGroupsOfManySeriesAreThoseOfEach(t *testing.T) {
	series := manySeries()
	src, table := newPlantOf(t, series)
	for _, statement := range []string{
		"SELECT series, count(*), sum(value) FROM samples WHERE %s GROUP BY series",
		"SELECT series, sum(value + 1) FROM samples WHERE %s GROUP BY series",
		"SELECT time_bucket('1 day', time) AS day, series, avg(value) FROM samples WHERE %s GROUP BY 1, 2 HAVING count(*) > 3",
		"SELECT name, max(v) FROM (SELECT series AS name, value * 2 AS v FROM samples WHERE %s) x WHERE v > 1 GROUP BY name",
		"SELECT series, time_bucket('1 day', time) AS day, avg(value) FROM samples WHERE %s GROUP BY 1, 2 ORDER BY 1, 2",
	} {
		o := exec.Options{Source: src, Series: table, Env: env(t), Workers: 1}
		var want [][]any
		for _, s := range series {
			want = append(want, values(t, optimized(t, o, fmt.Sprintf(statement, "series = '"+s.name+"'")), o)...)
		}
		if len(want) < 100 {
			t.Fatalf("%s: only %d rows", statement, len(want))
		}
		for _, workers := range []int{1, 2, 8} {
			o.Workers = workers
			if got := values(t, optimized(t, o, fmt.Sprintf(statement, "true")), o); !reflect.DeepEqual(got, want) {
				t.Errorf("%s with %d workers: %d rows differ from %d", statement, workers, len(got), len(want))
			}
		}
	}
}

func TestGroupsOfManySeriesAreNotHeldAtOnce(t *testing.T) {
	src, table := newPlantOf(t, manySeries())
	part := memory.NewBudget(1<<30).NewPart("queries", 0, 0)
	const statement = "SELECT series, time, sum(value) FROM samples GROUP BY series, time"
	held := func(statement string) int64 {
		o := exec.Options{Source: src, Series: table, Env: env(t), Workers: 1, Memory: 1 << 24, Shared: part}
		for ; o.Memory > 1<<10; o.Memory -= o.Memory / 8 {
			if _, err := tryValues(optimized(t, o, statement), o); err != nil {
				break
			}
		}
		return o.Memory
	}
	if each, all := held(statement), held("SELECT label, sum(value) FROM (SELECT series || time::text AS label, value FROM samples) x GROUP BY label"); each > all/2 {
		t.Errorf("%d bytes are held for groups of each series, %d for groups of all", each, all)
	}
	if part.Used() != 0 {
		t.Errorf("%d bytes have leaked", part.Used())
	}
}

func TestMorselsEndWithTheirStream(t *testing.T) {
	src, table := newPlantOf(t, manySeries())
	part := memory.NewBudget(1<<30).NewPart("queries", 0, 0)
	for _, workers := range []int{1, 4} {
		o := exec.Options{Source: src, Series: table, Env: env(t), Workers: workers, Shared: part}
		for _, batches := range []int{0, 1, 2} {
			s, err := exec.Run(t.Context(), optimized(t, o, "SELECT series, sum(value + 1) FROM samples GROUP BY series"), o)
			if err != nil {
				t.Fatal(err)
			}
			for range batches {
				b, err := s.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				b.Release()
			}
			if err := errors.Join(s.Close(), s.Close()); err != nil {
				t.Error(err)
			}
			if _, err := s.Next(t.Context()); !errors.Is(err, io.EOF) {
				t.Errorf("after Close: %v", err)
			}
			if part.Used() != 0 {
				t.Errorf("after %d batches with %d workers %d bytes have leaked", batches, workers, part.Used())
			}
		}
	}
}

func TestStatementsWaitForTheirFloorAndAreRefusedBeyondIt(t *testing.T) {
	src, table := newPlant(t)
	part := memory.NewBudget(1<<20).NewPart("queries", 0, 0)
	o := exec.Options{Source: src, Series: table, Env: env(t), Workers: 1, Shared: part}
	var open []columnar.Stream
	for range 4 { // each has a quarter
		s, err := exec.Run(t.Context(), optimized(t, o, "SELECT * FROM samples ORDER BY value"), o)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, s)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	waits := make(chan error, 1)
	go func() {
		_, err := exec.Run(ctx, optimized(t, o, "SELECT (SELECT max(value) FROM samples)"), o)
		waits <- err
	}()
	for memoryUse(part) == 0 {
		select {
		case err := <-waits:
			t.Fatalf("a fifth statement did not wait: %v", err)
		default:
		}
	}
	cancel(nil)
	if err := <-waits; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := tryValues(optimized(t, o, "SELECT 1"), o); err != nil {
		t.Errorf("what reads no samples waits too: %v", err)
	}
	if err := open[0].Close(); err != nil {
		t.Error(err)
	}
	if rows := values(t, optimized(t, o, "SELECT (SELECT max(value) FROM samples)"), o); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
	var e *plan.Error
	_, err := tryValues(optimized(t, o, "SELECT * FROM samples ORDER BY value"), o)
	if !errors.As(err, &e) || e.Code != plan.CodeOutOfMemory || !strings.Contains(e.Msg, "of 1 MiB in all, are held by queries 1 MiB") || e.Hint == "" {
		t.Errorf("%v", err)
	}
	for _, s := range open {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if part.Used() != 0 {
		t.Errorf("%d bytes have leaked", part.Used())
	}
	if _, err := tryValues(optimized(t, o, "SELECT time, value FROM samples ORDER BY value"), o); err != nil {
		t.Errorf("alone: %v", err)
	}
}

// memoryUse returns how many reservations of a part wait.
func memoryUse(p *memory.Part) int { return p.Use().Waiting }
