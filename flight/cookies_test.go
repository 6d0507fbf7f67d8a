package flight

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// cookieJar keeps what the server sets and sends it with every call. The library's own
// middleware loses the headers of a stream now and then: where the stream's context
// ends before it has looked.
type cookieJar struct {
	mu     sync.Mutex
	values map[string]string
}

func newCookieJar() *cookieJar { return &cookieJar{values: map[string]string{}} }

func (j *cookieJar) middleware() flight.ClientMiddleware {
	return flight.ClientMiddleware{
		Unary: func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			var header metadata.MD
			err := invoke(j.add(ctx), method, req, reply, conn, append(opts, grpc.Header(&header))...)
			j.keep(header)
			return err
		},
		Stream: func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			stream, err := open(j.add(ctx), desc, conn, method, opts...)
			if err != nil {
				return nil, err
			}
			return &jarStream{ClientStream: stream, jar: j}, nil
		},
	}
}

// jarStream is a stream whose headers are kept with its first answer.
type jarStream struct {
	grpc.ClientStream
	jar  *cookieJar
	seen bool
}

func (s *jarStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if !s.seen {
		s.seen = true
		if header, headerErr := s.Header(); headerErr == nil {
			s.jar.keep(header)
		}
	}
	return err
}

func (j *cookieJar) add(ctx context.Context) context.Context {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(j.values)) {
		ctx = metadata.AppendToOutgoingContext(ctx, "cookie", name+"="+j.values[name])
	}
	return ctx
}

func (j *cookieJar) keep(header metadata.MD) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, line := range header.Get("set-cookie") {
		cookie, err := http.ParseSetCookie(line)
		switch {
		case err != nil:
		case cookie.MaxAge < 0:
			delete(j.values, cookie.Name)
		default:
			j.values[cookie.Name] = cookie.Value
		}
	}
}
