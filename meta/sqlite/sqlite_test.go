package sqlite_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/metatest"
	"github.com/trellisdb/trellis/meta/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string) meta.Catalog {
	t.Helper()
	c, err := sqlite.Open(t.Context(), filepath.Join(dir, "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCatalog(t *testing.T) { metatest.Run(t, open) }
