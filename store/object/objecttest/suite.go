// Package objecttest holds what the tests of buckets and of their users share:
// the acceptance suite that every [object.Bucket] passes, and a bucket that fails
// on demand.
package objecttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/trellisdb/trellis/store/object"
)

// Run runs the acceptance suite. open returns a new, empty bucket each time.
func Run(t *testing.T, open func(t *testing.T) object.Bucket) {
	cases := []struct {
		name string
		test func(*testing.T, object.Bucket)
	}{
		{"what was put is read back", testRoundTrip},
		{"ranges are read as asked", testRanges},
		{"a key that is taken is not put again", testIfAbsent},
		{"of many who race for a key one wins", testRace},
		{"an object is replaced where that is asked", testAlways},
		{"a put that breaks off leaves nothing", testBrokenPut},
		{"a put of a cancelled context leaves nothing", testCancelledPut},
		{"what is missing is not found", testMissing},
		{"a prefix lists its keys in order", testList},
		{"a key that leads outside is refused", testBadKeys},
		{"a large object is streamed", testLarge},
		{"a read ends at the object's edges", testReadEdges},
		{"many read at once", testConcurrentReads},
		{"a key that is taken is not put again by a large object", testLargeTaken},
		{"of many large objects that race for a key one wins", testLargeRace},
		{"a large put that breaks off leaves nothing", testBrokenLarge},
		{"what was deleted is gone and its key free", testDeleted},
		{"nothing is done for a context that is done", testCancelled},
		{"an object can be told from the one in its place", testVersions},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// Put puts an object of the bytes given, or ends the test.
func Put(t testing.TB, b object.Bucket, key string, data []byte) {
	t.Helper()
	n, err := b.Put(context.Background(), key, object.IfAbsent, Bytes(data))
	if err != nil || n != int64(len(data)) {
		t.Fatalf("put %s: %d bytes of %d, error %v", key, n, len(data), err)
	}
}

// Replace puts an object in the place of whatever has its key, or ends the test.
func Replace(t testing.TB, b object.Bucket, key string, data []byte) {
	t.Helper()
	if _, err := b.Put(context.Background(), key, object.Always, Bytes(data)); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

// Bytes returns a function for Put that writes data.
func Bytes(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// Read returns the bytes of an object, or ends the test.
func Read(t testing.TB, b object.Bucket, key string) []byte {
	t.Helper()
	o, err := b.Open(context.Background(), key)
	if err != nil {
		t.Fatalf("open %s: %v", key, err)
	}
	data, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err = errors.Join(err, o.Close()); err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	return data
}

func keys(t *testing.T, b object.Bucket, prefix string) []string {
	t.Helper()
	var found []string
	for info, err := range b.List(context.Background(), prefix) {
		if err != nil {
			t.Fatalf("list %q: %v", prefix, err)
		}
		found = append(found, info.Key)
	}
	return found
}

func testRoundTrip(t *testing.T, b object.Bucket) {
	for _, data := range [][]byte{nil, {0}, []byte("hello"), bytes.Repeat([]byte("x"), 100_000)} {
		key := fmt.Sprintf("a/b/%d.seg", len(data))
		Put(t, b, key, data)
		if got := Read(t, b, key); !bytes.Equal(got, data) {
			t.Errorf("%s: read %d bytes, want %d", key, len(got), len(data))
		}
		info, err := b.Stat(context.Background(), key)
		if err != nil || info != (object.Info{Key: key, Size: int64(len(data))}) {
			t.Errorf("stat: %+v, %v", info, err)
		}
	}
}

func testRanges(t *testing.T, b object.Bucket) {
	Put(t, b, "digits", []byte("0123456789"))
	o, err := b.Open(context.Background(), "digits")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	for _, c := range []struct {
		off  int64
		n    int
		want string
		err  error
	}{
		{0, 10, "0123456789", nil},
		{3, 4, "3456", nil},
		{0, 0, "", nil},
		{8, 4, "89", io.EOF},
		{10, 1, "", io.EOF},
		{11, 1, "", io.EOF},
	} {
		p := make([]byte, c.n)
		n, err := o.ReadAt(p, c.off)
		if n == c.n && errors.Is(err, io.EOF) {
			err = nil // io.ReaderAt leaves that open
		}
		if string(p[:n]) != c.want || !errors.Is(err, c.err) {
			t.Errorf("read %d bytes at %d: %q, %v; want %q, %v", c.n, c.off, p[:n], err, c.want, c.err)
		}
	}
}

func testIfAbsent(t *testing.T, b object.Bucket) {
	Put(t, b, "k", []byte("first"))
	_, err := b.Put(context.Background(), "k", object.IfAbsent, Bytes([]byte("second")))
	if !errors.Is(err, object.ErrExists) {
		t.Errorf("error %v, want one that wraps ErrExists", err)
	}
	if got := Read(t, b, "k"); string(got) != "first" {
		t.Errorf("the object became %q", got)
	}
}

func testRace(t *testing.T, b object.Bucket) {
	const racers = 8
	var wg sync.WaitGroup
	errs := make([]error, racers)
	for i := range racers {
		wg.Go(func() {
			_, errs[i] = b.Put(context.Background(), "race/k", object.IfAbsent, Bytes([]byte{byte(i)}))
		})
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Errorf("both %d and %d won", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, object.ErrExists):
			t.Errorf("racer %d: %v", i, err)
		}
	}
	if winner < 0 {
		t.Fatal("nobody won")
	}
	if got := Read(t, b, "race/k"); len(got) != 1 || int(got[0]) != winner {
		t.Errorf("object of %v, the winner was %d", got, winner)
	}
}

func testAlways(t *testing.T, b object.Bucket) {
	Put(t, b, "k", []byte("first"))
	if _, err := b.Put(context.Background(), "k", object.Always, Bytes([]byte("2nd"))); err != nil {
		t.Fatal(err)
	}
	if got := Read(t, b, "k"); string(got) != "2nd" {
		t.Errorf("the object is %q", got)
	}
}

func testBrokenPut(t *testing.T, b object.Bucket) {
	broken := errors.New("broken off")
	_, err := b.Put(context.Background(), "k", object.IfAbsent, func(w io.Writer) error {
		if _, err := w.Write([]byte("half")); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want the writer's own", err)
	}
	if left := keys(t, b, ""); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func testCancelledPut(t *testing.T, b object.Bucket) {
	ctx, cancel := context.WithCancel(context.Background())
	_, err := b.Put(ctx, "k", object.IfAbsent, func(w io.Writer) error {
		cancel()
		_, err := w.Write(make([]byte, 4<<20))
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	if left := keys(t, b, ""); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func testMissing(t *testing.T, b object.Bucket) {
	Put(t, b, "dir/k", nil)
	for _, key := range []string{"k", "dir", "dir/k/l"} {
		if _, err := b.Open(context.Background(), key); !errors.Is(err, object.ErrNotFound) {
			t.Errorf("open %s: %v", key, err)
		}
		if _, err := b.Stat(context.Background(), key); !errors.Is(err, object.ErrNotFound) {
			t.Errorf("stat %s: %v", key, err)
		}
	}
	if err := b.Delete(context.Background(), "k"); err != nil {
		t.Errorf("delete: %v", err)
	}
	if err := b.Delete(context.Background(), "dir/k"); err != nil {
		t.Errorf("delete: %v", err)
	}
	if _, err := b.Stat(context.Background(), "dir/k"); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("stat after delete: %v", err)
	}
}

func testList(t *testing.T, b object.Bucket) {
	for _, key := range []string{"b/2", "b/10", "a", "b-1", "c/d/e"} {
		Put(t, b, key, []byte(key))
	}
	for prefix, want := range map[string][]string{
		"":       {"a", "b-1", "b/10", "b/2", "c/d/e"},
		"b":      {"b-1", "b/10", "b/2"},
		"b/":     {"b/10", "b/2"},
		"b/1":    {"b/10"},
		"c/":     {"c/d/e"},
		"none/":  nil,
		"b/10/x": nil,
	} {
		if got := keys(t, b, prefix); !slices.Equal(got, want) {
			t.Errorf("prefix %q: %v, want %v", prefix, got, want)
		}
	}
	seen := 0
	b.List(context.Background(), "")(func(object.Info, error) bool {
		seen++
		return false
	})
	if seen != 1 {
		t.Errorf("a list that was ended early yielded %d objects", seen)
	}
}

func testBadKeys(t *testing.T, b object.Bucket) {
	for _, key := range []string{"", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", ".hidden", "a b", "a\x00b", "ä", string(make([]byte, 600))} {
		if _, err := b.Put(context.Background(), key, object.IfAbsent, Bytes(nil)); err == nil {
			t.Errorf("key %q was taken", key)
		}
	}
}

func testLarge(t *testing.T, b object.Bucket) {
	const chunks, size = 64, 1 << 16
	n, err := b.Put(context.Background(), "large", object.IfAbsent, func(w io.Writer) error {
		for i := range chunks {
			if _, err := w.Write(bytes.Repeat([]byte{byte(i)}, size)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || n != chunks*size {
		t.Fatalf("put: %d bytes, %v", n, err)
	}
	for i, c := range Read(t, b, "large") {
		if c != byte(i/size) {
			t.Fatalf("byte %d is %d", i, c)
		}
	}
}
