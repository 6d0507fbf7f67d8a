package demo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/cmd/trellis/internal/client"
)

// documented returns the SQL statements of a page.
func documented(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "..", page))
	if err != nil {
		t.Fatal(err)
	}
	var statements []string
	for i, part := range strings.Split(string(text), "```") {
		block, ok := strings.CutPrefix(part, "sql\n")
		if i%2 == 0 || !ok {
			continue
		}
		var code strings.Builder
		for line := range strings.Lines(block) {
			before, _, _ := strings.Cut(line, "--")
			code.WriteString(strings.TrimRight(before, " \n") + "\n")
		}
		for s := range strings.SplitSeq(code.String(), ";\n") {
			if s = strings.TrimSpace(s); s != "" {
				statements = append(statements, s)
			}
		}
	}
	return statements
}

func TestDocumentedStatementsRun(t *testing.T) {
	conn, err := client.OpenDir(t.Context(), trellis.Options{Dir: t.TempDir(), Clock: func() int64 { return time.Now().UnixMicro() }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	d := &demo{opts: Options{Out: &strings.Builder{}, Clock: time.Now}, years: Years(0.03), conn: conn}
	if err := d.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What the pages take for granted.
	prelude := "INSERT INTO series (series, type, sample_t) VALUES ('original', 'double', '1 s'), ('copy', 'double', '1 s')"
	if err := d.run(t.Context(), prelude); err != nil {
		t.Fatal(err)
	}
	for page, least := range map[string]int{"README.md": 4, "docs/sql.md": 6, "docs/operations.md": 4} {
		statements := documented(t, page)
		if len(statements) < least {
			t.Errorf("%s has %d statements, less than %d", page, len(statements), least)
		}
		for _, s := range statements {
			result, err := conn.Run(t.Context(), s, nil)
			if err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			if result.Rows == nil {
				continue
			}
			if _, err := hold(t.Context(), result.Rows); err != nil {
				t.Errorf("%s: %s: %v", page, s, err)
			}
			if err := result.Rows.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
