package wal_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/store/wal"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// piece is some bytes of a file, and what they are.
type piece struct {
	n    int
	what string
}

// annotated writes bytes in hexadecimal, a line for each piece; those behind the last one
// have to be 0.
func annotated(t *testing.T, name string, b []byte, pieces []piece) string {
	t.Helper()
	var out strings.Builder
	fmt.Fprintf(&out, "# %s, %d bytes\n", name, len(b))
	at := 0
	for _, p := range pieces {
		if p.what != "" {
			fmt.Fprintf(&out, "%6d  %s  %s\n", at, hex.EncodeToString(b[at:at+p.n]), p.what)
		} else if strings.Trim(string(b[at:at+p.n]), "\x00") != "" {
			t.Errorf("%s: what is between %d and %d is not 0", name, at, at+p.n)
		}
		at += p.n
	}
	if at != len(b) {
		t.Errorf("%s: %d bytes of %d are described", name, at, len(b))
	}
	return out.String()
}

// TestTheFormatIsThatOfTheGoldenFile compares every byte of a log, as the package comment
// describes it, with what it was.
func TestTheFormatIsThatOfTheGoldenFile(t *testing.T) {
	disk := waltest.NewDisk()
	l := open(t, wal.Options{Dir: "log", ID: "0123456789abcdef", FS: disk, FileBytes: 60})
	if err := wal.WriteID(disk, "log", "0123456789abcdef"); err != nil {
		t.Fatal(err)
	}
	record := wal.AppendEntry(wal.AppendRecord(nil), &wal.Entry{Series: 7, Kind: columnar.Floats, Slots: []int64{5, 6}, Floats: []float64{1, 2}})
	mustAppend(t, l, string(record))
	mustAppend(t, l, string(record))
	closeLog(t, l)
	m := imageOf(t, disk)
	header := []piece{
		{8, "a file of the log"},
		{8, "position of the first frame"},
		{4, "sum of the log there"},
		{4, "CRC32C"},
		{4, "length of the record"},
		{4, "CRC32C"},
		{8, "position"},
		{8, "position that was durable"},
		{len(record), "the record"},
	}
	mark := []piece{
		{8, "a mark"},
		{8, "sequence"},
		{8, "acknowledged up to this position"},
		{4, "sum of the log there"},
		{4, "length of the id"},
		{16, "the log's id"},
		{460, ""},
		{4, "CRC32C"},
	}
	marks := slices.Concat(mark, mark, []piece{{3072, ""}}, mark, mark, []piece{{3072, ""}})
	var got strings.Builder
	for _, name := range m.names(false) {
		switch {
		case strings.HasSuffix(name, ".wal"):
			got.WriteString(annotated(t, name, m[name], header))
		case name == "MARK":
			got.WriteString(annotated(t, name, m[name], marks))
		default:
			got.WriteString(annotated(t, name, m[name], []piece{{len(m[name]), "the log's id, a line"}}))
		}
	}
	golden := filepath.Join("testdata", "format", "log.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the format is\n%s, want\n%s", got.String(), want)
	}
}

// FuzzMark opens a log whose marker holds any bytes. It is refused, or nothing is lost; and
// what it then says is right.
func FuzzMark(f *testing.F) {
	whole, records := groups(f, "log 1", "record", 12)
	f.Add(whole["MARK"])
	f.Add(whole["MARK"][:4096])
	f.Add([]byte(nil))
	r := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		b := slices.Clone(whole["MARK"])
		b[r.IntN(512)] ^= 1 << r.IntN(8)
		b[4096+r.IntN(512)] ^= 1 << r.IntN(8)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := whole.copy()
		m["MARK"] = b
		disk := m.disk(t)
		got, _, err := opened(t, disk, "log 1", 0)
		if err != nil {
			return
		}
		if !slices.Equal(got, records) {
			t.Fatalf("%d records of %d", len(got), len(records))
		}
		if again, said, err := opened(t, disk, "log 1", 0); err != nil || said != "" || !slices.Equal(again, records) {
			t.Errorf("opened again: %d records, %v, said %q", len(again), err, said)
		}
	})
}
