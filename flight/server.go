package flight

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/ingest"
	"github.com/trellisdb/trellis/engine/plan"
)

// Engine is what the server serves; *engine.Engine is one.
type Engine interface {
	// NewSession returns a session of a user with the initial settings.
	NewSession(user string) *engine.Session
	// Prepare looks at a statement: it learns its columns and parameters.
	Prepare(ctx context.Context, s *engine.Session, text string) (*engine.Statement, error)
	// Query runs a statement that yields rows.
	Query(ctx context.Context, s *engine.Session, st *engine.Statement, params []plan.Literal) (columnar.Stream, error)
	// Exec runs a statement that yields none and returns how many it wrote.
	Exec(ctx context.Context, s *engine.Session, st *engine.Statement, params []plan.Literal) (int64, error)
	// NewIngest begins a stream of batches of samples.
	NewIngest(s *engine.Session, opts ingest.Options) *engine.Ingest
	// NewBackfill begins a stream of batches of samples that become one edit.
	NewBackfill(ctx context.Context, s *engine.Session, opts ingest.Options) (*engine.Backfill, error)
	// Version returns the version that the server tells.
	Version() string
}

// Options are what a server is made of. Engine and Clock are required; the zero
// value of every other field is a good default.
type Options struct {
	Engine Engine
	Clock  func() int64 // the present instant, in microseconds
	Logger *slog.Logger // nil: none

	// SigningKey signs tickets, handles, cookies and tokens. Servers with the same
	// key serve one another's. nil: a random one.
	SigningKey []byte
	// TicketLife is how long a ticket can be fetched; 0: an hour.
	TicketLife time.Duration
	// MaxMessage is the largest message that is taken in, in bytes, and the largest
	// size that a batch may have when uncompressed; 0: 64 MiB.
	MaxMessage int
	// Ingest is the memory of the batches that come in; nil: it is only counted.
	Ingest *memory.Part
	// Wire is the memory of what comes in before it is a statement or a batch.
	Wire Wire
	// MessageTime is how long a message may take to come once it has begun, beside a
	// second for each 64 KiB of it; 0: 20 s.
	MessageTime time.Duration

	// TLS encrypts; with ClientAuth set it also asks clients for certificates.
	TLS *tls.Config
	// Users are the users' passwords by name; nil: whoever reaches the server may
	// use it.
	Users map[string]string
	// Open lets a server without users listen on other interfaces than loopback.
	Open bool
}

// window is what a stream's client may send before it is read, in bytes. It is fixed: one
// that grows with the line would let unread messages grow with it.
const window = 1 << 18

// maxHeaders is the most that the headers of a call may have, in bytes.
const maxHeaders = 64 << 10

// maxMessageBytes is the largest message by default.
const maxMessageBytes = 64 << 20

// Server is a Flight SQL server.
type Server struct {
	opts    Options
	seal    sealer
	shaking chan struct{} // has an entry for each handshake whose payload is read
	writers atomic.Int64  // bytes that streams that are written hold of Wire.Calls
	refused refused       // connections beyond the most
	grpc    *grpc.Server
	health  *health.Server
	running running

	life context.Context //nolint:containedctx // the server's: ends what still runs at the end of Shutdown
	die  context.CancelCauseFunc

	stopping chan struct{} // closed when Shutdown begins
	stop     sync.Once
}

// errStopping ends the streams that are written when Shutdown begins.
var errStopping error = plan.Errorf(0, plan.CodeShutdown, "the server is shutting down; what was acknowledged is stored")

// errShutdown ends the calls that outlast Shutdown's deadline.
var errShutdown error = plan.Errorf(0, plan.CodeShutdown, "the server is shutting down").
	WithHint("run the statement again when the server is back: one that writes has written nothing, or all of it")

// farewell is how long the calls that Shutdown has cancelled have to tell their clients.
const farewell = 2 * time.Second

// New returns a server that is ready to serve.
func New(opts Options) (*Server, error) {
	if opts.Engine == nil || opts.Clock == nil {
		return nil, errors.New("flight: a server needs an engine and a clock")
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.TicketLife <= 0 {
		opts.TicketLife = time.Hour
	}
	if opts.MaxMessage <= 0 {
		opts.MaxMessage = maxMessageBytes
	}
	if opts.Ingest == nil {
		opts.Ingest = memory.NewBudget(0).NewPart("ingest", 0, 0)
	}
	if opts.MessageTime <= 0 {
		opts.MessageTime = messageTime
	}
	opts.Wire.fill()
	if opts.SigningKey == nil {
		opts.SigningKey = make([]byte, 32)
		if _, err := rand.Read(opts.SigningKey); err != nil {
			return nil, fmt.Errorf("signing key: %w", err)
		}
	}
	s := &Server{opts: opts, seal: sealer{opts.SigningKey}, health: health.NewServer(), stopping: make(chan struct{}), shaking: make(chan struct{}, handshakes)}
	s.life, s.die = context.WithCancelCause(context.Background())
	s.grpc = grpc.NewServer(s.grpcOptions()...)
	s.grpc.RegisterService(asStreams(pb.FlightService_ServiceDesc), newService(s))
	s.grpc.RegisterService(asStreams(grpc_health_v1.Health_ServiceDesc), s.health)
	return s, nil
}

func (s *Server) grpcOptions() []grpc.ServerOption {
	opts := []grpc.ServerOption{
		grpc.ChainStreamInterceptor(s.stream),
		grpc.InTapHandle(s.tap),
		grpc.MaxRecvMsgSize(s.opts.MaxMessage),
		grpc.InitialWindowSize(int32(s.opts.Wire.Window)), // what comes in unread, of a stream
		grpc.InitialConnWindowSize(16 * int32(s.opts.Wire.Window)),
		grpc.MaxHeaderListSize(maxHeaders),
		experimental.BufferPool(frames),
		grpc.ForceServerCodecV2(codec{}),
		grpc.MaxSendMsgSize(max(s.opts.MaxMessage, maxMessageBytes)),
		grpc.MaxConcurrentStreams(256),
		grpc.ConnectionTimeout(20 * time.Second),
		grpc.WaitForHandlers(true),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	}
	if s.opts.Wire.Calls.Most() > 0 { // idle connections are to cost little
		opts = append(opts, grpc.ReadBufferSize(min(s.opts.Wire.Window/4, 32<<10)))
	}
	if s.opts.TLS != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(s.opts.TLS)))
	}
	return opts
}

// Serve serves the connections of a listener, which it closes, until Shutdown; it
// then returns nil. Without users it serves the machine's own clients only, unless
// Options.Open is set.
func (s *Server) Serve(lis net.Listener) error {
	if !s.opts.MayServe(lis.Addr()) {
		err := fmt.Errorf("%s can be reached from other machines and the server has no users: name users, listen on 127.0.0.1, or allow it expressly", lis.Addr())
		return errors.Join(err, lis.Close())
	}
	s.health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
	if err := s.grpc.Serve(s.limited(lis)); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve %s: %w", lis.Addr(), err)
	}
	return nil
}

// MayServe reports whether the Serve of a server with these options takes a listener at
// an address.
func (o *Options) MayServe(addr net.Addr) bool {
	return o.Users != nil || o.Open || loopback(addr)
}

// loopback reports whether only the machine itself can reach an address.
func loopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// Shutdown refuses new calls and waits for those that run; a stream that is written
// ends after the batch at hand. When ctx is done before they are, it cancels them, and
// returns ctx's error once they have ended.
func (s *Server) Shutdown(ctx context.Context) error {
	s.health.Shutdown()
	s.stop.Do(func() { close(s.stopping) })
	ended := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(ended)
	}()
	select {
	case <-ended:
		s.die(errShutdown)
		return nil
	case <-ctx.Done():
	}
	s.die(errShutdown)
	late := time.AfterFunc(farewell, s.grpc.Stop) // clients that do not listen
	defer late.Stop()
	<-ended
	return fmt.Errorf("calls were cancelled: %w", ctx.Err())
}
