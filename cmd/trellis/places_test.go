package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/trellisdb/trellis/meta/postgres/postgrestest"
	"github.com/trellisdb/trellis/store/object/s3/s3test"
)

// far is a place in PostgreSQL and S3, as flags name it.
type far struct {
	proxy    *s3test.Proxy // that the S3 server is reached through
	postgres *postgrestest.Server
	endpoint *s3test.Server
	backups  string // another bucket
}

func newFar(t *testing.T) *far {
	t.Helper()
	f := &far{postgres: postgrestest.Start(t), endpoint: s3test.Start(t)}
	f.proxy = s3test.NewProxy(t, f.endpoint)
	f.endpoint.Bucket(t, "plant")
	f.endpoint.Bucket(t, "backups")
	f.backups = f.url("backups/all")
	return f
}

func (f *far) url(bucket string) string {
	return "s3://" + bucket + "?" + url.Values{
		"endpoint": {f.proxy.Endpoint}, "region": {s3test.Region}, "path-style": {"true"}, "pause": {"1ms"}, "hedge": {"off"},
	}.Encode()
}

// place returns the flags of a new place; each begins with a prefix.
func (f *far) place(t *testing.T, prefix, name string) []string {
	t.Helper()
	return []string{"--" + prefix + "bucket", f.url("plant/" + name), "--" + prefix + "catalog", f.postgres.URL(f.postgres.Database(t))}
}

// trellis runs the program, which is killed when ctx ends, and returns what it says.
func (f *far) trellis(ctx context.Context, t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(ctx, "trellis", args...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+s3test.AccessKey, "AWS_SECRET_ACCESS_KEY="+s3test.SecretKey, "AWS_EC2_METADATA_DISABLED=true")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must is trellis where it has to end well.
func (f *far) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := f.trellis(t.Context(), t, args...)
	if err != nil {
		t.Fatalf("trellis %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// plant makes a data directory with several segments and returns it, and what a query
// of it answers.
func (f *far) plant(t *testing.T) (dir, answer string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "db")
	for i, name := range []string{"pv_array.csv", "machine_temperature.csv", "pv_array.csv", "machine_temperature.csv"} {
		f.must(t, "import", filepath.Join(source, name), "--data", dir, "--name", fmt.Sprintf("plant/%d", i), "--zone", "UTC", "--type", "double", "--sample-t", "5m", "--progress", "off")
	}
	return dir, f.must(t, "query", "--data", dir, "--format", "csv", question)
}

const question = `SELECT series, count(*), sum(value), min(time), max(time) FROM samples GROUP BY 1 ORDER BY 1`

// killed runs the program again and again. Each run is killed with SIGKILL, at a later
// request than the one before, until one ends by itself; then it returns what that said, and in how
// many runs.
func (f *far) killed(t *testing.T, args ...string) (out string, runs int) {
	t.Helper()
	for runs = 1; runs < 300; runs++ {
		ctx, kill := context.WithCancel(t.Context())
		var requests atomic.Int64
		f.proxy.Fail(func(*http.Request) s3test.Fault {
			// Faster in the end: a backup that is killed behind its manifest leaves one more to read.
			if requests.Add(1) >= int64(runs+runs*runs/100) {
				kill()
				return s3test.Fault{Hang: true}
			}
			return s3test.Fault{}
		})
		out, err := f.trellis(ctx, t, args...)
		f.proxy.Fail(nil)
		dead := ctx.Err() != nil
		kill()
		switch {
		case dead:
			continue
		case err != nil:
			t.Fatalf("run %d: %v\n%s", runs, err, out)
		}
		return out, runs
	}
	t.Fatal("it does not come to an end")
	return "", 0
}

func TestAMigrationThatIsKilledAgainAndAgainIsGoneOnWith(t *testing.T) {
	f := newFar(t)
	dir, answer := f.plant(t)
	there, from := f.place(t, "", "one"), []string(nil)
	for i := 0; i < len(there); i += 2 {
		from = append(from, "--from-"+strings.TrimPrefix(there[i], "--"), there[i+1])
	}
	out, runs := f.killed(t, append([]string{"migrate", "--from-data", dir}, there...)...)
	if runs < 20 || !strings.Contains(out, "compared now") {
		t.Errorf("run %d says %s", runs, out)
	}
	if out := f.must(t, append([]string{"verify"}, there...)...); !strings.Contains(out, ": sound") {
		t.Error(out)
	}
	back := filepath.Join(t.TempDir(), "back")
	f.must(t, append([]string{"migrate", "--data", back}, from...)...)
	if got := f.must(t, "query", "--data", back, "--format", "csv", question); got != answer {
		t.Errorf("got %s, want %s", got, answer)
	}
}

func TestABackupToS3ThatIsKilledAgainAndAgainIsGoneOnWith(t *testing.T) {
	f := newFar(t)
	dir, answer := f.plant(t)
	out, runs := f.killed(t, "backup", "--data", dir, "--to", f.backups)
	if runs < 15 || !strings.Contains(out, "4 segments") {
		t.Errorf("run %d says %s", runs, out)
	}
	there := f.place(t, "", "restored")
	out, runs = f.killed(t, append([]string{"restore", "--from", f.backups}, there...)...)
	if runs < 15 || strings.Contains(out, "; 4 copied") {
		t.Errorf("run %d says %s", runs, out)
	}
	data := filepath.Join(t.TempDir(), "data")
	f.must(t, "restore", "--from", f.backups, "--data", data)
	if got := f.must(t, "query", "--data", data, "--format", "csv", question); got != answer {
		t.Errorf("got %s, want %s", got, answer)
	}
	if out := f.must(t, append([]string{"verify", "--json"}, there...)...); !strings.Contains(out, `"sound": true`) {
		t.Error(out)
	}
}

func TestAServerOnPostgreSQLAndS3TellsItsRequestsCacheAndGarbage(t *testing.T) {
	f := newFar(t)
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.SecretKey)
	place := f.place(t, "", "served")
	s := start(t, append([]string{"--data", t.TempDir(), "--metrics-listen", "127.0.0.1:0", "--cache-size", "64MiB"}, place...)...)
	f.must(t, "import", filepath.Join(source, "pv_array.csv"), "--server", s.address, "--name", "pv", "--zone", "UTC", "--type", "double", "--sample-t", "15m", "--progress", "off")
	s.stop(t)
	s = start(t, append([]string{"--data", t.TempDir(), "--metrics-listen", "127.0.0.1:0", "--cache-size", "64MiB"}, place...)...)
	for range 2 {
		if out := f.must(t, "query", "--server", s.address, "--format", "csv", "SELECT sum(value) FROM samples WHERE value > -2.8"); !strings.Contains(out, "sum") {
			t.Error(out)
		}
	}
	metrics := s.metrics(t)
	for _, want := range []string{
		`trellis_s3_requests_total{kind="get"} `, `trellis_s3_read_bytes_total `, `trellis_disk_cache_misses_total `, `trellis_garbage_objects 0`,
		`trellis_snapshots_kept 1`, `trellis_lease_epoch 2`, `trellis_flushed_bytes_total 0`, `trellis_written_bytes_total 0`, `trellis_segments 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(metrics, `trellis_disk_cache_misses_total 0`) || strings.Contains(metrics, `trellis_s3_requests_total{kind="get"} 0`) {
		t.Error("nothing was read through the cache")
	}
	out, err := f.trellis(t.Context(), t, append([]string{"gc"}, place...)...)
	if err == nil || !strings.Contains(out, "the lease of ") {
		t.Errorf("gc beside the server: %v, %s", err, out)
	}
	s.stop(t)
	if out := f.must(t, append([]string{"gc"}, place...)...); !strings.Contains(out, "0 objects deleted") {
		t.Error(out)
	}
}

// stop ends a server as an operator does.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, p.stderr.String())
	}
}

// metrics returns what a server says at /metrics, whose address is in its log.
func (p *process) metrics(t *testing.T) string {
	t.Helper()
	_, rest, ok := strings.Cut(p.stderr.String(), "msg=metrics address=")
	address, _, _ := strings.Cut(rest, "\n")
	if !ok {
		t.Fatalf("no address in %s", p.stderr.String())
	}
	answer, err := http.Get("http://" + strings.TrimSpace(address) + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(text)
}
