package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"trellis": main})
}

// TestScripts runs the scripts in testdata/script: every verb, with a real server on a
// free port and real files. Besides the commands of testscript they have
//
//	server start DIR [flags]     starts trellis serve and sets $ADDR
//	server stop                  sends SIGTERM and checks that it ends well
//	server kill                  kill -9
//	data FILE...                 copies files of testdata/data
//	gzipped FILE                 compresses a file
//	cut FILE BYTES               keeps the first bytes of a file; negative: takes off the last
//	flip FILE OFFSET             inverts a byte, counted from the end if negative
//	substitute FILE OLD NEW      puts a text of the same length in the place of another wherever it stands
//	line FILE BYTES              writes a file with one line of that length
//	segment DIR                  sets $SEGMENT to the path of the first segment in a data directory
//	segment2 DIR                 sets $SEGMENT2 to that of the first segment in a directory of backups
//	logfile DIR                  sets $LOG to the path of the first file of the log in a data directory
//	sqlite FILE STATEMENT        changes a catalog behind its back
//	firstmanifest DIR            sets $MANIFEST to the key of the oldest manifest in a directory of backups
func TestScripts(t *testing.T) {
	servers := &scriptServers{running: map[*testscript.TestScript]*scriptServer{}}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server":  servers.command,
			"data":    scriptData,
			"gzipped": scriptGzip,
			"cut":     scriptCut,
			"flip":    scriptFlip,
			"line":    scriptLine,
			"substitute": func(ts *testscript.TestScript, _ bool, args []string) {
				text, err := os.ReadFile(ts.MkAbs(args[0]))
				ts.Check(err)
				if !bytes.Contains(text, []byte(args[1])) || len(args[1]) != len(args[2]) {
					ts.Fatalf("%s has no %q, or that is not as long as %q", args[0], args[1], args[2])
				}
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.ReplaceAll(text, []byte(args[1]), []byte(args[2])), 0o600))
			},
			"segment": scriptSegment,
			"sqlite":  scriptSQLite,
			"segment2": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Setenv("SEGMENT2", first(ts, args[0], "*", "segments", "*"))
			},
			"logfile": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Setenv("LOG", first(ts, args[0], "wal", "*.wal"))
			},
			"firstmanifest": func(ts *testscript.TestScript, _ bool, args []string) {
				rel, err := filepath.Rel(ts.MkAbs(args[0]), first(ts, args[0], "*", "manifests", "*"))
				ts.Check(err)
				ts.Setenv("MANIFEST", filepath.ToSlash(rel))
			},
		},
	})
}

// scriptServers are the servers of the scripts that run.
type scriptServers struct {
	sync.Mutex
	running map[*testscript.TestScript]*scriptServer
}

// scriptServer is a server process.
type scriptServer struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
}

func (s *scriptServers) command(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: server start DIR [flags], server stop, server kill")
	}
	s.Lock()
	running := s.running[ts]
	s.Unlock()
	switch {
	case args[0] == "start" && len(args) > 1:
		running = startServer(ts, args[1:])
		ts.Defer(func() { _ = running.end(ts, syscall.SIGKILL) })
	case args[0] == "stop" && running != nil:
		if err := running.end(ts, syscall.SIGTERM); err != nil {
			ts.Fatalf("server: %v\n%s", err, running.stderr.String())
		}
	case args[0] == "kill" && running != nil:
		_ = running.end(ts, syscall.SIGKILL)
	default:
		ts.Fatalf("server: no server to %s", args[0])
	}
	s.Lock()
	s.running[ts] = running
	s.Unlock()
}

// startServer starts a server and waits until it is ready.
func startServer(ts *testscript.TestScript, args []string) *scriptServer {
	binary := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, "trellis"); isFile(path) {
			binary = path
			break
		}
	}
	s := &scriptServer{}
	s.cmd = exec.Command(binary, append([]string{"serve", "--data", ts.MkAbs(args[0]), "--listen", "127.0.0.1:0"}, args[1:]...)...)
	s.cmd.Dir, s.cmd.Stderr = ts.MkAbs("."), &s.stderr
	s.cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"))
	out, err := s.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(s.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		err = errors.Join(err, s.end(ts, syscall.SIGKILL))
		ts.Fatalf("the server says %q (%v), and %s", line, err, s.stderr.String())
	}
	ts.Setenv("ADDR", address)
	return s
}

// end ends the server, if it has not ended, and returns how.
func (s *scriptServer) end(ts *testscript.TestScript, sig os.Signal) error {
	if s.cmd.ProcessState != nil {
		return nil
	}
	if err := s.cmd.Process.Signal(sig); err != nil {
		return err
	}
	err := s.cmd.Wait()
	ts.Logf("server: %s", s.stderr.String())
	return err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// source is where the tests' data is; scripts run in a directory of their own.
var source = func() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return filepath.Join(dir, "testdata", "data")
}()

func scriptData(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text, err := os.ReadFile(filepath.Join(source, name))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name), text, 0o600))
	}
}

func scriptGzip(ts *testscript.TestScript, _ bool, args []string) {
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err = w.Write(text)
	ts.Check(errors.Join(err, w.Close()))
	ts.Check(os.WriteFile(ts.MkAbs(args[0])+".gz", b.Bytes(), 0o600))
}

func scriptCut(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	if n < 0 {
		info, err := os.Stat(ts.MkAbs(args[0]))
		ts.Check(err)
		n += int(info.Size())
	}
	ts.Check(os.Truncate(ts.MkAbs(args[0]), int64(n)))
}

func scriptFlip(ts *testscript.TestScript, _ bool, args []string) {
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	if at < 0 {
		at += len(text)
	}
	text[at] ^= 0xff
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}

func scriptLine(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.Repeat([]byte("x"), n), 0o600))
}

func scriptSegment(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv("SEGMENT", first(ts, args[0], "bucket", "segments", "*"))
}

func scriptSQLite(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec(args[1])
	ts.Check(errors.Join(err, db.Close()))
}

// first returns the path of the first file below a directory that a pattern matches.
func first(ts *testscript.TestScript, dir string, pattern ...string) string {
	found, err := filepath.Glob(filepath.Join(append([]string{ts.MkAbs(dir)}, pattern...)...))
	ts.Check(err)
	if len(found) == 0 {
		ts.Fatalf("there is no %s in %s", filepath.Join(pattern...), dir)
	}
	return found[0]
}
