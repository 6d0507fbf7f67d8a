package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/cache"
	"github.com/trellisdb/trellis/store/object/objecttest"
	"github.com/trellisdb/trellis/store/object/s3"
	"github.com/trellisdb/trellis/store/object/s3/s3test"
)

// cached returns a cache in front of a bucket, which is closed when the test ends.
func cached(t *testing.T, b object.Bucket) *cache.Bucket {
	t.Helper()
	c, err := cache.New(b, cache.Options{Dir: t.TempDir(), Size: 64 << 20})
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

func TestACacheOverABucketAtAServerIsABucket(t *testing.T) {
	server := s3test.Start(t)
	n := 0
	objecttest.Run(t, func(t *testing.T) object.Bucket {
		n++
		return cached(t, s3test.Open(t, server.Bucket(t, fmt.Sprintf("suite-%d", n))))
	})
}

func TestAReadThatIsCachedAsksForNothing(t *testing.T) {
	b, proxy := spoilt(t, nil)
	data := noise(large)
	objecttest.Put(t, b, "k", data)
	proxy.Fail(func(*http.Request) s3test.Fault { return s3test.Fault{Delay: 20 * time.Millisecond} })
	c := cached(t, b)
	o, err := c.Open(context.Background(), "k")
	if err != nil {
		t.Fatal(err)
	}
	// A tail, an index and some blocks of a segment, say.
	ranges := [][2]int{{large - 64<<10, large}, {8 << 20, 8<<20 + 30<<10}, {1 << 20, 3 << 20}}
	for round, want := range []int64{int64(len(ranges)), 0} {
		before := b.Stats()
		for _, r := range ranges {
			p := make([]byte, r[1]-r[0])
			if n, err := o.ReadAt(p, int64(r[0])); n != len(p) || err != nil || !bytes.Equal(p, data[r[0]:r[1]]) {
				t.Errorf("bytes %d to %d: %d, %v, or wrong", r[0], r[1], n, err)
			}
		}
		if n := b.Stats().Sub(before).Requests[s3.Get]; n != want {
			t.Errorf("round %d: %d requests, want %d", round, n, want)
		}
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

func TestACacheDoesNotKeepWhatCameInDamaged(t *testing.T) {
	b, proxy := spoilt(t, nil)
	data := noise(100_000)
	objecttest.Put(t, b, "k", data)
	c := cached(t, b)
	for _, fault := range []s3test.Fault{{Truncate: 100}, {Cut: 1}, {Flip: true}, {Status: 503, Code: "SlowDown"}} {
		proxy.FailFirst(6, request("GET", ""), fault) // all attempts of one read
		o, err := c.Open(context.Background(), "k")
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 100)
		if n, err := o.ReadAt(p, 5000); err == nil {
			t.Errorf("%+v: %d bytes were handed out", fault, n)
		}
		if n, err := o.ReadAt(p, 5000); err != nil || !bytes.Equal(p, data[5000:5100]) {
			t.Errorf("%+v: afterwards %d bytes, %v, or wrong", fault, n, err)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		if got := c.Stats(); got.Damaged != 0 {
			t.Errorf("%+v: %+v", fault, got)
		}
		if err := c.Delete(context.Background(), "k"); err != nil {
			t.Fatal(err)
		}
		objecttest.Put(t, c, "k", data)
	}
}

func TestAKnownObjectIsOpenedWithoutARequest(t *testing.T) {
	b, _ := spoilt(t, nil)
	ctx, data := context.Background(), noise(100)
	objecttest.Put(t, b, "k", data)
	for name, bucket := range map[string]object.Bucket{"plain": b, "cached": cached(t, b)} {
		before := b.Stats()
		o, err := object.OpenKnown(ctx, bucket, "k", 100)
		if err != nil {
			t.Fatal(err)
		}
		if n := b.Stats().Sub(before).Total(); n != 0 {
			t.Errorf("%s: %d requests", name, n)
		}
		p := make([]byte, 100)
		if n, err := o.ReadAt(p, 0); n != 100 || err != nil || !bytes.Equal(p, data) {
			t.Errorf("%s: %d bytes, %v, or wrong", name, n, err)
		}
		if n := b.Stats().Sub(before).Total(); n != 1 {
			t.Errorf("%s: %d requests for a read", name, n)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAKnownObjectThatIsNotThereOrIsAnotherShowsWhenItIsRead(t *testing.T) {
	b, _ := spoilt(t, nil)
	ctx, p := context.Background(), make([]byte, 10)
	read := func(key string, size int64, then func()) error {
		o, err := object.OpenKnown(ctx, b, key, size)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = o.Close() }()
		_, err = o.ReadAt(p, 5)
		if err == nil && then != nil {
			then()
			_, err = o.ReadAt(p, 50)
		}
		return err
	}
	if err := read("missing", 100, nil); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("a missing object: %v", err)
	}
	objecttest.Put(t, b, "k", noise(100))
	if err := read("k", 99, nil); err == nil {
		t.Error("an object of another size was read")
	}
	replace := func() {
		put := func(w io.Writer) error {
			_, err := w.Write(make([]byte, 100))
			return err
		}
		if _, err := b.Put(ctx, "k", object.Always, put); err != nil {
			t.Fatal(err)
		}
	}
	if err := read("k", 100, replace); err == nil {
		t.Error("an object that was put in the place of the one that is open was read")
	}
}
