// Package flight serves the engine over Arrow Flight SQL, and over plain Flight: it
// turns commands, descriptors, tickets and batches into calls of the engine, and
// streams into record batches on the wire.
//
// A command that has come in goes through three layers:
//
//	interceptors    panics and errors become a status; who calls; which session
//	service         plain descriptors and tickets, streams in both directions
//	commands        the methods that the Flight SQL library dispatches to
//
// # Words
//
// A ticket stands for one run of a statement, a handle for a prepared statement; a
// session is what a client has set, kept in a cookie; a token stands for a user.
// All four are sealed: the server signs them and keeps nothing (F1).
//
// # Settings
//
// A setting is one of the engine (SHOW ALL lists them) or of the output: compression
// (none, lz4, zstd), batch_rows, timestamps (zoned, naive). It is set
//
//   - for a session, with the action SetSessionOptions or with SET: the server answers
//     with a cookie, arrow_flight_session_id, that the client has to send from then on;
//   - for one call, with a header: x-trellis-timezone, x-trellis-statement-timeout,
//     x-trellis-reason, x-trellis-compression and so on, the name of the setting with
//     hyphens for underscores and without the prefix "trellis.".
//
// The options of an ingest, zone, template, columns and edit, come with its command, as
// JSON in the metadata of the first message on the path samples, or as headers too
// (x-trellis-template).
//
// # What comes in
//
// gRPC reads a message whole before it asks anybody, and its buffer pool is told
// neither for whom a frame comes nor, where a call ends early, that it is gone. So
// messages are read here, from the stream of bytes below gRPC's messages
// (transport.ServerStream has the methods for it): five bytes tell a message's size;
// then its memory is reserved; then the client gets a window for it, piece by piece,
// and what comes is copied once, into the fields of the message. The calls that gRPC
// calls unary are served as streams of one message for the same reason.
//
// What a client may send without being read is the window of its stream, which is part
// of what each call holds from its first header on; a call for which there is no room
// is refused before it has a message. Connections are counted as they are accepted. A
// message is refused where it has more fields than a command needs, because each takes
// many times its bytes once it is unpacked.
//
// A stream's message is held in its part until its batch has been stored, and its batch
// in another part (ingest) that it waits for meanwhile: nobody who holds of the second
// waits for the first. What a stream keeps from one message to the next, its schema and
// its dictionaries, and the parameters of a statement are counted in parts that nobody
// waits for.
//
// # Invariants
//
//   - F1: the server holds no state of a client. What a ticket, a handle, a cookie or
//     a token says is inside it, with a signature, so any server with the same key
//     can serve it, and one that is torn or forged is refused before it is read.
//   - F2: asking for a FlightInfo looks at a statement, fetching its ticket runs it,
//     as often as it is fetched. Only a statement that yields no rows runs when its
//     FlightInfo is asked for: there is nothing to fetch.
//   - F3: no size that a message declares is believed: before a message is decoded,
//     its vectors, rows, buffers and uncompressed lengths are checked against what
//     has really come and against limits, and types are nested 16 deep at most, which
//     bounds every recursion over them.
//   - F4: a batch is fetched from the engine only when the one before it has been
//     handed to the transport, so a slow client slows the engine and holds no memory.
//   - F5: a handler that panics ends its call with an internal error, and nothing
//     else.
//   - F6: a batch that comes in is decoded when there is memory for all that becomes of
//     it. Until then its stream is not read, so a full server slows its clients.
//   - F9: no byte of a message is asked for that has no memory reserved, but for the
//     first 8 KiB, which the call has paid for. One that was begun comes within its time
//     (Options.MessageTime) or ends its call, which gives back all that it held; a
//     stream that is open and idle holds its place and nothing else.
//   - F8: a statement whose client does not read gives back all memory but one batch and
//     keeps its place; after trellis.idle_stream_timeout it ends.
//   - F7: a stream of samples that is an edit is committed when the client has ended
//     it, and in no other case: a call that is cancelled, breaks, or has a batch that
//     is refused leaves nothing.
package flight
