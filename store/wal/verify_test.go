package wal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/store/wal"
)

// written makes a log of several files, closes it, and returns its directory and files.
func written(t *testing.T, records int) (dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	l, err := wal.Open(wal.Options{Dir: dir, FileBytes: 2000})
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		e := wal.Entry{Series: 1, Kind: columnar.Floats, Slots: []int64{int64(i), int64(i + 1)}, Floats: []float64{1, float64(i)}}
		if err := l.Append(wal.AppendEntry(wal.AppendRecord(nil), &e), func(uint64) {}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files, err = filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	return dir, files
}

func TestASoundLogIsVerifiedWhileItIsOpenAndAfterwards(t *testing.T) {
	dir, files := written(t, 200)
	l, err := wal.Open(wal.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"open", "closed"} {
		v, err := wal.Verify(dir, wal.VerifyOptions{})
		if err != nil || v.Records != 200 || v.Samples != 400 || v.Torn != 0 || v.Files != len(files) {
			t.Errorf("%s: %+v, %v", step, v, err)
		}
		if step == "open" {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestATornEndOfTheLogIsNoDamage(t *testing.T) {
	dir, files := written(t, 200)
	last := files[len(files)-1]
	f, err := os.OpenFile(last, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("torn")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	v, err := wal.Verify(dir, wal.VerifyOptions{})
	if err != nil || v.Records != 200 || v.Torn != 4 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestDamageInAnyFileOfTheLogIsFound(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, files []string)
		want   string
	}{
		{"a flipped bit in the first file", func(t *testing.T, files []string) { flip(t, files[0], 100) }, "file 0000000000000000.wal"},
		{"a flipped bit in the middle of the last file", func(t *testing.T, files []string) { flip(t, files[len(files)-1], 60) }, "offset "},
		{"a header", func(t *testing.T, files []string) { flip(t, files[1], 0) }, "file header"},
		{"a file that is cut off", func(t *testing.T, files []string) {
			if err := os.Truncate(files[1], 500); err != nil {
				t.Fatal(err)
			}
		}, "the next file begins at position"},
		{"a file that is missing", func(t *testing.T, files []string) {
			if err := os.Remove(files[1]); err != nil {
				t.Fatal(err)
			}
		}, "the next file begins at position"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, files := written(t, 200)
			test.damage(t, files)
			if _, err := wal.Verify(dir, wal.VerifyOptions{}); !errors.Is(err, columnar.ErrCorrupt) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[at] ^= 0x10
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
