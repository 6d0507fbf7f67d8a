package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/trellisdb/trellis/meta/postgres"
)

func TestAServerThatDoesNotListenIsSaidInOneLine(t *testing.T) {
	c, err := postgres.Open(t.Context(), "postgres://x@127.0.0.1:1/y", postgres.Options{Patience: time.Millisecond})
	if err == nil {
		_ = c.Close()
		t.Fatal("it was opened")
	}
	const want = "catalog postgres://127.0.0.1:1/y: no server listens there: start PostgreSQL, or correct host and port"
	if got := err.Error(); got != want || strings.Contains(got, "\n") {
		t.Errorf("%q", got)
	}
}
