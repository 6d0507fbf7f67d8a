package s3

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	tmtypes "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/trellisdb/trellis/store/object"
)

const (
	writeBuffer = 256 << 10
	// abortTimeout is how long a failed upload may take to be aborted, whatever has
	// become of its context.
	abortTimeout = 30 * time.Second
)

// Put implements [object.Bucket]. How it keeps from replacing an object says
// [Conditional].
func (b *Bucket) Put(ctx context.Context, key string, cond object.Condition, write func(io.Writer) error) (int64, error) {
	if err := object.CheckKey(key); err != nil {
		return 0, err
	}
	u := &upload{Client: b.api, bucket: b, key: key}
	n, err := u.run(ctx, cond, write)
	if err != nil {
		return 0, b.wrap(u.kind, key, err)
	}
	return n, nil
}

// upload is one Put. It stands between the transfer manager, which cuts the bytes into
// parts, and the endpoint: what it does itself is to try requests again, to count them
// and to know its own work again (Q3).
type upload struct {
	*s3.Client // the manager's interface has requests that a Put does not make

	bucket      *Bucket
	key, nonce  string
	conditional bool // the endpoint keeps the key
	absent      bool // the key must be free

	kind      Kind // the request at which it was last
	uploadID  string
	failed    error // of the completion
	abandoned error // of the abort
}

var _ transfermanager.S3APIClient = (*upload)(nil)

func (u *upload) run(ctx context.Context, cond object.Condition, write func(io.Writer) error) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	var err error
	if u.nonce, err = u.bucket.nonce(); err != nil {
		return 0, err
	}
	if u.absent = cond == object.IfAbsent; u.absent {
		if u.conditional, err = u.bucket.conditional(ctx); err != nil {
			return 0, err
		}
	}
	if u.absent && !u.conditional {
		switch _, err := u.head(ctx); {
		case err == nil:
			return 0, object.ErrExists
		case !errors.Is(err, object.ErrNotFound):
			return 0, err
		}
	}
	n, err := u.stream(ctx, write)
	if err != nil {
		return 0, errors.Join(err, u.abandoned)
	}
	return n, u.verify(ctx, n)
}

// stream sends what write writes.
func (u *upload) stream(ctx context.Context, write func(io.Writer) error) (int64, error) {
	reader, writer := io.Pipe()
	sending := begin(func() error {
		err := u.send(ctx, reader)
		// What is written from now on goes nowhere; the writer is told why.
		_ = reader.CloseWithError(err)
		return err
	})
	ended := false
	defer func() {
		if !ended { // write panics
			_ = writer.CloseWithError(errors.New("the writer has died"))
			<-sending.done
		}
	}()
	c := &counter{ctx: ctx, w: writer}
	buffered := bufio.NewWriterSize(c, writeBuffer)
	err := write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = ctx.Err()
	}
	_ = writer.CloseWithError(err) // nil is the end
	ended = true
	<-sending.done
	if err == nil {
		err = sending.err
	}
	return c.n, err
}

// counter counts the bytes that pass through it and stops when ctx is done.
type counter struct {
	ctx interface{ Err() error }
	w   io.Writer
	n   int64
}

func (c *counter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// send lets the transfer manager do the upload.
func (u *upload) send(ctx context.Context, body io.Reader) error {
	opts := u.bucket.opts
	manager := transfermanager.New(u, func(o *transfermanager.Options) {
		o.PartSizeBytes, o.MultipartUploadThreshold = opts.PartSize, opts.PartSize
		o.Concurrency = opts.Concurrency
		o.FailTimeout = abortTimeout
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		if opts.Checksums == ChecksumsRequired {
			o.ChecksumAlgorithm = tmtypes.ChecksumAlgorithmCrc32c
		}
	})
	input := &transfermanager.UploadObjectInput{
		Bucket:   &opts.Bucket,
		Key:      aws.String(u.bucket.path(u.key)),
		Body:     body,
		Metadata: map[string]string{metaNonce: u.nonce},
	}
	if u.conditional {
		input.IfNoneMatch = aws.String("*")
	}
	if _, err := manager.UploadObject(ctx, input); err != nil {
		return err
	}
	if u.failed != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
		defer cancel()
		u.abort(ctx)
	}
	return u.failed
}

// PutObject is the upload in one request. Its bytes are all there, so their CRC32C
// goes with them.
func (u *upload) PutObject(ctx context.Context, in *s3.PutObjectInput, optFns ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	u.kind = Put
	body, ok := in.Body.(*bytes.Reader)
	if !ok {
		return nil, fmt.Errorf("the transfer manager sends a %T", in.Body)
	}
	sum := crc32.New(castagnoli)
	size, err := body.WriteTo(sum)
	if err != nil {
		return nil, err
	}
	in.Metadata[metaCRC32C] = hex.EncodeToString(sum.Sum(nil))
	err = u.bucket.attempts(ctx, Put, size, func(ctx context.Context) error {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
		u.bucket.counters.written.Add(size)
		_, err := u.Client.PutObject(ctx, in, optFns...)
		return err
	})
	return new(s3.PutObjectOutput), u.settle(ctx, err)
}

// CreateMultipartUpload begins an upload in parts.
func (u *upload) CreateMultipartUpload(ctx context.Context, in *s3.CreateMultipartUploadInput, optFns ...func(*s3.Options)) (out *s3.CreateMultipartUploadOutput, err error) {
	u.kind = Create
	err = u.bucket.attempts(ctx, Create, 0, func(ctx context.Context) error {
		out, err = u.Client.CreateMultipartUpload(ctx, in, optFns...)
		return err
	})
	if err == nil && aws.ToString(out.UploadId) == "" {
		err = errors.New("the endpoint gives the upload no name")
	}
	if err == nil {
		u.kind, u.uploadID = Part, *out.UploadId
	}
	return out, err
}

// UploadPart sends a part.
func (u *upload) UploadPart(ctx context.Context, in *s3.UploadPartInput, optFns ...func(*s3.Options)) (out *s3.UploadPartOutput, err error) {
	body, ok := in.Body.(*bytes.Reader)
	if !ok {
		return nil, fmt.Errorf("the transfer manager sends a %T", in.Body)
	}
	err = u.bucket.attempts(ctx, Part, body.Size(), func(ctx context.Context) error {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
		u.bucket.counters.written.Add(body.Size())
		out, err = u.Client.UploadPart(ctx, in, optFns...)
		return err
	})
	return out, err
}

// CompleteMultipartUpload makes the object. The manager prints an error that it gets
// here, so it gets none.
func (u *upload) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, optFns ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	u.kind = Complete
	err := u.bucket.attempts(ctx, Complete, 0, func(ctx context.Context) error {
		_, err := u.Client.CompleteMultipartUpload(ctx, in, optFns...)
		return err
	})
	u.failed = u.settle(ctx, err)
	return new(s3.CompleteMultipartUploadOutput), nil
}

// AbortMultipartUpload throws away the parts that were sent. The manager would put an
// error that it gets here in the place of the one that led here, so it gets none.
func (u *upload) AbortMultipartUpload(ctx context.Context, _ *s3.AbortMultipartUploadInput, _ ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error) {
	u.abort(ctx)
	return new(s3.AbortMultipartUploadOutput), nil
}

func (u *upload) abort(ctx context.Context) {
	err := u.bucket.attempts(ctx, Abort, 0, func(ctx context.Context) error {
		_, err := u.Client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
			Bucket: &u.bucket.opts.Bucket, Key: aws.String(u.bucket.path(u.key)), UploadId: &u.uploadID,
		})
		return err
	})
	if err != nil && statusCode(err) != http.StatusNotFound {
		u.abandoned = fmt.Errorf("the parts of upload %s %w: %w", u.uploadID, errAbandoned, err)
	}
}

// settle finds out what has become of an upload whose last request ended with an error
// that leaves it open: the key is taken, perhaps by an attempt of this very upload; the
// upload is gone, perhaps because it is complete; or no answer came (Q3).
func (u *upload) settle(ctx context.Context, err error) error {
	taken := statusCode(err) == http.StatusPreconditionFailed
	if err == nil || !taken && errorCode(err) != "NoSuchUpload" && !mayPass(err) {
		return err
	}
	head, headErr := u.head(ctx)
	switch {
	case headErr != nil:
		return err
	case head.nonce == u.nonce:
		return nil
	case taken:
		return object.ErrExists
	default:
		return err
	}
}

// verify looks at the object that was put (Q4).
func (u *upload) verify(ctx context.Context, size int64) error {
	head, err := u.head(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("after the put: %w", err)
	case head.nonce != "" && head.nonce != u.nonce && u.absent:
		return object.ErrExists // without conditions, another writer was faster
	case head.nonce != "" && head.nonce != u.nonce:
		return nil // it has been replaced since
	case head.size != size:
		return errors.Join(
			fmt.Errorf("the endpoint has %d bytes of the %d that were put", head.size, size),
			u.bucket.Delete(context.WithoutCancel(ctx), u.key))
	default:
		return nil
	}
}

// head is the bucket's, with the error that the key is free.
func (u *upload) head(ctx context.Context) (header, error) {
	head, err := u.bucket.head(ctx, u.key)
	if sentinel := u.bucket.sentinel(Head, err); err != nil && sentinel != nil {
		return header{}, sentinel
	}
	return head, err
}

// nonce returns a name that nothing else has.
func (b *Bucket) nonce() (string, error) {
	var raw [16]byte
	if _, err := io.ReadFull(b.random, raw[:]); err != nil {
		return "", fmt.Errorf("a nonce: %w", err)
	}
	return hex.EncodeToString(raw[:]), nil
}
