package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/trellisdb/trellis/meta/metatest"
)

func TestDamage(t *testing.T) {
	metatest.RunDamage(t, open, func(t *testing.T, dir string) *sql.DB {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "catalog.db")+"?_pragma=busy_timeout(10000)")
		if err != nil {
			t.Fatal(err)
		}
		return db
	})
}
