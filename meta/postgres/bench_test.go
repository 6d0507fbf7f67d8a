package postgres_test

import (
	"testing"

	"github.com/trellisdb/trellis/meta/metatest"
	"github.com/trellisdb/trellis/meta/postgres"
	"github.com/trellisdb/trellis/meta/postgres/postgrestest"
)

func BenchmarkLargeCatalog(b *testing.B) {
	server := postgrestest.Start(b, "autovacuum=on")
	c, err := postgres.Open(b.Context(), server.URL(server.Database(b)), postgres.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	metatest.Bench(b, c)
}
