package main

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/store/object/s3/s3test"
)

// refusal is a command that cannot be done.
type refusal struct {
	name string
	args []string
	env  []string
	want []string // what it says, in one line
	code int      // with which it ends; 0: exitError
}

// refused runs the commands. Each says what is wrong once, in one line, and ends with 1.
func refused(t *testing.T, tests []refusal) {
	t.Helper()
	for _, test := range tests {
		cmd := exec.CommandContext(t.Context(), "trellis", test.args...)
		cmd.Env = append(os.Environ(), append([]string{
			"AWS_ACCESS_KEY_ID=" + s3test.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3test.SecretKey, "AWS_EC2_METADATA_DISABLED=true",
		}, test.env...)...)
		text, err := cmd.CombinedOutput()
		out := string(text)
		var exit *exec.ExitError
		if code := max(test.code, exitError); !errors.As(err, &exit) || exit.ExitCode() != code {
			t.Errorf("%s: %s: %v: %s", test.name, test.args, err, out)
			continue
		}
		for _, part := range test.want {
			if !strings.Contains(out, part) {
				t.Errorf("%s: %s says %q, not %q", test.name, test.args, out, part)
			}
		}
		for _, never := range []string{"(14)", "rpc error", "code = ", "RequestID", "operation error", "desc = "} {
			if strings.Contains(out, never) {
				t.Errorf("%s: %s says %q: %s", test.name, test.args, never, out)
			}
		}
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if last := lines[len(lines)-1]; test.code == 0 && !strings.HasPrefix(last, "trellis: ") {
			t.Errorf("%s: %s says %q", test.name, test.args, out)
		}
	}
}

// everyVerb returns a refusal for each verb that opens a place that has to be there.
func everyVerb(name string, place []string, want ...string) (tests []refusal) {
	for _, verb := range [][]string{
		{"verify"}, {"gc"}, {"gc", "--dry-run"}, {"compact"}, {"backup", "--to", "copies"}, {"adopt"},
	} {
		tests = append(tests, refusal{name: name, args: append(verb, place...), want: want})
	}
	var from []string
	for i, word := range place {
		if i%2 == 0 {
			word = "--from-" + strings.TrimPrefix(word, "--")
		}
		from = append(from, word)
	}
	return append(tests, refusal{name: name, args: append([]string{"migrate", "--data", "moved"}, from...), want: want})
}

// opening adds the verbs that make what is missing.
func opening(tests []refusal, name string, place []string, want ...string) []refusal {
	tests = append(tests, everyVerb(name, place, want...)...)
	tests = append(tests, refusal{name: name, args: append([]string{"serve", "--listen", "127.0.0.1:0"}, place...), want: want})
	return append(tests, refusal{name: name, args: append([]string{"query", "SELECT 1"}, place...), want: want})
}

func TestPlacesThatCannotBeOpenedSayWhatToDo(t *testing.T) {
	t.Chdir(t.TempDir())
	if a := run(t, "import", filepath.Join(source, "pv_array.csv"), "--data", "db", "--name", "a", "--type", "double", "--sample-t", "15m", "--progress", "off"); a.err != nil {
		t.Fatal(a.out)
	}
	for name, text := range map[string]string{"file": "", "text.sqlite": "this is text and no database of SQLite"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"empty", "other"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tests := everyVerb("a directory that is missing", []string{"--data", "nowhere"}, "there is no database", "nor a directory nowhere", "trellis serve makes a new one")
	tests = append(tests, everyVerb("an empty directory", []string{"--data", "empty"}, "there is no database: there is no file empty/catalog.sqlite", "data")...)
	tests = append(tests, refusal{name: "a directory that is missing", args: []string{"query", "--data", "nowhere", "SELECT 1"}, want: []string{"there is no directory nowhere"}})
	tests = append(tests, everyVerb("a file for a directory", []string{"--data", "file"}, "file is not a directory")...)
	tests = append(tests, refusal{name: "a file for a directory", args: []string{"serve", "--data", "file", "--listen", "127.0.0.1:0"}, want: []string{"data directory file: a file is in the way, name a directory"}})
	for _, x := range []struct {
		name, flag, value string
		want              []string
	}{
		{"a directory for a catalog", "--catalog", "empty", []string{"catalog empty: it is a directory", "--catalog"}},
		{"a catalog that is text", "--catalog", "text.sqlite", []string{"catalog text.sqlite: it is not a catalog", "--catalog", "trellis repair"}},
		{"a catalog below a file", "--catalog", "file/x", []string{"catalog file/x: file is not a directory", "--catalog"}},
		{"a catalog of no kind", "--catalog", "mysql://x", []string{"catalog mysql://x: name a file, or postgres://"}},
		{"a file for a bucket", "--bucket", "file", []string{"bucket file: a file is in the way, name a directory"}},
		{"a bucket of no kind", "--bucket", "ftp://x", []string{"bucket ftp://x: there are no buckets of kind ftp", "s3://bucket/prefix"}},
		{"a setting that there is not", "--bucket", "s3://plant/x?what=1", []string{`there is no setting "what"`}},
	} {
		tests = opening(tests, x.name, []string{"--data", "db", x.flag, x.value}, x.want...)
		if x.name == "a catalog that is text" { // which is damage, for verify
			tests[len(tests)-9].code = exitDamaged
		}
	}
	tests = append(tests,
		refusal{name: "a bucket that is empty", args: []string{"serve", "--data", "db", "--bucket", "other", "--listen", "127.0.0.1:0"}, want: []string{"bucket other", "it has nothing of the 1 change that the catalog put there"}},
		refusal{name: "a bucket that is empty", args: []string{"gc", "--data", "db", "--bucket", "other"}, want: []string{"bucket other", "it has nothing of the 1 change that the catalog put there"}},
		refusal{name: "backups that are missing", args: []string{"restore", "--from", "nowhere", "--data", "new"}, want: []string{"there is no directory nowhere"}},
		refusal{name: "backups in a file", args: []string{"backup", "--data", "db", "--to", "file"}, want: []string{"bucket file: a file is in the way"}},
		refusal{name: "backups in a file", args: []string{"backup", "--verify", "--to", "file"}, want: []string{"bucket file: a file is in the way"}},
	)
	refused(t, tests)
	s := start(t, "--data", "db")
	refused(t, []refusal{
		{name: "in use", args: []string{"serve", "--data", "db", "--listen", "127.0.0.1:0"}, want: []string{"data directory db is in use by another process (pid "}},
		{name: "in use", args: []string{"query", "--data", "db", "SELECT 1"}, want: []string{"data directory db is in use by another process (pid ", "use --server"}},
		{name: "in use", args: []string{"gc", "--data", "db"}, want: []string{"a server has the database", "(pid "}},
		{name: "in use", args: []string{"compact", "--data", "db"}, want: []string{"a server has the database", "(pid "}},
		{name: "in use", args: []string{"repair", "--data", "db"}, want: []string{"stop the server first", "(pid "}},
		{name: "in use", args: []string{"migrate", "--from-data", "db", "--data", "new"}, want: []string{"a server has the source (db)", "(pid "}},
	})
	s.stop(t)
}

func TestBucketsAndDatabasesThatCannotBeReachedSayWhatToDo(t *testing.T) {
	f := newFar(t)
	t.Chdir(t.TempDir())
	if a := run(t, "import", filepath.Join(source, "pv_array.csv"), "--data", "db", "--name", "a", "--type", "double", "--sample-t", "15m", "--progress", "off"); a.err != nil {
		t.Fatal(a.out)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := lis.Addr().String()
	if err := lis.Close(); err != nil {
		t.Fatal(err)
	}
	var tests []refusal
	bucket := func(name, url string, env []string, want ...string) {
		for _, args := range [][]string{
			{"serve", "--listen", "127.0.0.1:0", "--data", "new", "--bucket", url},
			{"verify", "--data", "db", "--bucket", url},
			{"gc", "--data", "db", "--bucket", url},
			{"backup", "--data", "db", "--to", url},
			{"backup", "--verify", "--to", url},
			{"restore", "--from", url, "--data", "new"},
		} {
			tests = append(tests, refusal{name, args, env, append(want, "bucket s3://"), 0})
		}
	}
	good := f.url("plant/x")
	bucket("a bucket that is missing", f.url("missing/x"), nil, "there is no bucket missing at http://127.0.0.1:", "create it, or correct its name")
	bucket("a wrong region", strings.ReplaceAll(good, "region="+s3test.Region, "region=eu-north-9"), nil, `the region "eu-north-9" is not the bucket's`, "region=")
	bucket("a wrong key", good, []string{"AWS_SECRET_ACCESS_KEY=wrong"}, "correct the secret key (AWS_SECRET_ACCESS_KEY)")
	bucket("an unknown key", good, []string{"AWS_ACCESS_KEY_ID=wrong"}, "correct it (AWS_ACCESS_KEY_ID)")
	bucket("an endpoint where nobody listens", "s3://plant/x?endpoint=http://"+closed+"&region=x&path-style=true&pause=1ms", nil, "nobody listens at http://"+closed)
	bucket("TLS where there is none", strings.ReplaceAll(good, "http%3A", "https%3A"), nil, "there is no TLS at https://", "write http://")

	server := f.postgres.URL(f.postgres.Database(t))
	catalog := func(name, url string, env []string, want ...string) {
		for _, args := range [][]string{
			{"serve", "--listen", "127.0.0.1:0", "--data", "new", "--catalog", url}, {"verify", "--data", "db", "--catalog", url}, {"query", "--data", "db", "--catalog", url, "SELECT 1"},
		} {
			tests = append(tests, refusal{name, args, env, append(want, "catalog postgres://"), 0})
		}
	}
	catalog("a database that is missing", strings.Replace(server, "/"+databaseOf(server), "/nothing", 1), nil, `there is no database "nothing": create it`)
	refused(t, tests)
}

// databaseOf returns the database of a URL.
func databaseOf(url string) string {
	_, rest, _ := strings.Cut(strings.TrimPrefix(url, "postgres://"), "/")
	name, _, _ := strings.Cut(rest, "?")
	return name
}

func TestServersThatCannotBeReachedSayWhatToDo(t *testing.T) {
	dir := t.TempDir()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := lis.Addr().String()
	if err := lis.Close(); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	cert, key := certificate(t, dir)
	s := start(t, "--data", filepath.Join(dir, "db"), "--tls-cert", cert, "--tls-key", key, "--user", "ada:secret")
	ask := func(server string, more ...string) []string {
		return append([]string{"query", "--server", server, "SELECT 1"}, more...)
	}
	refused(t, []refusal{
		{"nobody listens", ask(closed), nil, []string{"no server answers at " + closed, "--server"}, 0},
		{"nobody listens", []string{"import", filepath.Join(source, "pv_array.csv"), "--name", "x", "--server", closed}, nil, []string{"no server answers at " + closed}, 0},
		{"another server", ask(strings.TrimPrefix(web.URL, "http://")), nil, []string{"it does not answer as a server of Flight does"}, 0},
		{"TLS where there is none", ask("grpc+tls://" + strings.TrimPrefix(web.URL, "http://")), nil, []string{"it does not speak TLS: write grpc://"}, 0},
		{"no TLS where there is", ask(s.address), nil, []string{"write grpc+tls://"}, 0},
		{"an unknown authority", ask("grpc+tls://" + s.address), nil, []string{"signed by nobody who is trusted here: name its authority with --tls-ca"}, 0},
		{"no user", ask("grpc+tls://"+s.address, "--tls-ca", cert), nil, []string{"name a user with --user name:password"}, 0},
		{"a wrong password", ask("grpc+tls://"+s.address, "--tls-ca", cert, "--user", "ada:x"), nil, []string{"unknown user or wrong password"}, 0},
		{"no certificate", ask("grpc+tls://"+s.address, "--tls-ca", key), nil, []string{"holds none: it has to be in PEM form"}, 0},
		{"a file that is missing", ask("grpc+tls://"+s.address, "--tls-ca", "none.pem"), nil, []string{"none.pem: no such file"}, 0},
		{"no address", ask("nonsense"), nil, []string{"write grpc://host:port"}, 0},
		{"another scheme", ask("http://" + closed), nil, []string{"there is no scheme http"}, 0},
	})
}

// TestAFullDiskIsSaid runs the program on a file system of its own that is full.
func TestAFullDiskIsSaid(t *testing.T) {
	const script = `mount -t tmpfs -o size=1m none "$0" || exit 99; dd if=/dev/zero of="$0/fill" bs=4k 2>/dev/null; exec trellis "$@"`
	dir := t.TempDir()
	if a := run(t, "import", filepath.Join(source, "pv_array.csv"), "--data", filepath.Join(t.TempDir(), "db"), "--name", "a", "--type", "double", "--sample-t", "15m", "--progress", "off"); a.err != nil {
		t.Fatal(a.out)
	}
	for _, args := range [][]string{
		{"serve", "--data", filepath.Join(dir, "db"), "--listen", "127.0.0.1:0"},
		{"import", filepath.Join(source, "pv_array.csv"), "--data", filepath.Join(dir, "db"), "--name", "a"},
	} {
		cmd := exec.Command("unshare", append([]string{"--mount", "--map-root-user", "sh", "-c", script, dir}, args...)...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 99 || strings.Contains(string(out), "unshare: ") {
			t.Fatalf("nothing can be mounted here: %v, %s", err, out)
		}
		if err == nil || !strings.Contains(string(out), "full, free some space") || !strings.Contains(string(out), dir) {
			t.Errorf("%s: %v, %s", args[0], err, out)
		}
	}
}
