package postgrestest

import (
	"bytes"
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Proxy stands between a client and the server, and cuts a connection where it is told
// to.
type Proxy struct {
	listener net.Listener
	server   string
	group    sync.WaitGroup

	mu struct {
		sync.Mutex
		conns  map[net.Conn]bool
		word   []byte // the next request with this word is the last of its connection; nil: none
		answer bool   // the request is passed on, its answer is not
		cuts   int
	}
}

// StartProxy starts a proxy for a server that listens on a port. It ends with the test.
func StartProxy(t testing.TB, port int) *Proxy {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: listener, server: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	p.mu.conns = map[net.Conn]bool{}
	p.group.Go(p.accept)
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.CutAll()
		p.group.Wait()
	})
	return p
}

// Port returns the port at which the proxy listens.
func (p *Proxy) Port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// CutAt makes the next request with a word the last of its connection: it is lost, or
// its answer is.
func (p *Proxy) CutAt(word string, answer bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.word, p.mu.answer, p.mu.cuts = []byte(word), answer, 0
}

// Cuts returns how often a connection was cut since CutAt was called.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.cuts
}

// CutAll cuts all connections.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.mu.conns {
		_ = conn.Close()
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := (&net.Dialer{}).Dial("tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.mu.conns[client], p.mu.conns[server] = true, true
		p.mu.Unlock()
		end := func() {
			_, _ = client.Close(), server.Close()
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.mu.conns, client)
			delete(p.mu.conns, server)
		}
		lose := make(chan struct{}) // closed when the server's answers are lost
		p.group.Go(func() { defer end(); p.requests(client, server, lose) })
		p.group.Go(func() { defer end(); answers(client, server, lose) })
	}
}

// requests passes on what the client says.
func (p *Proxy) requests(client, server net.Conn, lose chan struct{}) {
	buffer := make([]byte, 1<<20)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		cut, answer := p.mu.word != nil && bytes.Contains(buffer[:n], p.mu.word), p.mu.answer
		if cut {
			p.mu.word = nil
			p.mu.cuts++
		}
		p.mu.Unlock()
		if cut && !answer {
			return
		}
		if cut {
			close(lose)
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// answers passes on what the server says.
func answers(client, server net.Conn, lose chan struct{}) {
	buffer := make([]byte, 1<<20)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		select {
		case <-lose:
			return
		default:
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
