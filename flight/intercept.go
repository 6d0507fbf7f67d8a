package flight

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	servicePrefix   = "/arrow.flight.protocol.FlightService/"
	handshakeMethod = servicePrefix + "Handshake"
)

// stream is the interceptor of calls, all of which are streams.
func (s *Server) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer func() { err = s.finish(info.FullMethod, recover(), err) }()
	v := visitOf(stream.Context())
	if v == nil || !v.begin() {
		return context.Cause(stream.Context())
	}
	defer v.end()
	ctx, done, err := s.admit(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	defer done()
	call, err := s.newCallStream(ctx, stream, info, v)
	if err != nil {
		return err
	}
	defer call.close()
	c := callOf(ctx)
	c.held = s.opts.Wire.Statements.Hold()
	defer c.held.Close()
	return because(ctx, handler(srv, call))
}

// because returns why a call was cancelled, where the server did it; other errors stay
// what they are.
func because(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, errShutdown) && (errors.Is(err, context.Canceled) || status.Code(err) == codes.Canceled) {
		return cause
	}
	return err
}

// admit finds out who calls and with which settings. The context that it returns
// ends with the call or when the server is shut down for good.
func (s *Server) admit(ctx context.Context, method string) (context.Context, func(), error) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.life, func() { cancel(context.Cause(s.life)) })
	done := func() { stop(); cancel(nil) }
	if !strings.HasPrefix(method, servicePrefix) || method == handshakeMethod {
		return ctx, done, nil
	}
	md, _ := metadata.FromIncomingContext(ctx)
	user, err := s.authenticate(md)
	if err != nil {
		done()
		return nil, nil, err
	}
	c, err := s.newCall(user, md)
	if err != nil {
		done()
		return nil, nil, err
	}
	return context.WithValue(ctx, callKey{}, c), done, nil
}

// finish turns what a handler ended with into a status (F5).
func (s *Server) finish(method string, panicked any, err error) error {
	if panicked != nil {
		s.opts.Logger.Error("a call hit a bug", "method", method, "panic", panicked, "stack", string(debug.Stack()))
		return status.Error(codes.Internal, shorten(fmt.Sprintf("internal error: %v", panicked)))
	}
	if err == nil {
		return nil
	}
	st := toStatus(err)
	if code := st.Code(); code == codes.Internal || code == codes.DataLoss || code == codes.Unknown {
		s.opts.Logger.Error("a call ended with an error", "method", method, "code", code.String(), "error", err)
	}
	return st.Err()
}
