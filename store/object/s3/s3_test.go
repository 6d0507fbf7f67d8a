package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"go.uber.org/goleak"

	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
	"github.com/trellisdb/trellis/store/object/s3"
	"github.com/trellisdb/trellis/store/object/s3/s3test"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The settings under which the suite runs, beside the usual ones.
var variants = []struct {
	name   string
	change func(*s3.Options)
}{
	{"as it is", func(*s3.Options) {}},
	{"below a prefix, with checksums of the SDK", func(o *s3.Options) {
		o.Prefix, o.Checksums = "a/b", s3.ChecksumsRequired
	}},
	{"with hedges at every chance", func(o *s3.Options) { o.Hedge = 1 }},
}

func TestABucketAtAServerIsABucket(t *testing.T) {
	server := s3test.Start(t)
	n := 0
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			objecttest.Run(t, func(t *testing.T) object.Bucket {
				n++
				opts := server.Bucket(t, fmt.Sprintf("suite-%d", n))
				v.change(&opts)
				return s3test.Open(t, opts)
			})
		})
	}
}

func TestABucketOverTLSIsABucket(t *testing.T) {
	server := s3test.StartTLS(t)
	n := 0
	objecttest.Run(t, func(t *testing.T) object.Bucket {
		n++
		return s3test.Open(t, server.Bucket(t, fmt.Sprintf("suite-%d", n)))
	})
}

func TestTheAuthorityOfAServerIsNamed(t *testing.T) {
	server := s3test.StartTLS(t)
	opts := server.Bucket(t, "secure")
	opts.CAFile = ""
	_, err := s3test.Open(t, opts).Check(context.Background())
	if err == nil || !strings.Contains(err.Error(), "ca-file=") {
		t.Errorf("without an authority: %v", err)
	}
	opts.CAFile = filepath.Join(t.TempDir(), "missing.pem")
	if _, err := s3.New(context.Background(), opts); err == nil || !strings.Contains(err.Error(), "ca-file") {
		t.Errorf("with a file that is not there: %v", err)
	}
	opts.CAFile = ""
	t.Setenv("AWS_CA_BUNDLE", server.CAFile)
	if _, err := s3test.Open(t, opts).Check(context.Background()); err != nil {
		t.Errorf("with AWS_CA_BUNDLE: %v", err)
	}
}

func TestKeysAndRegionComeFromTheEnvironment(t *testing.T) {
	server := s3test.Start(t)
	opts := server.Bucket(t, "env")
	opts.Keys, opts.Region, opts.Endpoint = s3.Keys{}, "", ""
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.SecretKey)
	t.Setenv("AWS_REGION", s3test.Region)
	t.Setenv("AWS_ENDPOINT_URL", server.Endpoint)
	if _, err := s3test.Open(t, opts).Check(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestAListHasMoreThanOnePage(t *testing.T) {
	const objects = 2345
	server := s3test.Start(t)
	opts := server.Bucket(t, "many")
	opts.Prefix = "deep"
	dir := filepath.Join(server.Root, "many", "deep", "x")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	want := make([]string, objects)
	for i := range want {
		name := fmt.Sprintf("%04d", i)
		want[i] = "x/" + name
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// What is not ours is passed over.
	for _, name := range []string{"a b", "é", ".hidden"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := s3test.Open(t, opts)
	var got []string
	for info, err := range b.List(context.Background(), "x/") {
		if err != nil {
			t.Fatal(err)
		}
		if info.Size != 4 {
			t.Errorf("%s has %d bytes", info.Key, info.Size)
		}
		got = append(got, info.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d objects are listed, want %d", len(got), objects)
	}
	if n := b.Stats().Requests[s3.List]; n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := 0
	var last error
	for _, err := range b.List(ctx, "x/") {
		if last = err; err == nil {
			n++
		}
		cancel()
	}
	// One on the first page, .hidden, is passed over.
	if n != 999 || !errors.Is(last, context.Canceled) {
		t.Errorf("a list that was cancelled on its first page yields %d objects and %v", n, last)
	}
}

func TestAnUploadThatFailsLeavesNoParts(t *testing.T) {
	server := s3test.Start(t)
	proxy := s3test.NewProxy(t, server)
	opts := server.Bucket(t, "parts")
	opts.Endpoint, opts.Conditional, opts.Retry.Attempts = proxy.Endpoint, s3.ConditionalRequired, 1
	b := s3test.Open(t, opts)
	forbidden := s3test.Fault{Status: 403, Code: "AccessDenied"}
	for _, c := range []struct {
		name  string
		pick  func(*http.Request) bool
		write func(cancel func()) error
	}{
		{"a part", request("PUT", "partNumber=2"), func(func()) error { return nil }},
		{"the completion", request("POST", "uploadId"), func(func()) error { return nil }},
		{"the writer", func(*http.Request) bool { return false }, func(func()) error { return errors.New("broken") }},
		{"the context", func(*http.Request) bool { return false }, func(cancel func()) error { cancel(); return nil }},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		before := b.Stats()
		proxy.FailFirst(1, c.pick, forbidden)
		_, err := b.Put(ctx, "k", object.IfAbsent, func(w io.Writer) error {
			if _, err := w.Write(noise(large)); err != nil {
				return err
			}
			return c.write(cancel)
		})
		cancel()
		if err == nil {
			t.Errorf("%s failed, and the put did not", c.name)
		}
		if n := b.Stats().Sub(before).Requests[s3.Abort]; n != 1 {
			t.Errorf("%s: %d uploads were aborted", c.name, n)
		}
	}
	if left := uploads(t, server, "parts"); left != 0 {
		t.Errorf("%d uploads are left", left)
	}
	proxy.FailFirst(2, func(r *http.Request) bool {
		return request("PUT", "partNumber=2")(r) || request("DELETE", "uploadId")(r)
	}, forbidden)
	_, err := b.Put(context.Background(), "k", object.IfAbsent, objecttest.Bytes(noise(large)))
	if err == nil || !strings.Contains(err.Error(), "s3:PutObject") || !strings.Contains(err.Error(), "let the endpoint expire them") {
		t.Errorf("an upload that cannot be aborted: %v", err)
	}
	if left := uploads(t, server, "parts"); left != 1 {
		t.Errorf("%d uploads are left, the one that could not be aborted", left)
	}
}

// uploads returns how many uploads a server holds parts of.
func uploads(t *testing.T, server *s3test.Server, bucket string) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	api := awss3.New(awss3.Options{
		BaseEndpoint: &server.Endpoint, Region: s3test.Region, UsePathStyle: true, HTTPClient: client,
		Credentials: credentials.NewStaticCredentialsProvider(s3test.AccessKey, s3test.SecretKey, ""),
	})
	out, err := api.ListMultipartUploads(context.Background(), &awss3.ListMultipartUploadsInput{Bucket: aws.String(bucket)})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Uploads)
}

func TestWithoutConditionalPutsTheKeyIsLookedAtFirst(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault s3test.Fault // of a put with a condition
	}{
		{"an endpoint that refuses the condition", s3test.Fault{Status: 501, Code: "NotImplemented"}},
		{"an endpoint that does not know it", s3test.Fault{Status: 400, Code: "InvalidArgument"}},
		{"an endpoint that ignores it", s3test.Fault{Status: 200}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, proxy := spoilt(t, func(o *s3.Options) { o.Conditional = s3.ConditionalAuto })
			proxy.Fail(func(r *http.Request) s3test.Fault {
				if r.Header.Get("If-None-Match") != "" {
					return c.fault
				}
				return s3test.Fault{}
			})
			for _, size := range []int{10, large} {
				key := fmt.Sprintf("k%d", size)
				before := b.Stats()
				objecttest.Put(t, b, key, noise(size))
				if got := objecttest.Read(t, b, key); !bytes.Equal(got, noise(size)) {
					t.Errorf("%d bytes were put, others read", size)
				}
				if n := b.Stats().Sub(before).Requests[s3.Head]; n != 3 {
					t.Errorf("%d looks at the object: want one before the put, one after it, one to open it", n)
				}
				if _, err := b.Put(context.Background(), key, object.IfAbsent, objecttest.Bytes(nil)); !errors.Is(err, object.ErrExists) {
					t.Errorf("a second put: %v, want ErrExists", err)
				}
			}
			offer, err := b.Check(context.Background())
			if err != nil || offer.Conditional || !offer.Checksums || !offer.Metadata {
				t.Errorf("%s; %v", offer, err)
			}
			// One probe of two puts told it, and the one of Check.
			if n := b.Stats().Requests[s3.Put]; n != 2+1+3 {
				t.Errorf("%d puts", n)
			}
		})
	}
}

func TestConditionsAreAskedForOnce(t *testing.T) {
	b, _ := spoilt(t, func(o *s3.Options) { o.Conditional = s3.ConditionalAuto })
	for i := range 3 {
		objecttest.Put(t, b, fmt.Sprintf("k%d", i), nil)
	}
	if n := b.Stats().Requests[s3.Put]; n != 2+3 {
		t.Errorf("%d puts, want three and two of a probe", n)
	}
	for info, err := range b.List(context.Background(), "probe/") {
		t.Errorf("left over: %+v, %v", info, err)
	}
}

func TestTheMemoryOfAnUploadDoesNotGrowWithIt(t *testing.T) {
	const size, chunk, slack = 64 << 20, 1 << 20, 8 << 20
	server := s3test.Start(t)
	opts := server.Bucket(t, "memory")
	opts.Concurrency = 2
	b := s3test.Open(t, opts)
	live := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, most := live(), int64(0)
	data := noise(chunk)
	_, err := b.Put(context.Background(), "k", object.IfAbsent, func(w io.Writer) error {
		for i := range size / chunk {
			if _, err := w.Write(data); err != nil {
				return err
			}
			if i%8 == 7 {
				most = max(most, live())
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if limit := opts.PartSize*int64(opts.Concurrency+2) + slack; most-before > limit {
		t.Errorf("an upload of %d bytes takes %d bytes of memory, more than %d", size, most-before, limit)
	}
	t.Logf("an upload of %d MiB takes %d MiB of memory", size>>20, (most-before)>>20)
}
