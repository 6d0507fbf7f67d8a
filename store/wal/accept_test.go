package wal_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/store/wal"
)

func TestWhatCanBeReadOfADamagedLogIsGoneOnWith(t *testing.T) {
	whole, records := groups(t, "log 1", "record", 40)
	other, _ := groups(t, "log 2", "record", 40)
	files := whole.names(true)
	last := files[len(files)-1]
	for _, c := range []struct {
		name   string
		damage func(m image)
		aside  int  // files
		kept   bool // whether something is; all: where nothing is set aside
	}{
		{"it is sound", func(image) {}, 0, true},
		{"the last byte is flipped", func(m image) { m[last][len(m[last])-1] ^= 1 }, 1, true},
		{"a byte of the second file is flipped", func(m image) { m[files[1]][80] ^= 1 }, len(files) - 1, true},
		{"the second file is missing", func(m image) { delete(m, files[1]) }, len(files) - 2, true},
		{"the third file is another log's", func(m image) { m[files[2]] = other[files[2]] }, len(files) - 2, true},
		{"the last file is missing", func(m image) { delete(m, last) }, 0, true},
		{"the marker is missing", func(m image) { delete(m, "MARK") }, 0, true},
		{"the first file is missing", func(m image) { delete(m, files[0]) }, 0, false},
		{"the first file is another log's", func(m image) { m[files[0]] = other[files[0]] }, 0, false},
		{"the marker is another log's", func(m image) { m["MARK"] = other["MARK"] }, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := whole.copy()
			c.damage(m)
			dir := t.TempDir()
			for name, data := range m {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			would, err := wal.Accept(dir, "log 1", 0, false)
			if c.kept == errors.Is(err, columnar.ErrCorrupt) {
				t.Fatalf("%+v, %v", would, err)
			}
			did, err := wal.Accept(dir, "log 1", 0, true)
			if c.kept != (err == nil) {
				t.Fatalf("%+v, %v", did, err)
			}
			if !c.kept {
				for name, data := range m {
					if now, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !slices.Equal(now, data) {
						t.Errorf("%s was changed, %v", name, err)
					}
				}
				return
			}
			if did.End != would.End || len(did.Aside) != c.aside || len(would.Aside) != c.aside {
				t.Errorf("it did %+v, and said %+v", did, would)
			}
			for _, name := range did.Aside {
				if kept, err := os.ReadFile(filepath.Join(dir, name+".aside")); err != nil || !slices.Equal(kept, m[name]) {
					t.Errorf("%s is not set aside as it was, %v", name, err)
				}
			}
			l := open(t, wal.Options{Dir: dir, ID: "log 1"})
			got := replay(t, l, 0)
			if len(got) == 0 || !slices.Equal(got, records[:len(got)]) || did.Damage == "" && len(got) != len(records) {
				t.Errorf("%d records are there", len(got))
			}
			mustAppend(t, l, strings.Repeat("x", 100))
			closeLog(t, l)
			closeLog(t, open(t, wal.Options{Dir: dir, ID: "log 1"}))
		})
	}
}
