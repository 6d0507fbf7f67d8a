package s3

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// leastRate is how many bytes a second an endpoint moves at least; fewer are late.
const leastRate = 2 << 20

// attempts tries a request until it succeeds, fails in a way that stays, or has had
// its attempts or its time (Q1). bytes is how much it carries.
func (b *Bucket) attempts(ctx context.Context, kind Kind, bytes int64, try func(context.Context) error) error {
	extra := time.Duration(bytes) * time.Second / leastRate
	ctx, cancel := context.WithTimeoutCause(ctx, b.opts.Retry.Timeout+extra, errLate)
	defer cancel()
	for n := 1; ; n++ {
		b.counters.requests[kind].Add(1)
		err := b.attempt(ctx, b.opts.Retry.AttemptTimeout+extra, try)
		if err == nil {
			return nil
		}
		if !mayPass(err) {
			return err
		}
		if n >= b.opts.Retry.Attempts || ctx.Err() != nil {
			b.counters.failures.Add(1)
			return &exhausted{n, err}
		}
		if waitErr := b.pause(ctx, n); waitErr != nil {
			b.counters.failures.Add(1)
			return &exhausted{n, errors.Join(waitErr, err)}
		}
		b.counters.retries.Add(1)
	}
}

// exhausted is the last error of a request that has had its attempts or its time.
type exhausted struct {
	attempts int
	err      error
}

// Error says so.
func (e *exhausted) Error() string {
	return fmt.Sprintf("given up after %d attempts: %v", e.attempts, e.err)
}

// Unwrap returns the last error.
func (e *exhausted) Unwrap() error { return e.err }

// errLate is the cause of an attempt that took too long. It is no context's error, so
// that it can be told from a caller's that is in a hurry.
var errLate = errors.New("the endpoint did not answer in time")

func (b *Bucket) attempt(ctx context.Context, timeout time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errLate)
	defer cancel()
	err := try(ctx)
	if err == nil || ctx.Err() == nil {
		return err
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errLate):
		return fmt.Errorf("%w: %s", errLate, err.Error())
	case !errors.Is(err, cause):
		return errors.Join(cause, err)
	default:
		return err
	}
}

// pause waits after attempt n, until ctx is done at most.
func (b *Bucket) pause(ctx context.Context, n int) error {
	longest := min(b.opts.Retry.Pause<<min(n-1, 16), maxPause)
	var seed [8]byte
	if _, err := io.ReadFull(b.random, seed[:]); err != nil {
		return err
	}
	timer := time.NewTimer(time.Duration(binary.LittleEndian.Uint64(seed[:]) % uint64(longest+1)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// standard knows the errors that the SDK would retry.
var standard = retry.NewStandard()

// passing are codes of errors that pass and that the SDK does not know.
var passing = map[string]bool{
	"InternalError":              true,
	"OperationAborted":           true,
	"ConditionalRequestConflict": true, // a deletion is under way
	"RequestTimeTooSkewed":       true, // the SDK has learned the endpoint's time from the answer
	"XAmzContentSHA256Mismatch":  true, // bytes were damaged on the way
	"BadDigest":                  true,
	"IncompleteBody":             true,
	"TooManyRequests":            true,
}

// mayPass reports whether it makes sense to try again after an error.
func mayPass(err error) bool {
	if errors.Is(err, errLate) || errors.Is(err, errDamaged) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if code := statusCode(err); code == http.StatusTooManyRequests || code == http.StatusRequestTimeout {
		return true
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && passing[api.ErrorCode()] {
		return true
	}
	if _, ok := errors.AsType[*smithyhttp.RequestSendError](err); ok {
		return !staysUnreachable(err)
	}
	return standard.IsErrorRetryable(err) || statusCode(err) == 0 && isNetwork(err)
}

// statusCode returns the HTTP status of the answer that an error stands for, or 0.
func statusCode(err error) int {
	if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && answer.Response != nil {
		return answer.HTTPStatusCode()
	}
	return 0
}

// errorCode returns S3's code for an error, or "".
func errorCode(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}
