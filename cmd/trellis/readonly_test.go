package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// onReadOnly runs the program where a directory is mounted read-only, in a namespace of
// its own, and returns what it says.
func onReadOnly(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	const script = `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 99; exec trellis "$@"`
	cmd := exec.Command("unshare", append([]string{"--mount", "--map-root-user", "sh", "-c", script, dir}, args...)...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 99 || strings.Contains(string(out), "unshare: ") {
		t.Fatalf("nothing can be mounted here: %v, %s", err, out)
	}
	return string(out), err
}

// asNobody runs the program as a user who owns nothing; where root does not run the test,
// as the one who does, whom the modes of directories keep out as well.
func asNobody(t *testing.T, args ...string) (string, error) {
	t.Helper()
	if os.Getuid() != 0 {
		out, err := exec.Command("trellis", args...).CombinedOutput()
		return string(out), err
	}
	path, err := exec.LookPath("trellis")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "trellis-nobody-*")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "trellis")
	if out, err := exec.Command("cp", path, binary).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

const liveState = "beside a server"

// withoutCatalog takes the catalog out of a listing: a server renews its lease there.
func withoutCatalog(listing string) string {
	var kept []string
	for _, line := range strings.Split(listing, "\n") {
		if !strings.Contains(line, "catalog.sqlite") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// TestADatabaseOnAReadOnlyMountIsVerifiedAndBackedUp has it after a clean end, beside a
// server that writes through another mount, and after a crash of that one.
func TestADatabaseOnAReadOnlyMountIsVerifiedAndBackedUp(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	p := start(t, "--data", dir)
	load := func(name string) {
		t.Helper()
		if a := run(t, "import", filepath.Join(source, "pv_array.csv"), "--server", p.address, "--name", name, "--type", "double", "--sample-t", "15m", "--progress", "off"); a.err != nil {
			t.Fatal(a)
		}
	}
	load("a")
	p.stop(t)
	check := func(state string, series, records int) {
		t.Helper()
		before := listing(t, dir)
		out, err := onReadOnly(t, dir, "verify", "--data", dir)
		if err != nil || !strings.Contains(out, ": sound") {
			t.Errorf("%s: verify: %v, %s", state, err, out)
		}
		copies := filepath.Join(t.TempDir(), "copies")
		out, err = onReadOnly(t, dir, "backup", "--data", dir, "--to", copies)
		if err != nil || !strings.Contains(out, "the catalog "+dir+"/catalog.sqlite can only be read (read-only file system)") || !strings.Contains(out, "backed up: snapshot 1, "+count(int64(series), "series")) {
			t.Errorf("%s: backup: %v, %s", state, err, out)
		}
		if (records > 0) != strings.Contains(out, count(int64(records), "record")+" of the write-ahead log, with 200 samples") {
			t.Errorf("%s: %d records in %s", state, records, out)
		}
		if a := run(t, "backup", "--verify", "--to", copies); a.err != nil || !strings.Contains(a.out, "200 samples") {
			t.Errorf("%s: %v, %s", state, a.err, a.out)
		}
		out, err = onReadOnly(t, copies, "backup", "--verify", "--to", copies)
		if err != nil || !strings.Contains(out, ": sound") {
			t.Errorf("%s: a backup on a read-only mount: %v, %s", state, err, out)
		}
		out, err = onReadOnly(t, copies, "restore", "--from", copies, "--data", filepath.Join(t.TempDir(), "new"))
		if err != nil || !strings.Contains(out, "restored: ") {
			t.Errorf("%s: a restore from a read-only mount: %v, %s", state, err, out)
		}
		for _, args := range [][]string{
			{"query", "--data", dir, "SELECT 1"},
			{"serve", "--data", dir, "--listen", "127.0.0.1:0"},
			{"gc", "--data", dir, "--dry-run"},
			{"compact", "--data", dir},
			{"migrate", "--from-data", dir, "--data", filepath.Join(t.TempDir(), "moved")},
			{"import", filepath.Join(source, "pv_array.csv"), "--data", dir, "--name", "z"},
		} {
			out, err := onReadOnly(t, dir, args...)
			if err == nil || !strings.Contains(out, "can only be read here (read-only file system), and this has to write") {
				t.Errorf("%s: %s: %v, %s", state, args[0], err, out)
			}
		}
		if out, err := onReadOnly(t, dir, "wal", "dump", filepath.Join(dir, "wal")); err != nil || !strings.Contains(out, "position") {
			t.Errorf("%s: wal dump: %v, %s", state, err, out)
		}
		after := listing(t, dir)
		if state == liveState {
			before, after = withoutCatalog(before), withoutCatalog(after)
		}
		if after != before {
			t.Errorf("%s: the files were\n%s, and are\n%s", state, before, after)
		}
	}
	check("after a clean end", 1, 0)
	p = start(t, "--data", dir)
	load("b")
	check(liveState, 2, 1)
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
	check("after a crash", 2, 1)
	if err := os.Remove(filepath.Join(dir, "catalog.sqlite-shm")); err != nil {
		t.Fatal(err)
	}
	check("without the -shm file", 2, 1)
}

func TestADatabaseThatThisUserMayOnlyReadIsVerifiedAndBackedUp(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "db")
	if a := run(t, "import", filepath.Join(source, "pv_array.csv"), "--data", dir, "--name", "a", "--type", "double", "--sample-t", "15m", "--progress", "off"); a.err != nil {
		t.Fatal(a)
	}
	for _, at := range []string{filepath.Dir(parent), parent} {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := asNobody(t, "verify", "--data", dir); err == nil || !strings.Contains(out, "rights") {
		t.Errorf("a directory that nobody may enter: %v, %s", err, out)
	}
	if out, err := exec.Command("chmod", "-R", "a+rX", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := asNobody(t, "verify", "--data", dir); err != nil || !strings.Contains(out, ": sound") {
		t.Errorf("verify: %v, %s", err, out)
	}
	copies := filepath.Join(parent, "copies")
	if out, err := asNobody(t, "backup", "--data", dir, "--to", copies); err == nil || !strings.Contains(out, copies) || !strings.Contains(out, "see to the rights") {
		t.Errorf("a backup to where nobody may write: %v, %s", err, out)
	}
	if err := os.Chmod(parent, 0o777); err != nil {
		t.Fatal(err)
	}
	if out, err := asNobody(t, "backup", "--data", dir, "--to", copies); err != nil || !strings.Contains(out, "backed up: snapshot 1") {
		t.Errorf("backup: %v, %s", err, out)
	}
	if out, err := asNobody(t, "gc", "--data", dir); err == nil || !strings.Contains(out, "can only be read here (permission denied)") {
		t.Errorf("gc: %v, %s", err, out)
	}
}

// listing lists the files below a directory with what can be seen of them.
func listing(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("find", dir, "-not", "-name", "LOCK", "-printf", "%P %s %i\n").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// ran is what the program said, and how it ended.
type ran struct {
	out string
	err error
}

func run(t *testing.T, args ...string) ran {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "trellis", args...).CombinedOutput()
	return ran{string(out), err}
}
