package trellis_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowflight "github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/trellisdb/trellis/engine/plan"
)

// process is a server in a process of its own.
type process struct {
	cmd  *exec.Cmd
	addr string
}

// program returns the path of the program: TRELLIS, or one that is built now.
func program(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("TRELLIS"); path != "" {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	path := filepath.Join(t.TempDir(), "trellis")
	if out, err := exec.Command("go", "build", "-o", path, "./cmd/trellis").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// startServer starts a server on a directory and waits until it listens.
func startServer(t *testing.T, program, dir string, flags ...string) *process {
	t.Helper()
	cmd := exec.Command(program, append([]string{"serve", "--data", dir, "--listen", "127.0.0.1:0"}, flags...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if addr, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return &process{cmd, strings.Fields(addr)[0]}
		}
	}
	t.Fatal("the server ended before it listened")
	return nil
}

func (p *process) dial(t *testing.T) *flightsql.Client {
	t.Helper()
	client, err := flightsql.NewClient(p.addr, nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// crashSeries are the series that the crash test writes to.
const crashSeries = 3

// crashCount is how often a test kills the server: 5 times, or TRELLIS_CRASHES.
func crashCount(t *testing.T) int {
	t.Helper()
	text := os.Getenv("TRELLIS_CRASHES")
	if text == "" {
		return 5
	}
	crashes, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return crashes
}

// TestCrash kills the server with SIGKILL while batches are being written to it, at
// random points, several times over one directory. After each
// start every sample that was acknowledged is there, with its value.
func TestCrash(t *testing.T) {
	crashes := crashCount(t)
	path, dir := program(t), t.TempDir()
	p := startServer(t, path, dir)
	client := p.dial(t)
	createCrashSeries(t, client)
	acked := int64(0) // rounds that were acknowledged: slots 0 to acked of each series
	for crash := range crashes {
		var latest atomic.Int64
		latest.Store(acked)
		done := make(chan struct{})
		go func() {
			defer close(done)
			pour(client, acked, &latest)
		}()
		time.Sleep(time.Duration(20+rand.IntN(400)) * time.Millisecond)
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = p.cmd.Wait() // it was killed
		<-done
		_ = client.Close()
		acked = latest.Load()
		p = startServer(t, path, dir)
		client = p.dial(t)
		if acked = checkAcknowledged(t, client, acked); t.Failed() {
			t.Fatalf("after crash %d", crash+1)
		}
	}
	t.Logf("%d crashes, %d samples", crashes, acked*crashSeries)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
}

// crashBegin is the instant of slot 0: 2024-01-01T00:00:00Z.
const crashBegin = 1_704_067_200_000_000

// crashValue is the value of slot i of series k.
func crashValue(k int, i int64) float64 { return float64((i*7919+int64(k)*104_729)%100_000) / 100 }

// pour writes wide batches from round from on until the server is gone, and keeps in
// latest how many rounds were acknowledged.
func pour(client *flightsql.Client, from int64, latest *atomic.Int64) {
	stream, err := client.Client.DoPut(context.Background())
	if err != nil {
		return
	}
	fields := []arrow.Field{{Name: "time", Type: plan.TimestamptzType}}
	for k := range crashSeries {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("s%d", k), Type: arrow.PrimitiveTypes.Float64})
	}
	schema := arrow.NewSchema(fields, nil)
	writer := arrowflight.NewRecordWriter(stream, ipc.WithSchema(schema))
	writer.SetFlightDescriptor(&arrowflight.FlightDescriptor{Type: arrowflight.DescriptorPATH, Path: []string{"samples"}})
	sent := make(chan int64, 1<<16) // ends of the batches under way
	acked := make(chan struct{})
	go func() {
		defer close(acked)
		for {
			result, err := stream.Recv()
			if err != nil {
				return
			}
			var counts struct{ Rows int64 }
			if json.Unmarshal(result.GetAppMetadata(), &counts) == nil && counts.Rows > 0 {
				latest.Store(<-sent)
			}
		}
	}()
	for at := from; ; {
		n := int64(1 + rand.IntN(5000))
		batch := crashBatch(schema, at, n)
		at += n
		sent <- at
		err := writer.Write(batch)
		batch.Release()
		if err != nil {
			break
		}
	}
	<-acked
}

func crashBatch(schema *arrow.Schema, from, n int64) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i := from; i < from+n; i++ {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(crashBegin + i*1_000_000))
		for k := range crashSeries {
			b.Field(k + 1).(*array.Float64Builder).Append(crashValue(k, i))
		}
	}
	return b.NewRecordBatch()
}

// checkAcknowledged checks that the samples of the first acked rounds are there, and
// returns how many rounds are there for all series: those that were durable before
// the server could say so may be more.
func checkAcknowledged(t *testing.T, client *flightsql.Client, acked int64) int64 {
	t.Helper()
	rounds := int64(1 << 62)
	for k := range crashSeries {
		info, err := client.Execute(t.Context(), fmt.Sprintf("SELECT time, value FROM samples WHERE series = 's%d' ORDER BY time", k))
		if err != nil {
			t.Fatal(err)
		}
		reader, err := client.DoGet(t.Context(), info.Endpoint[0].Ticket)
		if err != nil {
			t.Fatal(err)
		}
		next := int64(0)
		for reader.Next() {
			batch := reader.RecordBatch()
			times, values := batch.Column(0).(*array.Timestamp), batch.Column(1).(*array.Float64)
			for i := range int(batch.NumRows()) {
				if int64(times.Value(i)) != crashBegin+next*1_000_000 || values.Value(i) != crashValue(k, next) {
					t.Errorf("series s%d: sample %d is %v at %v, want %v", k, next, values.Value(i), times.Value(i), crashValue(k, next))
					return 0
				}
				next++
			}
		}
		err = reader.Err()
		reader.Release()
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if next < acked {
			t.Errorf("series s%d has %d samples, %d were acknowledged", k, next, acked)
		}
		rounds = min(rounds, next)
	}
	return rounds
}
