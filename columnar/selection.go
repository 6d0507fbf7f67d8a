package columnar

import "github.com/trellisdb/trellis/columnar/zone"

// Range is a half-open range of instants.
type Range struct{ From, To int64 }

// Bins is a partition of time, safe for concurrent use.
type Bins interface {
	// Bin returns the bin that holds instant t; the next one is Bin(bin.To).
	Bin(t int64) zone.Bin
}

// Selection is the one request type: which samples of which series are wanted,
// and in which form. The store reads no more than it must to answer it.
type Selection struct {
	// Series are the series to read. Batches refer to them by index, and come in
	// this order: series after series, each in order of time.
	Series []Series

	// Ranges holds, for each series, the disjoint ranges of instants that are
	// wanted, in order. A sample belongs to a range when its slot begins in it.
	// Series of one zone may share one slice.
	Ranges [][]Range

	// Qualities are the qualities of the samples that are wanted.
	Qualities QualitySet

	// Columns are the columns of a stream of samples.
	Columns Columns

	// Bounds, where not nil, lets the store leave out blocks in which no usable
	// value lies in [Min, Max]. It filters blocks, not samples.
	Bounds *Bounds

	// Bins holds, for each series, the partition whose parts a stream of summaries
	// has as rows. Series of one zone may share one value.
	Bins []Bins

	// Stats are the columns of a stream of summaries.
	Stats Stats

	// Snapshot is the snapshot to read; 0 is the newest, with what is in the head.
	Snapshot int64

	// Decode makes the store compute every summary from samples, as if blocks had
	// none stored. The answer is the same to the last bit (invariant C3).
	Decode bool

	// Counters, where not nil, receives what the scan did.
	Counters *Counters

	// Memory, where not nil, counts the bytes that the scan holds on their way to its
	// reader.
	Memory Memory
	// BatchBytes is about how many bytes a batch of samples has at most; 0: what
	// 65,536 rows have. A batch has a whole block in any case.
	BatchBytes int64
}

// Memory counts the bytes that are held on somebody's behalf. It is safe for concurrent
// use.
type Memory interface {
	// Take counts n bytes more, or says why there is no room for them.
	Take(n int64) error
	// Give counts n bytes less.
	Give(n int64)
}

// Bounds are the least and the greatest value of interest, both included.
type Bounds struct{ Min, Max float64 }

// Columns is a set of the columns that a stream of samples can have.
type Columns uint16

// The columns of a stream of samples, in the order in which they appear. Series
// and time are always there.
const (
	ColValue    Columns = 1 << iota // value: float64, null where bad or text
	ColRawValue                     // raw_value: float64 as written, null where there was none
	ColIntValue                     // int_value: int64 of integer series, null where bad
	ColOrdinal                      // ordinal: int64 of boolean and enum series, null where bad
	ColText                         // text: string of text series, null where bad
	ColStatus                       // status: uint32
	ColEdit                         // edit: uint8, a Mark
	ColEditID                       // edit_id: int64, null where Unedited
)

// Pauses is a Memory that tells a scan when nobody reads it.
type Pauses interface {
	// OnPause has f called whenever the scan's reader pauses, between two calls of
	// Next, until remove is called. A scan then gives up what it has prepared and keeps
	// its place; the next call of Next goes on there.
	OnPause(f func()) (remove func())
}
