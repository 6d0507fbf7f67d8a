package objecttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/trellisdb/trellis/store/object"
)

// largeSize is more than what any bucket moves at once: an upload to S3 has parts of
// 5 MiB at least.
const largeSize = 11 << 20

// noise returns bytes that no two seeds share and that no compression makes fewer.
func noise(seed uint64, n int) []byte {
	data := make([]byte, n)
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = source.Read(data) // never fails
	return data
}

func testReadEdges(t *testing.T, b object.Bucket) {
	Put(t, b, "empty", nil)
	Put(t, b, "digits", []byte("0123456789"))
	for _, c := range []struct {
		key string
		off int64
		n   int
		err error
	}{
		{"empty", 0, 0, nil},
		{"empty", 0, 1, io.EOF},
		{"empty", 1, 1, io.EOF},
		{"digits", 10, 0, nil},
		{"digits", 1 << 40, 3, io.EOF},
		{"digits", 9, 1, nil},
	} {
		o, err := b.Open(context.Background(), c.key)
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, c.n)
		n, err := o.ReadAt(p, c.off)
		if (n == c.n) && errors.Is(err, io.EOF) {
			err = nil // io.ReaderAt leaves that open
		}
		if !errors.Is(err, c.err) || err == nil && n != c.n {
			t.Errorf("read %d bytes of %s at %d: %d, %v; want %v", c.n, c.key, c.off, n, err, c.err)
		}
		if n, err := o.ReadAt(make([]byte, 1), -1); err == nil || errors.Is(err, io.EOF) || n != 0 {
			t.Errorf("read of %s before its beginning: %d, %v", c.key, n, err)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
}

func testConcurrentReads(t *testing.T, b object.Bucket) {
	const readers, reads = 8, 16
	data := noise(1, 1<<20+77)
	Put(t, b, "k", data)
	o, err := b.Open(context.Background(), "k")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for reader := range readers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(reader), 2))
			for range reads {
				off := random.IntN(len(data))
				p := make([]byte, random.IntN(len(data)-off)+1)
				if n, err := o.ReadAt(p, int64(off)); n != len(p) || err != nil && !errors.Is(err, io.EOF) {
					t.Errorf("read %d bytes at %d: %d, %v", len(p), off, n, err)
				} else if !bytes.Equal(p, data[off:off+len(p)]) {
					t.Errorf("%d bytes at %d are wrong", len(p), off)
				}
			}
		})
	}
	wg.Wait()
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

func testLargeTaken(t *testing.T, b object.Bucket) {
	Put(t, b, "k", []byte("first"))
	_, err := b.Put(context.Background(), "k", object.IfAbsent, Bytes(noise(2, largeSize)))
	if !errors.Is(err, object.ErrExists) {
		t.Errorf("error %v, want one that wraps ErrExists", err)
	}
	if got := Read(t, b, "k"); string(got) != "first" {
		t.Errorf("the object has %d bytes", len(got))
	}
	large := noise(3, largeSize)
	n, err := b.Put(context.Background(), "k", object.Always, Bytes(large))
	if err != nil || n != largeSize {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if got := Read(t, b, "k"); !bytes.Equal(got, large) {
		t.Errorf("the object has %d bytes and others than were put", len(got))
	}
}

func testLargeRace(t *testing.T, b object.Bucket) {
	const racers = 3
	var wg sync.WaitGroup
	errs := make([]error, racers)
	for i := range racers {
		wg.Go(func() {
			_, errs[i] = b.Put(context.Background(), "k", object.IfAbsent, Bytes(noise(uint64(i), largeSize)))
		})
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			won++
			if got := Read(t, b, "k"); !bytes.Equal(got, noise(uint64(i), largeSize)) {
				t.Errorf("racer %d won, and the object is another", i)
			}
		case !errors.Is(err, object.ErrExists):
			t.Errorf("racer %d: %v", i, err)
		}
	}
	if won != 1 {
		t.Errorf("%d racers have won", won)
	}
}

func testBrokenLarge(t *testing.T, b object.Bucket) {
	broken := errors.New("broken off")
	for _, c := range []struct {
		name string
		want error
		end  func(cancel func(), w io.Writer) error
	}{
		{"by its writer", broken, func(func(), io.Writer) error { return broken }},
		{"by its context", context.Canceled, func(cancel func(), w io.Writer) error {
			cancel()
			_, err := w.Write(make([]byte, 1<<20))
			return err
		}},
		{"by its context at the very end", context.Canceled, func(cancel func(), _ io.Writer) error {
			cancel()
			return nil
		}},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		_, err := b.Put(ctx, "k", object.IfAbsent, func(w io.Writer) error {
			if _, err := w.Write(noise(4, largeSize)); err != nil {
				return err
			}
			return c.end(cancel, w)
		})
		cancel()
		if !errors.Is(err, c.want) {
			t.Errorf("a put that was ended %s: %v", c.name, err)
		}
	}
	if left := keys(t, b, ""); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	Put(t, b, "k", []byte("the key is free"))
}

func testDeleted(t *testing.T, b object.Bucket) {
	for i := range 3 {
		Put(t, b, "k", []byte{byte(i)})
		if got := Read(t, b, "k"); !bytes.Equal(got, []byte{byte(i)}) {
			t.Errorf("object %d is %v", i, got)
		}
		for range 2 {
			if err := b.Delete(context.Background(), "k"); err != nil {
				t.Errorf("delete: %v", err)
			}
		}
		if left := keys(t, b, ""); len(left) > 0 {
			t.Errorf("left over: %v", left)
		}
	}
}

func testCancelled(t *testing.T, b object.Bucket) {
	for i := range 3 {
		Put(t, b, fmt.Sprintf("k%d", i), nil)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, openErr := b.Open(ctx, "k0")
	_, statErr := b.Stat(ctx, "k0")
	_, putErr := b.Put(ctx, "new", object.Always, func(w io.Writer) error {
		_, err := w.Write([]byte("x"))
		return err
	})
	var listErr error
	for _, err := range b.List(ctx, "") {
		listErr = err
	}
	for name, err := range map[string]error{
		"open": openErr, "stat": statErr, "put": putErr, "list": listErr, "delete": b.Delete(ctx, "k0"),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want the context's error", name, err)
		}
	}
	if got := keys(t, b, ""); len(got) != 3 {
		t.Errorf("the bucket has %v", got)
	}
}

func testVersions(t *testing.T, b object.Bucket) {
	version := func() string {
		o, err := b.Open(context.Background(), "k")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = o.Close() }()
		if v, ok := o.(object.Versioned); ok {
			return v.Version()
		}
		t.Fatalf("%T has no version", o)
		return ""
	}
	Put(t, b, "k", []byte("one"))
	one := version()
	if again := version(); again != one {
		t.Errorf("the same object has the versions %q and %q", one, again)
	}
	if _, err := b.Put(context.Background(), "k", object.Always, Bytes([]byte("two"))); err != nil {
		t.Fatal(err)
	}
	if two := version(); two == one || two == "" {
		t.Errorf("an object and the one in its place have the versions %q and %q", one, two)
	}
}
