package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/store/object/s3/s3test"
)

// TestACatalogInPostgreSQLThatWasRestoredToAnEarlierTimeIsRolledForward puts yesterday's
// database in the place of today's, as a restore does.
func TestACatalogInPostgreSQLThatWasRestoredToAnEarlierTimeIsRolledForward(t *testing.T) {
	f := newFar(t)
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.SecretKey)
	database := f.postgres.Database(t)
	place := []string{"--bucket", f.url("plant/restored"), "--catalog", f.postgres.URL(database)}
	log := filepath.Join(t.TempDir(), "data")
	serve := func() *process { return start(t, append([]string{"--data", log}, place...)...) }
	ask := func(s *process, text string) string {
		t.Helper()
		return f.must(t, "query", "--server", s.address, "--format", "csv", text)
	}
	execute := func(text string) {
		t.Helper()
		if err := f.postgres.Execute(t.Context(), "postgres", text); err != nil {
			t.Fatal(err)
		}
	}

	s := serve()
	f.must(t, "import", filepath.Join(source, "pv_array.csv"), "--server", s.address, "--name", "pv", "--zone", "UTC", "--type", "double", "--sample-t", "15m", "--progress", "off")
	s.stop(t)
	execute("CREATE DATABASE yesterday TEMPLATE " + database)
	s = serve()
	ask(s, "UPDATE samples SET value = -1 WHERE series = 'pv' AND value < 0")
	ask(s, "CALL pin_snapshot('today')")
	answer := ask(s, question) + ask(s, "SELECT name FROM system.pins") + ask(s, "SELECT kind, replaced FROM edits")
	s.stop(t)
	execute("DROP DATABASE " + database)
	execute("ALTER DATABASE yesterday RENAME TO " + database)

	for _, args := range [][]string{{"serve", "--data", log, "--listen", "127.0.0.1:0"}, {"gc", "--data", log}} {
		out, err := f.trellis(t.Context(), t, append(args, place...)...)
		if err == nil || !strings.Contains(out, "the catalog: it has gone back in time") || !strings.Contains(out, "1 edit") || !strings.Contains(out, "trellis repair") {
			t.Errorf("%s: %v, %s", args[0], err, out)
		}
	}
	out, err := f.trellis(t.Context(), t, append([]string{"verify"}, place...)...)
	if err == nil || !strings.Contains(out, "damage: the catalog: it has gone back in time") {
		t.Errorf("verify: %v, %s", err, out)
	}
	repair := append([]string{"repair", "--data", log}, place...)
	if out, err := f.trellis(t.Context(), t, append(repair, "--dry-run")...); err == nil || !strings.Contains(out, `pin "today"`) {
		t.Errorf("dry run: %v, %s", err, out)
	}
	if out, err := f.trellis(t.Context(), t, repair...); err == nil || !strings.Contains(out, "say so with --yes") {
		t.Errorf("the database is another one than the last writer's: %v, %s", err, out)
	}
	f.must(t, append(repair, "--yes")...)
	if out := f.must(t, append([]string{"verify"}, place...)...); !strings.Contains(out, ": sound") {
		t.Error(out)
	}
	s = serve()
	if got := ask(s, question) + ask(s, "SELECT name FROM system.pins") + ask(s, "SELECT kind, replaced FROM edits"); got != answer {
		t.Errorf("got %s, want %s", got, answer)
	}
	s.stop(t)
}
