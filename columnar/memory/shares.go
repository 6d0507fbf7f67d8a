package memory

// Shares are how a limit of the memory of a process is shared out, in bytes. This is
// the one place where that is decided.
//
// Of the limit, Outside is what the Go runtime does not count: the pages of the program
// itself, which the kernel counts as resident (60 MiB of it at the start, up to 78 when
// all has been used), the SQL parser's C memory, threads' stacks. The rest is the soft
// limit of the Go runtime (GOMEMLIMIT): near it the collector runs as often as it must.
// A part of that is the Budget, which holds what is counted one by one; what is left is
// for what is not counted (connections, the catalog, plans) and for garbage between two
// collections.
type Shares struct {
	Process int64 // the limit of the process; 0: there is none
	Outside int64 // what the Go runtime does not count
	Runtime int64 // GOMEMLIMIT
	Budget  int64 // what all parts may hold together

	Head      int64 // at which the head is flushed; writers wait at twice that
	Caches    int64 // indexes of segments
	Statement int64 // that one statement may hold
	Message   int64 // the largest message that is taken in; ingest has room for four of it

	Calls       int64 // that open calls may take, and what their clients send unread
	Messages    int64 // of messages of streams, until they are stored
	Statements  int64 // of the other messages, and parameters
	Streams     int64 // of schemas and dictionaries of streams
	Window      int64 // that the client of a call may send unread
	Connections int64
}

// outside is the part of the memory of a process that the Go runtime does not count
// and that does not grow with the limit.
const outside = 80 << 20

// LeastLimit is the smallest limit of a process that can be kept.
const LeastLimit = 160 << 20

// Share shares a limit out; 0 is no limit.
func Share(limit int64) Shares {
	if limit <= 0 {
		return Shares{}
	}
	s := Shares{Process: limit, Outside: outside + limit/64}
	s.Runtime = limit - s.Outside
	s.Budget = s.Runtime / 2
	s.Head = s.Budget / 8
	s.Caches = s.Budget / 8
	s.Statement = s.Budget * 3 / 8
	s.Message = min(64<<20, s.Budget/16)
	s.Calls = limit / 8
	s.Messages, s.Statements = 3*s.Message, 3*s.Message
	s.Streams = limit / 32
	s.Window = min(max(limit>>12, 64<<10), 256<<10)
	s.Connections = limit >> 19
	return s
}

// Parts are the parts of a server's memory.
type Parts struct {
	Budget *Budget

	Flush      *Part // blocks being encoded, the segment's indexes
	Compaction *Part // blocks being moved
	Head       *Part // samples that are in no segment yet
	Ingest     *Part // batches on their way into the head
	Caches     *Part // indexes of segments
	Queries    *Part // what statements hold, and the batches on their way to them
	Small      *Part // statements that need little, when the others hold all of that

	Calls      *Part // open calls, and what their clients have sent and nobody reads yet
	Messages   *Part // messages of streams that are written, until they are stored
	Statements *Part // the other messages, as long as their calls last, and parameters
	Streams    *Part // schemas and dictionaries of streams that are written
}

// NewParts makes the parts of a budget. Their order is that in which they are served.
//
//	part         least   most
//	flush        1/16    1/8     frees the head, so it must always get on
//	compaction   1/16    1/8
//	head         1/4     1/4     twice what is flushed at once
//	ingest       1/16    1/4
//	caches       1/8     1/8
//	queries      1/4     1/2
//	small        1/16    1/16
func NewParts(s Shares) *Parts {
	b := NewBudget(s.Budget + s.Calls + s.Messages + s.Statements + s.Streams)
	part := func(name string, least, most int64) *Part {
		return b.NewPart(name, s.Budget*least/16, s.Budget*most/16)
	}
	return &Parts{
		Budget:     b,
		Flush:      part("flush", 1, 2),
		Compaction: part("compaction", 1, 2),
		Head:       part("head", 4, 4),
		Ingest:     part("ingest", 1, 4),
		Caches:     part("caches", 2, 2),
		Queries:    part("queries", 4, 8),
		Small:      part("small", 1, 1),
		Calls:      b.NewPart("calls", s.Calls, s.Calls),
		Messages:   b.NewPart("messages", s.Messages, s.Messages),
		Statements: b.NewPart("statements", s.Statements, s.Statements),
		Streams:    b.NewPart("streams", s.Streams, s.Streams),
	}
}
