package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain also is the yardstick, which this program starts as a process of its own.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == stockName {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// measured runs a benchmark on little data and returns the rows of its tables by the
// first column, and its output.
func measured(t *testing.T, name string, change func(*options)) (map[string][]string, string) {
	t.Helper()
	if os.Getenv("TRELLIS") == "" {
		t.Fatal("the server is needed: build it with make build, and name it in TRELLIS; make test does both")
	}
	var out bytes.Buffer
	o := &options{
		trellis: os.Getenv("TRELLIS"), dir: t.TempDir(), years: 40 / 365.25, samples: 1 << 18, streams: 2,
		series: 100, edits: 3, chunk: "day", delay: time.Millisecond, out: &out,
	}
	if change != nil {
		change(o)
	}
	for _, b := range benchmarks {
		if b.name == name {
			if err := b.run(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
	}
	rows := map[string][]string{}
	for line := range strings.Lines(out.String()) {
		if cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|"); len(cells) > 1 {
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows[cells[0]] = cells[1:]
		}
	}
	return rows, out.String()
}

// number reads a cell.
func number(t *testing.T, row []string, cell int) float64 {
	t.Helper()
	if cell >= len(row) {
		t.Fatalf("no cell %d in %q", cell, row)
	}
	x, err := strconv.ParseFloat(strings.TrimSuffix(row[cell], " ms"), 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestIngestInBulkArrivesWhole(t *testing.T) {
	rows, out := measured(t, "ingest", nil)
	for _, name := range []string{"long, 64 Ki rows of one series", "long, 64 Ki rows of 8 series, dictionary", "wide, 8 Ki rows of 8 series"} {
		if n := number(t, rows[name], 0); n != 1<<18 {
			t.Errorf("%s: %v samples\n%s", name, n, out)
		}
	}
}

func TestPointsOfManySeriesArriveWhole(t *testing.T) {
	rows, out := measured(t, "points", func(o *options) { o.samples = 8 * 400 })
	for _, name := range []string{"long", "long, dictionary", "wide, a column per series"} {
		if n := number(t, rows[name], 0); n != 400 {
			t.Errorf("%s: %v samples\n%s", name, n, out)
		}
	}
}

func TestEditsReplaceAnHourEach(t *testing.T) {
	rows, out := measured(t, "edit", nil)
	for _, name := range []string{"store: Edit, Write, Commit", "Flight SQL: UPDATE ... SET value = value * 1.02"} {
		if n := number(t, rows[name], 0); n != 3 {
			t.Errorf("%s: %v edits\n%s", name, n, out)
		}
	}
	// A segment of the years and one of each edit, which become one.
	for name, want := range map[string]float64{"store: after 3 edits": 4, "store: compacted": 1} {
		if n := number(t, rows[name], 2); n != want {
			t.Errorf("%s: %v segments, want %v\n%s", name, n, want, out)
		}
	}
}

func TestBackfillInRandomOrderEndsLikeOneInOrder(t *testing.T) {
	for _, chunk := range []string{"hour", "day", "month"} {
		rows, out := measured(t, "backfill", func(o *options) { o.chunk = chunk })
		ordered, random := rows["in order"], rows["in random order"]
		if number(t, ordered, 4) != number(t, random, 4) {
			t.Errorf("%s: other segments\n%s", chunk, out)
		}
		if a := number(t, random, 3); a < 1 || a > amplificationTarget {
			t.Errorf("%s: %v bytes written for a live one\n%s", chunk, a, out)
		}
	}
}

func TestRequestsToS3AreCounted(t *testing.T) {
	rows, out := measured(t, "s3", nil)
	for name, want := range map[string]float64{
		"one series by month, warm":                     0,
		"all series by month, warm":                     0,
		"one series by month, cold":                     2, // footer and index
		"one series by month, opened again, disk cache": 0,
	} {
		if n := number(t, rows[name], 0); n != want {
			t.Errorf("%s: %v requests, want %v\n%s", name, n, want, out)
		}
	}
	// Whose the bucket is, who its writer is, and how far its journal of the catalog goes
	// is asked and said once.
	if n := number(t, rows["open"], 0); n < 4 || n > 24 {
		t.Errorf("open: %v requests, want 4 to 24\n%s", n, out)
	}
	if n := number(t, rows["flush"], 0); n < 2 {
		t.Errorf("flush: %v requests\n%s", n, out)
	}
}

func TestThePastIsReadAsThePresentIs(t *testing.T) {
	rows, out := measured(t, "past", nil)
	for _, name := range []string{"now", "as of before", "now, compacted", "as of before, compacted"} {
		if ms := number(t, rows[name], 1); ms <= 0 {
			t.Errorf("%s: %v ms\n%s", name, ms, out)
		}
	}
}

func TestABenchmarkThatDoesNotExistIsRefused(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"nothing"}, &out); err == nil || !strings.Contains(err.Error(), `"nothing"`) {
		t.Errorf("%v", err)
	}
}

func TestQuantilesAreOfTheSortedDurations(t *testing.T) {
	of := []time.Duration{5, 1, 4, 2, 3}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := quantile(of, q); got != want {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
}

func TestTablesAreMarkdown(t *testing.T) {
	var out bytes.Buffer
	table := table{title: "T", head: []string{"a", "b"}}
	table.add("x", 1.5)
	table.add("long", 2*time.Millisecond)
	table.note("n %d", 1)
	if err := table.write(&out); err != nil {
		t.Fatal(err)
	}
	want := "\n## T\n\n| a    |       b |\n|------|--------:|\n| x    |    1.50 |\n| long | 2.00 ms |\n\nn 1\n"
	if out.String() != want {
		t.Errorf("%s", fmt.Sprintf("%q, want %q", out.String(), want))
	}
}
