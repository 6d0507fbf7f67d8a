package s3test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Fault is what a [Proxy] does to one request. The zero value does nothing.
type Fault struct {
	Delay time.Duration // before anything else
	Hang  bool          // there is no answer until the client gives up

	// After says that the server carries the request out before the fault, whose
	// answer then takes the place of the server's.
	After  bool
	Status int    // answer with this status and
	Code   string // this code of an S3 error, "": without a body
	Drop   bool   // close the connection instead of an answer

	// What is done to an answer of the server. The header still declares all of it.
	Truncate int    // send this many bytes of the body less
	Flip     bool   // flip a bit in the middle of the body
	Cut      int    // declare and send this many bytes less
	Header   string // a header to set, as name:value

	FlipRequest bool // flip a bit of the request's body
}

// Proxy stands between a bucket and a server, and spoils requests on demand.
type Proxy struct {
	Endpoint string // URL

	target *url.URL
	client *http.Transport

	mu struct {
		sync.Mutex
		fault    func(*http.Request) Fault
		requests []string
	}
}

// NewProxy returns a proxy in front of a server, which is closed when the test ends.
func NewProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	target, err := url.Parse(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Endpoint: "http://" + l.Addr().String(), target: target, client: &http.Transport{}}
	server := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		_ = server.Serve(l) // until it is closed
		close(served)
	}()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-served
		p.client.CloseIdleConnections()
	})
	return p
}

// Fail makes the proxy ask what to do to each request from now on; nil: nothing. It
// must be safe for concurrent use.
func (p *Proxy) Fail(fault func(*http.Request) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.fault = fault
}

// FailFirst makes the proxy spoil the first n requests that a function picks. What it
// returns says how many of them have not come yet.
func (p *Proxy) FailFirst(n int, pick func(*http.Request) bool, fault Fault) (left func() int) {
	var mu sync.Mutex
	p.Fail(func(r *http.Request) Fault {
		mu.Lock()
		defer mu.Unlock()
		if n == 0 || !pick(r) {
			return Fault{}
		}
		n--
		return fault
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// Requests returns the requests that have come in since it was last called, as methods
// and paths.
func (p *Proxy) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	requests := p.mu.requests
	p.mu.requests = nil
	return requests
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := p.note(r)
	if fault.Delay > 0 {
		select {
		case <-time.After(fault.Delay):
		case <-r.Context().Done():
			return
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has given up
	}
	if fault.Hang {
		<-r.Context().Done()
		return
	}
	instead := fault.Drop || fault.Status != 0
	if instead && !fault.After {
		fault.answer(w)
		return
	}
	if fault.FlipRequest && len(body) > 0 {
		body[len(body)/2] ^= 1
	}
	answer, data, err := p.forward(r, body)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadGateway)
	case instead:
		fault.answer(w)
	default:
		fault.pass(w, r, answer, data)
	}
}

func (p *Proxy) note(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.requests = append(p.mu.requests, r.Method+" "+r.URL.RequestURI())
	if p.mu.fault == nil {
		return Fault{}
	}
	return p.mu.fault(r)
}

// forward sends a request on as it is: its signature covers the host's name.
func (p *Proxy) forward(r *http.Request, body []byte) (*http.Response, []byte, error) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = p.target.Scheme, p.target.Host, ""
	out.Body, out.ContentLength = http.NoBody, int64(len(body))
	if len(body) > 0 {
		out.Body = io.NopCloser(bytes.NewReader(body))
	}
	answer, err := p.client.RoundTrip(out)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	data, err := io.ReadAll(answer.Body)
	return answer, data, err
}

// answer answers in the place of the server.
func (f Fault) answer(w http.ResponseWriter) {
	if f.Drop {
		drop(w)
		return
	}
	if f.Code == "" {
		w.WriteHeader(f.Status)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(f.Status)
	_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>the proxy says so</Message></Error>`, f.Code)
}

// drop closes the connection of an answer.
func drop(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	if conn, _, err := hijacker.Hijack(); err == nil {
		_ = conn.Close()
	}
}

// pass passes on the server's answer, spoilt.
func (f Fault) pass(w http.ResponseWriter, r *http.Request, answer *http.Response, data []byte) {
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	if f.Header != "" {
		name, value, _ := bytes.Cut([]byte(f.Header), []byte(":"))
		w.Header().Set(string(name), string(value))
	}
	if f.Flip && len(data) > 0 {
		data[len(data)/2] ^= 1
	}
	data = data[:max(len(data)-f.Cut, 0)]
	if r.Method != http.MethodHead {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	}
	w.WriteHeader(answer.StatusCode)
	if f.Truncate > 0 {
		_, _ = w.Write(data[:max(len(data)-f.Truncate, 0)])
		if flusher, ok := w.(http.Flusher); ok {
			flusher.Flush()
		}
		drop(w)
		return
	}
	_, _ = w.Write(data) // the client may have given up
}
