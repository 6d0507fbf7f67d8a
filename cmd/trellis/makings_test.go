package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trellisdb/trellis/store/object/s3/s3test"
)

// What an operator does to a database that is being served: each is refused, or harmless.

// load puts the 200 samples of a file into a series of a server and flushes them.
func (p *process) load(t *testing.T, series string) {
	t.Helper()
	p.must(t, "import", filepath.Join(source, "pv_array.csv"), "--server", p.address, "--name", series, "--type", "double", "--sample-t", "15m", "--progress", "off")
	p.must(t, "query", "--server", p.address, "CALL flush()")
}

// must runs the program, which has to end well, and returns what it says.
func (p *process) must(t *testing.T, args ...string) string {
	t.Helper()
	a := run(t, args...)
	if a.err != nil {
		t.Fatalf("trellis %s: %v, %s", strings.Join(args, " "), a.err, a.out)
	}
	return a.out
}

// has makes sure of the number of samples.
func (p *process) has(t *testing.T, samples string) {
	t.Helper()
	if got := p.must(t, "query", "--server", p.address, "--format", "csv", "SELECT count(*) AS n FROM samples"); got != "n\n"+samples+"\n" {
		t.Errorf("%s samples, want %s", got, samples)
	}
}

// kill ends a server as a crash does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
}

// no makes sure that a command is refused with some words.
func no(t *testing.T, want string, args ...string) {
	t.Helper()
	if a := run(t, args...); a.err == nil || !strings.Contains(a.out, want) {
		t.Errorf("trellis %s: %v, %s; want %q", strings.Join(args, " "), a.err, a.out, want)
	}
}

func TestWhatIsPutOverARunningServerIsRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	p := start(t, "--data", "db")
	p.load(t, "a")
	p.must(t, "backup", "--data", "db", "--to", "copies")
	p.load(t, "b")
	q := start(t, "--data", "young") // nothing was written to it yet
	for _, dir := range []string{"db", "young"} {
		no(t, "the target is not empty", "restore", "--from", "copies", "--data", dir)
		no(t, "the target is not empty", "restore", "--from", "copies", "--data", dir, "--bucket", "elsewhere")
	}
	no(t, "db/bucket", "restore", "--from", "copies", "--data", "fresh", "--bucket", "db/bucket")
	p.must(t, "backup", "--data", "db", "--to", "newest") // with all that the bucket has
	no(t, "db/bucket", "restore", "--from", "newest", "--data", "fresh", "--bucket", "db/bucket")
	no(t, "young/bucket", "restore", "--from", "copies", "--data", "fresh2", "--bucket", "young/bucket")
	q.must(t, "import", filepath.Join(source, "pv_array.csv"), "--data", "third", "--name", "x", "--type", "double", "--sample-t", "15m", "--progress", "off")
	no(t, "the target is not empty", "migrate", "--from-data", "third", "--data", "young")
	no(t, "the target is not empty", "migrate", "--from-data", "third", "--data", "db")
	no(t, "a server has the database", "gc", "--data", "db", "--grace", "1us")
	no(t, "a server has the database", "gc", "--data", "db", "--dry-run")
	no(t, "a server has the database", "compact", "--data", "db")
	no(t, "stop the server", "repair", "--data", "db")
	if a := run(t, "verify", "--data", "db"); a.err != nil {
		t.Errorf("verify: %s", a.out)
	}
	p.must(t, "backup", "--data", "db", "--to", "copies")
	p.has(t, "400")
	p.load(t, "c")
	q.load(t, "a")
	q.has(t, "200")
	q.stop(t)
	p.kill(t)
	p = start(t, "--data", "db")
	p.has(t, "600")
	p.stop(t)
	for _, dir := range []string{"db", "young"} {
		if a := run(t, "verify", "--data", dir); a.err != nil {
			t.Errorf("verify %s: %s", dir, a.out)
		}
	}
}

// TestAnOlderCatalogWrittenOverTheOneInUseIsRefusedAndRepaired writes an older copy into
// the very files that a server has open, as cp does, or puts them in their place.
func TestAnOlderCatalogWrittenOverTheOneInUseIsRefusedAndRepaired(t *testing.T) {
	for name, copying := range map[string]string{
		"into the file":              `cat old/catalog.sqlite > db/catalog.sqlite`,
		"into the file and its -wal": `cat old/catalog.sqlite > db/catalog.sqlite; : > db/catalog.sqlite-wal`,
		"in place of all":            `rm db/catalog.sqlite*; cp old/catalog.sqlite* db/`,
		"by rsync":                   `cp old/catalog.sqlite db/.catalog && mv db/.catalog db/catalog.sqlite`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			p := start(t, "--data", "db")
			p.load(t, "a")
			p.stop(t)
			if out, err := exec.Command("cp", "-r", "db", "old").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			p = start(t, "--data", "db")
			p.load(t, "b")
			if out, err := exec.Command("sh", "-c", copying).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			// The server stops writing, or goes on with what it has; it never acknowledges
			// what is lost.
			a := run(t, "import", filepath.Join(source, "pv_array.csv"), "--server", p.address, "--name", "c", "--type", "double", "--sample-t", "15m", "--progress", "off")
			flushed := run(t, "query", "--server", p.address, "CALL flush()")
			p.kill(t)
			want := "400"
			if a.err == nil {
				want = "600"
			}
			if s := run(t, "verify", "--data", "db"); s.err != nil {
				if r := run(t, "repair", "--data", "db", "--yes"); r.err != nil {
					t.Fatalf("repair: %s", r.out)
				}
			} else if flushed.err != nil && a.err == nil {
				t.Errorf("verify finds nothing: %s", s.out)
			}
			if strings.Contains(copying, "mv ") { // the old file with the newest -wal has all, and is another file
				if out := begins(t, "--data", "db"); !strings.Contains(out, "trellis adopt") {
					t.Error(out)
				}
				p.must(t, "adopt", "--data", "db", "--yes")
			}
			p = start(t, "--data", "db")
			p.has(t, want)
			p.stop(t)
			if s := run(t, "verify", "--data", "db"); s.err != nil {
				t.Errorf("verify: %s", s.out)
			}
		})
	}
}

func TestABucketThatIsRemovedUnderAServerIsNotTakenForAnEmptyOne(t *testing.T) {
	t.Chdir(t.TempDir())
	p := start(t, "--data", "db")
	p.load(t, "a")
	p.must(t, "backup", "--data", "db", "--to", "copies")
	if err := os.RemoveAll("db/bucket"); err != nil {
		t.Fatal(err)
	}
	if a := run(t, "query", "--server", p.address, "SELECT sum(value), count(*) FROM samples WHERE value > 0"); a.err == nil && !strings.Contains(a.out, "200") {
		t.Errorf("it answers %s", a.out)
	}
	if a := run(t, "query", "--server", p.address, "CALL collect()"); a.err == nil {
		t.Logf("collect: %s", a.out)
	}
	p.kill(t)
	no(t, "db/bucket", "serve", "--data", "db", "--listen", "127.0.0.1:0")
	no(t, "bucket", "gc", "--data", "db")
	if a := run(t, "verify", "--data", "db"); a.err == nil {
		t.Errorf("verify: %s", a.out)
	}
	p.must(t, "restore", "--from", "copies", "--data", "new")
	p = start(t, "--data", "new")
	p.has(t, "200")
	p.stop(t)
}

func TestTheDirectoriesOfCacheAndEditsMayGoUnderAServer(t *testing.T) {
	f := newFar(t)
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.SecretKey)
	t.Chdir(t.TempDir())
	flags := []string{"--data", "db", "--bucket", f.url("plant/x"), "--cache-size", "64MiB"}
	p := start(t, flags...)
	p.load(t, "a")
	sum := func() string {
		return p.must(t, "query", "--server", p.address, "--format", "csv", "SELECT sum(value) FROM samples WHERE value > -1e9")
	}
	want := sum()
	for _, dir := range []string{"db/cache", "db/wal/stage"} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	if got := sum(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	p.must(t, "query", "--server", p.address, "UPDATE samples SET value = 1 WHERE series = 'a'")
	p.load(t, "b")
	p.has(t, "400")
	p.kill(t)
	p = start(t, flags...)
	p.has(t, "400")
	p.stop(t)
	p.must(t, "verify", "--data", "db", "--bucket", f.url("plant/x"))
}

// begins tries to start a server and returns why it does not.
func begins(t *testing.T, args ...string) string {
	t.Helper()
	a := run(t, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	var exit *exec.ExitError
	if !errors.As(a.err, &exit) || exit.ExitCode() != exitError {
		t.Fatalf("serve %s: %v, %s", args, a.err, a.out)
	}
	return a.out
}

// TestTwoServersOnOnePrefixOfS3 starts them in every order, and puts everything else onto
// it that puts something into a bucket.
func TestTwoServersOnOnePrefixOfS3(t *testing.T) {
	f := newFar(t)
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.SecretKey)
	t.Chdir(t.TempDir())
	bucket := f.url("plant/shared")
	flags := func(dir string) []string { return []string{"--data", dir, "--bucket", bucket} }
	const foreign = "the bucket is another database's"

	a := start(t, flags("a")...)
	a.load(t, "a")
	if out := begins(t, flags("b")...); !strings.Contains(out, foreign) { // A first, then B
		t.Error(out)
	}
	a.has(t, "200")
	a.stop(t)
	if out := begins(t, flags("b")...); !strings.Contains(out, foreign) { // B while A is stopped
		t.Error(out)
	}
	a = start(t, flags("a")...) // A again after B was refused
	a.has(t, "200")
	a.load(t, "b")
	a.must(t, append([]string{"backup", "--to", "copies"}, flags("a")...)...)
	a.must(t, "import", filepath.Join(source, "pv_array.csv"), "--data", "other", "--name", "x", "--type", "double", "--sample-t", "15m", "--progress", "off")
	for _, verb := range []string{"gc", "compact"} {
		no(t, foreign, append([]string{verb}, flags("b")...)...)
	}
	no(t, foreign, append([]string{"verify"}, flags("b")...)...)
	no(t, "bucket s3://plant/shared, catalog c/catalog.sqlite: restore: the target is not empty", append([]string{"restore", "--from", "copies"}, flags("c")...)...)
	no(t, "plant/shared", append([]string{"migrate", "--from-data", "other"}, flags("d")...)...)
	no(t, "a server has the database", append([]string{"gc"}, flags("a")...)...)
	a.has(t, "400")

	// Adopted by B while A runs: A finds out when it renews its lease, and only reads.
	a.stop(t)
	a = start(t, append(flags("a"), "--lease-ttl", "1s")...)
	a.must(t, append([]string{"adopt", "--yes"}, flags("b")...)...)
	for !strings.Contains(a.stderr.String(), "this server only reads from now on") {
		time.Sleep(10 * time.Millisecond)
	}
	no(t, "this server only reads: the bucket is another database's now", "import", filepath.Join(source, "pv_array.csv"),
		"--server", a.address, "--name", "late", "--type", "double", "--sample-t", "15m", "--progress", "off")
	b := start(t, flags("b")...)
	b.load(t, "a")
	a.kill(t)
	if out := begins(t, flags("a")...); !strings.Contains(out, foreign) { // then the old one
		t.Error(out)
	}
	b.has(t, "200")
	b.stop(t)
	b.must(t, append([]string{"gc", "--grace", "1us"}, flags("b")...)...)
	b.must(t, append([]string{"gc", "--grace", "1us"}, flags("b")...)...)
	b.must(t, append([]string{"verify"}, flags("b")...)...)

	// Given back, A has all that it had. Its lease has to run out, since it was killed.
	time.Sleep(time.Second)
	b.must(t, append([]string{"adopt", "--yes"}, flags("a")...)...)
	a = start(t, flags("a")...)
	if got := a.must(t, "query", "--server", a.address, "--format", "csv", "SELECT count(*) AS n FROM samples WHERE series IN ('a', 'b') AND value > -1e9"); got != "n\n400\n" {
		t.Errorf("A has %s", got)
	}
	a.stop(t)
}
