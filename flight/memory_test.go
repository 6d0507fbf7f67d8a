package flight

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/trellisdb/trellis/columnar/memory"
)

// ingestPart returns the part of a budget that batches are counted in.
func ingestPart(bytes int64) *memory.Part { return memory.NewBudget(bytes).NewPart("ingest", 0, 0) }

// waitsFor waits until a condition holds.
func waitsFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 10 s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAPutWaitsForMemory(t *testing.T) {
	part := ingestPart(1 << 20)
	f := start(t, func(o *Options) { o.Ingest = part })
	c := f.client()
	f.update(c, "INSERT INTO series (series, type, sample_t) VALUES ('boiler', 'double', '1s')")
	if err := part.TryReserve(1 << 20); err != nil {
		t.Fatal(err)
	}
	p := f.put(t.Context())
	p.send(onPath("samples", messagesOf(t, samplesBatch("boiler", newYear, 1, 2))...)...)
	waitsFor(t, "a message that waits", func() bool { return part.Use().Waiting == 1 })
	if got := f.query(c, "SELECT count(*) FROM samples"); got != "0" {
		t.Errorf("there are %s samples", got)
	}
	part.Release(1 << 20)
	if got := p.counts(); got != `{"rows":2,"samples":2,"created":0}` {
		t.Errorf("counts are %s", got)
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
	waitsFor(t, "everything given back", func() bool { return part.Used() == 0 })
}

func TestAPutThatWaitsEndsWithItsClientAndWithTheServer(t *testing.T) {
	part := ingestPart(1 << 20)
	f := start(t, func(o *Options) { o.Ingest = part })
	f.update(f.client(), "INSERT INTO series (series, type, sample_t) VALUES ('boiler', 'double', '1s')")
	if err := part.TryReserve(1 << 20); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f.put(ctx).send(onPath("samples", messagesOf(t, samplesBatch("boiler", newYear, 1))...)...)
	stays := f.put(t.Context()).send(onPath("samples", messagesOf(t, samplesBatch("boiler", newYear, 1))...)...)
	waitsFor(t, "two that wait", func() bool { return part.Use().Waiting == 2 })
	cancel()
	waitsFor(t, "one that wait", func() bool { return part.Use().Waiting == 1 })
	if err := f.server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := stays.end(); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("%v", err)
	}
	if u := part.Use(); u.Used != 1<<20 || u.Waiting != 0 {
		t.Errorf("%+v", u)
	}
}

func TestAMessageThatNeverFitsIsRefused(t *testing.T) {
	part := ingestPart(64 << 10)
	f := start(t, func(o *Options) { o.Ingest = part })
	c := f.client()
	f.update(c, "INSERT INTO series (series, type, sample_t) VALUES ('boiler', 'double', '1s')")
	_, err := ingestBatches(t.Context(), c, appending("samples"), samplesBatch("boiler", newYear, make([]float64, 10_000)...))
	wantCode(t, err, codes.ResourceExhausted, "may hold 64 KiB")
	if !strings.Contains(err.Error(), "53200") || !strings.Contains(err.Error(), "send smaller batches") {
		t.Errorf("%v", err)
	}
	if n, err := ingestBatches(t.Context(), c, appending("samples"), samplesBatch("boiler", newYear, 1, 2)); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	waitsFor(t, "everything given back", func() bool { return part.Used() == 0 })
}
