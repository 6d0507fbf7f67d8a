package postgres_test

import (
	"database/sql"
	"sync"
	"testing"

	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/metatest"
	"github.com/trellisdb/trellis/meta/postgres"
)

func TestDamage(t *testing.T) {
	var databases sync.Map // by directory
	database := func(t *testing.T, dir string) string {
		of, _ := databases.LoadOrStore(dir, sync.OnceValue(func() string { return shared.Database(t) }))
		return shared.URL(of.(func() string)())
	}
	open := func(t *testing.T, dir string) meta.Catalog {
		c, err := postgres.Open(t.Context(), database(t, dir), postgres.Options{Connections: 2})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	metatest.RunDamage(t, open, func(t *testing.T, dir string) *sql.DB {
		// Damage does not care for references.
		db, err := sql.Open("pgx", database(t, dir)+"&session_replication_role=replica")
		if err != nil {
			t.Fatal(err)
		}
		return db
	})
}
