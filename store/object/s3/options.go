package s3

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/trellisdb/trellis/store/object"
)

// Conditional says whether a put that must not replace an object leaves that to the
// endpoint, with the header If-None-Match.
type Conditional string

// The ways of a put with [object.IfAbsent].
const (
	// ConditionalAuto asks the endpoint once, with a probe object, since there are
	// stores that refuse the header and stores that ignore it. Where it is not offered,
	// puts are as with ConditionalOff.
	ConditionalAuto Conditional = "auto"
	// ConditionalRequired sends the header and fails where it is refused.
	ConditionalRequired Conditional = "required"
	// ConditionalOff looks for the key, puts, and looks again whose object is there.
	// Two who race for a key may both be told that they have won: O2 does not hold, and
	// there must be one writer.
	ConditionalOff Conditional = "off"
)

// Checksums says when the SDK adds checksums of its own to requests, which several
// stores do not understand. The CRC32C of Trellis is always kept as metadata.
type Checksums string

// When the SDK adds checksums.
const (
	ChecksumsAuto     Checksums = "auto"     // where an operation requires them
	ChecksumsRequired Checksums = "required" // CRC32C in every put and every part, compared by the endpoint
)

// Options say which bucket a [Bucket] is and how it is spoken to. The zero value of a
// field is its default. Those that [Options.Set] knows can be set by their names.
type Options struct {
	Bucket   string // name of the S3 bucket; no default
	Prefix   string // keys are below it; "" is the whole bucket
	Endpoint string // URL of the server; "" is AWS, or what the environment names
	Region   string // "" is the environment's, or else us-east-1
	// PathStyle puts the bucket's name into the path and not into the host's name, as
	// most servers but AWS want it.
	PathStyle bool
	CAFile    string // authorities to trust, PEM; "" is AWS_CA_BUNDLE's, or else the machine's
	Profile   string // of the SDK's configuration files
	Keys      Keys   // the zero value leaves it to the SDK's chain

	Conditional Conditional // auto
	Checksums   Checksums   // auto

	PartSize    int64 // bytes of a part of an upload, 8 MiB; at least 5 MiB
	Concurrency int   // parts of one upload that are sent at once, 4

	Retry Retry
	// Hedge is how long the answer to a read may take before a second request is sent;
	// 0 is the 95th percentile of the latest reads, which needs Now; below 0 is never.
	Hedge time.Duration

	// Now is the clock that measures reads, for Hedge alone.
	Now func() time.Time
	// Random is where nonces and the jitter of pauses come from; nil is crypto/rand.
	Random io.Reader
}

// Keys are a fixed credential.
type Keys struct {
	Access, Secret, Session string
}

// Retry says how often and how long a request is tried.
type Retry struct {
	Attempts int // 6
	// AttemptTimeout is the deadline of one attempt, 15 s. Every 2 MiB that it
	// carries add a second.
	AttemptTimeout time.Duration
	// Timeout is the deadline of all attempts of a request, 2 min, with the same
	// addition.
	Timeout time.Duration
	// Pause is the longest pause after the first attempt, 100 ms. It doubles with each
	// further one, up to 5 s; the pause taken is a random part of it.
	Pause time.Duration
}

// The least and the usual values.
const (
	minPartSize        = 5 << 20 // S3 refuses smaller ones
	defaultPartSize    = 8 << 20
	defaultConcurrency = 4
	defaultRegion      = "us-east-1"
	maxPause           = 5 * time.Second
)

var defaultRetry = Retry{Attempts: 6, AttemptTimeout: 15 * time.Second, Timeout: 2 * time.Minute, Pause: 100 * time.Millisecond}

// settings are the fields that can be set by name: in the query of a URL, and as flags,
// environment variables or entries of a file.
var settings = map[string]func(*Options, string) error{
	"endpoint":        func(o *Options, v string) error { return setURL(&o.Endpoint, v) },
	"region":          func(o *Options, v string) error { return setText(&o.Region, v) },
	"path-style":      func(o *Options, v string) (err error) { o.PathStyle, err = strconv.ParseBool(v); return err },
	"ca-file":         func(o *Options, v string) error { return setText(&o.CAFile, v) },
	"profile":         func(o *Options, v string) error { return setText(&o.Profile, v) },
	"access-key":      func(o *Options, v string) error { return setText(&o.Keys.Access, v) },
	"secret-key":      func(o *Options, v string) error { return setText(&o.Keys.Secret, v) },
	"session-token":   func(o *Options, v string) error { return setText(&o.Keys.Session, v) },
	"conditional":     func(o *Options, v string) error { o.Conditional = Conditional(v); return o.checkChoices() },
	"checksums":       func(o *Options, v string) error { o.Checksums = Checksums(v); return o.checkChoices() },
	"part-size":       func(o *Options, v string) error { return setBytes(&o.PartSize, v) },
	"concurrency":     func(o *Options, v string) (err error) { o.Concurrency, err = strconv.Atoi(v); return err },
	"attempts":        func(o *Options, v string) (err error) { o.Retry.Attempts, err = strconv.Atoi(v); return err },
	"attempt-timeout": func(o *Options, v string) error { return setDuration(&o.Retry.AttemptTimeout, v) },
	"timeout":         func(o *Options, v string) error { return setDuration(&o.Retry.Timeout, v) },
	"pause":           func(o *Options, v string) error { return setDuration(&o.Retry.Pause, v) },
	"hedge":           setHedge,
}

// secrets are settings that must not stand in a URL.
var secrets = []string{"access-key", "secret-key", "session-token"}

// Settings returns the names that [Options.Set] knows, sorted.
func Settings() []string {
	names := make([]string, 0, len(settings))
	for name := range settings {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Set sets a field by its name in a URL, as text. Durations are Go's ("500ms"), sizes
// may have a unit ("16MiB"), hedge is auto, off or a duration.
func (o *Options) Set(name, value string) error {
	set, ok := settings[name]
	if !ok {
		return fmt.Errorf("s3: there is no setting %q: use one of %s", name, strings.Join(Settings(), ", "))
	}
	if err := set(o, value); err != nil {
		return fmt.Errorf("s3: setting %s=%s: %w", name, redact(name, value), err)
	}
	return nil
}

// redact returns a value as it may be shown.
func redact(name, value string) string {
	if slices.Contains(secrets, name) {
		return "..."
	}
	return value
}

func setText(field *string, value string) error {
	*field = value
	return nil
}

func setURL(field *string, value string) error {
	u, err := url.Parse(value)
	if err != nil {
		return err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("must be a URL such as https://s3.example.org:9000")
	}
	*field = value
	return nil
}

func setBytes(field *int64, value string) error {
	n, err := humanize.ParseBytes(value)
	if err != nil || n > 1<<40 {
		return errors.New("must be a size such as 16MiB")
	}
	*field = int64(n)
	return nil
}

func setDuration(field *time.Duration, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return errors.New("must be a duration such as 500ms or 10s")
	}
	*field = d
	return nil
}

func setHedge(o *Options, value string) error {
	switch value {
	case "auto":
		o.Hedge = 0
	case "off":
		o.Hedge = -1
	default:
		return setDuration(&o.Hedge, value)
	}
	return nil
}

// ParseURL returns the options that a URL stands for:
//
//	s3://bucket/prefix?endpoint=https://s3.example.org&region=eu-1&path-style=true&checksums=auto
//
// Its query has the settings of [Options.Set], but for keys: those belong into the
// environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or a profile, since a URL is
// seen in lists of processes and in logs.
func ParseURL(text string) (Options, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Options{}, fmt.Errorf("s3: %w", err)
	}
	if u.Scheme != "s3" || u.Host == "" {
		return Options{}, fmt.Errorf("s3: URL %q must be like s3://bucket/prefix", u.Redacted())
	}
	if u.User != nil || u.Fragment != "" || u.Port() != "" {
		return Options{}, fmt.Errorf("s3: URL %q may have a bucket, a prefix and settings after ? only: name a server with endpoint=, keys in the environment", u.Redacted())
	}
	o := Options{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Options{}, fmt.Errorf("s3: URL of bucket %s: %w", u.Host, err)
	}
	for name, values := range query {
		if slices.Contains(secrets, name) {
			return Options{}, fmt.Errorf("s3: a URL must not have a %s: put it into the environment, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or into a profile", name)
		}
		if len(values) != 1 {
			return Options{}, fmt.Errorf("s3: URL of bucket %s: %s is given %d times", u.Host, name, len(values))
		}
		if err := o.Set(name, values[0]); err != nil {
			return Options{}, err
		}
	}
	return o, o.check()
}

// checkChoices reports whether the fields that are one of a few words are.
func (o *Options) checkChoices() error {
	if !slices.Contains([]Conditional{"", ConditionalAuto, ConditionalRequired, ConditionalOff}, o.Conditional) {
		return fmt.Errorf("conditional is %q: must be auto, required or off", o.Conditional)
	}
	if !slices.Contains([]Checksums{"", ChecksumsAuto, ChecksumsRequired}, o.Checksums) {
		return fmt.Errorf("checksums is %q: must be auto or required", o.Checksums)
	}
	return nil
}

// check reports whether the options make a bucket.
func (o *Options) check() error {
	if o.Bucket == "" {
		return errors.New("s3: the name of the bucket is missing")
	}
	if o.Prefix != "" {
		if err := object.CheckKey(o.Prefix); err != nil {
			return fmt.Errorf("s3: prefix: %w", err)
		}
	}
	if err := o.checkChoices(); err != nil {
		return fmt.Errorf("s3: %w", err)
	}
	if o.PartSize != 0 && o.PartSize < minPartSize {
		return fmt.Errorf("s3: part-size is %s: must be at least %s", humanize.IBytes(uint64(max(o.PartSize, 0))), humanize.IBytes(minPartSize))
	}
	if o.Concurrency < 0 || o.Retry.Attempts < 0 || o.Retry.AttemptTimeout < 0 || o.Retry.Timeout < 0 || o.Retry.Pause < 0 {
		return errors.New("s3: concurrency, attempts, timeouts and pause must not be negative")
	}
	if (o.Keys.Access == "") != (o.Keys.Secret == "") {
		return errors.New("s3: an access key and a secret key go together: give both or none")
	}
	return nil
}

// withDefaults returns the options with their defaults filled in, but for those that
// the SDK finds.
func (o Options) withDefaults() Options {
	o.Conditional = cmp.Or(o.Conditional, ConditionalAuto)
	o.Checksums = cmp.Or(o.Checksums, ChecksumsAuto)
	o.PartSize = cmp.Or(o.PartSize, defaultPartSize)
	o.Concurrency = cmp.Or(o.Concurrency, defaultConcurrency)
	o.Retry.Attempts = cmp.Or(o.Retry.Attempts, defaultRetry.Attempts)
	o.Retry.AttemptTimeout = cmp.Or(o.Retry.AttemptTimeout, defaultRetry.AttemptTimeout)
	o.Retry.Timeout = cmp.Or(o.Retry.Timeout, defaultRetry.Timeout)
	o.Retry.Pause = cmp.Or(o.Retry.Pause, defaultRetry.Pause)
	return o
}
