package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/sqlite"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
)

// flipsEnv says how many bits are flipped in each file.
const flipsEnv = "TRELLIS_TEST_FLIPS"

// TestABitFlippedInTheCatalogsFilesIsFoundOrHarmless takes the files of a catalog as a
// crash leaves them, flips bits and cuts pieces off, and looks at what a server would do.
func TestABitFlippedInTheCatalogsFilesIsFoundOrHarmless(t *testing.T) {
	t.Parallel()
	flips := 30
	if text := os.Getenv(flipsEnv); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		flips = n
	}
	d := filled(t)
	for _, change := range catalogChanges {
		change.do(t, d)
	}
	for i := range 20 {
		d.overwrite(t, d.series(t), float64(i))
	}
	want := d.content(t)
	bucket := new(object.Memory)
	copyObjects(t, d.bucket, bucket)
	files := map[string][]byte{}
	for _, name := range []string{"catalog.db", "catalog.db-wal"} {
		data, err := os.ReadFile(filepath.Join(d.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	outcomes := map[string]int{}
	for _, scene := range []struct {
		name   string // of the file that is damaged
		closed bool   // properly: all is in the first file
	}{{"catalog.db", true}, {"catalog.db", false}, {"catalog.db-wal", false}} {
		name, files := scene.name, files
		if scene.closed {
			files = map[string][]byte{name: closedCatalog(t, files)}
		}
		for i := range flips {
			damaged := append([]byte(nil), files[name]...)
			at := random.IntN(len(damaged))
			if i%10 == 9 {
				damaged = damaged[:at]
			} else {
				damaged[at] ^= 1 << random.IntN(8)
			}
			scoped(t, func(t testing.TB) {
				dir := t.TempDir()
				for other, data := range files {
					if other == name {
						data = damaged
					}
					if err := os.WriteFile(filepath.Join(dir, other), data, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				outcome := lookAt(t, filepath.Join(dir, "catalog.db"), bucket, want)
				if outcome == "" {
					t.Errorf("%v, byte %d of %d (cut: %v): what is wrong was not found", scene, at, len(files[name]), i%10 == 9)
				}
				outcomes[fmt.Sprintf("%s, closed %v: %s", name, scene.closed, outcome)]++
			})
		}
	}
	t.Logf("%v", outcomes)
}

// closedCatalog returns the one file that is left of a catalog's files when it is closed.
func closedCatalog(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := sqlite.Open(t.Context(), filepath.Join(dir, "catalog.db"))
	if err == nil {
		err = c.Close()
	}
	data, readErr := os.ReadFile(filepath.Join(dir, "catalog.db"))
	if err = errors.Join(err, readErr); err != nil {
		t.Fatal(err)
	}
	return data
}

// lookAt returns what was found wrong with a catalog, "harmless" where it is as it should
// be, and nothing where it is not and nobody says so.
func lookAt(t testing.TB, path string, bucket object.Bucket, want meta.Content) string {
	ctx := context.Background()
	c, err := sqlite.Open(ctx, path)
	if err != nil {
		return "not opened"
	}
	defer func() { _ = c.Close() }()
	verified, err := store.Verify(ctx, store.VerifyOptions{Bucket: bucket, Catalog: c}, func(store.Finding) {})
	if err != nil {
		return "not read"
	}
	content, err := c.Export(ctx)
	if err != nil {
		return "not read"
	}
	o := store.Options{Bucket: new(object.Memory), Catalog: c, LogDir: filepath.Join(filepath.Dir(path), "log"), Clock: clock}
	copyObjects(t, bucket, o.Bucket)
	s, openErr := store.Open(ctx, o)
	if openErr == nil {
		openErr = s.Close(ctx)
	}
	switch {
	case errors.Is(openErr, store.ErrBehind) || errors.Is(openErr, store.ErrForeign):
		if verified.Damage == 0 {
			return "" // verify is to find what makes a start fail
		}
		return "refused"
	case verified.Damage > 0:
		return "found by verify"
	case cmp.Equal(want, content):
		return "harmless"
	}
	return ""
}
