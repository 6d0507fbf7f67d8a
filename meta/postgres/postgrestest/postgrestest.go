// Package postgrestest runs a PostgreSQL server of a test's own, from the programs
// that the machine has.
package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Password is that of the server's only user, trellis.
const Password = "secret/of a:test"

// Server is a PostgreSQL server that listens on the loopback and has its files in a
// directory that is removed when the test ends.
type Server struct {
	Port int

	bin       string
	dir       string
	settings  []string
	databases atomic.Int64

	output bytes.Buffer // of the process; to be read when it has ended

	mu struct {
		sync.Mutex
		running *exec.Cmd
	}
}

// Start makes a server, as New does, that ends with the test.
func Start(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s, err := New(settings...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// New makes a server and starts it. It does not wait for its disk, so that tests are
// fast: what was committed outlives the server's processes, not the machine. The
// settings, name=value, are added to that.
func New(settings ...string) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "trellis-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir, settings: settings}
	err = s.initialize()
	if err == nil {
		err = s.run()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close ends the server and removes its files.
func (s *Server) Close() error { return errors.Join(s.stop(syscall.SIGQUIT), os.RemoveAll(s.dir)) }

// programs returns the directory of PostgreSQL's programs.
func programs() (string, error) {
	var dirs []string
	if output, err := exec.CommandContext(context.Background(), "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(output)))
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	for i := range debian {
		dirs = append(dirs, debian[len(debian)-1-i]) // the newest first
	}
	if initdb, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(initdb))
	}
	for _, dir := range dirs {
		_, err := os.Stat(filepath.Join(dir, "postgres"))
		_, err2 := os.Stat(filepath.Join(dir, "initdb"))
		if err == nil && err2 == nil {
			return dir, nil
		}
	}
	return "", errors.New("the tests need PostgreSQL's server, and there is none: run .ci/postgres, or install it (Debian, Ubuntu: apt-get install postgresql)")
}

// command returns one of PostgreSQL's programs, to be run as a user that may.
func (s *Server) command(program string, args ...string) (*exec.Cmd, error) {
	command := exec.CommandContext(context.Background(), filepath.Join(s.bin, program), args...)
	command.Dir = s.dir
	// Messages are in English, and settings come from the command line only.
	command.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH"), "TZ=UTC"}
	owner, err := owner()
	if owner != nil {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	}
	return command, err
}

// owner returns the user that runs the server when this program's may not: PostgreSQL
// refuses to run as root.
func owner() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil // nobody else is needed
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and: %w", err)
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// initialize makes the server's files.
func (s *Server) initialize() error {
	password := filepath.Join(s.dir, "password")
	if err := os.WriteFile(password, []byte(Password+"\n"), 0o600); err != nil {
		return err
	}
	owner, err := owner()
	if err != nil {
		return err
	}
	if owner != nil {
		if err := errors.Join(os.Chown(s.dir, int(owner.Uid), int(owner.Gid)), os.Chown(password, int(owner.Uid), int(owner.Gid))); err != nil {
			return err
		}
	}
	args := []string{"--pgdata", s.data(), "--username", "trellis", "--pwfile", password, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync"}
	help, err := s.command("initdb", "--help")
	if err != nil {
		return err
	}
	// A collation of people, where there is one, shows what relies on that of bytes.
	if text, err := help.Output(); err == nil && bytes.Contains(text, []byte("--icu-locale")) {
		args = append(args, "--locale-provider", "icu", "--icu-locale", "en-US", "--locale", "C.UTF-8")
	} else {
		args = append(args, "--locale", "C")
	}
	command, err := s.command("initdb", args...)
	if err != nil {
		return err
	}
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, output)
	}
	free, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.Port = free.Addr().(*net.TCPAddr).Port
	return free.Close()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Restart starts the server, which has been stopped, and waits until it answers.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	if err := s.run(); err != nil {
		tb.Fatal(err)
	}
}

// run starts the server and waits until it answers.
func (s *Server) run() error {
	if err := s.start(); err != nil {
		return err
	}
	var err error
	for range 600 {
		if err = s.Execute(context.Background(), "postgres", "SELECT 1"); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("PostgreSQL does not answer: %w", errors.Join(err, s.stop(syscall.SIGQUIT), errors.New(s.output.String())))
}

func (s *Server) start() error {
	args := []string{
		"-D", s.data(), "-p", strconv.Itoa(s.Port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "max_connections=200", "-c", "shared_buffers=32MB", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "autovacuum=off",
	}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	command, err := s.command("postgres", args...)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.running != nil {
		return errors.New("PostgreSQL is running")
	}
	s.output.Reset()
	command.Stdout, command.Stderr = &s.output, &s.output
	if err := command.Start(); err != nil {
		return err
	}
	s.mu.running = command
	return nil
}

// Stop ends the server and waits for that: after its clients' transactions are rolled
// back, or at once, as a crash would, so that it has to recover when it is started.
func (s *Server) Stop(tb testing.TB, atOnce bool) {
	tb.Helper()
	signal := syscall.SIGINT
	if atOnce {
		signal = syscall.SIGQUIT
	}
	if err := s.stop(signal); err != nil {
		tb.Fatal(err)
	}
}

func (s *Server) stop(signal syscall.Signal) error {
	s.mu.Lock()
	running := s.mu.running
	s.mu.running = nil
	s.mu.Unlock()
	if running == nil {
		return nil
	}
	if err := running.Process.Signal(signal); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	err := running.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil // it says how it was ended
	}
	return err
}

// URL returns the address of one of the server's databases.
func (s *Server) URL(database string) string { return s.URLAt(s.Port, database) }

// URLAt returns the address of one of the server's databases behind another port.
func (s *Server) URLAt(port int, database string) string {
	return fmt.Sprintf("postgres://trellis:%s@127.0.0.1:%d/%s?sslmode=disable", "secret%2Fof%20a%3Atest", port, database)
}

// Database makes an empty database and returns its name.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprint("test", s.databases.Add(1))
	if err := s.Execute(tb.Context(), "postgres", "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		tb.Fatal(err)
	}
	return name
}

// Execute runs a statement on a connection of its own.
func (s *Server) Execute(ctx context.Context, database, statement string) (err error) {
	conn, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, statement)
	return err
}
