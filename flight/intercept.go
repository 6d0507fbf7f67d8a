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
	"google.golang.org/grpc/tap"
)

const (
	servicePrefix   = "/arrow.flight.protocol.FlightService/"
	handshakeMethod = servicePrefix + "Handshake"
)

// tap refuses calls without credentials before their messages are read. It runs in the
// connection's reader, so it does nothing else.
func (s *Server) tap(ctx context.Context, info *tap.Info) (_ context.Context, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.finish(info.FullMethodName, p, nil)
		}
	}()
	if strings.HasPrefix(info.FullMethodName, servicePrefix) && info.FullMethodName != handshakeMethod {
		_, err = s.authenticate(info.Header)
	}
	return ctx, err
}

// unary is the interceptor of calls with one message in each direction.
func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	defer func() { err = s.finish(info.FullMethod, recover(), err) }()
	ctx, done, err := s.admit(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	defer done()
	resp, err = handler(ctx, req)
	return resp, because(ctx, err)
}

// stream is the interceptor of the other calls.
func (s *Server) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer func() { err = s.finish(info.FullMethod, recover(), err) }()
	ctx, done, err := s.admit(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	defer done()
	return because(ctx, handler(srv, &callStream{ServerStream: stream, ctx: ctx}))
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

// callStream is a stream with the context of its call.
type callStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // a stream is asked for its context
}

// Context returns the context of the call.
func (s *callStream) Context() context.Context { return s.ctx }

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
