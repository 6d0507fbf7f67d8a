package trellis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/sqlite"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
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
	CompactRate int64 // bytes per second that merging segments in the background writes; negative: it is off
	Seed        uint64

	RequireReason bool          // refuse edits without a reason (SET trellis.reason)
	Admins        []string      // users that may call privileged procedures; those without a name always may
	Memory        *memory.Parts // what everything may hold together; nil: no limit
}

// DB is an open database.
type DB struct {
	Engine  *engine.Engine
	Store   *store.Store
	Catalog meta.Catalog
	Memory  *memory.Parts
}

// Open opens the database in a directory, which it makes if it is missing, and
// recovers what was acknowledged before a crash. A directory that another process
// has open is refused with an error that names it.
func Open(ctx context.Context, opts Options) (db *DB, err error) {
	if err := os.MkdirAll(opts.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	bucket, err := object.OpenDir(filepath.Join(opts.Dir, "bucket"))
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", opts.Dir, err)
	}
	if opts.Memory == nil {
		opts.Memory = memory.NewParts(memory.Shares{})
	}
	catalog, err := sqlite.Open(ctx, filepath.Join(opts.Dir, "catalog.sqlite"))
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", opts.Dir, err)
	}
	cells, err := store.Open(ctx, store.Options{
		Bucket: bucket, Catalog: catalog, LogDir: filepath.Join(opts.Dir, "wal"), Clock: opts.Clock, Logger: opts.Logger,
		HeadBytes: opts.HeadBytes, HeadAge: opts.HeadAge, CacheBytes: opts.CacheBytes, Workers: opts.Workers,
		CompactRate: opts.CompactRate,
		Memory:      opts.Memory,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s: %w", opts.Dir, err), catalog.Close())
	}
	questions := engine.New(engine.Options{
		Catalog: catalog, Store: cells, Clock: opts.Clock, Logger: opts.Logger, Version: Version,
		Workers: opts.Workers, QueryMemory: opts.QueryMemory, Seed: opts.Seed,
		RequireReason: opts.RequireReason, Admins: opts.Admins,
		Memory: opts.Memory.Budget, SharedMemory: opts.Memory.Queries,
	})
	return &DB{Engine: questions, Store: cells, Catalog: catalog, Memory: opts.Memory}, nil
}

// Close writes what is in the head into segments and closes the database. Statements
// must have ended.
func (db *DB) Close(ctx context.Context) error {
	return errors.Join(db.Store.Close(ctx), db.Catalog.Close())
}
