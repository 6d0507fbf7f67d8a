package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/trellisdb/trellis/store/object"
)

// PageSize is the usual size of a page in bytes. The package comment says why.
const PageSize = 256 << 10

// Options say where a cache is and how large it may become.
type Options struct {
	Dir  string // made if it is not there; this process's alone
	Size int64  // bytes that pages may take; at least one page
	// PageSize is the size of a page in bytes, 0 is [PageSize]. Pages of another size
	// that are in the directory are not used, and go.
	PageSize int
	FS       FS // nil is the machine's
}

// Bucket is a bucket whose objects are read through a cache.
type Bucket struct {
	object.Bucket // the wrapped one

	opts     Options
	fs       FS
	lock     io.Closer
	index    *index
	counters counters
	temps    atomic.Int64
	buffers  sync.Pool    // of *[]byte, for a page's file and a byte
	bypass   atomic.Int64 // reads that leave the disk alone, after it has failed
}

var _ object.KnownOpener = (*Bucket)(nil)

// bypassReads is for how many reads a disk that could not be written to is left alone.
const bypassReads = 256

// New returns a cache in front of a bucket. It takes over the pages that are in the
// directory.
func New(bucket object.Bucket, opts Options) (*Bucket, error) {
	if opts.PageSize == 0 {
		opts.PageSize = PageSize
	}
	if opts.PageSize < 1 || opts.Size < headerBytes+int64(opts.PageSize) {
		return nil, fmt.Errorf("cache %s: a size of %d bytes holds no page of %d: give it more", opts.Dir, opts.Size, opts.PageSize)
	}
	b := &Bucket{Bucket: bucket, opts: opts, fs: opts.FS, index: newIndex(opts.Size)}
	if b.fs == nil {
		b.fs = Disk
	}
	b.buffers.New = func() any {
		buffer := make([]byte, headerBytes+opts.PageSize+1)
		return &buffer
	}
	if err := b.fs.MkdirAll(opts.Dir); err != nil {
		return nil, fmt.Errorf("cache %s: %w", opts.Dir, err)
	}
	var err error
	if b.lock, err = lockDir(opts.Dir); err != nil {
		return nil, fmt.Errorf("cache %s: it is in use by another process, or cannot be locked: %w", opts.Dir, err)
	}
	if err := b.adopt(); err != nil {
		return nil, errors.Join(fmt.Errorf("cache %s: %w", opts.Dir, err), b.lock.Close())
	}
	return b, nil
}

// Close gives the directory back, with its pages. Objects that are open must not be read
// any more. The wrapped bucket stays open.
func (b *Bucket) Close() error { return b.lock.Close() }

// Put implements [object.Bucket]. What it replaces leaves the cache.
func (b *Bucket) Put(ctx context.Context, key string, cond object.Condition, write func(io.Writer) error) (int64, error) {
	n, err := b.Bucket.Put(ctx, key, cond, write)
	if cond == object.Always {
		b.drop(key)
	}
	return n, err
}

// Delete implements [object.Bucket]. The object's pages go with it.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	b.drop(key)
	return b.Bucket.Delete(ctx, key)
}

// Forget implements [object.Forgetful].
func (b *Bucket) Forget(key string) { b.drop(key) }

// drop takes all pages of an object out of the cache.
func (b *Bucket) drop(key string) {
	object := hashOf(key)
	if pages := b.index.removeObject(object); len(pages) > 0 {
		b.erase(pages...)
		_ = b.fs.Remove(b.dirOf(object)) // a page may just be coming
	}
}

// Open implements [object.Bucket]. An object that cannot be told from another in its
// place is read without the cache.
func (b *Bucket) Open(ctx context.Context, key string) (object.Object, error) {
	o, err := b.Bucket.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	v, ok := o.(object.Versioned)
	if !ok || v.Version() == "" {
		return o, nil
	}
	return b.through(o, key, v.Version()), nil
}

// known is the version of all objects that are opened by OpenKnown: there is one of a
// key and a size. It is no ETag.
const known = "known"

// OpenKnown implements [object.KnownOpener]. Pages that are on the disk are handed out
// without a look at the wrapped bucket.
func (b *Bucket) OpenKnown(ctx context.Context, key string, size int64) (object.Object, error) {
	o, err := object.OpenKnown(ctx, b.Bucket, key, size)
	if err != nil {
		return nil, err
	}
	if o.Size() != size {
		return nil, errors.Join(fmt.Errorf("object %s: it has %d bytes, not %d", key, o.Size(), size), o.Close())
	}
	return b.through(o, key, known), nil
}

// through returns an object of a version that is read through the cache.
func (b *Bucket) through(o object.Object, key, version string) *openObject {
	return &openObject{
		Object: o, version: version, bucket: b, key: key, closed: make(chan struct{}),
		of: pageID{
			object:  hashOf(key),
			version: hashOf(version, strconv.FormatInt(o.Size(), 10), strconv.Itoa(b.opts.PageSize)),
		},
	}
}

// Stats count what a cache has done since it was opened, and what it holds.
type Stats struct {
	Hits       int64 // pages that came from the disk
	Misses     int64 // pages that were fetched, by this reader or another
	HitBytes   int64 // bytes handed out from the disk
	Fetches    int64 // ranged reads of the wrapped bucket
	Fetched    int64 // their bytes
	Evictions  int64 // pages that went for others
	Damaged    int64 // pages that were not what they should be
	DiskErrors int64 // reads, writes and removals that failed
	Bypassed   int64 // reads that left the disk alone, after it had failed

	Pages int64 // that are on the disk
	Bytes int64 // that they take
}

// counters are the running Stats.
type counters struct {
	hits, misses, hitBytes, fetches, fetched, damaged, diskErrors, bypassed atomic.Int64
}

// Stats returns what the cache has done so far.
func (b *Bucket) Stats() Stats {
	c, x := &b.counters, b.index
	s := Stats{
		Hits: c.hits.Load(), Misses: c.misses.Load(), HitBytes: c.hitBytes.Load(), Fetches: c.fetches.Load(), Fetched: c.fetched.Load(),
		Damaged: c.damaged.Load(), DiskErrors: c.diskErrors.Load(), Bypassed: c.bypassed.Load(),
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	s.Evictions, s.Pages, s.Bytes = x.mu.evictions, int64(x.mu.used.Len()), x.mu.bytes
	return s
}
