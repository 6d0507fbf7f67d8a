package trellis_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// crashSlots is how many samples each series has that the test of killed edits edits.
const crashSlots = 20_000

// crashHistory is what a database must have: the values by slot, and how many edits
// are on its trail.
type crashHistory struct {
	values [crashSeries]map[int64]float64
	edits  int64
}

func (h *crashHistory) clone() *crashHistory {
	out := &crashHistory{edits: h.edits}
	for k := range h.values {
		out.values[k] = maps.Clone(h.values[k])
	}
	return out
}

func (h *crashHistory) equal(other *crashHistory) bool {
	for k := range h.values {
		if !maps.Equal(h.values[k], other.values[k]) {
			return false
		}
	}
	return h.edits == other.edits
}

// edit makes a random edit, and returns what the database has when it is done.
func (h *crashHistory) edit(client *flightsql.Client) (after *crashHistory, err error) {
	after = h.clone()
	k, n := rand.IntN(crashSeries), 1+rand.Int64N(crashSlots/2)
	from := rand.Int64N(crashSlots - n)
	where := fmt.Sprintf("WHERE series = 's%d' AND time >= '%s' AND time < '%s'", k, crashStamp(from), crashStamp(from+n))
	touched := 0
	for slot := range after.values[k] {
		if slot >= from && slot < from+n {
			touched++
		}
	}
	statement := ""
	switch rand.IntN(4) {
	case 0:
		if touched > 0 {
			after.edits++
		}
		statement = "DELETE FROM samples " + where
		maps.DeleteFunc(after.values[k], func(slot int64, _ float64) bool { return slot >= from && slot < from+n })
	case 1:
		// What was deleted comes back as an ordinary late batch, which is no edit.
		for k := range after.values {
			for slot := from; slot < from+n; slot++ {
				after.values[k][slot] = crashValue(k, slot)
			}
		}
		return after, putRounds(client, from, n)
	default:
		if touched > 0 {
			after.edits++
		}
		statement = "UPDATE samples SET value = value + 1 " + where
		for slot, value := range after.values[k] {
			if slot >= from && slot < from+n {
				after.values[k][slot] = value + 1
			}
		}
	}
	changed, err := client.ExecuteUpdate(context.Background(), statement)
	if err == nil && changed != int64(touched) {
		return after, fmt.Errorf("%s changed %d samples, want %d", statement, changed, touched)
	}
	return after, err
}

func crashStamp(slot int64) string {
	return time.UnixMicro(crashBegin + slot*1_000_000).UTC().Format("2006-01-02 15:04:05Z")
}

// TestCrashDuringEdits kills the server with SIGKILL while history is edited, flushed,
// compacted and collected, several times over one directory.
// Each time the whole database verifies, and has every edit that was acknowledged; the
// one under way has happened as a whole, with its record, or not at all.
func TestCrashDuringEdits(t *testing.T) {
	crashes := crashCount(t)
	path, dir := program(t), t.TempDir()
	start := func() (*process, *flightsql.Client) {
		p := startServer(t, path, dir, "--keep-snapshots", "200ms", "--grace", "100ms")
		return p, p.dial(t)
	}
	p, client := start()
	createCrashSeries(t, client)
	h := &crashHistory{}
	for k := range h.values {
		h.values[k] = map[int64]float64{}
	}
	made, happened := 0, 0
	for crash := range crashes {
		var pending *crashHistory
		var failed error
		done := make(chan struct{})
		stop := make(chan struct{})
		go func() {
			defer close(done)
			for {
				after, err := h.edit(client)
				if err != nil {
					pending, failed = after, err
					return
				}
				h = after
				made++
			}
		}()
		maintained := p.maintain(t, stop)
		time.Sleep(time.Duration(50+rand.IntN(500)) * time.Millisecond)
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = p.cmd.Wait() // it was killed
		close(stop)
		<-done
		<-maintained
		_ = client.Close()
		if code := status.Code(failed); code != codes.Unavailable && !errors.Is(failed, io.EOF) {
			t.Fatalf("before crash %d: %v", crash+1, failed)
		}
		if out, err := exec.Command(path, "verify", "--data", dir, "--quiet").CombinedOutput(); err != nil {
			t.Fatalf("after crash %d: verify: %v\n%s", crash+1, err, out)
		}
		p, client = start()
		switch is := readCrashHistory(t, client); {
		case is.equal(h):
		case is.equal(pending):
			h = pending
			happened++
		default:
			t.Fatalf("after crash %d the database has neither what was acknowledged nor that with the edit under way", crash+1)
		}
	}
	if made == 0 {
		t.Error("no edit was made")
	}
	t.Logf("%d crashes, %d edits and late batches, %d more of which the answer was lost", crashes, made, happened)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
}

// maintain flushes and compacts over a connection of its own until the server is gone.
func (p *process) maintain(t *testing.T, stop <-chan struct{}) (done <-chan struct{}) {
	t.Helper()
	client, ended := p.dial(t), make(chan struct{})
	go func() {
		defer close(ended)
		defer func() { _ = client.Close() }()
		for {
			for _, statement := range []string{"CALL flush()", "CALL compact()"} {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(rand.IntN(30)) * time.Millisecond):
				}
				if _, err := client.ExecuteUpdate(context.Background(), statement); err != nil {
					return
				}
			}
		}
	}()
	return ended
}

// readCrashHistory asks a server for all that it has.
func readCrashHistory(t *testing.T, client *flightsql.Client) *crashHistory {
	t.Helper()
	h := &crashHistory{}
	for k := range h.values {
		h.values[k] = map[int64]float64{}
		read(t, client, fmt.Sprintf("SELECT time, value FROM samples WHERE series = 's%d'", k), func(times *array.Timestamp, values *array.Float64) {
			for i := range times.Len() {
				h.values[k][(int64(times.Value(i))-crashBegin)/1_000_000] = values.Value(i)
			}
		})
	}
	read(t, client, "SELECT now(), count(*)::double precision FROM edits", func(_ *array.Timestamp, counts *array.Float64) {
		h.edits = int64(counts.Value(0))
	})
	return h
}

// read gives do every batch of an answer with a column of instants and one of numbers.
func read(t *testing.T, client *flightsql.Client, statement string, do func(*array.Timestamp, *array.Float64)) {
	t.Helper()
	info, err := client.Execute(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := client.DoGet(t.Context(), info.Endpoint[0].Ticket)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Release()
	for reader.Next() {
		batch := reader.RecordBatch()
		do(batch.Column(0).(*array.Timestamp), batch.Column(1).(*array.Float64))
	}
	if err := reader.Err(); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
}
