package cache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/trellisdb/trellis/store/object"
)

// maxRun is how many pages are looked at and fetched at once, which bounds the memory
// of a large read.
const maxRun = 64

// openObject is an object that is open for reading through the cache.
type openObject struct {
	object.Object // the wrapped bucket's

	version string
	bucket  *Bucket
	key     string
	of      pageID // without a number
	closed  chan struct{}
	once    sync.Once
}

var _ object.Versioned = (*openObject)(nil)

// Version implements [object.Versioned].
func (o *openObject) Version() string { return o.version }

// Close implements io.Closer. Reads under way end, and later ones fail.
func (o *openObject) Close() error {
	o.once.Do(func() { close(o.closed) })
	return o.Object.Close()
}

func (o *openObject) isClosed() bool {
	select {
	case <-o.closed:
		return true
	default:
		return false
	}
}

// ReadAt implements io.ReaderAt.
func (o *openObject) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("object %s: read at %d: before the beginning", o.key, off)
	}
	var eof error
	if left := o.Size() - off; int64(len(p)) > left {
		p, eof = p[:max(left, 0)], io.EOF
	}
	window := maxRun * int64(o.bucket.opts.PageSize)
	for done := int64(0); done < int64(len(p)); {
		// A window ends where a page does.
		n := min(int64(len(p))-done, window-(off+done)%window)
		if err := o.read(p[done:done+n], off+done); err != nil {
			return int(done), err
		}
		done += n
	}
	return len(p), eof
}

// read reads a range of at most maxRun pages.
func (o *openObject) read(p []byte, off int64) error {
	if o.isClosed() {
		return fmt.Errorf("object %s: %w", o.key, fs.ErrClosed)
	}
	size := int64(o.bucket.opts.PageSize)
	first, last := off/size, (off+int64(len(p))-1)/size
	if o.bucket.bypass.Load() > 0 && !o.bucket.index.has(o.of, first, last) {
		return o.direct(p, off)
	}
	pages, own := o.bucket.index.plan(o, first, last)
	o.fetch(own)
	for i, f := range pages {
		n := first + int64(i)
		// from and to are the part of the page that is asked for, to is where it goes.
		from, to := max(off-n*size, 0), min(off+int64(len(p))-n*size, size)
		target := p[n*size+from-off : n*size+to-off]
		if err := o.copyPage(target, n, from, f); err != nil {
			return err
		}
	}
	return nil
}

// direct reads without the disk, which has failed (H2).
func (o *openObject) direct(p []byte, off int64) error {
	o.bucket.bypass.Add(-1)
	o.bucket.counters.bypassed.Add(1)
	return o.readWrapped(p, off)
}

// readWrapped fills p from the wrapped bucket.
func (o *openObject) readWrapped(p []byte, off int64) error {
	o.bucket.counters.fetches.Add(1)
	n, err := o.Object.ReadAt(p, off)
	o.bucket.counters.fetched.Add(int64(n))
	if n == len(p) && (err == nil || errors.Is(err, io.EOF)) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("object %s: %d bytes at %d: %w", o.key, len(p), off, io.ErrUnexpectedEOF)
	}
	return err
}

// fetch makes fetches, all at once, and keeps what they bring.
func (o *openObject) fetch(runs []*fetch) {
	if len(runs) == 1 {
		o.fetchRun(runs[0])
		return
	}
	var wg sync.WaitGroup
	for _, run := range runs {
		wg.Go(func() { o.fetchRun(run) })
	}
	wg.Wait()
}

// fetchRun makes one fetch. Those who wait for it have it before it is on the disk; and
// until it is there, or not, nobody else fetches it (H4).
func (o *openObject) fetchRun(f *fetch) {
	size := int64(o.bucket.opts.PageSize)
	off := f.first * size
	data := make([]byte, min((f.last+1)*size, o.Size())-off)
	if f.err = o.readWrapped(data, off); f.err == nil {
		f.data = data
	}
	close(f.done)
	for n := f.first; n <= f.last && f.err == nil && o.bucket.bypass.Load() <= 0; n++ {
		id := o.of
		id.number = n
		if err := o.bucket.save(id, f.page(n, size)); err != nil {
			o.bucket.counters.diskErrors.Add(1)
			o.bucket.bypass.Store(bypassReads)
		}
	}
	o.bucket.index.arrived(o.of, f)
}

// page returns a page of a run that has arrived.
func (f *fetch) page(n, size int64) []byte {
	from := (n - f.first) * size
	return f.data[from:min(from+size, int64(len(f.data)))]
}

// copyPage fills target with page n's bytes from off on: out of a fetch, or where that is
// nil, off the disk. What neither gives is asked for anew.
func (o *openObject) copyPage(target []byte, n, off int64, f *fetch) error {
	if f == nil {
		return o.copyFromDisk(target, n, off)
	}
	o.bucket.counters.misses.Add(1)
	select {
	case <-f.done:
	case <-o.closed:
		return fmt.Errorf("object %s: %w", o.key, fs.ErrClosed)
	}
	if f.err == nil {
		copy(target, f.page(n, int64(o.bucket.opts.PageSize))[off:])
		return nil
	}
	return o.again(target, n, off, f)
}

// again deals with a fetch that has failed. If it was this reader's the error is, too;
// another's is none of ours.
func (o *openObject) again(target []byte, n, off int64, f *fetch) error {
	if f.owner == o {
		return f.err
	}
	return o.read(target, n*int64(o.bucket.opts.PageSize)+off)
}

func (o *openObject) copyFromDisk(target []byte, n, off int64) error {
	b, size := o.bucket, int64(o.bucket.opts.PageSize)
	id := o.of
	id.number = n
	buffer := b.buffers.Get().(*[]byte)
	defer b.buffers.Put(buffer)
	page, err := b.load(id, int(min(size, o.Size()-n*size)), *buffer)
	if err == nil {
		copy(target, page[off:])
		b.counters.hits.Add(1)
		b.counters.hitBytes.Add(int64(len(target)))
		return nil
	}
	b.index.remove(id)
	switch {
	case errors.Is(err, errDamaged):
		b.counters.damaged.Add(1)
		b.erase(id)
	case !errors.Is(err, fs.ErrNotExist): // that one was just evicted
		b.counters.diskErrors.Add(1)
		b.erase(id)
	}
	return o.read(target, n*size+off)
}
