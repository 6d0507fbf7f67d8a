package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/trellisdb/trellis/columnar/segment"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
)

// segmentBytes is the size from which on a segment takes no other series; from
// seriesParts times that on it takes no block at all.
const (
	segmentBytes = 512 << 20
	seriesParts  = 4
)

// sink writes blocks, which come in the order of a segment, to the bucket: to one
// segment after the other, so that none grows too large. The first is begun by the
// first block. It is used by one goroutine, and ended by finish or by abort.
type sink struct {
	store    *Store
	versions bool  // blocks have versions of their own
	history  bool  // the segments are history
	limit    int64 // bytes; a variable for tests
	up       *upload
	series   int64 // of the last block
	done     []meta.Segment
}

// upload is a segment on its way to the bucket.
type upload struct {
	name   string
	blocks chan *encodedBlock
	abort  atomic.Bool
	size   atomic.Int64
	ended  chan struct{} // closed when what follows is set
	info   segment.Info
	err    error
}

// errAborted ends an upload that nobody wants.
var errAborted = errors.New("the segment is given up")

func (s *Store) newSink(versions, history bool) *sink {
	return &sink{store: s, versions: versions, history: history, limit: s.segmentBytes}
}

// add adds a block. What it refers to is not changed until finish.
func (k *sink) add(ctx context.Context, b *encodedBlock) error {
	if k.up != nil {
		size := k.up.size.Load()
		if size >= k.limit && b.series.ID != k.series || size >= seriesParts*k.limit {
			if err := k.end(); err != nil {
				return err
			}
		}
	}
	if k.up == nil {
		k.begin(ctx)
	}
	k.series = b.series.ID
	select {
	case k.up.blocks <- b:
		return nil
	case <-k.up.ended:
		return k.up.err
	}
}

// begin begins a segment.
func (k *sink) begin(ctx context.Context) {
	up := &upload{name: k.store.uploads.name(k.store.epoch), blocks: make(chan *encodedBlock, 16), ended: make(chan struct{})}
	k.up = up
	go func() {
		defer close(up.ended)
		_, up.err = k.store.bucket.Put(ctx, up.name, object.IfAbsent, func(w io.Writer) (err error) {
			up.info, err = up.write(w, k.versions)
			return err
		})
	}()
}

// write writes the segment to w.
func (u *upload) write(w io.Writer, versions bool) (segment.Info, error) {
	out := segment.NewWriter(w)
	if versions {
		out = segment.NewVersionWriter(w)
	}
	for b := range u.blocks {
		if err := out.AddVersion(b.series, b.number, b.version, b.bytes, &b.summaries); err != nil {
			return segment.Info{}, err
		}
		u.size.Store(out.Size())
	}
	if u.abort.Load() {
		return segment.Info{}, errAborted
	}
	return out.Finish()
}

// end ends the present segment.
func (k *sink) end() error {
	up := k.up
	k.up = nil
	close(up.blocks)
	<-up.ended
	if up.err != nil {
		k.store.uploads.forget(up.name)
		return fmt.Errorf("segment %s: %w", up.name, up.err)
	}
	k.store.uploads.written.Add(up.info.Size)
	made := describe(up.name, up.info)
	made.History = k.history
	k.done = append(k.done, made)
	return nil
}

// finish ends the last segment and returns all of them, none where no block was
// added.
func (k *sink) finish() ([]meta.Segment, error) {
	if k.up != nil {
		if err := k.end(); err != nil {
			return nil, err
		}
	}
	return k.done, nil
}

// abort gives up the present segment and deletes those that are done. It may be
// called after finish, for segments that were not committed and will not be.
func (k *sink) abort(ctx context.Context) {
	if k.up != nil {
		k.up.abort.Store(true)
		_ = k.end() // it is not there, whatever happens
	}
	k.store.discard(ctx, k.done)
	k.done = nil
}

// discard deletes segments that no commit has named. What cannot be deleted is an
// orphan, for the garbage collector.
func (s *Store) discard(ctx context.Context, segments []meta.Segment) {
	for _, m := range segments {
		if err := s.bucket.Delete(context.WithoutCancel(ctx), m.Name); err != nil {
			s.logger.Warn("delete a segment that was given up", "segment", m.Name, "error", err)
		}
	}
	s.settled(segments)
}

// uploads are the segments that this writer is writing or has written and that no
// commit has named yet. The garbage collector leaves them alone.
type uploads struct {
	number  atomic.Int64
	written atomic.Int64 // bytes of finished segments

	mu struct {
		sync.Mutex
		names map[string]bool
	}
}

// segmentPrefix begins the names of segments.
const segmentPrefix = "segments/"

// name returns a fresh name for a segment of an epoch.
func (u *uploads) name(epoch int64) string {
	name := fmt.Sprintf("%s%016x-%08x.seg", segmentPrefix, epoch, u.number.Add(1))
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.mu.names == nil {
		u.mu.names = make(map[string]bool)
	}
	u.mu.names[name] = true
	return name
}

func (u *uploads) forget(name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.mu.names, name)
}

func (u *uploads) has(name string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.mu.names[name]
}

// settled notes that segments are in the catalog, or nowhere.
func (s *Store) settled(segments []meta.Segment) {
	for _, m := range segments {
		s.uploads.forget(m.Name)
	}
}

// nameEpoch returns the epoch of the writer that gave a segment its name.
func nameEpoch(name string) (epoch int64, ok bool) {
	var number int64
	n, err := fmt.Sscanf(name, segmentPrefix+"%016x-%08x.seg", &epoch, &number)
	return epoch, err == nil && n == 2
}
