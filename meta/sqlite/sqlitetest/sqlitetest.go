// Package sqlitetest makes new catalogs in files, for the tests of those who use one.
package sqlitetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/trellisdb/trellis/meta/sqlite"
)

// empty returns the file of a new catalog. To copy it is faster than to make one.
var empty = sync.OnceValues(func() (file []byte, err error) {
	dir, err := os.MkdirTemp("", "trellis-catalog-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "catalog.db")
	catalog, err := sqlite.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := catalog.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// Create makes the file of an empty catalog at a path, or ends the test.
func Create(tb testing.TB, path string) {
	tb.Helper()
	file, err := empty()
	if err == nil {
		err = os.WriteFile(path, file, 0o600)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// New returns an empty catalog in a file of that path, which is closed when the test
// ends.
func New(tb testing.TB, path string) *sqlite.Catalog {
	tb.Helper()
	Create(tb, path)
	catalog, err := sqlite.Open(context.Background(), path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := catalog.Close(); err != nil {
			tb.Error(err)
		}
	})
	return catalog
}
