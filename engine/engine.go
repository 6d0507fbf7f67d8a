package engine

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/meta"
)

// Store is what the engine reads samples from and writes them to; *store.Store
// is one.
type Store interface {
	exec.Source
	// Append stores samples. When it returns nil they are durable and visible.
	Append(ctx context.Context, samples []columnar.Samples) error
	// Blocks calls f for every block of the series, in order, until f returns false.
	Blocks(ctx context.Context, series []columnar.Series, f func(columnar.BlockInfo) bool) error

	// Edit begins an edit. The caller closes it.
	Edit(ctx context.Context, info columnar.EditInfo) (columnar.Editor, error)
	// Purge removes for good the old versions of what the series has in the ranges,
	// and records that.
	Purge(ctx context.Context, info columnar.EditInfo, series columnar.Series, ranges []columnar.Range) (columnar.EditResult, error)
	// Note puts on the trail what was done to series without touching a sample.
	Note(ctx context.Context, info columnar.EditInfo, series []int64) (columnar.EditResult, error)
	// History calls f for every version of every sample of a series in a range that
	// is still known, in order of time and then of age, until f returns false.
	History(ctx context.Context, series columnar.Series, span columnar.Range, f func(*columnar.Version) bool) error
	// Changes calls f for every run of slots in which two kept snapshots differ,
	// series after series in order of time, until f returns false. The counts say
	// what became of the older one's samples.
	Changes(ctx context.Context, series []columnar.Series, from, to int64, f func(columnar.Change) bool) error
	// Flush puts what was written into segments.
	Flush(ctx context.Context) error
	// Compact merges segments until there is nothing to gain.
	Compact(ctx context.Context) error
}

// Options are what an engine is made of.
type Options struct {
	Catalog meta.Catalog
	Store   Store
	Clock   func() int64 // the present instant
	Logger  *slog.Logger
	Version string // of the server, for version() and SHOW

	Workers     int   // goroutines per statement; 0: one
	QueryMemory int64 // bytes that a statement may hold; 0: 1 GiB
	Seed        uint64

	Memory       *memory.Budget // shown as system.memory; nil: nothing is
	SharedMemory *memory.Part   // what all statements may hold together; nil: no limit
	SmallMemory  *memory.Part   // what is kept for statements that need little; nil: nothing

	// RequireReason refuses edits without a reason (trellis.reason).
	RequireReason bool
	// Admins are the users that may call privileged procedures; a session without a
	// user always may.
	Admins []string
}

// Engine runs statements. It is safe for concurrent use.
type Engine struct {
	opts    Options
	catalog catalogCache
	queries registry
	grid    gridTotals

	settings sync.Mutex // held while a server-wide setting is changed
	random   struct {
		sync.Mutex
		*rand.Rand
	}
}

// New returns an engine.
func New(opts Options) *Engine {
	opts.Workers = max(opts.Workers, 1)
	if opts.QueryMemory <= 0 {
		opts.QueryMemory = 1 << 30
	}
	if opts.SharedMemory == nil {
		opts.SharedMemory = memory.NewBudget(0).NewPart("queries", 0, 0)
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{opts: opts}
	e.random.Rand = rand.New(rand.NewPCG(opts.Seed, opts.Seed^0x9e3779b97f4a7c15))
	return e
}

// Version returns the server's version.
func (e *Engine) Version() string { return e.opts.Version }

// nextRandom is random(): a number in [0, 1).
func (e *Engine) nextRandom() float64 {
	e.random.Lock()
	defer e.random.Unlock()
	return e.random.Float64()
}
