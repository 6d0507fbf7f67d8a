package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/columnar/segment"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/wal"
)

// Options say how to open a store. Bucket, Catalog, LogDir and Clock are needed;
// a zero of the others stands for the default.
type Options struct {
	Bucket  object.Bucket
	Catalog meta.Catalog // closed by its owner, after the store
	LogDir  string       // directory of the write-ahead log, on a local disk
	LogFS   wal.FS       // nil: the machine's
	Clock   func() int64 // the present instant
	Logger  *slog.Logger // nil: none
	Holder  string       // how the catalog names this writer; default: host and process

	HeadBytes  int64         // memory from which on the head is flushed; 256 MiB. Twice that makes writers wait
	HeadAge    time.Duration // age of its oldest sample at which the head is flushed; 10 min, negative: never
	CacheBytes int64         // memory for the segments' indexes; 256 MiB
	Workers    int           // goroutines that decode for one scan or flush; as many as there are cores
	Memory     *memory.Parts // what all of it may hold; nil: no limit

	LeaseTTL     time.Duration // how long the writer's lease outlives its holder; 30 s, meta.MaxTTL at most, negative: not at all
	SegmentBytes int64         // size from which on a segment takes no other series; 512 MiB
	CompactRate  int64         // bytes per second that compaction in the background writes; 64 MiB, negative: it is off
	Keep         time.Duration // how long snapshots stay readable unless the catalog says otherwise; 30 days, negative: for ever
	Grace        time.Duration // how long an object outlives the last reference to it; 15 min
	StageDir     string        // directory on a local disk for edits too large for memory; below LogDir
}

const (
	defaultHeadBytes  = 256 << 20
	defaultHeadAge    = 10 * time.Minute
	defaultCacheBytes = 256 << 20
	defaultLeaseTTL   = 30 * time.Second
	defaultRate       = 64 << 20
	defaultKeep       = 30 * 24 * time.Hour
	defaultGrace      = 15 * time.Minute
)

// config is what the options came to.
type config struct {
	headBytes    int64
	headAge      time.Duration
	workers      int
	leaseTTL     time.Duration
	segmentBytes int64
	compactRate  int64
	keep         time.Duration
	grace        time.Duration
	stageDir     string
	openStage    func(dir string) (object.Bucket, error) // for tests
}

// Store keeps samples. Its methods are safe for concurrent use.
type Store struct {
	bucket  object.Bucket
	catalog meta.Catalog
	log     *wal.Log
	clock   func() int64
	logger  *slog.Logger
	writer
	config

	caches
	known  seriesCache
	memory parts

	appending sync.RWMutex  // held by appends while they are under way
	flushing  chan struct{} // holds a token while nobody changes the set of segments
	wake      chan struct{} // asks the background for a flush
	stop      context.CancelFunc
	done      sync.WaitGroup

	objects
	edits editIDs
	past  pastSets
	totals
	state state
}

// writer is what makes the store the one that may write.
type writer struct {
	epoch int64
	logID string    // by which the catalog knows the log
	claim claim     // what the bucket has of this writer
	logAt logFolder // of the log's directory

	before  string   // who was the writer since this log was written to; empty: nobody else
	journal journal  // of the catalog, in the bucket
	seen    wal.File // how far the catalog had come, in the log's directory

	// unsure says that a change may have happened that the newest set has not. It
	// belongs to who has the token.
	unsure bool
}

// objects is what is known of objects that the garbage collector leaves alone.
type objects struct {
	uploads uploads
	users   users
}

// caches hold what segments say of series.
type caches struct {
	indexes *otter.Cache[indexKey, *segment.Index]
	layouts *otter.Cache[layoutKey, *layout]
}

// totals are sums since the store was opened, in bytes.
type totals struct{ flushed, compacted atomic.Int64 }

// state is what a query pins and what a write or a flush changes.
type state struct {
	sync.RWMutex
	active   *head
	frozen   *head       // being flushed; nil: none
	segments *segmentSet // of the newest snapshot
	closed   bool
	err      error         // why nothing can be written any more
	flushErr error         // of the last flush, nil when it succeeded
	changed  chan struct{} // closed and replaced after every flush
	settled  int64         // bytes of the heads that are counted as the server's
}

// bytes returns the memory that both heads take.
func (s *state) bytes() int64 {
	n := s.active.bytes
	if s.frozen != nil {
		n += s.frozen.bytes
	}
	return n
}

// errClosed is the answer to every call after Close.
var errClosed = errors.New("the store is closed")

// Open opens the store and makes the caller its writer: it locks the log's
// directory, takes the writer's epoch from the catalog and recovers from the log
// what is in no segment. The error wraps wal.ErrLocked where another process has
// the directory.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Bucket == nil || o.Catalog == nil || o.LogDir == "" || o.Clock == nil {
		return nil, errors.New("store: bucket, catalog, log directory and clock are needed")
	}
	s := newStore(o)
	if err := s.recover(ctx, o); err != nil {
		if s.log != nil {
			err = errors.Join(err, s.log.Close(), s.closeSeen())
		}
		if s.state.segments != nil {
			s.state.segments.release()
		}
		if s.epoch > 0 {
			err = errors.Join(err, s.catalog.Release(ctx, s.epoch))
		}
		return nil, err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.done.Go(func() { s.run(background) })
	if s.compactRate > 0 {
		s.done.Go(func() { s.maintain(background) })
	}
	return s, nil
}

// or returns v, or other where v is zero.
func or[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}

func newStore(o Options) *Store {
	s := &Store{
		bucket: o.Bucket, catalog: o.Catalog, clock: o.Clock,
		logger:   or(o.Logger, slog.New(slog.DiscardHandler)),
		flushing: make(chan struct{}, 1),
		wake:     make(chan struct{}, 1),
		memory:   newParts(o.Memory),
		config: config{
			headBytes:    or(o.HeadBytes, defaultHeadBytes),
			headAge:      or(o.HeadAge, defaultHeadAge),
			workers:      or(o.Workers, runtime.GOMAXPROCS(0)),
			leaseTTL:     min(max(or(o.LeaseTTL, defaultLeaseTTL), 0), meta.MaxTTL),
			segmentBytes: or(o.SegmentBytes, segmentBytes),
			compactRate:  or(o.CompactRate, defaultRate),
			keep:         or(o.Keep, defaultKeep),
			grace:        or(o.Grace, defaultGrace),
			stageDir:     or(o.StageDir, filepath.Join(o.LogDir, "stage")),
			openStage:    func(dir string) (object.Bucket, error) { return object.OpenDir(dir) },
		},
	}
	s.state.active = newHead()
	s.state.changed = make(chan struct{})
	s.flushing <- struct{}{}
	s.indexes, s.layouts = newCaches(or(o.CacheBytes, defaultCacheBytes))
	return s
}

// recover opens the log, becomes the writer and fills the head from the log.
func (s *Store) recover(ctx context.Context, o Options) error {
	if _, _, err := checkJournal(ctx, s.bucket, s.catalog); err != nil {
		return err // before anything is changed, and with what is missing
	}
	if err := s.openLog(ctx, o); err != nil {
		return err
	}
	if err := s.sweepStage(ctx); err != nil {
		return err
	}
	if err := s.becomeWriter(ctx, o.Holder); err != nil {
		return err
	}
	position, err := s.catalog.Position(ctx, s.logID)
	if err != nil {
		return err
	}
	latest, err := s.catalog.Latest(ctx)
	if err != nil {
		return err
	}
	live, err := s.catalog.Segments(ctx, latest.ID)
	if err != nil && !(latest.ID == 0 && errors.Is(err, meta.ErrNotFound)) {
		return err
	}
	s.state.segments = s.newSet(latest, live, nil)
	return s.replay(ctx, position)
}

// replay puts into the head what the log holds behind a position.
func (s *Store) replay(ctx context.Context, from uint64) error {
	s.state.active.log = from
	byID, err := s.known.byID(ctx, s.catalog)
	if err != nil {
		return err
	}
	records := 0
	err = s.log.Replay(from, func(record []byte, end uint64) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		records++
		writes, err := writesOf(byID, record)
		if err == nil {
			s.apply(writes, end, 0)
		}
		return err
	})
	if err == nil && records > 0 && s.before != "" {
		s.logger.Warn("the log holds samples that were acknowledged before another writer took over; they are written now, on top of what that one wrote in the same slots",
			"records", records, "samples", s.state.active.samples, "the other writer", s.before)
	}
	if err == nil && records > 0 {
		s.logger.Info("recovered from the write-ahead log", "records", records, "samples", s.state.active.samples)
	}
	return err
}

// writesOf turns a record of the log back into the writes that made it.
func writesOf(byID map[int64]*meta.Series, record []byte) (writes []write, err error) {
	err = wal.Entries(record, func(e *wal.Entry) error {
		series, ok := byID[e.Series]
		if !ok {
			return fmt.Errorf("the log has samples of series %d, which the catalog does not know: %w", e.Series, columnar.ErrCorrupt)
		}
		w, err := replayed(series.Series, e)
		writes = append(writes, w)
		return err
	})
	return writes, err
}

// replayed turns an entry of the log back into the write that made it.
func replayed(series columnar.Series, e *wal.Entry) (write, error) {
	w := write{series: series, entry: *e}
	if e.Encoded == nil {
		if e.Kind != series.Type.Kind() {
			return w, fmt.Errorf("the log has samples of kind %d of series %d of type %v: %w", e.Kind, series.ID, series.Type, columnar.ErrCorrupt)
		}
		return w, nil
	}
	encoded := append([]byte(nil), e.Encoded...) // the record is the log's
	var b columnar.Block
	if err := columnar.DecodeBlock(&b, encoded, series, e.Block, columnar.AllParts); err != nil {
		return w, fmt.Errorf("the log has a damaged block: %w", err)
	}
	w.entry.Encoded = encoded
	w.whole = &wholeBlock{encoded: encoded, summaries: columnar.SummarizeAll(&b)}
	return w, nil
}

// Close flushes what is in the head and closes the store. Streams that are open
// stay readable until they are closed. Where the flush does not succeed its error
// is returned and the store is closed all the same: the log has everything, and
// the next Open recovers it.
func (s *Store) Close(ctx context.Context) error {
	s.state.Lock()
	if s.state.closed {
		s.state.Unlock()
		return nil
	}
	s.state.closed = true
	s.state.err = or(s.state.err, errClosed)
	fenced := errors.Is(s.state.err, meta.ErrConflict)
	s.state.Unlock()
	s.stop()
	s.done.Wait()
	s.waitForAppends()
	var err error
	if !fenced {
		err = s.flush(ctx)
	}
	err = errors.Join(err, s.closeSeen(), s.log.Close(), s.catalog.Release(ctx, s.epoch))
	s.past.drop()
	s.state.Lock()
	set := s.state.segments
	s.state.segments = nil
	s.memory.Head.Release(s.state.settled)
	s.state.settled = 0
	s.state.Unlock()
	set.release()
	s.indexes.InvalidateAll()
	s.layouts.InvalidateAll()
	s.memory.cached.Close()
	return err
}

// waitForAppends returns when the appends under way have ended. Later ones are
// refused already.
func (s *Store) waitForAppends() {
	s.appending.Lock()
	defer s.appending.Unlock()
}

// Stats are the store's present state in numbers.
type Stats struct {
	Epoch       int64
	Snapshot    int64 // the newest
	Segments    int   // live
	HeadBytes   int64 // memory of the samples that are in no segment
	HeadSamples int64
	HeadSeries  int
	CacheBytes  uint64 // memory of the segments' indexes
	CacheHits   uint64
	CacheMisses uint64

	FlushedBytes, CompactedBytes, WrittenBytes int64 // to the bucket, since the store was opened

	Log wal.Stats
}

// Stats returns the store's present state.
func (s *Store) Stats() Stats {
	s.state.RLock()
	defer s.state.RUnlock()
	cache := s.indexes.Stats()
	st := Stats{
		Epoch: s.epoch, HeadBytes: s.state.bytes(), HeadSamples: s.state.active.samples,
		HeadSeries: len(s.state.active.series), Log: s.log.Stats(),
		FlushedBytes: s.flushed.Load(), CompactedBytes: s.compacted.Load(), WrittenBytes: s.uploads.written.Load(),
		CacheBytes: s.indexes.WeightedSize(), CacheHits: cache.Hits, CacheMisses: cache.Misses,
	}
	if s.state.frozen != nil {
		st.HeadSamples += s.state.frozen.samples
	}
	if s.state.segments != nil {
		st.Snapshot, st.Segments = s.state.segments.snapshot.ID, len(s.state.segments.segments)
	}
	return st
}

// seriesCache is the catalog's series by id, as of one generation.
type seriesCache struct {
	sync.Mutex
	generation int64
	series     map[int64]*meta.Series // never changed once it is here
	inOrder    []columnar.Series      // the same by id; nil: nobody has asked for it
}

// byID returns the catalog's series by id.
func (c *seriesCache) byID(ctx context.Context, catalog meta.Catalog) (map[int64]*meta.Series, error) {
	generation, err := catalog.Generation(ctx)
	if err != nil {
		return nil, err
	}
	c.Lock()
	defer c.Unlock()
	if c.series != nil && c.generation == generation {
		return c.series, nil
	}
	all, err := catalog.Series(ctx)
	if err != nil {
		return nil, err
	}
	c.series, c.inOrder = make(map[int64]*meta.Series, len(all)), nil
	for i := range all {
		c.series[all[i].ID] = &all[i]
	}
	c.generation = generation
	return c.series, nil
}

// last returns the series as they were when they were last asked for; nil where they
// never were.
func (c *seriesCache) last() map[int64]*meta.Series {
	c.Lock()
	defer c.Unlock()
	return c.series
}

// codecs returns a function that tells a series' codec.
func (s *Store) codecs(ctx context.Context) (func(id int64) codec.Codec, error) {
	byID, err := s.known.byID(ctx, s.catalog)
	if err != nil {
		return nil, err
	}
	return codecOf(byID), nil
}

// codecOf returns a function that tells a series' codec.
func codecOf(byID map[int64]*meta.Series) func(id int64) codec.Codec {
	return func(id int64) codec.Codec {
		series, ok := byID[id]
		if !ok || series.Codec == "" {
			return codec.Auto
		}
		c, err := codec.Parse(series.Codec)
		if err != nil {
			return codec.Auto
		}
		return c
	}
}
