package sql

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
)

var update = flag.Bool("update", false, "write what the statements in testdata now lower to")

// testScope is a session in Berlin at 12:00 UTC on 15 June 2024.
func testScope(t testing.TB) Scope {
	t.Helper()
	z, err := zone.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return Scope{Zone: z, Now: time.Date(2024, 6, 15, 12, 0, 0, 0, time.UTC).UnixMicro()}
}

// TestGolden lowers the statements in testdata/*.txt. A file holds statements, each
// followed by a line of four dashes and what it lowers to: its plan and parameters,
// or its error. A blank line ends that.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			for _, statement := range statements(string(content)) {
				fmt.Fprintf(&out, "%s\n----\n%s\n", statement, lowered(t, statement))
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

// statements cuts a golden file into its statements.
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

// lowered returns the plan of a statement, or its error with the place in the text.
func lowered(t *testing.T, statement string) string {
	t.Helper()
	stmt, err := Parse(statement)
	if err != nil {
		return show(t, err, statement)
	}
	n, params, err := Lower(stmt, testScope(t))
	if err != nil {
		return show(t, err, statement)
	}
	if err := plan.Validate(n); err != nil {
		t.Errorf("%s\nlowers to an invalid plan: %v", statement, err)
	}
	var b strings.Builder
	plan.Print(&b, n, plan.PrintOptions{})
	for i, p := range params {
		fmt.Fprintf(&b, "$%d: %s\n", i+1, p)
	}
	return b.String()
}

func show(t *testing.T, err error, statement string) string {
	t.Helper()
	var mistake *plan.Error
	if !errors.As(err, &mistake) {
		t.Errorf("%s\nis refused with %v, which is no *plan.Error", statement, err)
		return ""
	}
	return mistake.Show(statement) + "\n"
}
