package flight

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/flight"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/trellisdb/trellis/columnar/memory"
)

// pieces is a transport that hands out bytes in buffers of a size.
type pieces struct {
	raw  []byte
	size int
}

func (p *pieces) ReadMessageHeader([]byte) error { return io.EOF }

func (p *pieces) Read(n int) (mem.BufferSlice, error) {
	if n > len(p.raw) {
		return nil, io.EOF
	}
	var out mem.BufferSlice
	for part := range slices.Chunk(p.raw[:n], p.size) {
		out = append(out, mem.SliceBuffer(part))
	}
	p.raw = p.raw[n:]
	return out, nil
}

// decodeBytes decodes what comes in buffers of a size and is asked for in pieces.
func decodeBytes(raw []byte, size, piece int, into proto.Message) error {
	d := decoder{source: source{from: &pieces{raw, size}, rest: len(raw), piece: piece}, left: len(raw)}
	defer d.close()
	return errors.Join(d.decode(into.ProtoReflect()), d.err)
}

func TestMessagesAreDecodedAsTheLibraryDoes(t *testing.T) {
	descriptor := &pb.FlightDescriptor{Type: pb.FlightDescriptor_PATH, Cmd: []byte("cmd"), Path: []string{"samples", "", "ä"}}
	unknown := []byte{0x98, 0x06, 0x01, 0xa2, 0x06, 0x02, 1, 2, 0xad, 0x06, 1, 2, 3, 4, 0xb1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8} // fields 99 to 102, of all kinds
	for _, m := range []proto.Message{
		&pb.FlightData{FlightDescriptor: descriptor, DataHeader: bytes.Repeat([]byte{1}, 300), AppMetadata: []byte("{}"), DataBody: bytes.Repeat([]byte{2, 3}, 5000)},
		&pb.FlightData{}, &pb.FlightData{DataBody: []byte{}}, descriptor, &pb.Ticket{Ticket: bytes.Repeat([]byte("x"), 3000)},
		&pb.Action{Type: "a", Body: []byte("b")}, &pb.Criteria{Expression: []byte("x")}, &pb.Empty{},
		&pb.HandshakeRequest{ProtocolVersion: 1 << 60, Payload: []byte("p")}, &grpc_health_v1.HealthCheckRequest{Service: "s"},
	} {
		raw, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range [][]byte{raw, append(append([]byte(nil), unknown...), raw...), append(append([]byte(nil), raw...), raw...)} {
			for _, size := range []int{1, 7, 16384} {
				want, got := m.ProtoReflect().New().Interface(), m.ProtoReflect().New().Interface()
				if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, want); err != nil {
					t.Fatal(err)
				}
				if err := decodeBytes(raw, size, max(size, 100), got); err != nil || !proto.Equal(got, want) {
					t.Errorf("%T in pieces of %d: %v, %v, want %v", m, size, got, err, want)
				}
			}
			for cut := range min(len(raw), 400) { // never a panic; where the library refuses it, neither does this take it
				got := m.ProtoReflect().New().Interface()
				if err := decodeBytes(raw[:cut], 50, 100, got); err == nil && proto.Unmarshal(raw[:cut], m.ProtoReflect().New().Interface()) != nil {
					t.Errorf("%T of %d bytes is taken", m, cut)
				}
			}
		}
	}
}

func TestCommandsHaveSoManyPartsOnly(t *testing.T) {
	many := &pb.CancelFlightInfoRequest{Info: &pb.FlightInfo{}}
	for range maxParts {
		many.Info.Endpoint = append(many.Info.Endpoint, &pb.FlightEndpoint{})
	}
	raw, err := proto.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	f := start(t, nil)
	stream, err := f.plain().DoAction(t.Context(), &flight.Action{Type: flight.CancelFlightInfoActionType, Body: raw})
	if err == nil {
		_, err = stream.Recv()
	}
	wantCode(t, err, codes.InvalidArgument, "16384 parts")
	_, err = f.plain().GetFlightInfo(t.Context(), &flight.FlightDescriptor{Type: flight.DescriptorPATH, Path: make([]string, maxParts+1)})
	wantCode(t, err, codes.InvalidArgument, "16384 parts")
	text := "SELECT 1" + strings.Repeat(" ", 500_000)
	if _, err := f.plain().GetFlightInfo(t.Context(), &flight.FlightDescriptor{Type: flight.DescriptorCMD, Cmd: []byte(text)}); err != nil {
		t.Errorf("a long statement: %v", err)
	}
}

// littleWire is what comes in where there is room for a few calls and small messages.
func littleWire(calls int64) Wire {
	b := memory.NewBudget(1 << 30)
	return Wire{
		Calls: b.NewPart("calls", 0, calls*(callBytes+64<<10+1000)), Messages: b.NewPart("messages", 0, 1<<20),
		Statements: b.NewPart("statements", 0, 1<<20), Window: 64 << 10,
	}
}

// wantNothingHeld waits until nothing is held.
func wantNothingHeld(t *testing.T, w Wire) {
	t.Helper()
	for _, p := range []*memory.Part{w.Calls, w.Messages, w.Statements} {
		waitsFor(t, "nothing held by "+p.Name(), func() bool { return p.Used() == 0 })
	}
}

// byHand is a client that writes HTTP/2 frames one by one.
type byHand struct {
	t    *testing.T
	conn net.Conn
	to   *http2.Framer
}

func dialHTTP2(t *testing.T, addr string) *byHand {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &byHand{t, conn, http2.NewFramer(conn, conn)}
	c.to.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_, err = conn.Write([]byte(http2.ClientPreface))
	c.must(errors.Join(err, c.to.WriteSettings()))
	return c
}

func (c *byHand) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// open begins the only call of the connection.
func (c *byHand) open(method string) {
	c.t.Helper()
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, h := range [][2]string{
		{":method", "POST"},
		{":scheme", "http"},
		{":path", servicePrefix + method},
		{":authority", "x"},
		{"content-type", "application/grpc"},
		{"te", "trailers"},
		{"grpc-encoding", "identity"},
	} {
		c.must(enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}))
	}
	c.must(c.to.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}))
}

func (c *byHand) data(b []byte) {
	c.t.Helper()
	c.must(c.to.WriteData(1, false, b))
}

// status returns what the call ended with.
func (c *byHand) status() string {
	c.t.Helper()
	for {
		frame, err := c.to.ReadFrame()
		c.must(err)
		headers, ok := frame.(*http2.MetaHeadersFrame)
		if !ok {
			continue
		}
		for _, h := range headers.Fields {
			if h.Name == "grpc-message" {
				return h.Value
			}
		}
	}
}

func TestAMessageThatIsTooLargeIsRefusedByItsSize(t *testing.T) {
	wire := littleWire(8)
	f := start(t, func(o *Options) { o.Wire, o.MaxMessage = wire, 300_000 })
	c := f.plain()
	large := make([]byte, 310_000)
	for name, call := range map[string]func() error{
		"a descriptor": func() error {
			_, err := c.GetFlightInfo(t.Context(), &flight.FlightDescriptor{Type: flight.DescriptorCMD, Cmd: large})
			return err
		},
		"a ticket": func() error {
			s, err := c.DoGet(t.Context(), &flight.Ticket{Ticket: large})
			if err == nil {
				_, err = s.Recv()
			}
			return err
		},
		"an action": func() error {
			s, err := c.DoAction(t.Context(), &flight.Action{Type: "x", Body: large})
			if err == nil {
				_, err = s.Recv()
			}
			return err
		},
		"criteria": func() error {
			s, err := c.ListFlights(t.Context(), &flight.Criteria{Expression: large})
			if err == nil {
				_, err = s.Recv()
			}
			return err
		},
		"a batch": func() error { return f.put(t.Context()).send(&flight.FlightData{DataBody: large}).end() },
	} {
		t.Run(name, func(t *testing.T) {
			wantCode(t, call(), codes.ResourceExhausted, "the message has 3100", "300000", "--memory-limit")
		})
	}
	wantNothingHeld(t, wire)
}

func TestCallsWaitForTheirMessagesForSoLong(t *testing.T) {
	wire := littleWire(8)
	f := start(t, func(o *Options) { o.Wire, o.MessageTime = wire, 50*time.Millisecond })
	// A call with one message that does not come.
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	conn, err := grpc.NewClient(f.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	stream, err := conn.NewStream(t.Context(), desc, servicePrefix+"GetFlightInfo")
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, stream.RecvMsg(&pb.FlightInfo{}), codes.DeadlineExceeded, "did not come", "50ms")
	// A stream that is idle is not waited for, and holds no message.
	p := f.put(t.Context())
	time.Sleep(150 * time.Millisecond)
	if wire.Messages.Used() != 0 || wire.Calls.Used() == 0 {
		t.Errorf("an idle stream holds %d and %d bytes", wire.Calls.Used(), wire.Messages.Used())
	}
	if err := p.end(); err == nil {
		t.Error("an empty stream is no error")
	}
	wantNothingHeld(t, wire)
}

func TestAMessageThatIsBegunComesInTime(t *testing.T) {
	wire := littleWire(8)
	f := start(t, func(o *Options) { o.Wire, o.MessageTime = wire, 50*time.Millisecond })
	c := dialHTTP2(t, f.addr)
	c.open("DoPut")
	c.data(append([]byte{0, 0, 1, 0, 0, 0x12, 0xfb, 0xff, 0x03}, make([]byte, 10_000)...)) // of 64 KiB, nearly all one field
	waitsFor(t, "a message that is held", func() bool { return wire.Messages.Used() == 128<<10 })
	wantNothingHeld(t, wire)
	if status := c.status(); !strings.Contains(status, "65536") {
		t.Errorf("the client is told %q", status)
	}
}

func TestCallsForWhichThereIsNoRoomAreRefused(t *testing.T) {
	wire := littleWire(8)
	f := start(t, func(o *Options) { o.Wire = wire })
	ctx, cancel := context.WithCancel(t.Context())
	var refused error
	open := 0
	for range 10 {
		stream, err := f.plain().DoPut(ctx)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { _, err := stream.Recv(); ended <- err }()
		select {
		case refused = <-ended:
		case <-time.After(50 * time.Millisecond):
			open++
		}
	}
	if open != 6 {
		t.Errorf("%d streams are open, want three quarters of 8", open)
	}
	wantCode(t, refused, codes.ResourceExhausted, "streams that are written", "--memory-limit")
	if got := f.query(f.client(), "SELECT 1"); got != "1" {
		t.Errorf("beside them, SELECT 1 is %q", got)
	}
	cancel()
	wantNothingHeld(t, wire)
}

func TestConnectionsBeyondTheMostAreToldSo(t *testing.T) {
	f := start(t, func(o *Options) { o.Wire.Connections = 2 })
	a, b := f.client(), f.client()
	f.query(a, "SELECT 1")
	f.query(b, "SELECT 1")
	_, err := tryQuery(t.Context(), f.client(), "SELECT 1")
	wantCode(t, err, codes.ResourceExhausted, "2 connections", "--max-connections")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	waitsFor(t, "room for another", func() bool { _, err := tryQuery(t.Context(), f.client(), "SELECT 1"); return err == nil })
}

func TestMessagesCompressedByTheTransportAreRefused(t *testing.T) {
	f := start(t, nil)
	c := dialHTTP2(t, f.addr)
	c.open("GetFlightInfo")
	c.data([]byte{1, 0, 0, 0, 3, 1, 2, 3})
	if status := c.status(); !strings.Contains(status, "compressed") {
		t.Errorf("the client is told %q", status)
	}
}
