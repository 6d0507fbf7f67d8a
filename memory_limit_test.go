package trellis_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/trellisdb/trellis/engine/plan"
)

// What the memory test stores, and below what the server has to stay.
const (
	memorySeries    = 10_000
	memoryLimit     = 256 << 20
	memoryAllowance = 8 << 20 // what the resident memory may be above the limit
	memoryMonths    = 120
	memoryWriters   = 16
	memoryReaders   = 2
	memoryAskers    = 6
	memoryBatch     = 1 << 20 // bytes, about
)

// The ten years that the memory test stores.
var (
	memoryFrom = time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)
	memoryTo   = memoryFrom.AddDate(10, 0, 0)
)

// byMonth is the question that DESIGN asks of 256 MiB.
const byMonth = `SELECT series, time_bucket('1 month', time, 'UTC') AS month, count(*), avg(value), min(value), max(value)
	FROM samples GROUP BY 1, 2 ORDER BY 1, 2`

// TestMemory writes ten years of ten thousand series into a server that may take 256
// MiB, as fast as it goes, and asks for all of them by series and month meanwhile. The
// sample period is two days, or TRELLIS_MEMORY. The server stays below its limit, slows
// the writers down, loses nothing, answers, and refuses what cannot be answered.
func TestMemory(t *testing.T) {
	period := 48 * time.Hour
	if text := os.Getenv("TRELLIS_MEMORY"); text != "" {
		var err error
		if period, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	p := startServer(t, program(t), t.TempDir(), "--memory-limit", "256MiB", "--log-level", "warn")
	m := &memoryTest{t: t, p: p, period: period}
	began := time.Now()
	stop := make(chan struct{})
	var readers, writers errgroup.Group
	for range memoryReaders {
		readers.Go(func() error { return m.read(stop) })
	}
	for w := range memoryWriters {
		writers.Go(func() error { return m.write(w) })
	}
	err := writers.Wait()
	close(stop)
	if err = errors.Join(err, readers.Wait()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d samples in %v, %d answers meanwhile, %s", m.acked.Load(), time.Since(began).Round(time.Millisecond), m.answers.Load(), p.memory(t))
	client := p.dial(t)
	defer func() { _ = client.Close() }()
	m.checkSlowed(client)
	m.checkCount(client)
	began = time.Now()
	var askers errgroup.Group
	for range memoryAskers {
		askers.Go(func() error { return m.ask(m.checkMonth) })
	}
	if err := askers.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("by series and month in %v, by %d at once, %s", time.Since(began).Round(time.Millisecond), memoryAskers, p.memory(t))
	m.checkRefused(client)
	m.checkCount(client)
	if most := p.status(t, "VmHWM"); most > memoryLimit+memoryAllowance {
		t.Errorf("the server took %d MiB, its limit is %d", most>>20, memoryLimit>>20)
	}
	t.Log(p.memory(t))
}

// status returns a number of bytes of /proc/PID/status.
func (p *process) status(t *testing.T, field string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), field+":")
	if !found {
		t.Fatalf("no %s in\n%s", field, text)
	}
	n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}

func (p *process) memory(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("resident %d MiB, at most %d, of which now %d of files", p.status(t, "VmRSS")>>20, p.status(t, "VmHWM")>>20, p.status(t, "RssFile")>>20)
}

// memoryTest is the state of one run.
type memoryTest struct {
	t       *testing.T
	p       *process
	period  time.Duration
	acked   atomic.Int64 // samples
	answers atomic.Int64
}

// slotAt returns the first slot at an instant or after it.
func (m *memoryTest) slotAt(t time.Time) int64 {
	return int64((t.Sub(memoryFrom) + m.period - 1) / m.period)
}

func (m *memoryTest) slots() int64 { return m.slotAt(memoryTo) }

// memoryValue is the value of slot i of series k.
func memoryValue(k int, i int64) float64 { return float64((i*7919+int64(k)*104_729)%1000) / 8 }

func memoryName(k int) string { return fmt.Sprintf("plant/unit%02d/s%05d", k%50, k) }

// write writes its share of the series, some series a batch, from begin to end.
func (m *memoryTest) write(writer int) error {
	client := m.p.dial(m.t)
	defer func() { _ = client.Close() }()
	share := memorySeries / memoryWriters
	each := int(max(memoryBatch/(8*m.slots()), 1))
	for k := writer * share; k < (writer+1)*share; k += each {
		if err := m.writeSeries(client, k, min(k+each, (writer+1)*share)); err != nil {
			return fmt.Errorf("series %d: %w", k, err)
		}
	}
	return nil
}

// writeSeries writes the series [from, to) in one stream of wide batches.
func (m *memoryTest) writeSeries(client *flightsql.Client, from, to int) error {
	stream, err := client.Client.DoPut(m.t.Context())
	if err != nil {
		return err
	}
	fields := []arrow.Field{{Name: "time", Type: plan.TimestamptzType}}
	for k := from; k < to; k++ {
		fields = append(fields, arrow.Field{Name: memoryName(k), Type: arrow.PrimitiveTypes.Float64})
	}
	schema := arrow.NewSchema(fields, nil)
	options, err := json.Marshal(map[string]any{"template": map[string]string{"type": "double", "sample_t": fmt.Sprintf("%d seconds", int64(m.period.Seconds()))}})
	if err != nil {
		return err
	}
	writer := arrowflight.NewRecordWriter(stream, ipc.WithSchema(schema))
	writer.SetFlightDescriptor(&arrowflight.FlightDescriptor{Type: arrowflight.DescriptorPATH, Path: []string{"samples"}})
	rows := max(memoryBatch/(8*int64(len(fields))), 1)
	for at := int64(0); at < m.slots(); at += rows {
		batch := m.batch(schema, from, at, min(at+rows, m.slots()))
		err := writer.WriteWithAppMetadata(batch, options)
		batch.Release()
		if err != nil {
			_, err = stream.Recv() // why the stream ended
			return err
		}
		result, err := stream.Recv()
		if err != nil {
			return err
		}
		var counts struct{ Samples int64 }
		if err := json.Unmarshal(result.GetAppMetadata(), &counts); err != nil {
			return err
		}
		if want := min(at+rows, m.slots()) * int64(to-from); counts.Samples != want {
			return fmt.Errorf("%d samples are acknowledged, want %d", counts.Samples, want)
		}
	}
	if err := errors.Join(writer.Close(), stream.CloseSend()); err != nil {
		return err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the stream ended with %w", err)
	}
	m.acked.Add(m.slots() * int64(to-from))
	return nil
}

func (m *memoryTest) batch(schema *arrow.Schema, first int, from, to int64) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Reserve(int(to - from))
	times := b.Field(0).(*array.TimestampBuilder)
	for i := from; i < to; i++ {
		times.UnsafeAppend(arrow.Timestamp(memoryFrom.UnixMicro() + i*m.period.Microseconds()))
	}
	for c := 1; c < schema.NumFields(); c++ {
		values := b.Field(c).(*array.Float64Builder)
		for i := from; i < to; i++ {
			values.UnsafeAppend(memoryValue(first+c-1, i))
		}
	}
	return b.NewRecordBatch()
}

// read asks over and over, until stop is closed.
func (m *memoryTest) read(stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		case <-time.After(50 * time.Millisecond):
		}
		if err := m.ask(func(int64, arrow.RecordBatch) error { return nil }); err != nil {
			return err
		}
		m.answers.Add(1)
	}
}

// ask asks for everything by series and month over a connection of its own, and calls
// check with each batch and how many rows were before it.
func (m *memoryTest) ask(check func(before int64, batch arrow.RecordBatch) error) error {
	client := m.p.dial(m.t)
	defer func() { _ = client.Close() }()
	return eachRow(m.t.Context(), client, byMonth, check)
}

// eachRow calls f with the batches of a statement's rows and how many rows were before.
func eachRow(ctx context.Context, client *flightsql.Client, text string, f func(before int64, batch arrow.RecordBatch) error) error {
	info, err := client.Execute(ctx, text)
	if err != nil {
		return err
	}
	reader, err := client.DoGet(ctx, info.Endpoint[0].Ticket)
	if err != nil {
		return err
	}
	defer reader.Release()
	rows := int64(0)
	for reader.Next() {
		if err := f(rows, reader.RecordBatch()); err != nil {
			return err
		}
		rows += reader.RecordBatch().NumRows()
	}
	if err := reader.Err(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return f(rows, nil)
}

// checkMonth compares a batch of months, nil behind the last, with what was written.
func (m *memoryTest) checkMonth(before int64, batch arrow.RecordBatch) error {
	if batch == nil {
		if before != memorySeries*memoryMonths {
			return fmt.Errorf("%d rows, want %d", before, memorySeries*memoryMonths)
		}
		return nil
	}
	names, months := batch.Column(0).(*array.String), batch.Column(1).(*array.Timestamp)
	for i := 0; i < int(batch.NumRows()); i += 97 { // each would take the client longer than the server
		row := before + int64(i)
		var k int
		if _, err := fmt.Sscanf(names.Value(i)[len("plant/unit00/s"):], "%d", &k); err != nil {
			return err
		}
		month := memoryFrom.AddDate(0, int(row%memoryMonths), 0)
		if int64(months.Value(i)) != month.UnixMicro() {
			return fmt.Errorf("row %d is of %v, want %v", row, months.Value(i).ToTime(arrow.Microsecond), month)
		}
		from, to := m.slotAt(month), m.slotAt(month.AddDate(0, 1, 0))
		sum, least, most := 0.0, memoryValue(k, from), memoryValue(k, from)
		for s := from; s < to; s++ {
			v := memoryValue(k, s)
			sum, least, most = sum+v, min(least, v), max(most, v) // no bit is lost: they are eighths
		}
		got := fmt.Sprint(batch.Column(2).(*array.Int64).Value(i), batch.Column(3).(*array.Float64).Value(i), batch.Column(4).(*array.Float64).Value(i), batch.Column(5).(*array.Float64).Value(i))
		if want := fmt.Sprint(to-from, sum/float64(to-from), least, most); got != want {
			return fmt.Errorf("%s in %v: %s, want %s", names.Value(i), month, got, want)
		}
	}
	return nil
}

// number returns the only value of a statement, as text.
func (m *memoryTest) number(client *flightsql.Client, text string) string {
	m.t.Helper()
	value := ""
	err := eachRow(m.t.Context(), client, text, func(_ int64, batch arrow.RecordBatch) error {
		if batch != nil {
			value = batch.Column(0).ValueStr(0)
		}
		return nil
	})
	if err != nil {
		m.t.Fatalf("%s: %v", text, err)
	}
	return value
}

// checkCount checks that everything that was acknowledged is there.
func (m *memoryTest) checkCount(client *flightsql.Client) {
	m.t.Helper()
	if got, want := m.number(client, "SELECT count(*) FROM samples"), strconv.FormatInt(m.acked.Load(), 10); got != want {
		m.t.Errorf("there are %s samples, %s were acknowledged", got, want)
	}
}

// checkSlowed checks that writers had to wait, and that no part held more than it may.
func (m *memoryTest) checkSlowed(client *flightsql.Client) {
	m.t.Helper()
	err := eachRow(m.t.Context(), client, "SELECT * FROM system.memory", func(_ int64, batch arrow.RecordBatch) error {
		if batch != nil {
			m.t.Log(batch)
		}
		return nil
	})
	if err != nil {
		m.t.Error(err)
	}
	if m.number(client, "SELECT sum(waited) FROM system.memory WHERE part IN ('head', 'ingest')") == "0" {
		m.t.Error("no writer had to wait")
	}
	if n := m.number(client, "SELECT count(*) FROM system.memory WHERE high_bytes > most_bytes"); n != "0" {
		m.t.Errorf("%s parts held more than they may", n)
	}
}

// checkRefused asks what needs more memory than there is.
func (m *memoryTest) checkRefused(client *flightsql.Client) {
	m.t.Helper()
	for _, text := range []string{
		"SELECT series, time, value FROM samples ORDER BY value, time",
		"SELECT count(*) FROM samples a JOIN samples b ON a.value < b.value",
		"SELECT value, time, count(*) FROM samples GROUP BY 1, 2",
	} {
		err := eachRow(m.t.Context(), client, text, func(int64, arrow.RecordBatch) error { return nil })
		if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "memory") {
			m.t.Errorf("%s: %v", text, err)
		} else {
			m.t.Logf("refused: %v", err)
		}
	}
}
