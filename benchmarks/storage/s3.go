package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/cache"
	"github.com/trellisdb/trellis/store/object/s3"
	"github.com/trellisdb/trellis/store/object/s3/s3test"
)

// coldTarget is how many requests ten years by month may take, cold, after open.
const coldTarget = 5

const s3Series = 4

// stage is what package s3test wants of a test.
type stage struct {
	testing.TB
	dir      string
	cleanups []func()
}

// failure is what ends a stage.
type failure struct{ text string }

func (s *stage) Helper()                      {}
func (s *stage) Cleanup(f func())             { s.cleanups = append(s.cleanups, f) }
func (s *stage) Fatal(args ...any)            { panic(failure{fmt.Sprint(args...)}) }
func (s *stage) Fatalf(f string, args ...any) { panic(failure{fmt.Sprintf(f, args...)}) }
func (s *stage) Error(args ...any)            { fmt.Fprintln(os.Stderr, args...) }
func (s *stage) Errorf(f string, args ...any) { fmt.Fprintf(os.Stderr, f+"\n", args...) }
func (s *stage) Context() context.Context     { return context.Background() }
func (s *stage) TempDir() string {
	dir, err := os.MkdirTemp(s.dir, "s3-")
	if err != nil {
		s.Fatal(err)
	}
	return dir
}

// onStage calls f, and everything that was to be cleaned up after it.
func onStage(dir string, f func(s *stage) error) (err error) {
	s := &stage{dir: dir}
	defer func() {
		if p := recover(); p != nil {
			failed, ok := p.(failure)
			if !ok {
				panic(p)
			}
			err = errors.New(failed.text)
		}
		for i := len(s.cleanups) - 1; i >= 0; i-- {
			s.cleanups[i]()
		}
	}()
	return f(s)
}

// remote is a database whose segments are at an S3 endpoint.
type remote struct {
	dir    string
	opts   s3.Options
	series []columnar.Series
	span   columnar.Range

	bucket *s3.Bucket
	cache  *cache.Bucket // nil: none
	db     *database
}

// open opens the database anew: nothing is in memory. Where cached is set the cache
// on disk is used, as the last use of it has left it.
func (r *remote) open(ctx context.Context, cached bool) (err error) {
	if r.bucket, err = s3.New(ctx, r.opts); err != nil {
		return err
	}
	var bucket object.Bucket = r.bucket
	if r.cache = nil; cached {
		if r.cache, err = cache.New(r.bucket, cache.Options{Dir: filepath.Join(r.dir, "cache"), Size: 4 << 30}); err != nil {
			return err
		}
		bucket = r.cache
	}
	r.db, err = openDatabase(ctx, r.dir, bucket, store.Options{CompactRate: -1})
	return err
}

func (r *remote) close(ctx context.Context) error {
	err := r.db.close(ctx)
	if r.cache != nil {
		err = errors.Join(err, r.cache.Close())
	}
	return errors.Join(err, r.bucket.Close())
}

// runS3 counts the requests of writing and reading.
func runS3(ctx context.Context, o *options) error {
	if os.Getenv("TRELLIS_S3SERVER") == "" {
		return errors.New("which program is the S3 server? Name it in TRELLIS_S3SERVER (make s3server makes it)")
	}
	return o.inDir(func(dir string) error {
		return onStage(dir, func(s *stage) error {
			server := s3test.Start(s)
			proxy := s3test.NewProxy(s, server)
			proxy.Fail(func(*http.Request) s3test.Fault { return s3test.Fault{Delay: o.delay} })
			r := &remote{dir: filepath.Join(dir, "data"), opts: server.Bucket(s, "trellis"), span: o.spanOf()}
			r.opts.Endpoint, r.opts.Hedge = proxy.Endpoint, -1
			return o.s3(ctx, r)
		})
	})
}

// requests names the kinds of requests that there were.
func requests(of s3.Stats) string {
	var parts []string
	for kind, n := range of.Requests {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %v", n, s3.Kind(kind)))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func (o *options) s3(ctx context.Context, r *remote) error {
	w := &table{
		title: fmt.Sprintf("Writing %.4g years at 1 Hz of %d series to S3", o.years, s3Series),
		head:  []string{"what", "requests", "by kind", "MB written", "requests per GB"},
	}
	if err := r.open(ctx, false); err != nil {
		return err
	}
	if err := o.s3Write(ctx, r, w); err != nil {
		return errors.Join(err, r.close(ctx))
	}
	if err := r.close(ctx); err != nil {
		return err
	}
	q := &table{
		title: fmt.Sprintf("Reading it, %v for every request", o.delay),
		head:  []string{"question", "requests", "by kind", "MB read", "time", "target"},
	}
	if err := o.s3Read(ctx, r, q); err != nil {
		return err
	}
	q.note("Target: ten years by month of one series in at most %d requests after open. Cold: nothing in memory; warm: asked before.", coldTarget)
	return errors.Join(w.write(o.out), q.write(o.out))
}

func (o *options) s3Write(ctx context.Context, r *remote, w *table) (err error) {
	count := func(name string, f func() error) error {
		before := r.bucket.Stats()
		if err := f(); err != nil {
			return err
		}
		took := r.bucket.Stats().Sub(before)
		w.add(name, took.Total(), requests(took), megabytes(took.Written), float64(took.Total())/(float64(max(took.Written, 1))/1e9))
		return nil
	}
	if r.series, err = r.db.create(ctx, s3Series); err != nil {
		return err
	}
	if err := count("flush", func() error { return r.db.load(ctx, r.series, r.span) }); err != nil {
		return err
	}
	return count("compaction", func() error { return r.db.Compact(ctx) })
}

// question is what is asked of a database on S3.
type question struct {
	name   string
	target bool
	ask    func(ctx context.Context, r *remote) error
}

var s3Questions = []question{
	{"one series by month", true, func(ctx context.Context, r *remote) error {
		_, err := r.db.aggregate(ctx, r.series[1:2], r.span, byMonth, 0)
		return err
	}},
	{"all series by month", false, func(ctx context.Context, r *remote) error {
		_, err := r.db.aggregate(ctx, r.series, r.span, byMonth, 0)
		return err
	}},
	{"a day of samples of one series", false, func(ctx context.Context, r *remote) error {
		from := r.span.From + 20*day
		_, err := r.db.raw(ctx, r.series[1:2], columnar.Range{From: from, To: from + day})
		return err
	}},
}

func (o *options) s3Read(ctx context.Context, r *remote, t *table) error {
	for _, q := range s3Questions {
		for _, cached := range []bool{false, true} {
			suffix := ""
			if cached {
				suffix = ", disk cache"
				if err := os.RemoveAll(filepath.Join(r.dir, "cache")); err != nil {
					return err
				}
			}
			states := []string{"cold", "warm"}
			if cached {
				states = append(states, "opened again")
			}
			if err := r.open(ctx, cached); err != nil {
				return err
			}
			opened := r.bucket.Stats()
			if !cached && q.target {
				t.add("open", opened.Total(), requests(opened), megabytes(opened.Read), "", "–")
			}
			for _, state := range states {
				if state == "opened again" {
					if err := errors.Join(r.close(ctx), r.open(ctx, cached)); err != nil {
						return err
					}
				}
				before, begin := r.bucket.Stats(), time.Now()
				if err := q.ask(ctx, r); err != nil {
					return errors.Join(err, r.close(ctx))
				}
				took, used := time.Since(begin), r.bucket.Stats().Sub(before)
				target := "–"
				if q.target && state == "cold" {
					target = reached(used.Total() <= coldTarget)
				}
				t.add(q.name+", "+state+suffix, used.Total(), requests(used), megabytes(used.Read), took, target)
			}
			if err := r.close(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}
