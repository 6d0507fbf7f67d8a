package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
	"github.com/trellisdb/trellis/store/object/s3"
	"github.com/trellisdb/trellis/store/object/s3/s3test"
)

// spoilt returns a bucket behind a proxy. change may be nil.
func spoilt(t *testing.T, change func(*s3.Options)) (*s3.Bucket, *s3test.Proxy) {
	t.Helper()
	server := s3test.Start(t)
	proxy := s3test.NewProxy(t, server)
	opts := server.Bucket(t, "spoilt")
	opts.Endpoint = proxy.Endpoint
	opts.Conditional = s3.ConditionalRequired // no probe gets in the way
	opts.Retry.AttemptTimeout = 2 * time.Second
	if change != nil {
		change(&opts)
	}
	return s3test.Open(t, opts), proxy
}

// noise returns bytes that are not alike.
func noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(data) // never fails
	return data
}

// large is the size of an object that goes up in three parts.
const large = 11 << 20

// any picks every request.
func everyRequest(*http.Request) bool { return true }

// request picks the requests of a method whose query has a word, or has none where
// the word is "".
func request(method, word string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		if word == "" {
			return r.Method == method && !strings.Contains(r.URL.RawQuery, "upload")
		}
		return r.Method == method && strings.Contains(r.URL.RawQuery, word)
	}
}

// The steps of a bucket's work, each a request.
var steps = []struct {
	name string
	size int // of the object
	pick func(*http.Request) bool
}{
	{"the put", 1000, request("PUT", "")},
	{"the look at what was put", 1000, request("HEAD", "")},
	{"the beginning of an upload", large, request("POST", "uploads")},
	{"a part", large, request("PUT", "partNumber")},
	{"the completion", large, request("POST", "uploadId")},
	{"a read", 1000, func(r *http.Request) bool { return r.Method == "GET" && r.Header.Get("Range") != "" }},
	{"a list", 1000, request("GET", "list-type")},
	{"a deletion", 1000, request("DELETE", "")},
}

func TestAFaultThatPassesIsNotSeen(t *testing.T) {
	faults := []struct {
		name  string
		fault s3test.Fault
	}{
		{"an internal error", s3test.Fault{Status: 500, Code: "InternalError"}},
		{"a busy endpoint", s3test.Fault{Status: 503, Code: "SlowDown"}},
		{"a gateway without an answer", s3test.Fault{Status: 504}},
		{"a closed connection", s3test.Fault{Drop: true}},
		{"no answer in time", s3test.Fault{Hang: true}},
		{"an error although it was done", s3test.Fault{After: true, Status: 500, Code: "InternalError"}},
		{"a closed connection although it was done", s3test.Fault{After: true, Drop: true}},
	}
	b, proxy := spoilt(t, func(o *s3.Options) { o.Retry.AttemptTimeout = 500 * time.Millisecond })
	for _, f := range faults {
		for _, step := range steps {
			t.Run(step.name+" meets "+f.name, func(t *testing.T) {
				before := b.Stats()
				left := proxy.FailFirst(1, step.pick, f.fault)
				work(t, b, step.size)
				if left() > 0 {
					t.Error("nothing was spoilt")
				}
				// Where a kept connection is closed, net/http itself repeats what changes nothing.
				if retries := b.Stats().Sub(before).Retries; retries < 1 && !f.fault.Drop {
					t.Errorf("%d requests were repeated", retries)
				}
			})
		}
	}
}

// work does everything that a bucket can do, and checks it.
func work(t *testing.T, b *s3.Bucket, size int) {
	t.Helper()
	data := noise(size)
	objecttest.Put(t, b, "k", data)
	if got := objecttest.Read(t, b, "k"); !bytes.Equal(got, data) {
		t.Errorf("%d bytes were put, others read back", size)
	}
	found := 0
	for info, err := range b.List(context.Background(), "") {
		if err != nil || info != (object.Info{Key: "k", Size: int64(size)}) {
			t.Errorf("listed %+v, %v", info, err)
		}
		found++
	}
	if found != 1 {
		t.Errorf("%d objects are listed", found)
	}
	if err := b.Delete(context.Background(), "k"); err != nil {
		t.Error(err)
	}
	if _, err := b.Stat(context.Background(), "k"); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("after the deletion: %v", err)
	}
}

func TestDamageOnTheWayIsFoundAndTriedAgain(t *testing.T) {
	get := request("GET", "")
	for _, c := range []struct {
		name  string
		pick  func(*http.Request) bool
		fault s3test.Fault
	}{
		{"a body that breaks off", get, s3test.Fault{Truncate: 100}},
		{"a body that breaks off before its first byte", get, s3test.Fault{Truncate: 1 << 30}},
		{"a body that is short and says so", get, s3test.Fault{Cut: 1}},
		{"another range than was asked for", get, s3test.Fault{Header: "Content-Range:bytes 1-1000/1000"}},
		{"a range of an object of another size", get, s3test.Fault{Header: "Content-Range:bytes 0-999/2000"}},
		{"a flipped bit in a whole object", get, s3test.Fault{Flip: true}},
		{"a flipped bit in a put", request("PUT", ""), s3test.Fault{FlipRequest: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, proxy := spoilt(t, nil)
			data := noise(1000)
			proxy.FailFirst(1, c.pick, c.fault)
			objecttest.Put(t, b, "k", data)
			o, err := b.Open(context.Background(), "k")
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(data))
			if _, err := o.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
				t.Errorf("read back other bytes, or %v", err)
			}
			if retries := b.Stats().Retries; retries != 1 {
				t.Errorf("%d requests were repeated, want 1", retries)
			}
			proxy.FailFirst(100, c.pick, c.fault)
			if c.fault.FlipRequest {
				_, err = b.Put(context.Background(), "other", object.IfAbsent, objecttest.Bytes(data))
			} else {
				_, err = o.ReadAt(got, 0)
			}
			if err == nil || !strings.Contains(err.Error(), "given up after 6 attempts") {
				t.Errorf("damage that stays: %v", err)
			}
			if err := o.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAFlippedBitInAPartIsRefusedByTheEndpoint(t *testing.T) {
	b, proxy := spoilt(t, nil)
	proxy.FailFirst(1, request("PUT", "partNumber"), s3test.Fault{FlipRequest: true})
	data := noise(large)
	objecttest.Put(t, b, "k", data)
	if got := objecttest.Read(t, b, "k"); !bytes.Equal(got, data) {
		t.Error("other bytes were read back")
	}
	if retries := b.Stats().Retries; retries != 1 {
		t.Errorf("%d requests were repeated, want 1", retries)
	}
}

func TestAPutWhoseAnswerWasLostKnowsItsOwnObject(t *testing.T) {
	for _, size := range []int{1000, large} {
		for _, taken := range []bool{false, true} {
			t.Run(fmt.Sprintf("of %d bytes, the key taken: %v", size, taken), func(t *testing.T) {
				b, proxy := spoilt(t, nil)
				if taken {
					objecttest.Put(t, b, "k", []byte("another's"))
				}
				pick := request("PUT", "")
				if size == large {
					pick = request("POST", "uploadId")
				}
				proxy.FailFirst(1, pick, s3test.Fault{After: true, Drop: true})
				n, err := b.Put(context.Background(), "k", object.IfAbsent, objecttest.Bytes(noise(size)))
				switch {
				case taken && !errors.Is(err, object.ErrExists):
					t.Errorf("error %v, want ErrExists", err)
				case !taken && (err != nil || n != int64(size)):
					t.Errorf("%d bytes, %v", n, err)
				}
				if got := objecttest.Read(t, b, "k"); taken == (len(got) == size) {
					t.Errorf("the object has %d bytes", len(got))
				}
			})
		}
	}
}

func TestALostAnswerToTheLastAttemptIsLookedAfter(t *testing.T) {
	b, proxy := spoilt(t, func(o *s3.Options) { o.Retry.Attempts = 1 })
	proxy.FailFirst(1, request("PUT", ""), s3test.Fault{After: true, Status: 500})
	objecttest.Put(t, b, "k", []byte("there"))
}

func TestTroubleThatStaysIsAClearError(t *testing.T) {
	for _, c := range []struct {
		name     string
		fault    s3test.Fault
		attempts int64
		says     []string
	}{
		{"forbidden", s3test.Fault{Status: 403, Code: "AccessDenied"}, 1, []string{"object k", "s3:PutObject", "spoilt/*"}},
		{"busy", s3test.Fault{Status: 503, Code: "SlowDown"}, 3, []string{"object k", "given up after 3 attempts", "SlowDown"}},
		{"silent", s3test.Fault{Hang: true}, 3, []string{"object k", "given up after 3 attempts", "did not answer in time"}},
		{"no bucket", s3test.Fault{Status: 404, Code: "NoSuchBucket"}, 1, []string{"there is no bucket spoilt"}},
		{"an old token", s3test.Fault{Status: 400, Code: "ExpiredToken"}, 1, []string{"session token has expired"}},
		{"a clock that is off", s3test.Fault{Status: 403, Code: "RequestTimeTooSkewed"}, 3, []string{"clocks", "set them"}},
		{"another region", s3test.Fault{Status: 301, Code: "PermanentRedirect"}, 1, []string{"the region", "region="}},
		{"no conditions", s3test.Fault{Status: 501, Code: "NotImplemented"}, 1, []string{"does not offer conditional puts"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, proxy := spoilt(t, func(o *s3.Options) {
				o.Retry.Attempts, o.Retry.AttemptTimeout = 3, 200*time.Millisecond
			})
			proxy.FailFirst(1000, request("PUT", ""), c.fault)
			_, err := b.Put(context.Background(), "k", object.IfAbsent, objecttest.Bytes(nil))
			if err == nil || errors.Is(err, object.ErrExists) || errors.Is(err, object.ErrNotFound) {
				t.Fatalf("error %v", err)
			}
			for _, word := range c.says {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("the error does not say %q: %v", word, err)
				}
			}
			if n := b.Stats().Requests[s3.Put]; n != c.attempts {
				t.Errorf("%d attempts, want %d", n, c.attempts)
			}
		})
	}
}

func TestAllAttemptsTogetherHaveADeadline(t *testing.T) {
	b, proxy := spoilt(t, func(o *s3.Options) {
		o.Retry = s3.Retry{Attempts: 1000, AttemptTimeout: 50 * time.Millisecond, Timeout: 200 * time.Millisecond, Pause: time.Millisecond}
	})
	proxy.Fail(func(*http.Request) s3test.Fault { return s3test.Fault{Hang: true} })
	_, err := b.Stat(context.Background(), "k")
	if err == nil || !strings.Contains(err.Error(), "given up after") || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("its own deadline: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := b.Stat(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the caller's deadline: %v", err)
	}
}

func TestWhatIsForbiddenSaysWhichPermissionIsMissing(t *testing.T) {
	b, proxy := spoilt(t, nil)
	objecttest.Put(t, b, "k", noise(10))
	o, err := b.Open(context.Background(), "k")
	if err != nil {
		t.Fatal(err)
	}
	proxy.FailFirst(1000, everyRequest, s3test.Fault{Status: 403, Code: "AccessDenied"})
	_, statErr := b.Stat(context.Background(), "k")
	_, readErr := o.ReadAt(make([]byte, 1), 0)
	var listErr error
	for _, err := range b.List(context.Background(), "") {
		listErr = err
	}
	for permission, err := range map[string]error{
		"s3:GetObject on spoilt/*":      errors.Join(statErr, readErr),
		"s3:ListBucket on spoilt":       listErr,
		"s3:DeleteObject on spoilt/*":   b.Delete(context.Background(), "k"),
		"s3:ListBucket on spoilt, with": readErr,
	} {
		if err == nil || !strings.Contains(err.Error(), permission) {
			t.Errorf("want %s in: %v", permission, err)
		}
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseEndsTheReadsUnderWay(t *testing.T) {
	b, proxy := spoilt(t, func(o *s3.Options) { o.Retry.AttemptTimeout = time.Hour; o.Retry.Timeout = time.Hour })
	objecttest.Put(t, b, "k", noise(1000))
	o, err := b.Open(context.Background(), "k")
	if err != nil {
		t.Fatal(err)
	}
	arrived := make(chan struct{}, 1)
	proxy.Fail(func(*http.Request) s3test.Fault {
		arrived <- struct{}{}
		return s3test.Fault{Hang: true}
	})
	ended := make(chan error)
	go func() {
		_, err := o.ReadAt(make([]byte, 10), 0)
		ended <- err
	}()
	<-arrived
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, fs.ErrClosed) {
		t.Errorf("the read under way: %v", err)
	}
	if _, err := o.ReadAt(make([]byte, 10), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a read after it: %v", err)
	}
}

func TestAnObjectThatWasReplacedIsNotReadOn(t *testing.T) {
	b, _ := spoilt(t, nil)
	objecttest.Put(t, b, "k", []byte("first"))
	o, err := b.Open(context.Background(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(context.Background(), "k", object.Always, objecttest.Bytes([]byte("other"))); err != nil {
		t.Fatal(err)
	}
	if n, err := o.ReadAt(make([]byte, 5), 0); err == nil || !strings.Contains(err.Error(), "replaced since it was opened") {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := b.Delete(context.Background(), "k"); err != nil {
		t.Fatal(err)
	}
	if n, err := o.ReadAt(make([]byte, 5), 0); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("%d bytes, %v; want ErrNotFound", n, err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

func TestAPutThatWasReplacedAtOnceLosesWithoutConditions(t *testing.T) {
	server := s3test.Start(t)
	proxy := s3test.NewProxy(t, server)
	opts := server.Bucket(t, "shared")
	opts.Conditional = s3.ConditionalOff
	direct := s3test.Open(t, opts)
	opts.Endpoint = proxy.Endpoint
	b := s3test.Open(t, opts)
	looks := 0
	proxy.Fail(func(r *http.Request) s3test.Fault {
		if r.Method == "HEAD" {
			if looks++; looks == 2 { // it was put, and is looked at
				if _, err := direct.Put(r.Context(), "k", object.Always, objecttest.Bytes([]byte("the other's"))); err != nil {
					t.Error(err)
				}
			}
		}
		return s3test.Fault{}
	})
	_, err := b.Put(context.Background(), "k", object.IfAbsent, objecttest.Bytes([]byte("mine")))
	if !errors.Is(err, object.ErrExists) {
		t.Errorf("error %v, want ErrExists", err)
	}
}

func TestAnEndpointThatKeepsTooFewBytesIsNotTrusted(t *testing.T) {
	b, proxy := spoilt(t, nil)
	proxy.FailFirst(1, request("HEAD", ""), s3test.Fault{Header: "Content-Length:9"})
	_, err := b.Put(context.Background(), "k", object.IfAbsent, objecttest.Bytes(noise(10)))
	if err == nil || !strings.Contains(err.Error(), "has 9 bytes of the 10") {
		t.Errorf("error %v", err)
	}
	if _, err := b.Stat(context.Background(), "k"); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("the object is still there: %v", err)
	}
}

func TestALateReadIsHedged(t *testing.T) {
	b, proxy := spoilt(t, func(o *s3.Options) { o.Hedge = 20 * time.Millisecond; o.Retry.AttemptTimeout = time.Hour })
	data := noise(1000)
	objecttest.Put(t, b, "k", data)
	o, err := b.Open(context.Background(), "k")
	if err != nil {
		t.Fatal(err)
	}
	proxy.FailFirst(1, request("GET", ""), s3test.Fault{Hang: true})
	got := make([]byte, 500)
	if _, err := o.ReadAt(got, 250); err != nil || !bytes.Equal(got, data[250:750]) {
		t.Errorf("other bytes, or %v", err)
	}
	s := b.Stats()
	if s.Hedges != 1 || s.Won != 1 || s.Requests[s3.Get] != 2 || s.Retries != 0 {
		t.Errorf("%+v, want one hedge, that won", s)
	}
	proxy.FailFirst(1, request("PUT", ""), s3test.Fault{Delay: 100 * time.Millisecond})
	objecttest.Put(t, b, "late", nil)
	if n := b.Stats().Sub(s); n.Requests[s3.Put] != 1 || n.Hedges != 0 {
		t.Errorf("a late put: %+v, want one request", n)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

func TestRequestsAreCounted(t *testing.T) {
	b, proxy := spoilt(t, nil)
	proxy.Fail(func(*http.Request) s3test.Fault { return s3test.Fault{Delay: 20 * time.Millisecond} })
	for _, c := range []struct {
		name string
		do   func() error
		want s3.Stats
	}{
		{"a small put", func() error {
			_, err := b.Put(context.Background(), "small", object.IfAbsent, objecttest.Bytes(noise(1000)))
			return err
		}, stats(1000, 0, s3.Put, s3.Head)},
		{"a large put", func() error {
			_, err := b.Put(context.Background(), "large", object.IfAbsent, objecttest.Bytes(noise(large)))
			return err
		}, stats(large, 0, s3.Create, s3.Part, s3.Part, s3.Part, s3.Complete, s3.Head)},
		{"two ranges of an object", func() error {
			o, err := b.Open(context.Background(), "large")
			if err != nil {
				return err
			}
			_, err1 := o.ReadAt(make([]byte, 100), 5000)
			n, err2 := o.ReadAt(make([]byte, 100), large-50)
			if n == 50 && errors.Is(err2, io.EOF) {
				err2 = nil
			}
			_, err3 := o.ReadAt(make([]byte, 100), large)
			if errors.Is(err3, io.EOF) {
				err3 = nil // what is past the end is not asked for
			}
			return errors.Join(err1, err2, err3, o.Close())
		}, stats(0, 150, s3.Head, s3.Get, s3.Get)},
		{"a deletion", func() error { return b.Delete(context.Background(), "small") }, stats(0, 0, s3.Delete)},
	} {
		before := b.Stats()
		if err := c.do(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := b.Stats().Sub(before); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if n, seen := b.Stats().Total(), len(proxy.Requests()); int(n) != seen {
		t.Errorf("%d requests were counted, %d came in", n, seen)
	}
}

// stats returns the counts of some requests.
func stats(written, read int64, requests ...s3.Kind) s3.Stats {
	s := s3.Stats{Written: written, Read: read}
	for _, kind := range requests {
		s.Requests[kind]++
	}
	return s
}
