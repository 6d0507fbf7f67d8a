package store_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object/s3/s3test"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

// bucketFaults are what an endpoint does to requests.
var bucketFaults = []struct {
	name  string
	pick  func(*http.Request) bool // nil: every request
	fault s3test.Fault
}{
	{"no answer in time", nil, s3test.Fault{Hang: true}},
	{"an internal error", nil, s3test.Fault{Status: 500, Code: "InternalError"}},
	{"slow down", nil, s3test.Fault{Status: 503, Code: "SlowDown"}},
	{"access denied", nil, s3test.Fault{Status: 403, Code: "AccessDenied"}},
	{"a dropped connection", nil, s3test.Fault{Drop: true}},
	{"a read that is dropped", isGet, s3test.Fault{Drop: true}},
	{"a truncated body", isGet, s3test.Fault{Truncate: 3}},
	{"a shorter body", isGet, s3test.Fault{Cut: 3}},
	{"a flipped body", isGet, s3test.Fault{Flip: true}},
	{"a flipped request", isPut, s3test.Fault{FlipRequest: true}},
	{"done and answered with an error", isPut, s3test.Fault{After: true, Status: 500, Code: "InternalError"}},
	{"done and not answered", isPut, s3test.Fault{After: true, Drop: true}},
	{"deleted and answered with an error", isDelete, s3test.Fault{After: true, Status: 500, Code: "InternalError"}},
}

func isGet(r *http.Request) bool    { return r.Method == http.MethodGet && r.Header.Get("Range") != "" }
func isPut(r *http.Request) bool    { return r.Method == http.MethodPut }
func isDelete(r *http.Request) bool { return r.Method == http.MethodDelete }

// s3Scene is a scene whose bucket is at an S3 server.
type s3Scene struct {
	*scene
	d   *database
	r   *remote
	now atomic.Int64
}

// reopenCold opens the store with nothing in any cache.
func (s *s3Scene) reopenCold(t testing.TB) {
	t.Helper()
	if s.scene != nil {
		if err := s.d.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	s.d.bucket = openCache(t, s.r.s3)
	s.scene = openScene(s.d, t, &s.now)
}

func newS3Scene(t *testing.T, r *remote) *s3Scene {
	t.Helper()
	s := &s3Scene{d: newDatabase(t), r: r}
	s.d.options = sceneOptions(&s.now)
	s.d.options.Keep = -1
	s.d.options.LogFS = waltest.NewDisk()
	s.reopenCold(t)
	if err := s.prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAFaultyEndpointIsAnErrorAndThenEverythingGoesOn does every operation while the
// endpoint fails, and once more when it does not, without a restart. What is to be read is
// right at any time or an error, and in the end it is what it is without faults.
func TestAFaultyEndpointIsAnErrorAndThenEverythingGoesOn(t *testing.T) {
	t.Parallel()
	steps := operations[1:] // all but append, which does not need the bucket
	want := uint64(0)
	{
		d := newDatabase(t)
		var now atomic.Int64
		d.options = sceneOptions(&now)
		d.options.Keep, d.options.LogFS = -1, waltest.NewDisk()
		s := openScene(d, t, &now)
		if err := s.prepare(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, op := range steps {
			if err := op.do(context.Background(), s); err != nil {
				t.Fatal(err)
			}
		}
		want = s.samples(t, 0)
	}
	for _, one := range bucketFaults {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			r := newRemote(t)
			s := newS3Scene(t, r)
			pick := one.pick
			if pick == nil {
				pick = func(*http.Request) bool { return true }
			}
			before := r.s3.Stats()
			failed := 0
			for _, op := range steps {
				s.reopenCold(t)
				there := s.samples(t, 0)
				s.reopenCold(t)
				r.proxy.Fail(func(request *http.Request) s3test.Fault {
					if pick(request) {
						return one.fault
					}
					return s3test.Fault{}
				})
				s.scanMust(t, there)
				err := op.do(context.Background(), s.scene)
				r.proxy.Fail(nil)
				if err != nil {
					failed++
					s.checkError(t, op.name, err)
				}
				if err := op.do(context.Background(), s.scene); err != nil && !purgedAlready(err) {
					t.Errorf("%s when the endpoint is well again: %v", op.name, err)
				}
			}
			if got := s.samples(t, 0); got != want {
				t.Error("in the end it is not what it is without faults")
			}
			st := r.s3.Stats().Sub(before)
			t.Logf("%d operations failed; %d requests, %d again, %d given up", failed, st.Total(), st.Retries, st.Failures)
			if st.Total() == 0 || st.Retries == 0 && one.name != "access denied" && one.name != "a flipped body" {
				t.Errorf("the requests are not counted: %+v", st)
			}
			if err := s.d.Close(context.Background()); err != nil {
				t.Error(err)
			}
			s.d.options.Clock = s.now.Load
			s.reopenAndCleanUp(t)
		})
	}
}

// purgedAlready reports an error of a question about what an operation has purged, though
// it was told that it had not.
func purgedAlready(err error) bool {
	return errors.Is(err, meta.ErrNotFound) && strings.Contains(err.Error(), "purged")
}

// scanMust reads everything: the answer is right, or an error.
func (s *s3Scene) scanMust(t testing.TB, want uint64) {
	t.Helper()
	rows, err := collectSamples(s.Store, all(s.a, s.b))
	if err != nil {
		s.checkError(t, "scan", err)
		return
	}
	if len(rows) == 0 || s.samples(t, 0) != want {
		t.Error("a scan gave a wrong answer")
	}
}

// checkError checks that an error says what it is about.
func (s *s3Scene) checkError(t testing.TB, what string, err error) {
	t.Helper()
	if errors.Is(err, meta.ErrConflict) || errors.Is(err, meta.ErrNotFound) {
		t.Errorf("%s: the fault is taken for something else: %v", what, err)
	}
	if text := err.Error(); !strings.Contains(text, "segment") && !strings.Contains(text, "object database:") && !strings.Contains(text, "object writers/") {
		t.Errorf("%s: the error does not say what it is about: %v", what, err)
	}
}

// reopenAndCleanUp checks that what half-done operations have left is collected.
func (s *s3Scene) reopenAndCleanUp(t testing.TB) {
	t.Helper()
	s.scene = nil
	s.d.bucket = openCache(t, s.r.s3)
	s.scene = openScene(s.d, t, &s.now)
	s.cleanUp(t)
}

func TestWritersWaitWhileTheEndpointIsDownAndThenGoOn(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	d := newDatabase(t)
	d.bucket = r.cache
	d.options.HeadBytes = 20_000
	d.options.LogFS = waltest.NewDisk()
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 1000})
	r.proxy.Fail(func(*http.Request) s3test.Fault { return s3test.Fault{Status: 503, Code: "SlowDown"} })
	written := int64(0)
	var err error
	for err == nil && written < 100_000 {
		if err = d.Append(context.Background(), []columnar.Samples{ramp(s, written, 100)}); err == nil {
			written += 100
		}
	}
	if err == nil || !strings.Contains(err.Error(), "wait to be flushed") || !strings.Contains(err.Error(), "SlowDown") {
		t.Errorf("after %d samples: %v", written, err)
	}
	if got := readSamples(t, d.Store, all(s)); int64(len(got)) != written || written == 0 {
		t.Errorf("%d samples are there, %d were acknowledged", len(got), written)
	}
	r.proxy.Fail(nil)
	until(t, longest, func() error { return d.Append(context.Background(), []columnar.Samples{ramp(s, written, 100)}) })
	d.flush(t)
	if got := readSamples(t, d.Store, all(s)); int64(len(got)) != written+100 {
		t.Errorf("%d samples are there, %d were acknowledged", len(got), written+100)
	}
}
