package wal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/store/wal"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

// image is the files of a log's directory.
type image map[string][]byte

// disk returns a disk that holds the image.
func (m image) disk(t testing.TB) *waltest.Disk {
	t.Helper()
	disk := waltest.NewDisk()
	for name, data := range m {
		f, err := disk.Create("log/" + name)
		if err == nil {
			_, err = f.WriteAt(data, 0)
		}
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := disk.SyncDir("log"); err != nil {
		t.Fatal(err)
	}
	return disk
}

func (m image) copy() image {
	c := make(image)
	for name, data := range m {
		c[name] = slices.Clone(data)
	}
	return c
}

// names returns the names of the files, those of records only where asked.
func (m image) names(records bool) (names []string) {
	for name := range m {
		if !records || strings.HasSuffix(name, ".wal") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// imageOf returns what a directory of a disk has.
func imageOf(t testing.TB, disk *waltest.Disk) image {
	t.Helper()
	m := make(image)
	names, err := disk.List("log")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := disk.Open("log/" + name)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, disk.Size("log/"+name))
		if _, err := f.ReadAt(data, 0); err != nil && len(data) > 0 {
			t.Fatal(err)
		}
		m[name] = data
	}
	return m
}

// groups writes a log of several files and groups, and returns it with its records.
func groups(t testing.TB, id, what string, n int) (image, []string) {
	t.Helper()
	disk := waltest.NewDisk()
	l := open(t, wal.Options{Dir: "log", ID: id, FS: disk, FileBytes: 600})
	if err := wal.WriteID(disk, "log", id); err != nil {
		t.Fatal(err)
	}
	var records []string
	for i := range n {
		text := fmt.Sprintf("%s %d %s", what, i, strings.Repeat("x", i%7*10))
		records = append(records, string(wal.AppendEntry(wal.AppendRecord(nil), &wal.Entry{Series: 1, Block: int64(i), Encoded: []byte(text)})))
		mustAppend(t, l, records[i])
	}
	closeLog(t, l)
	return imageOf(t, disk), records
}

// opened opens a log and returns its records and what the logger was told.
func opened(t testing.TB, disk *waltest.Disk, id string, start uint64) (records []string, said string, err error) {
	t.Helper()
	h, err := wal.ReadID(disk, "log")
	if err != nil {
		return nil, "", err
	}
	if h.ID != id {
		return nil, "", fmt.Errorf("the log %q is unknown: %w", h.ID, columnar.ErrCorrupt) // as the catalog says
	}
	var out bytes.Buffer
	l, err := wal.Open(wal.Options{Dir: "log", ID: id, FS: disk, Start: start, Logger: slog.New(slog.NewTextHandler(&out, nil))})
	if err != nil {
		return nil, out.String(), err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	err = l.Replay(start, func(record []byte, _ uint64) error {
		records = append(records, string(record))
		return nil
	})
	return records, out.String(), err
}

// damageAtRandom spoils one thing of a log, and says what.
func damageAtRandom(m image, r *rand.Rand) string {
	names := m.names(false)
	name := names[r.IntN(len(names))]
	files := m.names(true)
	file := files[r.IntN(len(files))]
	switch k := r.IntN(20); {
	case k < 12:
		at, bit := r.IntN(len(m[name])), r.IntN(8)
		m[name][at] ^= 1 << bit
		return fmt.Sprintf("byte %d, bit %d of %s flipped", at, bit, name)
	case k < 14:
		size := r.IntN(len(m[name]))
		m[name] = m[name][:size]
		return fmt.Sprintf("%s cut to %d bytes", name, size)
	case k < 15:
		from := r.IntN(len(m[name]))
		n := 1 + r.IntN(min(512, len(m[name])-from))
		clear(m[name][from : from+n])
		return fmt.Sprintf("%d bytes from %d of %s are 0", n, from, name)
	case k < 16:
		for range 1 + r.IntN(len(files)) {
			delete(m, files[len(files)-1])
			files = files[:len(files)-1]
		}
		return "the last files are missing"
	case k < 17:
		delete(m, name)
		return name + " is missing"
	case k < 18:
		other := files[r.IntN(len(files))]
		m[file], m[other] = m[other], m[file]
		return file + " and " + other + " are exchanged"
	case k < 19:
		m[fmt.Sprintf("%016x.wal", r.IntN(3000))] = m[file]
		delete(m, file)
		return file + " is renamed"
	default:
		m[file] = append(m[file], make([]byte, 1+r.IntN(100))...)
		return "bytes are behind the end of " + file
	}
}

// flipsEnv says how often a log is damaged; default 600.
const flipsEnv = "TRELLIS_WAL_FLIPS"

// TestWhateverHappensToALogNothingAcknowledgedIsLostSilently damages a log at random. It is
// refused, or all that was acknowledged is there.
func TestWhateverHappensToALogNothingAcknowledgedIsLostSilently(t *testing.T) {
	times := 600
	if text := os.Getenv(flipsEnv); text != "" {
		var err error
		if times, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(7, uint64(times)))
	whole, want := groups(t, "log 1", "record", 40)
	if n := len(whole.names(true)); n < 5 {
		t.Fatalf("%d files", n)
	}
	refused := 0
	for range times {
		m := whole.copy()
		what := damageAtRandom(m, r)
		disk := m.disk(t)
		got, said, err := opened(t, disk, "log 1", 0)
		switch {
		case errors.Is(err, columnar.ErrCorrupt):
			refused++
			if after := imageOf(t, disk); !strings.Contains(what, ".wal") && !equalImages(after, m) {
				t.Errorf("%s: it was refused and changed", what)
			}
		case err != nil:
			t.Fatalf("%s: error %v", what, err)
		case !slices.Equal(got, want):
			t.Fatalf("%s: %d records of %d; said %s", what, len(got), len(want), said)
		default:
			again, _, err := opened(t, disk, "log 1", 0)
			if err != nil || !slices.Equal(again, want) {
				t.Fatalf("%s: opened again: %d records, %v", what, len(again), err)
			}
		}
	}
	t.Logf("%d times: %d refused, %d harmless", times, refused, times-refused)
	if refused < times/4 || refused == times {
		t.Errorf("%d of %d were refused", refused, times)
	}
}

func equalImages(a, b image) bool {
	if !slices.Equal(a.names(false), b.names(false)) {
		return false
	}
	for name := range a {
		if !bytes.Equal(a[name], b[name]) {
			return false
		}
	}
	return true
}

// resealed returns the marker's bytes after a change of every copy, with their checksums.
func resealed(b []byte, change func(copy []byte)) []byte {
	b = slices.Clone(b)
	for _, at := range []int{0, 512, 4096, 4608} {
		c := b[at : at+512]
		change(c)
		binary.LittleEndian.PutUint32(c[508:], crc32.Checksum(c[:508], crc32.MakeTable(crc32.Castagnoli)))
	}
	return b
}

func TestWhatIsMissingOrForeignIsNamed(t *testing.T) {
	whole, records := groups(t, "log 1", "record", 40)
	other, _ := groups(t, "log 2", "record", 40) // the same records, another log
	files := whole.names(true)
	last := files[len(files)-1]
	bytesOfLast := len(whole[last]) - 24
	for _, c := range []struct {
		name   string
		damage func(m image)
		want   []string // of the error; none: it is harmless
	}{
		{"the last file is missing", func(m image) { delete(m, last) }, []string{files[len(files)-2], fmt.Sprintf("records of %d bytes", bytesOfLast), "MARK", "backup", "trellis wal accept"}},
		{"the last file is cut to its half", func(m image) { m[last] = m[last][:len(m[last])/2] }, []string{last, "offset", "was acknowledged", "are missing"}},
		{"the last file has no record any more", func(m image) { m[last] = m[last][:24] }, []string{last, "offset 24", fmt.Sprintf("records of %d bytes", bytesOfLast)}},
		{"the last file is cut within its header", func(m image) { m[last] = m[last][:9] }, []string{last, "header", "are missing"}},
		{"the last file is empty", func(m image) { m[last] = nil }, []string{last, "are missing"}},
		{"the last byte of the log is flipped", func(m image) { m[last][len(m[last])-1] ^= 1 }, []string{last, "offset", "wrong checksum", "was acknowledged"}},
		{"the last two files are missing", func(m image) { delete(m, last); delete(m, files[len(files)-2]) }, []string{files[len(files)-3], "are missing"}},
		{"all files are missing", func(m image) {
			for _, f := range files {
				delete(m, f)
			}
		}, []string{"there is no log file", "are missing"}},
		{"all files and the marker are missing", func(m image) {
			for _, f := range append(files, "MARK") {
				delete(m, f)
			}
		}, []string{"there is no log file", "ID"}},
		{"a file in the middle is missing", func(m image) { delete(m, files[2]) }, []string{files[1], "a file is missing"}},
		{"the first file is missing", func(m image) { delete(m, files[0]) }, []string{"the first file begins", "older copy"}},
		{"a file in the middle is cut", func(m image) { m[files[2]] = m[files[2]][:100] }, []string{files[2], "cut off"}},
		{"two files are exchanged", func(m image) { m[files[1]], m[files[2]] = m[files[2]], m[files[1]] }, []string{files[1], "header"}},
		{"a file has another name", func(m image) { m["0000000000000999.wal"] = m[files[2]]; delete(m, files[2]) }, []string{files[1], "a file is missing"}},
		{"the first file is another log's", func(m image) { m[files[0]] = other[files[0]] }, []string{files[1], "another log"}},
		{"a file in the middle is another log's", func(m image) { m[files[2]] = other[files[2]] }, []string{files[2], "another log"}},
		{"the last file is another log's", func(m image) { m[last] = other[last] }, []string{last, "another log"}},
		{"the marker is another log's", func(m image) { m["MARK"] = other["MARK"] }, []string{"MARK", `"log 2"`, `"log 1"`}},
		{"the id is another log's", func(m image) { m["ID"] = other["ID"] }, []string{"MARK", `"log 2"`, `"log 1"`}},
		{"the id is another text without an end", func(m image) { m["ID"] = []byte("lag") }, []string{"ID", `"log 1"`}},
		{"the id is cut off", func(m image) { m["ID"] = m["ID"][:3] }, nil},
		{"the id is empty", func(m image) { m["ID"] = nil }, nil},
		{"the id is missing", func(m image) { delete(m, "ID") }, nil},
		{"the marker is missing", func(m image) { delete(m, "MARK") }, []string{"MARK", "missing", "position"}},
		{"the marker is empty", func(m image) { m["MARK"] = nil }, []string{"MARK", "none of the four copies"}},
		{"the marker is cut to its half", func(m image) { m["MARK"] = m["MARK"][:4096] }, nil},
		{"one copy of each mark is damaged", func(m image) { m["MARK"][20] ^= 1; m["MARK"][4096+512+9] ^= 1 }, nil},
		{"the newest mark is damaged twice", func(m image) { m["MARK"][20] ^= 1; m["MARK"][512+9] ^= 1 }, nil},
		{"the marker says other records than there are", func(m image) {
			m["MARK"] = resealed(m["MARK"], func(c []byte) { c[24] ^= 1 })
		}, []string{last, "are not those that MARK says"}},
		{"the marker is between two records", func(m image) {
			m["MARK"] = resealed(m["MARK"], func(c []byte) { c[16] -= 3 })
		}, []string{last, "no record ends at position"}},
		{"bytes are behind the last record", func(m image) { m[last] = append(m[last], "torn"...) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := whole.copy()
			c.damage(m)
			got, said, err := opened(t, m.disk(t), "log 1", 0)
			verified := verifiedImage(t, m, "log 1")
			if len(c.want) == 0 {
				if err != nil || !slices.Equal(got, records) {
					t.Errorf("%d records, %v; said %s", len(got), err, said)
				}
				if verified != nil {
					t.Errorf("verify: %v", verified)
				}
				return
			}
			if !errors.Is(err, columnar.ErrCorrupt) {
				t.Fatalf("error %v, %d records of %d", err, len(got), len(records))
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q does not say %q", err, want)
				}
			}
			if !errors.Is(verified, columnar.ErrCorrupt) {
				t.Errorf("verify says %v, and open %v", verified, err)
			}
		})
	}
}

// verifiedImage verifies the log of an image on a real disk, which stays as it is.
func verifiedImage(t *testing.T, m image, id string) error {
	t.Helper()
	dir := t.TempDir()
	for name, data := range m {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	h, err := wal.ReadID(wal.ReadOnly{}, dir)
	if err == nil {
		_, err = wal.Verify(dir, wal.VerifyOptions{ID: h.ID})
	}
	if h.ID != id && err == nil {
		err = fmt.Errorf("the log %q is unknown: %w", h.ID, columnar.ErrCorrupt)
	}
	for name, data := range m {
		if now, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(now, data) {
			t.Errorf("verify has changed %s: %v", name, err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != len(m) {
		t.Errorf("verify has left %d files of %d, %v", len(files), len(m), err)
	}
	return err
}

func TestWhatIsCutOffAtAStartIsSaid(t *testing.T) {
	m, records := groups(t, "log 1", "record", 40)
	files := m.names(true)
	last := files[len(files)-1]
	size := len(m[last])
	m[last] = append(m[last], m[last][24:60]...) // as if the next group had been cut off
	got, said, err := opened(t, m.disk(t), "log 1", 0)
	if err != nil || !slices.Equal(got, records) {
		t.Errorf("%d records, %v", len(got), err)
	}
	for _, want := range []string{"level=WARN", last, fmt.Sprintf("offset=%d", size), "bytes=36"} {
		if !strings.Contains(said, want) {
			t.Errorf("the log says %q, not %q", said, want)
		}
	}
}

func TestADamagedMarkIsSaidAndWrittenAnew(t *testing.T) {
	m, records := groups(t, "log 1", "record", 10)
	m["MARK"][40] ^= 8
	m["MARK"][4096+512+40] ^= 8
	disk := m.disk(t)
	if _, said, err := opened(t, disk, "log 1", 0); err != nil || !strings.Contains(said, "copies=2") {
		t.Errorf("%v; said %q", err, said)
	}
	got, said, err := opened(t, disk, "log 1", 0)
	if err != nil || said != "" || !slices.Equal(got, records) {
		t.Errorf("opened again: %d records, %v, said %q", len(got), err, said)
	}
}

func TestFilesBelowWhatIsNeededAreNotMissed(t *testing.T) {
	m, _ := groups(t, "log 1", "record", 40)
	files := m.names(true)
	start, err := strconv.ParseUint(files[3][:16], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	delete(m, files[0]) // a power cut may bring back some of the files that were trimmed
	m[files[2]] = m[files[2]][:50]
	if got, _, err := opened(t, m.disk(t), "log 1", start); err != nil || len(got) == 0 {
		t.Errorf("%d records, %v", len(got), err)
	}
	for _, name := range files {
		delete(m, name)
	}
	m["MARK"] = resealed(m["MARK"], func(c []byte) { binary.LittleEndian.PutUint64(c[16:], start) })
	_, said, err := opened(t, m.disk(t), "log 1", start)
	if err != nil || !strings.Contains(said, "begins anew") {
		t.Errorf("without files, and nothing that is needed: %v, said %q", err, said)
	}
}

func TestACatalogThatWentBackInTimeIsRefusedByTheLog(t *testing.T) {
	disk := waltest.NewDisk()
	o := wal.Options{Dir: "log", FS: disk, FileBytes: 200}
	l := open(t, o)
	for _, r := range numbered(0, 30) {
		mustAppend(t, l, r)
	}
	if err := l.Trim(l.End()); err != nil {
		t.Fatal(err)
	}
	o.Start = l.End()
	closeLog(t, l)
	closeLog(t, open(t, o))
	for _, start := range []uint64{0, 1, o.Start - 1} {
		o.Start = start
		if _, err := wal.Open(o); !errors.Is(err, columnar.ErrCorrupt) || !strings.Contains(err.Error(), "older copy") {
			t.Errorf("from position %d: %v", start, err)
		}
	}
}

// earlier is a log as the release without marker wrote it.
func earlier(t testing.TB, records ...string) image {
	t.Helper()
	table := crc32.MakeTable(crc32.Castagnoli)
	file := binary.LittleEndian.AppendUint64([]byte("TRELWAL1"), 0)
	file = binary.LittleEndian.AppendUint32(file, crc32.Checksum(file, table))
	position, durable := uint64(0), uint64(0)
	for _, r := range records {
		frame := binary.LittleEndian.AppendUint32(nil, uint32(len(r)))
		sealed := binary.LittleEndian.AppendUint64(nil, position)
		sealed = binary.LittleEndian.AppendUint64(sealed, durable)
		frame = binary.LittleEndian.AppendUint32(frame, crc32.Update(crc32.Checksum([]byte(r), table), table, sealed))
		file = append(append(append(file, frame...), sealed...), r...)
		durable = position
		position += 24 + uint64(len(r))
	}
	return image{"0000000000000000.wal": file, "ID": []byte("log 1\n")}
}

func TestALogOfTheEarlierReleaseIsOpenedAndGetsAMarker(t *testing.T) {
	for _, c := range []struct {
		name    string
		records []string
		torn    string
	}{
		{"with records", numbered(0, 5), ""},
		{"with a torn end", numbered(0, 5), "torn"},
		{"without a record", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := earlier(t, c.records...)
			m["0000000000000000.wal"] = append(m["0000000000000000.wal"], c.torn...)
			disk := m.disk(t)
			l := open(t, wal.Options{Dir: "log", ID: "log 1", FS: disk})
			if got := replay(t, l, 0); !slices.Equal(got, c.records) {
				t.Errorf("replayed %q", got)
			}
			mustAppend(t, l, "new")
			closeLog(t, l)
			want := append(slices.Clone(c.records), "new")
			got, _, err := opened(t, disk, "log 1", 0)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("opened again: %q, %v", got, err)
			}
			after := imageOf(t, disk)
			for _, name := range after.names(true) {
				cut := after.copy()
				cut[name] = cut[name][:len(cut[name])-1]
				if _, _, err := opened(t, cut.disk(t), "log 1", 0); !errors.Is(err, columnar.ErrCorrupt) {
					t.Errorf("%s is cut off: %v", name, err)
				}
			}
		})
	}
}

func TestAMarkThatIsNotWrittenIsNoAcknowledgement(t *testing.T) {
	for _, written := range []int{0, 300, 512, 1024} {
		t.Run(fmt.Sprint(written), func(t *testing.T) {
			disk := waltest.NewDisk()
			o := wal.Options{Dir: "log", ID: "log 1", FS: disk, MarkDelay: -1}
			l := open(t, o)
			mustAppend(t, l, "record 0")
			broken := true
			disk.Fail = func(op waltest.Op, path string) error {
				if broken && op == waltest.OpWrite && strings.HasSuffix(path, "MARK") {
					return &waltest.ShortWrite{Written: written, Err: syscall.EIO}
				}
				return nil
			}
			for range 3 {
				if err := l.Append([]byte("lost"), func(uint64) { t.Error("it was applied") }); !errors.Is(err, syscall.EIO) {
					t.Fatalf("error %v", err)
				}
				for range 20 { // whatever is on the disk now can be opened
					after := disk.PowerCut(rand.New(rand.NewPCG(1, uint64(written))))
					if got, _, err := opened(t, after, "", 0); err == nil && len(got) == 0 {
						t.Fatalf("records %q", got)
					}
				}
			}
			broken = false
			mustAppend(t, l, "record 1")
			closeLog(t, l)
			l = open(t, o)
			if got := replay(t, l, 0); !slices.Equal(got, numbered(0, 2)) {
				t.Errorf("replayed %q", got)
			}
			closeLog(t, l)
		})
	}
}

// TestVerifyDoesNotCryWolf verifies a log that is written to and trimmed.
func TestVerifyDoesNotCryWolf(t *testing.T) {
	dir := t.TempDir()
	l := open(t, wal.Options{Dir: dir, ID: "log 1", FileBytes: 4000})
	record := wal.AppendEntry(wal.AppendRecord(nil), &wal.Entry{Series: 1, Kind: columnar.Floats, Slots: []int64{1, 2}, Floats: []float64{1, 2}})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := l.Append(record, nil); err != nil {
				t.Error(err)
				return
			}
			if i%200 == 199 {
				if err := l.Trim(l.End()); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	wolf := 0
	for range 300 {
		start := l.Stats().Start // as the catalog says
		_, err := wal.Verify(dir, wal.VerifyOptions{ID: "log 1", Start: start})
		if err != nil && l.Stats().Start == start {
			t.Errorf("%v", err)
		}
		if errors.Is(err, columnar.ErrCorrupt) || errors.Is(err, fs.ErrNotExist) {
			wolf++ // it was trimmed meanwhile: who asks again with a newer start is told the truth
		} else if err != nil {
			t.Error(err)
		}
	}
	close(stop)
	<-stopped
	closeLog(t, l)
	t.Logf("%d of 300 while files went away", wolf)
}
