package postgres_test

import (
	"database/sql"
	"strings"
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

func TestAnIndexThatIsGoneIsMissed(t *testing.T) {
	database := shared.Database(t)
	c := open(t, shared.URL(database), impatient)
	for _, statement := range []string{"ALTER TABLE series DROP CONSTRAINT series_name_key", "ALTER TABLE pins DROP CONSTRAINT pins_pkey"} {
		if err := shared.Execute(t.Context(), database, statement); err != nil {
			t.Fatal(err)
		}
	}
	var found []string
	if _, err := c.Integrity(t.Context(), func(err error) { found = append(found, err.Error()) }); err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || !strings.Contains(found[0], "index series_name_key") || !strings.Contains(found[1], "index pins_pkey") {
		t.Errorf("said is %q", found)
	}
}
