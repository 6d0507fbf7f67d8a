package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmemory "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/spf13/cobra"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/cmd/trellis/internal/client"
	"github.com/trellisdb/trellis/columnar/memory"
)

// config reads the settings of a command line.
func config(t *testing.T, args ...string) (*serveConfig, error) {
	t.Helper()
	cmd := &cobra.Command{}
	addServeFlags(cmd.Flags())
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return loadServeConfig(cmd.Flags())
}

func TestAFlagCountsMoreThanTheEnvironmentAndThatMoreThanTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trellis.yaml")
	text := "data: from-file\nlisten: file:1\nlog-level: warn\nuser: [\"ada:1\", \"bob:2\"]\nshutdown-timeout: 5s\nallow-remote: true\nrequire-reason: true\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TRELLIS_LISTEN", "env:2")
	t.Setenv("TRELLIS_LOG_LEVEL", "error")
	t.Setenv("TRELLIS_BIN", "no setting of the server")
	c, err := config(t, "--config", file, "--log-level", "debug")
	if err != nil {
		t.Fatal(err)
	}
	want := &serveConfig{
		Data: "from-file", Listen: "env:2", LogLevel: "debug", LogFormat: "text", Users: []string{"ada:1", "bob:2"},
		ShutdownTimeout: 5 * time.Second, MessageTimeout: 20 * time.Second, AllowRemote: true, Admins: []string{}, RequireReason: true,
		Storage: storageConfig{
			CacheSize: "10GiB", KeepSnapshots: "30d", Grace: 15 * time.Minute, CompactRate: "64MiB", SegmentSize: "512MiB", LeaseTTL: 30 * time.Second,
		},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("the settings are\n%+v, want\n%+v", c, want)
	}

	t.Setenv("TRELLIS_CONFIG", file)
	t.Setenv("TRELLIS_USERS", "cy:3,di:4")
	if c, err = config(t); err != nil || !reflect.DeepEqual(c.Users, []string{"cy:3", "di:4"}) || c.Data != "from-file" {
		t.Errorf("the settings are %+v, %v", c, err)
	}
	t.Setenv("TRELLIS_USERS", "")
	t.Setenv("TRELLIS_USER", "cy:3")
	t.Setenv("TRELLIS_CONFIG", "")
	if c, err = config(t, "--data", "d"); err == nil || !strings.Contains(err.Error(), "TRELLIS_USERS") {
		t.Errorf("a server goes by the user of a client: %+v, %v", c, err)
	}
	t.Setenv("TRELLIS_USERS", "cy:3,di:4")
	t.Setenv("TRELLIS_CONFIG", file)
	t.Setenv("TRELLIS_ADMIN", "cy,di")
	if c, err = config(t); err != nil || !reflect.DeepEqual(c.Admins, []string{"cy", "di"}) {
		t.Errorf("the administrators are %q, %v", c.Admins, err)
	}
	if c, err = config(t, "--user", "ed:5"); err != nil || !reflect.DeepEqual(c.Users, []string{"ed:5"}) {
		t.Errorf("the users are %q, %v", c.Users, err)
	}
}

func TestWhereTheDataIsMayStandInTheFileAndTheEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trellis.yaml")
	text := "data: d\nbucket: s3://plant/x?region=eu-1\nkeep-snapshots: forever\ncompact-rate: \"off\"\ncache-size: 1GiB\ngrace: 1h\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TRELLIS_CATALOG", "postgres://trellis:secret@db/trellis?sslmode=disable")
	c, err := config(t, "--config", path, "--lease-ttl", "10s")
	if err != nil {
		t.Fatal(err)
	}
	var o trellis.Options
	o.Dir = c.Data
	if err := c.Storage.options(&o); err != nil {
		t.Fatal(err)
	}
	want := trellis.Upkeep{LeaseTTL: 10 * time.Second, Keep: -1, Grace: time.Hour, SegmentBytes: 512 << 20}
	if o.Upkeep != want || o.CacheDisk != 1<<30 || o.CompactRate != -1 {
		t.Errorf("%+v, %d", o.Upkeep, o.CacheDisk)
	}
	p := o.Place()
	if p.BucketName() != "s3://plant/x" || p.CatalogName() != "postgres://trellis:xxxxx@db/trellis" || p.LogDir() != filepath.Join("d", "wal") {
		t.Errorf("%s, %s, %s", p.BucketName(), p.CatalogName(), p.LogDir())
	}
	if p := (trellis.Place{Dir: "d", Catalog: "host=db password=secret"}); p.CatalogName() != "PostgreSQL" || p.BucketName() != filepath.Join("d", "bucket") {
		t.Errorf("%s, %s", p.CatalogName(), p.BucketName())
	}
}

func TestMemoryIsSharedOut(t *testing.T) {
	c := &serveConfig{MemoryLimit: "4GiB"}
	m, err := c.memory()
	if err != nil || m != memory.Share(4<<30) {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := (&serveConfig{MemoryLimit: "64MiB"}).memory(); err == nil || err.Error() != "--memory-limit 64MiB: at least 160 MiB are needed" {
		t.Errorf("%v", err)
	}
	if m, err := (&serveConfig{}).memory(); err != nil || m != (memory.Shares{}) {
		t.Errorf("without a limit: %+v, %v", m, err)
	}
}

// process is a server as a process of its own.
type process struct {
	cmd     *exec.Cmd
	address string
	stderr  said
}

// said is what a process has written so far.
type said struct {
	sync.Mutex
	b strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.Lock()
	defer s.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.Lock()
	defer s.Unlock()
	return s.b.String()
}

// start starts a server. It is killed at the end of the test, if it still runs.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	binary, err := exec.LookPath("trellis") // TestMain put it there
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)}
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, p.stderr.String())
	}
	p.address = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return p
}

// sample is a batch of one sample of a series.
func sample(series string, at time.Time, value float64) arrow.RecordBatch {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "series", Type: arrow.BinaryTypes.String}, {Name: "time", Type: arrow.FixedWidthTypes.Timestamp_us}, {Name: "value", Type: arrow.PrimitiveTypes.Float64},
	}, nil)
	b := array.NewRecordBuilder(arrowmemory.DefaultAllocator, schema)
	defer b.Release()
	b.Field(0).(*array.StringBuilder).Append(series)
	b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(at.UnixMicro()))
	b.Field(2).(*array.Float64Builder).Append(value)
	return b.NewRecordBatch()
}

func TestASecondSignalEndsAServerThatWaits(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "--data", dir)
	conn, err := client.Connect(client.Server{Address: p.address})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Run(t.Context(), "INSERT INTO series (series, type, sample_t) VALUES ('a', 'double', '1 second')", nil); err != nil {
		t.Fatal(err)
	}
	in, err := conn.Ingest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Write(sample("a", time.Unix(0, 0), 1)); err != nil {
		t.Fatal(err)
	}
	for in.Durable() == 0 {
		time.Sleep(time.Millisecond)
	}
	// A result that nobody reads to its end is a call that the server waits for.
	unread, err := conn.Run(t.Context(), "SELECT * FROM generate_series(1, 1000000000)", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unread.Rows.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(p.stderr.String(), "stopping") {
		time.Sleep(time.Millisecond)
	}
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitSignal {
		t.Errorf("the server ended with %v, want exit code %d: %s", err, exitSignal, p.stderr.String())
	}
	if err := in.Close(); err == nil {
		t.Error("a stream whose server is gone was closed without an error")
	}
	if err := unread.Rows.Close(); err != nil {
		t.Error(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}

	// What was acknowledged is there.
	again := start(t, "--data", dir)
	if conn, err = client.Connect(client.Server{Address: "grpc://" + again.address}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	result, err := conn.Run(t.Context(), "SELECT count(*) FROM samples", nil)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := result.Rows.Next(t.Context())
	if err != nil || batch.Column(0).ValueStr(0) != "1" {
		t.Errorf("the acknowledged sample is not there: %v, %v", batch, err)
	}
	if err := result.Rows.Close(); err != nil {
		t.Error(err)
	}
}

func TestMetricsAreServed(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := lis.Addr().String()
	if err := lis.Close(); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--data", t.TempDir(), "--metrics-listen", address)
	for path, want := range map[string]string{"/healthz": "ok", "/metrics": "trellis_head_samples 0"} {
		answer, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: status %d, %v, without %q", path, answer.StatusCode, err, want)
		}
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, p.stderr.String())
	}
}

func TestTLSIsSpoken(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t, dir)
	p := start(t, "--data", filepath.Join(dir, "db"), "--tls-cert", cert, "--tls-key", key)
	for _, test := range []struct {
		name   string
		server client.Server
		want   string // of the error
	}{
		{"with the certificate trusted", client.Server{Address: "grpc+tls://" + p.address, CA: cert}, ""},
		{"with a certificate of nobody", client.Server{Address: "grpc+tls://" + p.address}, "certificate"},
		{"without TLS", client.Server{Address: "grpc://" + p.address}, "grpc+tls://"},
	} {
		conn, err := client.Connect(test.server)
		if err != nil {
			t.Fatal(err)
		}
		result, err := conn.Run(t.Context(), "SELECT 1", nil)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		if err == nil {
			if err := result.Rows.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

// certificate writes a certificate for 127.0.0.1 that signs itself, and its key.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "trellis"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestAddressesThatCannotBeHadAreExplained(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{syscall.EADDRINUSE, "another process listens there"},
		{syscall.EACCES, "choose a port above 1023"},
		{syscall.EADDRNOTAVAIL, "this machine does not have that address"},
		{errors.New("x"), "write host:port"},
	} {
		if got := listenError(fmt.Errorf("listen: %w", test.err), "--listen", "a:1").Error(); !strings.HasPrefix(got, "--listen a:1: ") || !strings.Contains(got, test.want) {
			t.Errorf("%v is explained by %q", test.err, got)
		}
	}
}

func TestTimesInTheFileAndTheEnvironmentNeedAUnit(t *testing.T) {
	for text, want := range map[string]string{
		"grace: 5": "grace", "grace: -5m": "grace", "lease-ttl: 30": "lease-ttl", "shutdown-timeout: 1.5": "shutdown-timeout",
		"segment-size: -5": "segment-size", "shutdown-timeout: \"0\"": "shutdown-timeout",
	} {
		path := filepath.Join(t.TempDir(), "trellis.yaml")
		if err := os.WriteFile(path, []byte("data: d\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config(t, "--config", path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", text, err)
		}
	}
	t.Setenv("TRELLIS_GRACE", "5")
	if _, err := config(t, "--data", "d"); err == nil || !strings.Contains(err.Error(), `grace: "5": write a time with its unit, such as 15m`) {
		t.Errorf("in the environment: %v", err)
	}
	cmd := &cobra.Command{}
	addServeFlags(cmd.Flags())
	got := unknownVariables(cmd.Flags(), []string{"TRELLIS_GARCE=5m", "TRELLIS_LOG_LEVEL=info", "HOME=/", "TRELLIS_CONFIG=x"})
	if !reflect.DeepEqual(got, []string{"TRELLIS_GARCE"}) {
		t.Errorf("unknown are %q", got)
	}
}
