package s3_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trellisdb/trellis/store/object/objecttest"
	"github.com/trellisdb/trellis/store/object/s3"
	"github.com/trellisdb/trellis/store/object/s3/s3test"
)

func TestCheckSaysWhatTheEndpointOffers(t *testing.T) {
	server := s3test.Start(t)
	b := s3test.Open(t, server.Bucket(t, "good"))
	offer, err := b.Check(context.Background())
	if err != nil || offer != (s3.Offer{Conditional: true, Checksums: true, Metadata: true}) {
		t.Errorf("%s; %v", offer, err)
	}
	if n := b.Stats().Total(); n != 9 {
		t.Errorf("%d requests, want 9", n)
	}
	objecttest.Put(t, b, "k", nil)
	if n := b.Stats().Total(); n != 9+2 {
		t.Errorf("the first put asks again: %d requests", n)
	}
	for info, err := range b.List(context.Background(), "") {
		if err != nil || info.Key != "k" {
			t.Errorf("left over: %+v, %v", info, err)
		}
	}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	server := s3test.Start(t)
	good := server.Bucket(t, "good")
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*s3.Options)
		says   string
	}{
		{"a bucket that is not there", func(o *s3.Options) { o.Bucket = "bad" }, "there is no bucket bad at http://127.0.0.1"},
		{"an unknown access key", func(o *s3.Options) { o.Keys.Access = "bad" }, "does not know the access key"},
		{"a wrong secret key", func(o *s3.Options) { o.Keys.Secret = "bad" }, "correct the secret key"},
		{"another region", func(o *s3.Options) { o.Region = "bad-1" }, `the region "bad-1" is not the bucket's`},
		{"no server", func(o *s3.Options) { o.Endpoint = "http://" + nobody.Addr().String() }, "nobody listens at"},
		{"no host of that name", func(o *s3.Options) { o.Endpoint = "http://bad.invalid" }, "path-style=true"},
		{"no keys", func(o *s3.Options) { o.Keys = s3.Keys{} }, "there are no keys"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
			t.Setenv("AWS_CONFIG_FILE", "none")
			opts := good
			opts.Retry.Attempts = 2
			c.change(&opts)
			_, err := s3test.Open(t, opts).Check(context.Background())
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error does not say %q: %v", c.says, err)
			}
		})
	}
}

func TestCheckRefusesWhatIsRequiredAndNotOffered(t *testing.T) {
	for _, c := range []struct {
		header string
		change func(*s3.Options)
		says   string
	}{
		{"If-None-Match", func(o *s3.Options) { o.Conditional = s3.ConditionalRequired }, "set conditional=off"},
		{"X-Amz-Sdk-Checksum-Algorithm", func(o *s3.Options) { o.Checksums = s3.ChecksumsRequired }, "set checksums=auto"},
	} {
		b, proxy := spoilt(t, c.change)
		proxy.Fail(func(r *http.Request) s3test.Fault {
			if r.Header.Get(c.header) != "" {
				return s3test.Fault{Status: 501, Code: "NotImplemented"}
			}
			return s3test.Fault{}
		})
		if _, err := b.Check(context.Background()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("the error does not say %q: %v", c.says, err)
		}
	}
}

func TestCheckDeletesItsProbeWhateverHappens(t *testing.T) {
	b, proxy := spoilt(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	proxy.Fail(func(r *http.Request) s3test.Fault {
		if r.Method == http.MethodGet {
			cancel()
		}
		return s3test.Fault{}
	})
	if _, err := b.Check(ctx); err == nil {
		t.Error("a check that was cancelled has succeeded")
	}
	for info, err := range b.List(context.Background(), "") {
		t.Errorf("left over: %+v, %v", info, err)
	}
}

func TestALateReadIsKnownByTheLatestReads(t *testing.T) {
	clock := time.Unix(0, 0)
	b, proxy := spoilt(t, func(o *s3.Options) {
		o.Hedge, o.Retry.AttemptTimeout = 0, time.Hour
		o.Now = func() time.Time { clock = clock.Add(time.Millisecond); return clock }
	})
	objecttest.Put(t, b, "k", noise(1000))
	o, err := b.Open(context.Background(), "k")
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := o.ReadAt(make([]byte, 10), 0); err != nil {
			t.Fatal(err)
		}
	}
	before := b.Stats()
	proxy.FailFirst(1, request("GET", ""), s3test.Fault{Hang: true})
	if _, err := o.ReadAt(make([]byte, 10), 0); err != nil {
		t.Fatal(err)
	}
	if s := b.Stats().Sub(before); s.Hedges < 1 || s.Won < 1 {
		t.Errorf("%+v, want a hedge", s)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}
