package s3

import "sync/atomic"

// Kind is a kind of request.
type Kind int

// The kinds of requests.
const (
	Put      Kind = iota // PutObject
	Create               // CreateMultipartUpload
	Part                 // UploadPart
	Complete             // CompleteMultipartUpload
	Abort                // AbortMultipartUpload
	Get                  // GetObject
	Head                 // HeadObject
	List                 // ListObjectsV2
	Delete               // DeleteObject
	kinds
)

var kindNames = [kinds]string{"put", "create", "part", "complete", "abort", "get", "head", "list", "delete"}

// String returns the kind's name, for metrics and errors.
func (k Kind) String() string { return kindNames[k] }

// Stats count what a [Bucket] has done since it was made.
type Stats struct {
	Requests [kinds]int64 // by Kind; attempts and hedges each count
	Retries  int64        // requests that repeat one that failed
	Hedges   int64        // requests that double a late one
	Won      int64        // hedges whose answer came first
	Failures int64        // requests that were given up
	Read     int64        // bytes of objects that came in, in requests that failed as well
	Written  int64        // bytes of objects that went out, in requests that failed as well
}

// Total returns the number of requests of all kinds.
func (s Stats) Total() int64 {
	total := int64(0)
	for _, n := range s.Requests {
		total += n
	}
	return total
}

// Sub returns what has been done since earlier.
func (s Stats) Sub(earlier Stats) Stats {
	for kind, n := range earlier.Requests {
		s.Requests[kind] -= n
	}
	s.Retries -= earlier.Retries
	s.Hedges -= earlier.Hedges
	s.Won -= earlier.Won
	s.Failures -= earlier.Failures
	s.Read -= earlier.Read
	s.Written -= earlier.Written
	return s
}

// counters are the running Stats.
type counters struct {
	requests                                      [kinds]atomic.Int64
	retries, hedges, won, failures, read, written atomic.Int64
}

func (c *counters) stats() Stats {
	s := Stats{
		Retries: c.retries.Load(), Hedges: c.hedges.Load(), Won: c.won.Load(), Failures: c.failures.Load(),
		Read: c.read.Load(), Written: c.written.Load(),
	}
	for kind := range c.requests {
		s.Requests[kind] = c.requests[kind].Load()
	}
	return s
}

// Stats returns what the bucket has done so far.
func (b *Bucket) Stats() Stats { return b.counters.stats() }
