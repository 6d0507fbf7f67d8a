package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/trellisdb/trellis/store/object"
)

// errDamaged says that bytes came in that are not those that were put.
var errDamaged = errors.New("damaged on the way")

// errAbandoned says that an upload could not be thrown away.
var errAbandoned = errors.New("are still there, let the endpoint expire them")

// wrap gives an error its object and, where something can be done, says what.
func (b *Bucket) wrap(kind Kind, key string, err error) error {
	if err == nil {
		return nil
	}
	err = object.NotEnd(err)
	if sentinel := b.sentinel(kind, err); sentinel != nil {
		return fmt.Errorf("object %s: %w", key, sentinel)
	}
	if advice := b.advice(kind, key, err); advice != "" {
		return &told{fmt.Sprintf("object %s: %s: %s (%s)", key, kind, advice, short(err)), err}
	}
	return &told{fmt.Sprintf("object %s: %s: %s", key, kind, short(err)), err}
}

// told is an error of the SDK in a few words.
type told struct {
	text string
	err  error
}

// Error returns the words.
func (t *told) Error() string { return t.text }

// Unwrap returns all that the SDK said.
func (t *told) Unwrap() error { return t.err }

// short is an error without the requests, numbers and hosts that the SDK names around it.
func short(err error) string {
	text := ""
	if e, ok := errors.AsType[*exhausted](err); ok {
		text = fmt.Sprintf("given up after %d attempts: ", e.attempts)
	}
	api, isAPI := errors.AsType[smithy.APIError](err)
	request, isRequest := errors.AsType[*url.Error](err)
	switch {
	case errors.Is(err, errDamaged), errors.Is(err, errAbandoned), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err.Error()
	case errors.Is(err, errLate):
		return text + errLate.Error()
	case isAPI && (api.ErrorMessage() == "" || api.ErrorMessage() == api.ErrorCode()):
		return text + api.ErrorCode()
	case isAPI:
		return text + api.ErrorCode() + ": " + api.ErrorMessage()
	case isRequest:
		return text + request.Err.Error()
	}
	return err.Error()
}

// sentinel returns the error of package object that an error of the endpoint is.
func (b *Bucket) sentinel(kind Kind, err error) error {
	code := errorCode(err)
	switch {
	case errors.Is(err, object.ErrExists), errors.Is(err, object.ErrNotFound):
		return err
	case statusCode(err) != http.StatusNotFound, kind == List:
		return nil
	case code == "NoSuchKey", code == "NotFound": // HEAD has no body to tell more
		return object.ErrNotFound
	default:
		return nil
	}
}

// permissions are what each kind of request needs.
var permissions = [kinds]string{
	Put: "s3:PutObject", Create: "s3:PutObject", Part: "s3:PutObject", Complete: "s3:PutObject", Abort: "s3:AbortMultipartUpload",
	Get: "s3:GetObject", Head: "s3:GetObject", List: "s3:ListBucket", Delete: "s3:DeleteObject",
}

// advice says what to do about an error, or "".
func (b *Bucket) advice(kind Kind, key string, err error) string {
	status := statusCode(err)
	switch code := errorCode(err); {
	case code == "NoSuchBucket":
		return fmt.Sprintf("there is no bucket %s at %s: create it, or correct its name or the endpoint", b.opts.Bucket, b.endpoint())
	case code == "InvalidAccessKeyId", code == "XAdminUserNotFound": // the latter is versitygw's
		return "the endpoint does not know the access key: correct it (AWS_ACCESS_KEY_ID)"
	case code == "SignatureDoesNotMatch":
		return "the endpoint refuses the signature: correct the secret key (AWS_SECRET_ACCESS_KEY)"
	case code == "ExpiredToken", code == "TokenRefreshRequired":
		return "the session token has expired: take a new one"
	case code == "RequestTimeTooSkewed":
		return "the clocks of this machine and of the endpoint differ by more than it takes: set them" + serverTime(err)
	case code == "PermanentRedirect", code == "AuthorizationHeaderMalformed", code == "IllegalLocationConstraintException", status == http.StatusMovedPermanently:
		return fmt.Sprintf("the region %q is not the bucket's%s: correct it (region=)", b.region(), headerOf(err, "X-Amz-Bucket-Region", ", which is "))
	case status == http.StatusForbidden:
		return b.forbidden(kind, key)
	case status == http.StatusPreconditionFailed && kind == Get:
		return "it has been replaced since it was opened"
	case status == http.StatusNotImplemented && b.opts.Conditional == ConditionalRequired && (kind == Put || kind == Complete):
		return "the endpoint does not offer conditional puts, which conditional=required asks for"
	case status == http.StatusBadRequest && strings.HasPrefix(b.endpoint(), "http://") && code == "":
		return fmt.Sprintf("%s does not take this for S3: if it speaks TLS, write https:// for http://; else correct the endpoint", b.endpoint())
	case status == 0:
		return b.unreachable(err)
	default:
		return ""
	}
}

func (b *Bucket) forbidden(kind Kind, key string) string {
	resource := b.opts.Bucket + "/" + b.path("*")
	if kind == List {
		resource = b.opts.Bucket
	}
	text := fmt.Sprintf("access denied: allow %s on %s", permissions[kind], resource)
	if kind == Head || kind == Get {
		text += fmt.Sprintf(", and s3:ListBucket on %s, without which an object that is missing looks forbidden", b.opts.Bucket)
	}
	return text
}

// unreachable says what to do where there was no answer.
func (b *Bucket) unreachable(err error) string {
	switch {
	case isUntrusted(err):
		return fmt.Sprintf("the certificate of %s is signed by nobody who is trusted here: name its authority (ca-file=, AWS_CA_BUNDLE)", b.endpoint())
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nobody listens at %s: correct the endpoint, or start it", b.endpoint())
	case isUnknownHost(err):
		return fmt.Sprintf("the host of %s has no address: correct the endpoint, or set path-style=true", b.endpoint())
	case strings.Contains(err.Error(), "gave HTTP response to HTTPS client"):
		return fmt.Sprintf("there is no TLS at %s: write http:// for https://, or correct the port", b.endpoint())
	case errors.Is(err, errLate):
		return fmt.Sprintf("nothing answers at %s: correct the endpoint, or see to the network between", b.endpoint())
	case strings.Contains(err.Error(), "get credentials"), strings.Contains(err.Error(), "failed to refresh cached credentials"):
		return "there are no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile"
	default:
		return ""
	}
}

// staysUnreachable reports whether a request that was not sent will not be sent the
// next time either.
func staysUnreachable(err error) bool {
	return isUntrusted(err) || strings.Contains(err.Error(), "gave HTTP response to HTTPS client")
}

func isUntrusted(err error) bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	return unknown || name || invalid || verification
}

func isUnknownHost(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

func isNetwork(err error) bool {
	_, ok := errors.AsType[net.Error](err)
	return ok || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// headerOf returns a header of the answer after some words, or "".
func headerOf(err error, name, words string) string {
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || answer.Response == nil || answer.Response.Header.Get(name) == "" {
		return ""
	}
	return words + answer.Response.Header.Get(name)
}

func serverTime(err error) string { return headerOf(err, "Date", "; there it is ") }

func (b *Bucket) endpoint() string {
	if endpoint := b.api.Options().BaseEndpoint; endpoint != nil {
		return *endpoint
	}
	return "AWS"
}

func (b *Bucket) region() string { return b.api.Options().Region }
