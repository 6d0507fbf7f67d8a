package trellis_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	arrowflight "github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

// TestCrashDuringShutdown asks the server to end while batches are being written to it,
// and kills it while it puts the head into segments.
func TestCrashDuringShutdown(t *testing.T) {
	path, dir := program(t), t.TempDir()
	p := startServer(t, path, dir)
	client := p.dial(t)
	createCrashSeries(t, client)
	acked := int64(0)
	for crash := range 4 {
		var latest atomic.Int64
		latest.Store(acked)
		done := make(chan struct{})
		go func() {
			defer close(done)
			pour(client, acked, &latest)
		}()
		time.Sleep(time.Duration(20+rand.IntN(200)) * time.Millisecond)
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		_ = p.cmd.Process.Kill() // it may have ended
		_ = p.cmd.Wait()
		<-done
		_ = client.Close()
		acked = latest.Load()
		p = startServer(t, path, dir)
		client = p.dial(t)
		if acked = checkAcknowledged(t, client, acked); t.Failed() {
			t.Fatalf("after crash %d", crash+1)
		}
	}
	t.Logf("%d samples", acked*crashSeries)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
}

func createCrashSeries(t *testing.T, client *flightsql.Client) {
	t.Helper()
	for k := range crashSeries {
		text := fmt.Sprintf(`INSERT INTO series (series, type, sample_t) VALUES ('s%d', 'double', '1 second')`, k)
		if _, err := client.ExecuteUpdate(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
}

// putRounds writes some rounds in one batch and waits until they are acknowledged.
func putRounds(client *flightsql.Client, from, n int64) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stream, err := client.Client.DoPut(ctx)
	if err != nil {
		return err
	}
	fields := []arrow.Field{{Name: "time", Type: plan.TimestamptzType}}
	for k := range crashSeries {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("s%d", k), Type: arrow.PrimitiveTypes.Float64})
	}
	schema := arrow.NewSchema(fields, nil)
	writer := arrowflight.NewRecordWriter(stream, ipc.WithSchema(schema))
	writer.SetFlightDescriptor(&arrowflight.FlightDescriptor{Type: arrowflight.DescriptorPATH, Path: []string{"samples"}})
	batch := crashBatch(schema, from, n)
	defer batch.Release()
	err = errors.Join(writer.Write(batch), writer.Close(), stream.CloseSend())
	for {
		if _, recvErr := stream.Recv(); errors.Is(recvErr, io.EOF) {
			return err
		} else if recvErr != nil {
			return recvErr
		}
	}
}

// TestCrashNoneWhenTheDiskIsFull fills the disk of a server, a small one that is mounted
// for that. It refuses samples and says why, answers questions, and goes on when there is
// room again.
func TestCrashNoneWhenTheDiskIsFull(t *testing.T) {
	dir, grow := waltest.Tiny(t, "3m")
	if dir == "" {
		return
	}
	path := program(t)
	p := startServer(t, path, dir)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // before its disk goes
		_ = p.cmd.Wait()
	})
	client := p.dial(t)
	createCrashSeries(t, client)
	acked, refused := int64(0), 0
	for acked < 1_000_000 && refused < 5 {
		if err := putRounds(client, acked, 997); err != nil {
			if refused++; !strings.Contains(err.Error(), "disk is full, free some space") {
				t.Fatalf("after %d rounds: %v", acked, err)
			}
			continue
		}
		acked += 997
	}
	t.Logf("the disk is full after %d samples", acked*crashSeries)
	if refused == 0 {
		t.Fatal("the disk was never full")
	}
	if got := checkAcknowledged(t, client, acked); got != acked {
		t.Errorf("%d rounds are there, %d were acknowledged", got, acked)
	}
	grow("64m")
	for range 20 {
		if err := putRounds(client, acked, 997); err != nil {
			t.Fatalf("when there is room again: %v", err)
		}
		acked += 997
	}
	_ = client.Close()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
	p = startServer(t, path, dir)
	client = p.dial(t)
	if got := checkAcknowledged(t, client, acked); got != acked {
		t.Errorf("%d rounds are there after a restart, %d were acknowledged", got, acked)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}
