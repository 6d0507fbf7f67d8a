package sqlite

import (
	"database/sql"
	"path/filepath"
	"testing"
)

func TestConnectionsAreSetUp(t *testing.T) {
	c, err := Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	tests := []struct {
		name   string
		db     *sql.DB
		pragma string
		want   string
	}{
		{"the file is in write-ahead mode", c.db.write, "journal_mode", "wal"},
		{"a commit is on disk when it returns", c.db.write, "synchronous", "2"},
		{"the writer checks references", c.db.write, "foreign_keys", "1"},
		{"the writer waits for other processes", c.db.write, "busy_timeout", "10000"},
		{"a reader sees the write-ahead mode", c.db.read, "journal_mode", "wal"},
		{"a reader cannot write", c.db.read, "query_only", "1"},
		{"a reader waits for other processes", c.db.read, "busy_timeout", "10000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got string
			if err := test.db.QueryRowContext(t.Context(), "PRAGMA "+test.pragma).Scan(&got); err != nil || got != test.want {
				t.Errorf("%s is %s, want %s (%v)", test.pragma, got, test.want, err)
			}
		})
	}
}
