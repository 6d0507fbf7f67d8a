// Package sqlite keeps the catalog in one SQLite file: the default on a laptop and
// on every machine that keeps its own data.
//
// # Connections
//
// One connection writes, several read. The file is in write-ahead mode, so neither
// side waits for the other, and a reader sees one state for as long as its
// transaction lasts. A write is on disk when its method returns (synchronous=FULL).
// Other processes may open the file at the same time: writes queue up behind
// SQLite's own lock, and the epoch decides whose commits count.
//
// # Schema
//
// The tables are in migrations, which goose applies when the file is opened. What
// is done with them is in package tables.
package sqlite
