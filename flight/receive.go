package flight

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/engine/plan"
)

const (
	// smallMessage is what a message may have that is paid for by its call, in bytes.
	smallMessage = 8 << 10
	// healthBytes is the most that a question after the server's health may have.
	healthBytes = 1 << 10
	// leastRate is how slowly a message may come, in bytes a second, beside
	// Options.MessageTime.
	leastRate = 64 << 10
	// messageFactor is how many bytes a message takes for each of its own while it is
	// read: what has come, and what is made of it. A statement takes one more.
	messageFactor   = 2
	statementFactor = 3
	// frameFactor is how many bytes a byte takes that comes in a frame of its own, and
	// leastPiece what is read at once however small a message is.
	frameFactor = 64
	leastPiece  = 1 << 10
	// statementWait is how long a large statement waits for memory.
	statementWait = 30 * time.Second
)

// transport is the stream of bytes below the messages of a call. gRPC's own stream is
// one, though it does not say so: its messages are read whole before anybody is asked.
type transport interface {
	ReadMessageHeader(header []byte) error
	Read(n int) (mem.BufferSlice, error)
}

// callStream is a stream with the context of its call, whose messages are counted
// before they are read (F9).
type callStream struct {
	grpc.ServerStream
	ctx    context.Context //nolint:containedctx // a stream is asked for its context
	server *Server
	visit  *visit
	from   transport
	method string

	many bool         // messages come; otherwise one
	held *memory.Hold // by the message at hand
}

// newCallStream returns the stream of a call.
func (s *Server) newCallStream(ctx context.Context, stream grpc.ServerStream, info *grpc.StreamServerInfo, v *visit) (*callStream, error) {
	from, ok := grpc.ServerTransportStreamFromContext(stream.Context()).(transport)
	if !ok {
		return nil, status.Error(codes.Internal, "the transport has no stream of bytes below its messages")
	}
	part := s.opts.Wire.Statements
	if info.IsClientStream {
		part = s.opts.Wire.Messages
	}
	return &callStream{ServerStream: stream, ctx: ctx, server: s, visit: v, from: from, method: info.FullMethod, many: info.IsClientStream, held: part.Hold()}, nil
}

// Context returns the context of the call.
func (s *callStream) Context() context.Context { return s.ctx }

// close gives back what the message at hand held.
func (s *callStream) close() { s.held.Close() }

// limit is the largest message of the call.
func (s *callStream) limit() int {
	switch {
	case s.method == handshakeMethod:
		return handshakeBytes
	case !s.visit.flight:
		return healthBytes
	}
	return s.server.opts.MaxMessage
}

// RecvMsg receives the next message: it learns its size, waits for the memory that it
// takes, and only then lets the client send it. The one before is given back.
func (s *callStream) RecvMsg(into any) error {
	s.held.Release(math.MaxInt64)
	message, ok := into.(proto.Message)
	if !ok {
		return status.Errorf(codes.Internal, "a %T is no message", into)
	}
	n, err := s.next()
	if err != nil {
		return err
	}
	if err := s.reserve(n); err != nil {
		return err
	}
	err = s.read(n, message)
	s.held.Release(s.cost(n) - s.keep(n))
	if err == nil {
		err = checkParts(message)
	}
	if err != nil || s.many {
		return err
	}
	return s.end()
}

// next returns the size of the next message. Where one is all that comes it has to
// come soon; a stream of many may be idle for as long as it likes.
func (s *callStream) next() (int, error) {
	var header [5]byte
	if !s.many {
		defer s.within(s.server.opts.MessageTime, 0)()
	}
	if err := s.from.ReadMessageHeader(header[:]); err != nil {
		if errors.Is(err, io.EOF) {
			s.visit.ended()
		}
		return 0, s.broken(err)
	}
	n := int64(binary.BigEndian.Uint32(header[1:]))
	if limit := s.limit(); n > int64(limit) {
		return 0, tooLarge(s.method, n, limit)
	}
	if header[0] != 0 {
		return 0, status.Error(codes.Unimplemented, "the message is compressed by gRPC, which this server does not take: send it as it is, and let Arrow compress the buffers (lz4, zstd)")
	}
	return int(n), nil
}

// tooLarge refuses a message for its size.
func tooLarge(method string, n int64, limit int) error {
	switch {
	case method == handshakeMethod:
		return status.Errorf(codes.ResourceExhausted, "the handshake has %d bytes, more than %d", n, limit)
	case limit == healthBytes:
		return status.Errorf(codes.ResourceExhausted, "the message has %d bytes, more than %d", n, limit)
	}
	return toStatus(plan.Errorf(0, plan.CodeOutOfMemory, "the message has %d bytes, more than the %d that one may have", n, limit).
		WithHint("send smaller batches, or raise the server's --memory-limit")).Err()
}

// cost is what a message takes while it is read, and keep what it does afterwards.
func (s *callStream) cost(n int) int64 {
	switch {
	case n <= smallMessage:
		return 0
	case s.many:
		return messageFactor * int64(n)
	}
	return statementFactor * int64(n)
}

func (s *callStream) keep(n int) int64 {
	switch {
	case n <= smallMessage:
		return 0
	case s.many:
		return int64(n)
	}
	return s.cost(n) // what is unpacked of it
}

// reserve waits for the memory of a message.
func (s *callStream) reserve(n int) error {
	cost := s.cost(n)
	if cost > 0 {
		ctx, cancel := s.ctx, context.CancelFunc(func() {})
		if !s.many {
			ctx, cancel = context.WithTimeout(ctx, statementWait)
		}
		defer cancel()
		if err := s.held.Reserve(ctx, cost); err != nil {
			if s.ctx.Err() == nil && ctx.Err() != nil {
				return plan.Errorf(0, plan.CodeOutOfMemory, "a message of %d bytes waited %s for memory, which other messages hold", n, statementWait).
					WithHint("try again when others have ended, send smaller messages, or raise the server's --memory-limit")
			}
			return err
		}
	}
	return nil
}

// read reads a message of n bytes. It comes in pieces, because each of its frames, be
// there but one byte in it, takes some sixty bytes until it is copied: no more of them
// are outstanding than have been reserved.
func (s *callStream) read(n int, into proto.Message) error {
	defer s.within(s.server.opts.MessageTime, n)()
	piece := n
	if s.server.opts.Wire.Messages.Most() > 0 {
		piece = max(n/frameFactor, leastPiece)
	}
	d := decoder{source: source{from: s.from, rest: n, piece: piece}, left: n}
	defer d.close()
	err := d.decode(into.ProtoReflect())
	if d.err != nil {
		return s.broken(d.err)
	}
	return err
}

// end sees that nothing comes behind the only message.
func (s *callStream) end() error {
	defer s.within(s.server.opts.MessageTime, 0)()
	var header [5]byte
	err := s.from.ReadMessageHeader(header[:])
	if err == nil {
		return status.Error(codes.Internal, "a second message came, where the call has one")
	}
	if errors.Is(err, io.EOF) {
		s.visit.ended()
		return nil
	}
	return s.broken(err)
}

// within ends the call if a message of n bytes does not come in time. The function
// that it returns is called when it has come.
func (s *callStream) within(base time.Duration, n int) (came func()) {
	d := base + time.Duration(n)*time.Second/leastRate
	timer := time.AfterFunc(d, func() { s.visit.cancel(&stalledError{n, d}) })
	return func() { timer.Stop() }
}

// stalledError ends a call whose message does not come.
type stalledError struct {
	bytes int // of the message; 0: not known yet
	after time.Duration
}

func (e *stalledError) Error() string {
	if e.bytes == 0 {
		return "the message did not come, or the call was not closed for sending, within " + e.after.Round(time.Millisecond).String()
	}
	return fmt.Sprintf("a message of %d bytes was begun and did not come within %s", e.bytes, e.after.Round(time.Millisecond))
}

// broken returns why a stream of bytes ended early.
func (s *callStream) broken(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	var stalled *stalledError
	if errors.As(context.Cause(s.visit.ctx), &stalled) {
		return status.Error(codes.DeadlineExceeded, stalled.Error())
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return status.Error(codes.InvalidArgument, "the call ended within a message")
	}
	return err
}
