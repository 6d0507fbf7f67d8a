package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/flight"
)

// server is a database in a directory, served over Flight by this process.
type server struct {
	address string
	db      *trellis.DB
	flight  *flight.Server
	served  chan error
	dir     string
	remove  bool // the directory, at the end
}

// start opens the database in a directory, a new one that stop removes where the name
// is empty, and serves it. Where listen is empty, the usual port is taken, or another
// one if that is in use.
func start(ctx context.Context, dir, listen string, logger *slog.Logger) (*server, error) {
	s := &server{dir: dir, served: make(chan error, 1)}
	lis, err := listener(listen)
	if err != nil {
		return nil, err
	}
	if dir == "" {
		if s.dir, err = os.MkdirTemp("", "trellis-demo-"); err != nil {
			return nil, errors.Join(err, lis.Close())
		}
		s.remove = true
	}
	s.address = lis.Addr().String()
	clock := func() int64 { return time.Now().UnixMicro() }
	s.db, err = trellis.Open(ctx, trellis.Options{Dir: s.dir, Clock: clock, Logger: logger, Workers: runtime.GOMAXPROCS(0)})
	if err != nil {
		return nil, errors.Join(err, lis.Close(), s.clean())
	}
	s.flight, err = flight.New(flight.Options{Engine: s.db.Engine, Clock: clock, Logger: logger})
	if err != nil {
		return nil, errors.Join(err, lis.Close(), s.db.Close(ctx), s.clean())
	}
	go func() { s.served <- s.flight.Serve(lis) }()
	return s, nil
}

// usual is where a server listens unless it is told otherwise.
const usual = "127.0.0.1:31337"

func listener(listen string) (net.Listener, error) {
	if listen != "" {
		return net.Listen("tcp", listen)
	}
	lis, err := net.Listen("tcp", usual)
	if errors.Is(err, syscall.EADDRINUSE) {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	return lis, err
}

// stopTime is how long calls that are under way may take to end.
const stopTime = 10 * time.Second

// stop ends the server and closes the database.
func (s *server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	err := s.flight.Shutdown(ctx)
	return errors.Join(err, <-s.served, s.db.Close(context.Background()), s.clean())
}

// clean removes the directory where it is the demo's own.
func (s *server) clean() error {
	if !s.remove {
		return nil
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("directory %s: %w", s.dir, err)
	}
	return nil
}
