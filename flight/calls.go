package flight

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/tap"

	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/engine/plan"
)

// callBytes is what a call takes, beside its headers, its message and what it does:
// goroutines, their stacks, its state in the transport.
const callBytes = 16 << 10

// Wire is the memory of what comes in before it is a statement or a batch. A part that
// is not given is counted only.
type Wire struct {
	Calls      *memory.Part // open calls, and what their clients may send unread
	Messages   *memory.Part // messages of streams, while they are read and until they are stored
	Statements *memory.Part // the other messages, as long as their calls last, and parameters
	Streams    *memory.Part // schemas and dictionaries, as long as their streams last

	// Window is what a stream's client may send before it is read, in bytes; 0: 256 KiB.
	Window int
	// Connections is how many there may be; 0: any number.
	Connections int
}

// fill makes the parts that are not given.
func (w *Wire) fill() {
	all := memory.NewBudget(0)
	for _, p := range []struct {
		part **memory.Part
		name string
	}{{&w.Calls, "calls"}, {&w.Messages, "messages"}, {&w.Statements, "statements"}, {&w.Streams, "streams"}} {
		if *p.part == nil {
			*p.part = all.NewPart(p.name, 0, 0)
		}
	}
	if w.Window <= 0 {
		w.Window = window
	}
}

// visit is a call from its first header to its end.
type visit struct {
	ctx    context.Context //nolint:containedctx // of the call, which it ends
	cancel context.CancelCauseFunc
	flight bool // it is one of Flight

	calls   *memory.Part
	writers *atomic.Int64 // what all streams hold that are written, this one too; nil: it is none
	mu      struct {
		sync.Mutex
		held   int64 // of calls
		window int64 // of it, for what comes unread
		begun  bool  // it has a handler, which ends it
	}
}

type visitKey struct{}

// visitOf returns the visit of a call.
func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}

// begin makes the handler the one who ends the visit; it reports false where the
// client has left already.
func (v *visit) begin() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mu.begun = v.mu.held > 0
	return v.mu.begun
}

// ended gives back what was held for what the client sends: it sends nothing more.
func (v *visit) ended() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.release(v.mu.window)
	v.mu.window = 0
}

func (v *visit) release(n int64) {
	v.calls.Release(n)
	v.mu.held -= n
	if v.writers != nil {
		v.writers.Add(-n)
	}
}

// end gives back what the call held; only the first time has an effect.
func (v *visit) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.release(v.mu.held)
	v.mu.window = 0
}

// left ends a visit that has no handler.
func (v *visit) left() {
	v.mu.Lock()
	begun := v.mu.begun
	v.mu.Unlock()
	if !begun {
		v.end()
	}
}

// tap refuses calls without credentials, and those for which there is no room, before
// their messages are read. It runs in the connection's reader, so it does nothing else.
func (s *Server) tap(ctx context.Context, info *tap.Info) (_ context.Context, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.finish(info.FullMethodName, p, nil)
		}
	}()
	if err := s.checkConnection(ctx); err != nil {
		return ctx, err
	}
	ours := strings.HasPrefix(info.FullMethodName, servicePrefix)
	if ours && info.FullMethodName != handshakeMethod {
		if _, err := s.authenticate(info.Header); err != nil {
			return ctx, err
		}
	}
	return s.letIn(ctx, info, ours)
}

// letIn counts a call, or refuses it.
func (s *Server) letIn(ctx context.Context, info *tap.Info, ours bool) (context.Context, error) {
	wire := &s.opts.Wire
	v := &visit{flight: ours, calls: wire.Calls}
	v.mu.window = int64(wire.Window)
	v.mu.held = callBytes + v.mu.window
	for name, values := range info.Header {
		for _, value := range values {
			v.mu.held += int64(len(name)+len(value)) + 64
		}
	}
	if err := wire.Calls.TryReserve(v.mu.held); err != nil {
		return ctx, tooManyCalls("calls", wire.Calls.Most())
	}
	if most := wire.Calls.Most() / 4 * 3; written[info.FullMethodName] {
		v.writers = &s.writers
		if s.writers.Add(v.mu.held) > most && most > 0 {
			v.end()
			return ctx, tooManyCalls("streams that are written", most)
		}
	}
	v.ctx, v.cancel = context.WithCancelCause(ctx)
	context.AfterFunc(v.ctx, v.left)
	return context.WithValue(v.ctx, visitKey{}, v), nil
}

// written are the methods whose clients send streams, which may last. They leave a
// quarter of what calls may hold to the others.
var written = map[string]bool{servicePrefix + "DoPut": true, servicePrefix + "DoExchange": true, handshakeMethod: true}

// tooManyCalls refuses a call.
func tooManyCalls(what string, most int64) error {
	return toStatus(plan.Errorf(0, plan.CodeOutOfMemory, "there are as many %s as the server has memory for, which is %d MiB", what, most>>20).
		WithHint("end streams that are not written, try again when other calls have ended, or raise the server's --memory-limit")).Err()
}

// asStreams returns a service whose calls with one message are calls with streams of
// one message: gRPC reads the message of such a call before it asks anybody.
func asStreams(service grpc.ServiceDesc) *grpc.ServiceDesc {
	streams := append([]grpc.StreamDesc(nil), service.Streams...)
	for _, m := range service.Methods {
		streams = append(streams, grpc.StreamDesc{StreamName: m.MethodName, ServerStreams: true, Handler: func(srv any, stream grpc.ServerStream) error {
			answer, err := m.Handler(srv, stream.Context(), stream.RecvMsg, nil)
			if err != nil {
				return err
			}
			return stream.SendMsg(answer)
		}})
	}
	service.Methods, service.Streams = nil, streams
	return &service
}

// messageTime is how long a message may take by default.
const messageTime = 20 * time.Second

// frames is the pool of what connections read. Its sizes are dense, so that a frame
// takes no more than twice what is in it.
var frames = newPool(8, 11, 12, 13, 14, 15, 20)
