package cache_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/cache"
	"github.com/trellisdb/trellis/store/object/objecttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open returns a cache that is closed when the test ends.
func open(t *testing.T, b object.Bucket, opts cache.Options) *cache.Bucket {
	t.Helper()
	if opts.Dir == "" {
		opts.Dir = t.TempDir()
	}
	if opts.Size == 0 {
		opts.Size = 1 << 30
	}
	c, err := cache.New(b, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNow(t, c) })
	return c
}

// closeNow closes a cache that may be closed already.
func closeNow(t *testing.T, c *cache.Bucket) {
	t.Helper()
	if err := c.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
}

// source is a bucket in memory whose reads can be watched, held up and failed.
type source struct {
	objecttest.Faulty
	reads atomic.Int64
	hook  func() error // called before each read; nil: nothing
}

func newSource() *source {
	s := new(source)
	s.Bucket = new(object.Memory)
	s.Fail = func(op objecttest.Op, _ string) error {
		if op != objecttest.OpRead {
			return nil
		}
		s.reads.Add(1)
		if s.hook != nil {
			return s.hook()
		}
		return nil
	}
	return s
}

func noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // never fails
	return data
}

// check reads a range and compares it.
func check(t *testing.T, o object.Object, data []byte, from, to int) {
	t.Helper()
	p := make([]byte, to-from)
	if n, err := o.ReadAt(p, int64(from)); n != len(p) || err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("bytes %d to %d: %d, %v", from, to, n, err)
	}
	if !bytes.Equal(p, data[from:to]) {
		t.Fatalf("bytes %d to %d are wrong", from, to)
	}
}

// openObject opens an object that is closed when the test ends.
func openObject(t *testing.T, b object.Bucket, key string) object.Object {
	t.Helper()
	o, err := b.Open(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
			t.Error(err)
		}
	})
	return o
}

// files returns the files of the pages in a cache's directory.
func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*", "*.page"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestACacheIsABucket(t *testing.T) {
	for _, c := range []struct {
		over     string
		pageSize int
		wrapped  func(t *testing.T) object.Bucket
	}{
		{"memory", 50_000, func(*testing.T) object.Bucket { return new(object.Memory) }},
		{"a directory", cache.PageSize, func(t *testing.T) object.Bucket {
			d, err := object.OpenDir(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			return d
		}},
	} {
		t.Run("over "+c.over, func(t *testing.T) {
			objecttest.Run(t, func(t *testing.T) object.Bucket {
				// It is so small that pages come and go all the time.
				return open(t, c.wrapped(t), cache.Options{PageSize: c.pageSize, Size: 5 * int64(c.pageSize)})
			})
		})
	}
}

func TestWhatWasReadDoesNotComeFromThereAgain(t *testing.T) {
	s, dir, data := newSource(), t.TempDir(), noise(10_000)
	objecttest.Put(t, s, "k", data)
	c := open(t, s, cache.Options{Dir: dir, PageSize: 1000})
	o := openObject(t, c, "k")
	check(t, o, data, 2500, 4500)
	if n := s.reads.Load(); n != 1 {
		t.Errorf("three neighbouring pages were fetched with %d reads", n)
	}
	check(t, o, data, 2000, 5000)
	if n := s.reads.Load(); n != 1 {
		t.Errorf("pages on the disk were fetched: %d reads", n)
	}
	check(t, o, data, 0, 10_000)
	if n := s.reads.Load(); n != 3 {
		t.Errorf("what is missing before and after them was fetched with %d reads, want two", n-1)
	}
	want := cache.Stats{Hits: 6, Misses: 10, HitBytes: 6000, Fetches: 3, Fetched: 10_000, Pages: 10, Bytes: 10*1000 + 10*56}
	if got := c.Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	closeNow(t, c)

	again := open(t, s, cache.Options{Dir: dir, PageSize: 1000})
	check(t, openObject(t, again, "k"), data, 0, 10_000)
	if n := s.reads.Load(); n != 3 {
		t.Errorf("after a restart %d reads, want none", n-3)
	}
	if got := again.Stats(); got.Hits != 10 || got.Pages != 10 || got.Bytes != want.Bytes {
		t.Errorf("after a restart: %+v", got)
	}
	closeNow(t, again)

	other := open(t, s, cache.Options{Dir: dir, PageSize: 700})
	check(t, openObject(t, other, "k"), data, 0, 10_000)
	if got := other.Stats(); got.Hits != 0 || got.Damaged != 0 {
		t.Errorf("with pages of another size: %+v", got)
	}
}

func TestASmallReadInAColdObjectFetchesLittle(t *testing.T) {
	s := newSource()
	data := noise(8<<20 + 12345)
	objecttest.Put(t, s, "k", data)
	c := open(t, s, cache.Options{})
	o := openObject(t, c, "k")
	check(t, o, data, len(data)-64<<10, len(data))
	if got := c.Stats(); got.Fetches != 1 || got.Fetched > 512<<10 {
		t.Errorf("a tail of 64 KiB: %d reads of %d bytes", got.Fetches, got.Fetched)
	}
	check(t, o, data, 1<<20+100, 1<<20+200)
	if got := c.Stats(); got.Fetches != 2 || got.Fetched > (512+256)<<10 {
		t.Errorf("100 bytes: %d reads of %d bytes", got.Fetches-1, got.Fetched)
	}
	check(t, o, data, 0, len(data))
}

func TestAnyBitThatFlipsIsFound(t *testing.T) {
	s, dir, data := newSource(), t.TempDir(), noise(64)
	objecttest.Put(t, s, "k", data)
	c := open(t, s, cache.Options{Dir: dir, PageSize: 64})
	o := openObject(t, c, "k")
	check(t, o, data, 0, 64)
	page := files(t, dir)[0]
	whole, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	damaged := int64(0)
	damage := func(name string, content []byte) {
		t.Helper()
		if err := os.WriteFile(page, content, 0o600); err != nil {
			t.Fatal(err)
		}
		check(t, o, data, 10, 50)
		if damaged++; c.Stats().Damaged != damaged || s.reads.Load() != damaged+1 {
			t.Fatalf("%s: %d pages are damaged and %d were read, want %d and %d", name, c.Stats().Damaged, s.reads.Load(), damaged, damaged+1)
		}
		if now, err := os.ReadFile(page); err != nil || !bytes.Equal(now, whole) {
			t.Fatalf("%s: the page was not put in order: %v", name, err)
		}
	}
	for bit := range 8 * len(whole) {
		flipped := bytes.Clone(whole)
		flipped[bit/8] ^= 1 << (bit % 8)
		damage(fmt.Sprintf("bit %d", bit), flipped)
	}
	for length := range whole {
		damage(fmt.Sprintf("%d bytes", length), whole[:length])
	}
	damage("a byte more", append(bytes.Clone(whole), 0))
	damage("zeros", make([]byte, len(whole)))
}

func TestAPageInThePlaceOfAnotherIsFound(t *testing.T) {
	s, dir, data := newSource(), t.TempDir(), noise(300)
	objecttest.Put(t, s, "k", data)
	objecttest.Put(t, s, "l", data[100:])
	c := open(t, s, cache.Options{Dir: dir, PageSize: 100})
	k, l := openObject(t, c, "k"), openObject(t, c, "l")
	check(t, k, data, 0, 300)
	check(t, l, data[100:], 0, 200)
	list := files(t, dir)
	for i, page := range list {
		other, err := os.ReadFile(list[(i+1)%len(list)])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(page, other, 0o600); err != nil {
			t.Fatal(err)
		}
		check(t, k, data, 0, 300)
		check(t, l, data[100:], 0, 200)
	}
	if got := c.Stats(); got.Damaged != int64(len(list)) {
		t.Errorf("%d pages are damaged, want %d", got.Damaged, len(list))
	}
}

func TestTheSizeIsKeptAndTheLatestStay(t *testing.T) {
	const size = 10 * (100 + 56)
	s, dir, data := newSource(), t.TempDir(), noise(3000)
	objecttest.Put(t, s, "k", data)
	c := open(t, s, cache.Options{Dir: dir, PageSize: 100, Size: size})
	o := openObject(t, c, "k")
	for page := range 30 {
		check(t, o, data, 0, 100) // the first page is used all the time
		check(t, o, data, page*100, page*100+100)
		if got := c.Stats(); got.Bytes > size || got.Pages > 10 {
			t.Fatalf("%+v", got)
		}
	}
	if got := c.Stats(); got.Evictions != 20 || got.Pages != 10 {
		t.Errorf("%+v, want 20 evictions", got)
	}
	if n := len(files(t, dir)); n != 10 {
		t.Errorf("%d files", n)
	}
	reads := s.reads.Load()
	check(t, o, data, 0, 100)
	check(t, o, data, 2100, 3000)
	if n := s.reads.Load() - reads; n != 0 {
		t.Errorf("the ten latest pages took %d reads", n)
	}
	closeNow(t, c)
	smaller := open(t, s, cache.Options{Dir: dir, PageSize: 100, Size: size / 2})
	if got := smaller.Stats(); got.Pages != 5 || len(files(t, dir)) != 5 {
		t.Errorf("with half the size: %+v", got)
	}
}

func TestWhatADeadProcessLeftIsRemoved(t *testing.T) {
	s, dir, data := newSource(), t.TempDir(), noise(300)
	objecttest.Put(t, s, "k", data)
	c := open(t, s, cache.Options{Dir: dir, PageSize: 100})
	check(t, openObject(t, c, "k"), data, 0, 100)
	closeNow(t, c)
	home := filepath.Dir(files(t, dir)[0])
	for _, name := range []string{"7.tmp", strings.Repeat("0", 32) + "-1.page", "strange"} {
		if err := os.WriteFile(filepath.Join(home, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, strings.Repeat("a", 32)), 0o755); err != nil {
		t.Fatal(err)
	}
	open(t, s, cache.Options{Dir: dir, PageSize: 100})
	entries, err := os.ReadDir(home)
	if err != nil || len(entries) != 2 { // the page, and what is not the cache's
		t.Errorf("left over: %v, %v", entries, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 { // LOCK and k's
		t.Errorf("left over: %v, %v", entries, err)
	}
	if _, err := cache.New(s, cache.Options{Dir: dir, Size: 1 << 20}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second cache in the directory: %v", err)
	}
	if _, err := cache.New(s, cache.Options{Dir: t.TempDir(), Size: 100}); err == nil || !strings.Contains(err.Error(), "give it more") {
		t.Errorf("a cache of 100 bytes: %v", err)
	}
}

func TestManyWhoMissAPageFetchItOnce(t *testing.T) {
	const readers = 8
	s, data := newSource(), noise(1000)
	objecttest.Put(t, s, "k", data)
	c := open(t, s, cache.Options{PageSize: 1000})
	held := make(chan struct{})
	s.hook = func() error { <-held; return nil }
	var wg sync.WaitGroup
	for i := range readers {
		o := openObject(t, c, "k")
		wg.Go(func() { check(t, o, data, i, 500+i) })
	}
	close(held)
	wg.Wait()
	if n := s.reads.Load(); n != 1 {
		t.Errorf("%d reads", n)
	}
}

func TestAReaderThatFailsTakesNobodyAlong(t *testing.T) {
	s, data := newSource(), noise(1000)
	objecttest.Put(t, s, "k", data)
	c := open(t, s, cache.Options{PageSize: 1000})
	broken, arrived, held := errors.New("broken"), make(chan struct{}), make(chan struct{})
	var first sync.Once
	s.hook = func() (err error) {
		first.Do(func() {
			close(arrived)
			<-held
			err = broken
		})
		return err
	}
	fails, waits, closes := openObject(t, c, "k"), openObject(t, c, "k"), openObject(t, c, "k")
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := fails.ReadAt(make([]byte, 10), 0); !errors.Is(err, broken) {
			t.Errorf("its own read: %v", err)
		}
	})
	<-arrived
	ended := make(chan error)
	go func() {
		_, err := closes.ReadAt(make([]byte, 10), 0)
		ended <- err
	}()
	wg.Go(func() { check(t, waits, data, 0, 1000) })
	if err := closes.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a read that waited when its object was closed: %v", err)
	}
	close(held)
	wg.Wait()
	if _, err := closes.ReadAt(make([]byte, 10), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a read after that: %v", err)
	}
}

func TestWhatIsDeletedOrReplacedLeavesTheCache(t *testing.T) {
	ctx, s, dir := context.Background(), newSource(), t.TempDir()
	c := open(t, s, cache.Options{Dir: dir, PageSize: 100})
	one, two := noise(2000)[:1000], noise(2000)[1000:]
	objecttest.Put(t, c, "k", one)
	check(t, openObject(t, c, "k"), one, 0, 1000)
	if _, err := c.Put(ctx, "k", object.Always, objecttest.Bytes(two)); err != nil {
		t.Fatal(err)
	}
	if n := len(files(t, dir)); n != 0 {
		t.Errorf("%d pages of a replaced object are left", n)
	}
	check(t, openObject(t, c, "k"), two, 0, 1000)
	// Somebody else replaces it.
	if _, err := s.Put(ctx, "k", object.Always, objecttest.Bytes(one)); err != nil {
		t.Fatal(err)
	}
	check(t, openObject(t, c, "k"), one, 0, 1000)
	if err := c.Delete(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || c.Stats().Pages != 0 {
		t.Errorf("left over: %v, %v, %d pages", entries, err, c.Stats().Pages)
	}
}

// failing is the machine's file system, some operations of which fail.
type failing struct {
	cache.FS
	fail func(op string) error
}

func (f failing) MkdirAll(dir string) error {
	if err := f.fail("mkdir"); err != nil {
		return err
	}
	return f.FS.MkdirAll(dir)
}

func (f failing) ReadDir(dir string) ([]fs.DirEntry, error) {
	if err := f.fail("list"); err != nil {
		return nil, err
	}
	return f.FS.ReadDir(dir)
}

func (f failing) ReadFile(name string, p []byte) (int, error) {
	if err := f.fail("read"); err != nil {
		return 0, err
	}
	return f.FS.ReadFile(name, p)
}

// WriteFile leaves half a file when it fails, as a full disk does.
func (f failing) WriteFile(name string, parts ...[]byte) error {
	if err := f.fail("write"); err != nil {
		return errors.Join(err, f.FS.WriteFile(name, parts[0]))
	}
	return f.FS.WriteFile(name, parts...)
}

func (f failing) Rename(from, to string) error {
	if err := f.fail("rename"); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

func (f failing) Remove(name string) error {
	if err := f.fail("remove"); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func TestAFullDiskFailsNoRead(t *testing.T) {
	s, dir, data := newSource(), t.TempDir(), noise(100_000)
	objecttest.Put(t, s, "k", data)
	full := true
	c := open(t, s, cache.Options{Dir: dir, PageSize: 1000, FS: failing{cache.Disk, func(op string) error {
		if full && op == "write" {
			return syscall.ENOSPC
		}
		return nil
	}}})
	o := openObject(t, c, "k")
	check(t, o, data, 500, 600)
	before := c.Stats()
	if before.DiskErrors != 1 || before.Pages != 0 {
		t.Errorf("%+v", before)
	}
	for i := range 256 {
		check(t, o, data, 100*i, 100*i+10)
	}
	if got := c.Stats(); got.Fetched-before.Fetched != 2560 || got.Bypassed != 256 || got.DiskErrors != 1 {
		t.Errorf("a full disk is left alone for a while, and no more is fetched than was asked for: %+v", got)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*", "*")); err != nil || len(left) > 0 {
		t.Errorf("half a page is left: %v, %v", left, err)
	}
	full = false
	check(t, o, data, 500, 600)
	reads := s.reads.Load()
	check(t, o, data, 0, 1000)
	if s.reads.Load() != reads {
		t.Error("the disk has room again, and is not used")
	}
}

func TestADiskThatFailsFailsNoRead(t *testing.T) {
	for _, op := range []string{"mkdir", "list", "read", "write", "rename", "remove"} {
		t.Run(op, func(t *testing.T) {
			s, dir, data := newSource(), t.TempDir(), noise(5000)
			objecttest.Put(t, s, "k", data)
			good := open(t, s, cache.Options{Dir: dir, PageSize: 100})
			check(t, openObject(t, good, "k"), data, 0, 2500)
			closeNow(t, good)
			opened := false
			c := open(t, s, cache.Options{Dir: dir, PageSize: 100, Size: 3000, FS: failing{cache.Disk, func(at string) error {
				if opened && at == op {
					return syscall.EIO
				}
				return nil
			}}})
			opened = true
			o := openObject(t, c, "k")
			random := rand.New(rand.NewPCG(1, 2))
			for range 100 {
				from := random.IntN(5000)
				check(t, o, data, from, from+random.IntN(5000-from))
			}
			if got := c.Stats(); got.DiskErrors == 0 && op != "list" {
				t.Errorf("no error of the disk was counted: %+v", got)
			}
			if err := c.Delete(context.Background(), "k"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNoByteIsEverWrong(t *testing.T) {
	s, dir, data := newSource(), t.TempDir(), noise(20_000)
	objecttest.Put(t, s, "k", data)
	c := open(t, s, cache.Options{Dir: dir, PageSize: 500, Size: 20 * 556})
	var wg sync.WaitGroup
	for worker := range 4 {
		o := openObject(t, c, "k")
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 3))
			for range 200 {
				if list, err := filepath.Glob(filepath.Join(dir, "*", "*.page")); err == nil && len(list) > 0 {
					spoil(random, list[random.IntN(len(list))])
				}
				from := random.IntN(len(data))
				p := make([]byte, random.IntN(min(len(data)-from, 3000)))
				if n, err := o.ReadAt(p, int64(from)); n != len(p) || err != nil || !bytes.Equal(p, data[from:from+n]) {
					t.Errorf("%d bytes at %d: %d, %v, or wrong", len(p), from, n, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got := c.Stats(); got.Damaged == 0 || got.Hits == 0 || got.Evictions == 0 {
		t.Errorf("nothing has happened: %+v", got)
	}
}

// spoil damages a file, which may be gone.
func spoil(random *rand.Rand, name string) {
	switch content, err := os.ReadFile(name); {
	case err != nil || len(content) == 0:
	case random.IntN(3) == 0:
		_ = os.Truncate(name, int64(random.IntN(len(content)))) // it may be gone
	case random.IntN(3) == 0:
		_ = os.Remove(name) // it may be gone
	default:
		content[random.IntN(len(content))] ^= 1 << random.IntN(8)
		_ = os.WriteFile(name, content, 0o600) // it may be gone
	}
}

func TestAnObjectWithoutAVersionIsNotCached(t *testing.T) {
	s, dir, data := newSource(), t.TempDir(), noise(1000)
	objecttest.Put(t, s, "k", data)
	c := open(t, nameless{s}, cache.Options{Dir: dir, PageSize: 100})
	check(t, openObject(t, c, "k"), data, 0, 1000)
	if n := len(files(t, dir)); n != 0 {
		t.Errorf("%d pages", n)
	}
}

// nameless is a bucket whose objects have no version.
type nameless struct{ object.Bucket }

func (n nameless) Open(ctx context.Context, key string) (object.Object, error) {
	o, err := n.Bucket.Open(ctx, key)
	return struct{ object.Object }{o}, err
}
