package flight

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/trellisdb/trellis"
)

func TestOnlyAnAdministratorShortensALife(t *testing.T) {
	f := startOn(t, func(o *trellis.Options) { o.Admins = []string{"ann"} }, func(o *Options) {
		o.Users = map[string]string{"ann": "secret", "bob": "hidden"}
	})
	c := f.client()
	ann, bob := withHeader(t.Context(), authHeader, basic("ann", "secret")), withHeader(t.Context(), authHeader, basic("bob", "hidden"))
	do := func(ctx context.Context, text string) error {
		_, err := c.ExecuteUpdate(ctx, text)
		return err
	}
	for _, text := range []string{
		"INSERT INTO series (series, type, sample_t) VALUES ('a', 'double', '1 s'), ('b', 'double', '1 s'), ('c', 'double', '1 s')",
		"CALL keep_samples('kind', 'raw', '30 days')",
		"UPDATE series SET retention = '1000 days', labels = '{\"kind\": \"raw\"}' WHERE series = 'b'",
		"CALL pin_snapshot('of ann')",
	} {
		if err := do(ann, text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	for name, text := range map[string]string{
		"a retention of its own":                    "UPDATE series SET retention = '1 day' WHERE series = 'a'",
		"one that is shorter":                       "UPDATE series SET retention = '999 days' WHERE series = 'b'",
		"none, where a rule is shorter":             "UPDATE series SET retention = NULL WHERE series = 'b'",
		"a label that a rule names":                 "UPDATE series SET labels = '{\"kind\": \"raw\"}' WHERE series = 'c'",
		"a rename with a retention":                 "UPDATE series SET series = 'z', retention = '1 day' WHERE series = 'a'",
		"a new series with a retention":             "INSERT INTO series (series, type, sample_t, retention) VALUES ('n', 'double', '1 s', '1 day')",
		"the same, shorter than the rule of labels": "INSERT INTO series (series, type, sample_t, retention, labels) VALUES ('n', 'double', '1 s', '1 day', '{\"kind\": \"raw\"}')",
		"another one's pin":                         "CALL unpin_snapshot('of ann')",
		"a rule":                                    "CALL keep_samples('kind', 'raw', '1 day')",
		"the age of snapshots":                      "CALL keep_snapshots('1 day')",
	} {
		wantCode(t, do(bob, text), codes.PermissionDenied, "administrators")
		if t.Failed() {
			t.Fatalf("%s: %s", name, text)
		}
	}
	opts := appending("samples")
	opts.Options = map[string]string{"template": `{"type": "double", "sample_t": "1 minute", "retention": "1 day"}`}
	_, err := ingestBatches(bob, c, opts, samplesBatch("t", newYear, 1))
	wantCode(t, err, codes.PermissionDenied, "administrators", `"t"`)
	for name, text := range map[string]string{
		"a longer life":       "UPDATE series SET retention = '2000 days' WHERE series = 'b'",
		"a label of no rule":  "UPDATE series SET labels = '{\"kind\": \"cooked\"}', unit = 'bar' WHERE series = 'c'",
		"a series by a rule":  "INSERT INTO series (series, type, sample_t, labels) VALUES ('r', 'double', '1 s', '{\"kind\": \"raw\"}')",
		"one that lasts more": "INSERT INTO series (series, type, sample_t, labels, retention) VALUES ('r2', 'double', '1 s', '{\"kind\": \"raw\"}', '60 days')",
		"a pin of his own":    "CALL pin_snapshot('of bob')",
	} {
		if err := do(bob, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := do(bob, "CALL unpin_snapshot('of bob')"); err != nil {
		t.Error(err)
	}
	if err := do(ann, "UPDATE series SET retention = '1 day' WHERE series = 'a'"); err != nil {
		t.Error(err)
	}
	got, err := tryQuery(ann, c, "SELECT author, series, reason FROM edits WHERE kind = 'policy' ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"ann|0|samples of series with the label kind = raw are kept: 30 days",
		"ann|1|the life of samples of b: 1000 days, was for ever",
		"bob|1|the life of samples of b: 2000 days, was 1000 days",
		"bob|1|the life of samples of r2: 60 days, was 30 days",
		"bob|0|the pin of bob of snapshot",
		"ann|1|the life of samples of a: 1 day, was for ever",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the trail has not %q:\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n") + 1; n != 6 {
		t.Errorf("the trail has %d policies:\n%s", n, got)
	}
}
