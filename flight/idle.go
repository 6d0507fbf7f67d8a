package flight

import (
	"strconv"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/flight"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/plan"
)

// pauseAfter is how long the transport may be blocked before the statement behind it
// gives its memory back (F8).
const pauseAfter = 200 * time.Millisecond

// idleness writes the messages of a stream and sees when the client does not read them.
type idleness struct {
	to    flight.DataStreamWriter
	ended chan error // has an error when the client has not read for too long

	pause   func()
	timeout time.Duration // 0: never
}

// watch learns which rows are sent.
func (i *idleness) watch(in columnar.Stream, session *engine.Session) {
	i.pause = func() {}
	if p, ok := in.(interface{ Pause() }); ok {
		i.pause = p.Pause
	}
	text, _ := session.Value("trellis.idle_stream_timeout")
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		i.timeout = time.Duration(ms) * time.Millisecond
	}
}

// Send implements flight.DataStreamWriter. While it is blocked the statement pauses, and
// it ends when that takes too long.
func (i *idleness) Send(data *flight.FlightData) error {
	var sending sync.Mutex // held by a pause, so that the next batch is asked for behind it
	sent := false
	pause := time.AfterFunc(pauseAfter, func() {
		sending.Lock()
		defer sending.Unlock()
		if !sent {
			i.pause()
		}
	})
	defer pause.Stop()
	if i.timeout > 0 {
		end := time.AfterFunc(i.timeout, func() {
			select {
			case i.ended <- idleError(i.timeout):
			default:
			}
		})
		defer end.Stop()
	}
	err := i.to.Send(data)
	sending.Lock()
	defer sending.Unlock()
	sent = true
	return err
}

// idleError ends a stream that its client does not read.
func idleError(after time.Duration) error {
	return plan.Errorf(0, plan.CodeIdle, "the result was not read for %s and was ended", after).
		WithHint("read results as they come, run the statement again from where you were, or SET trellis.idle_stream_timeout to more milliseconds (0: never)")
}
