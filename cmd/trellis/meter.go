package main

import (
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// meter shows how many bytes were read or copied, on standard error. It shows
// nothing where that is no terminal, or nobody wants to know.
type meter struct {
	sync.Mutex
	what  string
	quiet bool
	bar   *progressbar.ProgressBar
}

func newMeter(what string, quiet bool) *meter {
	return &meter{what: what, quiet: quiet || !isTerminal(os.Stderr)}
}

// plan begins anew with a number of bytes.
func (m *meter) plan(segments int, bytes int64) {
	m.Lock()
	defer m.Unlock()
	if m.quiet || bytes == 0 {
		return
	}
	m.bar = progressbar.NewOptions64(bytes, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(24), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetDescription(m.what+" "+count(int64(segments), "segment")))
}

// add moves the bar. A bar that cannot be drawn is no reason to stop.
func (m *meter) add(bytes int64) {
	m.Lock()
	defer m.Unlock()
	if m.bar != nil {
		_ = m.bar.Add64(bytes)
	}
}

// finish takes the bar away.
func (m *meter) finish() {
	m.Lock()
	defer m.Unlock()
	if m.bar != nil {
		_ = m.bar.Finish()
		m.bar = nil
	}
}
