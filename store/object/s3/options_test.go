package s3_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/store/object/s3"
)

func TestAURLStandsForOptions(t *testing.T) {
	for _, c := range []struct {
		url  string
		want s3.Options
	}{
		{"s3://plant", s3.Options{Bucket: "plant"}},
		{"s3://plant/", s3.Options{Bucket: "plant"}},
		{"s3://plant/a/b/", s3.Options{Bucket: "plant", Prefix: "a/b"}},
		{
			"s3://plant/a?endpoint=https://s3.example.org:9000&region=eu-1&path-style=true&checksums=required&conditional=off" +
				"&part-size=16MiB&concurrency=8&attempts=3&attempt-timeout=5s&timeout=1m&pause=10ms&hedge=50ms&ca-file=ca.pem&profile=plant",
			s3.Options{
				Bucket: "plant", Prefix: "a", Endpoint: "https://s3.example.org:9000", Region: "eu-1", PathStyle: true,
				CAFile: "ca.pem", Profile: "plant", Conditional: s3.ConditionalOff, Checksums: s3.ChecksumsRequired,
				PartSize: 16 << 20, Concurrency: 8, Hedge: 50 * time.Millisecond,
				Retry: s3.Retry{Attempts: 3, AttemptTimeout: 5 * time.Second, Timeout: time.Minute, Pause: 10 * time.Millisecond},
			},
		},
		{"s3://plant?hedge=off", s3.Options{Bucket: "plant", Hedge: -1}},
		{"s3://plant?hedge=auto&conditional=auto", s3.Options{Bucket: "plant", Conditional: s3.ConditionalAuto}},
	} {
		got, err := s3.ParseURL(c.url)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
		}
		if diff := cmp.Diff(c.want, got, cmp.FilterPath(func(p cmp.Path) bool {
			return p.String() == "Now" || p.String() == "Random"
		}, cmp.Ignore())); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.url, diff)
		}
	}
}

func TestAURLThatIsWrongSaysWhy(t *testing.T) {
	for url, says := range map[string]string{
		"plant":                             "s3://bucket/prefix",
		"https://plant/a":                   "s3://bucket/prefix",
		"s3:///a":                           "s3://bucket/prefix",
		"s3://key:secret@plant":             "keys in the environment",
		"s3://plant:9000":                   "endpoint=",
		"s3://plant/a b":                    "prefix",
		"s3://plant/../b":                   "prefix",
		"s3://plant?colour=red":             "use one of access-key, attempt-timeout",
		"s3://plant?region=a&region=b":      "region is given 2 times",
		"s3://plant?secret-key=hush":        "AWS_SECRET_ACCESS_KEY",
		"s3://plant?endpoint=localhost:900": "https://s3.example.org",
		"s3://plant?path-style=maybe":       "path-style",
		"s3://plant?checksums=never":        "must be auto or required",
		"s3://plant?conditional=sometimes":  "must be auto, required or off",
		"s3://plant?part-size=1MiB":         "at least 5.0 MiB",
		"s3://plant?part-size=much":         "16MiB",
		"s3://plant?timeout=-1s":            "500ms",
		"s3://plant?attempts=-1":            "must not be negative",
		"s3://plant?hedge=never":            "500ms",
		"s3://plant?%zz":                    "URL of bucket plant",
	} {
		_, err := s3.ParseURL(url)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: the error does not say %q: %v", url, says, err)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("the error tells a secret: %v", err)
		}
	}
}

func TestOptionsThatMakeNoBucketAreRefused(t *testing.T) {
	for says, opts := range map[string]s3.Options{
		"name of the bucket": {},
		"go together":        {Bucket: "b", Keys: s3.Keys{Access: "a"}},
		"prefix":             {Bucket: "b", Prefix: "/a"},
	} {
		if _, err := s3.New(context.Background(), opts); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("the error does not say %q: %v", says, err)
		}
	}
	var o s3.Options
	if err := o.Set("secret-key", "hush"); err != nil || o.Keys.Secret != "hush" {
		t.Errorf("%v, %+v", err, o)
	}
}

func TestEverySettingIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range s3.Settings() {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/operations.md does not have the setting %s", name)
		}
	}
}
