package sqlite_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/sqlite"
)

// inOtherProcess holds the path of the catalog when this program runs as the other
// process of a test.
const inOtherProcess = "TRELLIS_TEST_CATALOG"

// otherProcess returns this program, to be started as the other process of a test.
func otherProcess(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	other.Env = append(os.Environ(), inOtherProcess+"="+filepath.Join(dir, "catalog.db"))
	return other
}

func TestOtherProcess(t *testing.T) {
	if path := os.Getenv(inOtherProcess); path != "" {
		changeInOtherProcess(t, path)
		return
	}
	dir := t.TempDir()
	c := open(t, dir)
	defer func() { _ = c.Close() }()
	if _, err := c.CreateSeries(t.Context(), series("here")); err != nil {
		t.Fatal(err)
	}
	epoch, err := c.Acquire(t.Context(), meta.Claim{Holder: "here"})
	if err != nil {
		t.Fatal(err)
	}
	if output, err := otherProcess(t, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	got, err := c.Series(t.Context())
	if err != nil || len(got) != 2 || got[0].Name != "here" || got[1].Name != "there" {
		t.Errorf("the series are %v, %v", got, err)
	}
	if _, err := c.Commit(t.Context(), meta.Commit{Epoch: epoch}); !errors.Is(err, meta.ErrConflict) {
		t.Errorf("a commit after the other process became the writer: %v", err)
	}
}

func changeInOtherProcess(t *testing.T, path string) {
	c, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.CreateSeries(t.Context(), series("there"))
	_, err2 := c.Acquire(t.Context(), meta.Claim{Holder: "there"})
	if err := errors.Join(err, err2, c.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestKilledWhileCommitting(t *testing.T) {
	if path := os.Getenv(inOtherProcess); path != "" {
		commitForEver(t, path)
		return
	}
	dir := t.TempDir()
	var acknowledged int64
	for round := range 10 {
		acknowledged = killAfter(t, dir, 1+round*7)
		c := open(t, dir)
		checkCommits(t, c, acknowledged)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if acknowledged == 0 {
		t.Error("nothing was committed")
	}
}

// killAfter starts the other process, kills it when it has acknowledged n commits,
// and returns the number of the last one.
func killAfter(t *testing.T, dir string, n int) (last int64) {
	t.Helper()
	other := otherProcess(t, dir)
	output, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	for n > 0 && lines.Scan() {
		if last, err = strconv.ParseInt(lines.Text(), 10, 64); err != nil {
			t.Fatalf("the other process says %q", lines.Text())
		}
		n--
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// What it has said until it was killed was acknowledged, too. Its last line may be cut.
	for lines.Scan() {
		if more, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil && more == last+1 {
			last = more
		}
	}
	if err := other.Wait(); err == nil {
		t.Fatal("the other process ended by itself")
	}
	return last
}

// checkCommits checks that all acknowledged commits are there, and that all commits
// are whole: each adds two segments and retires those of the one before.
func checkCommits(t *testing.T, c meta.Catalog, acknowledged int64) {
	t.Helper()
	last, err := c.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if last.ID < acknowledged {
		t.Fatalf("the last snapshot is %d, and %d was acknowledged", last.ID, acknowledged)
	}
	for id := max(1, last.ID-20); id <= last.ID; id++ {
		live, err := c.Segments(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if len(live) != 2 || live[0].Name != fmt.Sprint(id, " a") || live[1].Name != fmt.Sprint(id, " b") {
			t.Fatalf("snapshot %d has the segments %v", id, live)
		}
	}
}

func commitForEver(t *testing.T, path string) {
	c, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	epoch, err := c.Acquire(t.Context(), meta.Claim{Holder: "other process"})
	if err != nil {
		t.Fatal(err)
	}
	last, err := c.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var live []string
	if last.ID > 0 {
		live = []string{fmt.Sprint(last.ID, " a"), fmt.Sprint(last.ID, " b")}
	}
	for id := last.ID + 1; ; id++ {
		add := []meta.Segment{{Name: fmt.Sprint(id, " a")}, {Name: fmt.Sprint(id, " b")}}
		made, err := c.Commit(t.Context(), meta.Commit{Epoch: epoch, Add: add, Retire: live})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(made.ID)
		live = []string{add[0].Name, add[1].Name}
	}
}
