package trellis_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

var update = flag.Bool("update", false, "write the answers into the query files")

// testNow is what the clock of every test database shows: 2024-06-01T12:00:00Z.
const testNow = 1_717_243_200_000_000

// door is a way in which statements reach a database.
type door interface {
	// query returns the columns' names and the rows, as text.
	query(ctx context.Context, text string) (names []string, rows [][]string, err error)
	// exec returns the number of rows written.
	exec(ctx context.Context, text string) (int64, error)
}

// openTest opens an empty database in a directory of the test's own.
func openTest(t testing.TB, dir string) *trellis.DB {
	t.Helper()
	db, err := trellis.Open(t.Context(), trellis.Options{
		Dir: dir, Clock: func() int64 { return testNow }, Workers: 2, Seed: 1, Admins: []string{"tester"}, CompactRate: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// TestQueryFiles runs the query files in testdata/query, each in an empty database,
// through the embedded door: before a flush, after it, and after the database was
// closed and opened again, with summaries and without. The answers are the same.
func TestQueryFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/query/*.test")
	if err != nil || len(files) == 0 {
		t.Fatal("no query files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test"), func(t *testing.T) {
			dir := t.TempDir()
			db := openTest(t, dir)
			run := func(stage string, writes bool) {
				t.Helper()
				s := db.Engine.NewSession("tester")
				if stage == "without summaries" {
					off := "off"
					if err := s.Set("trellis.summaries", &off); err != nil {
						t.Fatal(err)
					}
				}
				runFile(t, embedded{db.Engine, s}, file, stage, writes)
			}
			run("in the head", true)
			if err := db.Store.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			run("in segments", false)
			run("without summaries", false)
			if err := db.Close(context.WithoutCancel(t.Context())); err != nil {
				t.Fatal(err)
			}
			db = openTest(t, dir)
			run("opened again", false)
			if err := db.Close(context.WithoutCancel(t.Context())); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// embedded is the door of a program that has the database inside.
type embedded struct {
	engine  *engine.Engine
	session *engine.Session
}

func (d embedded) exec(ctx context.Context, text string) (int64, error) {
	st, err := d.engine.Prepare(ctx, d.session, text)
	if err != nil {
		return 0, err
	}
	return d.engine.Exec(ctx, d.session, st, nil)
}

func (d embedded) query(ctx context.Context, text string) (names []string, rows [][]string, err error) {
	st, err := d.engine.Prepare(ctx, d.session, text)
	if err != nil {
		return nil, nil, err
	}
	stream, err := d.engine.Query(ctx, d.session, st, nil)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	for _, f := range st.Fields {
		names = append(names, f.Name)
	}
	rows, err = readRows(ctx, stream, st.Fields, d.session.Zone())
	return names, rows, err
}

func readRows(ctx context.Context, stream columnar.Stream, fields []plan.Field, z *zone.Zone) (rows [][]string, err error) {
	for {
		batch, err := stream.Next(ctx)
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		more, err := textRows(batch, fields, z)
		batch.Release()
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
}

// textRows prints a batch as PostgreSQL would.
func textRows(batch arrow.RecordBatch, fields []plan.Field, z *zone.Zone) ([][]string, error) {
	rows := make([][]string, batch.NumRows())
	for k, f := range fields {
		v, err := eval.FromArray(batch.Column(k), f.Type)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			cell := "NULL"
			if l := v.Literal(i); l.Value != nil {
				cell = plan.FormatValue(l.Value, f.Type, z)
			}
			rows[i] = append(rows[i], cell)
		}
	}
	return rows, nil
}

// section is one statement of a query file and what is expected of it.
type section struct {
	head      string // "exec", "query" or "query once", and comment lines before
	statement string
	expected  string
}

// readSections reads a query file: sections separated by empty lines, each of
// optional comment lines (#), a line "exec", "query" or "query once", the statement, a
// line "----", and the expected answer. What stands after "query once" has another
// answer when all of the file has been written.
func readSections(t *testing.T, file string) []section {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []section
	for part := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n\n") {
		var s section
		lines := strings.Split(part, "\n")
		for len(lines) > 0 && (s.head == "" || strings.HasPrefix(s.head[strings.LastIndexByte(strings.TrimSuffix(s.head, "\n"), '\n')+1:], "#")) {
			s.head += lines[0] + "\n"
			lines = lines[1:]
		}
		statement, expected, ok := strings.Cut(strings.Join(lines, "\n")+"\n", "----\n")
		if !ok && !*update {
			t.Fatalf("%s: no ---- in %q", file, part)
		}
		s.statement, s.expected = strings.TrimSpace(statement), expected
		out = append(out, s)
	}
	return out
}

// verb returns the section's last head line.
func (s *section) verb() string {
	lines := strings.Split(strings.TrimSpace(s.head), "\n")
	return lines[len(lines)-1]
}

// runFile runs the sections of a file through a door. Those that write run only
// when writes is set.
func runFile(t *testing.T, d door, file, stage string, writes bool) {
	t.Helper()
	sections := readSections(t, file)
	var b strings.Builder
	for i := range sections {
		s := &sections[i]
		got := s.expected
		switch verb := s.verb(); {
		case verb == "exec":
			if writes || strings.HasPrefix(s.statement, "SET") {
				n, err := d.exec(t.Context(), s.statement)
				got = answer(s.statement, fmt.Sprintf("%d\n", n), err)
			}
		case verb == "query once" && !writes:
		case verb == "query", verb == "query once":
			names, rows, err := d.query(t.Context(), s.statement)
			got = answer(s.statement, renderRows(names, rows), err)
		default:
			t.Fatalf("%s: unknown verb %q", file, verb)
		}
		if got != s.expected && !*update {
			t.Errorf("%s, %s:\n%s\ngot:\n%swant:\n%s", file, stage, s.statement, got, s.expected)
		}
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(s.head + s.statement + "\n----\n" + got)
	}
	if *update && writes {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// answer is a statement's answer: its rows, or its error as a user sees it.
func answer(statement, rows string, err error) string {
	if err == nil {
		return rows
	}
	var e *plan.Error
	if errors.As(err, &e) {
		return e.Show(statement) + "\n"
	}
	return "ERROR: " + err.Error() + "\n"
}

func renderRows(names []string, rows [][]string) string {
	var b strings.Builder
	b.WriteString(strings.Join(names, " | ") + "\n")
	for _, r := range rows {
		b.WriteString(strings.Join(r, " | ") + "\n")
	}
	return b.String()
}
