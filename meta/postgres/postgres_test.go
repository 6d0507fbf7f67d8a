package postgres_test

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/metatest"
	"github.com/trellisdb/trellis/meta/postgres"
	"github.com/trellisdb/trellis/meta/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	// What a developer's shell says about his own server is not about the tests'.
	for _, name := range []string{"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSERVICE", "PGOPTIONS", "PGSSLMODE"} {
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	server, err := postgrestest.New()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shared = server
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.Cleanup(func(code int) {
		if err := server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.Exit(code)
	}))
}

// shared is the server of the tests that let it run.
var shared *postgrestest.Server

func series(name string) []meta.Series {
	return []meta.Series{{Name: name, Series: columnar.Series{Type: columnar.Double, Grid: columnar.Grid{Period: 1}}}}
}

// impatient are options for tests in which something goes wrong.
var impatient = postgres.Options{Connections: 4, ConnectTimeout: time.Second, Patience: 10 * time.Second}

// open opens a catalog that is closed when the test ends.
func open(t *testing.T, where string, options postgres.Options) *postgres.Catalog {
	t.Helper()
	c, err := postgres.Open(t.Context(), where, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func acquire(t *testing.T, c meta.Catalog) int64 {
	t.Helper()
	epoch, err := c.Acquire(t.Context(), meta.Claim{Holder: "writer"})
	if err != nil {
		t.Fatal(err)
	}
	return epoch
}

func TestCatalog(t *testing.T) {
	var databases sync.Map // by directory
	metatest.Run(t, func(t *testing.T, dir string) meta.Catalog {
		make := sync.OnceValue(func() string { return shared.Database(t) })
		of, _ := databases.LoadOrStore(dir, make)
		c, err := postgres.Open(t.Context(), shared.URL(of.(func() string)()), postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
}

func TestManyOpenOneNewDatabaseAtOnce(t *testing.T) {
	name := shared.Database(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			c, err := postgres.Open(t.Context(), shared.URL(name), postgres.Options{Connections: 1})
			if err != nil {
				t.Error(err)
				return
			}
			_, err = c.CreateSeries(t.Context(), series(string(rune('a'+i))))
			if err := errors.Join(err, c.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got, err := open(t, shared.URL(name), postgres.Options{}).Series(t.Context())
	if err != nil || len(got) != 8 {
		t.Errorf("there are %d series, %v", len(got), err)
	}
}
