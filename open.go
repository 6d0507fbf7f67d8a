package trellis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store"
)

// Version is the version of this module.
const Version = "0.1.0"

// Options say where a database is and what it may use. The zero value of every
// field but Dir and Clock is a good default.
type Options struct {
	Dir    string       // directory of everything that is not placed elsewhere; made if missing
	Clock  func() int64 // the present instant, in microseconds
	Logger *slog.Logger // nil: none

	Workers     int   // goroutines per statement and per flush; 0: one
	QueryMemory int64 // bytes that a statement may hold
	HeadBytes   int64 // bytes of samples that are in no segment yet
	HeadAge     time.Duration
	CacheBytes  int64 // bytes of segment indexes held in memory
	CompactRate int64 // bytes per second that merging segments in the background writes; negative: neither that nor garbage collection
	Seed        uint64

	RequireReason bool          // refuse edits without a reason (SET trellis.reason)
	Admins        []string      // users that may call privileged procedures; those without a name always may
	Memory        *memory.Parts // what everything may hold together; nil: no limit

	Bucket    string // where segments are, see Place; empty: in Dir
	Catalog   string // where the catalog is, see Place; empty: in Dir
	CacheDir  string // of a cache on disk for a bucket that is elsewhere, see Place; empty: in Dir
	CacheDisk int64  // bytes of it; 0: there is none
	Upkeep    Upkeep
}

// Upkeep says how a database is kept in order. The zero value of every field is the
// default of store.Options.
type Upkeep struct {
	LeaseTTL     time.Duration // how long the writer's lease outlives its holder
	Keep         time.Duration // how long snapshots stay readable; negative: for ever
	Grace        time.Duration // how long an object outlives the last reference to it
	SegmentBytes int64         // size from which on a segment takes no other series
}

// Place returns where the database is.
func (o *Options) Place() Place {
	return Place{Dir: o.Dir, Bucket: o.Bucket, Catalog: o.Catalog, CacheDir: o.CacheDir, CacheDisk: o.CacheDisk}
}

// DB is an open database.
type DB struct {
	Engine  *engine.Engine
	Store   *store.Store
	Catalog meta.Catalog
	Memory  *memory.Parts
	Storage *Storage // bucket and catalog
}

// Open opens the database at a place, of which it makes what is missing, becomes its
// writer and recovers what was acknowledged before a crash. A directory that another
// process has open, or a lease that another writer holds, is refused with an error that
// names it (wal.ErrLocked, meta.ErrHeld).
func Open(ctx context.Context, opts Options) (db *DB, err error) {
	if opts.Memory == nil {
		opts.Memory = memory.NewParts(memory.Shares{})
	}
	if opts.Dir == "" {
		return nil, errors.New("a database needs a data directory, for its log at least")
	}
	storage, err := OpenPlace(ctx, opts.Place(), true, opts.Clock)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", opts.Dir, err)
	}
	catalog, up := storage.Catalog, opts.Upkeep
	if err := checkSound(ctx, catalog); err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s: %w", opts.Dir, err), storage.Close())
	}
	cells, err := store.Open(ctx, store.Options{
		Bucket: storage.Bucket, Catalog: catalog, LogDir: storage.Place.LogDir(), Clock: opts.Clock, Logger: opts.Logger,
		HeadBytes: opts.HeadBytes, HeadAge: opts.HeadAge, CacheBytes: opts.CacheBytes, Workers: opts.Workers,
		Memory: opts.Memory, CompactRate: opts.CompactRate,
		LeaseTTL: up.LeaseTTL, Keep: up.Keep, Grace: up.Grace, SegmentBytes: up.SegmentBytes,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s: %w", opts.Dir, storage.Place.Explain(err)), storage.Close())
	}
	questions := engine.New(engine.Options{
		Catalog: cells.Catalog(), Store: cells, Clock: opts.Clock, Logger: opts.Logger, Version: Version,
		Workers: opts.Workers, QueryMemory: opts.QueryMemory, Seed: opts.Seed,
		RequireReason: opts.RequireReason, Admins: opts.Admins,
		Memory: opts.Memory.Budget, SharedMemory: opts.Memory.Queries, SmallMemory: opts.Memory.Small,
	})
	return &DB{Engine: questions, Store: cells, Catalog: cells.Catalog(), Memory: opts.Memory, Storage: storage}, nil
}

// checkSound reads the catalog once and refuses one that is damaged: what is not seen
// then would be believed.
func checkSound(ctx context.Context, catalog meta.Catalog) error {
	var found []error
	_, err := catalog.Integrity(ctx, func(err error) { found = append(found, err) })
	if err != nil || len(found) == 0 {
		return err
	}
	return fmt.Errorf("%w; that is the first of %d faults: trellis verify lists them, and trellis repair rebuilds the catalog from the bucket", found[0], len(found))
}

// Close writes what is in the head into segments and closes the database. Statements
// must have ended.
func (db *DB) Close(ctx context.Context) error {
	return errors.Join(db.Store.Close(ctx), db.Storage.Close())
}
