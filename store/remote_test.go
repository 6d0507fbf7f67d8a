package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trellisdb/trellis/meta/postgres"
	"github.com/trellisdb/trellis/meta/postgres/postgrestest"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/cache"
	"github.com/trellisdb/trellis/store/object/s3"
	"github.com/trellisdb/trellis/store/object/s3/s3test"
)

// sharedPostgres is the PostgreSQL server of the tests that let it run. It is started
// when the first of them asks for it.
var sharedPostgres struct {
	sync.Mutex
	server *postgrestest.Server
}

// postgresServer returns the server that tests share.
func postgresServer(t testing.TB) *postgrestest.Server {
	t.Helper()
	sharedPostgres.Lock()
	defer sharedPostgres.Unlock()
	if sharedPostgres.server == nil {
		server, err := postgrestest.New()
		if err != nil {
			t.Fatal(err)
		}
		sharedPostgres.server = server
	}
	return sharedPostgres.server
}

// withServers runs the tests and then ends the server that they share.
type withServers struct{ *testing.M }

func (m withServers) Run() int {
	code := m.M.Run()
	if server := sharedPostgres.server; server != nil {
		if err := server.Close(); err != nil {
			fmt.Println(err)
			code = max(code, 1)
		}
	}
	return code
}

var _ goleak.TestingM = withServers{}

// openPostgres opens a catalog in PostgreSQL, which is closed when the test ends.
func openPostgres(t testing.TB, url string) *postgres.Catalog {
	t.Helper()
	c, err := postgres.Open(context.Background(), url, postgres.Options{Connections: 4, ConnectTimeout: time.Second, Patience: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// remote is a bucket at a real S3 server, behind a proxy and with a cache on disk in
// front of it.
type remote struct {
	server *s3test.Server
	proxy  *s3test.Proxy
	s3     *s3.Bucket
	cache  *cache.Bucket
}

// newRemote starts a server. Requests are given up after two attempts.
func newRemote(t testing.TB) *remote {
	t.Helper()
	r := &remote{server: s3test.Start(t)}
	r.proxy = s3test.NewProxy(t, r.server)
	o := r.server.Bucket(t, "samples")
	o.Endpoint, o.Conditional = r.proxy.Endpoint, s3.ConditionalRequired
	o.Retry = s3.Retry{Attempts: 2, AttemptTimeout: 400 * time.Millisecond, Timeout: 2 * time.Second, Pause: time.Millisecond}
	r.s3 = s3test.Open(t, o)
	r.cache = openCache(t, r.s3)
	return r
}

// openCache puts an empty cache in front of a bucket, which is closed when the test ends.
func openCache(t testing.TB, bucket object.Bucket) *cache.Bucket {
	t.Helper()
	c, err := cache.New(bucket, cache.Options{Dir: t.TempDir(), Size: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// remoteDatabase is a database whose catalog is in PostgreSQL and whose bucket is at an
// S3 server.
func remoteDatabase(t testing.TB) (*database, *remote) {
	t.Helper()
	server := postgresServer(t)
	r := newRemote(t)
	d := &database{bucket: r.cache, dir: t.TempDir()}
	d.catalog = openPostgres(t, server.URL(server.Database(t)))
	t.Cleanup(func() {
		if d.Store == nil {
			return
		}
		if err := d.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return d, r
}

// longest is how long a test waits for what is to happen soon.
const longest = time.Minute

// until repeats what fails until it succeeds or has been tried for so long.
func until(t testing.TB, most time.Duration, f func() error) {
	t.Helper()
	const pause = 20 * time.Millisecond
	var err error
	for range max(1, int(most/pause)) {
		if err = f(); err == nil {
			return
		}
		time.Sleep(pause)
	}
	t.Fatalf("after %v: %v", most, errors.Join(err))
}
