package s3

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strconv"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/trellisdb/trellis/store/object"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum returns the CRC32C of bytes as it stands in the metadata.
func checksum(data []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(data, castagnoli)) }

// Open implements [object.Bucket]. Reads of an object that is deleted or replaced
// later fail.
func (b *Bucket) Open(ctx context.Context, key string) (object.Object, error) {
	head, err := b.head(ctx, key)
	if err != nil {
		return nil, b.wrap(Head, key, err)
	}
	o := &openObject{bucket: b, key: key, head: head}
	o.life, o.end = context.WithCancel(context.Background())
	return o, nil
}

// OpenKnown implements [object.KnownOpener]: it makes no request. The first read tells
// which object it is, and further ones are of the same.
func (b *Bucket) OpenKnown(_ context.Context, key string, size int64) (object.Object, error) {
	if err := object.CheckKey(key); err != nil {
		return nil, err
	}
	o := &openObject{bucket: b, key: key, head: header{size: size}}
	o.life, o.end = context.WithCancel(context.Background())
	return o, nil
}

// openObject is an object that is open for reading.
type openObject struct {
	bucket *Bucket
	key    string
	head   header
	first  atomic.Pointer[string] // ETag of the first answer, where head has none
	// life is the context of all reads, since io.ReaderAt has none; end ends it.
	life context.Context
	end  context.CancelFunc
}

var (
	_ object.Versioned   = (*openObject)(nil)
	_ object.KnownOpener = (*Bucket)(nil)
)

// Size implements [object.Object].
func (o *openObject) Size() int64 { return o.head.size }

// Version implements [object.Versioned]: it is the ETag.
func (o *openObject) Version() string { return o.etag() }

// etag returns the ETag of the object, "" where it is not known.
func (o *openObject) etag() string {
	if first := o.first.Load(); first != nil {
		return *first
	}
	return o.head.etag
}

// is reports an answer that is not of the object that is open (Q2).
func (o *openObject) is(etag string) error {
	if o.head.etag == "" {
		o.first.CompareAndSwap(nil, &etag)
	}
	if open := o.etag(); etag != open {
		return fmt.Errorf("the endpoint answers with the object %s where %s is open", etag, open)
	}
	return nil
}

// Close implements io.Closer. Reads under way end, and later ones fail.
func (o *openObject) Close() error {
	o.end()
	return nil
}

// ReadAt implements io.ReaderAt: one ranged GET, and a hedge or further attempts where
// that is late or fails.
func (o *openObject) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("object %s: read at %d: before the beginning", o.key, off)
	}
	if o.life.Err() != nil {
		return 0, fmt.Errorf("object %s: %w", o.key, fs.ErrClosed)
	}
	var eof error
	if left := o.head.size - off; int64(len(p)) > left {
		p, eof = p[:max(left, 0)], io.EOF
	}
	if len(p) == 0 {
		return 0, eof
	}
	if err := o.hedged(p, off); err != nil {
		if o.life.Err() != nil {
			err = errors.Join(fs.ErrClosed, err)
		}
		return 0, fmt.Errorf("range of %d bytes at %d: %w", len(p), off, o.bucket.wrap(Get, o.key, err))
	}
	return len(p), eof
}

// read fills p with the object's bytes from off on, in as many attempts as it takes.
func (o *openObject) read(ctx context.Context, p []byte, off int64) error {
	return o.bucket.attempts(ctx, Get, int64(len(p)), func(ctx context.Context) error { return o.get(ctx, p, off) })
}

// get is one attempt of read. It checks what the endpoint declares and sends (Q2).
func (o *openObject) get(ctx context.Context, p []byte, off int64) error {
	b, end := o.bucket, off+int64(len(p))
	input := &s3.GetObjectInput{
		Bucket: &b.opts.Bucket,
		Key:    aws.String(b.path(o.key)),
		Range:  aws.String("bytes=" + strconv.FormatInt(off, 10) + "-" + strconv.FormatInt(end-1, 10)),
	}
	if etag := o.etag(); etag != "" {
		input.IfMatch = aws.String(etag)
	}
	out, err := b.api.GetObject(ctx, input)
	if err != nil {
		return err
	}
	defer func() { _ = out.Body.Close() }() // it was only read
	declared, whole := aws.ToString(out.ContentRange), len(p) == int(o.head.size)
	want := fmt.Sprintf("bytes %d-%d/%d", off, end-1, o.head.size)
	if declared != want && (declared != "" || !whole) {
		return fmt.Errorf("the endpoint answers %q where %q was asked for: %w", declared, want, errDamaged)
	}
	if n := aws.ToInt64(out.ContentLength); n != int64(len(p)) {
		return fmt.Errorf("the endpoint sends %d bytes of %d: %w", n, len(p), errDamaged)
	}
	if err := o.is(aws.ToString(out.ETag)); err != nil {
		return err
	}
	n, err := io.ReadFull(out.Body, p)
	b.counters.read.Add(int64(n))
	if err != nil {
		return fmt.Errorf("after %d bytes of %d: %w", n, len(p), err)
	}
	if sum := o.head.crc32c; whole && sum != "" && sum != checksum(p) {
		return fmt.Errorf("CRC32C %s, want %s: %w", checksum(p), sum, errDamaged)
	}
	return nil
}
