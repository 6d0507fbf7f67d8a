package optimize_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/optimize"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/engine/sql"
)

var update = flag.Bool("update", false, "write what the statements in testdata are now optimized to")

// TestGolden optimizes the statements in testdata/*.txt, of which there is a file
// per rule. A file holds statements, each followed by a line of four dashes, the
// plan that it is lowered to, a line of four equals signs and the optimized plan. A
// blank line ends that.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			for _, statement := range statements(string(content)) {
				before, after := optimized(t, statement)
				fmt.Fprintf(&out, "%s\n----\n%s====\n%s\n", statement, before, after)
			}
			if *update {
				if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(content), out.String()); diff != "" {
				t.Errorf("plans differ from those in %s (-old +new):\n%s", file, diff)
			}
		})
	}
}

// statements returns the statements of a golden file.
func statements(content string) []string {
	var all, lines []string
	inPlan := false
	for line := range strings.Lines(content) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "----":
			all = append(all, strings.Join(lines, "\n"))
			lines, inPlan = nil, true
		case line == "":
			inPlan = false
		case !inPlan:
			lines = append(lines, line)
		}
	}
	return all
}

// optimized returns the plan of a statement before and after, for a session in
// Berlin at 12:00 UTC on 15 June 2024.
func optimized(t *testing.T, statement string) (before, after string) {
	t.Helper()
	z, err := zone.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	env := &eval.Env{Zone: z, Now: time.Date(2024, 6, 15, 12, 0, 0, 0, time.UTC).UnixMicro()}
	parsed, err := sql.Parse(statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	n, _, err := sql.Lower(parsed, sql.Scope{Zone: env.Zone, Now: env.Now})
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	better, err := optimize.Optimize(n, optimize.Context{Env: env})
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if err := plan.Validate(better); err != nil {
		t.Errorf("%s\nis optimized to an invalid plan: %v\n%s", statement, err, plan.Sprint(better))
	}
	again, err := optimize.Optimize(better, optimize.Context{Env: env})
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if d := cmp.Diff(plan.Sprint(better), plan.Sprint(again)); d != "" {
		t.Errorf("%s\nis changed by optimizing it once more:\n%s", statement, d)
	}
	return plan.Sprint(n), plan.Sprint(better)
}
