package columnar

import "sync/atomic"

// Counters say what a scan did to answer a selection. They may be read while the
// scan runs.
type Counters struct {
	Series     atomic.Int64 // series looked at
	Segments   atomic.Int64 // segments whose index was consulted
	Summarized atomic.Int64 // blocks answered from their summary or one above it
	Decoded    atomic.Int64 // blocks whose samples were decoded
	Skipped    atomic.Int64 // blocks in the wanted ranges that bounds or qualities ruled out
	Head       atomic.Int64 // blocks read from the head
	Samples    atomic.Int64 // samples that were looked at one by one
	Bytes      atomic.Int64 // bytes read from the bucket
}
