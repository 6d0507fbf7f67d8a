// Package postgres keeps the catalog in a PostgreSQL server: in production, where
// several machines share a bucket.
//
// # Trouble that passes
//
// A server is restarted, fails over, or cannot be reached for a while. What had no
// effect is done again, with growing pauses, for as long as [Options] has patience
// and the context lasts: reads, and changes that were cut before their COMMIT was
// sent. The pool replaces its connections by itself.
//
// What cannot be done again is an error that says so:
//
//   - [ErrUncertain]: COMMIT was sent and its answer was lost. The change happened or
//     it did not; look before you do it again.
//   - [ErrReadOnly]: the server takes no changes for now, as a standby does.
//
// # Durability
//
// A change is on the server's disk when its method returns. Where a server does not
// wait for that (synchronous_commit is off), it does so for these connections.
//
// # Schema
//
// The tables are in migrations, which goose applies when the catalog is opened, one
// program at a time. What is done with them is in package tables.
package postgres
