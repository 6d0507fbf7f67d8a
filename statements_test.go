package trellis_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trellisdb/trellis/engine/sql/sqlgen"
)

const (
	statementClients   = 4
	statementTimeout   = time.Second
	statementSlack     = 8 * time.Second // what an answer may take beyond its timeout, on a busy machine
	statementAllowance = 64 << 20        // what the resident memory may be above the limit
	statementFailures  = 30              // after so many a run ends
)

// randomStatements is the state of a run of random statements.
type randomStatements struct {
	t     *testing.T
	p     *process
	next  atomic.Uint64
	last  uint64    // the seed at which a run ends
	until time.Time // when a run ends; zero: at last

	mu       sync.Mutex
	codes    map[string]int
	failures []string
}

// TestRandomStatements sends random statements (package sqlgen) to a server of 256 MiB:
// 3,000 of them, or as many as TRELLIS_STATEMENTS says, or for so long. TRELLIS_SEED is
// the first one's seed. The server lives and stays within its memory, no answer is an
// internal error, and every statement ends soon after its timeout.
func TestRandomStatements(t *testing.T) {
	r := &randomStatements{t: t, codes: map[string]int{}}
	first := uint64(1)
	if text := os.Getenv("TRELLIS_SEED"); text != "" {
		var err error
		if first, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	count := uint64(3000)
	if text := os.Getenv("TRELLIS_STATEMENTS"); text != "" {
		if d, err := time.ParseDuration(text); err == nil {
			r.until, count = time.Now().Add(d), 1<<40
		} else if count, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	r.next.Store(first)
	r.last = first + count
	r.p = startServer(t, program(t), t.TempDir(), "--memory-limit", "256MiB", "--log-level", "error")
	r.fill()
	began := time.Now()
	var clients errgroup.Group
	for range statementClients {
		clients.Go(func() error { return r.ask() })
	}
	if err := clients.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("%d statements from seed %d in %v: %s; %s", r.next.Load()-first, first, time.Since(began).Round(time.Second), r.summary(), r.p.memory(t))
	for _, f := range r.failures {
		t.Error(f)
	}
	if most := r.p.status(t, "VmHWM"); most > memoryLimit+statementAllowance {
		t.Errorf("the server took %d MiB, its limit is %d", most>>20, memoryLimit>>20)
	}
}

// fill makes what the statements read and change.
func (r *randomStatements) fill() {
	a := newAsker(r.t, r.p, 10*time.Second)
	for _, text := range []string{
		`INSERT INTO series (series, type, sample_t, zone, unit, labels) VALUES ('a', 'double', '1 minute', 'Europe/Berlin', 'K', '{"site": "x"}'),
			('b', 'integer', '1 hour', 'UTC', NULL, NULL), ('text', 'text', '1 day', 'Asia/Kathmandu', NULL, NULL)`,
		`INSERT INTO samples (series, time, value) SELECT 'a', '2024-03-30'::timestamptz + make_interval(mins => n), n % 97 FROM generate_series(0, 4999) AS g(n)`,
		`INSERT INTO samples (series, time, value) SELECT 'b', '2024-01-01'::timestamptz + make_interval(hours => n), n FROM generate_series(0, 999) AS g(n)`,
		`CALL flush()`,
		`INSERT INTO samples (series, time, text) VALUES ('text', '2024-01-01', 'x'), ('text', '2024-01-02', 'y')`,
		`UPDATE samples SET value = 1 WHERE series = 'a' AND time < '2024-03-30 01:00'`,
	} {
		if code, err := a.ask(text); code != "" {
			r.t.Fatalf("%s: %v", text, err)
		}
	}
}

// ask sends statements until the run ends.
func (r *randomStatements) ask() error {
	a := newAsker(r.t, r.p, statementTimeout)
	for {
		seed := r.next.Add(1) - 1
		if seed >= r.last || !r.until.IsZero() && time.Now().After(r.until) {
			r.next.Add(^uint64(0))
			return nil
		}
		text := sqlgen.Statement(seed)
		began := time.Now()
		code, err := a.ask(text)
		took := time.Since(began)
		if code == lostCode && !a.lives() {
			return fmt.Errorf("the server is gone; one of the last statements was seed %d: %s", seed, text)
		}
		switch {
		case code == lostCode || code == "XX000" || strings.HasPrefix(code, "code "):
			err = fmt.Errorf("%w (%s)", err, code)
		case took > statementTimeout+statementSlack:
			err = fmt.Errorf("took %v", took)
		default:
			err = nil
		}
		if r.note(code, seed, text, err) > statementFailures {
			return nil
		}
	}
}

// note counts an answer, and returns how many were wrong.
func (r *randomStatements) note(code string, seed uint64, text string, wrong error) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.codes[code]++
	if wrong != nil {
		r.failures = append(r.failures, fmt.Sprintf("seed %d: %.500s\n%.1500s", seed, wrong, text))
	}
	return len(r.failures)
}

// summary is how often each code came up.
func (r *randomStatements) summary() string {
	var parts []string
	for code, n := range r.codes {
		if code == "" {
			code = "answered"
		}
		parts = append(parts, fmt.Sprintf("%06d %s", n, code))
	}
	slices.Sort(parts)
	slices.Reverse(parts)
	return strings.Join(parts, ", ")
}
