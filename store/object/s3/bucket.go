package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"github.com/trellisdb/trellis/store/object"
)

// maxIdle is the number of connections that are kept for the next requests.
const maxIdle = 64

// Bucket is an [object.Bucket] at an S3 endpoint.
type Bucket struct {
	opts      Options
	api       *s3.Client
	transport *http.Transport
	counters  counters
	latency   latency
	random    io.Reader

	offered atomic.Int32  // whether conditional puts are, an offered
	asking  chan struct{} // has an element while the endpoint is asked for that
}

var _ object.Bucket = (*Bucket)(nil)

// New returns the bucket that the options say. It asks nobody whether it is there:
// that is [Bucket.Check]. ctx is for reading the SDK's configuration.
func New(ctx context.Context, opts Options) (*Bucket, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	load := []func(*config.LoadOptions) error{
		config.WithLogger(logging.Nop{}),
		config.WithDefaultRegion(defaultRegion),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }), // attempts are ours (Q1)
		// AWS_CA_BUNDLE and CAFile need a client that the SDK can change.
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns, t.MaxIdleConnsPerHost = maxIdle, maxIdle
		})),
	}
	if opts.Region != "" {
		load = append(load, config.WithRegion(opts.Region))
	}
	if opts.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(opts.Profile))
	}
	if opts.Keys != (Keys{}) {
		load = append(load, config.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(opts.Keys.Access, opts.Keys.Secret, opts.Keys.Session)))
	}
	if opts.CAFile != "" {
		pem, err := os.Open(opts.CAFile)
		if err != nil {
			return nil, fmt.Errorf("s3: ca-file: %w", err)
		}
		defer func() { _ = pem.Close() }() // it was only read
		load = append(load, config.WithCustomCABundle(pem))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("s3: configuration of bucket %s: %w", opts.Bucket, err)
	}
	client, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		return nil, fmt.Errorf("s3: the SDK made an HTTP client of type %T", cfg.HTTPClient)
	}
	b := &Bucket{opts: opts, transport: client.GetTransport(), random: opts.Random, asking: make(chan struct{}, 1)}
	if b.random == nil {
		b.random = rand.Reader
	}
	b.offered.Store(int32(offeredBy[opts.Conditional]))
	b.api = s3.NewFromConfig(cfg, b.configure)
	return b, nil
}

// configure sets what is S3's alone.
func (b *Bucket) configure(o *s3.Options) {
	if b.opts.Endpoint != "" {
		o.BaseEndpoint = aws.String(b.opts.Endpoint)
	}
	o.UsePathStyle = b.opts.PathStyle
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	o.DisableLogOutputChecksumValidationSkipped = true
	// A signed request cannot be sent elsewhere: a redirect is an answer, which says
	// that the region is wrong.
	o.HTTPClient = &http.Client{
		Transport:     b.transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close closes the connections that are kept. The bucket must not be used any more.
func (b *Bucket) Close() error {
	b.transport.CloseIdleConnections()
	return nil
}

// String returns the bucket as a URL, without its settings.
func (b *Bucket) String() string {
	return strings.TrimSuffix("s3://"+b.opts.Bucket+"/"+b.opts.Prefix, "/")
}

// path returns a key as the endpoint knows it.
func (b *Bucket) path(key string) string {
	if b.opts.Prefix == "" {
		return key
	}
	return b.opts.Prefix + "/" + key
}

// Stat implements [object.Bucket].
func (b *Bucket) Stat(ctx context.Context, key string) (object.Info, error) {
	head, err := b.head(ctx, key)
	if err != nil {
		return object.Info{}, b.wrap(Head, key, err)
	}
	return object.Info{Key: key, Size: head.size}, nil
}

// A header is what the endpoint knows of an object.
type header struct {
	size   int64
	etag   string
	nonce  string // of the put, "" where the endpoint keeps no metadata
	crc32c string // "" where it is not known
}

// The metadata of objects.
const (
	metaNonce  = "trellis-nonce"
	metaCRC32C = "trellis-crc32c"
)

func (b *Bucket) head(ctx context.Context, key string) (header, error) {
	if err := object.CheckKey(key); err != nil {
		return header{}, err
	}
	var h header
	err := b.attempts(ctx, Head, 0, func(ctx context.Context) error {
		out, err := b.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.opts.Bucket, Key: aws.String(b.path(key))})
		if err != nil {
			return err
		}
		if out.ContentLength == nil {
			return errors.New("the endpoint does not say how large the object is")
		}
		h = header{
			size: *out.ContentLength, etag: aws.ToString(out.ETag),
			nonce: out.Metadata[metaNonce], crc32c: out.Metadata[metaCRC32C],
		}
		return nil
	})
	return h, err
}

// List implements [object.Bucket]. Objects whose keys no bucket takes are not ours and
// are passed over.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[object.Info, error] {
	return func(yield func(object.Info, error) bool) {
		input := &s3.ListObjectsV2Input{Bucket: &b.opts.Bucket, Prefix: aws.String(b.path(prefix))}
		last := ""
		for {
			page, err := b.listPage(ctx, input)
			if err != nil {
				yield(object.Info{}, b.wrap(List, prefix, err))
				return
			}
			for _, o := range page.Contents {
				key, err := b.listed(aws.ToString(o.Key), last)
				if err != nil {
					yield(object.Info{}, b.wrap(List, prefix, err))
					return
				}
				last = aws.ToString(o.Key)
				if object.CheckKey(key) == nil && !yield(object.Info{Key: key, Size: aws.ToInt64(o.Size)}, nil) {
					return
				}
			}
			if !aws.ToBool(page.IsTruncated) {
				return
			}
			if input.ContinuationToken = page.NextContinuationToken; aws.ToString(page.NextContinuationToken) == "" {
				yield(object.Info{}, b.wrap(List, prefix, errors.New("the endpoint breaks the list off without a token to go on")))
				return
			}
		}
	}
}

func (b *Bucket) listPage(ctx context.Context, input *s3.ListObjectsV2Input) (page *s3.ListObjectsV2Output, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = b.attempts(ctx, List, 0, func(ctx context.Context) error {
		page, err = b.api.ListObjectsV2(ctx, input)
		return err
	})
	return page, err
}

// listed returns the key of a listed path. Paths come in order.
func (b *Bucket) listed(path, last string) (string, error) {
	if path <= last {
		return "", fmt.Errorf("the endpoint lists %q after %q, which is not in order", path, last)
	}
	if b.opts.Prefix == "" {
		return path, nil
	}
	key, ok := strings.CutPrefix(path, b.opts.Prefix+"/")
	if !ok {
		return "", fmt.Errorf("the endpoint lists %q, which was not asked for", path)
	}
	return key, nil
}

// Delete implements [object.Bucket].
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := object.CheckKey(key); err != nil {
		return err
	}
	err := b.attempts(ctx, Delete, 0, func(ctx context.Context) error {
		_, err := b.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.opts.Bucket, Key: aws.String(b.path(key))})
		return err
	})
	if err = b.wrap(Delete, key, err); errors.Is(err, object.ErrNotFound) {
		return nil
	}
	return err
}
