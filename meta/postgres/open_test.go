package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/postgres"
)

func TestDatabasesThatAreNoCatalog(t *testing.T) {
	newer := shared.Database(t)
	c, err := postgres.Open(t.Context(), shared.URL(newer), postgres.Options{})
	if err := errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	if err := shared.Execute(t.Context(), newer, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, true)`); err != nil {
		t.Fatal(err)
	}
	other := shared.Database(t)
	if err := shared.Execute(t.Context(), other, `CREATE TABLE series (id INT)`); err != nil {
		t.Fatal(err)
	}
	right := shared.URL(newer)
	for where, say := range map[string]string{
		strings.Replace(right, "secret", "wrong", 1):     "password authentication failed",
		strings.Replace(right, "//trellis", "//eve", 1):  "password authentication failed",
		shared.URL("nowhere"):                            `there is no database "nowhere"`,
		right:                                            "its schema 4711 is newer than",
		shared.URL(other):                                `relation "series" already exists`,
		"postgres://trellis:secret@127.0.0.1:port/test1": "port",
		"host":                     "host",
		right + "&sslmode=require": "TLS",
		"postgres://trellis:secret@127.0.0.1:1/test1": "no server listens there",
	} {
		c, err := postgres.Open(t.Context(), where, postgres.Options{Patience: 300 * time.Millisecond})
		if err == nil {
			t.Errorf("%s was opened", where)
			_ = c.Close()
			continue
		}
		if !strings.Contains(err.Error(), say) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%s: the error is %q, which should say %q and no password", where, err, say)
		}
	}
}

// What cannot pass is said at once, however much patience there is.
func TestMistakesAreNotRepeated(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, where := range []string{strings.Replace(shared.URL("postgres"), "secret", "wrong", 1), shared.URL("nowhere")} {
		if _, err := postgres.Open(ctx, where, postgres.Options{Patience: time.Hour}); err == nil || ctx.Err() != nil {
			t.Errorf("%s: %v", where, err)
		}
	}
}

func TestCancelWhileCreating(t *testing.T) {
	c := open(t, shared.URL(shared.Database(t)), postgres.Options{})
	var many []meta.Series
	for i := range 50_000 {
		many = append(many, series(fmt.Sprint(i))...)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	if _, err := c.CreateSeries(ctx, many); !errors.Is(err, context.Canceled) || errors.Is(err, postgres.ErrUncertain) {
		t.Errorf("the error is %v, want that of the context", err)
	}
	got, err := c.Series(t.Context())
	if err != nil || len(got) != 0 {
		t.Errorf("a canceled call left %d series, %v", len(got), err)
	}
}

func TestTextsThatPostgreSQLCannotKeep(t *testing.T) {
	c := open(t, shared.URL(shared.Database(t)), postgres.Options{})
	for _, text := range []string{"a\x00b", "a\xff"} {
		if err := c.SetSetting(t.Context(), "a", text); !errors.Is(err, meta.ErrInvalid) {
			t.Errorf("a setting %q: %v", text, err)
		}
		if _, err := c.Condemn(t.Context(), acquire(t, c), []string{"a\x00b"}, 0); !errors.Is(err, meta.ErrInvalid) {
			t.Errorf("garbage %q: %v", text, err)
		}
	}
}
