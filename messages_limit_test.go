package trellis_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowflight "github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/trellisdb/trellis/engine/plan"
)

// messagesLimit is what the server of the messages test may take, messageRows what a
// batch of 3.6 MB has.
const (
	messagesLimit = 256 << 20
	messageRows   = 225_000
)

// messagesTest is a server of little memory, and clients of ill will.
type messagesTest struct {
	t *testing.T
	p *process
	c *flightsql.Client
}

// TestMessagesStayBelowTheLimit sends a server of 256 MiB what is large, much, slow or
// folded, by many at once: it stays below its limit, and small questions are answered.
func TestMessagesStayBelowTheLimit(t *testing.T) {
	p := startServer(t, program(t), t.TempDir(), "--memory-limit", "256MiB", "--log-level", "error", "--message-timeout", "5s")
	m := &messagesTest{t, p, p.dial(t)}
	t.Cleanup(func() { _ = m.c.Close() })
	m.ask("INSERT INTO series (series, type, sample_t) VALUES ('a', 'double', '1 s')")
	for _, attack := range []struct {
		name string
		run  func() error
	}{
		{"a hundred first batches of 3.6 MB at once are stored", m.firstBatches},
		{"a hundred batches that are begun and not ended", m.halfBatches},
		{"two thousand streams that are opened and not written", m.idleStreams},
		{"messages in frames of one byte", m.tinyFrames},
		{"ten statements of 5 MB", m.largeStatements},
		{"a hundred questions after the health of 5 MB", m.largeHealth},
		{"actions of two million parts", m.manyParts},
		{"schemas of eighty thousand columns", m.wideSchemas},
		{"a hundred dictionaries of 3 MB that are kept", m.largeDictionaries},
		{"compressed batches that claim more than they may", m.foldedBatches},
		{"half a million parameters", m.manyParameters},
		{"two hundred readers that do not read, and a hundred writers", m.allAtOnce},
		{"more connections than there may be", m.manyConnections},
		{"headers of a megabyte", m.largeHeaders},
	} {
		t.Run(attack.name, func(t *testing.T) {
			began := time.Now()
			slow, stop := m.watch()
			if err := attack.run(); err != nil {
				t.Error(err)
			}
			t.Logf("%s, the slowest small question took %s, %s", time.Since(began).Round(time.Millisecond), stop(), p.memory(t))
			if slow() > 30*time.Second {
				t.Errorf("a small question took %s", slow())
			}
		})
	}
	if got := m.ask("SELECT count(*) FROM samples"); got != strconv.Itoa(messageRows) {
		t.Errorf("there are %s samples", got)
	}
	if most := p.status(t, "VmHWM"); most > messagesLimit+memoryAllowance {
		t.Errorf("the server took %d MiB, its limit is %d", most>>20, messagesLimit>>20)
	}
}

// ask returns the only value of a statement, "" where there is none.
func (m *messagesTest) ask(text string) string {
	m.t.Helper()
	value := ""
	if strings.HasPrefix(text, "INSERT") {
		if _, err := m.c.ExecuteUpdate(m.t.Context(), text); err != nil {
			m.t.Fatal(err)
		}
		return ""
	}
	err := eachRow(m.t.Context(), m.c, text, func(_ int64, batch arrow.RecordBatch) error {
		if batch != nil {
			value = batch.Column(0).ValueStr(0)
		}
		return nil
	})
	if err != nil {
		m.t.Errorf("%s: %v", text, err)
	}
	return value
}

// watch asks small questions until it is stopped.
func (m *messagesTest) watch() (slowest, stop func() time.Duration) {
	var most time.Duration
	ended := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		for {
			select {
			case <-ended:
				return
			case <-time.After(50 * time.Millisecond):
			}
			began := time.Now()
			if got := m.ask("SELECT 1"); got != "1" {
				m.t.Errorf("SELECT 1 is %q", got)
			}
			most = max(most, time.Since(began))
		}
	})
	slowest = func() time.Duration { return most }
	return slowest, sync.OnceValue(func() time.Duration { close(ended); asking.Wait(); return most })
}

// each runs f for n clients, each with a connection of its own.
func (m *messagesTest) each(n int, f func(i int, client *flightsql.Client) error) error {
	var clients errgroup.Group
	for i := range n {
		clients.Go(func() error {
			client, err := flightsql.NewClient(m.p.addr, nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				return err
			}
			defer func() { _ = client.Close() }()
			return f(i, client)
		})
	}
	return clients.Wait()
}

func (m *messagesTest) firstBatches() error {
	schema := arrow.NewSchema([]arrow.Field{{Name: "time", Type: plan.TimestamptzType}, {Name: "a", Type: arrow.PrimitiveTypes.Float64}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for k := range messageRows {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(k) * 1_000_000)
		b.Field(1).(*array.Float64Builder).Append(float64(k % 100))
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	return m.each(100, func(_ int, client *flightsql.Client) error {
		stream, err := client.Client.DoPut(m.t.Context())
		if err != nil {
			return err
		}
		w := arrowflight.NewRecordWriter(stream, ipc.WithSchema(schema))
		w.SetFlightDescriptor(&arrowflight.FlightDescriptor{Type: arrowflight.DescriptorPATH, Path: []string{"samples"}})
		if err := w.Write(batch); err != nil {
			_, err := stream.Recv()
			return err
		}
		result, err := stream.Recv()
		if err != nil {
			return err
		}
		var counts struct{ Samples int64 }
		if err := json.Unmarshal(result.GetAppMetadata(), &counts); err != nil || counts.Samples != messageRows {
			return fmt.Errorf("%d samples, %w", counts.Samples, err)
		}
		return errors.Join(w.Close(), stream.CloseSend())
	})
}

// rawConn is a client that writes HTTP/2 by hand.
type rawConn struct {
	net.Conn
	next uint32
}

func (m *messagesTest) raw() (*rawConn, error) {
	conn, err := net.Dial("tcp", m.p.addr)
	if err != nil {
		return nil, err
	}
	c := &rawConn{conn, 1}
	_, err = conn.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	return c, errors.Join(err, c.frame(4, 0, 0, nil))
}

func (c *rawConn) frame(kind, flags byte, stream uint32, payload []byte) error {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	_, err := c.Write(append(binary.BigEndian.AppendUint32(head, stream), payload...))
	return err
}

// open begins a call.
func (c *rawConn) open(method string) (stream uint32, err error) {
	var block []byte
	for _, h := range [][2]string{
		{":method", "POST"},
		{":scheme", "http"},
		{":path", "/arrow.flight.protocol.FlightService/" + method},
		{":authority", "x"},
		{"content-type", "application/grpc"},
		{"te", "trailers"},
	} {
		block = append(block, 0, byte(len(h[0])))
		block = append(block, h[0]...)
		block = append(block, byte(len(h[1])))
		block = append(block, h[1]...)
	}
	stream = c.next
	c.next += 2
	return stream, c.frame(1, 4, stream, block)
}

// prefix is the beginning of a message of n bytes, nearly all of them one field.
func prefix(n int) []byte {
	return binary.AppendUvarint(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(n)), 0x12), uint64(n-10))
}

func (m *messagesTest) halfBatches() error {
	var conns []*rawConn
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for range 100 {
		c, err := m.raw()
		if err != nil {
			return err
		}
		conns = append(conns, c)
		for range 2 {
			stream, err := c.open("DoPut")
			if err != nil {
				return err
			}
			if err := errors.Join(c.frame(0, 0, stream, prefix(4_000_000)), c.frame(0, 0, stream, make([]byte, 16_000)), c.frame(0, 0, stream, make([]byte, 16_000)), c.frame(0, 0, stream, make([]byte, 16_000))); err != nil {
				return err
			}
		}
	}
	time.Sleep(7 * time.Second) // longer than a message may take
	return nil
}

func (m *messagesTest) idleStreams() error {
	for range 10 {
		c, err := m.raw()
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		for range 200 {
			if _, err := c.open("DoPut"); err != nil {
				return err
			}
		}
	}
	time.Sleep(200 * time.Millisecond)
	m.t.Log(m.p.memory(m.t))
	return nil
}

func (m *messagesTest) tinyFrames() error {
	var conns errgroup.Group
	for range 20 {
		conns.Go(func() error {
			c, err := m.raw()
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }()
			for _, method := range []string{"DoPut", "GetFlightInfo", "DoAction", "DoPut"} {
				stream, err := c.open(method)
				if err != nil {
					return err
				}
				if err := c.frame(0, 0, stream, prefix(4_000_000)); err != nil {
					return err
				}
				one := []byte{0, 0, 1, 0, 0, 0, 0, 0, byte(stream), 0}
				if _, err := c.Write(slices.Repeat(one, 60_000)); err != nil {
					return err
				}
			}
			time.Sleep(time.Second)
			return nil
		})
	}
	return conns.Wait()
}

func (m *messagesTest) largeStatements() error {
	text := "SELECT 1 " + strings.Repeat(" ", 5_000_000)
	return m.each(10, func(_ int, client *flightsql.Client) error {
		_, err := client.Execute(m.t.Context(), text)
		if code := status.Code(err); code != codes.ResourceExhausted && code != codes.InvalidArgument {
			return fmt.Errorf("a statement of 5 MB: %w", err)
		}
		stream, err := client.Client.DoGet(m.t.Context(), &arrowflight.Ticket{Ticket: []byte(text)})
		if err == nil {
			_, err = stream.Recv()
		}
		if code := status.Code(err); code != codes.ResourceExhausted && code != codes.InvalidArgument {
			return fmt.Errorf("a ticket of 5 MB: %w", err)
		}
		return nil
	})
}

func (m *messagesTest) largeHealth() error {
	var clients errgroup.Group
	for range 100 {
		clients.Go(func() error {
			conn, err := grpc.NewClient(m.p.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			_, err = grpc_health_v1.NewHealthClient(conn).Check(m.t.Context(), &grpc_health_v1.HealthCheckRequest{Service: strings.Repeat("x", 5_000_000)})
			if status.Code(err) != codes.ResourceExhausted {
				return fmt.Errorf("a question of 5 MB: %w", err)
			}
			return nil
		})
	}
	return clients.Wait()
}

func (m *messagesTest) manyParts() error {
	body := append([]byte{0x0a, 0x80, 0x94, 0xeb, 0xdc, 0x03}, slices.Repeat([]byte{0x1a, 0}, 2_000_000)...) // a FlightInfo of empty endpoints
	size := 4_000_000
	body[1], body[2], body[3], body[4], body[5] = byte(size)|0x80, byte(size>>7)|0x80, byte(size>>14)|0x80, byte(size>>21)|0x80, 0
	return m.each(20, func(_ int, client *flightsql.Client) error {
		stream, err := client.Client.DoAction(m.t.Context(), &arrowflight.Action{Type: arrowflight.CancelFlightInfoActionType, Body: body})
		if err == nil {
			_, err = stream.Recv()
		}
		if err == nil || !strings.Contains(err.Error(), "parts") {
			return fmt.Errorf("two million parts: %w", err)
		}
		return nil
	})
}

func (m *messagesTest) manyConnections() error {
	var conns []*rawConn
	for range 540 {
		c, err := m.raw()
		if err != nil {
			break // refused
		}
		conns = append(conns, c)
	}
	m.t.Logf("%d connections, %s", len(conns), m.p.memory(m.t))
	time.Sleep(2500 * time.Millisecond) // those beyond the most are closed
	client := m.p.dial(m.t)
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(m.t.Context(), 5*time.Second)
	_, err := client.Execute(ctx, "SELECT 1")
	cancel()
	if err == nil || !strings.Contains(err.Error(), "max-connections") {
		err = fmt.Errorf("one more connection: %w", err)
	} else {
		err = nil
	}
	for _, c := range conns {
		_ = c.Close()
	}
	return err
}

func (m *messagesTest) largeHeaders() error {
	c, err := m.raw()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.frame(1, 0, 1, make([]byte, 16_000))
	for range 64 {
		if err := c.frame(9, 0, 1, make([]byte, 16_000)); err != nil {
			return nil // the connection was closed
		}
	}
	return nil
}
