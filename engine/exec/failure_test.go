package exec_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/optimize"
	"github.com/trellisdb/trellis/engine/plan"
)

var errDisk = errors.New("the disk is gone")

// slow and fast are questions that read samples and summaries.
const (
	slow = "SELECT series, sum(value + 1) FROM samples GROUP BY series"
	fast = "SELECT series, sum(value) FROM samples GROUP BY series"
)

func TestErrorsOfTheSourceEndTheQuery(t *testing.T) {
	for _, statement := range []string{slow, fast, "SELECT * FROM samples", "SELECT * FROM samples ORDER BY value LIMIT 3", "SELECT a.time FROM samples a JOIN samples b USING (time)"} {
		for _, workers := range []int{1, 4} {
			src, table := newPlant(t)
			src.fail = errDisk
			o := exec.Options{Source: src, Series: table, Env: env(t), Workers: workers}
			if _, err := tryValues(optimized(t, o, statement), o); !errors.Is(err, errDisk) {
				t.Errorf("%s with %d workers: %v", statement, workers, err)
			}
		}
	}
}

func optimized(t testing.TB, o exec.Options, statement string) plan.Node {
	t.Helper()
	n, err := optimize.Optimize(lowered(t, o, statement), optimize.Context{Env: o.Env})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAPanicOfAWorkerIsAnError(t *testing.T) {
	src, table := newPlant(t)
	o := exec.Options{Source: src, Series: table, Env: env(t), Workers: 4}
	n := optimized(t, o, slow)
	src.panicking = true
	if _, err := tryValues(n, o); err == nil || !strings.Contains(err.Error(), "internal error: a bug") {
		t.Errorf("got %v", err)
	}
}

func TestACancelledQueryEnds(t *testing.T) {
	src, table := newPlant(t)
	for _, statement := range []string{slow, fast, "SELECT count(*) FROM generate_series(1, 1000000000) a", "SELECT count(*) FROM samples a, samples b WHERE a.value < b.value"} {
		for _, workers := range []int{1, 4} {
			o := exec.Options{Source: src, Series: table, Env: env(t), Workers: workers}
			ctx, cancel := context.WithCancel(t.Context())
			s, err := exec.Run(ctx, optimized(t, o, statement), o)
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("%s with %d workers: %v", statement, workers, err)
			}
			if err := errors.Join(s.Close(), s.Close()); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestMemoryIsLimited(t *testing.T) {
	src, table := newPlant(t)
	for _, statement := range []string{
		"SELECT * FROM samples ORDER BY value",
		"SELECT time, value, count(*) FROM samples GROUP BY 1, 2",
		"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FROM samples",
		"SELECT count(DISTINCT time) FROM samples",
		"SELECT a.time FROM samples a JOIN samples b ON a.value = b.value",
		"SELECT time FROM samples INTERSECT SELECT time FROM samples",
		"SELECT * FROM generate_series(1, 10000000) a ORDER BY a DESC",
	} {
		for _, workers := range []int{1, 4} {
			o := exec.Options{Source: src, Series: table, Env: env(t), Workers: workers, Memory: 200_000}
			var e *plan.Error
			if _, err := tryValues(optimized(t, o, statement), o); !errors.As(err, &e) || e.Code != plan.CodeOutOfMemory || e.Hint == "" {
				t.Errorf("%s with %d workers: %v", statement, workers, err)
			}
		}
	}
	o := exec.Options{Source: src, Series: table, Env: env(t), Memory: 2 << 20}
	if rows := values(t, optimized(t, o, "SELECT * FROM samples ORDER BY value LIMIT 3"), exec.Options{Source: src, Series: table, Env: env(t)}); len(rows) != 3 {
		t.Errorf("%d rows", len(rows))
	}
}

func TestBatchesAreReleased(t *testing.T) {
	src, table := newPlant(t)
	for _, statement := range []string{
		slow, fast, "SELECT * FROM samples", "SELECT series, value, quality, text FROM samples", "SELECT value * 2 FROM samples WHERE value > 3 LIMIT 1000",
		"SELECT value FROM samples ORDER BY value LIMIT 3", "SELECT value FROM samples UNION SELECT high FROM series",
		"SELECT a.value FROM samples a FULL JOIN (SELECT value FROM samples LIMIT 10) b ON a.value = b.value",
		"SELECT x.value FROM samples x JOIN series s USING (series) WHERE extract(hour FROM local_time) = 6",
	} {
		for _, workers := range []int{1, 4} {
			checked := memory.NewCheckedAllocator(memory.NewGoAllocator())
			src.alloc = checked
			o := exec.Options{Source: src, Series: table, Env: env(t), Workers: workers}
			if _, err := tryValues(optimized(t, o, statement), o); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
			s, err := exec.Run(t.Context(), optimized(t, o, statement), o)
			if err != nil {
				t.Fatal(err)
			}
			b, err := s.Next(t.Context()) // and no more
			if err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if b != nil {
				b.Release()
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			t.Run(statement, func(t *testing.T) { checked.AssertSize(t, 0) })
		}
	}
}

func TestSummariesAreUsed(t *testing.T) {
	src, table := newPlant(t)
	o := exec.Options{Source: src, Series: table, Env: env(t), Profile: &exec.Profile{}}
	n := optimized(t, o, fast)
	values(t, n, o)
	if src.summaries.Load() != 1 {
		t.Errorf("summaries were asked for %d times", src.summaries.Load())
	}
	if p := o.Profile.Node(n); p == nil || p.Rows.Load() != int64(len(plant)) {
		t.Errorf("profile of the aggregate: %v", p)
	}
}

func TestAntiJoin(t *testing.T) {
	o := exec.Options{Env: env(t)}
	list := func(items ...any) plan.Node {
		v := &plan.Values{Cols: []plan.Field{{Name: "i", Type: plan.Bigint}}}
		for _, x := range items {
			v.Rows = append(v.Rows, []plan.Expr{&plan.Literal{Value: x, T: plan.Bigint}})
		}
		return v
	}
	left, right := list(int64(1), int64(2), nil), list(int64(2), nil, int64(2))
	j := &plan.Join{Kind: plan.Anti, Left: left, Right: right, LeftKeys: []plan.Expr{col(left, "i")}, RightKeys: []plan.Expr{col(right, "i")}}
	got := values(t, j, o)
	if !slices.EqualFunc(got, [][]any{{int64(1)}, {nil}}, slices.Equal[[]any]) {
		t.Errorf("got %v", got)
	}
}
