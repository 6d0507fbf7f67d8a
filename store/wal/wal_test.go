package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/store/wal"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

// lockedEnv makes the test binary open the log in the directory that it names.
const lockedEnv = "TRELLIS_WAL_TEST_OPEN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(lockedEnv); dir != "" {
		_, err := wal.Open(wal.Options{Dir: dir})
		fmt.Print(err)
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, o wal.Options) *wal.Log {
	t.Helper()
	l, err := wal.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closeLog(t testing.TB, l *wal.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustAppend(t testing.TB, l *wal.Log, record string) {
	t.Helper()
	if err := l.Append([]byte(record), nil); err != nil {
		t.Fatalf("append %q: %v", record, err)
	}
}

func replay(t testing.TB, l *wal.Log, from uint64) (records []string) {
	t.Helper()
	err := l.Replay(from, func(record []byte, _ uint64) error {
		records = append(records, string(record))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func numbered(from, to int) (records []string) {
	for i := from; i < to; i++ {
		records = append(records, fmt.Sprintf("record %d", i))
	}
	return records
}

func TestRecordsAreReplayedInOrderAcrossFiles(t *testing.T) {
	for _, fs := range []wal.FS{wal.OS{}, waltest.NewDisk()} {
		o := wal.Options{Dir: t.TempDir(), FS: fs, FileBytes: 200}
		l := open(t, o)
		for _, r := range numbered(0, 50) {
			mustAppend(t, l, r)
		}
		if n := l.Stats().Files; n < 5 {
			t.Errorf("%d files", n)
		}
		closeLog(t, l)
		l = open(t, o)
		if got := replay(t, l, 0); !slices.Equal(got, numbered(0, 50)) {
			t.Errorf("replayed %q", got)
		}
		mustAppend(t, l, "record 50")
		closeLog(t, l)
		l = open(t, o)
		if got := replay(t, l, 0); !slices.Equal(got, numbered(0, 51)) {
			t.Errorf("replayed %q", got)
		}
		closeLog(t, l)
	}
}

func TestTrimRemovesWhatIsBelowAndReplaySkipsIt(t *testing.T) {
	o := wal.Options{Dir: "log", FS: waltest.NewDisk(), FileBytes: 200}
	l := open(t, o)
	var ends []uint64
	for _, r := range numbered(0, 50) {
		if err := l.Append([]byte(r), func(end uint64) { ends = append(ends, end) }); err != nil {
			t.Fatal(err)
		}
	}
	files := l.Stats().Files
	if err := l.Trim(ends[29]); err != nil {
		t.Fatal(err)
	}
	if st := l.Stats(); st.Files >= files || st.Start > ends[29] {
		t.Errorf("after the trim: %+v", st)
	}
	closeLog(t, l)
	o.Start = ends[29]
	l = open(t, o)
	if got := replay(t, l, ends[29]); !slices.Equal(got, numbered(30, 50)) {
		t.Errorf("replayed %q", got)
	}
	if err := l.Trim(ends[49]); err != nil {
		t.Fatal(err)
	}
	if st := l.Stats(); st.Files != 1 || st.Start != ends[49] || st.End != ends[49] {
		t.Errorf("after the trim of all: %+v", st)
	}
	closeLog(t, l)
	o.Start = ends[49]
	l = open(t, o)
	mustAppend(t, l, "next")
	if got := l.End(); got <= ends[49] {
		t.Errorf("position %d was used again", got)
	}
	closeLog(t, l)
}

func TestALogThatWasLostBeginsWhereTheCatalogIs(t *testing.T) {
	o := wal.Options{Dir: "log", FS: waltest.NewDisk(), Start: 1_000_000}
	l := open(t, o)
	mustAppend(t, l, "new")
	closeLog(t, l)
	l = open(t, o)
	if got := replay(t, l, o.Start); !slices.Equal(got, []string{"new"}) {
		t.Errorf("replayed %q", got)
	}
	closeLog(t, l)
	for what, start := range map[string]uint64{
		"an old copy of the log":           2_000_000,
		"a log whose first files are gone": 999_999,
	} {
		o.Start = start
		if _, err := wal.Open(o); !errors.Is(err, columnar.ErrCorrupt) {
			t.Errorf("%s: error %v, want one that wraps ErrCorrupt", what, err)
		}
	}
	o.Start = 1_000_000
	l = open(t, o)
	if err := l.Trim(l.End()); err != nil {
		t.Fatal(err)
	}
	if got := replay(t, l, o.Start); len(got) != 0 {
		t.Errorf("after the trim: %q", got)
	}
	closeLog(t, l)
	o.Start = 2_000_000 // there is nothing that could be lost
	l = open(t, o)
	mustAppend(t, l, "newer")
	closeLog(t, l)
	l = open(t, o)
	if got := replay(t, l, o.Start); !slices.Equal(got, []string{"newer"}) {
		t.Errorf("replayed %q", got)
	}
	closeLog(t, l)
}

func TestManyAppendersShareASync(t *testing.T) {
	disk := waltest.NewDisk()
	disk.Fail = func(op waltest.Op, _ string) error {
		if op == waltest.OpSync {
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	l := open(t, wal.Options{Dir: "log", FS: disk})
	const writers, each = 32, 20
	var applied []uint64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				seen := false
				err := l.Append(fmt.Appendf(nil, "writer %d record %d", w, i), func(end uint64) {
					applied = append(applied, end) // calls come one at a time
					seen = true
				})
				if err != nil || !seen {
					t.Errorf("append: %v, applied %v", err, seen)
				}
			}
		})
	}
	wg.Wait()
	st := l.Stats()
	if st.Appends != writers*each || st.Syncs >= st.Appends/2 {
		t.Errorf("%d appends in %d syncs", st.Appends, st.Syncs)
	}
	if !slices.IsSorted(applied) || len(applied) != writers*each {
		t.Errorf("%d records were applied, in order: %v", len(applied), slices.IsSorted(applied))
	}
	next := make(map[string]int)
	for _, r := range replay(t, l, 0) {
		var w, i int
		if _, err := fmt.Sscanf(r, "writer %d record %d", &w, &i); err != nil {
			t.Fatal(err)
		}
		if key := fmt.Sprint(w); next[key] != i {
			t.Errorf("writer %d: record %d comes where %d should", w, i, next[key])
		} else {
			next[key]++
		}
	}
	closeLog(t, l)
	if err := l.Append([]byte("x"), nil); err == nil {
		t.Error("a closed log took a record")
	}
}

func TestAFaultLosesNothingAndTheLogGoesOn(t *testing.T) {
	for _, c := range []struct {
		name string
		op   waltest.Op
		err  error
	}{
		{"a full disk", waltest.OpWrite, &waltest.ShortWrite{Written: 10, Err: syscall.ENOSPC}},
		{"a write that does nothing", waltest.OpWrite, syscall.EIO},
		{"a write that claims to fail after all was written", waltest.OpWrite, &waltest.ShortWrite{Written: 1 << 20, Err: syscall.EIO}},
		{"a sync that fails", waltest.OpSync, syscall.EIO},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := waltest.NewDisk()
			o := wal.Options{Dir: "log", FS: disk}
			l := open(t, o)
			mustAppend(t, l, "record 0")
			faults := 3
			disk.Fail = func(op waltest.Op, _ string) error {
				if op == c.op && faults > 0 {
					faults--
					return c.err
				}
				return nil
			}
			for faults > 0 {
				err := l.Append([]byte("lost"), func(uint64) { t.Error("a record that was not written was applied") })
				if !errors.Is(err, errors.Unwrap(c.err)) && !errors.Is(err, c.err) {
					t.Fatalf("error %v", err)
				}
				if errors.Is(c.err, syscall.ENOSPC) && !strings.Contains(err.Error(), "free some space") {
					t.Errorf("the error does not say what to do: %v", err)
				}
			}
			mustAppend(t, l, "record 1")
			if got := replay(t, l, 0); !slices.Equal(got, numbered(0, 2)) {
				t.Errorf("replayed %q", got)
			}
			closeLog(t, l)
			l = open(t, o)
			if got := replay(t, l, 0); !slices.Equal(got, numbered(0, 2)) {
				t.Errorf("after a restart replayed %q", got)
			}
			closeLog(t, l)
		})
	}
}

func TestAFaultAtAnyStepLosesNothing(t *testing.T) {
	for step := range 400 {
		disk := waltest.NewDisk()
		o := wal.Options{Dir: "log", FS: disk, FileBytes: 300}
		l := open(t, o)
		left := int64(step)
		disk.Fail = func(op waltest.Op, _ string) error {
			switch left--; left {
			case -1, -2: // two steps in a row: the repair fails too
				return &waltest.ShortWrite{Written: step % 40, Err: syscall.EIO}
			}
			return nil
		}
		var want []string
		var end uint64
		for i, r := range numbered(0, 60) {
			if err := l.Append([]byte(r), func(e uint64) { end = e }); err == nil {
				want = append(want, r)
			}
			if i == 40 {
				o.Start = end / 2
				_ = l.Trim(o.Start) // what fails is done the next time
			}
		}
		if len(want) < 55 {
			t.Fatalf("step %d: %d records", step, len(want))
		}
		closeErr := l.Close()
		disk.Fail = nil
		if closeErr != nil && left > 0 {
			t.Fatalf("step %d: close: %v", step, closeErr)
		}
		l = open(t, o)
		got := replay(t, l, 0)
		if missing := len(want) - len(got); missing < 0 || !slices.Equal(got, want[missing:]) {
			t.Fatalf("step %d: replayed %q, want the end of %q", step, got, want)
		}
		closeLog(t, l)
	}
}

func TestAPowerCutLosesNothingAcknowledged(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		disk := waltest.NewDisk()
		o := wal.Options{Dir: "log", FS: disk, FileBytes: 2000, MarkDelay: []time.Duration{-1, 0, time.Microsecond}[round%3]}
		l := open(t, o)
		var power atomic.Int64
		power.Store(int64(r.IntN(80)))
		cut := errors.New("power cut")
		disk.Fail = func(waltest.Op, string) error {
			if power.Add(-1) < 0 {
				return cut
			}
			return nil
		}
		var mu sync.Mutex
		acknowledged := make(map[string]bool)
		var wg sync.WaitGroup
		for w := range 4 {
			size := 1 + r.IntN(700)
			wg.Go(func() {
				for i := range 20 {
					record := fmt.Sprintf("%d/%d/%s", w, i, strings.Repeat("x", size))
					if l.Append([]byte(record), nil) != nil {
						return
					}
					mu.Lock()
					acknowledged[record] = true
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		_ = l.Close() // without power
		o.FS = disk.PowerCut(r)
		l = open(t, o)
		found := make(map[string]bool)
		for _, record := range replay(t, l, 0) {
			found[record] = true
		}
		for record := range acknowledged {
			if !found[record] {
				t.Fatalf("round %d: record %.10s is lost", round, record)
			}
		}
		mustAppend(t, l, "it goes on")
		closeLog(t, l)
	}
}

// filesOf returns the files of a log, oldest first.
func filesOf(t *testing.T, disk *waltest.Disk) []string {
	t.Helper()
	names, err := disk.List("log")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestDamageOfAnyBitOfAnyFileIsReported(t *testing.T) {
	build := func() (*waltest.Disk, wal.Options) {
		disk := waltest.NewDisk()
		o := wal.Options{Dir: "log", FS: disk, FileBytes: 200}
		l := open(t, o)
		for _, r := range numbered(0, 18) {
			mustAppend(t, l, r)
		}
		closeLog(t, l)
		return disk, o
	}
	disk, _ := build()
	files := filesOf(t, disk)
	for _, name := range files {
		if !strings.HasSuffix(name, ".wal") {
			continue
		}
		for offset := range disk.Size("log/" + name) {
			disk, o := build()
			disk.Damage("log/"+name, offset, uint(offset)%8)
			l, err := wal.Open(o)
			if err == nil {
				err = l.Replay(0, func([]byte, uint64) error { return nil })
				closeLog(t, l)
			}
			if !errors.Is(err, columnar.ErrCorrupt) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "offset") {
				t.Fatalf("file %s offset %d: error %v", name, offset, err)
			}
		}
	}
}

func TestASecondProcessIsToldWhoHasTheDirectory(t *testing.T) {
	dir := t.TempDir()
	l := open(t, wal.Options{Dir: dir})
	defer closeLog(t, l)
	if _, err := wal.Open(wal.Options{Dir: dir}); !errors.Is(err, wal.ErrLocked) {
		t.Errorf("in this process: %v", err)
	}
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), lockedEnv+"="+dir)
	out, err := other.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{dir, "in use by another process", fmt.Sprintf("pid %d", os.Getpid())} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the error %q does not say %q", out, want)
		}
	}
}

func TestDumpShowsFilesRecordsAndEntries(t *testing.T) {
	dir := t.TempDir()
	l := open(t, wal.Options{Dir: dir})
	record := wal.AppendRecord(nil)
	record = wal.AppendEntry(record, &wal.Entry{Series: 7, Kind: columnar.Floats, Slots: []int64{5, 6}, Floats: []float64{1, 2}})
	record = wal.AppendEntry(record, &wal.Entry{Series: 8, Block: -3, Encoded: []byte("block")})
	if err := l.Append(record, nil); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	var out bytes.Buffer
	if err := wal.Dump(&out, dir); err != nil {
		t.Fatal(err)
	}
	want := `file MARK: acknowledged up to position 55, sum 1678ea94, mark 1
file 0000000000000000.wal: position 0, 79 bytes
  record at 0: 31 bytes, durable before it 0
    series 7: 2 samples, slots 5 to 6
    series 8: block -3, 5 bytes
`
	if out.String() != want {
		t.Errorf("dump:\n%s, want\n%s", &out, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "0000000000000000.wal"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := wal.Dump(&out, dir); err != nil || !strings.Contains(out.String(), "damage at offset 0") {
		t.Errorf("dump of a damaged log: %v\n%s", err, &out)
	}
	if err := wal.Dump(&out, t.TempDir()); err == nil {
		t.Error("an empty directory was dumped")
	}
}
