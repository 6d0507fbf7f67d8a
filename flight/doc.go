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
//   - F8: a statement whose client does not read gives back all memory but one batch and
//     keeps its place; after trellis.idle_stream_timeout it ends.
//   - F7: a stream of samples that is an edit is committed when the client has ended
//     it, and in no other case: a call that is cancelled, breaks, or has a batch that
//     is refused leaves nothing.
package flight
