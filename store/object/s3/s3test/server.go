// Package s3test is what tests against S3 stand on: a real server, versitygw, which it
// builds, starts and stops, and a proxy that spoils requests on demand.
package s3test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trellisdb/trellis/store/object/s3"
)

// The server's one account and its region.
const (
	AccessKey = "trellis"
	SecretKey = "trellis-secret"
	Region    = "test-1"
)

// Server is a running S3 server.
type Server struct {
	Endpoint string // URL
	CAFile   string // whose certificate it has, "" without TLS
	Root     string // its directory: each one in it is a bucket, each file in that an object
}

// Start starts a server on a free port of this machine, which is stopped when the test
// ends.
func Start(t testing.TB) *Server {
	t.Helper()
	return start(t, false)
}

// StartTLS is Start with TLS and an authority of its own.
func StartTLS(t testing.TB) *Server {
	t.Helper()
	return start(t, true)
}

// startTries is how often another port is tried where one was taken meanwhile.
const startTries = 5

func start(t testing.TB, tls bool) *Server {
	t.Helper()
	program, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Root: t.TempDir()}
	args, scheme, client := []string{}, "http", &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if tls {
		a := newAuthority(t)
		s.CAFile, scheme = a.file, "https"
		client.Transport = &http.Transport{TLSClientConfig: a.clientConfig(), DisableKeepAlives: true}
		args = []string{"--cert", a.certFile, "--key", a.keyFile}
	}
	for range startTries {
		address := freeAddress(t)
		s.Endpoint = scheme + "://" + address
		if err = run(t, client, s, program, append(args, "--port", address)); err == nil {
			return s
		}
	}
	t.Fatal(err)
	return nil
}

// run starts the server and waits until it answers.
func run(t testing.TB, client *http.Client, s *Server, program string, args []string) error {
	args = append(args, "--access", AccessKey, "--secret", SecretKey, "--region", Region,
		"--quiet", "--keep-alive", "--health", "/health", "posix", s.Root)
	var output bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = dieWithParent()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	stop := func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
	}
	for range 500 {
		if healthy(client, s.Endpoint) {
			t.Cleanup(stop)
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("%s ended: %s", program, output.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	stop()
	return fmt.Errorf("%s does not answer: %s", program, output.String())
}

func healthy(client *http.Client, endpoint string) bool {
	response, err := client.Get(endpoint + "/health")
	if err != nil {
		return false
	}
	return errors.Join(response.Body.Close()) == nil && response.StatusCode == http.StatusOK
}

// freeAddress returns an address of this machine at which nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// program returns the path of the server's program, which TRELLIS_S3SERVER names or
// .ci/s3server builds.
var program = sync.OnceValues(func() (path string, err error) {
	if path := os.Getenv("TRELLIS_S3SERVER"); path != "" {
		return path, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(root, "build"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	cmd := exec.Command(filepath.Join(root, ".ci", "s3server"))
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf(".ci/s3server: %w", err)
	}
	return strings.TrimSpace(string(output)), nil
})

// lock keeps tests of other packages from building the server at the same time.
func lock(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, ".s3server.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

// moduleRoot returns the directory of go.mod above the running test's.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			err = errors.New("there is no go.mod above the test's directory")
		}
	}
	return "", err
}

// Bucket makes an S3 bucket and returns the options for it, with pauses that are short
// enough for tests.
func (s *Server) Bucket(t testing.TB, name string) s3.Options {
	t.Helper()
	if err := os.Mkdir(filepath.Join(s.Root, name), 0o755); err != nil {
		t.Fatal(err)
	}
	return s3.Options{
		Bucket: name, Endpoint: s.Endpoint, Region: Region, PathStyle: true, CAFile: s.CAFile,
		Keys:     s3.Keys{Access: AccessKey, Secret: SecretKey},
		PartSize: 5 << 20, Hedge: -1,
		Retry: s3.Retry{Pause: time.Millisecond},
	}
}

// Open returns the bucket of some options, which is closed when the test ends.
func Open(t testing.TB, opts s3.Options) *s3.Bucket {
	t.Helper()
	b, err := s3.New(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}
