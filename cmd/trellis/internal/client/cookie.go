package client

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// cookies keeps what the server sets and sends it with every call: it is the session.
//
// The middleware of the library sees the headers of a call that is not read to its end
// only when the garbage collector does; the client's own updates are such calls. This
// one reads them with the first answer.
type cookies struct {
	sync.Mutex
	values map[string]string
}

// middleware returns the cookies as a client's middleware.
func (c *cookies) middleware() flight.ClientMiddleware {
	return flight.ClientMiddleware{
		Unary: func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			var header metadata.MD
			err := invoke(c.add(ctx), method, req, reply, conn, append(opts, grpc.Header(&header))...)
			c.keep(header)
			return err
		},
		Stream: func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			stream, err := open(c.add(ctx), desc, conn, method, opts...)
			if err != nil {
				return nil, err
			}
			return &cookieStream{ClientStream: stream, cookies: c}, nil
		},
	}
}

// add adds the cookies to the headers of a call.
func (c *cookies) add(ctx context.Context) context.Context {
	c.Lock()
	defer c.Unlock()
	if len(c.values) == 0 {
		return ctx
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(c.values)) {
		pairs = append(pairs, name+"="+c.values[name])
	}
	return metadata.AppendToOutgoingContext(ctx, "cookie", strings.Join(pairs, "; "))
}

// keep takes in the cookies of an answer.
func (c *cookies) keep(header metadata.MD) {
	set := header.Get("set-cookie")
	if len(set) == 0 {
		return
	}
	answer := http.Response{Header: http.Header{"Set-Cookie": set}}
	c.Lock()
	defer c.Unlock()
	for _, cookie := range answer.Cookies() {
		if cookie.MaxAge < 0 {
			delete(c.values, cookie.Name)
			continue
		}
		if c.values == nil {
			c.values = map[string]string{}
		}
		c.values[cookie.Name] = cookie.Value
	}
}

// cookieStream is a call that looks for cookies in its first answer.
type cookieStream struct {
	grpc.ClientStream
	cookies *cookies
	seen    bool
}

// RecvMsg receives an answer. The headers are there with the first.
func (s *cookieStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if !s.seen {
		s.seen = true
		if header, headerErr := s.Header(); headerErr == nil {
			s.cookies.keep(header)
		}
	}
	return err
}
