package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Offer is what an endpoint can do, as [Bucket.Check] has seen.
type Offer struct {
	Conditional bool // puts that do not replace are refused where the key is taken
	Checksums   bool // the SDK's checksums are understood: checksums=required works
	Metadata    bool // an object's metadata comes back: a put knows its own work again
}

// String returns the offer in words, for a log.
func (o Offer) String() string {
	return fmt.Sprintf("conditional puts %s, checksums %s, metadata %s", offers(o.Conditional), offers(o.Checksums), offers(o.Metadata))
}

func offers(yes bool) string {
	if yes {
		return "offered"
	}
	return "not offered"
}

// offered is what is known of an endpoint's conditional puts.
type offered int32

const (
	offeredUnknown offered = iota
	offeredYes
	offeredNo
)

// offeredBy is what is known before the endpoint was asked.
var offeredBy = map[Conditional]offered{ConditionalAuto: offeredUnknown, ConditionalRequired: offeredYes, ConditionalOff: offeredNo}

// probePrefix is where probe objects lie. They are there for the time of a few
// requests.
const probePrefix = "probe/"

// Check puts, reads, lists and deletes a small object, which takes nine requests, and
// returns what the endpoint offers. Its errors say what to correct: the bucket, the
// keys, their permissions, the region, the endpoint, its certificate, the clock. It is
// an error, too, if the options require what is not offered.
func (b *Bucket) Check(ctx context.Context) (offer Offer, err error) {
	key, err := b.probeKey()
	if err != nil {
		return Offer{}, err
	}
	defer func() {
		if dropErr := b.dropProbe(ctx, key); err == nil {
			err = dropErr
		}
	}()
	if err := b.probeObject(ctx, key, &offer); err != nil {
		return Offer{}, err
	}
	if offer.Conditional, err = b.probeConditional(ctx, key); err != nil {
		return Offer{}, b.wrap(Put, key, err)
	}
	if offer.Checksums, err = b.probeChecksums(ctx, key); err != nil {
		return Offer{}, b.wrap(Put, key, err)
	}
	if b.opts.Conditional == ConditionalRequired && !offer.Conditional {
		return Offer{}, fmt.Errorf("bucket %s: %s does not offer conditional puts: set conditional=off, and let one writer write", b, b.endpoint())
	}
	if b.opts.Checksums == ChecksumsRequired && !offer.Checksums {
		return Offer{}, fmt.Errorf("bucket %s: %s does not understand the SDK's checksums: set checksums=auto", b, b.endpoint())
	}
	return offer, nil
}

// Reach makes one request, a list, so that a bucket that cannot be read is found before
// anything else is done. Its errors say what to correct, as those of Check do.
func (b *Bucket) Reach(ctx context.Context) error {
	for _, err := range b.List(ctx, probePrefix) {
		return err
	}
	return nil
}

func (b *Bucket) probeKey() (string, error) {
	nonce, err := b.nonce()
	return probePrefix + nonce, err
}

// dropProbe deletes a probe object, also when ctx is done.
func (b *Bucket) dropProbe(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	return b.Delete(ctx, key)
}

// probeText is the content of probe objects.
var probeText = []byte("Trellis asks what this endpoint offers, and deletes this object.\n")

// probeObject puts an object, reads a range of it and lists it.
func (b *Bucket) probeObject(ctx context.Context, key string, offer *Offer) error {
	if err := b.putProbe(ctx, key, func(in *s3.PutObjectInput) { in.Metadata = map[string]string{metaNonce: key} }); err != nil {
		return b.wrap(Put, key, err)
	}
	head, err := b.head(ctx, key)
	if err != nil {
		return b.wrap(Head, key, err)
	}
	offer.Metadata = head.nonce == key
	o, err := b.Open(ctx, key)
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }() // it was only read
	part := make([]byte, len(probeText)-8)
	if _, err := o.ReadAt(part, 4); err != nil {
		return err
	}
	if !bytes.Equal(part, probeText[4:len(probeText)-4]) {
		return fmt.Errorf("bucket %s: a range of object %s was read back as %q", b, key, part)
	}
	for info, err := range b.List(ctx, key) {
		if err != nil {
			return err
		}
		if info.Key == key && info.Size == int64(len(probeText)) {
			return nil
		}
	}
	return fmt.Errorf("bucket %s: object %s was put and is not listed", b, key)
}

// putProbe puts a probe object.
func (b *Bucket) putProbe(ctx context.Context, key string, change func(*s3.PutObjectInput), optFns ...func(*s3.Options)) error {
	return b.attempts(ctx, Put, 0, func(ctx context.Context) error {
		in := &s3.PutObjectInput{Bucket: &b.opts.Bucket, Key: aws.String(b.path(key)), Body: bytes.NewReader(probeText)}
		change(in)
		b.counters.written.Add(int64(len(probeText)))
		_, err := b.api.PutObject(ctx, in, optFns...)
		return err
	})
}

// conditional reports whether puts that must not replace are left to the endpoint,
// and asks it if that is not known yet.
func (b *Bucket) conditional(ctx context.Context) (bool, error) {
	if known := offered(b.offered.Load()); known != offeredUnknown {
		return known == offeredYes, nil
	}
	select {
	case b.asking <- struct{}{}:
		defer func() { <-b.asking }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if known := offered(b.offered.Load()); known != offeredUnknown {
		return known == offeredYes, nil
	}
	key, err := b.probeKey()
	if err != nil {
		return false, err
	}
	if err := b.putProbe(ctx, key, func(*s3.PutObjectInput) {}); err != nil {
		return false, err
	}
	yes, err := b.probeConditional(ctx, key)
	return yes, errors.Join(err, b.dropProbe(ctx, key))
}

// probeConditional asks for the put of a key that is taken, on condition that it is
// free. Where puts are as the endpoint can do them, its answer is kept.
func (b *Bucket) probeConditional(ctx context.Context, key string) (bool, error) {
	err := b.putProbe(ctx, key, func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") })
	switch {
	case statusCode(err) == http.StatusPreconditionFailed:
		b.offered.CompareAndSwap(int32(offeredUnknown), int32(offeredYes))
		return true, nil
	case err == nil || isRefusal(err): // the header was ignored, or is not known
		b.offered.CompareAndSwap(int32(offeredUnknown), int32(offeredNo))
		return false, nil
	default:
		return false, err
	}
}

// probeChecksums puts an object as the SDK does by its own default.
func (b *Bucket) probeChecksums(ctx context.Context, key string) (bool, error) {
	err := b.putProbe(ctx, key, func(in *s3.PutObjectInput) { in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32c })
	if err == nil {
		var got []byte
		if got, err = b.readProbe(ctx, key); err == nil {
			// A store that takes the checksum for a part of the object keeps both.
			return bytes.Equal(got, probeText), nil
		}
	}
	if isRefusal(err) {
		return false, nil
	}
	return false, err
}

func (b *Bucket) readProbe(ctx context.Context, key string) (data []byte, err error) {
	err = b.attempts(ctx, Get, 0, func(ctx context.Context) error {
		out, err := b.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.opts.Bucket, Key: aws.String(b.path(key))})
		if err != nil {
			return err
		}
		data, err = io.ReadAll(io.LimitReader(out.Body, 1<<10))
		b.counters.read.Add(int64(len(data)))
		return errors.Join(err, out.Body.Close())
	})
	return data, err
}

// isRefusal reports whether an endpoint did not understand a request, which is no
// matter of permissions or of load.
func isRefusal(err error) bool {
	switch statusCode(err) {
	case http.StatusBadRequest, http.StatusNotImplemented, http.StatusMethodNotAllowed, http.StatusLengthRequired:
		return errorCode(err) != "RequestTimeTooSkewed" && errorCode(err) != "AuthorizationHeaderMalformed"
	default:
		return false
	}
}
