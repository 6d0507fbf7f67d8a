package store

import (
	"math"

	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"

	"github.com/trellisdb/trellis/columnar/segment"
)

// indexKey names the index of a series in a segment. A segment's name is never
// used again and its bytes never change, so neither does what is cached.
type indexKey struct {
	segment string
	series  int64
}

// layoutKey names the layout of a series in a set of segments.
type layoutKey struct {
	set, series int64
}

// layoutShare is the part of the cache's memory that is for layouts: one in so
// many.
const layoutShare = 16

// newCaches returns the caches of indexes and layouts, bounded by bytes together.
func newCaches(bytes int64) (*otter.Cache[indexKey, *segment.Index], *otter.Cache[layoutKey, *layout]) {
	indexes := otter.Must(&otter.Options[indexKey, *segment.Index]{
		MaximumWeight: uint64(bytes - bytes/layoutShare),
		Weigher:       func(k indexKey, x *segment.Index) uint32 { return weight(x.Bytes() + int64(len(k.segment))) },
		StatsRecorder: stats.NewCounter(),
	})
	layouts := otter.Must(&otter.Options[layoutKey, *layout]{
		MaximumWeight: uint64(max(bytes/layoutShare, 1)),
		Weigher:       func(_ layoutKey, l *layout) uint32 { return weight(l.bytes()) },
	})
	return indexes, layouts
}

func weight(bytes int64) uint32 { return uint32(min(max(bytes, 1), math.MaxUint32)) }
