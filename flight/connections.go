package flight

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/peer"

	"github.com/trellisdb/trellis/engine/plan"
)

// refusals is how many connections beyond the most are told so at once, and refusalTime
// how long one of them has to ask.
const (
	refusals    = 16
	refusalTime = 2 * time.Second
)

// limited is a listener that takes so many connections at once, and a few more whose
// calls are refused. What comes beyond those is closed.
func (s *Server) limited(lis net.Listener) net.Listener {
	if s.opts.Wire.Connections <= 0 {
		return lis
	}
	return &limitedListener{Listener: lis, open: make(chan struct{}, s.opts.Wire.Connections), refused: &s.refused}
}

type limitedListener struct {
	net.Listener
	open    chan struct{} // has an entry for each connection
	refused *refused
}

// Accept returns the next connection for which there is room, or that is told that
// there is none.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.open <- struct{}{}:
			return &limitedConn{Conn: conn, left: func() { <-l.open }}, nil
		default:
		}
		from := conn.RemoteAddr().String()
		if !l.refused.add(from) {
			_ = conn.Close()
			continue
		}
		late := time.AfterFunc(refusalTime, func() { _ = conn.Close() })
		return &limitedConn{Conn: conn, left: func() {
			late.Stop()
			l.refused.remove(from)
		}}, nil
	}
}

// refused are the connections whose calls are refused, by their clients' addresses.
type refused struct {
	n  atomic.Int32
	mu struct {
		sync.Mutex
		from map[string]struct{}
	}
}

func (r *refused) add(from string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.mu.from) >= refusals {
		return false
	}
	if r.mu.from == nil {
		r.mu.from = map[string]struct{}{}
	}
	r.mu.from[from] = struct{}{}
	r.n.Store(int32(len(r.mu.from)))
	return true
}

func (r *refused) remove(from string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.mu.from, from)
	r.n.Store(int32(len(r.mu.from)))
}

// checkConnection refuses a call of a connection that there is no room for.
func (s *Server) checkConnection(ctx context.Context) error {
	if s.refused.n.Load() == 0 {
		return nil
	}
	from, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	s.refused.mu.Lock()
	defer s.refused.mu.Unlock()
	if _, ok := s.refused.mu.from[from.Addr.String()]; !ok {
		return nil
	}
	return toStatus(plan.Errorf(0, plan.CodeOutOfMemory, "the server has %d connections, as many as it may", s.opts.Wire.Connections).
		WithHint("close some, use one connection for many calls, or raise the server's --max-connections")).Err()
}

// limitedConn is a connection that counts until it is closed.
type limitedConn struct {
	net.Conn
	once sync.Once
	left func()
}

// Close closes the connection.
func (c *limitedConn) Close() error {
	defer c.once.Do(c.left)
	return c.Conn.Close()
}
