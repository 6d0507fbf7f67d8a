package waltest_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/trellisdb/trellis/store/wal"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

// contents returns what a file of a disk has, nil where it is not there.
func contents(t *testing.T, d *waltest.Disk, path string) []byte {
	t.Helper()
	f, err := d.Open(path)
	if err != nil {
		return nil
	}
	data := make([]byte, d.Size(path))
	if _, err := f.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return data
}

// TestAPowerCutReordersWhatWasNotSynced counts what becomes of writes in order: everything
// that a disk may do has to happen in some of the cuts, and what was synced stays in all.
func TestAPowerCutReordersWhatWasNotSynced(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[string]int{}
	for range 400 {
		d := waltest.NewDisk()
		page := func(b byte) []byte { return bytes.Repeat([]byte{b}, 512) }
		files := map[string]wal.File{}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		write := func(path string, at int64, b byte) {
			_, err := files[path].WriteAt(page(b), at*512)
			must(err)
		}
		for _, path := range []string{"d/a", "d/b", "d/gone"} {
			var err error
			files[path], err = d.Create(path)
			must(err)
			write(path, 0, 's')
			must(files[path].Sync())
		}
		must(d.SyncDir("d"))
		write("d/a", 1, '1')
		write("d/a", 2, '2')
		write("d/b", 1, '3')
		must(d.Remove("d/gone"))
		_, err := d.Create("d/new")
		must(err)

		after := d.PowerCut(r)
		a, b := contents(t, after, "d/a"), contents(t, after, "d/b")
		if !bytes.HasPrefix(a, page('s')) || !bytes.HasPrefix(b, page('s')) {
			t.Fatal("what was synced has gone")
		}
		first, second := bytes.Contains(a, page('1')), bytes.Contains(a, page('2'))
		other := bytes.Contains(b, page('3'))
		for name, happened := range map[string]bool{
			"everything is there":                         first && second && other,
			"nothing is there":                            len(a) == 512 && len(b) == 512,
			"the second write without the first":          second && !first,
			"a later write to another file without those": other && !first && !second,
			"a removed file is back":                      contents(t, after, "d/gone") != nil,
			"a removed file is gone":                      contents(t, after, "d/gone") == nil,
			"a new file is there":                         contents(t, after, "d/new") != nil,
			"a new file is not there":                     contents(t, after, "d/new") == nil,
			"a file with half a page":                     len(a)%512 != 0,
		} {
			if happened {
				seen[name]++
			}
		}
	}
	if len(seen) != 9 {
		t.Errorf("of nine things that a disk may do only these happened: %v", seen)
	}
}
