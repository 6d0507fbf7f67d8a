package wal_test

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/store/wal"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

// examples are entries of every form.
var examples = []wal.Entry{
	{Series: 1, Kind: columnar.Floats, Slots: []int64{-5}, Floats: []float64{math.Pi}},
	{Series: math.MaxInt64, Kind: columnar.Floats, Slots: []int64{3, 4, 5}, Floats: []float64{0, math.Copysign(0, -1), 1e300}},
	{Series: 2, Kind: columnar.Ints, Slots: []int64{9, 2, 2, -1 << 60}, Ints: []int64{1, -1, math.MaxInt64, math.MinInt64}},
	{
		Series: 3, Kind: columnar.Texts, Slots: []int64{1, 2, 4}, Texts: []string{"", "on", "aus"},
		Status: []columnar.Status{0, columnar.StatusBad, columnar.StatusBad}, Void: columnar.Bitmap{0b110},
	},
	{Series: 4, Block: -7, Encoded: []byte("any bytes")},
}

func entries(record []byte) (found []wal.Entry, err error) {
	err = wal.Entries(record, func(e *wal.Entry) error {
		found = append(found, *e)
		return nil
	})
	return found, err
}

func encode(list []wal.Entry) []byte {
	record := wal.AppendRecord(nil)
	for i := range list {
		record = wal.AppendEntry(record, &list[i])
	}
	return record
}

func TestEntriesAreReadAsTheyWereWritten(t *testing.T) {
	got, err := entries(encode(examples))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(examples, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestARecordThatIsCutOffIsCorrupt(t *testing.T) {
	for i := range examples {
		record := encode(examples[i : i+1])
		for n := range record {
			if n == 1 {
				continue // a record without entries
			}
			if _, err := entries(record[:n]); !errors.Is(err, columnar.ErrCorrupt) {
				t.Errorf("example %d: %d of %d bytes: error %v", i, n, len(record), err)
			}
		}
	}
}

func FuzzEntries(f *testing.F) {
	f.Add(encode(examples))
	for i := range examples {
		f.Add(encode(examples[i : i+1]))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		found, err := entries(record)
		if err != nil {
			if !errors.Is(err, columnar.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		again, err := entries(encode(found))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(found, again, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzReader(f *testing.F) {
	disk, o := newFuzzLog(f)
	name := "log/0000000000000000.wal"
	intact := make([]byte, disk.Size(name))
	file, err := disk.Open(name)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := file.ReadAt(intact, 0); err != nil {
		f.Fatal(err)
	}
	f.Add(intact)
	f.Add(intact[:len(intact)-3])
	f.Add(intact[:10])
	f.Fuzz(func(t *testing.T, data []byte) {
		disk, _ := newFuzzLog(t)
		file, err := disk.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(data, 0); err != nil {
			t.Fatal(err)
		}
		o := o
		o.FS = disk
		l, err := wal.Open(o)
		if err != nil {
			if !errors.Is(err, columnar.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		before := replay(t, l, 0)
		mustAppend(t, l, "one more")
		closeLog(t, l)
		l = open(t, o)
		if got := replay(t, l, 0); !cmp.Equal(got, append(before, "one more")) {
			t.Errorf("replayed %q, before it were %q", got, before)
		}
		closeLog(t, l)
	})
}

func newFuzzLog(t testing.TB) (*waltest.Disk, wal.Options) {
	t.Helper()
	disk := waltest.NewDisk()
	o := wal.Options{Dir: "log", FS: disk}
	l := open(t, o)
	mustAppend(t, l, "first")
	mustAppend(t, l, "second")
	closeLog(t, l)
	return disk, o
}
